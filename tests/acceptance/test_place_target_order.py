"""Story: a copy places its target if it can, and says why it cannot."""

from typing import Any

import pytest
from django.utils import timezone

from order_copies.models import Status
from orders.models import CouponUse, Order, StockItem
from tests import stories
from tests.factories import (
    CouponFactory,
    MarketFactory,
    PaymentMethodFactory,
    PaymentSourceFactory,
    SkuFactory,
    draft_order,
    pending_order,
    placed_order,
)

pytestmark = pytest.mark.django_db

PENDING_TO_PLACED = "cannot transition from pending to placed"
DRAFT_TO_PLACED = "cannot transition from draft to placed"


def test_without_the_toggle_the_target_is_left_ready_to_edit() -> None:
    # given
    source = placed_order()

    # when
    target = stories.target_of(stories.copied(source))

    # then
    assert stories.statuses(target) == ("pending", "unpaid", "unfulfilled")
    assert target.placed_at is None
    assert target.editable


def test_placing_reserves_stock_uses_the_coupon_and_authorizes_the_payment() -> None:
    # given
    sku, other = SkuFactory(stock=10), SkuFactory(stock=10)
    coupon = CouponFactory(usage_limit=5)
    source = placed_order(
        lines=[{"sku": sku, "quantity": 3}, {"sku": other}, {"sku": sku, "quantity": 2}],
        coupon=coupon,
    )
    before = timezone.now()

    # when
    order_copy = stories.copied(source, place_target_order=True)

    # then
    target = stories.target_of(order_copy)
    assert stories.ending(order_copy) == (Status.COMPLETED, {}, 0)
    assert stories.statuses(target) == ("placed", "authorized", "unfulfilled")
    assert before <= target.placed_at <= timezone.now()
    assert dict(StockItem.objects.values_list("sku", "reserved")) == {sku.pk: 10, other.pk: 2}
    assert [
        (line.sku_id, line.stock_reservation.quantity)
        for line in target.line_items.filter(item_type="skus")
    ] == [(sku.pk, 3), (other.pk, 1), (sku.pk, 2)]
    coupon.refresh_from_db()
    assert coupon.usage_count == 2
    assert CouponUse.objects.get(order=target).customer_email == source.customer_email
    assert list(target.authorizations.values_list("amount_cents", "status", "voided_at")) == [
        (target.total_amount_with_taxes_cents, "authorized", None)
    ]
    assert stories.contents(target) == stories.contents(source)


def test_a_target_that_costs_nothing_is_free_and_needs_no_payment_source() -> None:
    # given
    source = placed_order(
        lines=[{"unit_amount_cents": 0, "options": 0}],
        market=MarketFactory(shipping_amount_cents=0),
        payment_source=None,
    )
    assert source.total_amount_with_taxes_cents == 0

    # when
    order_copy = stories.copied(source, place_target_order=True)

    # then
    target = stories.target_of(order_copy)
    assert stories.ending(order_copy) == (Status.COMPLETED, {}, 0)
    assert stories.statuses(target) == ("placed", "free", "unfulfilled")
    assert not target.authorizations.exists()


def test_a_target_of_goods_that_need_no_shipping_needs_no_shipping_address() -> None:
    # given
    sku = SkuFactory(do_not_ship=True)
    source = placed_order(lines=[{"sku": sku}], shipping=False)
    source.addresses.filter(role="shipping").delete()

    # when
    order_copy = stories.copied(source, place_target_order=True)

    # then
    assert stories.ending(order_copy) == (Status.COMPLETED, {}, 0)
    assert stories.statuses(stories.target_of(order_copy)) == (
        "placed",
        "authorized",
        "not_required",
    )


def test_goods_whose_stock_is_not_tracked_are_placed_without_a_reservation() -> None:
    # given
    sku = SkuFactory(do_not_track=True, stock=False)
    source = placed_order(lines=[{"sku": sku, "quantity": 1000}])

    # when
    target = stories.target_of(stories.copied(source, place_target_order=True))

    # then
    assert target.status == "placed"
    assert not StockItem.objects.exists()


def declined() -> Any:
    source = PaymentSourceFactory(token="declined_1")
    return placed_order(payment_source=source)


def without(role: str) -> Any:
    source = placed_order()
    source.addresses.filter(role=role).delete()
    return source


NOT_PLACEABLE = {
    "no payment source": (lambda: placed_order(payment_source=None), "payment_source"),
    "payment source not in the wallet": (lambda: placed_order(wallet=False), "payment_source"),
    "payment source declined": (declined, "payment_source"),
    "no billing address": (lambda: without("billing"), "billing_address"),
    "no shipping address": (lambda: without("shipping"), "shipping_address"),
}


@pytest.mark.parametrize("case", NOT_PLACEABLE)
def test_a_target_that_cannot_be_placed_fails_the_copy_and_is_kept_for_repair(case: str) -> None:
    # given
    make, attribute = NOT_PLACEABLE[case]
    source = make()

    # when
    order_copy = stories.copied(source, place_target_order=True)

    # then
    target = stories.target_of(order_copy)
    assert stories.ending(order_copy) == (Status.FAILED, {"status": 1, attribute: 1}, 2)
    assert order_copy.errors_log["status"] == [PENDING_TO_PLACED]
    assert order_copy.failed_at is not None
    assert order_copy.completed_at is None
    assert stories.statuses(target) == ("pending", "unpaid", "unfulfilled")
    assert target.placed_at is None
    assert stories.contents(target)["lines"] == stories.contents(source)["lines"]
    assert holds_nothing(target)


@pytest.mark.parametrize("case", NOT_PLACEABLE)
def test_with_skip_errors_a_target_that_cannot_be_placed_stays_pending_and_the_copy_completes(
    case: str,
) -> None:
    # given
    make, attribute = NOT_PLACEABLE[case]
    source = make()

    # when
    order_copy = stories.copied(source, place_target_order=True, skip_errors=True)

    # then
    target = stories.target_of(order_copy)
    assert stories.ending(order_copy) == (Status.COMPLETED, {"status": 1, attribute: 1}, 2)
    assert order_copy.errors_log["status"] == [PENDING_TO_PLACED]
    assert order_copy.completed_at is not None
    assert order_copy.failed_at is None
    assert stories.statuses(target) == ("pending", "unpaid", "unfulfilled")
    assert holds_nothing(target)


def holds_nothing(order: Order) -> bool:
    """Whether an order holds no stock, no coupon and no money."""
    held = stories.every_byte(order)
    tables = ("orders_authorization", "orders_couponuse", "orders_stockreservation")
    return not any(held[table] for table in tables)


def test_a_target_without_a_customer_stays_a_draft() -> None:
    # given
    source = draft_order(payment_source=PaymentSourceFactory())

    # when
    order_copy = stories.copied(source, place_target_order=True)

    # then
    target = stories.target_of(order_copy)
    assert order_copy.status == Status.FAILED
    assert order_copy.errors_log["status"] == [DRAFT_TO_PLACED]
    assert set(order_copy.errors_log) > {"status"}
    assert order_copy.errors_count == len(stories.all_messages(order_copy.errors_log))
    assert stories.statuses(target) == ("draft", "unpaid", "unfulfilled")


def test_all_reasons_are_told_at_once() -> None:
    source = pending_order(addresses=False, payment_source=None)

    order_copy = stories.copied(source, place_target_order=True)

    assert stories.ending(order_copy) == (
        Status.FAILED,
        {"status": 1, "billing_address": 1, "shipping_address": 1, "payment_source": 1},
        4,
    )


def test_a_target_of_zero_pieces_has_nothing_to_sell() -> None:
    # given
    source = placed_order(lines=[{"quantity": 0}])

    # when
    order_copy = stories.copied(source, place_target_order=True)

    # then
    assert order_copy.status == Status.FAILED
    assert order_copy.errors_log["status"] == [PENDING_TO_PLACED]
    assert "line_items" in order_copy.errors_log
    assert stories.target_of(order_copy).status == "pending"


def test_two_copies_that_want_the_last_pieces_place_one_target() -> None:
    # given
    sku = SkuFactory(stock=3)
    source = placed_order(lines=[{"sku": sku, "quantity": 1}])
    wanted = [stories.requested(source, place_target_order=True) for _ in range(3)]

    # when
    stories.run_all()

    # then
    ended = [stories.fresh(order_copy) for order_copy in wanted]
    assert [order_copy.status for order_copy in ended] == ["completed", "completed", "failed"]
    assert StockItem.objects.get(sku=sku).available == 0
    assert ended[2].errors_log["line_items"]


def test_two_copies_that_want_the_last_use_of_a_coupon_place_one_target() -> None:
    # given
    coupon = CouponFactory(usage_limit=2)
    source = placed_order(coupon=coupon)
    wanted = [stories.requested(source, place_target_order=True) for _ in range(2)]

    # when
    stories.run_all()

    # then
    ended = [stories.fresh(order_copy) for order_copy in wanted]
    coupon.refresh_from_db()
    assert [order_copy.status for order_copy in ended] == ["completed", "failed"]
    assert coupon.usage_count == 2
    assert ended[1].errors_log["coupon_code"]


def test_the_fee_of_the_payment_method_stays_frozen_when_placed() -> None:
    # given
    method = PaymentMethodFactory(price_amount_cents=250)
    source = placed_order(payment_source=PaymentSourceFactory(payment_method=method))
    method.price_amount_cents = 999
    method.save()

    # when
    target = stories.target_of(stories.copied(source, place_target_order=True))

    # then
    assert target.status == "placed"
    assert stories.amounts(target) == stories.amounts(source)
