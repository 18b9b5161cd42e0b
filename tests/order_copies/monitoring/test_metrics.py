"""Metrics: gauges of the queue, and counters of the batches."""

import socket
import sys
import threading
import urllib.request
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from prometheus_client import REGISTRY, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from order_copies.models import Heartbeat, OpenPayment, OrderFactory, OrderSubscription
from order_copies.monitoring.health import Queue
from order_copies.monitoring.metrics import QueueCollector
from order_copies.subscriptions import changes
from order_copies.worker import leases
from order_copies.worker.batches import batch_ran
from order_copies.worker.loop import Worker
from order_copies.worker.run import run_batch
from tests.factories import OrderCopyFactory, SkuFactory, placed_order
from tests.serving import free_port
from tests.stories import WHO
from tests.subscriptions import subscribed

pytestmark = pytest.mark.django_db

TOKEN = "a long random string"


@pytest.fixture
def scrape(settings: LazySettings) -> Callable[..., HttpResponse]:
    """Return a function that requests ``/metrics``."""
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"METRICS_TOKEN": TOKEN}

    def scrape(authorization: str = f"Bearer {TOKEN}") -> HttpResponse:
        client = Client(raise_request_exception=False)
        return client.get("/metrics", headers={"Authorization": authorization})

    return scrape


def samples(text: str) -> dict[str, float]:
    """Parse the samples of the app, by name and labels."""
    return {
        " ".join([sample.name, *sample.labels.values()]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name.startswith("order_copies_") and "_bucket" not in sample.name
    }


def current_samples() -> dict[str, float]:
    """Return the samples of this process."""
    return samples(generate_latest(REGISTRY).decode())


def difference(after: dict[str, float], before: dict[str, float]) -> dict[str, float]:
    """Return the counters that changed, with their increments."""
    return {
        name: value - before.get(name, 0)
        for name, value in after.items()
        if value != before.get(name, 0) and not name.endswith(("_created", "_sum"))
        if "_created" not in name
    }


def test_gauges__show_the_queue_and_the_workers(scrape: Callable[..., HttpResponse]) -> None:
    # given
    now = timezone.now()
    pending = OrderCopyFactory.create_batch(2)
    OrderFactory.objects.filter(pk=pending[1].pk).update(queued_at=now - timedelta(seconds=90))
    OrderCopyFactory(in_progress=True)
    leases.back_off(OrderCopyFactory(in_progress=True), timedelta(minutes=1))
    OrderCopyFactory(in_progress=True, lease_expires_at=now - timedelta(seconds=1))
    ended = OrderCopyFactory(failed=True)
    OpenPayment.objects.create(key="a", order_factory=ended, retries=0)
    Heartbeat.objects.create(worker="a:1:1", started_at=now, seen_at=now)
    Heartbeat.objects.create(worker="a:2:2", started_at=now, seen_at=now - timedelta(hours=1))

    # when
    response = scrape()

    # then
    assert response.status_code == 200
    assert response["Content-Type"].startswith("text/plain")
    found = samples(response.text)
    assert found.pop("order_copies_oldest_pending_seconds") == pytest.approx(90, abs=5)
    assert found == {
        "order_copies_pending": 2,
        "order_copies_in_progress": 1,
        "order_copies_paused": 1,
        "order_copies_locked": 0,
        "order_copies_lost": 1,
        "order_copies_workers": 1,
        "order_copies_silent_workers": 1,
        "order_copies_payments_to_void": 1,
        "order_copies_subscriptions_due": 0,
        "order_copies_subscriptions_overdue_seconds": 0,
        "order_copies_subscriptions_failing": 0,
    }


def test_gauges__show_subscriptions(scrape: Callable[..., HttpResponse]) -> None:
    # given one that is due, one that is not, and two that failed, of which one is stopped for good
    now = timezone.now()
    due, later, stopped = (subscribed(placed_order(), now + timedelta(days=1)) for _ in range(3))
    changes.cancel([stopped], actor=WHO)
    rows = OrderSubscription.objects.all()
    rows.filter(pk=due.pk).update(due_at=now - timedelta(seconds=90))
    rows.filter(pk__in=[later.pk, stopped.pk]).update(attention="declined")

    # when
    found = samples(scrape().text)

    # then
    assert found["order_copies_subscriptions_due"] == 1
    assert found["order_copies_subscriptions_overdue_seconds"] == pytest.approx(90, abs=5)
    assert found["order_copies_subscriptions_failing"] == 1


@pytest.mark.skipif(connection.vendor != "sqlite", reason="others scan a table that is small")
def test_failing_subscriptions__are_found_by_an_index() -> None:
    assert (
        "order_subscription_attention" in OrderSubscription.objects.failing().order_by().explain()
    )


def test_gauges__cost_six_queries() -> None:
    """SELECT counts of copies, workers seen and not seen lately, payments, due and failing ones."""
    OrderCopyFactory.create_batch(5)

    with CaptureQueriesContext(connection) as queries:
        list(QueueCollector().collect())

    assert len(queries) == 6


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer wrong", TOKEN, "Bearer ü"])
def test_token__missing_or_wrong_one_is_unauthorized(
    scrape: Callable[..., HttpResponse], authorization: str
) -> None:
    # when
    response = scrape(authorization)

    # then
    assert (response.status_code, response["WWW-Authenticate"]) == (401, "Bearer")
    assert response.text == "Send the bearer token.\n"


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer "])
def test_token__without_the_setting_the_page_is_not_found(
    scrape: Callable[..., HttpResponse], settings: LazySettings, authorization: str
) -> None:
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"METRICS_TOKEN": ""}

    # when
    response = scrape(authorization)

    # then
    assert response.status_code == 404
    assert "METRICS_TOKEN" in response.text


def test_unreachable_database__is_service_unavailable(
    scrape: Callable[..., HttpResponse], monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    def at(now: object) -> Queue:
        raise DatabaseError

    monkeypatch.setattr(Queue, "at", at)

    # when
    response = scrape()

    # then
    assert (response.status_code, response.text) == (503, "The database does not answer.\n")


def test_counters__count_ends_and_problems_of_a_batch() -> None:
    # given
    placed = placed_order(lines=1)
    OrderCopyFactory.create_batch(2, source_order=placed)
    not_for_sale = [{"sku": SkuFactory(on_sale=False)}, {"sku": SkuFactory(on_sale=False)}]
    OrderCopyFactory(source_order=placed_order(lines=not_for_sale))
    OrderCopyFactory(source_order=None)
    before = current_samples()

    # when
    run_batch("w1")

    # then
    assert difference(current_samples(), before) == {
        "order_copies_ends_total completed": 2,
        "order_copies_ends_total failed": 1,
        "order_copies_ends_total aborted": 1,
        "order_copies_problems_total sku_not_on_sale": 1,
        "order_copies_problems_total no_sellable_line": 1,
        "order_copies_problems_total source_gone": 1,
        "order_copies_batch_seconds_count": 1,
    }


def test_counters__empty_batch_is_not_counted() -> None:
    before = current_samples()

    run_batch("w1")

    assert difference(current_samples(), before) == {}


def test_batch_ran__failing_receiver_does_not_stop_the_batch() -> None:
    # given
    def fail(**_: object) -> None:
        raise ZeroDivisionError

    OrderCopyFactory(source_order=placed_order(lines=1))
    batch_ran.connect(fail)

    # when
    try:
        batch = run_batch("w1")
    finally:
        batch_ran.disconnect(fail)

    # then
    assert batch.ended == 1


def test_metrics_port__worker_serves_its_metrics_until_it_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # given
    OrderCopyFactory(source_order=placed_order(lines=1))
    port, responses = free_port(), []
    before = current_samples()

    class ScrapedWorker(Worker):
        def run(self, *, drain: bool = False) -> None:
            super().run(drain=drain)
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as response:
                responses.append(response.read().decode())

    monkeypatch.setattr(
        "order_copies.management.commands.order_copies_worker.Worker", ScrapedWorker
    )
    threads = threading.active_count()

    # when
    call_command("order_copies_worker", "--drain", "-v0", "--metrics-port", str(port))

    # then
    assert difference(samples(responses[0]), before)["order_copies_ends_total completed"] == 1
    assert threading.active_count() == threads
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port)).close()


def test_metrics_port__port_in_use_fails_the_command() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"[127.0.0.1]:{taken.getsockname()[1]}"

        with pytest.raises(CommandError, match="Metrics cannot be served on that port"):
            call_command("order_copies_worker", "--drain", "--metrics-port", address)


@pytest.mark.parametrize("address", ["", "port", "127.0.0.1", "1:x"])
def test_metrics_port__invalid_address_is_refused(address: str) -> None:
    with pytest.raises(CommandError, match="metrics-port"):
        call_command("order_copies_worker", "--drain", f"--metrics-port={address}")


def test_metrics_port__missing_library_fails_with_the_install_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # given
    monkeypatch.delitem(sys.modules, "order_copies.monitoring.metrics")
    monkeypatch.setitem(sys.modules, "prometheus_client", None)

    # when, then
    with pytest.raises(CommandError, match=r"pip install 'django-order-copies\[metrics\]'"):
        call_command("order_copies_worker", "--drain", "--metrics-port", "0")
