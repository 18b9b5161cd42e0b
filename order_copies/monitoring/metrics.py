"""Metrics for Prometheus. Needs ``pip install django-order-copies[metrics]``.

Gauges of the queue are queried from the database at each scrape, so any web process can export
them: add :class:`MetricsView` to your routes, or register a :class:`QueueCollector` in your own
registry. Counters of batches are kept in the process that runs the batches: a worker exports them
on the port of ``order_copies_worker --metrics-port``. Any other process that runs batches, such as
a Celery worker, counts them once it has imported this module; processes that fork need
``PROMETHEUS_MULTIPROC_DIR``.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from typing import Any

from django.db import Error
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
    start_http_server,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from order_copies.conf import settings
from order_copies.models import OpenPayment, OrderSubscription
from order_copies.monitoring.health import Queue
from order_copies.monitoring.probes import Probe
from order_copies.worker.batches import Batch, batch_ran

ENDS = Counter(
    "order_copies_ends",
    "Copies that ended (completed, failed, aborted) or left the batch (to retry, locked, lost).",
    ["end"],
)
PROBLEMS = Counter(
    "order_copies_problems",
    "Copies that failed or were aborted, by problem code.",
    ["code"],
)
BATCH_SECONDS = Histogram(
    "order_copies_batch_seconds",
    "Duration of batches in seconds.",
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600),
)


def observe(batch: Batch, **_kwargs: Any) -> None:
    """Count the results of ``batch``. Receiver of the signal ``batch_ran``."""
    for end, count in batch.ends.items():
        ENDS.labels(end).inc(count)
    for code, count in batch.codes.items():
        PROBLEMS.labels(code).inc(count)
    BATCH_SECONDS.observe(batch.seconds)


batch_ran.connect(observe, dispatch_uid="order_copies.monitoring.metrics")


class QueueCollector(Collector):
    """Gauges of the queue: copies that have not ended, workers, payments to void, subscriptions."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Query the database, and yield the gauges. Six queries, or seven if copies are locked."""
        queue = Queue.at(timezone.now())
        oldest = queue.oldest_pending.total_seconds()
        payments = OpenPayment.objects.orphaned(timezone.now()).count()
        failing = OrderSubscription.objects.failing().count()
        overdue = queue.longest_due.total_seconds()
        yield _gauge("pending", "Copies that wait for a worker.", queue.pending)
        yield _gauge("oldest_pending_seconds", "Age of the oldest pending copy.", oldest)
        yield _gauge("in_progress", "Copies that a worker runs.", queue.running)
        yield _gauge("paused", "Copies that crashed and wait for their retry.", queue.paused)
        yield _gauge("locked", "Copies that wait for locked rows.", queue.locked)
        yield _gauge("lost", "Copies with an expired lease, which wait for a worker.", queue.lost)
        yield _gauge("workers", "Active polling workers.", queue.workers)
        yield _gauge("silent_workers", "Workers that hang or were killed.", queue.silent_workers)
        yield _gauge("payments_to_void", "Payments that wait to be voided.", payments)
        yield _gauge("subscriptions_due", "Subscriptions with something to do.", queue.due)
        yield _gauge(
            "subscriptions_overdue_seconds", "How long the first of them has been due.", overdue
        )
        yield _gauge("subscriptions_failing", "Subscriptions that need attention.", failing)


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"order_copies_{name}", text, value)


def serve(address: str, port: int) -> AbstractContextManager[object]:
    """Serve the metrics of this process over HTTP until the context is left.

    Raises OSError if the port is unavailable.
    """
    server, thread = start_http_server(port, address)
    stack = ExitStack()
    stack.callback(server.server_close)
    stack.callback(thread.join)
    stack.callback(server.shutdown)
    return stack


registry = CollectorRegistry()
registry.register(QueueCollector())


class MetricsView(Probe):
    """``/metrics``: the gauges of the queue, for clients with the bearer token METRICS_TOKEN."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """Return the metrics in Prometheus's text format.

        404 if no token is set, 401 for a wrong token, 503 if the database cannot be reached.
        """
        if not settings.METRICS_TOKEN:
            return _text("Set METRICS_TOKEN, and send it as a bearer token.", status=404)
        authorization = request.headers.get("Authorization", "")
        if not constant_time_compare(authorization, f"Bearer {settings.METRICS_TOKEN}"):
            challenge = {"WWW-Authenticate": "Bearer"}
            return _text("Send the bearer token.", status=401, headers=challenge)
        try:
            return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
        except Error:
            return _text("The database does not answer.", status=503)


def _text(text: str, **arguments: Any) -> HttpResponse:
    return HttpResponse(f"{text}\n", content_type="text/plain; charset=utf-8", **arguments)
