// Watch copies until all have ended: ask for their status, and show what has changed.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const pause = 2000;
  const maximumFailures = 5;
  let failures = 0;

  async function look() {
    const box = document.querySelector(".copies-progress[data-running]");
    if (!box) return;
    try {
      const answer = await fetch(box.dataset.statusUrl);
      if (!answer.ok || answer.redirected) throw new Error(answer.statusText);
      await show(box, await answer.json());
      failures = 0;
    } catch {
      failures += 1;
    }
    if (failures < maximumFailures) setTimeout(look, pause);
  }

  async function show(box, progress) {
    if (progress.version === box.dataset.version) return;
    box.dataset.version = progress.version;
    box.querySelector("progress").value = progress.ended;
    box.querySelector("[role=status]").textContent = progress.text;
    if (!progress.is_running) delete box.dataset.running;
    await refreshPage();
  }

  async function refreshPage() {
    const answer = await fetch(location.href);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const badge of document.querySelectorAll("tr [data-copy]")) {
      const fresh = page.querySelector(`tr [data-copy="${badge.dataset.copy}"]`);
      if (fresh) replaceCells(badge.closest("tr"), fresh.closest("tr"));
    }
    const live = page.querySelectorAll("[data-live]");
    document.querySelectorAll("[data-live]").forEach((old, i) => live[i] && old.replaceWith(live[i]));
  }

  // Cell by cell, so that a row stays selected.
  function replaceCells(row, fresh) {
    [...row.cells].forEach((cell, i) => {
      if (!cell.classList.contains("action-checkbox")) cell.replaceWith(fresh.cells[i].cloneNode(true));
    });
  }

  setTimeout(look, pause);
});
