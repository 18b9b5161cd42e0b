"""Story: an unavailable line fails the copy, or is skipped with an outcome (skip_errors)."""

from collections.abc import Callable
from typing import Any

import pytest

from order_copies.models import Status
from orders.models import Order, PaymentMethod, Sku, StockItem
from tests import stories
from tests.factories import (
    LineItemFactory,
    MarketFactory,
    PromotionFactory,
    SkuFactory,
    pending_order,
    placed_order,
    settle,
    tax_of,
    totals_of,
)

pytestmark = pytest.mark.django_db


def deleted(sku: Sku) -> None:
    sku.delete()


def off_sale(sku: Sku) -> None:
    Sku.objects.filter(pk=sku.pk).update(on_sale=False)


def sold_out(sku: Sku) -> None:
    StockItem.objects.filter(sku=sku).update(quantity=0)


def held_by_others(sku: Sku) -> None:
    stock_item = StockItem.objects.get(sku=sku)
    StockItem.objects.filter(sku=sku).update(reserved=stock_item.quantity)


def never_stocked(sku: Sku) -> None:
    StockItem.objects.filter(sku=sku).delete()


UNAVAILABLE = [deleted, off_sale, sold_out, held_by_others, never_stocked]

MakeUnavailable = Callable[[Sku], None]


def two_lines(**arguments: Any) -> tuple[Order, Sku]:
    """Create a pending order of two SKUs, 4000 and 2000 cents; return it and the second SKU."""
    sku = SkuFactory()
    lines = [
        {"unit_amount_cents": 2000, "quantity": 2, "options": 0},
        {"sku": sku, "unit_amount_cents": 1000, "quantity": 2, "options": 0},
    ]
    return pending_order(**{"lines": lines} | arguments), sku


@pytest.mark.parametrize("make_unavailable", UNAVAILABLE)
def test_unavailable_line__fails_the_copy_without_a_target(
    make_unavailable: MakeUnavailable,
) -> None:
    # given
    source, sku = two_lines()
    make_unavailable(sku)

    # when
    order_copy = stories.copied(source)

    # then
    assert stories.ending(order_copy) == (Status.FAILED, {"line_items": 1}, 1)
    assert sku.code in order_copy.errors_log["line_items"][0]
    assert order_copy.target_order is None
    assert Order.objects.count() == 1
    assert {outcome["target_line_item"] for outcome in order_copy.outcomes} == {None}
    assert [outcome["action"] for outcome in order_copy.outcomes][:2] == ["copied", "skipped"]


@pytest.mark.parametrize("make_unavailable", UNAVAILABLE)
def test_unavailable_line__skipped_with_an_outcome_under_skip_errors(
    make_unavailable: MakeUnavailable,
) -> None:
    # given
    source, sku = two_lines()
    make_unavailable(sku)

    # when
    order_copy = stories.copied(source, skip_errors=True)

    # then
    target = stories.target_of(order_copy)
    assert stories.ending(order_copy) == (Status.COMPLETED, {"line_items": 1}, 1)
    assert sku.code in order_copy.errors_log["line_items"][0]
    assert stories.lines(target) == [
        ("skus", 2, 4000),
        ("shipments", 1, 700),
        ("payment_methods", 1, 150),
    ]
    assert stories.amounts(target) == totals_of(target.line_items.all(), tax_included=True)
    skipped = order_copy.outcomes[1]
    assert (skipped["action"], skipped["source_line_item"], skipped["target_line_item"]) == (
        "skipped",
        source.line_items.all()[1].public_id,
        None,
    )
    assert skipped["code"]
    assert skipped["message"]
    assert skipped["after"] is None


def test_short_stock__reduces_the_line_under_skip_errors() -> None:
    # given
    sku = SkuFactory(stock=3)
    line = {"sku": sku, "quantity": 5, "unit_amount_cents": 333, "options": 1}
    source = pending_order(lines=[line, {}])

    # when
    order_copy = stories.copied(source, skip_errors=True)

    # then
    target = stories.target_of(order_copy)
    reduced = target.line_items.all()[0]
    assert stories.ending(order_copy) == (Status.COMPLETED, {"line_items": 1}, 1)
    assert (reduced.quantity, reduced.unit_amount_cents, reduced.total_amount_cents) == (
        3,
        333,
        3 * 333 + 300,
    )
    assert reduced.tax_amount_cents == tax_of(reduced.total_amount_cents, "0.22", included=True)
    assert reduced.line_item_options.count() == 1
    assert stories.amounts(target) == totals_of(target.line_items.all(), tax_included=True)
    assert order_copy.outcomes[0]["action"] == "reduced"
    assert order_copy.outcomes[0]["before"]["quantity"] == 5
    assert order_copy.outcomes[0]["after"]["quantity"] == 3


def test_short_stock__fails_the_copy() -> None:
    # given
    source = pending_order(lines=[{"sku": SkuFactory(stock=3), "quantity": 5}])

    # when
    order_copy = stories.copied(source)

    # then
    assert stories.ending(order_copy) == (Status.FAILED, {"line_items": 1}, 1)
    assert order_copy.target_order is None


def test_short_stock__lines_of_one_sku_are_served_in_order() -> None:
    # given
    sku = SkuFactory(stock=4)
    source = pending_order(
        lines=[{"sku": sku, "quantity": 3}, {"sku": sku, "quantity": 3}, {"sku": sku}]
    )

    # when
    order_copy = stories.copied(source, skip_errors=True)

    # then
    quantities = [quantity for kind, quantity, _ in stories.lines(stories.target_of(order_copy))]
    assert [action for action, _ in stories.actions(order_copy)][:3] == [
        "copied",
        "reduced",
        "skipped",
    ]
    assert quantities[:2] == [3, 1]


def test_short_stock__pieces_reserved_by_the_source_are_available_to_a_swap_only() -> None:
    # given
    source = placed_order(lines=[{"sku": SkuFactory(stock=2), "quantity": 2}, {}])

    # when
    second, swap = (
        stories.copied(source, place_target_order=True, cancel_source_order=cancel)
        for cancel in (False, True)
    )

    # then
    assert stories.ending(second) == (Status.FAILED, {"line_items": 1}, 1)
    assert stories.ending(swap) == (Status.COMPLETED, {}, 0)


@pytest.mark.parametrize("make_unavailable", UNAVAILABLE)
def test_skip_errors__copy_without_a_sellable_line_fails(make_unavailable: MakeUnavailable) -> None:
    # given
    sku = SkuFactory()
    source = pending_order(lines=[{"sku": sku}, {"sku": sku}])
    make_unavailable(sku)

    # when
    order_copy = stories.copied(source, skip_errors=True)

    # then
    assert order_copy.status == Status.FAILED
    assert list(order_copy.errors_log) == ["line_items"]
    assert order_copy.errors_count == len(order_copy.errors_log["line_items"]) > 0
    assert order_copy.target_order is None
    assert Order.objects.count() == 1


def test_skip_errors__gift_card_line_is_sellable() -> None:
    # given
    sku = SkuFactory()
    source = pending_order(lines=[{"sku": sku}])
    LineItemFactory(order=source, sku=None, item_type="gift_cards", unit_amount_cents=5000)
    settle(source)
    off_sale(sku)

    # when
    order_copy = stories.copied(source, skip_errors=True)

    # then
    assert stories.ending(order_copy) == (Status.COMPLETED, {"line_items": 1}, 1)
    assert ("gift_cards", 1, 5000) in stories.lines(stories.target_of(order_copy))


def test_untracked_stock__never_runs_out() -> None:
    source = pending_order(
        lines=[{"sku": SkuFactory(do_not_track=True, stock=0), "quantity": 1000}]
    )

    order_copy = stories.copied(source)

    assert stories.ending(order_copy) == (Status.COMPLETED, {}, 0)


# Amounts that depend on skipped lines are recalculated


def test_discounts__scaled_to_the_lines_that_remain() -> None:
    # given
    source, sku = two_lines(
        promotions=[PromotionFactory(percentage=10), PromotionFactory(fixed_amount=True)]
    )
    off_sale(sku)

    # when
    order_copy = stories.copied(source, skip_errors=True)

    # then
    target = stories.target_of(order_copy)
    assert stories.lines(target)[-2:] == [
        ("percentage_discount_promotions", 1, -400),
        ("fixed_amount_promotions", 1, -333),
    ]
    assert stories.amounts(target) == totals_of(target.line_items.all(), tax_included=True)
    assert [action for action, _ in stories.actions(order_copy)][-2:] == ["repriced"] * 2


def test_discounts__scaled_when_a_line_is_reduced() -> None:
    # given
    sku = SkuFactory(stock=1)
    source = pending_order(
        lines=[{"sku": sku, "quantity": 2, "options": 0}],
        promotions=[PromotionFactory(percentage=25)],
    )

    # when
    target = stories.target_of(stories.copied(source, skip_errors=True))

    # then
    assert stories.lines(target)[-1] == ("percentage_discount_promotions", 1, -500)


def test_shipping__stays_as_chosen_when_lines_are_skipped() -> None:
    # given
    market = MarketFactory(shipping_amount_cents=700, shipping_cost_cutoff_cents=5000)
    source, sku = two_lines(market=market, promotions=[PromotionFactory(free_shipping=True)])
    assert source.shipping_amount_cents == 0
    market.shipping_amount_cents = 900
    market.save()
    off_sale(sku)

    # when
    target = stories.target_of(stories.copied(source, skip_errors=True))

    # then
    assert stories.lines(target) == [
        ("skus", 2, 4000),
        ("shipments", 1, 0),
        ("payment_methods", 1, 150),
        ("free_shipping_promotions", 1, 0),
    ]
    assert target.total_amount_cents == 4150


def test_free_shipping__stays_with_its_shipping() -> None:
    # given
    source, sku = two_lines(promotions=[PromotionFactory(free_shipping=True)])
    off_sale(sku)

    # when
    target = stories.target_of(stories.copied(source, skip_errors=True))

    # then
    assert stories.lines(target)[1:] == [
        ("shipments", 1, 700),
        ("payment_methods", 1, 150),
        ("free_shipping_promotions", 1, -700),
    ]
    assert target.total_amount_cents == 4150


def test_shipping__dropped_when_no_remaining_line_is_shipped() -> None:
    # given
    to_ship = SkuFactory()
    source = pending_order(
        lines=[{"sku": SkuFactory(do_not_ship=True)}, {"sku": to_ship}],
        promotions=[PromotionFactory(free_shipping=True)],
    )
    off_sale(to_ship)

    # when
    target = stories.target_of(stories.copied(source, skip_errors=True))

    # then
    assert target.shipping_amount_cents == target.discount_amount_cents == 0
    assert "shipments" not in stories.lines(target, "item_type")
    assert target.fulfillment_status == "not_required"


def test_payment_fee__stays_as_chosen_when_lines_are_skipped() -> None:
    # given
    source, sku = two_lines()
    PaymentMethod.objects.update(price_amount_cents=300)
    off_sale(sku)

    # when
    target = stories.target_of(stories.copied(source, skip_errors=True))

    # then
    assert stories.lines(target)[-1] == ("payment_methods", 1, 150)
    assert stories.amounts(target) == totals_of(target.line_items.all(), tax_included=True)


def test_apply_promotions__calculated_on_the_lines_that_remain() -> None:
    # given
    promotion = PromotionFactory(percentage=10)
    source, sku = two_lines(promotions=[promotion, PromotionFactory(expired=True)])
    off_sale(sku)

    # when
    order_copy = stories.copied(source, skip_errors=True, apply_promotions=True)

    # then
    target = stories.target_of(order_copy)
    assert stories.lines(target)[-1] == ("percentage_discount_promotions", 1, -400)
    assert target.discount_amount_cents == -400


def test_skip_errors__nothing_is_recalculated_when_no_line_is_skipped() -> None:
    # given
    source, _ = two_lines(promotions=[PromotionFactory()])
    source.market.shipping_amount_cents = 9999
    source.market.save()
    PaymentMethod.objects.update(price_amount_cents=9999)

    # when
    order_copy = stories.copied(source, skip_errors=True)

    # then
    assert stories.ending(order_copy) == (Status.COMPLETED, {}, 0)
    assert stories.contents(stories.target_of(order_copy)) == stories.contents(source)


def test_skip_errors__target_of_the_remaining_lines_is_placed() -> None:
    # given
    source, sku = two_lines()
    off_sale(sku)

    # when
    order_copy = stories.copied(source, skip_errors=True, place_target_order=True)

    # then
    target = stories.target_of(order_copy)
    assert stories.ending(order_copy) == (Status.COMPLETED, {"line_items": 1}, 1)
    assert stories.statuses(target) == ("placed", "authorized", "unfulfilled")
    assert target.authorizations.get().amount_cents == 4850
