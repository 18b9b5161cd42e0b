"""Load the demo shop into the database, once."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import chain
from random import Random

from django.db import models, transaction
from django.utils import timezone

from orders.demo.baskets import Basket
from orders.demo.catalogue import (
    Catalogue,
    make_catalogue,
    make_markets,
    make_payment_methods,
)
from orders.demo.history import History
from orders.demo.lifecycles import holds_coupon, holds_stock
from orders.demo.people import Buyer, People
from orders.demo.promotions import Offers, make_offers
from orders.demo.showcases import FIRST_COPY, showcases
from orders.demo.subscriptions import subscribe
from orders.models import CouponUse, Order, PaymentSource, StockItem, StockReservation

SEED = 20261123
CUSTOMERS = {"it": 36, "de": 28, "us": 16}
ORDINARY_ORDERS = 270


def first_copy() -> Order | None:
    """Return the order that the demo copies first; None if no demo shop is loaded."""
    return Order.objects.filter(reference=FIRST_COPY, reference_origin="demo").first()


@transaction.atomic
def load_demo_shop() -> bool:
    """Load the demo shop and return True; return False if it is loaded already."""
    if first_copy():
        return False
    random, now = Random(SEED), timezone.now()  # noqa: S311
    history = _begin(random, now)
    baskets = [*history.ordinary_orders(ORDINARY_ORDERS), *showcases(history)]
    _save_orders(baskets)
    _save_stock(history.catalogue, baskets)
    _save_coupons(history.offers, baskets)
    subscribe()
    return True


def _begin(random: Random, now: datetime) -> History:
    markets, methods = make_markets(), make_payment_methods()
    catalogue = make_catalogue()
    offers = make_offers({market.code: market for market in markets}, now)
    people = People(random, methods, now)
    buyers = {market.code: people.customers(market, CUSTOMERS[market.code]) for market in markets}
    _save(markets, methods, [article.sku for article in catalogue.articles])
    _save([price for article in catalogue.articles for price in article.price_rows()])
    _save(list(offers.promotions.values()))
    _save_buyers(chain.from_iterable(buyers.values()))
    return History(random, now, catalogue, offers, people, buyers)


def _save(*tables: Sequence[models.Model]) -> None:
    for rows in tables:
        type(rows[0])._default_manager.bulk_create(rows)


def _save_buyers(buyers: Iterable[Buyer]) -> None:
    buyers = list(buyers)
    _save([buyer.customer for buyer in buyers if buyer.customer])
    _save([source for buyer in buyers for source in buyer.payment_sources])
    _save([entry for buyer in buyers for entry in buyer.wallet()])


def _save_orders(baskets: Sequence[Basket]) -> None:
    _save(_unsaved_payment_sources(baskets))
    _save(
        [basket.order for basket in baskets],
        [address for basket in baskets for address in basket.addresses],
        [line for basket in baskets for line in basket.lines],
        [option for basket in baskets for option in basket.options],
        [authorization for basket in baskets for authorization in basket.authorizations],
    )


def _unsaved_payment_sources(baskets: Iterable[Basket]) -> list[PaymentSource]:
    """Return the payment sources that are not saved in a wallet."""
    sources = [basket.order.payment_source for basket in baskets]
    return [source for source in sources if source and not source.pk]


def _save_stock(catalogue: Catalogue, baskets: Iterable[Basket]) -> None:
    """Reserve the pieces that orders hold, in addition to the available pieces."""
    held = [
        (line, line.sku)
        for basket in baskets
        if holds_stock(basket)
        for line in basket.lines
        if line.sku and not line.sku.do_not_track and line.quantity
    ]
    reserved = Counter[int]()
    for line, sku in held:
        reserved[sku.pk] += line.quantity
    items = {
        article.sku.pk: StockItem(
            sku=article.sku,
            quantity=article.available + reserved[article.sku.pk],
            reserved=reserved[article.sku.pk],
        )
        for article in catalogue.articles
        if not article.sku.do_not_track
    }
    reservations = [
        StockReservation(line_item=line, stock_item=items[sku.pk], quantity=line.quantity)
        for line, sku in held
    ]
    _save(list(items.values()), reservations)


def _save_coupons(offers: Offers, baskets: Iterable[Basket]) -> None:
    uses = [
        CouponUse(
            coupon=basket.coupon,
            order=basket.order,
            customer_email=basket.order.customer_email.lower(),
        )
        for basket in baskets
        if holds_coupon(basket)
    ]
    counts = Counter(use.coupon.code for use in uses)
    for coupon in offers.coupons.values():
        coupon.usage_count = counts[coupon.code]
    _save(list(offers.coupons.values()), uses)
