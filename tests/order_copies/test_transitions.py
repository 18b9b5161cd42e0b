from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from order_copies import transitions
from order_copies.events.models import Event
from order_copies.events.recording import worker_actor
from order_copies.exceptions import LeaseLostError
from order_copies.models import Kind, OrderFactory, Status
from order_copies.plans import Problem, Step
from order_copies.transitions import Ending
from order_copies.worker import leases
from tests import stories
from tests.factories import OrderCopyFactory, placed_order

pytestmark = pytest.mark.django_db

NOW = datetime(2024, 2, 29, 12, 0, 0, 500000, tzinfo=UTC)
WHO: dict[str, Any] = worker_actor("w1")
PROBLEM = Problem(Step.WRITE, "line_items", "sold_out", "is sold out")


def running(count: int) -> list[OrderFactory]:
    source = placed_order()
    return [OrderCopyFactory(in_progress=True, source_order=source) for _ in range(count)]


def test_end__saves_the_copy_and_its_event() -> None:
    # given
    [order_copy] = running(1)
    target = placed_order()
    outcomes = [{"action": "copied", "at": None}]
    ending = Ending(order_copy, Status.COMPLETED, [PROBLEM], target.pk, outcomes)

    # when
    transitions.end([ending], who=WHO, now=NOW)

    # then
    found = OrderFactory.objects.get()
    assert (found.status, found.completed_at, found.failed_at, found.updated_at) == (
        "completed",
        NOW,
        None,
        NOW,
    )
    assert (found.lease_expires_at, found.target_order, found.outcomes) == (
        None,
        target,
        [{"action": "copied", "at": None}],
    )
    event = Event.objects.get()
    assert (event.name, event.resource_id, event.who, event.created_at) == (
        "order_copies.complete",
        str(order_copy.pk),
        {"worker": {"id": "w1", "type": "order_copies"}},
        NOW,
    )
    assert event.changes == {
        "status": {"from": "in_progress", "to": "completed"},
        "completed_at": {"from": None, "to": "2024-02-29T12:00:00.500Z"},
        "errors_log": {"from": {}, "to": {"line_items": ["is sold out"]}},
        "errors_count": {"from": 0, "to": 1},
    }


def test_end__event_names_the_kind_of_the_copy() -> None:
    # given
    [order_copy] = running(1)
    order_copy.type = Kind.RECURRING_ORDER_COPIES
    order_copy.save()

    # when
    transitions.end([Ending(order_copy, Status.FAILED, [PROBLEM])], who=WHO, now=NOW)

    # then
    event = Event.objects.get()
    assert (event.resource_type, event.name) == (
        "recurring_order_copies",
        "recurring_order_copies.fail",
    )


@pytest.mark.parametrize(
    "meanwhile",
    [
        {"attempt": 2},
        {"status": "pending", "lease_expires_at": None},
        {"status": "aborted", "lease_expires_at": None},
        {"status": "completed", "lease_expires_at": None, "completed_at": NOW},
    ],
    ids=str,
)
def test_end__one_lost_lease_raises_and_records_nothing(meanwhile: dict[str, Any]) -> None:
    # given
    order_copies = running(3)
    OrderFactory.objects.filter(pk=order_copies[1].pk).update(**meanwhile)
    endings = [Ending(order_copy, Status.COMPLETED) for order_copy in order_copies]

    # when
    with pytest.raises(LeaseLostError, match="another attempt owns the copy, or it was aborted"):
        transitions.end(endings, who=WHO, now=NOW)

    # then
    assert not Event.objects.exists()


@pytest.mark.parametrize("count", [1, 50])
def test_end__costs_two_statements(count: int) -> None:
    """UPDATE the copies, INSERT their events."""
    # given
    order_copies = running(count)
    endings = [Ending(order_copy, Status.COMPLETED) for order_copy in order_copies]

    # when
    with CaptureQueriesContext(connection) as queries:
        transitions.end(endings, who=WHO, now=NOW)

    # then
    assert len(queries) == 2
    assert Event.objects.count() == count


def test_start__only_first_attempts_have_an_event() -> None:
    # given
    first, second = OrderCopyFactory(), running(1)[0]
    OrderFactory.objects.filter(pk=second.pk).update(lease_expires_at=NOW - timedelta(seconds=1))

    # when
    stories.start("w1", now=NOW, expires_at=NOW)

    # then
    event = Event.objects.get()
    assert (event.name, event.resource_id, event.changes) == (
        "order_copies.start",
        str(first.pk),
        {
            "status": {"from": "pending", "to": "in_progress"},
            "started_at": {"from": None, "to": "2024-02-29T12:00:00.500Z"},
        },
    )


def test_back_off__changes_only_the_lease_of_this_attempt() -> None:
    # given
    mine, taken_over = running(2)
    OrderFactory.objects.filter(pk=taken_over.pk).update(attempt=2)
    before = dict(OrderFactory.objects.values_list("pk", "lease_expires_at"))

    # when
    released = [leases.back_off(row, timedelta(seconds=2)) for row in (mine, taken_over)]

    # then
    after = dict(OrderFactory.objects.values_list("pk", "lease_expires_at"))
    assert released == [1, 0]
    assert after[mine.pk] < before[mine.pk]
    assert after[taken_over.pk] == before[taken_over.pk]
    assert set(OrderFactory.objects.values_list("status", flat=True)) == {Status.IN_PROGRESS}
