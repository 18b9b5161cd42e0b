"""Create the ordinary orders of the demo shop."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import TypeVar

from orders.demo.baskets import (
    ENGRAVING,
    ESPRESSO,
    FILTER,
    GIFT_WRAP,
    Basket,
    Option,
    new_basket,
)
from orders.demo.catalogue import Article, Catalogue
from orders.demo.lifecycles import FulfillmentStatus, Status, advance, pay
from orders.demo.people import Buyer, People
from orders.demo.promotions import Offers
from orders.models import AddressRole, PaymentSource, Promotion

Choice = TypeVar("Choice")

#: The percentage of ordinary orders in each status.
STATUSES = {
    Status.PLACED: 40,
    Status.APPROVED: 27,
    Status.PENDING: 12,
    Status.CANCELLED: 9,
    Status.DRAFT: 7,
    Status.EDITING: 3,
    Status.PLACING: 2,
}
#: The percentage of ordinary orders with each number of lines.
LINE_COUNTS = {1: 28, 2: 24, 3: 17, 4: 10, 5: 7, 7: 5, 10: 4, 16: 3, 40: 2}
#: The coupons of ordinary orders, by weight.
COUPONS = {"WELCOME15": 3, "BARISTA15": 3, "SPRING15": 2, "SHIPFREE": 2, "LAUNCH25": 1}


@dataclass
class History:
    """Create orders of the past in the order of their dates."""

    random: Random
    now: datetime
    catalogue: Catalogue
    offers: Offers
    people: People
    buyers: dict[str, list[Buyer]]
    last_number: int = 1000
    welcomed: set[str] = field(default_factory=set)

    def ordinary_orders(self, number: int) -> list[Basket]:
        """Return ``number`` orders in all statuses, the oldest first."""
        ages = sorted((self.random.uniform(3, 400) for _ in range(number)), reverse=True)
        return [self._ordinary_order(timedelta(days=age)) for age in ages]

    def new_basket(self, buyer: Buyer, age: timedelta) -> Basket:
        """Return an empty order of the buyer that was created ``age`` ago."""
        self.last_number += 1
        return new_basket(buyer, self.last_number, self.now - age, self.random)

    def address(self, basket: Basket, buyer: Buyer) -> None:
        """Add a billing address, and a shipping address if a line needs shipping."""
        roles = [AddressRole.BILLING]
        if basket.needs_shipping:
            roles.append(AddressRole.SHIPPING)
        basket.addresses = self.people.addresses(basket.order, buyer, *roles)

    def _ordinary_order(self, age: timedelta) -> Basket:
        status = self._weighted(STATUSES)
        buyer = self._buyer()
        basket = self.new_basket(buyer, age)
        self._fill(basket)
        if status == Status.DRAFT:
            self._make_draft(basket)
            advance(basket, status, None)
            return basket
        basket.ship()
        self._discount(basket, buyer)
        self._adjust(basket)
        payment_source = self._pay_with(basket, buyer)
        self.address(basket, buyer)
        advance(basket, status, payment_source)
        if status == Status.APPROVED:
            self._fulfill(basket, age)
        return basket

    def _buyer(self) -> Buyer:
        market = self._weighted({"it": 45, "de": 35, "us": 20})
        if self.random.random() < 0.15:
            return self.people.guest(self.buyers[market][0].market)
        return self.random.choice(self.buyers[market])

    def _fill(self, basket: Basket) -> None:
        catalogue = self.catalogue
        articles = catalogue.articles if self.random.random() < 0.2 else catalogue.orderable
        for article in self.random.choices(articles, k=self._weighted(LINE_COUNTS)):
            quantity = self._weighted({1: 60, 2: 25, 3: 10, 6: 5})
            basket.sell(article, quantity, *self._options(article))

    def _options(self, article: Article) -> list[Option]:
        options = []
        if article.sku.code.startswith("COFFEE") and self.random.random() < 0.4:
            options.append(self.random.choice([ESPRESSO, FILTER]))
        if article.sku.code.startswith("CUP") and self.random.random() < 0.3:
            options.append(ENGRAVING)
        if not article.sku.do_not_ship and self.random.random() < 0.05:
            options.append(GIFT_WRAP)
        return options

    def _make_draft(self, basket: Basket) -> None:
        """Remove the customer or the goods: a draft lacks one of them."""
        if self.random.random() < 0.3:
            basket.lines, basket.options = [], []
        else:
            basket.order.customer, basket.order.customer_email = None, ""

    def _discount(self, basket: Basket, buyer: Buyer) -> None:
        chance = self.random.random()
        if chance < 0.25:
            basket.discount(self.random.choice(self._promotions(basket)))
        elif chance < 0.45:
            coupon = self.offers.coupons[self._weighted(COUPONS)]
            if coupon.customer_single_use and buyer.email in self.welcomed:
                return
            self.welcomed.add(buyer.email)
            basket.discount(coupon.promotion, coupon)

    def _promotions(self, basket: Basket) -> list[Promotion]:
        return [
            promotion
            for promotion in self.offers.promotions.values()
            if not promotion.coupon_only
            and promotion.market in {None, basket.order.market}
            and promotion.currency_code in {"", basket.order.currency_code}
        ]

    def _adjust(self, basket: Basket) -> None:
        chance = self.random.random()
        if chance < 0.04:
            basket.adjust("Goodwill", -min(300, basket.order.market.shipping_amount_cents))
        elif chance < 0.07:
            basket.adjust("Packed as a gift", 250)

    def _pay_with(self, basket: Basket, buyer: Buyer) -> PaymentSource:
        if self.random.random() < 0.12 or not buyer.payment_sources:
            source = self.people.cash_on_delivery()
        else:
            source = self.random.choice(buyer.payment_sources)
        basket.charge_for(source.payment_method)
        if self.random.random() < 0.04:
            basket.redeem(f"GIFT-{self.random.randbytes(4).hex().upper()}", 2500)
        return source

    def _fulfill(self, basket: Basket, age: timedelta) -> None:
        if self.random.random() < 0.15:
            return
        is_old = age > timedelta(days=14)
        pay(basket, FulfillmentStatus.FULFILLED if is_old else FulfillmentStatus.IN_PROGRESS)
        if age > timedelta(days=200):
            basket.order.archived_at = basket.order.created_at + timedelta(days=180)

    def _weighted(self, chances: dict[Choice, int]) -> Choice:
        return self.random.choices(list(chances), weights=list(chances.values()))[0]
