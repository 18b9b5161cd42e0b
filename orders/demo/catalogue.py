"""The catalogue of the demo shop: SKUs with prices and stock, markets, payment methods."""

from dataclasses import dataclass
from decimal import Decimal

from orders.models import Market, PaymentMethod, Price, Sku

#: Code, name, price in euro cents (tax included), available pieces (empty: not tracked).
GOODS = """
COFFEE-ETH-250 | Ethiopia Yirgacheffe, 250 g | 1290 | 400
COFFEE-ETH-1000 | Ethiopia Yirgacheffe, 1 kg | 4490 | 120
COFFEE-KEN-250 | Kenya Nyeri AA, 250 g | 1450 | 300
COFFEE-KEN-1000 | Kenya Nyeri AA, 1 kg | 4990 | 80
COFFEE-COL-250 | Colombia Huila, 250 g | 1090 | 500
COFFEE-COL-1000 | Colombia Huila, 1 kg | 3790 | 150
COFFEE-GUA-250 | Guatemala Antigua, 250 g | 1150 | 260
COFFEE-GUA-1000 | Guatemala Antigua, 1 kg | 3990 | 90
COFFEE-BRA-250 | Brazil Cerrado, 250 g | 890 | 600
COFFEE-BRA-1000 | Brazil Cerrado, 1 kg | 2990 | 220
COFFEE-SUM-250 | Sumatra Mandheling, 250 g | 1190 | 180
COFFEE-SUM-1000 | Sumatra Mandheling, 1 kg | 4190 | 60
COFFEE-RWA-250 | Rwanda Kivu, 250 g | 1350 | 140
COFFEE-PER-250 | Peru Cajamarca, organic, 250 g | 1240 | 200
COFFEE-DECAF-250 | Decaf Mexico, 250 g | 1180 | 170
COFFEE-HOUSE-250 | House espresso, 250 g | 950 | 800
COFFEE-HOUSE-1000 | House espresso, 1 kg | 3190 | 350
COFFEE-FILTER-250 | House filter, 250 g | 950 | 450
COFFEE-SAMPLE | Sample of the month, 40 g | 0 | 1000
TEA-SENCHA-100 | Sencha, 100 g | 1390 | 75
TEA-DARJEELING-100 | Darjeeling first flush, 100 g | 1690 | 40
CACAO-500 | Drinking chocolate 70 %, 500 g | 1490 | 95
BREW-MOKA-3 | Moka pot, 3 cups | 3490 | 65
BREW-MOKA-6 | Moka pot, 6 cups | 4290 | 48
BREW-PRESS-350 | French press, 350 ml | 2990 | 55
BREW-PRESS-1000 | French press, 1 l | 4490 | 35
BREW-DRIPPER | Ceramic dripper | 2690 | 85
BREW-KETTLE | Gooseneck kettle, 1 l | 6990 | 22
BREW-SERVER | Glass server, 600 ml | 2290 | 44
BREW-SIPHON | Siphon, 5 cups | 12900 | 6
BREW-COLD | Cold brew tower | 24900 | 3
BREW-TRAVEL | Travel press, steel | 3990 | 28
GRIND-HAND | Hand grinder | 8900 | 31
GRIND-ELECTRIC | Electric burr grinder | 18900 | 14
GRIND-BURRS | Spare burrs | 3900 | 18
GRIND-BRUSH | Grinder brush | 690 | 120
PAPER-V60-100 | Paper filters for drippers, 100 pieces | 590 | 700
PAPER-PRESS-2 | Mesh filters for presses, 2 pieces | 790 | 110
PAPER-AERO-350 | Round paper filters, 350 pieces | 690 | 260
CUP-ESPRESSO-2 | Espresso cups, set of two | 1790 | 130
CUP-CAPPUCCINO-2 | Cappuccino cups, set of two | 2190 | 105
CUP-ENAMEL | Enamel mug | 1290 | 160
CUP-TRAVEL | Travel mug, 350 ml | 2490 | 90
SCALE-POCKET | Pocket scale, 0.1 g | 3290 | 40
SCALE-BREW | Brewing scale with timer | 5990 | 17
MILK-JUG-350 | Milk jug, 350 ml | 1990 | 60
MILK-FROTHER | Hand frother | 1490 | 88
CARE-DESCALER | Descaler, 500 ml | 990 | 210
CARE-TABLETS | Cleaning tablets, 20 pieces | 1190 | 190
CARE-KNOCKBOX | Knock box | 2790 | 33
BOOK-ATLAS | The atlas of coffee | 3490 | 25
BOOK-HOME | Brewing at home | 2290 | 45
"""

OUT_OF_STOCK = """
COFFEE-GEISHA-100 | Panama Geisha, 100 g | 3900 | 0
CUP-ARTIST | Cup of the artist, numbered | 4900 | 0
GRIND-TITAN | Titanium grinder | 34900 | 0
BREW-VINTAGE | Lever machine, refurbished, one of a kind | 89900 | 0
"""

NO_LONGER_ON_SALE = """
COFFEE-XMAS-250 | Christmas blend, 250 g | 1090 | 36
BREW-MOKA-1 | Moka pot, 1 cup | 2490 | 12
CUP-LOGO-OLD | Mug with the old logo | 990 | 57
"""

DIGITAL = """
COURSE-ESPRESSO | Online course: espresso | 4900 |
COURSE-LATTE | Online course: latte art | 3900 |
COURSE-TASTING | Online tasting, recorded | 1900 |
EBOOK-BREWING | Brewing at home, e-book | 1290 |
"""


@dataclass(frozen=True)
class Article:
    """A SKU with its prices in cents, by currency, and its available pieces."""

    sku: Sku
    prices: dict[str, int]
    available: int

    def price_rows(self) -> list[Price]:
        """Return the prices, unsaved."""
        return [
            Price(sku=self.sku, currency_code=currency, amount_cents=amount)
            for currency, amount in self.prices.items()
        ]


@dataclass(frozen=True)
class Catalogue:
    """All articles of the demo shop, by availability."""

    goods: list[Article]
    out_of_stock: list[Article]
    no_longer_on_sale: list[Article]
    digital: list[Article]

    @property
    def articles(self) -> list[Article]:
        """All articles."""
        return [*self.goods, *self.out_of_stock, *self.no_longer_on_sale, *self.digital]

    @property
    def orderable(self) -> list[Article]:
        """The articles that customers can order now."""
        return [*self.goods, *self.digital]

    def __getitem__(self, code: str) -> Article:
        return next(article for article in self.articles if article.sku.code == code)


def make_catalogue() -> Catalogue:
    """Return the catalogue, unsaved."""
    return Catalogue(
        goods=_articles(GOODS),
        out_of_stock=_articles(OUT_OF_STOCK),
        no_longer_on_sale=_articles(NO_LONGER_ON_SALE, on_sale=False),
        digital=_articles(DIGITAL, do_not_ship=True, do_not_track=True),
    )


def _articles(table: str, **flags: bool) -> list[Article]:
    rows = (row.split("|") for row in table.strip().splitlines())
    return [
        _article(code.strip(), name.strip(), int(price), int(available.strip() or 0), **flags)
        for code, name, price, available in rows
    ]


def _article(code: str, name: str, euros: int, available: int, **flags: bool) -> Article:
    image_url = f"https://shop.example.com/images/{code.lower()}.jpg"
    sku = Sku(code=code, name=name, image_url=image_url, **flags)
    return Article(sku, {"EUR": euros, "USD": _dollars(euros)}, available)


def _dollars(euros: int) -> int:
    """Return the price in US cents: tax is added on top, and prices end with a nine."""
    return round(euros / 1.22 * 1.15 / 50) * 50 - 1 if euros else 0


def make_markets() -> list[Market]:
    """Return the markets Italy, Germany and United States, unsaved."""
    return [
        Market(
            name="Italia",
            code="it",
            currency_code="EUR",
            tax_rate=Decimal("0.22"),
            shipping_amount_cents=590,
            shipping_cost_cutoff_cents=7000,
        ),
        Market(
            name="Deutschland",
            code="de",
            currency_code="EUR",
            tax_rate=Decimal("0.19"),
            shipping_amount_cents=490,
            shipping_cost_cutoff_cents=5000,
        ),
        Market(
            name="United States",
            code="us",
            currency_code="USD",
            tax_included=False,
            tax_rate=Decimal("0.0825"),
            shipping_amount_cents=895,
        ),
    ]


def make_payment_methods() -> list[PaymentMethod]:
    """Return card, account and cash on delivery, which has a fee; unsaved."""
    return [
        PaymentMethod(name="Credit card", payment_source_type="stripe_payments"),
        PaymentMethod(name="PayPal", payment_source_type="paypal_payments"),
        PaymentMethod(
            name="Cash on delivery",
            payment_source_type="external_payments",
            price_amount_cents=390,
        ),
    ]
