from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from order_copies.events.models import Event
from order_copies.events.who import worker_as_who
from order_copies.exceptions import LeaseLostError
from order_copies.models import Kind, OrderFactory, Status
from order_copies.plans import Problem, Step
from order_copies.transitions import record_started, save_ended, save_pause
from tests.factories import OrderCopyFactory, placed_order

pytestmark = pytest.mark.django_db

NOW = datetime(2024, 2, 29, 12, 0, 0, 500000, tzinfo=UTC)
WHO: dict[str, Any] = worker_as_who("w1")
PROBLEM = Problem(Step.WRITE, "line_items", "sold_out", "is sold out")


def running(count: int) -> list[OrderFactory]:
    source = placed_order()
    return [OrderCopyFactory(in_progress=True, source_order=source) for _ in range(count)]


def test_save_ended__saves_the_copy_and_its_event() -> None:
    # given
    [order_copy] = running(1)
    target = placed_order()
    order_copy.complete(NOW, [PROBLEM])
    order_copy.target_order_id = target.pk
    order_copy.outcomes = [{"action": "copied", "at": None}]

    # when
    save_ended([order_copy], WHO, NOW)

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


def test_save_ended__event_names_the_kind_of_the_copy() -> None:
    # given
    [order_copy] = running(1)
    order_copy.type = Kind.RECURRING_ORDER_COPIES
    order_copy.save()
    order_copy.fail(NOW, [PROBLEM])

    # when
    save_ended([order_copy], WHO, NOW)

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
def test_save_ended__one_lost_lease_raises_and_records_nothing(meanwhile: dict[str, Any]) -> None:
    # given
    order_copies = running(3)
    OrderFactory.objects.filter(pk=order_copies[1].pk).update(**meanwhile)
    for order_copy in order_copies:
        order_copy.complete(NOW)

    # when
    with pytest.raises(LeaseLostError, match="Another attempt owns the copy, or it was aborted"):
        save_ended(order_copies, WHO, NOW)

    # then
    assert not Event.objects.exists()


@pytest.mark.parametrize("count", [1, 50])
def test_save_ended__costs_two_statements(count: int) -> None:
    """UPDATE the copies, INSERT their events."""
    # given
    order_copies = running(count)
    for order_copy in order_copies:
        order_copy.complete(NOW)

    # when
    with CaptureQueriesContext(connection) as queries:
        save_ended(order_copies, WHO, NOW)

    # then
    assert len(queries) == 2
    assert Event.objects.count() == count


def test_record_started__only_first_attempts_have_an_event() -> None:
    # given
    first, second = running(2)
    second.attempt = 2

    # when
    record_started([first, second], WHO, NOW)

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


def test_save_pause__changes_only_the_lease_of_this_attempt() -> None:
    # given
    mine, taken_over = running(2)
    OrderFactory.objects.filter(pk=taken_over.pk).update(attempt=2)
    soon = NOW + timedelta(seconds=2)

    # when
    for order_copy in (mine, taken_over):
        order_copy.lease_expires_at = soon
        save_pause(order_copy)

    # then
    leases = dict(OrderFactory.objects.values_list("pk", "lease_expires_at"))
    assert leases[mine.pk] == soon
    assert leases[taken_over.pk] != soon
    assert set(OrderFactory.objects.values_list("status", flat=True)) == {Status.IN_PROGRESS}
