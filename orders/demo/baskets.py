"""Build an order of the demo shop: its lines and the totals that follow from them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from random import Random
from typing import Any

from orders.allocation import share
from orders.demo.catalogue import Article
from orders.demo.people import Buyer
from orders.models import (
    Address,
    Authorization,
    Coupon,
    LineItem,
    LineItemOption,
    Order,
    PaymentMethod,
    Promotion,
)
from orders.totals import ItemType, order_totals, tax_amount


@dataclass(frozen=True)
class Option:
    """An option that a customer chooses for each piece of a line."""

    name: str
    amount_cents: int
    options: dict[str, str]


ESPRESSO = Option("Grind", 0, {"grind": "espresso"})
FILTER = Option("Grind", 0, {"grind": "filter"})
GIFT_WRAP = Option("Gift wrap", 350, {"paper": "kraft"})
ENGRAVING = Option("Engraving", 900, {"text": "Buongiorno"})


@dataclass
class Basket:
    """An order with its lines, options, addresses and authorizations, all unsaved."""

    order: Order
    lines: list[LineItem] = field(default_factory=list)
    options: list[LineItemOption] = field(default_factory=list)
    addresses: list[Address] = field(default_factory=list)
    authorizations: list[Authorization] = field(default_factory=list)
    coupon: Coupon | None = None

    def sell(self, article: Article, quantity: int = 1, *options: Option) -> None:
        """Add a line of goods at the present price."""
        sku = article.sku
        self._add(
            ItemType.SKUS,
            sku.name,
            article.prices[self.order.currency_code],
            quantity,
            options,
            sku=sku,
            sku_code=sku.code,
            image_url=sku.image_url,
        )

    def sell_deleted_sku(self, code: str, name: str, amount_cents: int) -> None:
        """Add a line whose SKU the shop has deleted."""
        self._add(ItemType.SKUS, name, amount_cents, sku_code=code)

    def sell_gift_card(self, code: str, amount_cents: int) -> None:
        """Add a line that sells a gift card, untaxed: the order that redeems it is taxed."""
        self._add(
            ItemType.GIFT_CARDS, "Gift card", amount_cents, gift_card_code=code, tax_rate=Decimal(0)
        )

    def ship(self) -> None:
        """Add shipping at the price of the market, if a line needs it."""
        if self.needs_shipping:
            amount = self.order.market.shipping_amount_for(self.amount_of(ItemType.SKUS))
            self._add(ItemType.SHIPMENTS, "Standard shipping", amount)

    def charge_for(self, method: PaymentMethod) -> None:
        """Set the payment method and add its fee, if it has one."""
        self.order.payment_method = method
        if method.price_amount_cents:
            self._add(ItemType.PAYMENT_METHODS, method.name, method.price_amount_cents)

    def adjust(self, name: str, amount_cents: int) -> None:
        """Add an adjustment line; a negative amount is a deduction."""
        self._add(ItemType.ADJUSTMENTS, name, amount_cents)

    def discount(self, promotion: Promotion, coupon: Coupon | None = None) -> None:
        """Add the discount of a promotion, with a coupon or without."""
        if coupon:
            self.coupon = coupon
            self.order.coupon_code = coupon.code
        if amount := self._discount_of(promotion):
            code = coupon.code if coupon else ""
            item_type = ItemType(promotion.type)
            self._add(item_type, promotion.name, -amount, promotion=promotion, coupon_code=code)

    def _discount_of(self, promotion: Promotion) -> int:
        goods = self.amount_of(ItemType.SKUS)
        if promotion.type == Promotion.Kind.PERCENTAGE_DISCOUNT:
            return share(goods, promotion.percentage, 100)
        if promotion.type == Promotion.Kind.FIXED_AMOUNT:
            return min(promotion.fixed_amount_cents, goods)
        return self.amount_of(ItemType.SHIPMENTS)

    def redeem(self, code: str, balance_cents: int) -> None:
        """Pay with a gift card, up to its balance."""
        self.order.gift_card_code = code
        self.add_up()
        due = self.order.total_amount_with_taxes_cents
        self.order.gift_card_amount_cents = -min(balance_cents, due)

    def add_up(self) -> None:
        """Set the totals of the order from its lines."""
        amounts = [
            (line.item_type, line.total_amount_cents, line.tax_amount_cents) for line in self.lines
        ]
        totals = order_totals(
            amounts,
            tax_included=self.order.tax_included,
            gift_card_amount_cents=self.order.gift_card_amount_cents,
        )
        for name, amount in totals.items():
            setattr(self.order, name, amount)

    def amount_of(self, *item_types: ItemType) -> int:
        """Return the total of the lines of these types, in cents."""
        return sum(line.total_amount_cents for line in self.lines if line.item_type in item_types)

    @property
    def has_goods(self) -> bool:
        """Whether any line sells goods."""
        return any(line.item_type in {ItemType.SKUS, ItemType.GIFT_CARDS} for line in self.lines)

    @property
    def needs_shipping(self) -> bool:
        """Whether any line needs shipping."""
        return any(
            line.item_type == ItemType.SKUS
            and line.quantity > 0
            and not (line.sku and line.sku.do_not_ship)
            for line in self.lines
        )

    def _add(
        self,
        item_type: ItemType,
        name: str,
        amount_cents: int,
        quantity: int = 1,
        options: Iterable[Option] = (),
        **fields: Any,
    ) -> None:
        fields.setdefault("tax_rate", self.order.tax_rate)
        line = LineItem(
            order=self.order,
            item_type=item_type,
            name=name,
            unit_amount_cents=amount_cents,
            quantity=quantity,
            created_at=self.order.created_at,
            **fields,
        )
        chosen = [_chosen(line, option) for option in options]
        line.options_amount_cents = sum(option.total_amount_cents for option in chosen)
        line.total_amount_cents = amount_cents * quantity + line.options_amount_cents
        line.tax_amount_cents = tax_amount(
            line.total_amount_cents, line.tax_rate, included=self.order.tax_included
        )
        self.lines.append(line)
        self.options.extend(chosen)


def _chosen(line: LineItem, option: Option) -> LineItemOption:
    return LineItemOption(
        line_item=line,
        name=option.name,
        quantity=line.quantity,
        unit_amount_cents=option.amount_cents,
        total_amount_cents=option.amount_cents * line.quantity,
        options=option.options,
        created_at=line.created_at,
    )


def new_basket(buyer: Buyer, number: int, created_at: datetime, random: Random) -> Basket:
    """Return an empty order of the buyer."""
    market = buyer.market
    order = Order(
        number=str(number),
        token=random.randbytes(16).hex(),
        market=market,
        customer=buyer.customer,
        customer_email=buyer.email,
        guest=buyer.customer is None,
        language_code=buyer.language_code,
        currency_code=market.currency_code,
        tax_included=market.tax_included,
        tax_rate=market.tax_rate,
        country_code=market.code.upper(),
        created_at=created_at,
    )
    return Basket(order)
