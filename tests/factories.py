"""Factories for every model of the shop, and builders of whole orders.

The builders calculate amounts (``tax_of``, ``totals_of``) independently of the shop's code, so that
tests can use them as an oracle.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import factory
from django.utils import timezone
from factory.django import DjangoModelFactory

from order_copies.models import (
    OrderCopy,
    OrderSubscription,
    OrderSubscriptionItem,
    Status,
    SubscriptionModel,
    SubscriptionStatus,
)
from orders.models import (
    Address,
    AddressRole,
    Authorization,
    Coupon,
    CouponUse,
    Customer,
    CustomerPaymentSource,
    LineItem,
    LineItemOption,
    Market,
    Order,
    PaymentMethod,
    PaymentSource,
    Price,
    Promotion,
    Sku,
    StockItem,
    StockReservation,
)

#: Orders of the tests were placed at this instant, long before any test runs.
PLACED_AT = datetime(2024, 3, 1, 12, 30, 45, 123000, tzinfo=UTC)

SKU_TYPES = ("skus", "gift_cards")
PROMOTION_TYPES = tuple(Promotion.Kind.values)
TOTAL_OF_TYPE = {
    "skus": "subtotal_amount_cents",
    "gift_cards": "subtotal_amount_cents",
    "shipments": "shipping_amount_cents",
    "payment_methods": "payment_method_amount_cents",
    "adjustments": "adjustment_amount_cents",
    **dict.fromkeys(PROMOTION_TYPES, "discount_amount_cents"),
}


def yesterday() -> datetime:
    return timezone.now() - timedelta(days=1)


def tomorrow() -> datetime:
    return timezone.now() + timedelta(days=1)


# Money, calculated independently of the shop


def half_up(amount: Decimal) -> int:
    """Round to whole cents, halves away from zero."""
    return int(amount.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def tax_of(total_amount_cents: int, tax_rate: Decimal | str, *, included: bool) -> int:
    """Return the tax in (``included``) or on top of an amount, in cents."""
    total, rate = Decimal(total_amount_cents), Decimal(tax_rate)
    return half_up(total - total / (1 + rate) if included else total * rate)


def totals_of(
    line_items: Iterable[LineItem], *, tax_included: bool, gift_card_amount_cents: int = 0
) -> dict[str, int]:
    """Return all amounts of an order with these lines, in cents."""
    totals = dict.fromkeys(dict.fromkeys(TOTAL_OF_TYPE.values()), 0)
    tax = 0
    for line_item in line_items:
        totals[TOTAL_OF_TYPE[line_item.item_type]] += line_item.total_amount_cents
        tax += line_item.tax_amount_cents
    total = sum(totals.values())
    return totals | {
        "gift_card_amount_cents": gift_card_amount_cents,
        "total_tax_amount_cents": tax,
        "total_amount_cents": total,
        "total_amount_with_taxes_cents": total
        + (0 if tax_included else tax)
        + gift_card_amount_cents,
    }


# Markets, customers and their wallets


class MarketFactory(DjangoModelFactory):
    class Meta:
        model = Market

    name = factory.Sequence("Market {}".format)
    code = factory.Sequence("market-{}".format)
    currency_code = "EUR"
    tax_included = True
    tax_rate = Decimal("0.22")
    shipping_amount_cents = 700
    shipping_cost_cutoff_cents = None


class CustomerFactory(DjangoModelFactory):
    class Meta:
        model = Customer

    email = factory.Sequence("customer-{}@example.com".format)


class PaymentMethodFactory(DjangoModelFactory):
    class Meta:
        model = PaymentMethod

    name = "Credit card"
    payment_source_type = "stripe_payments"
    price_amount_cents = 150


class PaymentSourceFactory(DjangoModelFactory):
    class Meta:
        model = PaymentSource

    class Params:
        expired = factory.Trait(expires_at=factory.LazyFunction(yesterday))

    payment_method = factory.SubFactory(PaymentMethodFactory)
    name = "Visa •••• 4242"
    token = factory.Sequence("tok_{:08}".format)
    expires_at = None


class CustomerPaymentSourceFactory(DjangoModelFactory):
    """A wallet entry: ``CustomerPaymentSourceFactory(customer=…, payment_source=…)``."""

    class Meta:
        model = CustomerPaymentSource

    customer = factory.SubFactory(CustomerFactory)
    payment_source = factory.SubFactory(PaymentSourceFactory)


# SKUs


class SkuFactory(DjangoModelFactory):
    """An available SKU: ``SkuFactory(price=1500, stock=3)``; False creates none of either."""

    class Meta:
        model = Sku
        skip_postgeneration_save = True

    code = factory.Sequence("SKU{:06}".format)
    name = factory.LazyAttribute(lambda sku: f"Article {sku.code}")
    image_url = factory.LazyAttribute(lambda sku: f"https://shop.example/{sku.code}.png")

    @factory.post_generation
    def price(self, create: bool, extracted: Any) -> None:
        if create and extracted is not False:
            amount = 2000 if extracted is None else extracted
            Price.objects.create(sku=self, currency_code="EUR", amount_cents=amount)

    @factory.post_generation
    def stock(self, create: bool, extracted: Any) -> None:
        if create and extracted is not False:
            quantity = 100 if extracted is None else extracted
            StockItem.objects.create(sku=self, quantity=quantity)


class PriceFactory(DjangoModelFactory):
    class Meta:
        model = Price

    sku = factory.SubFactory(SkuFactory, price=False)
    currency_code = "EUR"
    amount_cents = 2000


class StockItemFactory(DjangoModelFactory):
    class Meta:
        model = StockItem

    sku = factory.SubFactory(SkuFactory, stock=False)
    quantity = 100


# Promotions


class PromotionFactory(DjangoModelFactory):
    """Ten percent off, valid now, in every market; see the traits for others."""

    class Meta:
        model = Promotion

    class Params:
        fixed_amount = factory.Trait(
            type=Promotion.Kind.FIXED_AMOUNT, percentage=0, fixed_amount_cents=500
        )
        free_shipping = factory.Trait(type=Promotion.Kind.FREE_SHIPPING, percentage=0)
        expired = factory.Trait(expires_at=factory.LazyFunction(yesterday))
        upcoming = factory.Trait(starts_at=factory.LazyFunction(tomorrow))

    type = Promotion.Kind.PERCENTAGE_DISCOUNT
    name = factory.Sequence("Promotion {}".format)
    percentage = 10
    starts_at = datetime(2024, 1, 1, tzinfo=UTC)


class CouponFactory(DjangoModelFactory):
    """A valid coupon; its promotion applies with a coupon only."""

    class Meta:
        model = Coupon

    class Params:
        expired = factory.Trait(expires_at=factory.LazyFunction(yesterday))
        used_up = factory.Trait(usage_limit=1, usage_count=1)

    code = factory.Sequence("COUPON{:04}".format)
    promotion = factory.SubFactory(PromotionFactory, coupon_only=True)


# Orders and their parts


class OrderFactory(DjangoModelFactory):
    """A bare order of a customer, without lines. :func:`placed_order` makes whole ones."""

    class Meta:
        model = Order

    number = factory.Sequence("{:012}".format)
    status = Order.Status.PENDING
    market = factory.SubFactory(MarketFactory)
    customer = factory.SubFactory(CustomerFactory)
    customer_email = factory.LazyAttribute(
        lambda order: order.customer.email if order.customer else ""
    )
    guest = factory.LazyAttribute(lambda order: order.customer is None)
    currency_code = factory.SelfAttribute("market.currency_code")
    tax_included = factory.SelfAttribute("market.tax_included")
    tax_rate = factory.SelfAttribute("market.tax_rate")
    country_code = "IT"


class AddressFactory(DjangoModelFactory):
    class Meta:
        model = Address

    order = factory.SubFactory(OrderFactory)
    role = AddressRole.SHIPPING
    first_name = "Ada"
    last_name = "Lovelace"
    line_1 = factory.Sequence("Via Roma {}".format)
    line_2 = "2º piano"
    city = "Firenze"
    zip_code = "50123"
    state_code = "FI"
    country_code = "IT"
    phone = "+39 055 1234567"
    email = "ada@example.com"
    notes = "Ring twice"
    metadata = factory.LazyFunction(lambda: {"doorbell": [1, None]})


class LineItemFactory(DjangoModelFactory):
    """A SKU line. Its amounts follow from unit amount, quantity and options amount."""

    class Meta:
        model = LineItem

    order = factory.SubFactory(OrderFactory)
    item_type = LineItem.ItemType.SKUS
    sku = factory.SubFactory(SkuFactory)
    sku_code = factory.LazyAttribute(lambda line: line.sku.code if line.sku else "")
    name = factory.LazyAttribute(lambda line: line.sku.name if line.sku else "A line")
    image_url = factory.LazyAttribute(lambda line: line.sku.image_url if line.sku else "")
    quantity = 1
    unit_amount_cents = 2000
    options_amount_cents = 0
    total_amount_cents = factory.LazyAttribute(
        lambda line: line.unit_amount_cents * line.quantity + line.options_amount_cents
    )
    tax_rate = factory.SelfAttribute("order.tax_rate")
    tax_amount_cents = factory.LazyAttribute(
        lambda line: tax_of(
            line.total_amount_cents, line.tax_rate, included=line.order.tax_included
        )
    )


class LineItemOptionFactory(DjangoModelFactory):
    class Meta:
        model = LineItemOption

    line_item = factory.SubFactory(LineItemFactory)
    name = factory.Sequence("Engraving {}".format)
    quantity = 1
    unit_amount_cents = 300
    total_amount_cents = factory.LazyAttribute(
        lambda option: option.unit_amount_cents * option.quantity
    )
    delay_hours = 24
    options = factory.LazyFunction(lambda: {"text": "Für Élise", "lines": [{"font": None}]})
    metadata = factory.LazyFunction(lambda: {"proofread": True})


class AuthorizationFactory(DjangoModelFactory):
    class Meta:
        model = Authorization

    order = factory.SubFactory(OrderFactory)
    token = factory.Sequence("auth_{:08}".format)
    amount_cents = factory.SelfAttribute("order.total_amount_with_taxes_cents")


class OrderCopyFactory(DjangoModelFactory):
    """A pending copy of a placed order; ``OrderCopyFactory.build()`` does not save it.

    Unlike ``request_copies`` it records no event.
    """

    class Meta:
        model = OrderCopy

    class Params:
        in_progress = factory.Trait(
            status=Status.IN_PROGRESS,
            started_at=PLACED_AT,
            attempt=1,
            worker="a worker",
            lease_expires_at=factory.LazyFunction(tomorrow),
        )
        completed = factory.Trait(
            status=Status.COMPLETED, started_at=PLACED_AT, completed_at=PLACED_AT, attempt=1
        )
        failed = factory.Trait(
            status=Status.FAILED,
            started_at=PLACED_AT,
            failed_at=PLACED_AT,
            attempt=1,
            errors_log={"status": ["cannot transition from pending to placed"]},
            errors_count=1,
        )

    source_order = factory.LazyFunction(lambda: placed_order())  # noqa: PLW0108


# Subscriptions


class SubscriptionModelFactory(DjangoModelFactory):
    class Meta:
        model = SubscriptionModel

    name = factory.Sequence("Club {}".format)
    frequencies = factory.LazyFunction(lambda: ["weekly", "monthly"])


class OrderSubscriptionFactory(DjangoModelFactory):
    """An active monthly subscription to a placed order, due tomorrow. It records no event."""

    class Meta:
        model = OrderSubscription

    class Params:
        automatic = factory.Trait(
            subscription_model=factory.SubFactory(SubscriptionModelFactory),
        )

    source_order = factory.LazyFunction(lambda: placed_order())  # noqa: PLW0108
    customer_email = factory.LazyAttribute(lambda one: one.source_order.customer_email)
    status = SubscriptionStatus.ACTIVE
    frequency = "monthly"
    anchor_at = factory.LazyFunction(tomorrow)
    next_run_at = factory.SelfAttribute("anchor_at")
    due_at = factory.SelfAttribute("anchor_at")


class OrderSubscriptionItemFactory(DjangoModelFactory):
    """Two pieces of a SKU, in an automatic subscription."""

    class Meta:
        model = OrderSubscriptionItem

    class Params:
        sku = factory.SubFactory(SkuFactory)

    order_subscription = factory.SubFactory(OrderSubscriptionFactory, automatic=True)
    sku_code = factory.SelfAttribute("sku.code")
    name = factory.SelfAttribute("sku.name")
    quantity = 2
    unit_amount_cents = 1800
    currency_code = "EUR"


# Whole orders


def an_order(
    *,
    lines: int | Sequence[Mapping[str, Any]] = 2,
    options: int = 1,
    shipping: bool = True,
    payment_fee: bool = True,
    promotions: Sequence[Promotion] = (),
    coupon: Coupon | None = None,
    addresses: bool = True,
    wallet: bool = True,
    **attributes: Any,
) -> Order:
    """Create an order with consistent amounts; by default with status ``pending``.

    ``lines`` is a number of SKU lines, or the attributes of each line (those of
    :class:`LineItemFactory`, and ``options``: a number, or the attributes of each option).
    Each of ``promotions`` gets a discount line, and so does the promotion of ``coupon``.
    ``wallet``: whether the payment source is saved in the customer's wallet.
    ``payment_source=None`` creates none. Other arguments are passed to :class:`OrderFactory`.
    """
    if "payment_source" not in attributes:
        attributes["payment_source"] = PaymentSourceFactory()
    source = attributes["payment_source"]
    attributes.setdefault("payment_method", source and source.payment_method)
    if coupon is not None:
        attributes.setdefault("coupon_code", coupon.code)
        promotions = [*promotions, coupon.promotion]
    order: Order = OrderFactory(**attributes)
    if wallet and source and order.customer:
        entry = {"customer": order.customer, "payment_source": source}
        if not CustomerPaymentSource.objects.filter(**entry).exists():
            CustomerPaymentSource.objects.create(**entry)
    if addresses:
        Address.objects.bulk_create(
            AddressFactory.build(order=order, role=role) for role in AddressRole.values
        )
    _add_sku_lines(order, [{}] * lines if isinstance(lines, int) else lines, options)
    _add_other_lines(order, shipping, payment_fee, promotions)
    return settle(order)


def placed_order(**arguments: Any) -> Order:
    """Create a placed order: stock reserved, coupon used, payment authorized.

    Takes the arguments of :func:`an_order`. ``authorized=False`` creates no authorization.
    """
    authorized = arguments.pop("authorized", True)
    coupon = arguments.get("coupon")
    order = an_order(
        **{
            "status": Order.Status.PLACED,
            "payment_status": Order.PaymentStatus.AUTHORIZED,
            "placed_at": PLACED_AT,
        }
        | arguments
    )
    _reserve(order)
    if coupon is not None:
        CouponUse.objects.create(coupon=coupon, order=order, customer_email=order.customer_email)
        coupon.usage_count += 1
        coupon.save()
    if authorized and order.payment_source and order.total_amount_with_taxes_cents > 0:
        AuthorizationFactory(order=order)
    return order


def pending_order(**arguments: Any) -> Order:
    """Create an order that was never placed."""
    return an_order(**arguments)


def draft_order(**arguments: Any) -> Order:
    """Create an order without customer and payment source, never placed."""
    missing = {"customer": None, "payment_source": None, "status": Order.Status.DRAFT}
    return an_order(**missing | arguments)


def cancelled_order(**arguments: Any) -> Order:
    """Create a cancelled order: it holds no stock, no coupon and no authorization."""
    order = an_order(
        **{
            "status": Order.Status.CANCELLED,
            "payment_status": Order.PaymentStatus.VOIDED,
            "placed_at": PLACED_AT,
            "cancelled_at": PLACED_AT + timedelta(hours=1),
        }
        | arguments
    )
    if order.payment_source:
        AuthorizationFactory(order=order, status=Authorization.Status.VOIDED, voided_at=PLACED_AT)
    return order


def settle(order: Order) -> Order:
    """Set the amounts of an order to those of its lines, and save it."""
    totals = totals_of(
        order.line_items.all(),
        tax_included=order.tax_included,
        gift_card_amount_cents=order.gift_card_amount_cents,
    )
    for name, amount in totals.items():
        setattr(order, name, amount)
    order.save()
    return order


def _add_sku_lines(order: Order, lines: Sequence[Mapping[str, Any]], options: int) -> None:
    line_items, line_item_options = [], []
    for attributes in lines:
        line = dict(attributes)
        chosen = line.pop("options", options)
        chosen = [{}] * chosen if isinstance(chosen, int) else chosen
        if "sku" not in line:
            line["sku"] = SkuFactory()
        built = [LineItemOptionFactory.build(line_item=None, **option) for option in chosen]
        line.setdefault("options_amount_cents", sum(option.total_amount_cents for option in built))
        line_item = LineItemFactory.build(order=order, **line)
        for option in built:
            option.line_item = line_item
        line_items.append(line_item)
        line_item_options += built
    LineItem.objects.bulk_create(line_items)
    for option in line_item_options:
        # Sets line_item_id: the lines have their keys now.
        option.line_item = option.line_item
    LineItemOption.objects.bulk_create(line_item_options)


def _add_other_lines(
    order: Order, shipping: bool, payment_fee: bool, promotions: Sequence[Promotion]
) -> None:
    subtotal = totals_of(order.line_items.all(), tax_included=True)["subtotal_amount_cents"]
    shipping_amount = order.market.shipping_amount_for(subtotal) if shipping else 0
    lines: list[dict[str, Any]] = []
    if shipping:
        lines.append(
            {"item_type": "shipments", "name": "Shipping", "unit_amount_cents": shipping_amount}
        )
    if payment_fee and order.payment_method:
        method = order.payment_method
        lines.append(
            {
                "item_type": "payment_methods",
                "name": method.name,
                "unit_amount_cents": method.price_amount_cents,
            }
        )
    lines += [
        {
            "item_type": promotion.type,
            "promotion": promotion,
            "name": promotion.name,
            "coupon_code": order.coupon_code if promotion.coupon_only else "",
            "unit_amount_cents": -discount_of(promotion, subtotal, shipping_amount),
        }
        for promotion in promotions
    ]
    LineItem.objects.bulk_create(
        LineItemFactory.build(order=order, sku=None, **attributes) for attributes in lines
    )


def discount_of(promotion: Promotion, subtotal: int, shipping: int) -> int:
    """Return the discount of a promotion, in cents."""
    if promotion.type == Promotion.Kind.PERCENTAGE_DISCOUNT:
        return half_up(Decimal(subtotal) * promotion.percentage / 100)
    if promotion.type == Promotion.Kind.FIXED_AMOUNT:
        return min(promotion.fixed_amount_cents, subtotal)
    return shipping


def _reserve(order: Order) -> None:
    line_items = order.line_items.filter(item_type="skus", quantity__gt=0, sku__do_not_track=False)
    stock_items = {
        item.sku_id: item for item in StockItem.objects.filter(sku__line_items__order=order)
    }
    reservations = []
    for line_item in line_items:
        stock_item = stock_items.get(line_item.sku_id)
        if stock_item is not None:
            stock_item.reserved += line_item.quantity
            reservations.append(
                StockReservation(
                    line_item=line_item, stock_item=stock_item, quantity=line_item.quantity
                )
            )
    for stock_item in stock_items.values():
        stock_item.save()
    StockReservation.objects.bulk_create(reservations)
