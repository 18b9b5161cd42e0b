"""The CPU time of API requests against documents built by hand."""

import json
import os
import time
from statistics import median
from typing import Any

from django.conf import settings
from django.db import connection
from django.test import Client, override_settings

from benchmarks.client import make_client
from benchmarks.databases import analyze, drop_database, make_database
from benchmarks.shop import make_orders
from order_copies import public_ids

REQUESTS = int(os.environ.get("BENCH_REQUESTS", "60"))
WARM_UP = 5
SIDES = ("api", "by_hand", "stock")
QUERIES = {
    "25 orders with 125 lines": "?include=line_items&page[size]=25",
    "25 orders": "?page[size]=25",
    "one order": "/{id}",
}


def main() -> None:
    """Check that both sides return equal documents, then measure them in turn."""
    make_database()
    key = make_orders(200)[0]
    analyze()
    with all_sides():
        client = make_client()
        print(f"{connection.vendor}: GET of orders, ms of CPU per request (median of {REQUESTS})")
        for name, query in QUERIES.items():
            report(client, name, paths_of(query, key))
    drop_database()


def all_sides() -> override_settings:
    """Return settings with the URLs of all sides, one authentication for all and no rate limit."""
    own = {"AUTHENTICATION_CLASSES": ["benchmarks.client.Authentication"], "RATE_LIMITS": None}
    return override_settings(
        ROOT_URLCONF="benchmarks.urls",
        ALLOWED_HOSTS=["testserver"],
        ORDER_COPIES=settings.ORDER_COPIES | own,
    )


def paths_of(query: str, key: int) -> dict[str, str]:
    """Return the path of each side; the stock library uses primary keys as ids."""
    ids = dict.fromkeys(SIDES, public_ids.encode("orders", key)) | {"stock": str(key)}
    return {side: f"/{side}/orders{query.replace('{id}', ids[side])}" for side in SIDES}


def report(client: Client, name: str, paths: dict[str, str]) -> None:
    """Measure one request on all sides in turn, REQUESTS times, and print the medians."""
    size = check(client, paths)
    times: dict[str, list[float]] = {side: [] for side in SIDES}
    for _ in range(REQUESTS + WARM_UP):
        for side, path in paths.items():
            times[side].append(cost(client, path))
    ours, by_hand, stock = (1000 * median(times[side][WARM_UP:]) for side in SIDES)
    print(f"  {name} ({size / 1000:.0f} kB)")
    print(f"    api {ours:6.1f}   by hand {by_hand:6.1f}   stock library {stock:6.1f}")
    print(f"    ratio to by hand: api {ours / by_hand:.2f}, stock library {stock / by_hand:.2f}")


def check(client: Client, paths: dict[str, str]) -> int:
    """Fail unless API and by_hand return equal documents; return their size in bytes."""
    ours, by_hand = (normal(client.get(paths[side]), side) for side in ("api", "by_hand"))
    assert ours == by_hand, f"by_hand.py and the API return different documents:\n{ours}\n{by_hand}"
    assert client.get(paths["stock"]).status_code == 200
    return len(ours.encode())


def normal(response: Any, side: str) -> str:
    """Return the document as text, without trace ids and with equal URLs on each side."""
    document = response.json()
    for resource in [*as_list(document["data"]), *document.get("included", [])]:
        resource["meta"]["trace_id"] = ""
    return json.dumps(document, ensure_ascii=False).replace(f"/{side}/", "/")


def as_list(data: Any) -> list[Any]:
    """Return the primary data as a list."""
    return data if isinstance(data, list) else [data]


def cost(client: Client, path: str) -> float:
    """Return the CPU seconds of a request."""
    started = time.process_time()
    client.get(path)
    return time.process_time() - started
