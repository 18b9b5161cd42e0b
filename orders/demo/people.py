"""The buyers of the demo shop: customers with wallets, guests, and their addresses."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from orders.models import (
    Address,
    AddressRole,
    Customer,
    CustomerPaymentSource,
    Market,
    Order,
    PaymentMethod,
    PaymentSource,
)

NAMES = {
    "it": (
        "Giulia Marco Chiara Luca Sofia Matteo Elena Paolo Marta Davide",
        "Rossi Bianchi Conti Ferrari Esposito Greco Romano Gallo Marino",
    ),
    "de": (
        "Anna Lukas Lena Jonas Mia Felix Clara Emil Ida Moritz",
        "Schmidt Weber Fischer Wagner Becker Hoffmann Schäfer Koch Brandt",
    ),
    "us": (
        "Emma Liam Olivia Noah Ava Ethan Grace Henry Chloe Owen",
        "Johnson Miller Davis Garcia Wilson Moore Taylor Clark Nguyen",
    ),
}
STREETS = {
    "it": ["Via Garibaldi", "Via Roma", "Corso Italia", "Via Dante", "Piazza Mazzini"],
    "de": ["Lindenstraße", "Hauptstraße", "Gartenweg", "Schillerstraße", "Am Markt"],
    "us": ["Maple Street", "Oak Avenue", "Main Street", "Lake Drive", "Hill Road"],
}
CITIES = {
    "it": [("Milano", "20121", "MI"), ("Torino", "10121", "TO"), ("Bologna", "40121", "BO")],
    "de": [("Berlin", "10115", "BE"), ("Hamburg", "20095", "HH"), ("Leipzig", "04109", "SN")],
    "us": [("Austin", "73301", "TX"), ("Portland", "97201", "OR"), ("Denver", "80202", "CO")],
}
PHONES = {"it": "+39 02 5550", "de": "+49 30 5550", "us": "+1 512 5550"}
LANGUAGES = {"it": "it", "de": "de", "us": "en"}

CARDS = ("Visa", "Mastercard", "Amex")
ASCII = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})


@dataclass
class Buyer:
    """A customer or a guest (``customer`` is None), with payment sources."""

    market: Market
    first_name: str
    last_name: str
    customer: Customer | None
    email: str
    #: The payment sources, valid ones before expired ones.
    payment_sources: list[PaymentSource] = field(default_factory=list)

    @property
    def language_code(self) -> str:
        """The language of the buyer's market."""
        return LANGUAGES[self.market.code]

    def wallet(self) -> list[CustomerPaymentSource]:
        """Return the entries of the wallet, unsaved. Guests have none."""
        return [
            CustomerPaymentSource(customer=self.customer, payment_source=source)
            for source in self.payment_sources
            if self.customer
        ]


class People:
    """Create buyers, payment sources and addresses."""

    def __init__(self, random: Random, methods: Sequence[PaymentMethod], now: datetime) -> None:
        self.random = random
        self.card, self.paypal, self.cash = methods
        self.now = now

    def customers(self, market: Market, count: int) -> list[Buyer]:
        """Return customers of a market with valid, expired, declined or no payment sources."""
        first_names, last_names = (names.split() for names in NAMES[market.code])
        names = [(first, last) for first in first_names for last in last_names]
        return [
            self._customer(market, index, *name)
            for index, name in enumerate(self.random.sample(names, count))
        ]

    def _customer(self, market: Market, index: int, first: str, last: str) -> Buyer:
        email = f"{first}.{last}@example.com".lower().translate(ASCII)
        buyer = Buyer(market, first, last, Customer(email=email), email)
        # Six of ten customers can pay from their wallet, four cannot.
        match index % 10:
            case 0 | 1 | 2 | 3:
                buyer.payment_sources = [self.valid_card()]
            case 4:
                buyer.payment_sources = [self.paypal_account(email)]
            case 5:
                buyer.payment_sources = [self.valid_card(), self.expired_card()]
            case 6 | 7:
                buyer.payment_sources = [self.expired_card()]
            case 8:
                buyer.payment_sources = [self.valid_card(token="declined")]  # noqa: S106
        return buyer

    def guest(self, market: Market) -> Buyer:
        """Return a buyer without an account, whose card is in no wallet."""
        first_names, last_names = (names.split() for names in NAMES[market.code])
        first, last = self.random.choice(first_names), self.random.choice(last_names)
        email = f"{first}.{last}.guest@example.org".lower().translate(ASCII)
        return Buyer(market, first, last, None, email, [self.valid_card()])

    def valid_card(self, token: str = "card") -> PaymentSource:  # noqa: S107
        """Return a card that expires in a year or later."""
        return self._card(token, self.now + timedelta(days=self.random.randint(365, 1400)))

    def expired_card(self) -> PaymentSource:
        """Return a card that expired within the last year."""
        return self._card("card", self.now - timedelta(days=self.random.randint(20, 300)))

    def _card(self, token: str, expires_at: datetime) -> PaymentSource:
        return PaymentSource(
            payment_method=self.card,
            name=f"{self.random.choice(CARDS)} ending in {self.random.randint(1000, 9999)}",
            token=f"{token}_{self.random.randbytes(12).hex()}",
            expires_at=expires_at,
        )

    def paypal_account(self, email: str) -> PaymentSource:
        """Return a PayPal account, which never expires."""
        token = f"account_{self.random.randbytes(12).hex()}"
        return PaymentSource(payment_method=self.paypal, name=f"PayPal {email}", token=token)

    def cash_on_delivery(self) -> PaymentSource:
        """Return a payment source for cash on delivery of one order."""
        token = f"cash_{self.random.randbytes(12).hex()}"
        return PaymentSource(payment_method=self.cash, name="Cash on delivery", token=token)

    def addresses(self, order: Order, buyer: Buyer, *roles: AddressRole) -> list[Address]:
        """Return one address in each role; one in eight addresses is that of a company."""
        random, code = self.random, buyer.market.code
        city, zip_code, state_code = random.choice(CITIES[code])
        line_1 = f"{random.choice(STREETS[code])} {random.randint(1, 120)}"
        phone = f"{PHONES[code]}{random.randint(100, 999)}"
        business = random.random() < 0.125
        return [
            Address(
                order=order,
                role=role,
                business=business,
                company=f"{buyer.last_name} & Co." if business else "",
                first_name="" if business else buyer.first_name,
                last_name="" if business else buyer.last_name,
                line_1=line_1,
                city=city,
                zip_code=zip_code,
                state_code=state_code,
                country_code=code.upper(),
                phone=phone,
                email=buyer.email,
            )
            for role in roles
        ]
