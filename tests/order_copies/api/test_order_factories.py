"""Order factories, which are copies of all kinds, and recurring order copies."""

from typing import Any

import pytest

from order_copies.models import Kind, OrderFactory
from tests.api import API, shopper, staff, the_error_in, written
from tests.factories import OrderCopyFactory, placed_order

pytestmark = pytest.mark.django_db

BASE = [
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
]


def recurring(**attributes: Any) -> OrderFactory:
    return OrderCopyFactory(type=Kind.RECURRING_ORDER_COPIES, **attributes)


def linkage(resource_type: str, public_id: str) -> dict[str, Any]:
    return {"data": {"type": resource_type, "id": public_id}}


def test_order_factories__list_copies_of_both_kinds() -> None:
    # given
    api, made = API(staff()), [OrderCopyFactory(), recurring()]

    # when
    documents = api.get("/order_factories").json()["data"]

    # then
    assert [(data["id"], data["type"]) for data in documents] == [
        (factory.public_id, "order_factories") for factory in made
    ]
    kinds = [data["attributes"]["type"] for data in documents]
    assert kinds == ["order_copies", "recurring_order_copies"]
    assert [list(data["attributes"]) for data in documents] == [BASE, BASE]
    names = ["source_order", "target_order", "events", "event_stores"]
    assert list(documents[0]["relationships"]) == names


def test_recurring_order_copies__are_not_found_as_order_copies() -> None:
    # given
    api, factory = API(staff()), recurring()

    # when
    data = api.get(f"/recurring_order_copies/{factory.public_id}").json()["data"]
    response = api.get(f"/order_copies/{factory.public_id}")

    # then
    assert data["attributes"]["type"] == "recurring_order_copies"
    assert list(data["attributes"]) == BASE
    assert list(data["relationships"])[-1] == "order_subscription"
    assert the_error_in(response) == (404, "RECORD_NOT_FOUND", None)


def test_order__lists_its_copies_by_kind() -> None:
    # given
    api, order = API(staff()), placed_order(lines=1)
    made = [OrderCopyFactory(source_order=order), recurring(source_order=order)]

    # when
    lists = {
        name: [data["id"] for data in api.get(f"/orders/{order.public_id}/{name}").json()["data"]]
        for name in ("order_factories", "order_copies", "recurring_order_copies")
    }

    # then
    first, second = (factory.public_id for factory in made)
    assert lists == {
        "order_factories": [first, second],
        "order_copies": [first],
        "recurring_order_copies": [second],
    }


def test_recurring_order_copies__subscription_is_required() -> None:
    # given
    api, order = API(staff()), placed_order(lines=1)
    data = {
        "type": "recurring_order_copies",
        "relationships": {"source_order": linkage("orders", order.public_id)},
    }

    # when
    response = api.post("/recurring_order_copies", {"data": data})

    # then
    assert the_error_in(response) == (
        422,
        "VALIDATION_ERROR",
        "/data/relationships/order_subscription",
    )
    assert written() == (0, 0)


def test_recurring_order_copies__unknown_subscription_is_not_found() -> None:
    # given
    api, order = API(staff()), placed_order(lines=1)
    data = {
        "type": "recurring_order_copies",
        "relationships": {
            "source_order": linkage("orders", order.public_id),
            "order_subscription": linkage("order_subscriptions", "AbcdefghiJ"),
        },
    }

    # when
    response = api.post("/recurring_order_copies", {"data": data})

    # then
    assert the_error_in(response) == (
        404,
        "RECORD_NOT_FOUND",
        "/data/relationships/order_subscription",
    )
    assert written() == (0, 0)


def test_recurring_order_copies__can_be_changed_and_deleted() -> None:
    # given
    api, factory = API(staff()), recurring()
    path = f"/recurring_order_copies/{factory.public_id}"
    data = {
        "type": "recurring_order_copies",
        "id": factory.public_id,
        "attributes": {"reference": "7"},
    }

    # when
    patched = api.patch(path, {"data": data})
    deleted = api.delete(path)

    # then
    assert patched.json()["data"]["attributes"]["reference"] == "7"
    assert deleted.status_code == 204
    assert not OrderFactory.objects.exists()


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
def test_order_factories__are_read_only(method: str) -> None:
    # given
    api, factory = API(staff()), OrderCopyFactory()
    path = "/order_factories" + ("" if method == "POST" else f"/{factory.public_id}")

    # when
    response = api.send(method, path, {"data": {"type": "order_factories"}})

    # then
    assert the_error_in(response) == (405, "METHOD_NOT_ALLOWED", None)


def test_order_factories__customer_sees_only_its_own() -> None:
    own, _other = OrderCopyFactory(), OrderCopyFactory()

    documents = API(shopper(own.source_order.customer)).get("/order_factories").json()["data"]

    assert [data["id"] for data in documents] == [own.public_id]
