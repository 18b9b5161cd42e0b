from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.functional import SimpleLazyObject

from order_copies import public_ids
from order_copies.events.models import Event
from order_copies.events.recording import actor_of, changes_of, events_recorded, record, user_actor

pytestmark = pytest.mark.django_db

NOW = datetime(2024, 2, 29, 23, 59, 59, 987654, tzinfo=UTC)


@pytest.fixture
def received() -> Iterator[list[list[Event]]]:
    """The events of each signal, one list per signal."""
    received: list[list[Event]] = []

    def receive(*, events: list[Event], **_: Any) -> None:
        received.append(events)

    events_recorded.connect(receive)
    yield received
    events_recorded.disconnect(receive)


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


def test_record__events_are_saved_in_order(received: list[list[Event]]) -> None:
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


def test_record__one_signal_carries_all_events(received: list[list[Event]]) -> None:
    # given
    events = [an_event(), an_event()]

    # when
    record(events)

    # then
    assert received == [events]
    assert all(event.pk for event in received[0])


def test_record__no_events_send_no_signal(received: list[list[Event]]) -> None:
    # when
    record([])

    # then
    assert received == []
    assert not Event.objects.exists()


@pytest.mark.parametrize("count", [1, 300])
def test_record__costs_one_statement(count: int) -> None:
    """INSERT the events."""
    # when
    with CaptureQueriesContext(connection) as queries:
        record([an_event(resource_id=str(number)) for number in range(count)])

    # then
    assert len(queries) == 1
    assert Event.objects.count() == count


def test_changes_of__holds_values_that_differ() -> None:
    # given
    before = {"status": "pending", "errors_count": 0, "started_at": None}
    after = {"status": "in_progress", "errors_count": 0, "started_at": NOW}

    # when, then
    assert changes_of(before, after) == {
        "status": {"from": "pending", "to": "in_progress"},
        "started_at": {"from": None, "to": NOW},
    }
    assert changes_of({}, {"status": "pending"}) == {"status": {"from": None, "to": "pending"}}


def test_actor_of__names_users_and_code(admin_user: Any) -> None:
    # given
    actor = {"worker": {"id": "w1"}}

    # when, then
    assert actor_of(admin_user) == user_actor(admin_user)
    assert actor_of(SimpleLazyObject(lambda: admin_user)) == user_actor(admin_user)
    assert actor_of("nightly import") == {"command": {"name": "nightly import"}}
    assert actor_of(actor) is actor


@pytest.mark.parametrize("caller", [None, 7, AnonymousUser()])
def test_actor_of__nothing_else_is_an_actor(caller: Any) -> None:
    with pytest.raises(TypeError, match="An actor is a user, a text or a mapping"):
        actor_of(caller)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("order_copies.create", "create"),
        ("order_copies.destroy", "destroy"),
        ("order_copies.complete", "update"),
        ("", "update"),
    ],
)
def test_event__kind_is_create_update_or_destroy(name: str, kind: str) -> None:
    assert an_event(name=name).kind == kind


def test_event__has_a_name_a_public_id_and_a_stream_id() -> None:
    # given
    event = an_event()

    # when
    record([event])

    # then
    assert str(event) == "order_copies.start"
    assert str(an_event(name="")) == "change"
    assert event.public_id == public_ids.encode("events", event.pk)
    assert event.stream_id == f"1709251199987-{event.pk}"
