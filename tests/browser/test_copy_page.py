"""Story: the copy page copies exactly what it shows, after Back, in two tabs, and so on."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from order_copies.admin import drafts
from order_copies.models import OrderCopy
from order_copies.worker.previews import preview_due
from orders.models import Order
from tests.browser.conftest import PageErrors, copy_page
from tests.factories import placed_order

pytestmark = pytest.mark.django_db(transaction=True)

CANCEL = "[name=cancel_source_order]"
COPY = "[name=_copy]"
CONFIRM = "text=Yes, copy 1 order"
PREVIEW = "[name=_preview]"
STAYS = "Source: unchanged"
CANCELLED = "Source: cancelled"
OPTIONS_CHANGED = "The options have changed since this preview. Nothing was copied."
ORDERS_CHANGED = "These orders were changed or copied since this preview. Nothing was copied."


@pytest.fixture
def order() -> Order:
    return placed_order()


def copied() -> list[bool]:
    """Return for each copy whether it cancels its source."""
    return list(OrderCopy.objects.order_by("pk").values_list("cancel_source_order", flat=True))


def test_back__options_and_preview_are_the_same(page: Page, order: Order) -> None:
    # given
    page.goto(copy_page(order))
    page.check(CANCEL)
    page.wait_for_load_state("networkidle")
    page.goto("/admin/orders/order/")

    # when
    page.go_back()

    # then
    cancels = page.locator(CANCEL).is_checked()
    expect(page.get_by_text(CANCELLED if cancels else STAYS)).to_be_visible()
    page.click(COPY)
    if cancels:
        page.click(CONFIRM)
    page.wait_for_url("**/copybatch/**")
    assert copied() == [cancels]


def test_back__page_in_the_cache_of_the_browser_is_previewed_again(
    scripted_page: Page, order: Order
) -> None:
    # given
    page = scripted_page
    page.goto(copy_page(order))
    page.eval_on_selector(CANCEL, "box => { box.checked = true }")

    # when
    page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")

    # then
    expect(page.get_by_text(CANCELLED)).to_be_visible()


def test_copy__option_that_was_not_previewed_copies_nothing(
    open_browser: Callable[..., Page], order: Order
) -> None:
    # given
    page = open_browser(java_script_enabled=False)
    page.goto(copy_page(order))
    page.check(CANCEL)
    expect(page.get_by_text(STAYS)).to_be_visible()

    # when
    page.click(COPY)

    # then
    expect(page.get_by_role("alert")).to_contain_text(OPTIONS_CHANGED)
    expect(page.get_by_text(CANCELLED)).to_be_visible()
    assert copied() == []
    page.click(COPY)
    page.click(CONFIRM)
    page.wait_for_url("**/copybatch/**")
    assert copied() == [True]


def test_copy__option_whose_preview_failed_copies_nothing(
    scripted_page: Page, order: Order, page_errors: PageErrors
) -> None:
    # given
    page = scripted_page
    page.goto(copy_page(order))
    page.route("**/copy/**", lambda route: route.abort(), times=1)
    page.check(CANCEL)
    expect(page.get_by_role("status").first).to_contain_text("Not updated")

    # when
    page.click(COPY)

    # then
    expect(page.get_by_role("alert")).to_contain_text(OPTIONS_CHANGED)
    expect(page.locator(CANCEL)).to_be_checked()
    assert copied() == []


@pytest.mark.parametrize("field", [CANCEL, "[name=reference]"])
def test_enter__in_a_field_previews(page: Page, order: Order, field: str) -> None:
    # given
    page.goto(copy_page(order))
    page.eval_on_selector(CANCEL, "box => { box.checked = true }")
    page.click("text=Reference and reason")

    # when
    page.press(field, "Enter")

    # then
    expect(page.get_by_text(CANCELLED)).to_be_visible()
    expect(page.locator(CANCEL)).to_be_checked()
    assert copied() == []


def test_back__copy_again_makes_no_second_copy(page: Page, order: Order) -> None:
    # given
    page.goto(copy_page(order))
    page.click(COPY)
    page.wait_for_url("**/copybatch/**")
    batch = page.url

    # when
    page.go_back()

    # then
    expect(page.get_by_text("This order was copied from this page already.")).to_be_visible()
    expect(page.locator(COPY)).to_have_count(0)
    page.click("text=See the copy")
    assert page.url == batch
    assert copied() == [False]


def test_address__opened_again_after_another_preview_was_copied_makes_no_second_copy(
    page: Page, order: Order
) -> None:
    # given
    page.goto(copy_page(order))
    address = page.url
    page.check(CANCEL)
    page.click(PREVIEW)
    expect(page.get_by_text(CANCELLED)).to_be_visible()
    page.click(COPY)
    page.click(CONFIRM)
    page.wait_for_url("**/copybatch/**")

    # when
    page.goto(address)

    # then
    expect(page.get_by_text("This order was copied from this page already.")).to_be_visible()
    assert copied() == [True]


def test_two_tabs__of_one_page_copy_once(page: Page, order: Order) -> None:
    # given
    page.goto(copy_page(order))
    other = page.context.new_page()
    other.goto(page.url)
    page.click(COPY)
    page.wait_for_url("**/copybatch/**")

    # when
    other.click(COPY)

    # then
    expect(other.get_by_text("Nothing was copied twice.")).to_be_visible()
    assert other.url == page.url
    assert copied() == [False]


def test_two_tabs__of_two_pages_show_the_first_copy_before_they_copy_again(
    page: Page, order: Order
) -> None:
    # given
    page.goto(copy_page(order))
    other = page.context.new_page()
    other.goto(copy_page(order))
    page.click(COPY)
    page.wait_for_url("**/copybatch/**")

    # when
    other.click(COPY)

    # then
    expect(other.get_by_role("alert")).to_contain_text(ORDERS_CHANGED)
    expect(other.get_by_text("Copied before", exact=True)).to_be_visible()
    assert copied() == [False]


def test_double_click__copies_once(page: Page, order: Order) -> None:
    # given
    page.goto(copy_page(order))

    # when
    page.dblclick(COPY)

    # then
    page.wait_for_url("**/copybatch/**")
    assert copied() == [False]


def test_script__option_updates_the_preview_without_leaving_the_page(
    scripted_page: Page, order: Order, page_errors: PageErrors
) -> None:
    # given
    page = scripted_page
    page.goto(copy_page(order))

    # when
    page.check(CANCEL)

    # then
    expect(page.get_by_text(CANCELLED)).to_be_visible()
    page.click(COPY)
    page.click(CONFIRM)
    page.wait_for_url("**/copybatch/**")
    assert (copied(), page_errors.found) == ([True], [])


def test_confirmation__says_what_is_charged_and_copies_after_yes(
    page: Page, order: Order, page_errors: PageErrors
) -> None:
    # given
    page.goto(copy_page(order))
    page.check("[name=place_target_order]")
    page.check(CANCEL)
    page.click(PREVIEW)
    expect(page.get_by_role("status").first).to_contain_text(
        "1 copy will be placed, which authorizes"
    )

    # when
    page.click(COPY)

    # then
    expect(page.get_by_text("1 copy will be placed, which authorizes")).to_be_visible()
    expect(page.get_by_text("1 original will be cancelled, which voids")).to_be_visible()
    assert copied() == []
    page.click("text=No, take me back")
    expect(page.locator(CANCEL)).to_be_checked()
    assert copied() == []
    page.click(COPY)
    page.click(CONFIRM)
    page.wait_for_url("**/copybatch/**")
    assert (copied(), page_errors.found) == ([True], [])


def test_ticks__order_that_is_unticked_is_left_out(page: Page, page_errors: PageErrors) -> None:
    # given
    page.goto(copy_page(placed_order(), placed_order()))

    # when
    page.locator("[name=ticked]").first.uncheck()
    page.click(PREVIEW)

    # then
    expect(page.locator(COPY)).to_have_value("Copy 1 order")
    page.click("text=Untick all 2")
    expect(page.locator(COPY)).to_have_value("Copy 0 orders")
    page.click(COPY)
    expect(page.get_by_role("alert")).to_contain_text("Tick the orders to copy.")
    page.click("text=Tick only those that will complete")
    expect(page.locator(COPY)).to_have_value("Copy 2 orders")
    page.click(COPY)
    page.wait_for_url("**/copybatch/**")
    assert (len(copied()), page_errors.found) == (2, [])


def test_enter__on_a_tick_previews(page: Page) -> None:
    # given
    page.goto(copy_page(placed_order(), placed_order()))

    # when
    page.locator("[name=ticked]").first.press("Enter")

    # then
    expect(page.locator(COPY)).to_have_value("Copy 2 orders")
    assert copied() == []


def test_large_draft__shows_the_preview_as_soon_as_a_worker_has_made_it(
    scripted_page: Page, page_errors: PageErrors, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    monkeypatch.setattr(drafts, "PREVIEWED_AT_ONCE", 1)
    page = scripted_page
    page.goto(copy_page(placed_order(), placed_order()))
    expect(page.locator("progress")).to_be_visible()
    expect(page.locator(COPY)).to_have_count(0)

    # when
    preview_due()

    # then
    expect(page.locator(COPY)).to_have_value("Copy 2 orders")
    page.check(CANCEL)
    expect(page.locator("progress")).to_be_visible()
    preview_due()
    expect(page.get_by_text(CANCELLED).first).to_be_attached()
    assert page_errors.found == []
