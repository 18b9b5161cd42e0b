"""Story: a client creates, reads, updates, follows and deletes a copy over the API."""

import re

import pytest
from oauth2_provider.models import Application

from order_copies.events.models import Event
from order_copies.models import OrderFactory
from order_copies.worker.run import run_batch
from orders.models import Order
from project.oauth.tokens import application_as_json
from tests.acceptance.documents import RELATIONSHIPS, document_of
from tests.api import API, MEDIA_TYPE, request_of, staff, the_error_in, written
from tests.factories import OrderCopyFactory, draft_order, placed_order

pytestmark = pytest.mark.django_db

ATTRIBUTES = [
    "type",
    "status",
    "started_at",
    "completed_at",
    "failed_at",
    "errors_log",
    "errors_count",
    "place_target_order",
    "reuse_wallet",
    "created_at",
    "updated_at",
    "reference",
    "reference_origin",
    "metadata",
    "cancel_source_order",
    "apply_promotions",
    "skip_errors",
    "ignore_invalid_coupon",
]


def test_create__responds_with_the_document_of_the_specification() -> None:
    # given
    api, order = API(staff()), placed_order()
    body = request_of(order)
    del body["data"]["attributes"]

    # when
    response = api.post("/order_copies", body)

    # then
    order_copy = OrderFactory.objects.get()
    document = response.json()
    trace_id = document["data"]["meta"]["trace_id"]
    assert response.status_code == 201
    assert response["Content-Type"] == MEDIA_TYPE
    assert response["Location"] == document["data"]["links"]["self"]
    assert re.fullmatch("[0-9a-f]{64}", trace_id)
    assert re.fullmatch("[A-Za-z]{10}", document["data"]["id"])
    assert document == document_of(order_copy, trace_id)
    assert order_copy.source_order == order


def test_create__members_are_in_the_order_of_the_contract() -> None:
    # given
    api, order = API(staff()), placed_order()

    # when
    data = api.post("/order_copies", request_of(order)).json()["data"]

    # then
    members = ["id", "type", "links", "attributes", "relationships", "meta"]
    assert list(data) == members
    assert list(data["attributes"]) == ATTRIBUTES
    assert list(data["relationships"]) == RELATIONSHIPS


def test_create__all_attributes_of_the_client_are_saved() -> None:
    # given
    api, order = API(staff()), placed_order()
    attributes = {
        "place_target_order": True,
        "reuse_wallet": False,
        "cancel_source_order": True,
        "apply_promotions": True,
        "skip_errors": True,
        "ignore_invalid_coupon": True,
        "reference": "ANY-EXTERNAL-REFERENCE",
        "reference_origin": "ANY-EXTERNAL-REFERENCE-ORIGIN",
        "metadata": {"foo": ["bär", None, {"deep": 1.5}]},
    }

    # when
    response = api.post("/order_copies", request_of(order, **attributes))

    # then
    document = response.json()
    trace_id = document["data"]["meta"]["trace_id"]
    assert document == document_of(OrderFactory.objects.get(), trace_id, **attributes)


def test_create__null_means_the_default() -> None:
    # given
    api, order = API(staff()), placed_order()
    nulls = ["place_target_order", "cancel_source_order", "reference", "metadata"]

    # when
    response = api.post("/order_copies", request_of(order, **dict.fromkeys(nulls)))

    # then
    order_copy = OrderFactory.objects.get()
    trace_id = response.json()["data"]["meta"]["trace_id"]
    assert response.json() == document_of(order_copy, trace_id)


def test_create__event_records_user_and_application() -> None:
    # given
    user = staff()
    api, order = API(user), placed_order()

    # when
    api.post("/order_copies", request_of(order))

    # then
    event = Event.objects.get(name="order_copies.create")
    assert event.who == {
        "owner": {"type": "User", "id": str(user.pk), "name": user.username, "email": user.email},
        "application": application_as_json(Application.objects.get(user=user)),
    }


def test_target_order__available_once_the_copy_has_run() -> None:
    # given
    api, order = API(staff()), placed_order()
    url = "/order_copies/" + api.post("/order_copies", request_of(order)).json()["data"]["id"]
    before = api.get(f"{url}/target_order").json()

    # when
    run_batch("a worker")

    # then
    attributes = api.get(url).json()["data"]["attributes"]
    target = Order.objects.exclude(pk=order.pk).get()
    assert before == {"data": None}
    assert attributes["status"] == "completed"
    assert api.get(f"{url}/target_order").json()["data"]["id"] == target.public_id
    names = [event["attributes"]["name"] for event in api.get(f"{url}/events").json()["data"]]
    assert names == ["order_copies.create", "order_copies.start", "order_copies.complete"]


def test_dry_run__returns_the_plan_and_writes_nothing() -> None:
    # given
    api, order = API(staff()), draft_order(lines=1, shipping=False, payment_fee=False)

    # when
    response = api.post("/order_copies?dry_run=true", request_of(order, place_target_order=True))

    # then
    meta = response.json()["meta"]
    line = order.line_items.get()
    amounts = {"item_type": "skus", "sku_code": line.sku_code, "quantity": 1}
    amounts |= {"unit_amount_cents": 2000, "total_amount_cents": 2300}
    amounts |= {"tax_amount_cents": line.tax_amount_cents}
    assert response.status_code == 200
    assert response.json()["data"] is None
    assert written() == (0, 0)
    assert list(meta) == [
        "dry_run",
        "status",
        "errors_log",
        "errors_count",
        "will_write",
        "will_place",
        "will_cancel",
        "currency_code",
        "source_totals",
        "target_totals",
        "outcomes",
        "plan_digest",
        "mode",
        "organization_id",
        "trace_id",
    ]
    assert (meta["dry_run"], meta["status"]) == (True, "failed")
    assert meta["errors_log"]["status"] == ["cannot transition from draft to placed"]
    assert meta["errors_count"] == sum(map(len, meta["errors_log"].values()))
    assert (meta["will_write"], meta["will_place"], meta["will_cancel"]) == (True, False, False)
    assert meta["source_totals"] == meta["target_totals"]
    assert meta["outcomes"][0] == {
        "attribute": "line_items",
        "source_line_item": line.public_id,
        "target_line_item": None,
        "name": line.name,
        "action": "copied",
        "code": None,
        "message": None,
        "before": amounts,
        "after": amounts,
    }


def test_dry_run__false_creates_a_copy() -> None:
    api, order = API(staff()), placed_order()

    response = api.post("/order_copies?dry_run=false", request_of(order))

    assert response.status_code == 201


def test_update__references_and_metadata_can_be_changed() -> None:
    # given
    api, order_copy = API(staff()), OrderCopyFactory(metadata={"a": 1}, reference="old")
    changes = {"reference": None, "reference_origin": "crm", "metadata": {"b": [2]}}
    body = {"type": "order_copies", "id": order_copy.public_id, "attributes": changes}

    # when
    response = api.patch(f"/order_copies/{order_copy.public_id}", {"data": body})

    # then
    order_copy.refresh_from_db()
    trace_id = response.json()["data"]["meta"]["trace_id"]
    assert response.status_code == 200
    assert response.json() == document_of(order_copy, trace_id, **changes)
    assert Event.objects.get().changes["reference"] == {"from": "old", "to": None}


def test_update__without_attributes_records_no_event() -> None:
    # given
    api, order_copy = API(staff()), OrderCopyFactory()
    data = {"type": "order_copies", "id": order_copy.public_id}
    data |= {"attributes": {}, "relationships": {}}

    # when
    response = api.patch(f"/order_copies/{order_copy.public_id}", {"data": data})

    # then
    assert response.status_code == 200
    assert Event.objects.count() == 0


def test_delete__copy_is_gone_and_its_target_stays() -> None:
    # given
    api, target = API(staff()), placed_order()
    order_copy = OrderCopyFactory(completed=True, target_order=target)

    # when
    response = api.delete(f"/order_copies/{order_copy.public_id}")

    # then
    again = api.get(f"/order_copies/{order_copy.public_id}")
    assert (response.status_code, response.content) == (204, b"")
    assert the_error_in(again) == (404, "RECORD_NOT_FOUND", None)
    assert Order.objects.filter(pk=target.pk).exists()


def test_delete__copy_in_progress_is_locked() -> None:
    # given
    api, order_copy = API(staff()), OrderCopyFactory(in_progress=True)

    # when
    response = api.delete(f"/order_copies/{order_copy.public_id}")

    # then
    assert the_error_in(response) == (423, "LOCKED", None)
    assert OrderFactory.objects.exists()
