"""The demo shop is what a real shop could have become."""

from collections import Counter
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import transaction
from django.db.models import F, Sum
from django.utils import timezone

from order_copies.copying import preview
from order_copies.models import OrderCopy
from orders.demo.loading import first_copy
from orders.models import (
    Authorization,
    Coupon,
    CouponUse,
    CustomerPaymentSource,
    LineItem,
    LineItemOption,
    Order,
    StockItem,
    StockReservation,
)
from tests.factories import tax_of, totals_of

HOLDING = {Order.Status.PLACED, Order.Status.EDITING, Order.Status.APPROVED}


@pytest.fixture(scope="module")
def loading(django_db_setup, django_db_blocker):
    """What loading the demo shop said. All tests of this module read from the one shop."""
    out = StringIO()
    with django_db_blocker.unblock(), transaction.atomic():
        call_command("load_demo_shop", stdout=out)
        yield out.getvalue()
        transaction.set_rollback(True)


@pytest.fixture
def shop(loading, django_db_blocker):
    """The demo shop, loaded."""
    with django_db_blocker.unblock():
        yield


def rows_of_everything():
    models = [Order, LineItem, LineItemOption, StockItem, StockReservation, Coupon, CouponUse]
    return [list(model.objects.values()) for model in models]


def test_it_has_orders_of_every_status_and_language(shop):
    # when
    statuses = Counter(Order.objects.values_list("status", flat=True))

    # then
    assert statuses.total() >= 300
    assert set(statuses) == set(Order.Status.values)
    assert set(Order.objects.values_list("payment_status", flat=True)) == set(
        Order.PaymentStatus.values
    )
    assert set(Order.objects.values_list("fulfillment_status", flat=True)) == set(
        Order.FulfillmentStatus.values
    )
    assert set(Order.objects.values_list("language_code", flat=True)) == {"it", "de", "en"}
    assert set(LineItem.objects.values_list("item_type", flat=True)) == set(
        LineItem.ItemType.values
    )


def test_every_line_adds_up(shop):
    for line in LineItem.objects.select_related("order").prefetch_related("line_item_options"):
        # given
        options = line.line_item_options.all()

        # then
        assert line.options_amount_cents == sum(option.total_amount_cents for option in options)
        assert line.total_amount_cents == (
            line.unit_amount_cents * line.quantity + line.options_amount_cents
        )
        assert line.tax_amount_cents == tax_of(
            line.total_amount_cents, line.tax_rate, included=line.order.tax_included
        )


def test_every_option_adds_up(shop):
    # when
    odd = LineItemOption.objects.exclude(total_amount_cents=F("unit_amount_cents") * F("quantity"))

    # then
    assert not odd.exists()


def test_every_order_adds_up(shop):
    for order in Order.objects.prefetch_related("line_items"):
        # when
        totals = totals_of(
            order.line_items.all(),
            tax_included=order.tax_included,
            gift_card_amount_cents=order.gift_card_amount_cents,
        )

        # then
        assert {name: getattr(order, name) for name in totals} == totals
        assert order.total_amount_with_taxes_cents >= 0


def test_stock_is_reserved_for_what_lies_in_the_shop(shop):
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


def test_some_skus_are_sold_out(shop):
    assert [item.sku.code for item in StockItem.objects.filter(quantity=F("reserved"))]


def test_coupons_count_the_orders_that_used_them(shop):
    for coupon in Coupon.objects.prefetch_related("coupon_uses__order"):
        # given
        uses = coupon.coupon_uses.all()

        # then
        assert coupon.usage_count == len(uses)
        assert {use.order.coupon_code for use in uses} <= {coupon.code}
        assert {use.order.status for use in uses} <= HOLDING
        if coupon.customer_single_use:
            assert len({use.customer_email for use in uses}) == len(uses)


def test_coupons_are_good_and_expired_and_used_up(shop):
    # given
    now = timezone.now()

    # then
    assert Coupon.objects.filter(usage_count=F("usage_limit")).exists()
    assert Coupon.objects.filter(expires_at__lt=now, usage_count__gt=0).exists()
    assert Coupon.objects.filter(promotion__expires_at__lt=now, usage_count__gt=0).exists()
    assert Coupon.objects.filter(promotion__active=False, usage_count__gt=0).exists()


def test_wallets_are_valid_and_expired(shop):
    # given
    now = timezone.now()

    # when
    wallets = CustomerPaymentSource.objects.select_related("payment_source")

    # then
    assert {entry.payment_source.is_valid(now) for entry in wallets} == {True, False}


def test_every_placed_order_has_its_authorization(shop):
    for order in Order.objects.prefetch_related("authorizations"):
        # given
        authorizations = [(a.status, a.amount_cents) for a in order.authorizations.all()]
        due = order.total_amount_with_taxes_cents

        # then
        if order.placed_at is None or due == 0:
            assert authorizations == []
        elif order.status == Order.Status.CANCELLED:
            assert authorizations == [(Authorization.Status.VOIDED, due)]
        else:
            assert authorizations == [(Authorization.Status.AUTHORIZED, due)]


def test_stamps_follow_one_another(shop):
    # given
    now = timezone.now()

    # then
    for order in Order.objects.all():
        later = [order.placed_at, order.approved_at, order.cancelled_at, order.archived_at]
        stamps = [order.created_at, *(stamp for stamp in later if stamp), now]
        assert stamps == sorted(stamps)
        assert (order.placed_at is not None) == (order.status in HOLDING | {"cancelled"})


def test_its_orders_are_as_long_as_real_ones(shop):
    # given
    lengths = Counter(LineItem.objects.values_list("order", flat=True)).values()

    # then
    assert max(lengths) > 500
    assert sum(1 for length in lengths if length > 30) > 2
    assert not Order.objects.get(reference="draft").line_items.exists()


def test_every_order_can_be_previewed(shop):
    # given
    order_copies = [OrderCopy(source_order=order) for order in Order.objects.all()]

    # when
    plans = preview(order_copies)

    # then
    codes = {problem.code for plan in plans for problem in plan.problems}
    assert {"out_of_stock", "sku_gone", "sku_not_on_sale", "stock_too_low"} <= codes
    assert {"coupon_expired", "coupon_used_up", "coupon_unknown"} <= codes
    assert any(not plan.problems for plan in plans)


def test_the_first_copy_of_the_demo_could_be_placed(shop):
    # given
    order_copy = OrderCopy(
        source_order=first_copy(), place_target_order=True, cancel_source_order=True
    )

    # when
    [plan] = preview([order_copy])

    # then
    assert plan.problems == []


def test_loading_twice_changes_nothing(loading, shop):
    # given
    before = rows_of_everything()
    out = StringIO()

    # when
    call_command("load_demo_shop", stdout=out)

    # then
    assert rows_of_everything() == before
    assert loading == "Loaded the demo shop: 307 orders, 63 SKUs, 80 customers.\n"
    assert out.getvalue() == "Kept the demo shop: 307 orders, 63 SKUs, 80 customers.\n"
