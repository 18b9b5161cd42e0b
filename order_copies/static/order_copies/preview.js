// Update the preview when an option or a tick changes. Without this script the button updates it.
"use strict";

// Milliseconds after which an update of the preview has failed.
const TIMEOUT = 30000;

document.addEventListener("DOMContentLoaded", () => {
  const form = document.getElementById("copy-orders-form");
  if (!form) return;
  let isRunning = false;
  let isOutdated = false;
  let pressed = null;

  // One request after the other: the server must get the options in the order of the clicks.
  async function refresh() {
    isOutdated = true;
    if (isRunning) return;
    isRunning = true;
    while (isOutdated) {
      isOutdated = false;
      await update();
    }
    isRunning = false;
    const button = pressed && form.querySelector(`[name="${pressed.name}"][value="${CSS.escape(pressed.value)}"]`);
    pressed = null;
    if (button) form.requestSubmit(button);
  }

  async function update() {
    document.getElementById("copy-orders-preview").setAttribute("aria-busy", "true");
    // The page must not copy what it does not show yet.
    const copy = form.querySelector("[name=_copy]");
    if (copy) copy.disabled = true;
    try {
      const body = new FormData(form);
      const signal = AbortSignal.timeout(TIMEOUT);
      const response = await fetch(location.href, { method: "POST", body, signal });
      if (!response.ok) throw new Error(response.statusText);
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      const fresh = page.querySelectorAll("#copy-orders-form [data-live]");
      if (fresh.length) replace(fresh);
      // The session has expired, or the orders were copied: submit to show that page.
      else HTMLFormElement.prototype.submit.call(form);
    } catch {
      showFailure();
      if (copy) copy.disabled = false;
    }
  }

  // Keep the details open that are open, and the focus where it is.
  function replace(fresh) {
    const focused = document.activeElement.id;
    form.querySelectorAll("[data-live]").forEach((old, i) => {
      for (const details of old.querySelectorAll("details[id]")) {
        fresh[i].querySelector(`#${details.id}`)?.toggleAttribute("open", details.open);
      }
      old.replaceWith(fresh[i]);
    });
    if (focused) document.getElementById(focused)?.focus();
  }

  function showFailure() {
    const status = form.querySelector("[role=status][data-failed]");
    status.textContent = status.dataset.failed;
    status.classList.add("copies-failure");
    document.getElementById("copy-orders-preview").removeAttribute("aria-busy");
  }

  // While the preview is updated, its button has nothing to do; others are pressed afterwards.
  form.addEventListener("submit", (event) => {
    if (!isRunning) return;
    event.preventDefault();
    const { name, value } = event.submitter ?? {};
    if (name && !["_copy", "_preview", "_enter"].includes(name)) pressed = { name, value };
  });
  form.addEventListener("change", (event) => {
    if (event.target.type === "checkbox") refresh();
  });
  // After going back a browser may show the old page, or the old checkboxes on a new page.
  window.addEventListener("pageshow", (event) => {
    const boxes = [...form.querySelectorAll("[type=checkbox]")];
    if (event.persisted || boxes.some((box) => box.checked !== box.defaultChecked)) refresh();
  });
});
