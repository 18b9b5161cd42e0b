// Update the preview as soon as an option changes. Without this script its button does.
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
      const answer = await fetch(location.href, { method: "POST", body, signal: current.signal });
      if (!answer.ok) throw new Error(answer.statusText);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.getElementById("copy-orders-preview");
      if (fresh) replace(preview, fresh);
      // The session has expired, or the orders were copied: the browser goes there.
      else button.click();
    } catch (error) {
      if (error.name !== "AbortError") showFailure(preview);
    }
  }

  // What was unfolded stays unfolded.
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
  // A browser that goes back can show an old page, or old ticks on a new one.
  window.addEventListener("pageshow", (event) => {
    const boxes = [...form.querySelectorAll("[type=checkbox]")];
    if (event.persisted || boxes.some((box) => box.checked !== box.defaultChecked)) refresh();
  });
});
