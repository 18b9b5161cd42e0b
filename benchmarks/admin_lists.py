"""Measure the lists of the admin at a thousand and at a million rows.

Each row of the result is a page as staff open it: its median milliseconds at both sizes, and their
ratio.
"""

import logging
import os
import statistics
import time

from django.contrib.auth import get_user_model
from django.db import connection, models
from django.test import Client
from django.utils import timezone

from benchmarks.databases import analyze, drop_database, make_database
from benchmarks.shop import make_orders, request
from order_copies.events.models import Event
from order_copies.models import CopyBatch, OrderFactory
from order_copies.worker.run import run_batch
from orders.models import Order

FIRST = 1024
DOUBLINGS = int(os.environ.get("BENCH_DOUBLINGS", "10"))
REPEATS = 5
TODAY = f"{timezone.now():%Y-%m-%d}+00:00:00%2B00:00"
PAGES = {
    "copies": "order_copies/ordercopy/",
    "copies, last page": "order_copies/ordercopy/?p=100",
    "copies, failed": "order_copies/ordercopy/?status__exact=failed",
    "copies, pending": "order_copies/ordercopy/?status__exact=pending",
    "copies, by a toggle": "order_copies/ordercopy/?toggle=skip_errors",
    "copies, today": f"order_copies/ordercopy/?created_at__gte={TODAY}",
    "copies, by a reason": "order_copies/ordercopy/?reason=line_items",
    "copies, search by number": "order_copies/ordercopy/?q=4711",
    "copies, search by reference": "order_copies/ordercopy/?q=none",
    "batches": "order_copies/copybatch/",
    "orders": "orders/order/",
    "orders, search by number": "orders/order/?q=4711",
    "events": "order_copies_events/event/",
    "index with the dashboard": "",
}


def main() -> None:
    """Make a thousand copies, open the pages, make a million of them, open the pages again."""
    logging.disable(logging.INFO)
    make_database()
    keys = make_orders(FIRST)
    Order.objects.update(placed_at=timezone.now())
    request(keys, FIRST)
    for _ in range(FIRST // 100 - 1):
        run_batch("bench", limit=100)
    batch = CopyBatch.objects.create(size=FIRST)
    OrderFactory.objects.update(batch=batch)
    client = Client(SERVER_NAME="localhost")
    client.force_login(get_user_model().objects.create_superuser("bench"))
    small = {name: measure(client, path) for name, path in PAGES.items()}
    for model in GROWING:
        for _ in range(DOUBLINGS):
            double(model)
    analyze()
    print(f"{connection.vendor}, {OrderFactory.objects.count():,} copies")
    for name, path in PAGES.items():
        large = measure(client, path)
        ratio = large / small[name]
        print(f"  {name:30} {small[name]:6.0f} ms {large:8.0f} ms {ratio:8.1f}", flush=True)
    drop_database()


def measure(client: Client, path: str) -> float:
    """Return the median milliseconds of a page."""
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        response = client.get(f"/admin/{path}", follow=True)
        times.append(time.perf_counter() - started)
        assert response.status_code == 200, (path, response.status_code)
        if times[-1] > 5:
            break
    return statistics.median(times) * 1000


GROWING = [Order, CopyBatch, OrderFactory, Event]


def double(model: type[models.Model]) -> None:
    """Double the rows of a table. Unique columns get NULL or a number."""
    quote = connection.ops.quote_name
    table = quote(model._meta.db_table)
    columns = {
        quote(field.column): quote(field.column)
        for field in model._meta.concrete_fields
        if not field.primary_key
    }
    for field in model._meta.concrete_fields:
        if field.unique and not field.primary_key:
            number = f"CAST(id + (SELECT MAX(id) FROM {table}) AS VARCHAR(20))"
            columns[quote(field.column)] = "NULL" if field.null else number
    names, values = ", ".join(columns), ", ".join(columns.values())
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {table} ({names}) SELECT {values} FROM {table}")
