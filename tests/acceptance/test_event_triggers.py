"""Story: a client sends an event again by its trigger (contract 4.1)."""

from collections.abc import Iterator
from typing import Any

import pytest

from order_copies import copying
from order_copies.events.models import Event
from order_copies.events.recording import event_triggered
from order_copies.models import OrderCopy
from tests.api import API, PERMISSIONS, service, staff, the_error_in
from tests.factories import placed_order

pytestmark = pytest.mark.django_db


@pytest.fixture
def sent() -> Iterator[list[Event]]:
    """The events for which ``event_triggered`` was sent."""
    events: list[Event] = []

    def receive(sender: Any, event: Event, **rest: Any) -> None:
        events.append(event)

    event_triggered.connect(receive)
    yield events
    event_triggered.disconnect(receive)


@pytest.fixture
def created() -> Event:
    """The ``order_copies.create`` event of a copy."""
    copying.request_copies([OrderCopy(source_order=placed_order(lines=1))], actor={})
    return Event.objects.get()


def body_of(event: Event, **attributes: Any) -> dict[str, Any]:
    attributes = attributes or {"_trigger": True}
    return {"data": {"type": "events", "id": event.public_id, "attributes": attributes}}


def test_trigger__event_is_sent_again(created: Event, sent: list[Event]) -> None:
    # given
    user = staff(*PERMISSIONS, "change_event")

    # when
    response = API(user).patch(f"/events/{created.public_id}", body_of(created))

    # then
    assert response.status_code == 200
    assert response.json()["data"]["attributes"]["name"] == "order_copies.create"
    assert sent == [created]


def test_trigger__actor_is_recorded(created: Event, sent: list[Event]) -> None:
    # given
    api = API(staff(*PERMISSIONS, "change_event"))
    api.patch(f"/events/{created.public_id}", body_of(created))

    # when
    (change,) = api.get(f"/events/{created.public_id}/event_stores").json()["data"]

    # then
    attributes = change["attributes"]
    assert attributes["resource_type"] == "events"
    assert attributes["resource_id"] == created.public_id
    assert attributes["who"]["owner"]["name"] == api.user.get_username()
    assert list(attributes["payload"]) == ["triggered_at"]
    assert api.get(f"/event_stores/{change['id']}").status_code == 200
    assert len(api.get("/events").json()["data"]) == 1
    assert len(sent) == 1


def test_trigger__false_sends_nothing(created: Event, sent: list[Event]) -> None:
    # given
    api = API(staff(*PERMISSIONS, "change_event"))

    # when
    response = api.patch(f"/events/{created.public_id}", body_of(created, _trigger=False))

    # then
    assert response.status_code == 200
    assert sent == []
    assert Event.objects.count() == 1


def test_trigger__needs_permission_to_change_events(created: Event, sent: list[Event]) -> None:
    # when
    response = API(service("view_order")).patch(f"/events/{created.public_id}", body_of(created))

    # then
    assert the_error_in(response) == (401, "UNAUTHORIZED", None)
    assert sent == []


def test_event__attributes_cannot_be_changed(created: Event, sent: list[Event]) -> None:
    # given
    api = API(staff(*PERMISSIONS, "change_event"))

    # when
    response = api.patch(f"/events/{created.public_id}", body_of(created, name="orders.place"))

    # then
    assert the_error_in(response) == (400, "PARAM_NOT_ALLOWED", "/data/attributes/name")
    assert sent == []
