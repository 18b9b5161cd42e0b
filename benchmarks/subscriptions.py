"""Subscriptions that are due at once, against plain copies; and the query for what is due.

Both sides make the same target orders. A manual subscription of drafts is measured against plain
copies that stay drafts. An automatic subscription is placed, as is the default, and paid from the
wallet: it is measured against plain copies with ``place_target_order``. The items have the prices
of the source lines and the market its shipping costs, so that all lines are copied unchanged.
"""

import logging
import os
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import timedelta
from statistics import median
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.utils import timezone

from benchmarks.databases import analyze, drop_database, make_database
from benchmarks.shop import CHUNK, make_orders, request
from benchmarks.throughput import resident
from order_copies.db.rows import insert_rows
from order_copies.models import (
    OrderFactory,
    OrderSubscription,
    OrderSubscriptionItem,
    Status,
    SubscriptionModel,
    SubscriptionStatus,
)
from order_copies.models.subscriptions import new_number
from order_copies.worker.run import run_batch
from orders.models import LineItem

DUE = int(os.environ.get("BENCH_DUE", "10000"))
SUBSCRIPTIONS = int(os.environ.get("BENCH_SUBSCRIPTIONS", "100000"))
#: The number of subscriptions among which the due ones are searched, at first and at last.
FEW, MANY = 1000, int(os.environ.get("BENCH_MANY_SUBSCRIPTIONS", "1000000"))
ROUNDS = 3
HOUR = timedelta(hours=1)
FIELDS = (
    *("number", "status", "source_order_id", "frequency", "activate_by_source_order"),
    *("place_target_order", "renewal_alert_period", "customer_email"),
    *("customer_payment_source_key", "price_policy", "anchor_at", "next_run_at", "due_at"),
    *("occurrencies", "errors_count", "attention", "run_retries", "metadata"),
    *("created_at", "updated_at"),
)


def main() -> None:
    """Measure both in turn and report the ratio; then measure the query for what is due."""
    logging.getLogger("order_copies").setLevel(logging.WARNING)
    make_database()
    orders = make_orders(2000)
    make_subscriptions(orders, FEW)
    few = due_query()
    make_subscriptions(orders, SUBSCRIPTIONS)
    renew(DUE)
    early = resident()
    measured = [(renew(DUE), copy(orders, DUE)) for _ in range(ROUNDS)]
    late = resident()
    print(f"{connection.vendor}: {DUE:,} of {SUBSCRIPTIONS:,} manual subscriptions due at once")
    report(measured)
    print(f"  memory {early / 1024:.1f} MB after {DUE:,} copies, {late / 1024:.1f} MB after "
          f"{DUE * (1 + 2 * ROUNDS):,} ({late / early - 1:+.1%})")  # fmt: skip
    make_automatic(DUE)
    print(f"{connection.vendor}: the same number of placed automatic ones, of four items each")
    report([(renew(DUE), copy(orders, DUE, place_target_order=True)) for _ in range(ROUNDS)])
    make_subscriptions(orders, MANY)
    many = due_query()
    print(f"  100 due ones are found in {few * 1000:.2f} ms among {FEW:,}, "
          f"in {many * 1000:.2f} ms among {MANY:,}")  # fmt: skip
    drop_database()


def make_subscriptions(orders: list[int], count: int) -> None:
    """Insert active subscriptions until there are ``count``. None is due this year.

    Their copies are drafts, as those of :func:`benchmarks.shop.request`.
    """
    now = timezone.now()
    for start in range(OrderSubscription.objects.count(), count, CHUNK):
        rows = []
        for number in range(start, min(start + CHUNK, count)):
            slot = now + timedelta(days=400, seconds=number)
            order = orders[number % len(orders)]
            row = [
                *(new_number(), SubscriptionStatus.ACTIVE, order, "monthly", True),
                *(False, 1, "bench@example.com", "", "frozen", now, slot, slot - HOUR),
                *(0, 0, "", 0, {}, now, now),
            ]
            rows.append(row)
        insert_rows(OrderSubscription, FIELDS, rows)


class Seconds(NamedTuple):
    """How long something took."""

    wall: float
    cpu: float


def report(measured: list[tuple[Seconds, Seconds]]) -> None:
    """Print copies per second of renewals and of plain copies, and the ratios."""
    for name in Seconds._fields:
        pairs = [(getattr(one, name), getattr(other, name)) for one, other in measured]
        renewed, plain = (DUE / median(seconds) for seconds in zip(*pairs, strict=True))
        ratios = sorted(other / one for one, other in pairs)
        print(f"  {name}: subscriptions {renewed:.0f} copies/s, plain copies {plain:.0f} copies/s")
        print(f"  ratio {median(ratios):.2f} (of {', '.join(f'{r:.2f}' for r in ratios)})")


def renew(count: int) -> Seconds:
    """Schedule and copy this number of subscriptions that are due."""
    make_due(count)
    analyze()
    return _run_all(count, lambda: None)


def copy(orders: list[int], count: int, **options: Any) -> Seconds:
    """Request and copy this number of plain copies."""
    analyze()
    return _run_all(count, lambda: request(orders, count, **options))


def _run_all(count: int, prepare: Callable[[], None]) -> Seconds:
    wall, cpu, done = time.perf_counter(), time.process_time(), 0
    prepare()
    while claimed := run_batch("bench").claimed:
        done += claimed
    seconds = Seconds(time.perf_counter() - wall, time.process_time() - cpu)
    assert done == count
    assert not OrderFactory.objects.exclude(status=Status.COMPLETED).exists()
    return seconds


def make_due(count: int) -> None:
    """Make the next slots of this number of subscriptions due now."""
    now = timezone.now()
    keys = list(OrderSubscription.objects.order_by("pk").values_list("pk", flat=True)[:count])
    for start in range(0, count, CHUNK):
        due = OrderSubscription.objects.filter(pk__in=keys[start : start + CHUNK])
        due.update(next_run_at=now, due_at=now)


def make_automatic(count: int) -> None:
    """Give this number of subscriptions a model and the SKUs of their orders as items.

    Their copies are placed.
    """
    model = SubscriptionModel.objects.create(name="Bench", frequencies=["monthly"])
    names = ("order_subscription_id", "sku_code", "bundle_code", "name", "quantity")
    names += ("unit_amount_cents", "currency_code", "source_line_item_key", "metadata")
    names += ("created_at", "updated_at")
    now = timezone.now()
    lines = defaultdict(list)
    for line in LineItem.objects.filter(item_type="skus").order_by("pk"):
        lines[line.order_id].append(line)
    ours = list(OrderSubscription.objects.order_by("pk")[:count])
    for start in range(0, count, CHUNK):
        some = ours[start : start + CHUNK]
        rows = [
            [
                *(one.pk, line.sku_code, "", line.name, line.quantity, line.unit_amount_cents),
                *("EUR", str(line.pk), {}, now, now),
            ]
            for one in some
            for line in lines[one.source_order_id]
        ]
        insert_rows(OrderSubscriptionItem, names, rows)
        keys = [one.pk for one in some]
        OrderSubscription.objects.filter(pk__in=keys).update(
            subscription_model=model, place_target_order=True
        )


def due_query() -> float:
    """Return the shortest time of a query for 100 due subscriptions, in seconds."""
    seconds = []
    with transaction.atomic():
        make_due(100)
        analyze()
        due = OrderSubscription.objects.due(timezone.now()).order_by("due_at", "pk")
        assert "order_subscription_due" in due[:CHUNK].explain()
        for _ in range(50):
            started = time.perf_counter()
            found = list(due.values_list("pk")[:CHUNK])
            seconds.append(time.perf_counter() - started)
            assert len(found) == 100
        transaction.set_rollback(True)
    return min(seconds)
