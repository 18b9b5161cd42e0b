"""Every page in a browser: no error, no violation of the Content-Security-Policy."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.urls import reverse
from playwright.sync_api import Page

from order_copies.events.models import Event
from order_copies.models import CopyBatch, OrderCopy, OrderSubscription
from orders.models import Order
from tests.browser.conftest import PageErrors, copy_page
from tests.browser.pages import Shop

pytestmark = pytest.mark.django_db(transaction=True)

OURS = {"orders", "order_copies", "order_copies_events"}
MODELS = [model for model in admin.site._registry if model._meta.app_label in OURS]


def addresses(model: Any) -> Iterator[str]:
    """Return the addresses of the admin pages of this model."""
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    model_admin = admin.site.get_model_admin(model)
    key = model._default_manager.values_list("pk", flat=True)[0]
    yield reverse(f"{name}_changelist")
    yield f"{reverse(f'{name}_changelist')}?_popup=1"
    yield from (reverse(f"{name}_{page}", args=[key]) for page in ("change", "history"))
    if not hasattr(model_admin, "copy_orders_view") and model not in {Event, CopyBatch}:
        yield reverse(f"{name}_delete", args=[key])
    if (
        model not in {Order, OrderCopy, CopyBatch, OrderSubscription, Event}
        and model._meta.model_name != "paymentsource"
    ):
        yield reverse(f"{name}_add")


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.model_name)
def test_admin_page__has_no_errors(
    scripted_page: Page, page_errors: PageErrors, model: Any
) -> None:
    # given
    Shop()

    # when
    for address in addresses(model):
        scripted_page.goto(address)

    # then
    assert page_errors.found == []


def test_copying_pages__have_no_errors_without_javascript(
    open_browser: Callable[..., Page], page_errors: PageErrors
) -> None:
    # given
    page = open_browser(java_script_enabled=False)
    shop = Shop()

    # when
    page.goto(copy_page(*Order.objects.all()))
    page.goto(f"/admin/order_copies/copybatch/{shop.batch.pk}/change/")

    # then
    page.wait_for_selector("table.copies-batch")
    assert page_errors.found == []


@pytest.mark.parametrize("action", ["place", "cancel"])
def test_confirmation__has_no_errors_without_javascript(
    open_browser: Callable[..., Page], page_errors: PageErrors, action: str
) -> None:
    # given
    page = open_browser(java_script_enabled=False)
    Shop()

    # when
    page.goto("/admin/orders/order/")
    page.check(".action-select >> nth=0")
    page.select_option("[name=action]", f"{action}_selected_orders")
    page.click("[name=index]")

    # then
    page.wait_for_selector("text=Are you sure?")
    assert page_errors.found == []


@pytest.mark.parametrize("address", ["/admin/", "/admin/login/?next=/", "/admin/password_change/"])
def test_standard_page__has_no_errors(page: Page, page_errors: PageErrors, address: str) -> None:
    page.goto(address)

    assert page_errors.found == []


def test_api_docs__have_no_errors(scripted_page: Page, page_errors: PageErrors) -> None:
    # when
    scripted_page.goto("/api/docs")
    scripted_page.click(".opblock-tag >> nth=0")
    scripted_page.click(".opblock-summary >> nth=0")

    # then
    scripted_page.wait_for_selector(".opblock-body")
    assert page_errors.found == []


def test_policy__inline_script_is_blocked(scripted_page: Page, page_errors: PageErrors) -> None:
    # given
    scripted_page.goto("/admin/")

    # when
    scripted_page.evaluate(
        "document.body.append(Object.assign(document.createElement('script'), {text: 'hacked=1'}))"
    )

    # then
    assert scripted_page.evaluate("typeof hacked") == "undefined"
    assert "Content Security Policy" in page_errors.found[0]
