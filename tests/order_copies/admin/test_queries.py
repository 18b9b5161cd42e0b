"""Query counts of the event list and of the delete pages of copies."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from order_copies.admin import bounded
from order_copies.events.models import Event
from order_copies.models import OrderCopy, OrderFactory
from tests.factories import OrderCopyFactory, placed_order

pytestmark = pytest.mark.django_db

COPIES = reverse("admin:order_copies_ordercopy_changelist")
EVENTS = reverse("admin:order_copies_events_event_changelist")


def a_copy(size: int) -> OrderFactory:
    """Create a completed copy with this number of lines and of events."""
    line = {"attribute": "line_items", "name": "Mug", "action": "copied"}
    copy: OrderFactory = OrderCopyFactory(completed=True, outcomes=[line] * size)
    record_events(size, copy)
    return copy


def record_events(count: int, copy: OrderFactory, name: str = "order_copies.start") -> None:
    """Record this number of events of a copy."""
    Event.objects.bulk_create(
        Event(resource_type="order_copies", resource_id=str(copy.pk), name=name, who={})
        for _ in range(count)
    )


def queries(client: Client, method: str, *request: Any) -> list[str]:
    with CaptureQueriesContext(connection) as captured:
        response = getattr(client, method)(*request)
    assert response.status_code == 200
    return [query["sql"] for query in captured]


def test_delete_page__queries_do_not_grow_with_lines_and_events(admin_client: Client) -> None:
    """Session, user; the copy; one count for what refers to it."""
    # given
    urls = [
        reverse("admin:order_copies_ordercopy_delete", args=[a_copy(size).pk]) for size in (1, 60)
    ]
    admin_client.get(urls[0])

    # when
    for_one, for_many = (queries(admin_client, "get", url) for url in urls)

    # then
    assert len(for_one) == len(for_many)


def test_delete_selected__queries_do_not_grow_with_copies(admin_client: Client) -> None:
    """Session, user; the list; the copies."""
    # given
    source = placed_order()
    one, many = [[a_copy(2)], [OrderCopyFactory(source_order=source) for _ in range(30)]]
    forms = [
        {"action": "delete_selected", "_selected_action": [copy.pk for copy in copies]}
        for copies in (one, many)
    ]
    admin_client.post(COPIES, forms[0])

    # when
    for_one, for_many = (queries(admin_client, "post", COPIES, form) for form in forms)

    # then
    assert len(for_one) == len(for_many)
    assert OrderCopy.objects.count() == 31


def test_event_list__queries_are_bounded_and_do_not_grow_with_events(admin_client: Client) -> None:
    """Session, user; a bounded count; a page of events; the latest values for each filter."""
    # given
    copy = a_copy(1)
    admin_client.get(EVENTS)

    # when
    for_one = queries(admin_client, "get", EVENTS)
    record_events(150, copy)
    for_many = queries(admin_client, "get", EVENTS)

    # then
    of_events = [sql for sql in for_many if "order_copies_events_event" in sql]
    assert len(for_one) == len(for_many)
    assert len(of_events) == 4
    assert all("LIMIT" in sql for sql in of_events)


def test_event_list__longer_than_the_limit_shows_the_newest_with_a_note(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    monkeypatch.setattr(bounded, "MAX_LISTED", 5)
    record_events(7, OrderCopyFactory())

    # when
    response = admin_client.get(EVENTS)

    # then
    assert response.context["cl"].result_count == 5
    assert "Only the first 5 rows are listed." in response.content.decode()


def test_event_list__shorter_than_the_limit_has_no_note(admin_client: Client) -> None:
    # given
    record_events(7, OrderCopyFactory())

    # when
    response = admin_client.get(EVENTS)

    # then
    assert response.context["cl"].result_count == 7
    assert "Only the first" not in response.content.decode()


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("name=order_copies.start", 2),
        ("name=order_copies.fail", 1),
        ("name=unknown", 0),
        ("resource_type=order_copies", 3),
        ("resource_type=orders", 0),
    ],
)
def test_event_list__is_filtered_by_type_and_name(
    admin_client: Client, query: str, count: int
) -> None:
    # given
    copy = OrderCopyFactory()
    record_events(2, copy)
    record_events(1, copy, "order_copies.fail")

    # when
    response = admin_client.get(f"{EVENTS}?{query}")

    # then
    assert response.context["cl"].result_count == count
    assert {
        spec.parameter_name: [value for value, _label in spec.lookup_choices]
        for spec in response.context["cl"].filter_specs[:2]
    } == {
        "resource_type": ["order_copies"],
        "name": ["order_copies.fail", "order_copies.start"],
    }
