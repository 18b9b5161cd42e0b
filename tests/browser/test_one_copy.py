"""The page of one copy in a browser: undo it, and read it on a narrow screen."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PageErrors
from tests.factories import SkuFactory, pending_order, placed_order
from tests.stories import copied, statuses

pytestmark = pytest.mark.django_db(transaction=True)


def test_undo__from_the_page_of_a_copy_to_the_reinstated_order(
    page: Page, page_errors: PageErrors
) -> None:
    # given
    order = placed_order(lines=1)
    order_copy = copied(order, place_target_order=True, cancel_source_order=True)
    page.goto(f"/admin/order_copies/ordercopy/{order_copy.pk}/change/")

    # when
    page.get_by_role("link", name="Undo…").click()
    page.get_by_role("button", name="Yes, undo the copy").click()

    # then
    expect(page.locator(".messagelist")).to_contain_text("is reinstated without a payment")
    assert statuses(order)[:2] == ("pending", "unpaid")
    page.go_back()
    expect(page.locator("#content")).to_contain_text("it was undone already")
    page.goto(f"/admin/orders/order/{order.pk}/change/")
    expect(page.locator(".copies-lineage")).to_contain_text(order_copy.public_id)
    assert page_errors.found == []


@pytest.mark.parametrize("skips", [True, False], ids=["with a copy", "alone"])
def test_comparison__fits_a_narrow_screen(open_browser: Callable[..., Page], skips: bool) -> None:
    # given
    sku = SkuFactory(code="X" * 63, name="Y" * 63, on_sale=False)
    order = pending_order(lines=[{"sku": sku, "name": "Y" * 63}, {}])
    order_copy = copied(order, skip_errors=skips)
    page = open_browser(viewport={"width": 320, "height": 640})

    # when
    page.goto(f"/admin/order_copies/ordercopy/{order_copy.pk}/change/")

    # then
    expect(page.locator(".copies-comparison").first).to_contain_text("Y" * 63)
    assert page.evaluate("document.documentElement.scrollWidth") == 320
