// Update the preview when an option or a tick changes. Without this script the button updates it.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const form = document.getElementById("copy-orders-form");
  if (!form) return;
  let running = null;

  async function refresh() {
    running?.abort();
    const current = new AbortController();
    running = current;
    document.getElementById("copy-orders-preview").setAttribute("aria-busy", "true");
    try {
      const body = new FormData(form);
      const response = await fetch(location.href, { method: "POST", body, signal: current.signal });
      if (!response.ok) throw new Error(response.statusText);
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      const fresh = page.querySelectorAll("#copy-orders-form [data-live]");
      if (fresh.length) replace(fresh);
      // The session has expired, or the orders were copied: submit to show that page.
      else form.requestSubmit(form.querySelector("[name=_preview]"));
    } catch (error) {
      if (error.name !== "AbortError") showFailure();
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

  form.addEventListener("change", (event) => {
    if (event.target.type === "checkbox") refresh();
  });
  // After going back a browser may show the old page, or the old checkboxes on a new page.
  window.addEventListener("pageshow", (event) => {
    const boxes = [...form.querySelectorAll("[type=checkbox]")];
    if (event.persisted || boxes.some((box) => box.checked !== box.defaultChecked)) refresh();
  });
});
