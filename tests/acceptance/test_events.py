"""Story: every change of a copy is recorded as an event, in order, with its actor."""

from typing import Any

import pytest
from django.conf import LazySettings
from django.utils import timezone
from oauth2_provider.models import Application

from order_copies import copying, public_ids
from order_copies.events.models import Event
from order_copies.exceptions import NotDeletableError
from order_copies.models import OrderCopy, OrderFactory, Status
from order_copies.worker.run import run_batch
from orders.models import Order
from tests import stories
from tests.api import API, request_of, staff
from tests.factories import OrderCopyFactory, SkuFactory, placed_order

pytestmark = pytest.mark.django_db

WORKER = {"worker": {"id": "w1", "type": "order_copies"}}


def history(order_copy: OrderFactory) -> list[tuple[str, Any, Any]]:
    """Return name, change of status and actor of each event of a copy."""
    events = Event.objects.filter(resource_type="order_copies", resource_id=str(order_copy.pk))
    return [(event.name, event.changes.get("status"), event.who) for event in events]


CREATED = ("order_copies.create", {"from": None, "to": "pending"}, stories.WHO)
STARTED = ("order_copies.start", {"from": "pending", "to": "in_progress"}, WORKER)


def test_events__of_a_completed_copy() -> None:
    order_copy = stories.copied(placed_order())

    assert history(order_copy) == [
        CREATED,
        STARTED,
        ("order_copies.complete", {"from": "in_progress", "to": "completed"}, WORKER),
    ]


def test_events__of_a_failed_copy() -> None:
    source = placed_order(lines=[{"sku": SkuFactory(on_sale=False)}])

    order_copy = stories.copied(source)

    assert history(order_copy) == [
        CREATED,
        STARTED,
        ("order_copies.fail", {"from": "in_progress", "to": "failed"}, WORKER),
    ]


def test_events__created_at_is_ordered_and_current() -> None:
    # given
    before = timezone.now()

    # when
    order_copy = stories.copied(placed_order())

    # then
    events = Event.objects.filter(resource_type="order_copies")
    instants = list(events.values_list("created_at", flat=True))
    assert instants == sorted(instants)
    assert before <= instants[0] <= instants[-1] <= timezone.now()
    assert order_copy.started_at is not None
    assert order_copy.completed_at is not None
    assert before <= order_copy.created_at <= order_copy.started_at <= order_copy.completed_at


def test_request_copies__saves_a_pending_copy() -> None:
    # given
    source = placed_order()
    order_copy = OrderCopy(
        source_order=source,
        place_target_order=True,
        reuse_wallet=False,
        cancel_source_order=True,
        apply_promotions=True,
        skip_errors=True,
        ignore_invalid_coupon=True,
        reference="R-1",
        reference_origin="erp",
        metadata={"a": [1, {"b": None}]},
    )

    # when
    copying.request_copies([order_copy], actor=stories.WHO)

    # then
    found = stories.row(OrderCopy.objects.get())
    created_at = found.pop("created_at")
    assert found == {
        "id": order_copy.pk,
        "type": "order_copies",
        "status": "pending",
        "source_order_id": source.pk,
        "target_order_id": None,
        "started_at": None,
        "completed_at": None,
        "failed_at": None,
        "errors_log": {},
        "errors_count": 0,
        "outcomes": [],
        "place_target_order": True,
        "reuse_wallet": False,
        "cancel_source_order": True,
        "apply_promotions": True,
        "skip_errors": True,
        "ignore_invalid_coupon": True,
        "reference": "R-1",
        "reference_origin": "erp",
        "metadata": {"a": [1, {"b": None}]},
        "profile": None,
        "changes": None,
        "plan_digest": "",
        "retries": 0,
        "attempt": 0,
        "hand_backs": 0,
        "batch_id": None,
        "order_subscription_id": None,
        "scheduled_for": None,
        "locked_since": None,
        "lease_expires_at": None,
        "worker": "",
        "queued_at": created_at,
        "updated_at": created_at,
    }


def test_request_copies__saves_in_the_given_order() -> None:
    # given
    sources = [placed_order(lines=1) for _ in range(3)]
    order_copies = [OrderCopy(source_order=source) for source in reversed(sources)]

    # when
    copying.request_copies(order_copies, actor=stories.WHO)

    # then
    assert [order_copy.pk for order_copy in order_copies] == sorted(
        order_copy.pk for order_copy in order_copies
    )
    assert list(OrderCopy.objects.values_list("source_order", flat=True)) == [
        source.pk for source in reversed(sources)
    ]


def test_update_copy__records_an_unnamed_change() -> None:
    # given
    order_copy = stories.requested(placed_order(), reference="old")

    # when
    copying.update(order_copy, reference="new", metadata={}, actor=stories.WHO)

    # then
    event = Event.objects.last()
    assert event is not None
    assert (event.name, event.kind, event.changes, event.who) == (
        "",
        "update",
        {"reference": {"from": "old", "to": "new"}},
        stories.WHO,
    )
    assert OrderCopy.objects.get().reference == order_copy.reference == "new"


def test_update_copy__without_changes_records_no_event() -> None:
    order_copy = stories.requested(placed_order(), reference="same")

    copying.update(order_copy, reference="same", actor=stories.WHO)

    assert history(order_copy) == [CREATED]


@pytest.mark.parametrize("state", ["pending", "completed", "failed"])
def test_delete_copy__copy_is_gone_and_its_target_stays(state: str) -> None:
    # given
    order_copy = stories.requested(placed_order(), place_target_order=state == "failed")
    if state == "failed":
        order_copy.source_order.addresses.all().delete()
    if state != "pending":
        run_batch(worker="w1")
    order_copy = stories.fresh(order_copy)
    orders = set(Order.objects.values_list("pk", flat=True))

    # when
    copying.delete([order_copy], actor=stories.WHO)

    # then
    assert order_copy.status == state
    assert not OrderFactory.objects.exists()
    assert set(Order.objects.values_list("pk", flat=True)) == orders
    last = Event.objects.filter(resource_type="order_copies").last()
    assert last is not None
    assert (last.name, last.who) == ("order_copies.destroy", stories.WHO)


def test_delete_copy__copy_in_progress_is_refused() -> None:
    # given
    order_copy = OrderCopyFactory(in_progress=True)

    # when
    with pytest.raises(NotDeletableError, match="wait until it has ended"):
        copying.delete([order_copy], actor=stories.WHO)

    # then
    assert stories.fresh(order_copy).status == Status.IN_PROGRESS
    assert not Event.objects.exists()


def test_events__of_the_orders_that_a_copy_writes_places_and_cancels() -> None:
    # given
    source = placed_order()

    # when
    order_copy = stories.copied(source, place_target_order=True, cancel_source_order=True)

    # then
    target = stories.target_of(order_copy)
    events = Event.objects.filter(resource_type="orders")
    who = WORKER | {"order_copy": {"type": "order_copies", "id": order_copy.public_id}}
    assert [(event.name, event.resource_id, event.who) for event in events] == [
        ("orders.create", str(target.pk), who),
        ("orders.place", str(target.pk), who),
        ("orders.cancel", str(source.pk), who),
    ]
    assert events[0].changes == {"status": {"from": None, "to": "pending"}}


def test_who__names_user_and_application_for_an_api_request() -> None:
    # given
    api, order = API(staff()), placed_order(lines=1)

    # when
    created = api.post("/order_copies", request_of(order)).json()["data"]
    (change,) = api.get(f"/order_copies/{created['id']}/event_stores").json()["data"]

    # then
    who = change["attributes"]["who"]
    assert who["owner"]["name"] == api.user.get_username()
    application = Application.objects.get()
    assert who["application"] == {
        "id": public_ids.encode("applications", application.pk),
        "client_id": application.client_id,
        "kind": "integration",
        "public": False,
        "confidential": True,
    }


def test_who__names_only_the_user_without_an_application(
    settings: LazySettings,
) -> None:
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"AUTHENTICATION_CLASSES": None}
    api = API()
    user = staff()
    api.client.force_login(user)
    order_copy = OrderCopyFactory()
    data = {"type": "order_copies", "id": order_copy.public_id, "attributes": {"reference": "7"}}

    # when
    api.patch(f"/order_copies/{order_copy.public_id}", {"data": data})

    # then
    event = Event.objects.get(resource_type="order_copies")
    assert list(event.who) == ["owner"]
