"""Story: retries and new copies do not block each other.

A batch claims at most one copy whose lease has expired, and pending copies up to its limit. It runs
the two groups separately.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, OperationalError, transaction
from django.utils import timezone

from order_copies.events.recording import events_recorded
from order_copies.models import OrderFactory, Status
from order_copies.worker.batches import Batch, batch_ran
from order_copies.worker.run import run_batch
from tests import stories
from tests.acceptance.shops import InterferedShop
from tests.factories import placed_order

pytestmark = pytest.mark.django_db


class Killed(BaseException):
    """Simulates a process that is killed: no handler of Exception catches it."""


def crash(_: Any) -> None:
    raise ZeroDivisionError


def kill(_: Any) -> None:
    raise Killed


def requested(count: int) -> list[OrderFactory]:
    source = placed_order(lines=1)
    return [stories.requested(source) for _ in range(count)]


def due_for_retry(count: int) -> list[OrderFactory]:
    order_copies = requested(count)
    past = timezone.now() - timedelta(seconds=1)
    stories.start("w0", now=past, expires_at=past)
    return order_copies


def statuses(order_copies: list[OrderFactory]) -> list[str]:
    return [stories.fresh(order_copy).status for order_copy in order_copies]


@pytest.fixture
def batches() -> Iterator[list[Batch]]:
    """The batches for which ``batch_ran`` was sent."""
    sent: list[Batch] = []

    def receive(batch: Batch, **_: Any) -> None:
        sent.append(batch)

    batch_ran.connect(receive)
    yield sent
    batch_ran.disconnect(receive)


@pytest.fixture
def on_commit_of() -> Iterator[Callable[[str, Callable[[], None]], None]]:
    """Registers an on_commit callback for the events of a name."""
    receivers: list[Any] = []

    def register(name: str, callback: Callable[[], None]) -> None:
        def receive(events: Any, **_: Any) -> None:
            if any(event.name == name for event in events):
                transaction.on_commit(callback)

        receivers.append(receive)
        events_recorded.connect(receive)

    yield register
    for receive in receivers:
        events_recorded.disconnect(receive)


def test_claims__new_copies_run_next_to_copies_that_crash(shop: type[InterferedShop]) -> None:
    # given
    crashing = due_for_retry(20)
    new = requested(3)
    keys = {order_copy.pk for order_copy in crashing}

    def crash_on_retried(order_copies: Any) -> None:
        if any(order_copy.pk in keys for order_copy in order_copies):
            crash(order_copies)

    shop.before["plan"] = crash_on_retried

    # when
    batch = run_batch("w1")

    # then
    assert statuses(new) == [Status.COMPLETED] * 3
    assert (batch.claimed, dict(batch.ends)) == (4, {"completed": 3, "to retry": 1})


def test_claims__copy_due_for_a_retry_runs_next_to_new_copies() -> None:
    # given
    retried = due_for_retry(1)
    requested(3)

    # when
    batch = run_batch("w1", limit=1)

    # then
    assert statuses(retried) == [Status.COMPLETED]
    assert batch.claimed == 2


def test_claims__poison_copy_is_claimed_apart_from_new_copies(shop: type[InterferedShop]) -> None:
    # given
    [retried] = due_for_retry(1)
    new = requested(2)
    shop.before["plan"] = kill

    # when
    with pytest.raises(Killed):
        run_batch("w1")

    # then
    assert statuses(new) == [Status.PENDING] * 2
    assert stories.fresh(retried).attempt == 2


def test_batch_ran__sent_once_for_retries_and_new_copies(batches: list[Batch]) -> None:
    # given
    due_for_retry(1)
    requested(2)

    # when
    batch = run_batch("w1")

    # then
    assert batches == [batch]
    assert (batch.claimed, dict(batch.ends)) == (3, {"completed": 3})


def test_batch_ran__sent_when_the_batch_is_interrupted(
    shop: type[InterferedShop], batches: list[Batch], caplog: pytest.LogCaptureFixture
) -> None:
    # given
    due_for_retry(1)
    requested(2)

    def stop_at_the_second_claim(order_copies: Any) -> None:
        if len(order_copies) == 2:
            raise KeyboardInterrupt

    shop.before["plan"] = stop_at_the_second_claim

    # when
    with pytest.raises(KeyboardInterrupt):
        run_batch("w1")

    # then
    [batch] = batches
    assert (batch.claimed, dict(batch.ends)) == (3, {"completed": 1})
    assert "w1: 3 claimed, 1 completed" in caplog.text


# Callbacks after a commit


def deadlock() -> None:
    raise OperationalError(1213, "Deadlock found")


def refuse() -> None:
    raise ConnectionRefusedError("no queue")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("fails", [refuse, deadlock])
def test_claims__run_although_an_on_commit_callback_fails(
    on_commit_of: Callable[..., None],
    caplog: pytest.LogCaptureFixture,
    fails: Callable[[], None],
) -> None:
    # given
    order_copies = requested(4)
    on_commit_of("order_copies.start", fails)

    # when
    batch = run_batch("w1", limit=2)

    # then
    assert (batch.claimed, dict(batch.ends)) == (2, {"completed": 2})
    assert statuses(order_copies) == ["completed", "completed", "pending", "pending"]
    ids = ", ".join(order_copy.public_id for order_copy in order_copies[:2])
    assert f"An on_commit callback failed, and callbacks after it did not run: {ids}" in caplog.text


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("fails", [refuse, deadlock])
def test_abort__stays_although_an_on_commit_callback_fails(
    on_commit_of: Callable[..., None],
    caplog: pytest.LogCaptureFixture,
    fails: Callable[[], None],
) -> None:
    # given
    order_copies = requested(3)
    OrderFactory.objects.filter(pk=order_copies[0].pk).update(source_order=None)
    on_commit_of("order_copies.abort", fails)

    # when
    batch = run_batch("w1")

    # then
    assert dict(batch.ends) == {"aborted": 1, "completed": 2}
    assert statuses(order_copies) == ["aborted", "completed", "completed"]
    assert f"callbacks after it did not run: {order_copies[0].public_id}" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_claims__rolled_back_when_the_transaction_fails() -> None:
    # given
    order_copies = requested(2)

    def refuse(events: Any, **_: Any) -> None:
        raise DatabaseError

    events_recorded.connect(refuse)

    # when
    try:
        with pytest.raises(DatabaseError):
            run_batch("w1")
    finally:
        events_recorded.disconnect(refuse)

    # then
    assert statuses(order_copies) == [Status.PENDING] * 2
