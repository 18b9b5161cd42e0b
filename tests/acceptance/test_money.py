"""Story: recalculated amounts are correct to the cent.

Each test is a former bug with its correct amounts. Tests with the fixture ``market`` run with tax
included and on top, in currencies with 0, 2 and 3 decimals.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from order_copies.models import OrderFactory, Status
from orders.models import (
    Authorization,
    Coupon,
    CouponUse,
    LineItem,
    Market,
    Order,
    PaymentMethod,
    Promotion,
    Sku,
    StockItem,
)
from tests import stories
from tests.factories import (
    CouponFactory,
    LineItemFactory,
    LineItemOptionFactory,
    MarketFactory,
    PromotionFactory,
    SkuFactory,
    pending_order,
    placed_order,
    settle,
    totals_of,
)

pytestmark = pytest.mark.django_db

MakeMarket = Callable[..., Market]


@pytest.fixture(params=["EUR", "JPY", "KWD"])
def currency(request: pytest.FixtureRequest) -> str:
    """A currency with 2, 0 or 3 decimals."""
    return str(request.param)


@pytest.fixture(params=[True, False], ids=["tax included", "tax on top"])
def market(request: pytest.FixtureRequest, currency: str) -> MakeMarket:
    """A function that creates markets of the currency, with tax included or on top."""

    def make(**attributes: Any) -> Market:
        return MarketFactory(
            **{"currency_code": currency, "tax_included": request.param} | attributes
        )

    return make


def items(*amounts: int) -> list[dict[str, Any]]:
    """Return lines of one piece each, without options."""
    return [{"sku": SkuFactory(), "unit_amount_cents": amount, "options": 0} for amount in amounts]


def bare(lines: list[dict[str, Any]], market: Market, **arguments: Any) -> dict[str, Any]:
    """Return the arguments of an order with these lines, without shipping and fee."""
    defaults = {"lines": lines, "market": market, "shipping": False, "payment_fee": False}
    return defaults | arguments


def off_sale(line: dict[str, Any]) -> None:
    Sku.objects.filter(pk=line["sku"].pk).update(on_sale=False)


def set_stock(line: dict[str, Any], pieces: int) -> None:
    StockItem.objects.filter(sku=line["sku"]).update(quantity=pieces)


def discount_lines(order: Order) -> list[LineItem]:
    return list(order.line_items.filter(item_type__endswith="_promotions"))


def codes(order_copy: OrderFactory) -> set[str | None]:
    return {outcome["code"] for outcome in order_copy.outcomes}


def adds_up(order: Order) -> bool:
    return stories.amounts(order) == totals_of(
        order.line_items.all(), tax_included=order.tax_included
    )


# Recalculated promotions


def test_free_shipping__two_promotions_waive_the_shipping_once(market: MakeMarket) -> None:
    # given
    lines = items(2000)
    source = pending_order(lines=lines, payment_fee=False, market=market())
    PromotionFactory(free_shipping=True)
    PromotionFactory(free_shipping=True)

    # when
    target = stories.target_of(stories.copied(source, apply_promotions=True))

    # then
    assert [line.total_amount_cents for line in discount_lines(target)] == [-700]
    assert target.total_amount_cents == 2000
    assert adds_up(target)


@pytest.mark.parametrize("rate", ["0.05", "0.22", "0.0725"])
def test_hundred_percent_off__total_is_zero_and_the_order_is_free(
    market: MakeMarket, rate: str
) -> None:
    # given
    source = pending_order(**bare(items(103, 107, 109), market(tax_rate=Decimal(rate))))
    PromotionFactory(percentage=100)

    # when
    target = stories.target_of(
        stories.copied(source, apply_promotions=True, place_target_order=True)
    )

    # then
    assert stories.statuses(target) == ("placed", "free", "unfulfilled")
    assert target.total_amount_with_taxes_cents == 0
    assert target.total_tax_amount_cents == 0
    assert not target.authorizations.exists()


def test_hundred_percent_off__fee_goes_when_nothing_is_left_to_pay(market: MakeMarket) -> None:
    # given
    source = pending_order(lines=items(1000), shipping=False, market=market())
    PromotionFactory(percentage=100)

    # when
    order_copy = stories.copied(source, apply_promotions=True, place_target_order=True)

    # then
    target = stories.target_of(order_copy)
    assert stories.statuses(target) == ("placed", "free", "unfulfilled")
    assert "payment_not_needed" in codes(order_copy)


def test_mixed_rates__tax_of_a_discount_is_allocated_over_the_lines() -> None:
    # given
    market = MarketFactory(tax_included=True, tax_rate=Decimal("0.2"))
    at_20 = {"quantity": 16, "unit_amount_cents": 614, "tax_rate": Decimal("0.2"), "options": 0}
    at_9 = {"quantity": 9, "unit_amount_cents": 1115, "tax_rate": Decimal("0.09"), "options": 0}
    source = pending_order(**bare([at_20, at_9], market))
    PromotionFactory(fixed_amount=True, fixed_amount_cents=10000)

    # when
    target = stories.target_of(stories.copied(source, apply_promotions=True))

    # then
    [discount] = discount_lines(target)
    assert (discount.total_amount_cents, discount.tax_amount_cents) == (-10000, -1242)
    assert target.total_tax_amount_cents in {1224, 1225}


def test_gift_card_that_is_sold__not_discounted(market: MakeMarket) -> None:
    # given
    source = pending_order(**bare(items(1000), market()))
    LineItemFactory(order=source, sku=None, item_type="gift_cards", unit_amount_cents=5000)
    settle(source)
    PromotionFactory(percentage=50)

    # when
    target = stories.target_of(stories.copied(source, apply_promotions=True))

    # then
    assert target.discount_amount_cents == -500


def test_fixed_amount__promotion_in_another_currency_is_not_used(currency: str) -> None:
    # given
    other = MarketFactory(currency_code="CHF")
    source = pending_order(**bare(items(1000), other, currency_code=currency))
    PromotionFactory(fixed_amount=True, market=other)
    PromotionFactory(fixed_amount=True, currency_code="CHF")
    ours = PromotionFactory(fixed_amount=True, fixed_amount_cents=30, currency_code=currency)

    # when
    target = stories.target_of(stories.copied(source, apply_promotions=True))

    # then
    assert [line.promotion for line in discount_lines(target)] == [ours]
    assert target.total_amount_cents == 970


def test_exclusive_promotion__without_effect_keeps_no_other_from_applying() -> None:
    # given
    source = pending_order(**bare(items(1000), MarketFactory()))
    PromotionFactory(free_shipping=True, exclusive=True)
    PromotionFactory(percentage=10)

    # when
    target = stories.target_of(stories.copied(source, apply_promotions=True))

    # then
    assert target.discount_amount_cents == -100


# Lines that are left out or reduced


def test_frozen_discounts__scaled_together_by_largest_remainder(market: MakeMarket) -> None:
    # given
    lines = items(667, 333)
    promotions = [PromotionFactory(fixed_amount=True, fixed_amount_cents=250) for _ in range(4)]
    source = placed_order(**bare(lines, market(), promotions=promotions, authorized=False))
    off_sale(lines[0])

    # when
    order_copy = stories.copied(source, skip_errors=True, place_target_order=True)

    # then
    target = stories.target_of(order_copy)
    assert target.discount_amount_cents == -333
    assert target.total_amount_with_taxes_cents == 0
    assert stories.statuses(target) == ("placed", "free", "unfulfilled")
    assert not target.authorizations.exists()


def negative(market: Market, **arguments: Any) -> tuple[Order, dict[str, Any]]:
    """Create a placed order whose adjustment exceeds the total without its second line."""
    lines = items(1000, 5000)
    source = placed_order(
        lines=lines, market=market, payment_fee=False, authorized=False, **arguments
    )
    LineItemFactory(order=source, sku=None, item_type="adjustments", unit_amount_cents=-4000)
    settle(source)
    off_sale(lines[1])
    return source, lines[1]


@pytest.mark.parametrize("place", [True, False])
def test_negative_total__target_is_not_placed_and_source_stays(
    market: MakeMarket, place: bool
) -> None:
    # given
    source, _ = negative(market())

    # when
    order_copy = stories.copied(
        source, place_target_order=place, cancel_source_order=True, skip_errors=True
    )

    # then
    target = stories.target_of(order_copy)
    assert target.status == "pending"
    assert target.total_amount_cents == -2300
    assert stories.statuses(source)[0] == "placed"
    assert "total_amount_with_taxes_cents" in order_copy.errors_log


def test_negative_total__order_is_not_placed_by_hand(market: MakeMarket) -> None:
    # given
    source, _ = negative(market())
    target = stories.target_of(stories.copied(source, skip_errors=True))

    # when
    [problems] = stories.placed_by_hand(target)

    # then
    assert {problem.code for problem in problems} == {"cannot_transition", "negative_total"}
    assert stories.statuses(target)[:2] == ("pending", "unpaid")


def test_shipping__stays_in_the_currency_of_the_order() -> None:
    # given
    market = MarketFactory(shipping_amount_cents=700)
    lines = items(1000, 2000)
    source = pending_order(lines=lines, market=market)
    Market.objects.update(currency_code="KRW", shipping_amount_cents=30000)
    off_sale(lines[1])

    # when
    target = stories.target_of(stories.copied(source, skip_errors=True))

    # then
    assert (target.currency_code, target.shipping_amount_cents) == ("EUR", 700)


@pytest.mark.parametrize(
    ("line", "pieces", "total"),
    [
        ({"quantity": 2, "unit_amount_cents": 4800, "total_amount_cents": 7680}, 1, 3840),
        ({"quantity": 5, "unit_amount_cents": 333}, 3, 999),
        ({"quantity": 3, "unit_amount_cents": 100, "total_amount_cents": 200}, 2, 133),
    ],
)
def test_reduced_line__keeps_its_discount_in_proportion(
    market: MakeMarket, line: dict[str, Any], pieces: int, total: int
) -> None:
    # given
    line = {"sku": SkuFactory(), "options": 0} | line
    source = pending_order(**bare([line], market()))
    set_stock(line, pieces)

    # when
    target = stories.target_of(stories.copied(source, skip_errors=True))

    # then
    [reduced] = target.line_items.all()
    assert (reduced.quantity, reduced.total_amount_cents) == (pieces, total)
    assert reduced.unit_amount_cents == line["unit_amount_cents"]
    assert adds_up(target)


def test_reduced_line__exempt_line_stays_exempt(market: MakeMarket) -> None:
    # given
    line = items(500)[0] | {"quantity": 3, "tax_amount_cents": 0}
    source = pending_order(**bare([line], market()))
    set_stock(line, 1)

    # when
    target = stories.target_of(stories.copied(source, skip_errors=True))

    # then
    assert target.total_tax_amount_cents == 0
    assert target.total_amount_with_taxes_cents == 500


def test_reduced_line__options_of_each_piece_shrink_and_others_stay(market: MakeMarket) -> None:
    # given
    options = [
        {"quantity": 10, "unit_amount_cents": 300},
        {"quantity": 1, "unit_amount_cents": 900},
    ]
    line = items(1000)[0] | {"quantity": 10, "options": options}
    source = pending_order(**bare([line], market()))
    set_stock(line, 3)

    # when
    target = stories.target_of(stories.copied(source, skip_errors=True))

    # then
    [reduced] = target.line_items.all()
    rows = reduced.line_item_options.values_list("quantity", "unit_amount_cents")
    totals = reduced.line_item_options.values_list("total_amount_cents", flat=True)
    assert list(rows) == [(3, 300), (1, 900)]
    assert list(totals) == [900, 900]
    assert reduced.options_amount_cents == 1800
    assert reduced.total_amount_cents == 3 * 1000 + 1800


def test_reduced_line__source_keeps_its_options() -> None:
    # given
    line = items(1000)[0] | {"quantity": 10, "options": [{"quantity": 10}]}
    source = pending_order(**bare([line], MarketFactory()))
    before = stories.every_byte(source)
    set_stock(line, 3)

    # when
    stories.copied(source, skip_errors=True)

    # then
    assert stories.every_byte(source) == before


def test_shipments__all_stay_as_they_were_chosen(market: MakeMarket) -> None:
    # given
    lines = items(100, 90000)
    source = pending_order(**bare(lines, market()))
    for name, amount in [("Express", 1500), ("Pallet", 4500)]:
        LineItemFactory(
            order=source, sku=None, item_type="shipments", name=name, unit_amount_cents=amount
        )
    settle(source)
    off_sale(lines[0])

    # when
    target = stories.target_of(stories.copied(source, skip_errors=True))

    # then
    shipments = target.line_items.filter(item_type="shipments")
    assert list(shipments.values_list("name", "total_amount_cents")) == [
        ("Express", 1500),
        ("Pallet", 4500),
    ]


def imported(market: Market) -> tuple[Order, dict[str, Any]]:
    """Create an order whose totals include shipping and a discount that are in no line."""
    lines = items(2000, 3000)
    source = pending_order(**bare(lines, market))
    source.shipping_amount_cents = 700
    source.discount_amount_cents = -1000
    source.total_amount_cents -= 300
    source.total_amount_with_taxes_cents -= 300
    source.save()
    return source, lines[0]


def test_amount_without_line__frozen_copy_carries_it_over(market: MakeMarket) -> None:
    # given
    source, _ = imported(market())

    # when
    target = stories.target_of(stories.copied(source))

    # then
    assert stories.amounts(target) == stories.amounts(source)


def test_amount_without_line__fails_the_copy_when_lines_change(market: MakeMarket) -> None:
    # given
    source, line = imported(market())
    off_sale(line)

    # when
    order_copy = stories.copied(source)

    # then
    assert order_copy.status == Status.FAILED
    assert order_copy.errors_log.keys() == {"line_items", "shipping_amount", "discount_amount"}
    assert order_copy.target_order is None


def test_amount_without_line__left_out_with_an_outcome_under_skip_errors(
    market: MakeMarket,
) -> None:
    # given
    source, line = imported(market())
    off_sale(line)

    # when
    order_copy = stories.copied(source, skip_errors=True)

    # then
    target = stories.target_of(order_copy)
    dropped = {
        outcome["attribute"]: (outcome["before"], outcome["after"])
        for outcome in order_copy.outcomes
        if outcome["code"] == "amount_without_line"
    }
    assert dropped == {
        "shipping_amount": ({"shipping_amount_cents": 700}, {"shipping_amount_cents": 0}),
        "discount_amount": ({"discount_amount_cents": -1000}, {"discount_amount_cents": 0}),
    }
    assert target.total_amount_cents == 3000
    assert adds_up(target)


def test_amount_without_line__shipping_stays_when_only_promotions_change(
    market: MakeMarket,
) -> None:
    # given
    source, _ = imported(market())
    source.discount_amount_cents = 0
    source.total_amount_cents += 1000
    source.total_amount_with_taxes_cents += 1000
    source.save()
    PromotionFactory(percentage=10)

    # when
    order_copy = stories.copied(source, apply_promotions=True)

    # then
    target = stories.target_of(order_copy)
    assert stories.ending(order_copy) == (Status.COMPLETED, {}, 0)
    assert (target.shipping_amount_cents, target.discount_amount_cents) == (700, -500)
    assert target.total_amount_cents == 5000 + 700 - 500


# Coupons


def test_coupon__without_effect_is_neither_used_nor_left_on_the_target(market: MakeMarket) -> None:
    # given
    coupon = CouponFactory(usage_limit=1)
    source = pending_order(**bare(items(1000), market(), coupon=coupon))
    PromotionFactory(percentage=5, exclusive=True)

    # when
    order_copy = stories.copied(source, apply_promotions=True, place_target_order=True)

    # then
    target = stories.target_of(order_copy)
    coupon.refresh_from_db()
    assert (target.status, target.coupon_code, target.discount_amount_cents) == ("placed", "", -50)
    assert (coupon.usage_count, CouponUse.objects.count()) == (0, 0)
    assert stories.actions(order_copy, "coupon_code") == [("skipped", "coupon_without_effect")]


def test_coupon__without_effect_is_not_used_by_an_order_placed_by_hand() -> None:
    # given
    coupon = CouponFactory()
    order = pending_order(**bare(items(1000), MarketFactory()))
    Order.objects.filter(pk=order.pk).update(coupon_code=coupon.code)

    # when
    [problems] = stories.placed_by_hand(order)

    # then
    coupon.refresh_from_db()
    assert problems == []
    assert coupon.usage_count == 0


def test_coupon__codes_compare_without_case() -> None:
    # given
    coupon = CouponFactory(code="SUMMER15", usage_limit=5)
    source = pending_order(**bare(items(1000), MarketFactory(), coupon=coupon))
    source.coupon_code = "summer15"
    source.save()
    source.line_items.filter(coupon_code="SUMMER15").update(coupon_code="Summer15")

    # when
    order_copy = stories.copied(source, place_target_order=True)

    # then
    coupon.refresh_from_db()
    assert stories.ending(order_copy) == (Status.COMPLETED, {}, 0)
    assert stories.target_of(order_copy).coupon_code == "summer15"
    assert coupon.usage_count == 1


def of_another_market(coupon: Coupon) -> None:
    Promotion.objects.filter(pk=coupon.promotion_id).update(market=MarketFactory())


def of_another_currency(coupon: Coupon) -> None:
    Promotion.objects.filter(pk=coupon.promotion_id).update(currency_code="USD")


@pytest.mark.parametrize("make_invalid", [of_another_market, of_another_currency])
def test_coupon__of_another_market_or_currency_is_invalid(
    make_invalid: Callable[[Coupon], None],
) -> None:
    # given
    coupon = CouponFactory()
    source = pending_order(**bare(items(1000), MarketFactory(), coupon=coupon))
    order = pending_order(**bare(items(1000), MarketFactory(), coupon=coupon))
    make_invalid(coupon)

    # when
    order_copy = stories.copied(source)
    [problems] = stories.placed_by_hand(order)

    # then
    assert stories.ending(order_copy) == (Status.FAILED, {"coupon_code": 1}, 1)
    assert make_invalid.__name__ in order_copy.outcomes[-1]["code"]
    assert [problem.attribute for problem in problems] == ["status", "coupon_code"]


def test_coupon__used_once_gives_no_customer_its_discount_again() -> None:
    # given
    coupon = CouponFactory(usage_limit=1, promotion__percentage=50)
    source = placed_order(**bare(items(1000), MarketFactory(), coupon=coupon))

    # when
    order_copies = [
        stories.copied(source, ignore_invalid_coupon=True, place_target_order=True)
        for _ in range(5)
    ]

    # then
    targets = [stories.target_of(order_copy) for order_copy in order_copies]
    assert [target.total_amount_cents for target in targets] == [1000] * 5
    assert [target.authorizations.get().amount_cents for target in targets] == [1000] * 5


def test_coupon__left_out_with_a_discount_line_without_promotion_and_code() -> None:
    # given
    source = placed_order(**bare(items(1000), MarketFactory(), coupon=CouponFactory()))
    source.line_items.filter(total_amount_cents__lt=0).update(promotion=None, coupon_code="")
    Coupon.objects.all().delete()

    # when
    target = stories.target_of(stories.copied(source, ignore_invalid_coupon=True))

    # then
    assert target.total_amount_cents == 1000


def test_coupon__left_out_leaves_the_discounts_of_other_promotions() -> None:
    # given
    other = PromotionFactory(percentage=20)
    source = placed_order(
        **bare(items(1000), MarketFactory(), coupon=CouponFactory(), promotions=[other])
    )
    Coupon.objects.all().delete()

    # when
    target = stories.target_of(stories.copied(source, ignore_invalid_coupon=True))

    # then
    assert [line.promotion for line in discount_lines(target)] == [other]
    assert target.total_amount_cents == 800


def test_coupon__left_out_of_an_imported_order_names_the_discount_without_line() -> None:
    # given
    source, _ = imported(MarketFactory())
    Order.objects.filter(pk=source.pk).update(coupon_code="GONE")

    # when
    failed = stories.copied(source, ignore_invalid_coupon=True)
    skipped = stories.copied(source, ignore_invalid_coupon=True, skip_errors=True)

    # then
    assert stories.ending(failed) == (Status.FAILED, {"discount_amount": 1}, 1)
    assert stories.target_of(skipped).total_amount_cents == 5700


# Gift cards, SKUs, large amounts


def paid_by_gift_card(market: Market) -> Order:
    """Create a placed order of which 2000 cents were paid with a gift card."""
    return placed_order(
        **bare(
            items(3700),
            market,
            gift_card_code="GIFT",
            gift_card_amount_cents=-2000,
        )
    )


@pytest.mark.parametrize("skip_errors", [True, False])
@pytest.mark.parametrize("place", [True, False])
def test_gift_card__swap_that_would_lose_its_money_is_refused(
    market: MakeMarket, skip_errors: bool, place: bool
) -> None:
    # given
    source = paid_by_gift_card(market())
    before = stories.every_byte(source)

    # when
    order_copy = stories.copied(
        source, place_target_order=place, cancel_source_order=True, skip_errors=skip_errors
    )

    # then
    assert stories.ending(order_copy) == (Status.FAILED, {"source_order": 1}, 1)
    assert "gift card" in order_copy.errors_log["source_order"][0]
    assert order_copy.target_order is None
    assert stories.every_byte(source) == before


def test_gift_card__order_paid_with_one_is_copied_when_the_source_stays() -> None:
    # given
    source = paid_by_gift_card(MarketFactory())

    # when
    target = stories.target_of(stories.copied(source, place_target_order=True))

    # then
    assert target.authorizations.get().amount_cents == 3700


def test_refunded_order__message_says_that_it_is_refunded() -> None:
    # given
    source = placed_order(payment_status="refunded")

    # when
    order_copy = stories.copied(source, cancel_source_order=True)

    # then
    assert order_copy.errors_log == {
        "source_order": ["is refunded already and cannot be cancelled"]
    }


def test_custom_item__travels_without_a_sku_and_is_placed(market: MakeMarket) -> None:
    # given
    source = pending_order(**bare([{"sku": None, "name": "Repair", "options": 0}], market()))

    # when
    order_copy = stories.copied(source, place_target_order=True)

    # then
    target = stories.target_of(order_copy)
    assert stories.ending(order_copy) == (Status.COMPLETED, {}, 0)
    assert stories.lines(target) == [("skus", 1, 2000)]
    assert target.status == "placed"


def recreated(line: dict[str, Any], stock: int = 50) -> Sku:
    """Delete the SKU of a line and create it again under its code."""
    code = line["sku"].code
    Sku.objects.filter(pk=line["sku"].pk).delete()
    sku: Sku = SkuFactory(code=code, stock=stock)
    return sku


def test_recreated_sku__found_by_its_code() -> None:
    # given
    lines = items(1000)
    source = pending_order(**bare(lines, MarketFactory()))
    sku = recreated(lines[0])

    # when
    order_copy = stories.copied(source, place_target_order=True)

    # then
    target = stories.target_of(order_copy)
    assert stories.ending(order_copy) == (Status.COMPLETED, {}, 0)
    assert target.line_items.get().sku == sku
    assert StockItem.objects.get(sku=sku).reserved == 1


def test_recreated_sku__order_placed_by_hand_reserves_it() -> None:
    # given
    lines = items(1000)
    order = pending_order(**bare(lines, MarketFactory()))
    sku = recreated(lines[0])

    # when
    [problems] = stories.placed_by_hand(order)

    # then
    assert problems == []
    assert order.line_items.get().sku == sku
    assert StockItem.objects.get(sku=sku).reserved == 1


def test_recreated_sku__line_is_reduced_to_its_stock() -> None:
    # given
    lines = [items(1000)[0] | {"quantity": 3}]
    source = pending_order(**bare(lines, MarketFactory()))
    sku = recreated(lines[0], stock=2)

    # when
    target = stories.target_of(stories.copied(source, skip_errors=True))

    # then
    assert target.line_items.values_list("sku", "quantity", "total_amount_cents").get() == (
        sku.pk,
        2,
        2000,
    )


def test_large_amounts__are_stored_and_copied() -> None:
    # given
    rupiah = 2_500_000_000
    line = items(rupiah)[0] | {"quantity": 4}
    source = placed_order(**bare([line], MarketFactory(currency_code="IDR")))
    LineItemOptionFactory(line_item=source.line_items.get(), unit_amount_cents=rupiah)

    # when
    target = stories.target_of(stories.copied(source, place_target_order=True))

    # then
    assert target.total_amount_cents == 4 * rupiah
    assert Authorization.objects.get(order=target).amount_cents == 4 * rupiah
    assert stories.contents(target) == stories.contents(source)


def test_metadata__keys_that_the_shop_names_stay_behind() -> None:
    # given
    process = {"_stripe_intent_id": "pi_1", "_order_email_sent": True}
    source = pending_order(lines=[{"metadata": {"color": "red"} | process}], metadata=process)
    line = source.line_items.all()[0]
    line.line_item_options.update(metadata=process | {"text": 1})
    source.addresses.update(metadata=process)

    # when
    target = stories.target_of(stories.copied(source))

    # then
    line = target.line_items.all()[0]
    assert target.metadata == {}
    assert line.metadata == {"color": "red"}
    assert line.line_item_options.get().metadata == {"text": 1}
    assert {str(address.metadata) for address in target.addresses.all()} == {"{}"}


def test_payment_fee__in_another_currency_is_never_taken_from_the_method() -> None:
    # given
    lines = items(1000, 2000)
    source = pending_order(lines=lines, currency_code="JPY")
    PaymentMethod.objects.update(price_amount_cents=99999)
    off_sale(lines[0])

    # when
    target = stories.target_of(stories.copied(source, skip_errors=True))

    # then
    assert target.payment_method_amount_cents == 150


# Batches


def last_piece() -> tuple[Order, dict[str, Any]]:
    lines = items(1000)
    source = pending_order(**bare(lines, MarketFactory()))
    set_stock(lines[0], 1)
    return source, lines[0]


def test_batch__one_of_ten_copies_of_the_last_piece_completes() -> None:
    # given
    source, _ = last_piece()
    unsaved_copies = [stories.unsaved(source, place_target_order=True) for _ in range(10)]

    # when
    plans = stories.previewed_together(unsaved_copies)
    order_copies = stories.copied_together(unsaved_copies)

    # then
    assert [plan.will_complete for plan in plans] == [True] + [False] * 9
    assert [order_copy.status for order_copy in order_copies] == ["completed"] + ["failed"] * 9
    assert [problem.code for problem in plans[1].problems] == ["out_of_stock", "no_sellable_line"]
    assert [order_copy.outcomes[0]["code"] for order_copy in order_copies[1:]] == [
        "out_of_stock"
    ] * 9


def test_batch__drafts_take_no_stock() -> None:
    # given
    source, _ = last_piece()
    unsaved_copies = [stories.unsaved(source) for _ in range(3)]

    # when
    plans = stories.previewed_together(unsaved_copies)
    order_copies = stories.copied_together(unsaved_copies)

    # then
    assert [plan.will_complete for plan in plans] == [True] * 3
    assert [order_copy.status for order_copy in order_copies] == ["completed"] * 3


def test_batch__last_use_of_a_coupon_goes_to_the_first_copy() -> None:
    # given
    coupon = CouponFactory(usage_limit=1)
    source = pending_order(**bare(items(1000), MarketFactory(), coupon=coupon))
    unsaved_copies = [stories.unsaved(source, place_target_order=True) for _ in range(3)]

    # when
    plans = stories.previewed_together(unsaved_copies)
    order_copies = stories.copied_together(unsaved_copies)

    # then
    assert [plan.will_complete for plan in plans] == [True, False, False]
    assert [order_copy.status for order_copy in order_copies] == ["completed", "failed", "failed"]


def test_batch__source_is_swapped_once() -> None:
    # given
    lines = items(1000)
    source = placed_order(**bare(lines, MarketFactory()))
    StockItem.objects.filter(sku=lines[0]["sku"]).update(quantity=1)
    toggles = {"place_target_order": True, "cancel_source_order": True}
    unsaved_copies = [stories.unsaved(source, **toggles) for _ in range(3)]

    # when
    plans = stories.previewed_together(unsaved_copies)
    order_copies = stories.copied_together(unsaved_copies)

    # then
    assert [plan.will_complete for plan in plans] == [True, False, False]
    assert [order_copy.status for order_copy in order_copies] == ["completed", "failed", "failed"]
    assert "source_order" in order_copies[1].errors_log


def test_batch__piece_of_a_declined_copy_goes_to_the_next_one() -> None:
    # given
    declined, line = last_piece()
    declined.payment_source.token = "declined"
    declined.payment_source.save()
    source = pending_order(**bare([line], MarketFactory()))
    unsaved_copies = [
        stories.unsaved(order, place_target_order=True) for order in (declined, source, source)
    ]

    # when
    order_copies = stories.copied_together(unsaved_copies)

    # then
    assert [order_copy.status for order_copy in order_copies] == ["failed", "completed", "failed"]
    assert "payment_source" in order_copies[0].errors_log
    assert StockItem.objects.get(sku=line["sku"]).reserved == 1
