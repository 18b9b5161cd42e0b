from typing import Any

import pytest
from django.db import IntegrityError, models, transaction

from orders.models import Address, Order, Price, StockItem
from tests.factories import (
    AddressFactory,
    AuthorizationFactory,
    CouponFactory,
    CustomerFactory,
    CustomerPaymentSourceFactory,
    LineItemFactory,
    LineItemOptionFactory,
    MarketFactory,
    OrderFactory,
    PaymentMethodFactory,
    PaymentSourceFactory,
    PriceFactory,
    PromotionFactory,
    SkuFactory,
    StockItemFactory,
    placed_order,
    tomorrow,
    yesterday,
)

pytestmark = pytest.mark.django_db


def test_str__names_each_model() -> None:
    # given
    sku = SkuFactory(code="SHIRT", stock=5)
    order = placed_order(
        lines=[{"sku": sku, "name": "Shirt", "quantity": 2}],
        number="123",
        coupon=CouponFactory(code="SUMMER"),
    )
    reservation = order.line_items.first().stock_reservation
    customer = CustomerFactory(email="ada@example.com")
    source = PaymentSourceFactory(name="Visa 4242")

    # when, then
    assert [
        str(row)
        for row in (
            order,
            order.line_items.first(),
            sku,
            StockItem.objects.get(sku=sku),
            sku.prices.first(),
            reservation,
            order.coupon_use,
            customer,
            source,
            CustomerPaymentSourceFactory(customer=customer, payment_source=source),
            AddressFactory(order=OrderFactory(), line_1="Via Roma 1"),
            Address(business=True, company="Acme", line_1="Road 1", city="Rome", country_code="IT"),
            LineItemOptionFactory(name="Gift wrap"),
            MarketFactory(name="Italy"),
            PaymentMethodFactory(name="Card"),
            PromotionFactory(name="Sale"),
            CouponFactory(code="WINTER"),
            AuthorizationFactory(token="auth_1"),
        )
    ] == [
        "#123",
        "2 × Shirt",
        "SHIRT",
        "SHIRT: 3",
        "SHIRT EUR",
        "2 × SHIRT",
        "SUMMER: #123",
        "ada@example.com",
        "Visa 4242",
        "ada@example.com: Visa 4242",
        "Ada Lovelace, Via Roma 1, Firenze, IT",
        "Acme, Road 1, Rome, IT",
        "Gift wrap",
        "Italy",
        "Card",
        "Sale",
        "WINTER",
        "auth_1",
    ]


def test_order__numbers_and_tokens_are_unique_and_well_formed() -> None:
    # when
    orders = [Order(market=MarketFactory(), currency_code="EUR") for _ in range(100)]

    # then
    assert len({order.number for order in orders}) == 100
    assert all(len(order.number) == 12 and order.number.isdigit() for order in orders)
    assert len({order.token for order in orders}) == 100
    assert all(len(order.token) == 32 and int(order.token, 16) for order in orders)


@pytest.mark.parametrize("status", Order.Status.values)
def test_editable__until_placement_and_while_editing(status: str) -> None:
    assert Order(status=status).editable == (status in {"draft", "pending", "editing"})


def assert_refused(model: type[models.Model], **values: Any) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        model.objects.update(**values)


def test_constraints__exceeded_limits_are_refused() -> None:
    # given
    coupon, stock_item = CouponFactory(usage_limit=2), StockItemFactory(quantity=3)
    promotion = PromotionFactory()

    # when, then
    assert_refused(type(coupon), usage_count=3)
    assert_refused(type(stock_item), reserved=4)
    assert_refused(type(promotion), percentage=101)


@pytest.mark.parametrize(
    "duplicate",
    [
        lambda order: AddressFactory(order=order, role="billing"),
        lambda order: AuthorizationFactory(order=order),
        lambda order: PriceFactory(sku=Price.objects.first().sku),
        lambda order: StockItemFactory(sku=StockItem.objects.first().sku),
        lambda order: CustomerPaymentSourceFactory(
            customer=order.customer, payment_source=order.payment_source
        ),
        lambda order: OrderFactory(number=order.number),
        lambda order: OrderFactory(token=order.token),
    ],
)
def test_constraints__duplicates_are_refused(duplicate: Any) -> None:
    order = placed_order()

    with pytest.raises(IntegrityError), transaction.atomic():
        duplicate(order)


@pytest.mark.parametrize(
    ("promotion", "valid"),
    [
        ({}, True),
        ({"expires_at": "tomorrow"}, True),
        ({"active": False}, False),
        ({"expired": True}, False),
        ({"upcoming": True}, False),
    ],
)
def test_promotion__is_valid_in_its_period(promotion: dict[str, Any], valid: bool) -> None:
    if promotion.get("expires_at"):
        promotion = {"expires_at": tomorrow()}

    now = yesterday() + (tomorrow() - yesterday()) / 2

    assert PromotionFactory(**promotion).is_valid(now) == valid


@pytest.mark.parametrize(
    ("cutoff", "subtotal", "amount"),
    [(None, 10**6, 700), (5000, 4999, 700), (5000, 5000, 0), (0, 0, 0)],
)
def test_shipping_amount_for__is_free_from_the_cutoff(
    cutoff: int | None, subtotal: int, amount: int
) -> None:
    market = MarketFactory.build(shipping_amount_cents=700, shipping_cost_cutoff_cents=cutoff)

    assert market.shipping_amount_for(subtotal) == amount


def test_line_item__stays_without_its_sku_and_promotion() -> None:
    # given
    promotion = PromotionFactory()
    line_item = LineItemFactory(promotion=promotion)
    line_item.sku.delete()
    promotion.delete()

    # when
    line_item.refresh_from_db()

    # then
    assert (line_item.sku, line_item.promotion) == (None, None)
    assert line_item.sku_code
