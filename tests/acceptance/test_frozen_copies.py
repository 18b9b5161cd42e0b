"""Story: without toggles a copy is frozen: it has the amounts of its source, not new ones."""

from decimal import Decimal
from typing import Any

import pytest

from order_copies.models import Status
from orders.models import LineItem, Market, Order, PaymentMethod, Price, Promotion
from tests import stories
from tests.factories import (
    CouponFactory,
    LineItemFactory,
    LineItemOptionFactory,
    MarketFactory,
    PromotionFactory,
    SkuFactory,
    cancelled_order,
    draft_order,
    pending_order,
    placed_order,
    settle,
)

pytestmark = pytest.mark.django_db


def change_everything(order: Order) -> None:
    """Change prices, taxes, fees and promotions of the shop, as if since the order was placed."""
    Price.objects.update(amount_cents=9999)
    Market.objects.update(
        shipping_amount_cents=12345, tax_rate=Decimal("0.5"), tax_included=not order.tax_included
    )
    PaymentMethod.objects.update(price_amount_cents=777)
    Promotion.objects.update(percentage=90, fixed_amount_cents=1, active=False)
    PromotionFactory(percentage=50, market=order.market)


@pytest.mark.parametrize("tax_included", [True, False])
def test_frozen_copy__equals_the_source_after_the_shop_changed(
    tax_included: bool,
) -> None:
    # given
    market = MarketFactory(tax_included=tax_included)
    source = placed_order(
        market=market,
        lines=[{"quantity": 3, "options": 2}, {"unit_amount_cents": 999, "quantity": 7}],
        promotions=[
            PromotionFactory(),
            PromotionFactory(fixed_amount=True),
            PromotionFactory(free_shipping=True),
        ],
    )
    change_everything(source)

    # when
    order_copy = stories.copied(source)

    # then
    target = stories.target_of(order_copy)
    assert stories.ending(order_copy) == (Status.COMPLETED, {}, 0)
    assert stories.contents(target) == stories.contents(source)
    assert stories.amounts(target) == stories.amounts(source)
    assert stories.actions(order_copy) == [("copied", None)] * 7


def test_frozen_copy__has_a_line_of_every_type() -> None:
    # given
    source = placed_order(lines=1)
    for item_type in LineItem.ItemType.values:
        LineItemFactory(
            order=source,
            item_type=item_type,
            sku=SkuFactory() if item_type == "skus" else None,
            name=f"A line of {item_type}",
            frequency="monthly",
            compare_at_amount_cents=5000,
            unit_amount_cents=-50 if "promotions" in item_type else 50,
            tax_rate=Decimal("0.1"),
            metadata={"gift": {"wrap": [None, True, "ü"]}},
        )
    settle(source)

    # when
    target = stories.target_of(stories.copied(source))

    # then
    assert stories.contents(target) == stories.contents(source)
    assert stories.amounts(target) == stories.amounts(source)


def test_frozen_copy__keeps_inconsistent_amounts() -> None:
    # given
    source = placed_order(lines=1)
    LineItem.objects.filter(order=source).update(total_amount_cents=1234, tax_amount_cents=17)
    Order.objects.filter(pk=source.pk).update(total_amount_cents=4321, discount_amount_cents=-5)
    source.refresh_from_db()

    # when
    target = stories.target_of(stories.copied(source))

    # then
    assert stories.contents(target) == stories.contents(source)
    assert stories.amounts(target) == stories.amounts(source)


def test_frozen_copy__keeps_zero_amounts_and_quantities() -> None:
    # given
    source = placed_order(
        lines=[
            {"quantity": 0, "options": [{"quantity": 0}]},
            {"unit_amount_cents": 0, "options": [{"unit_amount_cents": 0}]},
            {"compare_at_amount_cents": 0, "options": [{"delay_hours": 0, "options": {}}]},
            {"tax_rate": Decimal(0)},
        ],
        promotions=[PromotionFactory(percentage=0)],
        market=MarketFactory(shipping_amount_cents=0),
    )

    # when
    order_copy = stories.copied(source)

    # then
    assert stories.contents(stories.target_of(order_copy)) == stories.contents(source)
    assert {action for action, _ in stories.actions(order_copy)} == {"copied"}


def test_frozen_copy__keeps_different_lines_of_one_sku_apart() -> None:
    # given
    sku = SkuFactory()
    source = placed_order(
        lines=[
            {"sku": sku, "options": [{"name": "Engraving", "options": {"text": "Ada"}}]},
            {"sku": sku, "unit_amount_cents": 1500, "metadata": {"gift": True}, "options": 0},
            {"sku": sku, "options": [{"name": "Engraving", "options": {"text": "Bob"}}]},
        ]
    )

    # when
    target = stories.target_of(stories.copied(source))

    # then
    assert stories.contents(target) == stories.contents(source)
    assert stories.lines(target, "sku_id")[:3] == [sku.pk] * 3


def test_frozen_copy__options_stay_with_their_line() -> None:
    # given
    source = placed_order(lines=[{"options": 0}, {"options": 3}, {"options": 1}])
    LineItemOptionFactory(line_item=source.line_items.first(), name="Added last", metadata={"a": 1})

    # when
    target = stories.target_of(stories.copied(source))

    # then
    assert stories.contents(target) == stories.contents(source)
    assert [line.line_item_options.count() for line in target.line_items.all()][:3] == [1, 3, 1]


@pytest.mark.parametrize("make", [placed_order, pending_order, draft_order, cancelled_order])
def test_frozen_copy__of_an_order_in_any_status(make: Any) -> None:
    # given
    source = make()

    # when
    order_copy = stories.copied(source)

    # then
    target = stories.target_of(order_copy)
    assert order_copy.status == Status.COMPLETED
    assert stories.contents(target) == stories.contents(source)
    assert stories.statuses(target) == (
        "draft" if make is draft_order else "pending",
        "unpaid",
        "unfulfilled",
    )


def test_frozen_copy__of_a_guest_order() -> None:
    source = placed_order(customer=None, customer_email="guest@example.com", guest=True)

    target = stories.target_of(stories.copied(source, reuse_wallet=False))

    assert (target.customer, target.customer_email, target.guest, target.status) == (
        None,
        "guest@example.com",
        True,
        "pending",
    )


def test_frozen_copy__of_an_order_without_lines_and_addresses() -> None:
    # given
    source = pending_order(lines=0, shipping=False, payment_fee=False, addresses=False)

    # when
    order_copy = stories.copied(source)

    # then
    target = stories.target_of(order_copy)
    assert stories.ending(order_copy) == (Status.COMPLETED, {}, 0)
    assert stories.contents(target) == stories.contents(source)
    assert stories.statuses(target) == ("draft", "unpaid", "unfulfilled")


def test_frozen_copy__has_all_descriptive_fields() -> None:
    # given
    source = placed_order(
        language_code="it",
        shipping_country_code_lock="IT",
        affiliate_code="partner-7",
        cart_url="https://shop.example/cart",
        return_url="https://shop.example/return",
        terms_url="https://shop.example/terms",
        privacy_url="https://shop.example/privacy",
        metadata={"id": 1, "order_id": "x", "nested": {"a": [None, 1.5, "é😀'\"%s"]}},
        coupon=CouponFactory(),
    )

    # when
    target = stories.target_of(stories.copied(source))

    # then
    assert stories.contents(target) == stories.contents(source)
    assert target.coupon_code == source.coupon_code


def test_frozen_copy__two_of_one_source_have_two_targets() -> None:
    # given
    source = placed_order()
    first, second = stories.requested(source), stories.requested(source)

    # when
    stories.run_all()

    # then
    targets = [stories.target_of(stories.fresh(order_copy)) for order_copy in (first, second)]
    assert targets[0].pk != targets[1].pk
    assert stories.contents(targets[0]) == stories.contents(targets[1])


def test_lineage__source_and_target_refer_to_the_copy() -> None:
    # given
    source = placed_order()

    # when
    order_copy = stories.copied(source)

    # then
    target = stories.target_of(order_copy)
    assert order_copy.source_order == source
    assert list(source.order_factories.all()) == [order_copy]
    assert target.source_order_factory == order_copy


def test_outcomes__one_for_every_line_of_source_and_target() -> None:
    # given
    source = placed_order(lines=3)

    # when
    order_copy = stories.copied(source)

    # then
    target = stories.target_of(order_copy)
    assert order_copy.outcomes == [
        {
            "attribute": "line_items",
            "source_line_item": old.public_id,
            "target_line_item": new.public_id,
            "name": old.name,
            "action": "copied",
            "code": None,
            "message": None,
            "before": order_copy.outcomes[number]["before"],
            "after": order_copy.outcomes[number]["before"],
        }
        for number, (old, new) in enumerate(
            zip(source.line_items.all(), target.line_items.all(), strict=True)
        )
    ]
