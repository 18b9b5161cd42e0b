// Poll the status of copies until all have ended, and update the page when it changes.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const pause = 2000;
  const longestPause = 30000;
  let failures = 0;

  async function poll() {
    const box = document.querySelector(".copies-progress[data-running]");
    if (!box) {
      setTimeout(poll, pause);
      return;
    }
    try {
      const response = await fetch(box.dataset.statusUrl);
      if (!response.ok || response.redirected) throw new Error(response.statusText);
      await show(box, await response.json());
      failures = 0;
    } catch {
      failures += 1;
    }
    warn(box);
    setTimeout(poll, Math.min(pause * 2 ** failures, longestPause));
  }

  // Say since when the page shows old numbers: a session was lost, or the server does not answer.
  function warn(box) {
    const warning = box.querySelector("[data-stale]");
    if (failures === 1) warning.textContent = warning.dataset.stale.replace("HH:MM", new Date().toLocaleTimeString(document.documentElement.lang, {hour: "2-digit", minute: "2-digit"}));
    warning.hidden = failures === 0;
  }

  async function show(box, progress) {
    box.querySelector("[role=status]").textContent = progress.text;
    box.querySelector("progress").value = progress.ended;
    if (progress.version === box.dataset.version) return;
    await refreshPage();
    box.dataset.version = progress.version;
    if (!progress.is_running) delete box.dataset.running;
  }

  async function refreshPage() {
    const response = await fetch(location.href);
    if (!response.ok || response.redirected) throw new Error(response.statusText);
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    for (const badge of document.querySelectorAll("tr [data-copy]")) {
      const fresh = page.querySelector(`tr [data-copy="${badge.dataset.copy}"]`);
      if (fresh) replaceCells(badge.closest("tr"), fresh.closest("tr"));
    }
    const live = page.querySelectorAll("[data-live]");
    document.querySelectorAll("[data-live]").forEach((old, i) => live[i] && old.replaceWith(live[i]));
  }

  // Replace the cells except the checkbox, so that a row stays selected.
  function replaceCells(row, fresh) {
    [...row.cells].forEach((cell, i) => {
      if (!cell.classList.contains("action-checkbox")) cell.replaceWith(fresh.cells[i].cloneNode(true));
    });
  }

  setTimeout(poll, pause);
});
