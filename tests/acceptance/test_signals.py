"""Story: a shop's receivers hear of events and batches, as ``docs/reference/signals.md`` says."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection, transaction
from django.dispatch import Signal

from order_copies import copying
from order_copies.events.models import Event
from order_copies.events.recording import event_triggered, events_recorded, trigger
from order_copies.models import OrderFactory, Status
from order_copies.worker.batches import batch_ran
from order_copies.worker.run import run_batch
from orders.models import Order
from tests import stories
from tests.factories import placed_order

pytestmark = pytest.mark.django_db(transaction=True)

Connect = Callable[[Signal, Callable[..., None]], None]


class ReceiverError(Exception):
    """What a receiver raises."""


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Connects receivers to signals for one test."""
    connected: list[tuple[Signal, Callable[..., None]]] = []

    def add(signal: Signal, receiver: Callable[..., None]) -> None:
        signal.connect(receiver)
        connected.append((signal, receiver))

    yield add
    for signal, receiver in connected:
        signal.disconnect(receiver)


def raise_at(name: str) -> Callable[..., None]:
    """Return a receiver that raises when events of this name are recorded."""

    def receive(events: list[Event], **_: Any) -> None:
        if any(event.name == name for event in events):
            raise ReceiverError

    return receive


def test_events_recorded__sent_inside_the_transaction_and_before_its_callbacks(
    connect: Connect,
) -> None:
    # given
    heard: list[Any] = []

    def receive(sender: Any, events: list[Event], **_: Any) -> None:
        names = [event.name for event in events if event.pk]
        heard.append((sender, names, connection.in_atomic_block))
        transaction.on_commit(lambda: heard.append(connection.in_atomic_block))

    connect(events_recorded, receive)

    # when
    copying.request([placed_order(lines=1), placed_order(lines=1)], actor="import")

    # then
    assert heard == [(Event, ["order_copies.create"] * 2, True), False]


def test_events_recorded__batch_of_copies_sends_two_signals_about_them(connect: Connect) -> None:
    # given
    copying.request([placed_order(lines=1) for _ in range(3)], actor="import")
    heard: list[set[str]] = []

    def receive(events: list[Event], **_: Any) -> None:
        if events[0].resource_type == "order_copies":
            heard.append({event.name for event in events})

    connect(events_recorded, receive)

    # when
    run_batch("w1")

    # then
    assert heard == [{"order_copies.start"}, {"order_copies.complete"}]


def test_events_recorded__error_of_a_receiver_undoes_the_request(connect: Connect) -> None:
    # given
    connect(events_recorded, raise_at("order_copies.create"))

    # when
    with pytest.raises(ReceiverError):
        copying.request([placed_order(lines=1)], actor="import")

    # then
    assert not OrderFactory.objects.exists()
    assert not Event.objects.exists()


def test_events_recorded__error_at_the_end_retries_the_copy(connect: Connect) -> None:
    # given
    [order_copy] = copying.request([placed_order(lines=1)], actor="import")
    connect(events_recorded, raise_at("order_copies.complete"))

    # when
    batch = run_batch("w1")

    # then
    assert dict(batch.ends) == {"to retry": 1}
    assert stories.fresh(order_copy).status == Status.IN_PROGRESS
    assert Order.objects.count() == 1


def test_events_recorded__error_at_the_start_undoes_the_claim_and_reaches_the_worker(
    connect: Connect,
) -> None:
    # given
    [order_copy] = copying.request([placed_order(lines=1)], actor="import")
    connect(events_recorded, raise_at("order_copies.start"))

    # when
    with pytest.raises(ReceiverError):
        run_batch("w1")

    # then
    assert stories.fresh(order_copy).status == Status.PENDING


def test_event_triggered__error_of_a_receiver_undoes_the_trigger(connect: Connect) -> None:
    # given
    copying.request([placed_order(lines=1)], actor="import")
    event = Event.objects.get()

    def receive(event: Event, **_: Any) -> None:
        raise ReceiverError

    connect(event_triggered, receive)

    # when
    with pytest.raises(ReceiverError):
        trigger(event, who={})

    # then
    assert Event.objects.get() == event


def test_batch_ran__sent_outside_any_transaction_after_the_end(connect: Connect) -> None:
    # given
    copying.request([placed_order(lines=1)], actor="import")
    heard: list[Any] = []

    def receive(batch: Any, **_: Any) -> None:
        statuses = list(OrderFactory.objects.values_list("status", flat=True))
        heard.append((connection.in_atomic_block, batch.claimed, statuses))

    connect(batch_ran, receive)

    # when
    run_batch("w1")
    run_batch("w1")

    # then
    assert heard == [(False, 1, [Status.COMPLETED])]


def test_batch_ran__error_of_a_receiver_is_logged(
    connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    # given
    copying.request([placed_order(lines=1)], actor="import")

    def receive(**_: Any) -> None:
        raise ReceiverError

    connect(batch_ran, receive)

    # when
    batch = run_batch("w1")

    # then
    assert batch.ended == 1
    assert [record.name for record in caplog.records if record.exc_info] == ["django.dispatch"]
