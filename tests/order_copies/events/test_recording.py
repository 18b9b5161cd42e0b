from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from order_copies import public_ids
from order_copies.events.models import Event, changes_of
from order_copies.events.recording import events_recorded, record

pytestmark = pytest.mark.django_db

NOW = datetime(2024, 2, 29, 23, 59, 59, 987654, tzinfo=UTC)


@pytest.fixture
def heard() -> Iterator[list[list[Event]]]:
    """What receivers of the signal were told, one list per signal."""
    heard: list[list[Event]] = []

    def hear(*, events: list[Event], **_: Any) -> None:
        heard.append(events)

    events_recorded.connect(hear)
    yield heard
    events_recorded.disconnect(hear)


def an_event(**values: Any) -> Event:
    return Event(
        **{
            "resource_type": "order_copies",
            "resource_id": "1",
            "name": "order_copies.start",
            "changes": {"started_at": {"from": None, "to": NOW}},
            "who": {"worker": {"id": "w1"}},
            "created_at": NOW,
        }
        | values
    )


def test_recorded_events_read_back_in_order(heard: list[list[Event]]) -> None:
    # given
    events = [an_event(), an_event(name="", changes={}), an_event(name="order_copies.complete")]

    # when
    record(events)

    # then
    assert list(
        Event.objects.values_list("pk", "resource_type", "resource_id", "name", "changes", "who")
    ) == [
        (
            events[0].pk,
            "order_copies",
            "1",
            "order_copies.start",
            {"started_at": {"from": None, "to": "2024-02-29T23:59:59.987Z"}},
            {"worker": {"id": "w1"}},
        ),
        (events[1].pk, "order_copies", "1", "", {}, {"worker": {"id": "w1"}}),
        (
            events[2].pk,
            "order_copies",
            "1",
            "order_copies.complete",
            {"started_at": {"from": None, "to": "2024-02-29T23:59:59.987Z"}},
            {"worker": {"id": "w1"}},
        ),
    ]
    assert set(Event.objects.values_list("created_at", flat=True)) == {NOW}


def test_receivers_hear_all_events_of_one_recording_at_once(heard: list[list[Event]]) -> None:
    # given
    events = [an_event(), an_event()]

    # when
    record(events)

    # then
    assert heard == [events]
    assert all(event.pk for event in heard[0])


def test_nothing_recorded_is_nothing_told(heard: list[list[Event]]) -> None:
    # when
    record([])

    # then
    assert heard == []
    assert not Event.objects.exists()


@pytest.mark.parametrize("count", [1, 300])
def test_recording_costs_one_statement(count: int) -> None:
    """INSERT the events."""
    # when
    with CaptureQueriesContext(connection) as queries:
        record([an_event(resource_id=str(number)) for number in range(count)])

    # then
    assert len(queries) == 1
    assert Event.objects.count() == count


def test_changes_tell_what_differs() -> None:
    # given
    before = {"status": "pending", "errors_count": 0, "started_at": None}
    after = {"status": "in_progress", "errors_count": 0, "started_at": NOW}

    # when, then
    assert changes_of(before, after) == {
        "status": {"from": "pending", "to": "in_progress"},
        "started_at": {"from": None, "to": NOW},
    }
    assert changes_of({}, {"status": "pending"}) == {"status": {"from": None, "to": "pending"}}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("order_copies.create", "create"),
        ("order_copies.destroy", "destroy"),
        ("order_copies.complete", "update"),
        ("", "update"),
    ],
)
def test_an_event_is_a_create_an_update_or_a_destroy(name: str, kind: str) -> None:
    assert an_event(name=name).kind == kind


def test_an_event_goes_by_three_names() -> None:
    # given
    event = an_event()

    # when
    record([event])

    # then
    assert str(event) == "order_copies.start"
    assert str(an_event(name="")) == "change"
    assert event.public_id == public_ids.encode("events", event.pk)
    assert event.stream_id == f"1709251199987-{event.pk}"
