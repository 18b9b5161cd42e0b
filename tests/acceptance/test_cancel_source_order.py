"""Story: an order is edited by copying it, placing the copy and cancelling the original."""

from typing import Any

import pytest
from django.utils import timezone

from order_copies.models import Status
from orders.models import Order, StockItem
from tests import stories
from tests.factories import (
    CouponFactory,
    SkuFactory,
    cancelled_order,
    draft_order,
    pending_order,
    placed_order,
)

pytestmark = pytest.mark.django_db

TWICE = "cannot transition from cancelled to cancelled"


def test_cancel__source_is_unchanged_without_the_toggle() -> None:
    # given
    source = placed_order()
    before = stories.every_byte(source)

    # when
    order_copy = stories.copied(source, place_target_order=True)

    # then
    assert order_copy.status == Status.COMPLETED
    assert stories.every_byte(source) == before


def test_cancel__voids_the_authorization_and_releases_stock_and_coupon() -> None:
    # given
    sku = SkuFactory(stock=10)
    coupon = CouponFactory(usage_limit=1)
    source = placed_order(lines=[{"sku": sku, "quantity": 4}], coupon=coupon)
    before = timezone.now()

    # when
    order_copy = stories.copied(source, cancel_source_order=True)

    # then
    source.refresh_from_db()
    coupon.refresh_from_db()
    assert stories.ending(order_copy) == (Status.COMPLETED, {}, 0)
    assert stories.statuses(source) == ("cancelled", "voided", "unfulfilled")
    assert before <= source.cancelled_at <= timezone.now()
    [authorization] = source.authorizations.all()
    assert authorization.status == "voided"
    assert before <= authorization.voided_at <= timezone.now()
    assert StockItem.objects.get(sku=sku).reserved == 0
    assert stories.every_byte(source)["orders_stockreservation"] == []
    assert stories.every_byte(source)["orders_couponuse"] == []
    assert coupon.usage_count == 0


def test_swap__transfers_the_last_piece_and_a_single_use_coupon() -> None:
    # given
    sku = SkuFactory(stock=1)
    coupon = CouponFactory(usage_limit=1, customer_single_use=True)
    source = placed_order(lines=[{"sku": sku}], coupon=coupon)

    # when
    order_copy = stories.copied(source, place_target_order=True, cancel_source_order=True)

    # then
    target = stories.target_of(order_copy)
    coupon.refresh_from_db()
    stock_item = StockItem.objects.get(sku=sku)
    assert stories.ending(order_copy) == (Status.COMPLETED, {}, 0)
    assert stories.statuses(source) == ("cancelled", "voided", "unfulfilled")
    assert stories.statuses(target) == ("placed", "authorized", "unfulfilled")
    assert (stock_item.quantity, stock_item.reserved) == (1, 1)
    assert list(stock_item.stock_reservations.values_list("line_item__order", "quantity")) == [
        (target.pk, 1)
    ]
    assert coupon.usage_count == 1
    assert list(coupon.coupon_uses.values_list("order", flat=True)) == [target.pk]
    assert stories.contents(target) == stories.contents(source)
    assert list(source.authorizations.values_list("status", flat=True)) == ["voided"]
    assert list(target.authorizations.values_list("status", flat=True)) == ["authorized"]


def test_swap__coupon_used_up_by_others_is_not_transferred() -> None:
    # given
    coupon = CouponFactory(usage_limit=2)
    source = pending_order(coupon=coupon)
    for _ in range(2):
        placed_order(coupon=coupon)

    # when
    order_copy = stories.copied(source, place_target_order=True, cancel_source_order=True)

    # then
    assert stories.ending(order_copy) == (Status.FAILED, {"coupon_code": 1}, 1)
    assert stories.statuses(source)[0] == "pending"


def without_billing_address() -> Order:
    source = placed_order()
    source.addresses.filter(role="billing").delete()
    return source


def with_a_sku_off_sale() -> Order:
    return placed_order(lines=[{"sku": SkuFactory(on_sale=False)}])


def with_an_unknown_coupon() -> Order:
    return placed_order(coupon_code="UNHEARD-OF")


FAILING: list[tuple[Any, dict[str, bool]]] = [
    (without_billing_address, {"place_target_order": True}),
    (with_a_sku_off_sale, {}),
    (with_a_sku_off_sale, {"place_target_order": True}),
    (with_a_sku_off_sale, {"skip_errors": True}),
    (with_an_unknown_coupon, {}),
    (with_an_unknown_coupon, {"place_target_order": True, "apply_promotions": True}),
]


@pytest.mark.parametrize(("make", "toggles"), FAILING)
def test_cancel__source_is_unchanged_when_the_copy_fails(
    make: Any, toggles: dict[str, bool]
) -> None:
    # given
    source = make()
    before = stories.every_byte(source)

    # when
    order_copy = stories.copied(source, cancel_source_order=True, **toggles)

    # then
    assert order_copy.status == Status.FAILED
    assert stories.every_byte(source) == before


def test_swap__source_is_unchanged_when_skip_errors_leaves_the_target_pending() -> None:
    # given
    source = without_billing_address()
    before = stories.every_byte(source)

    # when
    order_copy = stories.copied(
        source, place_target_order=True, cancel_source_order=True, skip_errors=True
    )

    # then
    assert order_copy.status == Status.COMPLETED
    assert stories.target_of(order_copy).status == "pending"
    assert stories.every_byte(source) == before


@pytest.mark.parametrize("make", [draft_order, cancelled_order])
@pytest.mark.parametrize("place", [True, False])
def test_cancel__refused_fails_the_copy_and_leaves_the_target_pending(
    make: Any, place: bool
) -> None:
    # given
    source = make(customer_email="ada@example.com")
    before = stories.every_byte(source)

    # when
    order_copy = stories.copied(source, place_target_order=place, cancel_source_order=True)

    # then
    target = stories.target_of(order_copy)
    message = f"cannot transition from {source.status} to cancelled"
    assert order_copy.status == Status.FAILED
    assert order_copy.errors_log["source_order"] == [message]
    assert order_copy.errors_count == len(stories.all_messages(order_copy.errors_log))
    assert target.status == "pending"
    assert target.placed_at is None
    assert stories.every_byte(target)["orders_stockreservation"] == []
    assert stories.every_byte(source) == before


def test_cancel__refused_under_skip_errors_completes_with_a_pending_target() -> None:
    # given
    source = cancelled_order()

    # when
    order_copy = stories.copied(
        source, place_target_order=True, cancel_source_order=True, skip_errors=True
    )

    # then
    assert order_copy.status == Status.COMPLETED
    assert order_copy.errors_log["source_order"] == [
        "cannot transition from cancelled to cancelled"
    ]
    assert stories.statuses(stories.target_of(order_copy)) == ("pending", "unpaid", "unfulfilled")


def test_swap__only_one_of_two_for_one_source_places_a_target() -> None:
    # given
    source = placed_order(lines=[{"sku": SkuFactory(stock=50)}])
    both = [
        stories.requested(source, place_target_order=True, cancel_source_order=True)
        for _ in range(2)
    ]

    # when
    stories.run_all()

    # then
    first, second = map(stories.fresh, both)
    assert stories.ending(first) == (Status.COMPLETED, {}, 0)
    assert second.status == Status.FAILED
    assert second.errors_log["source_order"] == [TWICE]
    assert stories.target_of(first).status == "placed"
    assert stories.target_of(second).status == "pending"
    assert not stories.target_of(second).authorizations.exists()
    assert Order.objects.filter(status="placed").count() == 1


def test_cancel__only_one_of_two_copies_of_one_source_completes() -> None:
    # given
    source = placed_order()
    both = [stories.requested(source, cancel_source_order=True) for _ in range(2)]

    # when
    stories.run_all()

    # then
    first, second = map(stories.fresh, both)
    assert [first.status, second.status] == [Status.COMPLETED, Status.FAILED]
    assert stories.ending(second) == (Status.FAILED, {"source_order": 1}, 1)
    assert source.authorizations.get().status == "voided"


def test_cancel__pending_source_is_cancelled() -> None:
    # given
    source = pending_order()

    # when
    order_copy = stories.copied(source, cancel_source_order=True)

    # then
    assert order_copy.status == Status.COMPLETED
    assert stories.statuses(source) == ("cancelled", "unpaid", "unfulfilled")


def test_swap__happens_with_skipped_lines() -> None:
    # given
    kept, gone = SkuFactory(stock=1), SkuFactory()
    source = placed_order(lines=[{"sku": kept}, {"sku": gone}])
    gone.on_sale = False
    gone.save()

    # when
    order_copy = stories.copied(
        source, place_target_order=True, cancel_source_order=True, skip_errors=True
    )

    # then
    assert stories.ending(order_copy) == (Status.COMPLETED, {"line_items": 1}, 1)
    assert stories.statuses(source)[0] == "cancelled"
    assert stories.target_of(order_copy).status == "placed"
    assert StockItem.objects.get(sku=gone).reserved == 0
