"""Story: errors about amounts are explained in the API, in the admin and on the command line.

A preview writes nothing, and a failed copy leaves its source unchanged.
"""

import io
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from orders.models import Coupon, Order, Sku
from tests import stories
from tests.api import API, request_of, staff
from tests.factories import (
    CouponFactory,
    LineItemFactory,
    MarketFactory,
    SkuFactory,
    pending_order,
    placed_order,
    settle,
)
from tests.forms import copy_form

pytestmark = pytest.mark.django_db

PLACE, SWAP = (
    {"place_target_order": True},
    {"place_target_order": True, "cancel_source_order": True},
)


def negative() -> Order:
    source = pending_order(lines=1)
    LineItemFactory(order=source, sku=None, item_type="adjustments", unit_amount_cents=-9000)
    return settle(source)


def head_only() -> Order:
    sku = SkuFactory()
    source = pending_order(lines=[{"sku": sku}, {}], shipping=False)
    Order.objects.filter(pk=source.pk).update(
        shipping_amount_cents=700,
        total_amount_cents=source.total_amount_cents + 700,
        total_amount_with_taxes_cents=source.total_amount_with_taxes_cents + 700,
    )
    Sku.objects.filter(pk=sku.pk).update(on_sale=False)
    return source


def gift_card() -> Order:
    return placed_order(gift_card_code="GIFT", gift_card_amount_cents=-500, authorized=False)


def refunded() -> Order:
    return placed_order(payment_status="refunded")


def coupon_of_another_market() -> Order:
    source = pending_order(coupon=CouponFactory())
    coupon = Coupon.objects.get()
    coupon.promotion.market = MarketFactory()
    coupon.promotion.save()
    return source


def out_of_stock() -> Order:
    return pending_order(lines=[{"sku": SkuFactory(stock=0)}])


CASES = [
    (negative, PLACE, "must not be below zero"),
    (negative, {"cancel_source_order": True}, "must not be below zero"),
    (head_only, {}, "€7.00 of it is in no line of the order"),
    (gift_card, SWAP, "was paid in part with a gift card"),
    (refunded, SWAP, "is refunded already and cannot be cancelled"),
    (coupon_of_another_market, {}, "belongs to another market"),
    (out_of_stock, {}, "is out of stock"),
]
every_case = pytest.mark.parametrize(("make", "toggles", "sentence"), CASES)


@every_case
def test_api__dry_run_and_failed_copy_explain_the_error(
    make: Callable[[], Order], toggles: dict[str, bool], sentence: str
) -> None:
    # given
    source, api = make(), API(staff())
    before, database = stories.every_byte(source), stories.whole_database()

    # when
    preview = api.post("/order_copies?dry_run=true", request_of(source, **toggles))
    unchanged = stories.whole_database() == database | changed_by_requests()
    order_copy = api.post("/order_copies", request_of(source, **toggles)).json()["data"]
    stories.run_all()
    log = api.get(f"/order_copies/{order_copy['id']}").json()["data"]["attributes"]["errors_log"]

    # then
    assert unchanged
    assert sentence in str(preview.json()["meta"]["errors_log"])
    assert preview.json()["meta"]["errors_log"] == log
    assert stories.every_byte(source) == before


def changed_by_requests() -> dict[str, Any]:
    """Return the tables that every authenticated request writes to."""
    now = stories.whole_database()
    return {name: rows for name, rows in now.items() if name.startswith(("oauth2", "django"))}


@every_case
def test_admin__preview_explains_the_error(
    make: Callable[[], Order], toggles: dict[str, bool], sentence: str
) -> None:
    # given
    source, client = make(), Client()
    client.force_login(User.objects.create_superuser("admin"))
    before = stories.every_byte(source)
    options = {name: "on" for name, value in toggles.items() if value}

    # when
    url = f"{reverse('admin:orders_order_copy')}?ids={source.pk}"
    address, _form = copy_form(client, url, **options)
    page = client.get(address)

    # then
    assert page.status_code == 200
    assert sentence in page.content.decode()
    assert stories.every_byte(source) == before


@every_case
def test_command__dry_run_explains_the_error(
    make: Callable[[], Order], toggles: dict[str, bool], sentence: str
) -> None:
    # given
    source, out = make(), io.StringIO()
    before = stories.every_byte(source)

    # when
    call_command("copy_order", source.public_id, stdout=out, dry_run=True, **toggles)

    # then
    assert sentence in out.getvalue()
    assert stories.every_byte(source) == before
