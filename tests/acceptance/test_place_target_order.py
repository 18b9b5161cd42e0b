"""Story: a copy places its target, or reports every reason why it cannot."""

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


def test_place__target_is_pending_and_editable_without_the_toggle() -> None:
    # given
    source = placed_order()

    # when
    target = stories.target_of(stories.copied(source))

    # then
    assert stories.statuses(target) == ("pending", "unpaid", "unfulfilled")
    assert target.placed_at is None
    assert target.editable


def test_place__reserves_stock_uses_the_coupon_and_authorizes_the_payment() -> None:
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


def test_place__free_target_needs_no_payment_source() -> None:
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


def test_place__target_without_shipping_needs_no_shipping_address() -> None:
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


def test_place__untracked_stock_is_not_reserved() -> None:
    # given
    sku = SkuFactory(do_not_track=True, stock=False)
    source = placed_order(lines=[{"sku": sku, "quantity": 1000}])

    # when
    target = stories.target_of(stories.copied(source, place_target_order=True))

    # then
    assert target.status == "placed"
    assert not StockItem.objects.exists()


def with_declined_card() -> Any:
    source = PaymentSourceFactory(token="declined_1")
    return placed_order(payment_source=source)


def without_address(role: str) -> Any:
    source = placed_order()
    source.addresses.filter(role=role).delete()
    return source


NOT_PLACEABLE = {
    "no payment source": (lambda: placed_order(payment_source=None), "payment_source"),
    "payment source not in the wallet": (lambda: placed_order(wallet=False), "payment_source"),
    "payment source declined": (with_declined_card, "payment_source"),
    "no billing address": (lambda: without_address("billing"), "billing_address"),
    "no shipping address": (lambda: without_address("shipping"), "shipping_address"),
}


@pytest.mark.parametrize("case", NOT_PLACEABLE)
def test_place__refused_fails_the_copy_and_keeps_the_target_pending(case: str) -> None:
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
def test_place__refused_under_skip_errors_completes_with_a_pending_target(
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
    """Return whether an order holds no stock, no coupon and no authorization."""
    held = stories.every_byte(order)
    tables = ("orders_authorization", "orders_couponuse", "orders_stockreservation")
    return not any(held[table] for table in tables)


def test_place__target_without_a_customer_stays_a_draft() -> None:
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


def test_place__all_reasons_are_in_the_errors_log() -> None:
    source = pending_order(addresses=False, payment_source=None)

    order_copy = stories.copied(source, place_target_order=True)

    assert stories.ending(order_copy) == (
        Status.FAILED,
        {"status": 1, "billing_address": 1, "shipping_address": 1, "payment_source": 1},
        4,
    )


def test_place__lines_of_zero_pieces_are_not_sellable() -> None:
    # given
    source = placed_order(lines=[{"quantity": 0}])

    # when
    order_copy = stories.copied(source, place_target_order=True)

    # then
    assert order_copy.status == Status.FAILED
    assert order_copy.errors_log["status"] == [PENDING_TO_PLACED]
    assert "line_items" in order_copy.errors_log
    assert stories.target_of(order_copy).status == "pending"


def test_place__last_pieces_go_to_the_first_copies() -> None:
    # given
    sku = SkuFactory(stock=3)
    source = placed_order(lines=[{"sku": sku, "quantity": 1}])
    order_copies = [stories.requested(source, place_target_order=True) for _ in range(3)]

    # when
    stories.run_all()

    # then
    ended = [stories.fresh(order_copy) for order_copy in order_copies]
    assert [order_copy.status for order_copy in ended] == ["completed", "completed", "failed"]
    assert StockItem.objects.get(sku=sku).available == 0
    assert ended[2].errors_log["line_items"]


def test_place__last_coupon_use_goes_to_the_first_copy() -> None:
    # given
    coupon = CouponFactory(usage_limit=2)
    source = placed_order(coupon=coupon)
    order_copies = [stories.requested(source, place_target_order=True) for _ in range(2)]

    # when
    stories.run_all()

    # then
    ended = [stories.fresh(order_copy) for order_copy in order_copies]
    coupon.refresh_from_db()
    assert [order_copy.status for order_copy in ended] == ["completed", "failed"]
    assert coupon.usage_count == 2
    assert ended[1].errors_log["coupon_code"]


def test_place__payment_fee_stays_frozen() -> None:
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
