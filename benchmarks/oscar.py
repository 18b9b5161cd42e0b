"""Copies of django-oscar's orders by the worker, against Oscar's own basket and checkout.

Oscar has no copy. What its customers do is to reorder: each line goes into a basket, and the basket
is placed. That is repeated here by Oscar's own code, without pages, payment and mail.
"""

import logging
import os
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django.db import connection
from oscar.core.loading import get_class, get_model

from benchmarks.databases import analyze, drop_database, make_database
from order_copies import copying
from order_copies.models import OrderCopy
from order_copies.worker.run import run_batch
from tests.oscar_shop.shopping import Item, make_product, make_user, place_order

ORDERS = int(os.environ.get("BENCH_OSCAR_ORDERS", "100"))
LINES = 5
COPIES = int(os.environ.get("BENCH_OSCAR_COPIES", "1000"))
ROUNDS = 3

Applicator = get_class("offer.applicator", "Applicator")
Basket = get_model("basket", "Basket")
Free = get_class("shipping.methods", "Free")
Order = get_model("order", "Order")
OrderCreator = get_class("order.utils", "OrderCreator")
OrderNumberGenerator = get_class("order.utils", "OrderNumberGenerator")
OrderTotalCalculator = get_class("checkout.calculators", "OrderTotalCalculator")
Selector = get_class("partner.strategy", "Selector")


def main() -> None:
    """Measure Oscar, drafts and placed copies in turn, and report the ratios."""
    logging.getLogger("order_copies").setLevel(logging.WARNING)
    make_database()
    orders = make_orders()
    measured = [
        (
            rate(lambda: reorder_all(orders)),
            rate(lambda: copy_all(orders, place_target_order=False)),
            rate(lambda: copy_all(orders, place_target_order=True)),
        )
        for _ in range(ROUNDS)
    ]
    own, frozen, placed = sorted(measured, key=lambda it: it[1] / it[0])[ROUNDS // 2]
    print(f"{connection.vendor}: orders of django-oscar with {LINES} lines")
    print(f"  basket and place by Oscar {own:8.1f} orders/s")
    print(f"  frozen copies             {frozen:8.1f} copies/s   ratio {frozen / own:.1f}")
    print(f"  placed copies             {placed:8.1f} copies/s   ratio {placed / own:.1f}")
    drop_database()


def make_orders() -> list[Any]:
    """Place orders by Oscar's checkout: five products of fifty each, one of them engraved."""
    user = make_user()
    products = [make_product(f"Pot {number}", stock=10**8) for number in range(50)]
    return [
        place_order(
            user,
            Item(products[number % 50], 2, "Ada"),
            *[Item(products[(number * LINES + line) % 50 - 1], 1) for line in range(1, LINES)],
        )
        for number in range(ORDERS)
    ]


def rate(work: Callable[[], int]) -> float:
    """Return the number per second of what ``work`` does; it returns the number."""
    analyze()
    started = time.perf_counter()
    done = work()
    return done / (time.perf_counter() - started)


def reorder_all(orders: list[Any]) -> int:
    """Put each order into a basket and place it, by Oscar's code."""
    for order in orders:
        reorder(Order.objects.get(pk=order.pk))
    return len(orders)


def reorder(order: Any) -> None:
    """Reorder as ``OrderHistory`` of Oscar does, and place the basket."""
    strategy = Selector().strategy(user=order.user)
    basket = Basket.objects.create(owner=order.user)
    basket.strategy = strategy
    for line in order.lines.all():
        is_available, reason = line.is_available_to_reorder(basket, strategy)
        assert is_available, reason
        options = [{"option": it.option, "value": it.value} for it in line.attributes.all()]
        basket.add_product(line.product, line.quantity, options)
    Applicator().apply(basket, order.user)
    addresses = [order.shipping_address, order.billing_address]
    for address in addresses:
        address.pk = None
        address.save()
    charge = Free().calculate(basket)
    placed = OrderCreator().place_order(
        basket=basket,
        total=OrderTotalCalculator().calculate(basket, charge),
        shipping_method=Free(),
        shipping_charge=charge,
        user=order.user,
        shipping_address=addresses[0],
        billing_address=addresses[1],
        order_number=OrderNumberGenerator().order_number(basket),
    )
    basket.submit()
    assert placed.total_incl_tax > Decimal(0)


def copy_all(orders: list[Any], *, place_target_order: bool) -> int:
    """Copy the orders by the worker."""
    before = OrderCopy.objects.filter(status="completed").count()
    sources = [orders[number % len(orders)] for number in range(COPIES)]
    copying.request(sources, actor="bench", place_target_order=place_target_order)
    while run_batch("bench").claimed:
        pass
    done = OrderCopy.objects.filter(status="completed").count() - before
    assert done == COPIES, f"{done} of {COPIES} copies were completed"
    return done
