// Update the preview when an option changes. Without this script the button updates it.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const form = document.getElementById("copy-orders-form");
  const button = form.querySelector("[name=_preview]");
  let running = null;

  async function refresh() {
    running?.abort();
    const current = new AbortController();
    running = current;
    const preview = document.getElementById("copy-orders-preview");
    preview.setAttribute("aria-busy", "true");
    try {
      const body = new FormData(form);
      const response = await fetch(location.href, { method: "POST", body, signal: current.signal });
      if (!response.ok) throw new Error(response.statusText);
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      const fresh = page.getElementById("copy-orders-preview");
      if (fresh) replace(preview, fresh);
      // The session has expired, or the orders were copied: submit to show that page.
      else button.click();
    } catch (error) {
      if (error.name !== "AbortError") showFailure(preview);
    }
  }

  // Keep the details open that are open.
  function replace(old, fresh) {
    for (const details of old.querySelectorAll("details[id][open]")) {
      fresh.querySelector(`#${details.id}`)?.setAttribute("open", "");
    }
    old.replaceWith(fresh);
  }

  function showFailure(preview) {
    const status = preview.querySelector("[role=status]");
    status.textContent = preview.dataset.failed;
    status.classList.add("copies-failure");
  }

  form.addEventListener("change", (event) => {
    if (event.target.type === "checkbox") refresh();
  });
  button.addEventListener("click", (event) => {
    if (!event.isTrusted) return;
    event.preventDefault();
    refresh();
  });
  // After going back a browser may show the old page, or the old checkboxes on a new page.
  window.addEventListener("pageshow", (event) => {
    const boxes = [...form.querySelectorAll("[type=checkbox]")];
    if (event.persisted || boxes.some((box) => box.checked !== box.defaultChecked)) refresh();
  });
});
