"""The demo shop is consistent, and has orders of every kind."""

from collections import Counter
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db.models import F, Model, Sum
from django.utils import timezone

from order_copies import copying
from order_copies.models import OrderCopy, OrderSubscription
from orders.demo.loader import first_copy, load_demo_shop
from orders.models import (
    Authorization,
    Coupon,
    CouponUse,
    CustomerPaymentSource,
    LineItem,
    LineItemOption,
    Order,
    PaymentSource,
    StockItem,
    StockReservation,
)
from tests.factories import tax_of, totals_of
from tests.subscriptions import planned

HOLDING = {Order.Status.PLACED, Order.Status.EDITING, Order.Status.APPROVED}


@pytest.fixture
def shop(db: None) -> None:
    """Load the demo shop. Loading is slow, so that each test checks several things."""
    load_demo_shop()


def rows_of_everything() -> list[list[dict[str, Any]]]:
    models = [Order, LineItem, LineItemOption, StockItem, StockReservation, Coupon, CouponUse]
    return [list(model.objects.values()) for model in models]


def values_of(model: type[Model], field: str) -> set[Any]:
    return set(model.objects.values_list(field, flat=True))


def test_demo_shop__has_orders_of_every_kind(shop: None) -> None:
    # when
    lengths = Counter(LineItem.objects.values_list("order", flat=True)).values()

    # then
    assert Order.objects.count() >= 300
    assert values_of(Order, "status") == set(Order.Status.values)
    assert values_of(Order, "payment_status") == set(Order.PaymentStatus.values)
    assert values_of(Order, "fulfillment_status") == set(Order.FulfillmentStatus.values)
    assert values_of(Order, "language_code") == {"it", "de", "en"}
    assert values_of(Order, "guest") == {True, False}
    assert values_of(LineItem, "item_type") == set(LineItem.ItemType.values)
    assert max(lengths) > 500
    assert sum(1 for length in lengths if length > 30) > 2
    assert not Order.objects.get(reference="draft").line_items.exists()


def test_demo_shop__has_valid_and_invalid_payments_stock_and_coupons(shop: None) -> None:
    # given
    now = timezone.now()
    wallets = CustomerPaymentSource.objects.all()
    valid = PaymentSource.objects.valid(now)

    # then
    assert wallets.filter(payment_source__in=valid).exists()
    assert wallets.exclude(payment_source__in=valid).exists()
    assert {item.available > 0 for item in StockItem.objects.all()} == {True, False}
    used = Coupon.objects.filter(usage_count__gt=0)
    assert used.filter(usage_count=F("usage_limit")).exists()
    assert used.filter(expires_at__lt=now).exists()
    assert used.filter(promotion__expires_at__lt=now).exists()
    assert used.filter(promotion__active=False).exists()


def test_demo_shop__amounts_add_up(shop: None) -> None:
    options = LineItemOption.objects.exclude(
        total_amount_cents=F("unit_amount_cents") * F("quantity")
    )
    assert not options.exists()
    for line in LineItem.objects.select_related("order").annotate(
        options_cents=Sum("line_item_options__total_amount_cents", default=0)
    ):
        included = line.order.tax_included
        goods = line.unit_amount_cents * line.quantity
        assert line.options_amount_cents == line.options_cents
        assert line.total_amount_cents == goods + line.options_amount_cents
        assert line.tax_amount_cents == tax_of(
            line.total_amount_cents, line.tax_rate, included=included
        )
    for order in Order.objects.prefetch_related("line_items"):
        totals = totals_of(
            order.line_items.all(),
            tax_included=order.tax_included,
            gift_card_amount_cents=order.gift_card_amount_cents,
        )
        assert {name: getattr(order, name) for name in totals} == totals
        assert order.total_amount_with_taxes_cents >= 0


def test_demo_shop__stock_is_reserved_for_placed_orders(shop: None) -> None:
    # given
    held = (
        LineItem.objects.filter(
            order__status__in=HOLDING, sku__do_not_track=False, item_type="skus", quantity__gt=0
        )
        .exclude(order__fulfillment_status="fulfilled")
        .values_list("pk", "quantity")
    )

    # then
    assert dict(StockReservation.objects.values_list("line_item", "quantity")) == dict(held)
    for item in StockItem.objects.annotate(held=Sum("stock_reservations__quantity", default=0)):
        assert item.reserved == item.held


def test_demo_shop__coupon_uses_are_counted(shop: None) -> None:
    for coupon in Coupon.objects.prefetch_related("coupon_uses__order"):
        # given
        uses = coupon.coupon_uses.all()

        # then
        assert coupon.usage_count == len(uses)
        assert {use.order.coupon_code for use in uses} <= {coupon.code}
        assert {use.order.status for use in uses} <= HOLDING
        if coupon.customer_single_use:
            assert len({use.customer_email for use in uses}) == len(uses)


def test_demo_shop__authorizations_and_timestamps_agree_with_the_status(shop: None) -> None:
    now = timezone.now()
    for order in Order.objects.prefetch_related("authorizations"):
        # given
        authorizations = [(a.status, a.amount_cents) for a in order.authorizations.all()]
        due = order.total_amount_with_taxes_cents
        later = [order.placed_at, order.approved_at, order.cancelled_at, order.archived_at]
        stamps = [order.created_at, *filter(None, later), now]

        # then
        assert stamps == sorted(stamps)
        assert (order.placed_at is not None) == (order.status in HOLDING | {"cancelled"})
        if order.placed_at is None or due == 0:
            assert authorizations == []
        elif order.status == Order.Status.CANCELLED:
            assert authorizations == [(Authorization.Status.VOIDED, due)]
        else:
            assert authorizations == [(Authorization.Status.AUTHORIZED, due)]


def test_demo_shop__every_order_can_be_previewed(shop: None) -> None:
    # given
    order_copies = [OrderCopy(source_order=order) for order in Order.objects.all()]
    swap = OrderCopy(source_order=first_copy(), place_target_order=True, cancel_source_order=True)

    # when
    *plans, first_plan = copying.preview_copies([*order_copies, swap])

    # then
    codes = {problem.code for plan in plans for problem in plan.problems}
    assert {"out_of_stock", "sku_gone", "sku_not_on_sale", "stock_too_low"} <= codes
    assert {"coupon_expired", "coupon_used_up", "coupon_unknown"} <= codes
    assert first_plan.problems == []


def test_demo_shop__has_subscriptions_in_every_status_without_a_copy(shop: None) -> None:
    # when
    found = OrderSubscription.objects.order_by("pk").select_related("subscription_model")
    automatic = [(one.frequency, one.status) for one in found if one.is_automatic]
    manual = [(one.frequency, one.status) for one in found if not one.is_automatic]

    # then
    assert automatic == [("monthly", "active"), ("two-month", "inactive"), ("monthly", "draft")]
    assert manual == [("weekly", "cancelled"), ("monthly", "active")]
    assert all(one.next_run_at > timezone.now() for one in found.filter(status="active"))
    assert all(one.order_subscription_items.count() == one.is_automatic for one in found)


def test_demo_shop__next_copies_of_its_subscriptions_will_complete(shop: None) -> None:
    # when
    plans = planned(*OrderSubscription.objects.filter(status="active"))

    # then
    assert [plan.problems for plan in plans] == [[], []]


@pytest.mark.django_db
def test_load_demo_shop__second_run_changes_nothing() -> None:
    # given
    first, again = StringIO(), StringIO()
    call_command("load_demo_shop", stdout=first)
    before = rows_of_everything()

    # when
    call_command("load_demo_shop", stdout=again)

    # then
    assert rows_of_everything() == before
    assert first.getvalue() == "Loaded the demo shop: 310 orders, 63 SKUs, 80 customers.\n"
    assert again.getvalue() == "Kept the demo shop: 310 orders, 63 SKUs, 80 customers.\n"
