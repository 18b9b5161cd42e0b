"""Plans of recurring copies: lines from the items of the subscription, and what they cost."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from order_copies import public_ids
from order_copies.models import (
    Kind,
    OrderCopy,
    OrderFactory,
    OrderSubscription,
    OrderSubscriptionItem,
    RecurringOrderCopy,
)
from order_copies.plans import CopyPlan
from order_copies.shops import get_shop
from order_copies.subscriptions import changes
from orders.models import CustomerPaymentSource, LineItem, Order, Price, Sku
from tests import stories
from tests.audits import audited
from tests.factories import (
    CouponFactory,
    CustomerFactory,
    PaymentSourceFactory,
    PromotionFactory,
    SkuFactory,
    placed_order,
    settle,
    tax_of,
    totals_of,
)
from tests.subscriptions import activated, planned, renewed_now, subscription_market

pytestmark = pytest.mark.django_db


def a_source(**values: Any) -> Order:
    """Create a placed order of a market with a subscription model: two pieces at 20.00."""
    line = {"sku": SkuFactory(price=2000, stock=10), "quantity": 2, "options": 0}
    return placed_order(**{"market": subscription_market(), "lines": [line]} | values)


def problems(plan: CopyPlan) -> list[tuple[str, str, str]]:
    return [(one.step.value, one.attribute, one.code) for one in plan.problems]


def shown(plan: CopyPlan) -> list[tuple[str, str, Any, Any]]:
    """Return action, code, and the totals before and after of each outcome about a line."""

    def total(values: Any) -> Any:
        return values and values["total_amount_cents"]

    return [
        (one.action.value, one.code, total(one.before), total(one.after))
        for one in plan.outcomes
        if one.attribute == "line_items"
    ]


def target_lines(order: Order) -> list[tuple[Any, ...]]:
    names = ("item_type", "sku_code", "quantity", "unit_amount_cents", "total_amount_cents")
    return list(order.line_items.order_by("pk").values_list(*names))


def item_of(one: OrderSubscription) -> OrderSubscriptionItem:
    return one.order_subscription_items.get()


def change_price(sku_code: str, cents: int) -> None:
    Price.objects.filter(sku__code=sku_code).update(amount_cents=cents)


# Lines


def test_recurring_copy__target_has_the_items_shipping_and_fee() -> None:
    # given
    source = a_source(promotions=[PromotionFactory()], coupon=CouponFactory())
    one = activated(source)

    # when
    [order_copy] = renewed_now(one)

    # then
    target, line = stories.target_of(order_copy), source.line_items.first()
    assert (order_copy.type, order_copy.status) == (Kind.RECURRING_ORDER_COPIES, "completed")
    assert target_lines(target) == [
        ("skus", line.sku_code, 2, 2000, 4000),
        ("shipments", "", 1, 700, 700),
        ("payment_methods", "", 1, 150, 150),
    ]
    expected = totals_of(target.line_items.all(), tax_included=True)
    assert stories.amounts(target) == expected
    assert expected["total_amount_with_taxes_cents"] == 4850
    assert (target.coupon_code, target.gift_card_amount_cents) == ("", 0)
    assert target.customer == source.customer
    assert target.payment_source == source.payment_source
    assert target.addresses.count() == 2
    assert stories.statuses(target) == ("placed", "authorized", "unfulfilled")
    assert audited() == []


def test_recurring_copy__outcomes_compare_the_target_with_the_source() -> None:
    # given
    source = a_source()
    one = activated(source)

    # when
    [plan] = planned(one)

    # then
    line = source.line_items.first()
    sku = {
        "item_type": "skus",
        "sku_code": line.sku_code,
        "quantity": 2,
        "unit_amount_cents": 2000,
        "total_amount_cents": 4000,
        "tax_amount_cents": tax_of(4000, "0.22", included=True),
    }
    assert shown(plan) == [
        ("copied", "", 4000, 4000),
        ("copied", "", 700, 700),
        ("copied", "", 150, 150),
    ]
    assert plan.outcomes[0].before == plan.outcomes[0].after == sku
    assert plan.outcomes[0].source_line_item == public_ids.encode("line_items", line.pk)
    assert plan.source_totals == plan.target_totals == stories.amounts(source)
    assert plan.will_complete


def test_recurring_copy__each_difference_from_the_source_has_an_outcome() -> None:
    # given
    promotion, coupon = PromotionFactory(), CouponFactory()
    lines = [{"sku": SkuFactory(), "options": 1}, {"sku": SkuFactory(), "options": 0}]
    lines += [{"sku": None, "name": "Advice", "unit_amount_cents": 900, "options": 0}]
    source = a_source(
        lines=lines, promotions=[promotion], coupon=coupon, gift_card_amount_cents=-500
    )
    one = activated(source)
    changes.delete_item(one.order_subscription_items.latest("pk"), actor=stories.WHO)
    new = OrderSubscriptionItem(order_subscription=one, quantity=1, unit_amount_cents=100)
    new.sku_code = SkuFactory().code
    changes.add_item(new, actor=stories.WHO)

    # when
    [order_copy] = renewed_now(one)

    # then
    assert stories.actions(order_copy) == [
        ("changed", "subscribed"),
        ("added", "subscribed"),
        ("copied", None),
        ("copied", None),
        ("skipped", "not_subscribed"),
        ("skipped", "not_subscribed"),
        ("skipped", "not_subscribed"),
        ("skipped", "not_subscribed"),
    ]
    assert stories.actions(order_copy, "coupon_code") == [("skipped", "not_subscribed")]
    assert stories.actions(order_copy, "gift_card_code") == [("skipped", "gift_card_not_copied")]
    assert audited() == []


def test_recurring_copy__amounts_that_no_line_explains_are_left_out() -> None:
    # given
    source = a_source(shipping=False)
    one = activated(source, price_policy="current")
    for name in ("adjustment_amount_cents", "total_amount_cents", "total_amount_with_taxes_cents"):
        setattr(source, name, getattr(source, name) - 1000)
    source.save()

    # when
    [order_copy] = renewed_now(one)

    # then
    target = stories.target_of(order_copy)
    assert order_copy.status == "completed"
    assert stories.actions(order_copy)[1] == ("added", "cost_added")
    assert stories.actions(order_copy, "adjustment_amount") == [("skipped", "amount_without_line")]
    assert stories.amounts(target) == totals_of(target.line_items.all(), tax_included=True)
    assert audited() == []


def test_recurring_copy__source_lines_edited_later_have_no_effect() -> None:
    # given
    source = a_source()
    one = activated(source)
    source.line_items.update(quantity=9, unit_amount_cents=1, total_amount_cents=9)

    # when
    [order_copy] = renewed_now(one)

    # then
    assert target_lines(stories.target_of(order_copy))[0][2:] == (2, 2000, 4000)


def test_recurring_copy__items_edited_added_and_deleted_count() -> None:
    # given
    source = a_source(lines=[{"sku": SkuFactory()}, {"sku": SkuFactory()}])
    one = activated(source)
    first, second = one.order_subscription_items.order_by("pk")
    added = OrderSubscriptionItem(order_subscription=one, quantity=1, unit_amount_cents=None)
    added.sku_code = SkuFactory(price=550).code

    # when
    changes.update_item(first, {"quantity": 3, "unit_amount_cents": 1900}, actor=stories.WHO)
    changes.delete_item(second, actor=stories.WHO)
    changes.add_item(added, actor=stories.WHO)
    [order_copy] = renewed_now(one)

    # then
    assert target_lines(stories.target_of(order_copy))[:2] == [
        ("skus", first.sku_code, 3, 1900, 5700),
        ("skus", added.sku_code, 1, 550, 550),
    ]
    assert [outcome["source_line_item"] for outcome in order_copy.outcomes[:2]] == [
        public_ids.encode("line_items", int(first.source_line_item_key)),
        None,
    ]
    assert audited() == []


def test_recurring_copy__has_no_options_frequency_or_gift_card_of_the_source() -> None:
    # given
    source = a_source(
        lines=[{"sku": SkuFactory(), "options": 2, "frequency": "monthly"}],
        gift_card_amount_cents=-500,
        gift_card_code="GIFT",
    )
    one = activated(source)

    # when
    [order_copy] = renewed_now(one)

    # then
    line = stories.target_of(order_copy).line_items.first()
    assert (line.total_amount_cents, line.options_amount_cents, line.frequency) == (2000, 0, "")
    assert not line.line_item_options.exists()
    assert stories.target_of(order_copy).gift_card_amount_cents == 0


@pytest.mark.parametrize(
    ("values", "code"),
    [({"on_sale": False}, "sku_not_on_sale"), ({"code": "RENAMED"}, "sku_gone")],
)
def test_recurring_copy__unavailable_sku_fails_it(values: dict[str, Any], code: str) -> None:
    # given
    source = a_source()
    one = activated(source)
    Sku.objects.filter(pk=source.line_items.first().sku_id).update(**values)

    # when
    [plan] = planned(one)

    # then
    assert problems(plan) == [
        ("write", "line_items", code),
        ("write", "line_items", "no_sellable_line"),
    ]
    assert shown(plan)[0] == ("skipped", code, 4000, None)
    assert not plan.will_write


def test_recurring_copy__unavailable_item_of_another_sku_is_named() -> None:
    # given
    source = a_source()
    one = activated(source)
    retired = SkuFactory(name="The old mug")
    changes.update_item(item_of(one), {"sku_code": retired.code}, actor=stories.WHO)
    Sku.objects.filter(pk=retired.pk).update(on_sale=False)

    # when
    [plan] = planned(one)

    # then
    first = plan.outcomes[0]
    assert (first.name, first.code, first.before, first.after) == (
        "The old mug",
        "sku_not_on_sale",
        None,
        None,
    )
    assert shown(plan)[1] == ("skipped", "not_subscribed", 4000, None)


def test_recurring_copy__stock_that_an_earlier_copy_takes_is_gone() -> None:
    # given
    source = a_source()
    sku = source.line_items.first().sku
    # The source holds two of its five pieces.
    sku.stock_item.quantity = 5
    sku.stock_item.save()
    first, second = activated(source), activated(source)

    # when
    plans = planned(first, second)
    order_copies = renewed_now(first, second)

    # then
    assert [plan.will_complete for plan in plans] == [True, False]
    assert problems(plans[1]) == [("write", "line_items", "stock_too_low")]
    assert plans[1].is_contended
    assert shown(plans[1])[0] == ("reduced", "stock_too_low", 4000, 2000)
    assert [one.status for one in order_copies] == ["completed", "failed"]
    assert order_copies[1].target_order is None


def test_recurring_copy__sku_imported_again_is_found_by_its_code() -> None:
    # given
    source = a_source()
    one = activated(source)
    code = source.line_items.first().sku_code
    Sku.objects.filter(code=code).update(code="OLD")
    new = SkuFactory(code=code)

    # when
    [order_copy] = renewed_now(one)

    # then
    assert order_copy.status == "completed"
    assert stories.target_of(order_copy).line_items.first().sku == new


# Costs and taxes


@pytest.mark.parametrize(
    ("policy", "costs"), [("frozen", [700, 150]), ("current", [900, 99]), ("lower", [700, 99])]
)
def test_price_policy__decides_on_shipping_and_fee(policy: str, costs: list[int]) -> None:
    # given
    source = a_source()
    one = activated(source, price_policy=policy)
    source.market.shipping_amount_cents = 900
    source.market.save()
    source.payment_method.price_amount_cents = 99
    source.payment_method.save()

    # when
    [order_copy] = renewed_now(one)

    # then
    target = stories.target_of(order_copy)
    assert [line[4] for line in target_lines(target)] == [4000, *costs]
    assert stories.amounts(target) == totals_of(target.line_items.all(), tax_included=True)
    assert audited() == []


@pytest.mark.parametrize(
    ("policy", "quantity", "shipping"),
    [("frozen", 2, 0), ("lower", 2, 0), ("current", 2, 700), ("frozen", 1, 700), ("lower", 1, 700)],
)
def test_price_policy__free_shipping_is_agreed_for_the_goods_of_the_source_only(
    policy: str, quantity: int, shipping: int
) -> None:
    # given
    market = subscription_market(shipping_cost_cutoff_cents=4000)
    one = activated(a_source(market=market), price_policy=policy)
    changes.update_item(item_of(one), {"quantity": quantity}, actor=stories.WHO)
    market.shipping_cost_cutoff_cents = 5000
    market.save()

    # when
    [plan] = planned(one)

    # then
    goods = 2000 * quantity
    assert [line["total_amount_cents"] for line in _after(plan)] == [goods, shipping, 150]


def test_price_policy__shipping_without_a_line_in_the_source_is_charged_as_it_is_now() -> None:
    # given: an imported order
    source = a_source(shipping=False)
    one = activated(source)
    for name in ("shipping_amount_cents", "total_amount_cents", "total_amount_with_taxes_cents"):
        setattr(source, name, getattr(source, name) + 500)
    source.save()

    # when
    [plan] = planned(one)

    # then
    assert shown(plan)[1] == ("added", "cost_added", None, 700)
    assert [one.code for one in plan.outcomes if one.attribute == "shipping_amount"] == [
        "amount_without_line"
    ]


@pytest.mark.parametrize(
    ("policy", "actions"),
    [
        ("frozen", [("copied", None)] * 4),
        ("current", [("copied", None)] * 3 + [("skipped", "cost_not_needed")]),
    ],
)
def test_recurring_copy__several_shipments_become_one_at_current_prices(
    policy: str, actions: list[Any]
) -> None:
    # given
    source = a_source()
    LineItem.objects.create(
        order=source,
        item_type="shipments",
        name="Pallet",
        unit_amount_cents=4500,
        total_amount_cents=4500,
        tax_rate="0.22",
        tax_amount_cents=811,
    )
    settle(source)
    one = activated(source, price_policy=policy)

    # when
    [order_copy] = renewed_now(one)

    # then
    assert stories.actions(order_copy) == actions
    expected = 5200 if policy == "frozen" else 700
    assert stories.target_of(order_copy).shipping_amount_cents == expected
    assert audited() == []


def _after(plan: CopyPlan) -> list[Any]:
    return [one.after for one in plan.lines]


def test_recurring_copy__digital_items_ship_nothing_and_free_ones_pay_no_fee() -> None:
    # given
    sku = SkuFactory(do_not_ship=True)
    source = a_source(lines=[{"sku": sku, "unit_amount_cents": 0, "options": 0}], shipping=False)
    one = activated(source)

    # when
    [order_copy] = renewed_now(one)

    # then
    target = stories.target_of(order_copy)
    assert target_lines(target) == [("skus", sku.code, 1, 0, 0)]
    assert stories.statuses(target) == ("placed", "free", "not_required")


def test_recurring_copy__order_without_payment_method_has_no_fee() -> None:
    # given
    one = activated(a_source(payment_source=None))

    # when
    [order_copy] = renewed_now(one)

    # then
    assert order_copy.status == "failed"
    assert [line[0] for line in target_lines(stories.target_of(order_copy))] == [
        "skus",
        "shipments",
    ]


def test_recurring_copy__costs_in_another_currency_are_those_of_the_source() -> None:
    # given
    source = a_source()
    one = activated(source)
    market = source.market
    market.currency_code, market.shipping_amount_cents = "KRW", 30000
    market.save()

    # when
    [plan] = planned(one)

    # then
    assert plan.currency_code == "EUR"
    assert [line["total_amount_cents"] for line in _after(plan)] == [4000, 700, 150]


@pytest.mark.parametrize("included", [True, False])
def test_recurring_copy__tax_is_that_of_the_order_or_of_the_source_line(included: bool) -> None:
    # given
    skus = [SkuFactory(price=1000) for _ in range(3)]
    market = subscription_market(tax_included=included)
    lines: Sequence[Any] = [
        {"sku": skus[0], "unit_amount_cents": 1000, "options": 0},
        {"sku": skus[1], "unit_amount_cents": 1000, "options": 0, "tax_rate": Decimal("0.09")},
        {"sku": skus[2], "unit_amount_cents": 1000, "options": 0, "tax_amount_cents": 0},
    ]
    source = a_source(market=market, lines=lines)
    one = activated(source)
    item = OrderSubscriptionItem(order_subscription=one, quantity=1, unit_amount_cents=1000)
    item.sku_code = SkuFactory().code
    changes.add_item(item, actor=stories.WHO)

    # when
    [order_copy] = renewed_now(one)

    # then
    target = stories.target_of(order_copy)
    taxes = list(target.line_items.order_by("pk").values_list("tax_amount_cents", flat=True))
    rates = ["0.22", "0.09", "0", "0.22"]
    assert taxes[:4] == [tax_of(1000, rate, included=included) for rate in rates]
    assert stories.amounts(target) == totals_of(target.line_items.all(), tax_included=included)
    assert audited() == []


# Prices


@pytest.mark.parametrize(
    ("policy", "price", "unit", "outcome"),
    [
        ("frozen", 2500, 2000, ("copied", "")),
        ("current", 2500, 2500, ("repriced", "current_price")),
        ("current", 1500, 1500, ("repriced", "current_price")),
        ("current", 2000, 2000, ("copied", "")),
        ("lower", 2500, 2000, ("copied", "")),
        ("lower", 1500, 1500, ("repriced", "current_price")),
    ],
)
def test_price_policy__decides_the_unit_amount(
    policy: str, price: int, unit: int, outcome: tuple[str, str]
) -> None:
    # given
    source = a_source()
    one = activated(source, price_policy=policy)
    change_price(item_of(one).sku_code, price)

    # when
    [order_copy] = renewed_now(one)

    # then
    target = stories.target_of(order_copy)
    assert target_lines(target)[0][2:] == (2, unit, 2 * unit)
    assert stories.actions(order_copy)[0] == (outcome[0], outcome[1] or None)
    assert stories.amounts(target) == totals_of(target.line_items.all(), tax_included=True)
    assert order_copy.status == "completed"
    assert audited() == []


@pytest.mark.parametrize("policy", ["current", "lower"])
def test_price_policy__missing_current_price_fails_the_copy(policy: str) -> None:
    # given
    one = activated(a_source(), price_policy=policy)
    Price.objects.update(currency_code="USD")

    # when
    [plan] = planned(one)

    # then
    assert problems(plan)[0] == ("write", "line_items", "no_price")
    assert not plan.will_write


@pytest.mark.parametrize(("percent", "drifts"), [("10", True), ("20.61", True), ("20.62", False)])
def test_max_price_increase__beyond_it_nothing_is_placed_or_charged(
    percent: str, drifts: bool
) -> None:
    # given: 48.50 were agreed, 58.50 are due now, 20.6186 % more
    source = a_source()
    one = activated(source, price_policy="current", max_price_increase_percent=Decimal(percent))
    change_price(item_of(one).sku_code, 2500)

    # when
    [order_copy] = renewed_now(one)

    # then
    target = stories.target_of(order_copy)
    assert target.total_amount_with_taxes_cents == 5850
    assert target.authorizations.exists() != drifts
    if drifts:
        [message] = order_copy.errors_log["total_amount_with_taxes_cents"]
        assert "€58.50" in message
        assert "€48.50" in message
        assert (order_copy.status, target.status) == ("failed", "pending")
    else:
        assert (order_copy.status, target.status) == ("completed", "placed")
    one.refresh_from_db()
    assert one.attention == ("price_drift" if drifts else "")
    assert audited() == []


def test_max_price_increase__counts_next_to_other_reasons_not_to_place() -> None:
    # given
    one = activated(a_source(addresses=False), price_policy="current")
    changes.update(one, {"max_price_increase_percent": Decimal(1)}, actor=stories.WHO)
    change_price(item_of(one).sku_code, 2500)

    # when
    [plan] = planned(one)

    # then
    assert [code for _step, _attribute, code in problems(plan)] == [
        "cannot_transition",
        "blank",
        "blank",
        "price_drift",
    ]


def test_max_price_increase__does_not_fail_a_copy_that_places_nothing() -> None:
    # given
    one = activated(
        a_source(),
        price_policy="current",
        max_price_increase_percent=Decimal(1),
        place_target_order=False,
    )
    change_price(item_of(one).sku_code, 2500)

    # when
    [order_copy] = renewed_now(one)

    # then
    assert order_copy.status == "completed"
    assert stories.statuses(stories.target_of(order_copy))[:2] == ("pending", "unpaid")
    assert audited() == []


def test_max_price_increase__agreed_prices_never_drift() -> None:
    # given
    one = activated(a_source(), max_price_increase_percent=0)
    change_price(item_of(one).sku_code, 9900)

    # when
    [plan] = planned(one)

    # then
    assert plan.will_complete


@pytest.mark.parametrize("attribute", ["shipping_amount_cents", "price_amount_cents"])
def test_max_price_increase__counts_shipping_and_fee(attribute: str) -> None:
    # given: 48.50 were agreed
    source = a_source()
    one = activated(source, price_policy="current", max_price_increase_percent=Decimal(10))
    row = source.market if attribute == "shipping_amount_cents" else source.payment_method
    setattr(row, attribute, getattr(row, attribute) + 486)
    row.save()

    # when
    [plan] = planned(one)

    # then
    assert problems(plan)[-1] == ("place", "total_amount_with_taxes_cents", "price_drift")


def test_max_price_increase__counts_shipping_that_was_free() -> None:
    # given: below 40.00 the market charges shipping
    market = subscription_market(shipping_cost_cutoff_cents=4000)
    one = activated(
        a_source(market=market), price_policy="current", max_price_increase_percent=Decimal(1)
    )
    change_price(item_of(one).sku_code, 1999)

    # when
    [plan] = planned(one)

    # then
    assert shown(plan)[1] == ("repriced", "cost_recomputed", 0, 700)
    assert problems(plan) == [
        ("place", "status", "cannot_transition"),
        ("place", "total_amount_with_taxes_cents", "price_drift"),
    ]
    assert plan.target_totals["total_amount_with_taxes_cents"] == 4848


def test_price_policy__fee_goes_when_nothing_is_left_to_pay() -> None:
    # given
    sku = SkuFactory(do_not_ship=True, price=2000)
    one = activated(a_source(lines=[{"sku": sku, "options": 0}]), price_policy="current")
    change_price(sku.code, 0)

    # when
    [plan] = planned(one)

    # then
    assert shown(plan) == [
        ("repriced", "current_price", 2000, 0),
        ("skipped", "cost_not_needed", 700, None),
        ("skipped", "cost_not_needed", 150, None),
    ]


def test_price_policy__fee_comes_when_something_is_to_pay() -> None:
    # given
    sku = SkuFactory(do_not_ship=True, price=2000)
    line = {"sku": sku, "unit_amount_cents": 0, "options": 0}
    source = a_source(lines=[line], shipping=False, payment_fee=False)
    one = activated(source, price_policy="current")

    # when
    [plan] = planned(one)

    # then
    assert shown(plan) == [
        ("repriced", "current_price", 0, 2000),
        ("added", "cost_added", None, 150),
    ]


# The wallet


def saved_source(source: Order, **values: Any) -> CustomerPaymentSource:
    """Save another payment source in the wallet of the order's customer."""
    return CustomerPaymentSource.objects.create(
        customer=source.customer, payment_source=PaymentSourceFactory(**values)
    )


def test_wallet__named_entry_pays() -> None:
    # given
    source = a_source()
    entry = saved_source(source)
    one = activated(source, customer_payment_source_key=str(entry.pk))

    # when
    [order_copy] = renewed_now(one)

    # then
    assert order_copy.status == "completed"
    assert stories.target_of(order_copy).payment_source == entry.payment_source
    assert audited() == []


def test_wallet__named_entry_pays_the_copies_of_a_manual_subscription() -> None:
    # given
    sources = [placed_order(), placed_order()]
    entries = [
        saved_source(source, token=token)
        for source, token in zip(sources, ["good", "declined"], strict=True)
    ]
    subscriptions = [
        activated(source, customer_payment_source_key=str(entry.pk))
        for source, entry in zip(sources, entries, strict=True)
    ]

    # when
    order_copies = renewed_now(*subscriptions)

    # then
    targets = [stories.target_of(order_copy) for order_copy in order_copies]
    assert {order_copy.type for order_copy in order_copies} == {Kind.ORDER_COPIES}
    assert [order_copy.status for order_copy in order_copies] == ["completed", "failed"]
    assert [target.status for target in targets] == ["placed", "pending"]
    assert [target.payment_source for target in targets] == [
        entry.payment_source for entry in entries
    ]
    assert [target.authorizations.count() for target in targets] == [1, 0]
    assert audited() == []


def test_wallet__unusable_entry_of_a_manual_subscription_is_not_replaced() -> None:
    # given
    source = placed_order()
    entry = saved_source(source)
    one = activated(source, customer_payment_source_key=str(entry.pk))
    entry.delete()

    # when
    [order_copy] = renewed_now(one)

    # then
    target = stories.target_of(order_copy)
    assert (order_copy.status, target.status, target.payment_source) == ("failed", "pending", None)
    assert stories.actions(order_copy, "payment_source") == [("skipped", "not_in_wallet")]
    assert audited() == []


@pytest.mark.parametrize("fault", ["deleted", "expired", "foreign", "never existed", "not reused"])
def test_wallet__unusable_entry_leaves_the_target_pending(fault: str) -> None:
    # given
    source = a_source()
    entry = saved_source(source)
    one = activated(source, customer_payment_source_key=str(entry.pk))
    match fault:
        case "deleted":
            entry.delete()
        case "expired":
            entry.payment_source.expires_at = timezone.now()
            entry.payment_source.save()
        case "foreign":
            entry.customer = CustomerFactory()
            entry.save()
        case "never existed":
            OrderSubscription.objects.update(customer_payment_source_key="9" * 60)

    # when
    if fault == "not reused":
        [plan] = planned(one, reuse_wallet=False)
        assert problems(plan)[-1] == ("place", "payment_source", "blank")
        return
    [order_copy] = renewed_now(one)

    # then
    target = stories.target_of(order_copy)
    assert (order_copy.status, target.status, target.payment_source) == ("failed", "pending", None)
    assert sorted(order_copy.errors_log) == ["payment_source", "status"]
    assert not target.authorizations.exists()
    assert stories.actions(order_copy, "payment_source")[0][0] == "skipped"
    assert audited() == []


def test_wallet__payment_source_of_the_source_order_must_still_be_saved() -> None:
    # given
    one = activated(a_source())
    CustomerPaymentSource.objects.all().delete()

    # when
    [plan] = planned(one)

    # then
    assert problems(plan)[-1] == ("place", "payment_source", "blank")
    assert [one.code for one in plan.outcomes if one.attribute == "payment_source"] == [
        "not_in_wallet"
    ]


def test_planned_for__decides_what_has_expired() -> None:
    # given
    now = timezone.now()
    expires = now + timedelta(days=10)
    coupon = CouponFactory(expires_at=expires)
    recurring = activated(a_source(payment_source=PaymentSourceFactory(expires_at=expires)))
    manual = placed_order(coupon=coupon)

    # when
    def codes(instant: Any) -> list[list[str]]:
        order_copy = OrderCopy(source_order=manual)
        order_copy.planned_for = instant
        [copied] = get_shop().plan([order_copy])
        [plan] = planned(recurring, planned_for=instant)
        return [[one.code for one in found.problems] for found in (plan, copied)]

    # then
    assert codes(None) == codes(expires - timedelta(seconds=1)) == [[], []]
    assert codes(expires) == [["cannot_transition", "blank"], ["coupon_expired"]]


# The batch


def test_recurring_copy__without_its_subscription_copies_nothing() -> None:
    # given
    order_copy = RecurringOrderCopy(source_order=a_source(), type=Kind.RECURRING_ORDER_COPIES)

    # when
    [plan] = get_shop().plan([order_copy])

    # then
    assert problems(plan) == [("write", "order_subscription", "gone")]
    assert (plan.lines, plan.will_write) == ([], False)


def test_plan__bundles_are_not_sold() -> None:
    # given
    one = activated(a_source())
    one.order_subscription_items.update(sku_code="", bundle_code="SET", name="The set")

    # when
    [plan] = planned(one)

    # then
    assert problems(plan)[0] == ("write", "line_items", "sku_gone")


def test_plan__query_count_is_constant_and_lower_without_recurring_copies() -> None:
    """SELECT orders, markets, payment methods, payment sources, lines, options, addresses, SKUs
    with stock, reservations, promotions, wallets. With recurring copies also: subscriptions, their
    items, named entries of wallets, prices. With copies of manual subscriptions also: subscriptions
    and named entries of wallets.
    """

    # given
    def subscriptions(count: int) -> list[OrderSubscription]:
        sources = [a_source() for _ in range(count)]
        return [
            activated(
                source,
                price_policy="lower",
                customer_payment_source_key=str(saved_source(source).pk),
            )
            for source in sources
        ]

    def cost(order_copies: Sequence[OrderFactory]) -> int:
        with CaptureQueriesContext(connection) as queries:
            plans = get_shop().plan(order_copies)
        assert all(plan.will_complete for plan in plans)
        return len(queries)

    few, many = subscriptions(1), subscriptions(20)
    ordinary = [OrderCopy(source_order=placed_order(lines=1)) for _ in range(3)]
    manual = [
        OrderCopy(
            source_order=source,
            order_subscription=activated(
                source, customer_payment_source_key=str(saved_source(source).pk)
            ),
        )
        for source in [placed_order(lines=1) for _ in range(3)]
    ]

    # when
    costs = [cost([_copy(one) for one in ones]) for ones in (few, many)]
    mixed = cost([*ordinary, *(_copy(one) for one in few)])

    # then
    assert costs[0] == costs[1] == mixed == cost(ordinary) + 4
    assert cost(manual) == cost(ordinary) + 2


def _copy(one: OrderSubscription) -> OrderFactory:
    return OrderFactory(
        type=Kind.RECURRING_ORDER_COPIES,
        source_order_id=one.source_order_id,
        order_subscription=one,
        place_target_order=True,
    )


def test_plan_digest__is_the_same_for_each_plan_of_the_same_copy() -> None:
    # given
    one = activated(a_source(), price_policy="current", max_price_increase_percent=Decimal(5))

    # when
    digests = {planned(one)[0].digest for _ in range(2)}
    change_price(item_of(one).sku_code, 2001)
    digests |= {planned(one)[0].digest}

    # then
    assert len(digests) == 2


def test_audit__recurring_target_with_other_amounts_is_reported() -> None:
    # given
    [order_copy] = renewed_now(activated(a_source(coupon=CouponFactory(), lines=3)))
    target = stories.target_of(order_copy)
    as_left = {"updated_at": order_copy.completed_at}
    assert audited() == []

    # when
    Order.objects.filter(pk=target.pk).update(
        total_amount_cents=1, subtotal_amount_cents=1, coupon_code="X", **as_left
    )

    # then
    found = {code for code, _subject in audited()}
    assert {"totals_differ", "belongings_differ"} <= found
