"""Metrics for Prometheus. Needs ``pip install django-order-copies[metrics]``.

How the queue stands is asked of the database when somebody scrapes, so any web process can tell:
include :class:`MetricsView` wherever you like, or register a :class:`QueueCollector` in a registry
of your own. What was done is counted where it is done: a worker tells of it on the port of
``order_copies_worker --metrics-port``. Whatever else runs batches counts as soon as it has imported
this module; processes that fork need ``PROMETHEUS_MULTIPROC_DIR``.
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
from order_copies.models import OpenPayment
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
    "Copies that failed or were aborted, by the codes of their problems.",
    ["code"],
)
BATCH_SECONDS = Histogram(
    "order_copies_batch_seconds",
    "How long batches took.",
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600),
)


def observe(batch: Batch, **_kwargs: Any) -> None:
    """Count what came of a batch."""
    for end, count in batch.ends.items():
        ENDS.labels(end).inc(count)
    for code, count in batch.codes.items():
        PROBLEMS.labels(code).inc(count)
    BATCH_SECONDS.observe(batch.seconds)


batch_ran.connect(observe, dispatch_uid="order_copies.monitoring.metrics")


class QueueCollector(Collector):
    """How the queue stands, in four queries."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Ask the database."""
        queue = Queue.at(timezone.now())
        oldest = queue.oldest_pending.total_seconds()
        payments = OpenPayment.objects.orphaned().count()
        yield _gauge("pending", "Copies that wait for a worker.", queue.pending)
        yield _gauge("oldest_pending_seconds", "How long the first of them has waited.", oldest)
        yield _gauge("in_progress", "Copies that a worker runs.", queue.running)
        yield _gauge("paused", "Copies that crashed and wait for their next try.", queue.paused)
        yield _gauge("locked", "Copies that wait for locked rows.", queue.locked)
        yield _gauge("lost", "Copies whose worker died, to be tried again.", queue.lost)
        yield _gauge("workers", "Polling workers at work.", queue.workers)
        yield _gauge("silent_workers", "Those that hang or were killed.", queue.silent_workers)
        yield _gauge("payments_to_void", "Payments to be given back.", payments)


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"order_copies_{name}", text, value)


def serve(address: str, port: int) -> AbstractContextManager[object]:
    """Tell what this process has done, at this address, until the context is left.

    Raises ``OSError`` where the port cannot be had.
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
    """``/metrics``: how the queue stands, to those who have the token of ``METRICS_TOKEN``."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """The answer, in the format of Prometheus."""
        if not settings.METRICS_TOKEN:
            return _answer("Set METRICS_TOKEN, and send it as a bearer token.", status=404)
        authorization = request.headers.get("Authorization", "")
        if not constant_time_compare(authorization, f"Bearer {settings.METRICS_TOKEN}"):
            challenge = {"WWW-Authenticate": "Bearer"}
            return _answer("Send the bearer token.", status=401, headers=challenge)
        try:
            return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
        except Error:
            return _answer("The database does not answer.", status=503)


def _answer(text: str, **arguments: Any) -> HttpResponse:
    return HttpResponse(f"{text}\n", content_type="text/plain; charset=utf-8", **arguments)
