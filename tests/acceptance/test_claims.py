"""Story: copies that are to be tried again and new ones do not keep each other waiting.

A batch claims one of the first and as many of the others as it may; they run apart.
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
    """The process ends here and now."""


def crash(_: Any) -> None:
    raise ZeroDivisionError


def kill(_: Any) -> None:
    raise Killed


def requested(count: int) -> list[OrderFactory]:
    source = placed_order(lines=1)
    return [stories.requested(source) for _ in range(count)]


def to_be_tried_again(count: int) -> list[OrderFactory]:
    order_copies = requested(count)
    past = timezone.now() - timedelta(seconds=1)
    stories.start("w0", now=past, expires_at=past)
    return order_copies


def statuses(order_copies: list[OrderFactory]) -> list[str]:
    return [stories.fresh(order_copy).status for order_copy in order_copies]


@pytest.fixture
def batches() -> Iterator[list[Batch]]:
    """What is told of batches that ran."""
    told: list[Batch] = []

    def tell(batch: Batch, **_: Any) -> None:
        told.append(batch)

    batch_ran.connect(tell)
    yield told
    batch_ran.disconnect(tell)


@pytest.fixture
def after_the_commit_of() -> Iterator[Callable[[str, Callable[[], None]], None]]:
    """Has something happen after the commit of an event of this name."""
    receivers: list[Any] = []

    def happens(name: str, act: Callable[[], None]) -> None:
        def receive(events: Any, **_: Any) -> None:
            if any(event.name == name for event in events):
                transaction.on_commit(act)

        receivers.append(receive)
        events_recorded.connect(receive)

    yield happens
    for receive in receivers:
        events_recorded.disconnect(receive)


def test_copies_that_crash_keep_no_new_copy_waiting(shop: type[InterferedShop]) -> None:
    # given
    crashing = to_be_tried_again(20)
    new = requested(3)
    keys = {order_copy.pk for order_copy in crashing}

    def crash_if_tried(order_copies: Any) -> None:
        if any(order_copy.pk in keys for order_copy in order_copies):
            crash(order_copies)

    shop.before["plan"] = crash_if_tried

    # when
    batch = run_batch("w1")

    # then
    assert statuses(new) == [Status.COMPLETED] * 3
    assert (batch.claimed, dict(batch.ends)) == (4, {"completed": 3, "to retry": 1})


def test_new_copies_keep_none_waiting_that_is_to_be_tried_again() -> None:
    # given
    tried = to_be_tried_again(1)
    requested(3)

    # when
    batch = run_batch("w1", limit=1)

    # then
    assert statuses(tried) == [Status.COMPLETED]
    assert batch.claimed == 2


def test_a_copy_that_kills_its_worker_takes_no_new_copy_along(shop: type[InterferedShop]) -> None:
    # given
    [tried] = to_be_tried_again(1)
    new = requested(2)
    shop.before["plan"] = kill

    # when
    with pytest.raises(Killed):
        run_batch("w1")

    # then
    assert statuses(new) == [Status.PENDING] * 2
    assert stories.fresh(tried).attempt == 2


def test_a_batch_of_both_kinds_is_told_once(batches: list[Batch]) -> None:
    # given
    to_be_tried_again(1)
    requested(2)

    # when
    batch = run_batch("w1")

    # then
    assert batches == [batch]
    assert (batch.claimed, dict(batch.ends)) == (3, {"completed": 3})


def test_what_ended_before_a_batch_had_to_stop_is_told(
    shop: type[InterferedShop], batches: list[Batch], caplog: pytest.LogCaptureFixture
) -> None:
    # given
    to_be_tried_again(1)
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


# What the shop does after a commit


def deadlock() -> None:
    raise OperationalError(1213, "Deadlock found")


def refuse() -> None:
    raise ConnectionRefusedError("no queue")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("fails", [refuse, deadlock])
def test_a_claim_that_is_committed_is_run_whatever_fails_after_it(
    after_the_commit_of: Callable[..., None],
    caplog: pytest.LogCaptureFixture,
    fails: Callable[[], None],
) -> None:
    # given
    wanted = requested(4)
    after_the_commit_of("order_copies.start", fails)

    # when
    batch = run_batch("w1", limit=2)

    # then
    assert (batch.claimed, dict(batch.ends)) == (2, {"completed": 2})
    assert statuses(wanted) == ["completed", "completed", "pending", "pending"]
    ids = ", ".join(order_copy.public_id for order_copy in wanted[:2])
    assert f"An on_commit callback failed, and callbacks after it did not run: {ids}" in caplog.text


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("fails", [refuse, deadlock])
def test_a_copy_that_is_given_up_has_ended_whatever_fails_after_it(
    after_the_commit_of: Callable[..., None],
    caplog: pytest.LogCaptureFixture,
    fails: Callable[[], None],
) -> None:
    # given
    wanted = requested(3)
    OrderFactory.objects.filter(pk=wanted[0].pk).update(source_order=None)
    after_the_commit_of("order_copies.abort", fails)

    # when
    batch = run_batch("w1")

    # then
    assert dict(batch.ends) == {"aborted": 1, "completed": 2}
    assert statuses(wanted) == ["aborted", "completed", "completed"]
    assert f"callbacks after it did not run: {wanted[0].public_id}" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_a_claim_that_fails_before_its_commit_is_none() -> None:
    # given
    wanted = requested(2)

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
    assert statuses(wanted) == [Status.PENDING] * 2
