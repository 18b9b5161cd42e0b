"""Story: ``apply_promotions`` recalculates the discounts from the promotions valid now."""

from decimal import Decimal
from typing import Any

import pytest

from order_copies.models import OrderFactory, Status
from orders.models import Order, Price, Promotion
from tests import stories
from tests.factories import (
    CouponFactory,
    MarketFactory,
    PromotionFactory,
    placed_order,
    tax_of,
    totals_of,
    yesterday,
)

pytestmark = pytest.mark.django_db

#: Lines of 1000 cents in total, so that discounts are easy to check; shipping is 100 cents.
LINES = [{"unit_amount_cents": 600, "options": 0}, {"unit_amount_cents": 400, "options": 0}]


def a_source(**arguments: Any) -> Order:
    defaults = {"lines": LINES, "payment_fee": False}
    return placed_order(
        **{"market": MarketFactory(shipping_amount_cents=100)} | defaults | arguments
    )


def discounts(order: Order) -> dict[int, int]:
    """Return the amount of each promotion line of an order, by promotion."""
    lines = order.line_items.filter(item_type__endswith="_promotions")
    return dict(lines.values_list("promotion", "total_amount_cents"))


def applied(source: Order, **toggles: Any) -> OrderFactory:
    return stories.copied(source, apply_promotions=True, **toggles)


def test_promotions__expired_are_dropped_and_valid_are_added_with_totals() -> None:
    # given
    stale, still_valid = PromotionFactory(percentage=20), PromotionFactory(percentage=5)
    source = a_source(promotions=[stale, still_valid])
    stale.expires_at = yesterday()
    stale.save()
    new = PromotionFactory(fixed_amount=True, fixed_amount_cents=150)

    # when
    order_copy = applied(source)

    # then
    target = stories.target_of(order_copy)
    assert stories.ending(order_copy) == (Status.COMPLETED, {}, 0)
    assert discounts(target) == {still_valid.pk: -50, new.pk: -150}
    assert stories.amounts(target) == totals_of(target.line_items.all(), tax_included=True)
    assert target.total_amount_cents == 1000 + 100 - 200
    assert sorted(action for action, _ in stories.actions(order_copy)) == [
        "added", "copied", "copied", "copied", "copied", "skipped",
    ]  # fmt: skip


def test_promotions__added_line_has_all_fields_and_no_source_line() -> None:
    # given
    source = a_source()
    promotion = PromotionFactory(name="Ten percent")

    # when
    order_copy = applied(source)

    # then
    [line] = stories.target_of(order_copy).line_items.filter(promotion=promotion)
    assert stories.row(line, stories.LINES_OWN) == {
        "item_type": "percentage_discount_promotions",
        "sku_id": None,
        "promotion_id": promotion.pk,
        "sku_code": "",
        "coupon_code": "",
        "name": "Ten percent",
        "image_url": "",
        "quantity": 1,
        "unit_amount_cents": -100,
        "compare_at_amount_cents": None,
        "options_amount_cents": 0,
        "total_amount_cents": -100,
        "tax_rate": Decimal("0.22"),
        "tax_amount_cents": tax_of(-100, "0.22", included=True),
        "frequency": "",
        "metadata": {},
    }
    [outcome] = [entry for entry in order_copy.outcomes if entry["action"] == "added"]
    assert outcome["source_line_item"] is None
    assert outcome["target_line_item"] == line.public_id


@pytest.mark.parametrize("tax_included", [True, False])
def test_promotions__tax_follows_the_discount(tax_included: bool) -> None:
    # given
    source = a_source(
        market=MarketFactory(
            shipping_amount_cents=100, tax_included=tax_included, tax_rate=Decimal("0.1")
        )
    )
    PromotionFactory(percentage=33)

    # when
    target = stories.target_of(applied(source))

    # then
    assert discounts(target) == {Promotion.objects.get().pk: -330}
    assert stories.amounts(target) == totals_of(target.line_items.all(), tax_included=tax_included)
    assert target.total_tax_amount_cents == source.total_tax_amount_cents - (
        30 if tax_included else 33
    )


def test_promotions__prices_stay_frozen() -> None:
    # given
    source = a_source(lines=[{"unit_amount_cents": 600}, {"unit_amount_cents": 0}])
    Price.objects.update(amount_cents=9999)

    # when
    order_copy = applied(source)

    # then
    assert stories.contents(stories.target_of(order_copy)) == stories.contents(source)


NOT_VALID: list[dict[str, Any]] = [
    {"active": False},
    {"expired": True},
    {"upcoming": True},
    {"coupon_only": True},
    {"currency_code": "USD"},
]


@pytest.mark.parametrize("promotion", [*NOT_VALID, {"market": "another"}])
def test_promotions__invalid_or_for_other_orders_do_not_apply(promotion: dict[str, Any]) -> None:
    # given
    source = a_source()
    if promotion.get("market"):
        promotion = {"market": MarketFactory()}
    PromotionFactory(**promotion)

    # when
    target = stories.target_of(applied(source))

    # then
    assert discounts(target) == {}
    assert stories.contents(target) == stories.contents(source)


@pytest.mark.parametrize(
    ("promotion", "amount"),
    [
        ({"percentage": 15}, -150),
        ({"percentage": 100}, -1000),
        ({"percentage": 10, "currency_code": "EUR"}, -100),
        ({"fixed_amount": True, "fixed_amount_cents": 999}, -999),
        ({"fixed_amount": True, "fixed_amount_cents": 5000}, -1000),
        ({"free_shipping": True}, -100),
    ],
)
def test_promotions__discount_of_each_kind(promotion: dict[str, Any], amount: int) -> None:
    # given
    source = a_source()
    valid = PromotionFactory(**promotion)

    # when
    target = stories.target_of(applied(source))

    # then
    assert discounts(target) == {valid.pk: amount}
    assert stories.amounts(target) == totals_of(target.line_items.all(), tax_included=True)


def test_promotions__total_never_falls_below_zero() -> None:
    # given
    source = a_source()
    PromotionFactory(percentage=80, priority=1)
    PromotionFactory(fixed_amount=True, fixed_amount_cents=700, priority=2)
    PromotionFactory(free_shipping=True, priority=3)

    # when
    target = stories.target_of(applied(source))

    # then
    assert sum(discounts(target).values()) == -1100
    assert target.total_amount_cents == 0


def test_exclusive_promotion__applies_alone() -> None:
    # given
    source = a_source()
    PromotionFactory(percentage=50, priority=5)
    PromotionFactory(percentage=30, priority=2, exclusive=True)
    best = PromotionFactory(percentage=20, priority=1, exclusive=True)

    # when
    target = stories.target_of(applied(source))

    # then
    assert discounts(target) == {best.pk: -200}


def test_coupon__applies_its_promotion_only() -> None:
    # given
    coupon, other = CouponFactory(promotion__percentage=25), CouponFactory()
    source = a_source(coupon=coupon)
    assert other.promotion.coupon_only

    # when
    target = stories.target_of(applied(source))

    # then
    assert discounts(target) == {coupon.promotion_id: -250}
    assert stories.lines(target, "coupon_code") == ["", "", "", coupon.code]


def test_promotions__changed_percentage_reprices_the_line() -> None:
    # given
    promotion = PromotionFactory(percentage=10)
    source = a_source(promotions=[promotion])
    promotion.percentage = 20
    promotion.save()

    # when
    order_copy = applied(source)

    # then
    assert discounts(stories.target_of(order_copy)) == {promotion.pk: -200}
    assert [outcome["action"] for outcome in order_copy.outcomes] == [
        "copied", "copied", "copied", "repriced",
    ]  # fmt: skip
    assert order_copy.outcomes[3]["before"]["total_amount_cents"] == -100
    assert order_copy.outcomes[3]["after"]["total_amount_cents"] == -200


def test_promotions__discount_of_a_deleted_promotion_is_dropped() -> None:
    # given
    promotion = PromotionFactory()
    source = a_source(promotions=[promotion])
    promotion.delete()

    # when
    order_copy = applied(source)

    # then
    assert stories.target_of(order_copy).total_amount_cents == 1100
    assert stories.actions(order_copy)[-1][0] == "skipped"


def test_promotions__adjustments_and_fees_stay() -> None:
    # given
    source = a_source(payment_fee=True, promotions=[PromotionFactory(expired=True)])
    fee = source.payment_method_amount_cents

    # when
    target = stories.target_of(applied(source))

    # then
    assert target.payment_method_amount_cents == fee == 150
    assert target.total_amount_cents == 1000 + 100 + fee


def test_place__authorizes_the_total_after_promotions() -> None:
    # given
    source = a_source()
    PromotionFactory(percentage=50)

    # when
    target = stories.target_of(applied(source, place_target_order=True))

    # then
    assert target.status == "placed"
    assert target.authorizations.get().amount_cents == target.total_amount_with_taxes_cents == 600


def test_place__order_is_free_after_a_full_discount() -> None:
    # given
    source = a_source(shipping=False, payment_source=None)
    PromotionFactory(percentage=100)

    # when
    target = stories.target_of(applied(source, place_target_order=True))

    # then
    assert stories.statuses(target) == ("placed", "free", "unfulfilled")
