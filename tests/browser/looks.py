"""How a page is examined: by axe, by its width, by what is printed."""

import os
import re
from pathlib import Path
from typing import Any

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

#: WCAG 2.2, levels A and AA.
RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"],
    "resultTypes": ["violations"],
    # Would request style sheets a second time.
    "preload": False,
}

#: Violations of Django's own templates and style sheets, by rule and part of the page.
STOCK = {
    # "Home > Orders" and "2 results (4 total)": links that only their colour tells from the text.
    "link-in-text-block": ".breadcrumbs, #changelist-search",
    # The links of filters have 20 pixels.
    "target-size": "#changelist-filter",
    # Tabular inlines that are read only scroll on a phone.
    "scrollable-region-focusable": ".inline-group",
    # Django writes "Date:" and "Time:" next to these fields.
    "label": ".vDateField, .vTimeField",
}

VIOLATIONS = """
async ([rules, stock]) => (await axe.run(rules)).violations.flatMap(({id, nodes}) => nodes
    .filter(({target}) => !(id in stock && document.querySelector(target[0])?.closest(stock[id])))
    .map(({target, failureSummary}) => `${id}: ${target[0]}: ${failureSummary}`))
"""


def violations(page: Page) -> list[str]:
    """Return what axe finds on the page, except for the violations that are Django's own."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    return list(page.evaluate(VIOLATIONS, [RULES, STOCK]))


def resize(page: Page, width: int, scheme: Any) -> None:
    """Show the page in a window of this width, light or dark, at the end of its transitions."""
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    page.evaluate("document.getAnimations().forEach((transition) => transition.finish())")


def too_wide(page: Page) -> list[str]:
    """Return the width of the page, if it is wider than the window."""
    width, window = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    return [f"{width} pixels wide in a window of {window}"] if width > window else []


def keep_picture(page: Page, name: str) -> None:
    """Save a picture of the whole page in the folder that ``SCREENSHOTS`` names, if any."""
    if folder := os.environ.get("SCREENSHOTS"):
        path = Path(folder) / f"{re.sub('[^a-z0-9]+', '-', name)}.png"
        page.screenshot(path=path, full_page=True)


ON_PAPER = """
() => {
    if (!document.querySelector("link[href*='order_copies/admin.']")) return [];
    const shown = (element) => element?.checkVisibility();
    const hidden = "#header, .breadcrumbs, #nav-sidebar, .submit-row, .actions, #changelist-filter";
    const name = (element) => element.id || element.className;
    const cuts = (element) => getComputedStyle(element).overflowX !== "visible" &&
        element.clientWidth < element.scrollWidth;
    const isCut = (element) => element && (cuts(element) || isCut(element.parentElement));
    const {backgroundColor, color} = getComputedStyle(document.body);
    return [
        ...[...document.querySelectorAll(hidden)].filter(shown).map((it) => `prints ${name(it)}`),
        ...(backgroundColor === "rgb(255, 255, 255)" ? [] : [`prints on ${backgroundColor}`]),
        ...(color === "rgb(51, 51, 51)" ? [] : [`prints in ${color}`]),
        ...[...document.querySelectorAll("table")].filter((it) => shown(it) && isCut(it))
            .map((it) => `prints a part of ${name(it) || "a table"}`),
    ];
}
"""


def on_paper(page: Page) -> list[str]:
    """Return what a page with the style sheet of copies prints wrongly on A4, in dark mode."""
    page.set_viewport_size({"width": 718, "height": 900})
    page.emulate_media(media="print", color_scheme="dark")
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    found = list(page.evaluate(ON_PAPER))
    page.evaluate("document.documentElement.dataset.theme = 'auto'")
    page.emulate_media(media="screen")
    return found
