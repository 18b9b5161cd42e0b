"""Orders of the demo shop that each show one special case, named by ``reference``."""

from collections.abc import Iterator
from datetime import timedelta

from orders.demo.baskets import ENGRAVING, ESPRESSO, FILTER, GIFT_WRAP, Basket
from orders.demo.history import History
from orders.demo.lifecycles import FulfillmentStatus, Status, advance, pay, refund
from orders.demo.people import Buyer
from orders.models import PaymentSource

#: The reference of the order that the demo copies first.
FIRST_COPY = "first-copy"

#: The references of the orders that the demo subscribes to.
SUBSCRIBED, AWAITED, SUBSCRIBED_WHOLE = "subscribed", "subscribed-pending", "subscribed-whole"

#: The SKU codes of orders, by reference.
GOODS = {
    "out-of-stock": ["COFFEE-GEISHA-100", "COFFEE-HOUSE-250"],
    "nothing-left": ["CUP-ARTIST"],
    "last-piece": ["BREW-VINTAGE"],
    "no-longer-on-sale": ["COFFEE-XMAS-250", "CUP-LOGO-OLD", "CUP-ENAMEL"],
    "digital-only": ["COURSE-ESPRESSO", "EBOOK-BREWING"],
    "zero-amounts": ["COFFEE-SAMPLE", "COFFEE-BRA-250"],
}
#: The number of orders with each coupon.
COUPONS = {
    "BARISTA15": 1,
    "SPRING15": 1,
    "LAUNCH25": 1,
    "WITHDRAWN50": 1,
    "FRIENDS30": 1,
    "ONLYYOU15": 1,
    "FIRSTCOME15": 3,
}


def showcases(history: History) -> Iterator[Basket]:
    """Yield one order for each special case, all created two days ago."""
    cases = _Showcases(history)
    yield cases.first_copy()
    yield cases.five_hundred_lines()
    yield cases.two_lines_of_one_sku()
    yield cases.too_few_left()
    yield cases.sku_gone()
    yield cases.zero_quantity()
    yield from cases.goods()
    yield from cases.coupons()
    yield from cases.gift_cards()
    yield from cases.payments()
    yield from cases.statuses()
    yield from cases.subscriptions()


class _Showcases:
    def __init__(self, history: History) -> None:
        self.history = history
        self.catalogue = history.catalogue
        self.coupon_codes = history.offers.coupons
        self.solvent = [
            buyer
            for market in ("it", "de", "us")
            for index, buyer in enumerate(history.buyers[market])
            if index % 10 < 4
        ]
        self.next_solvent = 0

    def buyer(self) -> Buyer:
        """Return the next customer whose wallet has a valid card."""
        self.next_solvent += 1
        return self.solvent[self.next_solvent % len(self.solvent)]

    def order(self, reference: str, buyer: Buyer | None = None, *codes: str) -> Basket:
        """Return an order with one piece of each SKU."""
        basket = self.history.new_basket(buyer or self.buyer(), timedelta(days=2))
        basket.order.reference, basket.order.reference_origin = reference, "demo"
        for code in codes:
            basket.sell(self.catalogue[code])
        return basket

    def place(
        self, basket: Basket, buyer: Buyer | None = None, status: Status = Status.PLACED
    ) -> Basket:
        """Check out with shipping, addresses and the first payment source of the wallet."""
        buyer = buyer or self._buyer_of(basket)
        basket.ship()
        return self.settle(basket, buyer, buyer.payment_sources[0], status)

    def settle(
        self,
        basket: Basket,
        buyer: Buyer,
        payment_source: PaymentSource,
        status: Status = Status.PLACED,
    ) -> Basket:
        """Add fee, addresses and payment source, and bring the order to its status."""
        basket.charge_for(payment_source.payment_method)
        self.history.address(basket, buyer)
        advance(basket, status, payment_source)
        return basket

    def _buyer_of(self, basket: Basket) -> Buyer:
        email = basket.order.customer_email
        return next(buyer for buyer in self.solvent if buyer.email == email)

    def first_copy(self) -> Basket:
        basket = self.order(FIRST_COPY, self.solvent[0])
        basket.order.metadata = {"campaign": "autumn"}
        basket.sell(self.catalogue["COFFEE-HOUSE-250"], 2, ESPRESSO)
        basket.sell(self.catalogue["CUP-ESPRESSO-2"], 1, ENGRAVING)
        basket.sell(self.catalogue["PAPER-V60-100"])
        return self.place(basket)

    def five_hundred_lines(self) -> Basket:
        basket = self.order("five-hundred-lines")
        articles = [article for article in self.catalogue.goods if article.available > 20]
        for index in range(500):
            option = (ESPRESSO, FILTER, GIFT_WRAP)[index % 3]
            basket.sell(articles[index % len(articles)], 1, option)
        return self.place(basket)

    def two_lines_of_one_sku(self) -> Basket:
        basket = self.order("two-lines-of-one-sku")
        basket.sell(self.catalogue["COFFEE-COL-250"], 1, ESPRESSO)
        basket.sell(self.catalogue["COFFEE-COL-250"], 2, FILTER, GIFT_WRAP)
        return self.place(basket)

    def too_few_left(self) -> Basket:
        basket = self.order("too-few-left", None, "BOOK-ATLAS")
        basket.sell(self.catalogue["BREW-COLD"], 5)
        return self.place(basket)

    def sku_gone(self) -> Basket:
        basket = self.order("sku-gone", None, "COFFEE-KEN-250")
        basket.sell_deleted_sku("COFFEE-YEMEN-250", "Yemen Mocha, 250 g", 2190)
        self.place(basket, status=Status.APPROVED)
        pay(basket, FulfillmentStatus.FULFILLED)
        return basket

    def zero_quantity(self) -> Basket:
        basket = self.order("zero-quantity", None, "COFFEE-PER-250")
        basket.sell(self.catalogue["CARE-DESCALER"], 0)
        return self.place(basket)

    def goods(self) -> Iterator[Basket]:
        for reference, codes in GOODS.items():
            yield self.place(self.order(reference, None, *codes))

    def coupons(self) -> Iterator[Basket]:
        for code, times in COUPONS.items():
            coupon = self.coupon_codes[code]
            for _ in range(times):
                basket = self.order(f"coupon-{code}", None, "COFFEE-ETH-1000", "BREW-DRIPPER")
                basket.discount(coupon.promotion, coupon)
                yield self.place(basket)
        unknown = self.order("coupon-unknown", None, "TEA-SENCHA-100")
        unknown.order.coupon_code = "PAPERFLYER5"
        yield self.place(unknown)

    def gift_cards(self) -> Iterator[Basket]:
        part = self.order("gift-card-pays-in-part", None, "GRIND-HAND")
        part.redeem("GIFT-20EURO", 2000)
        yield self.place(part)
        whole = self.order("gift-card-pays-all", None, "EBOOK-BREWING")
        whole.redeem("GIFT-100EURO", 10000)
        yield self.place(whole)
        sold = self.order("gift-card-sold", None, "CUP-CAPPUCCINO-2")
        sold.sell_gift_card("GIFT-50FORYOU", 5000)
        yield self.place(sold)
        free = self.order("total-zero", None, "COURSE-TASTING")
        coupon = self.coupon_codes["ONTHEHOUSE"]
        free.discount(coupon.promotion, coupon)
        yield self.place(free)

    def payments(self) -> Iterator[Basket]:
        people, (expired, _, declined) = self.history.people, self.history.buyers["it"][6:9]
        for reference, buyer in (("card-expired", expired), ("card-declined", declined)):
            yield self.place(self.order(reference, buyer, "COFFEE-BRA-1000"), buyer)
        guest = people.guest(self.solvent[0].market)
        yield self.place(self.order("guest", guest, "BREW-PRESS-350"), guest)
        buyer = self.buyer()
        cash = self.order("cash-on-delivery", buyer, "MILK-JUG-350")
        cash.adjust("Goodwill", -200)
        cash.ship()
        yield self.settle(cash, buyer, people.cash_on_delivery())

    def statuses(self) -> Iterator[Basket]:
        for status in (Status.PENDING, Status.PLACING, Status.EDITING, Status.CANCELLED):
            basket = self.order(status.value, None, "COFFEE-FILTER-250", "PAPER-AERO-350")
            yield self.place(basket, status=status)
        paid = self.place(
            self.order("paid", None, "BREW-KETTLE", "SCALE-POCKET"), status=Status.APPROVED
        )
        pay(paid, FulfillmentStatus.IN_PROGRESS)
        yield paid
        refunded = self.place(self.order("refunded", None, "BOOK-HOME"), status=Status.CANCELLED)
        refund(refunded)
        yield refunded
        draft = self.order("draft", None)
        advance(draft, Status.DRAFT, None)
        yield draft

    def subscriptions(self) -> Iterator[Basket]:
        """Yield orders to subscribe to: two of the market that has a subscription model."""
        placed, pending = self.history.buyers["de"][:2]
        basket = self.order(SUBSCRIBED, placed, "COFFEE-HOUSE-1000", "PAPER-V60-100", "GRIND-HAND")
        for line, frequency in zip(basket.lines, ("monthly", "two-month"), strict=False):
            line.frequency = frequency
        yield self.place(basket)
        basket = self.order(AWAITED, pending, "COFFEE-DECAF-250")
        basket.lines[0].frequency = "monthly"
        yield self.place(basket, status=Status.PENDING)
        yield self.place(
            self.order(SUBSCRIBED_WHOLE, self.history.buyers["it"][0], "TEA-DARJEELING-100")
        )
