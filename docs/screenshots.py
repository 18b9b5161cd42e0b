"""Make the pictures of ``docs/images`` from a running demo whose shop is new.

``make clean demo`` in one terminal, ``.venv/bin/python docs/screenshots.py`` in another, with the
packages of the group ``browser``. The argument is the address of the demo.
"""

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

IMAGES = Path(__file__).resolve().parent / "images"
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
#: Orders of the demo shop with unavailable lines, a coupon and promotions.
NUMBERS = ("1179", "1274", "1271", "1280")
OPTIONS = ("place_target_order", "apply_promotions", "skip_errors")


def main(address: str = "http://127.0.0.1:8000") -> None:
    """Preview copies of ``NUMBERS`` and copy them, with a picture of both pages."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(base_url=address, viewport={"width": 1400, "height": 940})
        sign_in(page)
        page.goto(f"/admin/orders/order/copy/?ids={','.join(key_of(page, it) for it in NUMBERS)}")
        for option in OPTIONS:
            page.check(f"[name={option}]")
        page.click("[name=_preview]")
        page.wait_for_load_state("networkidle")
        page.evaluate("scrollTo(0, 0)")
        page.screenshot(path=IMAGES / "admin-copy-orders.png")
        page.click("[name=_copy]")
        if page.locator("text=Yes, copy").count():
            page.click("text=Yes, copy")
        page.wait_for_url("**/copybatch/**")
        page.wait_for_timeout(5000)
        page.goto(f"/admin/order_copies/ordercopy/?q={NUMBERS[0]}")
        page.click("#result_list tbody tr:first-child th a")
        page.wait_for_load_state("networkidle")
        page.screenshot(path=IMAGES / "admin-order-copy.png")
        subscribe(page)
        page.goto("/admin/order_copies/ordersubscription/")
        page.screenshot(path=IMAGES / "admin-subscriptions.png")
        browser.close()


def subscribe(page: Page) -> None:
    """Subscribe to some orders of the shop, each at another frequency."""
    for number, frequency in zip(NUMBERS, ("weekly", "monthly", "three-month"), strict=False):
        page.goto(f"/admin/orders/order/subscribe/?ids={key_of(page, number)}")
        page.select_option("[name=frequency_name]", frequency)
        page.check("[name=start][value=date]")
        page.fill("[name=starts_at]", f"{datetime.now(UTC).year + 1}-01-31T09:00")
        page.click("[name=_preview]")
        page.click("[name=_subscribe]")


def sign_in(page: Page) -> None:
    """Sign in as the superuser of the demo."""
    page.goto("/admin/")
    page.fill("#id_username", "admin")
    page.fill("#id_password", "admin")
    page.click("input[type=submit]")


def key_of(page: Page, number: str) -> str:
    """Return the primary key of the order with this number."""
    page.goto(f"/admin/orders/order/?number={number}")
    key = page.locator("#result_list input.action-select").first.get_attribute("value")
    assert key, f"The demo shop has no order {number}."
    return key


if __name__ == "__main__":
    main(*sys.argv[1:])
