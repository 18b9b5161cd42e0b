"""Story: a save in the admin reverts nothing that a worker changed since the form was opened."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from tests import stories
from tests.acceptance.shops import InterferedShop
from tests.audits import audited
from tests.factories import CouponFactory, SkuFactory, placed_order
from tests.forms import form_of

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor == "sqlite", reason="one writer: no concurrent saves"),
]

Save = Callable[..., None]


@pytest.fixture
def save_during_placing(admin_client: Client, shop: type[InterferedShop]) -> Save:
    """Save a page of the admin while a worker has placed a target and not committed yet.

    The worker continues as soon as the request is about to wait for a lock.
    """

    def save_during_placing(resource: Model, **changes: Any) -> None:
        url = reverse(f"admin:orders_{resource._meta.model_name}_change", args=[resource.pk])
        form = form_of(admin_client, url) | changes
        is_waiting = threading.Event()
        codes: list[int] = []

        def notice_lock(execute: Any, sql: str, *arguments: Any) -> Any:
            if " FOR " in sql:
                is_waiting.set()
            return execute(sql, *arguments)

        def save() -> None:
            with connection.execute_wrapper(notice_lock):
                codes.append(admin_client.post(url, form).status_code)
            connection.close()

        staff = threading.Thread(target=save)

        def start_saving(_: Any) -> None:
            shop.before.clear()
            staff.start()
            assert is_waiting.wait(30)

        shop.before["place"] = start_saving
        stories.run_all()
        staff.join()
        assert codes == [302]

    return save_during_placing


def test_admin_save__of_an_order_keeps_a_concurrent_cancellation(save_during_placing: Save) -> None:
    # given
    source = placed_order()
    stories.requested(source, place_target_order=True, cancel_source_order=True)

    # when
    save_during_placing(source, reference="ERP-1")

    # then
    source.refresh_from_db()
    assert (source.status, source.reference) == ("cancelled", "ERP-1")
    assert audited(final=True) == []


def test_admin_save__of_a_stock_quantity_keeps_concurrent_reservations(
    save_during_placing: Save,
) -> None:
    # given
    sku = SkuFactory(stock=10)
    stories.requested(placed_order(lines=[{"sku": sku, "quantity": 1}]), place_target_order=True)

    # when
    save_during_placing(sku, **{"stock_item-0-quantity": "20"})

    # then
    sku.stock_item.refresh_from_db()
    assert (sku.stock_item.quantity, sku.stock_item.reserved) == (20, 2)
    assert audited(final=True) == []


def test_admin_save__of_a_usage_limit_keeps_concurrent_coupon_uses(
    save_during_placing: Save,
) -> None:
    # given
    coupon = CouponFactory(usage_limit=5)
    stories.requested(placed_order(coupon=coupon), place_target_order=True)

    # when
    save_during_placing(coupon, usage_limit="6")

    # then
    coupon.refresh_from_db()
    assert (coupon.usage_limit, coupon.usage_count) == (6, 2)
    assert audited(final=True) == []
