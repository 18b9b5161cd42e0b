"""Random orders of every kind, described by hypothesis and written in bulk.

Amounts of the source are computed here, independently of the shop.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from django.db.models import Model
from django.utils import timezone
from hypothesis import strategies as st

from order_copies.models import (
    OrderCopy,
    OrderSubscription,
    OrderSubscriptionItem,
    SubscriptionModel,
)
from order_copies.shops import get_shop
from orders.models import (
    Address,
    Coupon,
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
)
from tests.factories import PLACED_AT, SKU_TYPES, half_up, tax_of, totals_of, yesterday

RATES = [Decimal(0), Decimal("0.05"), Decimal("0.0725"), Decimal("0.09"), Decimal("0.22")]
CURRENCIES = ["EUR", "JPY", "KWD"]
POLICIES = OrderSubscription.PricePolicy.values
HEAD_ONLY = ["shipping_amount_cents", "discount_amount_cents", "total_tax_amount_cents"]
#: Number of orders per example.
ORDERS = 50

numbers = count(1)


@dataclass(frozen=True)
class Line:
    """A line. ``left`` pieces of its SKU are in stock; None: more than enough."""

    kind: str
    unit_amount_cents: int
    quantity: int
    rate: Decimal
    discount_percent: int
    options: tuple[tuple[int, int, bool], ...]
    left: int | None


@dataclass(frozen=True)
class Description:
    """One order and the toggles of its copy."""

    tax_included: bool
    currency_code: str
    lines: tuple[Line, ...]
    shipments: tuple[int, ...]
    fee: int
    adjustments: tuple[int, ...]
    frozen: tuple[tuple[str, int], ...]
    current: tuple[tuple[str, int, bool], ...]
    coupon: str
    head_only: tuple[tuple[str, int], ...]
    gift_card: int
    placed: bool
    toggles: tuple[bool, bool, bool, bool, bool]
    #: The requested quantity of each line, 0 to leave it out; empty: all lines as they are.
    quantities: tuple[int, ...]

    @property
    def options(self) -> dict[str, bool]:
        """The toggles by name."""
        names = ("place_target_order", "cancel_source_order", "apply_promotions")
        return dict(
            zip((*names, "skip_errors", "ignore_invalid_coupon"), self.toggles, strict=True)
        )


cents = st.sampled_from([0, 1, 99, 333, 1000]) | st.integers(0, 20_000)
kinds = st.sampled_from(
    ["percentage_discount_promotions", "fixed_amount_promotions", "free_shipping_promotions"]
)
lines = st.builds(
    Line,
    kind=st.sampled_from(["sku", "sku", "sku", "custom", "gift card", "recreated", "gone"]),
    unit_amount_cents=cents,
    quantity=st.integers(0, 12),
    rate=st.sampled_from(RATES),
    discount_percent=st.sampled_from([0, 0, 20, 33]),
    options=st.lists(st.tuples(cents, st.integers(1, 3), st.booleans()), max_size=2).map(tuple),
    left=st.none() | st.integers(0, 9),
)
descriptions = st.builds(
    Description,
    tax_included=st.booleans(),
    currency_code=st.sampled_from(CURRENCIES),
    lines=st.lists(lines, max_size=5).map(tuple),
    shipments=st.lists(cents, max_size=2).map(tuple),
    fee=st.sampled_from([0, 150]),
    adjustments=st.lists(st.integers(-6000, 500), max_size=2).map(tuple),
    frozen=st.lists(st.tuples(kinds, st.integers(0, 100)), max_size=3).map(tuple),
    current=st.lists(st.tuples(kinds, st.integers(0, 100), st.booleans()), max_size=3).map(tuple),
    coupon=st.sampled_from(["none", "none", "good", "expired", "unknown"]),
    head_only=st.lists(
        st.tuples(st.sampled_from(HEAD_ONLY), st.integers(-900, 900)), max_size=1
    ).map(tuple),
    gift_card=st.sampled_from([0, 0, 0, -500]),
    placed=st.booleans(),
    toggles=st.tuples(*[st.booleans()] * 5),
    quantities=st.just(()) | st.lists(st.integers(0, 15), min_size=5, max_size=5).map(tuple),
)
batches = st.lists(descriptions, min_size=ORDERS, max_size=ORDERS)


class Builder:
    """Creates the described orders, with one statement per table."""

    def __init__(self, descriptions: Sequence[Description]) -> None:
        self.descriptions = descriptions
        self.customer = Customer.objects.create(email=f"law-{next(numbers)}@example.com")
        method = PaymentMethod.objects.create(name="Card", payment_source_type="stripe_payments")
        self.source = PaymentSource.objects.create(payment_method=method, name="Visa", token="tok")
        CustomerPaymentSource.objects.create(customer=self.customer, payment_source=self.source)

    def build(self) -> list[OrderCopy]:
        """Create the orders; return an unsaved copy of each."""
        markets = _create(Market, map(self._market, self.descriptions))
        coupons = self._promotions(markets)
        orders = _create(
            Order,
            map(self._order, self.descriptions, markets, coupons),
        )
        self._lines(orders, coupons)
        self._change_coupons(coupons)
        goods: dict[int, list[LineItem]] = {order.pk: [] for order in orders}
        for line in LineItem.objects.filter(order__in=orders, item_type__in=SKU_TYPES):
            goods[line.order_id].append(line)
        return [
            OrderCopy(
                source_order=order,
                changes=_changes(goods[order.pk], described.quantities),
                **described.options,
            )
            for order, described in zip(orders, self.descriptions, strict=True)
        ]

    def subscribe(self, orders: Sequence[Order]) -> list[OrderSubscription]:
        """Create an active subscription to each order that has SKUs, with current prices."""
        items = get_shop().subscription_items(orders)
        model = SubscriptionModel.objects.create(name="Laws", frequencies=["daily"])
        tomorrow = timezone.now() + timedelta(days=1)
        subscriptions = _create(
            OrderSubscription,
            [
                OrderSubscription(
                    source_order=order,
                    subscription_model=model,
                    frequency="daily",
                    status="active",
                    place_target_order=described.toggles[0],
                    price_policy=POLICIES[sum(described.toggles) % len(POLICIES)],
                    max_price_increase_percent=20 if described.toggles[1] else None,
                    anchor_at=tomorrow,
                    next_run_at=tomorrow,
                )
                for order, described, found in zip(orders, self.descriptions, items, strict=True)
                if found
            ],
        )
        by_order = {one.source_order_id: one for one in subscriptions}
        rows = [
            (item, by_order[order.pk])
            for order, found in zip(orders, items, strict=True)
            for item in found
        ]
        for item, one in rows:
            item.order_subscription = one
        _create(OrderSubscriptionItem, [item for item, _one in rows])
        skus = dict(Sku.objects.values_list("code", "pk"))
        _create(
            Price,
            [
                Price(
                    sku_id=skus[item.sku_code],
                    currency_code=item.currency_code,
                    # Some prices rise, some fall.
                    amount_cents=item.unit_amount_cents * (2 + number % 5) // 4,
                )
                for number, (item, _one) in enumerate(rows)
                if item.sku_code in skus
            ],
        )
        return subscriptions

    def _market(self, described: Description) -> Market:
        number = next(numbers)
        return Market(
            name=f"Market {number}",
            code=f"law-{number}",
            currency_code=described.currency_code,
            tax_included=described.tax_included,
            tax_rate=Decimal("0.22"),
            # Only recurring copies read them again.
            shipping_amount_cents=sum(described.shipments),
            shipping_cost_cutoff_cents=10_000,
        )

    def _promotions(self, markets: Sequence[Market]) -> list[Coupon | None]:
        promotions = [
            _promotion(kind, number, market=market, exclusive=exclusive)
            for market, described in zip(markets, self.descriptions, strict=True)
            for kind, number, exclusive in described.current
        ]
        _create(Promotion, promotions)
        given = [
            _promotion("percentage_discount_promotions", 10, market=market, coupon_only=True)
            for market in markets
        ]
        _create(Promotion, given)
        coupons = [
            Coupon(code=f"LAW{next(numbers)}", promotion=promotion)
            if described.coupon != "none"
            else None
            for promotion, described in zip(given, self.descriptions, strict=True)
        ]
        _create(Coupon, filter(None, coupons))
        return coupons

    def _order(self, described: Description, market: Market, coupon: Coupon | None) -> Order:
        return Order(
            number=f"L{next(numbers)}",
            market=market,
            customer=self.customer,
            customer_email=self.customer.email,
            currency_code=described.currency_code,
            tax_included=described.tax_included,
            tax_rate=market.tax_rate,
            coupon_code=coupon.code.lower() if coupon else "",
            payment_method=self.source.payment_method,
            payment_source=self.source,
            gift_card_amount_cents=described.gift_card,
            **({"status": "placed", "placed_at": PLACED_AT} if described.placed else PENDING),
        )

    def _lines(self, orders: Sequence[Order], coupons: Sequence[Coupon | None]) -> None:
        described = [line for description in self.descriptions for line in description.lines]
        skus = _create(Sku, (_sku() for _ in described))
        _create(StockItem, map(_stock, skus, described))
        owners = [
            order
            for order, description in zip(orders, self.descriptions, strict=True)
            for _ in description.lines
        ]
        items = _create(LineItem, map(_item, owners, skus, described))
        rows = zip(described, items, strict=True)
        _create(LineItemOption, [option for row in rows for option in _options(*row)])
        of_order: dict[int, list[LineItem]] = {order.pk: [] for order in orders}
        for line_item in items:
            of_order[line_item.order_id].append(line_item)
        triples = list(zip(orders, self.descriptions, coupons, strict=True))
        others = [_others(order, one, of_order[order.pk], coupon) for order, one, coupon in triples]
        for line_item in _create(LineItem, [line for lines in others for line in lines]):
            of_order[line_item.order_id].append(line_item)
        for order, description, _ in triples:
            _settle(order, description, of_order[order.pk])
        Order.objects.bulk_update(orders, list(totals_of([], tax_included=True)))
        roles = ("shipping", "billing")
        _create(Address, [_address(order, role) for order in orders for role in roles])
        self._recreate(skus, described)

    def _recreate(self, skus: Sequence[Sku], described: Sequence[Line]) -> None:
        pairs = list(zip(skus, described, strict=True))
        gone = [sku.pk for sku, line in pairs if line.kind in {"recreated", "gone"}]
        Sku.objects.filter(pk__in=gone).delete()
        again = [
            (Sku(code=sku.code, name=sku.name), line)
            for sku, line in pairs
            if line.kind == "recreated"
        ]
        _create(Sku, [sku for sku, _ in again])
        _create(StockItem, [_stock(*pair) for pair in again])

    def _change_coupons(self, coupons: Sequence[Coupon | None]) -> None:
        """Expire or delete coupons, as if since the orders were created."""
        keys = {"expired": [], "unknown": []}
        for coupon, described in zip(coupons, self.descriptions, strict=True):
            if coupon and described.coupon in keys:
                keys[described.coupon].append(coupon.pk)
        Coupon.objects.filter(pk__in=keys["expired"]).update(expires_at=yesterday())
        Coupon.objects.filter(pk__in=keys["unknown"]).delete()


PENDING = {"status": "pending"}


def _changes(lines: Sequence[LineItem], quantities: Sequence[int]) -> dict[str, Any] | None:
    """Return the request for these quantities; a line without pieces has no other one."""
    requested: list[dict[str, Any]] = [
        {"id": line.public_id} | ({"quantity": quantity} if line.quantity else {})
        for line, quantity in zip(lines, quantities, strict=False)
        if quantity
    ]
    return {"line_items": requested} if requested else None


def _create(model: type[Model], rows: Any) -> list[Any]:
    return list(model._default_manager.bulk_create(rows))


def _promotion(kind: str, number: int, **attributes: Any) -> Promotion:
    return Promotion(
        type=kind,
        name=f"{kind} {number}",
        percentage=number if kind == "percentage_discount_promotions" else 0,
        fixed_amount_cents=number * 50 if kind == "fixed_amount_promotions" else 0,
        starts_at=PLACED_AT,
        **attributes,
    )


def _sku() -> Sku:
    number = next(numbers)
    return Sku(code=f"LAWSKU{number}", name=f"Thing {number}")


def _stock(sku: Sku, line: Line) -> StockItem:
    return StockItem(sku=sku, quantity=10**6 if line.left is None else line.left)


def _item(order: Order, sku: Sku, line: Line) -> LineItem:
    options = sum(option.total_amount_cents for option in _options(line, None))
    total = line.unit_amount_cents * line.quantity + options
    total -= half_up(Decimal(total) * line.discount_percent / 100)
    is_sold_by_sku = line.kind in {"sku", "recreated", "gone"}
    return LineItem(
        order=order,
        item_type="gift_cards" if line.kind == "gift card" else "skus",
        sku=sku if is_sold_by_sku else None,
        sku_code=sku.code if is_sold_by_sku else "",
        name=sku.name,
        quantity=line.quantity,
        unit_amount_cents=line.unit_amount_cents,
        options_amount_cents=options,
        total_amount_cents=total,
        tax_rate=line.rate,
        tax_amount_cents=tax_of(total, line.rate, included=order.tax_included),
    )


def _settle(order: Order, described: Description, lines: Sequence[LineItem]) -> None:
    totals = totals_of(
        lines,
        tax_included=described.tax_included,
        gift_card_amount_cents=described.gift_card,
    )
    for name, amount in described.head_only:
        is_tax = name == "total_tax_amount_cents"
        totals[name] += amount
        totals["total_amount_cents"] += 0 if is_tax else amount
        is_left_out = is_tax and described.tax_included
        totals["total_amount_with_taxes_cents"] += 0 if is_left_out else amount
    for name, amount in totals.items():
        setattr(order, name, amount)


def _options(line: Line, item: LineItem | None) -> list[LineItemOption]:
    rows = []
    for amount, number, is_of_each_piece in line.options:
        quantity = number * line.quantity if is_of_each_piece else number
        rows.append(
            LineItemOption(
                line_item=item,
                name="Wrap",
                quantity=quantity,
                unit_amount_cents=amount,
                total_amount_cents=amount * quantity,
            )
        )
    return rows


def _others(
    order: Order, described: Description, items: Sequence[LineItem], coupon: Coupon | None
) -> list[LineItem]:
    subtotal = sum(line.total_amount_cents for line in items if line.item_type == "skus")
    base = max(0, subtotal + sum(amount for amount in described.adjustments if amount < 0))
    shipping = sum(described.shipments)
    rows: list[dict[str, Any]] = [
        {"item_type": "shipments", "unit_amount_cents": amount} for amount in described.shipments
    ]
    rows += [
        {"item_type": "adjustments", "unit_amount_cents": amount}
        for amount in described.adjustments
    ]
    if described.fee:
        rows.append({"item_type": "payment_methods", "unit_amount_cents": described.fee})
    for kind, number in described.frozen:
        if kind == "free_shipping_promotions":
            amount, shipping = shipping, 0
        else:
            discount = number * 50
            if kind == "percentage_discount_promotions":
                discount = half_up(Decimal(max(0, subtotal)) * number / 100)
            amount = min(discount, base)
            base -= amount
        rows.append({"item_type": kind, "unit_amount_cents": -amount})
    if coupon:
        amount = min(half_up(Decimal(max(0, subtotal)) / 10), base)
        rows.append(
            {
                "item_type": "percentage_discount_promotions",
                "unit_amount_cents": -amount,
                "coupon_code": coupon.code,
                "promotion": coupon.promotion,
            }
        )
    return [
        LineItem(
            order=order,
            name=row["item_type"],
            total_amount_cents=row["unit_amount_cents"],
            tax_rate=order.tax_rate,
            tax_amount_cents=tax_of(
                row["unit_amount_cents"], order.tax_rate, included=order.tax_included
            ),
            **row,
        )
        for row in rows
    ]


def _address(order: Order, role: str) -> Address:
    return Address(
        order=order,
        role=role,
        first_name="Ada",
        last_name="Lovelace",
        line_1="Via Roma 1",
        city="Roma",
        country_code="IT",
        phone="1",
    )
