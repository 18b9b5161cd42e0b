"""Every page: accessible, no wider than its window, on paper as on a screen."""

from typing import Any

import pytest
from playwright.sync_api import Page

from order_copies.models import (
    CopyBatch,
    CopyProfile,
    OrderCopy,
    OrderSubscription,
    OrderSubscriptionItem,
    SubscriptionModel,
)
from orders.models import LineItem, Market, Order
from tests.browser import looks
from tests.browser.conftest import PageErrors
from tests.browser.pages import PAGES, Shop, visit

pytestmark = pytest.mark.django_db(transaction=True)

every_area = pytest.mark.parametrize("area", PAGES)


@every_area
def test_page__is_accessible_on_a_light_desktop_a_dark_phone_and_paper(
    scripted_page: Page, page_errors: PageErrors, area: str
) -> None:
    # given
    page, shop = scripted_page, Shop()
    found: dict[str, Any] = {}

    # when
    for name in visit(page, shop, area):
        found[name] = list(page_errors.found)
        for look, width, scheme in (("desktop", 1280, "light"), ("phone", 375, "dark")):
            looks.resize(page, width, scheme)
            found[name] += looks.violations(page)
            looks.keep_picture(page, f"{area} {name} {look}")
        found[name] += looks.on_paper(page)
        looks.resize(page, 1280, "light")
        page_errors.found.clear()

    # then
    assert {name: errors for name, errors in found.items() if errors} == {}


def lengthen_names() -> None:
    """Give every row names of many letters without a space."""
    email = f"{'w' * 63}@{'w' * 63}.example"
    Order.objects.update(customer_email=email, reference="w" * 255)
    LineItem.objects.update(name="w" * 200)
    Market.objects.update(name="w" * 100)
    OrderCopy.objects.filter(errors_count=1).update(errors_log={"status": ["w" * 300]})
    CopyBatch.objects.update(reason="w" * CopyBatch._meta.get_field("reason").max_length)
    CopyProfile.objects.update(name="w" * CopyProfile._meta.get_field("name").max_length)
    SubscriptionModel.objects.update(
        name="w" * SubscriptionModel._meta.get_field("name").max_length
    )
    OrderSubscription.objects.update(customer_email=email, reference="w" * 255)
    OrderSubscriptionItem.objects.update(name="w" * 200)


@every_area
def test_page__with_long_names_is_no_wider_than_its_window(scripted_page: Page, area: str) -> None:
    # given
    page, shop = scripted_page, Shop()
    lengthen_names()
    found: dict[str, Any] = {}

    # when
    for name in visit(page, shop, area):
        found[name] = []
        for width in (320, 1280):
            looks.resize(page, width, "light")
            found[name] += looks.too_wide(page)

    # then
    assert {name: errors for name, errors in found.items() if errors} == {}
