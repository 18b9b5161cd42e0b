// Show what the copies will do as soon as a toggle changes. Without it the Preview button does.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const form = document.getElementById("copy-orders-form");
  let running = null;

  async function refresh() {
    running?.abort();
    running = new AbortController();
    const preview = document.getElementById("copy-orders-preview");
    preview.setAttribute("aria-busy", "true");
    try {
      const body = new FormData(form);
      const answer = await fetch(location.href, { method: "POST", body, signal: running.signal });
      if (!answer.ok || answer.redirected) throw new Error(answer.statusText);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      replace(preview, page.getElementById("copy-orders-preview"));
    } catch (error) {
      if (error.name !== "AbortError") form.querySelector("[name=_preview]").click();
    }
  }

  // What was unfolded stays unfolded.
  function replace(old, fresh) {
    for (const details of old.querySelectorAll("details[id][open]")) {
      fresh.querySelector(`#${details.id}`)?.setAttribute("open", "");
    }
    old.replaceWith(fresh);
  }

  form.addEventListener("change", (event) => {
    if (event.target.type === "checkbox") refresh();
  });
  form.querySelector("[name=_preview]").addEventListener("click", (event) => {
    if (!event.isTrusted) return;
    event.preventDefault();
    refresh();
  });
});
