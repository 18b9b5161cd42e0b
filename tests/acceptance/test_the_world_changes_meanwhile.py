"""Story: between the plan and its execution the world goes on; the copy says what it met.

The plan was good when it was made. Whatever is gone when the target is to be placed keeps it from
being placed, exactly as if the plan had known: pending, with reasons, and without what it held.
"""

from collections.abc import Callable
from typing import Any

import pytest

from order_copies import copying
from order_copies.models import OrderFactory, Status
from orders.models import Coupon, Order, Promotion, Sku, StockItem
from tests import stories
from tests.acceptance.shops import InterferedShop
from tests.factories import (
    CouponFactory,
    PromotionFactory,
    SkuFactory,
    placed_order,
    yesterday,
)

pytestmark = pytest.mark.django_db

Shop = type[InterferedShop]
PENDING_TO_PLACED = "cannot transition from pending to placed"
TWICE = "cannot transition from cancelled to cancelled"


def run(
    shop: Shop, source: Order, happen: Callable[[], Any], **toggles: bool
) -> tuple[OrderFactory, dict[str, Any]]:
    """A copy during which something happens after it was planned, and the source before it."""
    order_copy = stories.requested(source, place_target_order=True, **toggles)

    def interfere(_: Any) -> None:
        shop.before.clear()
        happen()

    shop.before["authorize"] = interfere
    before = stories.every_byte(source)
    copying.run_batch(worker="w1")
    return stories.fresh(order_copy), before


HAPPENINGS: dict[str, tuple[Callable[[], Any], str]] = {
    "sold out": (lambda: StockItem.objects.update(quantity=StockItem.objects.get().reserved),
                 "line_items"),
    "off sale": (lambda: Sku.objects.update(on_sale=False), "line_items"),
    "coupon expired": (lambda: Coupon.objects.update(expires_at=yesterday()), "coupon_code"),
    "coupon used up": (lambda: Coupon.objects.update(usage_limit=1), "coupon_code"),
    "coupon deleted": (lambda: Coupon.objects.all().delete(), "coupon_code"),
    "promotion ended": (lambda: Promotion.objects.update(active=False), "coupon_code"),
}  # fmt: skip


@pytest.mark.parametrize("skip_errors", [False, True])
@pytest.mark.parametrize("happening", HAPPENINGS)
def test_what_is_gone_when_the_target_is_placed_keeps_it_pending(
    shop: Shop, happening: str, skip_errors: bool
) -> None:
    happen, attribute = HAPPENINGS[happening]
    source = placed_order(lines=[{"sku": SkuFactory()}], coupon=CouponFactory())

    order_copy, _ = run(shop, source, happen, skip_errors=skip_errors)

    target = stories.target_of(order_copy)
    status = Status.COMPLETED if skip_errors else Status.FAILED
    assert stories.ending(order_copy) == (status, {"status": 1, attribute: 1}, 2)
    assert order_copy.errors_log["status"] == [PENDING_TO_PLACED]
    assert stories.statuses(target) == ("pending", "unpaid", "unfulfilled")
    assert not target.authorizations.exists()
    assert stories.every_byte(target)["orders_stockreservation"] == []
    assert [
        [run.order_copy for run in runs] for method, runs in shop.calls if method == "void"
    ] == [[order_copy]]


@pytest.mark.parametrize("happening", ["off sale", "coupon expired", "promotion ended"])
def test_a_swap_that_cannot_place_its_target_leaves_the_source_alone(
    shop: Shop, happening: str
) -> None:
    happen, attribute = HAPPENINGS[happening]
    source = placed_order(lines=[{"sku": SkuFactory()}], coupon=CouponFactory())

    order_copy, before = run(shop, source, happen, cancel_source_order=True)

    assert stories.ending(order_copy) == (Status.FAILED, {"status": 1, attribute: 1}, 2)
    assert stories.target_of(order_copy).status == "pending"
    assert stories.every_byte(source) == before


def test_a_swap_whose_source_was_cancelled_meanwhile_does_not_place_its_target(
    shop: Shop,
) -> None:
    source = placed_order()

    order_copy, _ = run(
        shop,
        source,
        lambda: Order.objects.filter(pk=source.pk).update(status="cancelled"),
        cancel_source_order=True,
    )

    assert order_copy.status == Status.FAILED
    assert order_copy.errors_log["source_order"] == [
        "cannot transition from cancelled to cancelled"
    ]
    assert stories.statuses(stories.target_of(order_copy)) == ("pending", "unpaid", "unfulfilled")
    assert source.authorizations.get().status == "authorized"


def test_a_copy_whose_source_was_cancelled_meanwhile_cannot_cancel_it_again(shop: Shop) -> None:
    source = placed_order()
    order_copy = stories.requested(source, cancel_source_order=True)

    def cancelled_by_somebody_else(runs: Any) -> None:
        shop.before.clear()
        Order.objects.filter(pk=source.pk).update(status="cancelled")

    shop.before["write"] = cancelled_by_somebody_else
    copying.run_batch(worker="w1")

    found = stories.fresh(order_copy)
    assert stories.ending(found) == (Status.FAILED, {"source_order": 1}, 1)
    assert stories.target_of(found).status == "pending"


def test_a_copy_is_of_the_order_as_it_was_planned(shop: Shop) -> None:
    source = placed_order()
    planned = stories.contents(source)

    order_copy, _ = run(
        shop, source, lambda: source.line_items.update(unit_amount_cents=1, total_amount_cents=1)
    )

    assert stories.contents(stories.target_of(order_copy))["lines"] == planned["lines"]
    assert order_copy.status == Status.COMPLETED


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("happening", ["SKU", "promotion"])
def test_a_copy_is_planned_anew_when_what_it_points_at_is_deleted_meanwhile(
    shop: Shop, happening: str
) -> None:
    promotion = PromotionFactory()
    source = placed_order(lines=[{"sku": SkuFactory()}, {}], promotions=[promotion])
    other = stories.requested(source, skip_errors=True)

    order_copy, _ = run(
        shop,
        source,
        Sku.objects.first().delete if happening == "SKU" else promotion.delete,
        skip_errors=True,
    )
    stories.run_all()

    for found in (stories.fresh(order_copy), stories.fresh(other)):
        assert found.status == Status.COMPLETED
        assert set(found.errors_log) == ({"line_items"} if happening == "SKU" else set())
        assert stories.lines(stories.target_of(found), "promotion_id")[-1] == (
            promotion.pk if happening == "SKU" else None
        )
    assert Order.objects.count() == 3
