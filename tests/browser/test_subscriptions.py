"""Subscribe to an order, skip a run, run it now and cancel, in a browser, desktop and phone."""

from collections.abc import Callable
from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from order_copies.models import OrderFactory, OrderSubscription
from orders.models import Order
from tests.browser.conftest import PageErrors
from tests.factories import CustomerFactory, placed_order
from tests.stories import run_all

pytestmark = pytest.mark.django_db(transaction=True)

SUBSCRIBE = "[name=_subscribe]"
DESKTOP, PHONE = {"width": 1400, "height": 940}, {"width": 390, "height": 844}


@pytest.fixture
def order() -> Order:
    return placed_order(customer=CustomerFactory())


@pytest.fixture(
    params=[(DESKTOP, True), (DESKTOP, False), (PHONE, True), (PHONE, False)],
    ids=["desktop-script", "desktop-no_script", "phone-script", "phone-no_script"],
)
def sized_page(request: pytest.FixtureRequest, open_browser: Callable[..., Page]) -> Page:
    """A signed-in tab, on a desktop and on a phone, with JavaScript and without."""
    size, script = request.param
    return open_browser(viewport=size, java_script_enabled=script)


def subscribe(page: Page, order: Order) -> None:
    """Subscribe to the order from its page, with a first run on a date."""
    page.goto(reverse("admin:orders_order_change", args=[order.pk]))
    page.click("text=Subscribe…")
    page.check("[name=start][value=date]")
    page.fill("[name=starts_at]", "2031-01-31T09:00")
    page.check("[name=place_target_order]")
    page.click("[name=_preview]")
    expect(page.get_by_text("Every month on the 31st, or the last day")).to_be_visible()
    page.click(SUBSCRIBE)
    expect(page.get_by_text("The customer is subscribed.")).to_be_visible()


def press(page: Page, label: str) -> None:
    """Press a button of the page of a subscription, and confirm it."""
    page.locator(".copies-verbs").get_by_text(label).click()
    page.click(".submit-row [type=submit]")


def overflows(page: Page) -> Any:
    """Return whether the page is wider than the window."""
    return page.evaluate("document.documentElement.scrollWidth > innerWidth + 1")


def test_subscription__from_the_order_to_its_end(
    sized_page: Page, page_errors: PageErrors, order: Order
) -> None:
    # given
    page = sized_page
    subscribe(page, order)

    # when
    press(page, "Skip next run")
    expect(page.get_by_text("1 run is skipped.")).to_be_visible()
    press(page, "Take skip back")
    press(page, "Run now")
    expect(page.get_by_text("1 copy is requested.")).to_be_visible()
    run_all()
    page.reload()
    is_wide = overflows(page)
    press(page, "Cancel…")
    expect(page.get_by_text("1 subscription is cancelled.")).to_be_visible()

    # then
    one, order_copy = OrderSubscription.objects.get(), OrderFactory.objects.get()
    assert order_copy.target_order
    assert order_copy.target_order.status == "placed"
    expect(page.locator(".copies-runs")).to_contain_text(order_copy.target_order.number)
    assert (one.status, one.occurrencies) == ("cancelled", 1)
    assert not is_wide
    assert page_errors.found == []


def test_enter__in_a_term_previews(scripted_page: Page, order: Order) -> None:
    # given
    page = scripted_page
    page.goto(f"{reverse('admin:orders_order_subscribe')}?ids={order.pk}")
    page.check("[name=start][value=date]")
    page.fill("[name=starts_at]", "2031-01-31T09:00")

    # when
    page.press("[name=starts_at]", "Enter")

    # then
    expect(page.locator(SUBSCRIBE)).to_be_visible()
    assert not OrderSubscription.objects.exists()


def test_address__opened_again_creates_no_second_subscription(page: Page, order: Order) -> None:
    # given
    addresses: list[str] = []
    page.on("framenavigated", lambda frame: addresses.append(frame.url))
    subscribe(page, order)

    # when
    page.goto(next(address for address in addresses if "request_key" in address))

    # then
    expect(page.get_by_text("This was submitted already.")).to_be_visible()
    assert OrderSubscription.objects.count() == 1
