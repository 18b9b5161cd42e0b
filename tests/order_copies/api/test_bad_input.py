"""Invalid request bodies: status, code and pointer of the error, and nothing is written."""

from typing import Any

import pytest

from order_copies.events.models import Event
from orders.models import Order
from tests.api import API, errors_in, request_of, shopper, staff, the_error_in, written
from tests.factories import CustomerFactory, OrderCopyFactory, placed_order

pytestmark = pytest.mark.django_db

SOURCE = "/data/relationships/source_order"
METADATA = "/data/attributes/metadata"


@pytest.fixture
def api() -> API:
    return API(staff())


@pytest.fixture
def order() -> Order:
    return placed_order(lines=1)


def nested(depth: int) -> dict[str, Any]:
    value: Any = {}
    for _ in range(depth - 1):
        value = {"a": value}
    return value  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"\xff",
        b'{"data": NaN}',
        b'{"data": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"data": ' + b"9" * 5000 + b"}",
    ],
    ids=["truncated", "not UTF-8", "NaN", "deeply nested", "5000 digits"],
)
def test_body__invalid_json_is_refused_without_a_pointer(api: API, body: bytes) -> None:
    # when
    response = api.post("/order_copies", body)

    # then
    assert the_error_in(response) == (400, "INVALID_DATA_FORMAT", None)
    assert written() == (0, 0)


def test_body__empty_one_is_refused(api: API) -> None:
    response = api.post("/order_copies", b"", **{"Content-Type": "application/vnd.api+json"})

    assert the_error_in(response) == (400, "PARAM_MISSING", "/data")


def test_body__too_large_one_is_refused(api: API) -> None:
    response = api.post("/order_copies", b" " * 262_145)

    assert the_error_in(response) == (413, "PAYLOAD_TOO_LARGE", None)


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ([], "INVALID_DATA_FORMAT", None),
        ("text", "INVALID_DATA_FORMAT", None),
        ({}, "PARAM_MISSING", "/data"),
        ({"data": None}, "INVALID_DATA_FORMAT", "/data"),
        ({"data": []}, "INVALID_DATA_FORMAT", "/data"),
        ({"data": "text"}, "INVALID_DATA_FORMAT", "/data"),
        ({"data": {}, "datum": {}}, "PARAM_NOT_ALLOWED", "/datum"),
        ({"data": {}}, "PARAM_MISSING", "/data/type"),
        ({"data": {"type": "orders"}}, "INVALID_RESOURCE", "/data/type"),
        ({"data": {"type": {}}}, "INVALID_RESOURCE", "/data/type"),
        ({"data": {"type": "order_copies", "id": "x"}}, "PARAM_NOT_ALLOWED", "/data/id"),
        ({"data": {"type": "order_copies", "id": {}}}, "PARAM_NOT_ALLOWED", "/data/id"),
        ({"data": {"type": "order_copies", "status": 1}}, "PARAM_NOT_ALLOWED", "/data/status"),
        ({"data": {"type": "order_copies", "a/~b": 1}}, "PARAM_NOT_ALLOWED", "/data/a~1~0b"),
    ],
)
def test_body__other_document_than_a_copy_is_refused(
    api: API, body: Any, code: str, pointer: str | None
) -> None:
    # when
    response = api.post("/order_copies", body)

    # then
    assert the_error_in(response) == (400, code, pointer)
    assert written() == (0, 0)


@pytest.mark.parametrize("value", ["text", [], 1, None])
@pytest.mark.parametrize("member", ["attributes", "relationships"])
def test_body__attributes_and_relationships_must_be_objects(
    api: API, order: Order, member: str, value: Any
) -> None:
    # given
    body = request_of(order)
    body["data"][member] = value

    # when
    response = api.post("/order_copies", body)

    # then
    assert the_error_in(response) == (400, "INVALID_DATA_FORMAT", f"/data/{member}")
    assert written() == (0, 0)


@pytest.mark.parametrize(
    ("source_order", "code", "pointer"),
    [
        ("text", "INVALID_LINKS_OBJECT", SOURCE),
        ([], "INVALID_LINKS_OBJECT", SOURCE),
        (7, "INVALID_LINKS_OBJECT", SOURCE),
        (None, "INVALID_LINKS_OBJECT", SOURCE),
        ({}, "INVALID_LINKS_OBJECT", SOURCE),
        ({"data": "text"}, "INVALID_LINKS_OBJECT", f"{SOURCE}/data"),
        ({"data": []}, "INVALID_LINKS_OBJECT", f"{SOURCE}/data"),
        ({"data": 7}, "INVALID_LINKS_OBJECT", f"{SOURCE}/data"),
        ({"data": {"id": "x"}}, "INVALID_LINKS_OBJECT", f"{SOURCE}/data"),
        ({"data": {"type": [], "id": "x"}}, "INVALID_LINKS_OBJECT", f"{SOURCE}/data"),
        ({"data": {"type": "skus", "id": "x"}}, "TYPE_MISMATCH", f"{SOURCE}/data/type"),
        ({"data": {"type": "orders"}}, "INVALID_LINKS_OBJECT", f"{SOURCE}/data/id"),
        ({"data": {"type": "orders", "id": {}}}, "INVALID_LINKS_OBJECT", f"{SOURCE}/data/id"),
        ({"data": {"type": "orders", "id": 7}}, "INVALID_LINKS_OBJECT", f"{SOURCE}/data/id"),
    ],
)
def test_source_order__malformed_linkage_is_refused(
    api: API, source_order: Any, code: str, pointer: str
) -> None:
    # given
    body = {"data": {"type": "order_copies", "relationships": {"source_order": source_order}}}

    # when
    response = api.post("/order_copies", body)

    # then
    assert the_error_in(response) == (400, code, pointer)
    assert written() == (0, 0)


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"attributes": {}, "relationships": {}},
        {"relationships": {"source_order": {"data": None}}},
    ],
)
def test_source_order__missing_one_is_refused_with_a_pointer(
    api: API, members: dict[str, Any]
) -> None:
    # when
    response = api.post("/order_copies", {"data": {"type": "order_copies", **members}})

    # then
    assert response.status_code == 422
    assert errors_in(response) == [
        {
            "title": "can't be blank",
            "detail": "source_order - can't be blank",
            "code": "VALIDATION_ERROR",
            "status": "422",
            "source": {"pointer": SOURCE},
            "meta": {"error": "blank"},
        }
    ]
    assert written() == (0, 0)


@pytest.mark.parametrize("public_id", ["AbcdefghiJ", "", "no id", "1", "\0", "\ud800", "é" * 10])
def test_source_order__unknown_id_is_not_found(api: API, public_id: str) -> None:
    # given
    linkage = {"data": {"type": "orders", "id": public_id}}
    body = {"data": {"type": "order_copies", "relationships": {"source_order": linkage}}}

    # when
    response = api.post("/order_copies", body)

    # then
    assert the_error_in(response) == (404, "RECORD_NOT_FOUND", SOURCE)
    assert written() == (0, 0)


@pytest.mark.parametrize("query", ["", "?dry_run=true"])
def test_source_order__order_of_another_customer_is_not_found(query: str) -> None:
    # given
    api, order = API(shopper(CustomerFactory())), placed_order()

    # when
    response = api.post(f"/order_copies{query}", request_of(order))

    # then
    assert the_error_in(response) == (404, "RECORD_NOT_FOUND", SOURCE)
    assert written() == (0, 0)


@pytest.mark.parametrize(
    "name", ["status", "type", "id", "errors_log", "created_at", "outcomes", "attempt", "__class__"]
)
def test_attributes__read_only_and_unknown_ones_are_refused(
    api: API, order: Order, name: str
) -> None:
    # when
    response = api.post("/order_copies", request_of(order, **{name: "completed"}))

    # then
    assert the_error_in(response) == (400, "PARAM_NOT_ALLOWED", f"/data/attributes/{name}")
    assert written() == (0, 0)


@pytest.mark.parametrize("name", ["target_order", "order_subscription", "events", "metadata"])
def test_relationships__read_only_and_unknown_ones_are_refused(
    api: API, order: Order, name: str
) -> None:
    # given
    body = request_of(order)
    body["data"]["relationships"][name] = {"data": None}

    # when
    response = api.post("/order_copies", body)

    # then
    assert the_error_in(response) == (400, "PARAM_NOT_ALLOWED", f"/data/relationships/{name}")
    assert written() == (0, 0)


def test_errors__one_response_lists_all_members_that_are_not_allowed(
    api: API, order: Order
) -> None:
    # given
    body = request_of(order, status="completed", nonsense=1)
    body["data"]["relationships"]["target_order"] = {"data": None}

    # when
    response = api.post("/order_copies", body)

    # then
    pointers = [error["source"]["pointer"] for error in errors_in(response)]
    places = ["attributes/status", "attributes/nonsense", "relationships/target_order"]
    assert pointers == [f"/data/{place}" for place in places]


TOGGLES = ["skip_errors", "apply_promotions", "ignore_invalid_coupon", "reuse_wallet"]


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        *((name, value, "inclusion") for name in TOGGLES for value in ("true", 1, 0, [], {})),
        *((name, None, "blank") for name in TOGGLES),
        ("place_target_order", "false", "inclusion"),
        ("cancel_source_order", 1, "inclusion"),
        ("reference", 7, "invalid"),
        ("reference", {}, "invalid"),
        ("reference", "a\0b", "invalid"),
        ("reference", "\udc00", "invalid"),
        ("reference_origin", "x" * 256, "too_long"),
        ("metadata", [], "invalid"),
        ("metadata", "text", "invalid"),
        ("metadata", 7, "invalid"),
        ("metadata", {"a": "\0"}, "invalid"),
        ("metadata", {"\0": "a"}, "invalid"),
        ("metadata", {"a": [{"b": "\ud800"}]}, "invalid"),
        ("metadata", {"\udfff": "a"}, "invalid"),
        ("metadata", {"a": 2**63}, "invalid"),
        ("metadata", {"a": -(10**400)}, "invalid"),
        ("metadata", nested(30), "invalid"),
        ("metadata", {"a": [[]] * 3 + ["x" * 65_536]}, "too_long"),
    ],
)
def test_attributes__invalid_values_are_refused(
    api: API, order: Order, name: str, value: Any, error: str
) -> None:
    # when
    response = api.post("/order_copies", request_of(order, **{name: value}))

    # then
    (refused,) = errors_in(response)
    assert the_error_in(response) == (422, "VALIDATION_ERROR", f"/data/attributes/{name}")
    assert refused["detail"] == f"{name} - {refused['title']}"
    assert refused["meta"]["error"] == error
    assert written() == (0, 0)


def test_metadata__infinite_number_is_refused(api: API, order: Order) -> None:
    # given
    body = b'{"data": {"type": "order_copies", "attributes": {"metadata": {"a": 1e999}}}}'

    # when
    response = api.post("/order_copies", body)

    # then
    pointers = [error["source"]["pointer"] for error in errors_in(response)]
    assert pointers == [METADATA, SOURCE]
    assert written() == (0, 0)


def test_metadata__values_at_the_limits_are_saved(api: API, order: Order) -> None:
    # given
    metadata = {"large": 2**63 - 1, "small": -(2**63), "deep": nested(28), "é": "🎁"}
    changed = metadata | {"large": 0}

    # when
    response = api.post("/order_copies", request_of(order, metadata=metadata))
    data = {"id": response.json()["data"]["id"], "type": "order_copies"}
    path = f"/order_copies/{data['id']}"
    kept = api.get(path).json()["data"]["attributes"]["metadata"]
    api.patch(path, {"data": data | {"attributes": {"metadata": changed}}})

    # then
    assert kept == metadata
    assert api.get(path).json()["data"]["attributes"]["metadata"] == changed
    assert Event.objects.last().changes == {"metadata": {"from": metadata, "to": changed}}


@pytest.mark.parametrize(
    ("members", "code", "pointer"),
    [
        ({"id": None}, "KEY_NOT_INCLUDED_IN_URL", "/data/id"),
        ({"id": "AbcdefghiJ"}, "KEY_NOT_INCLUDED_IN_URL", "/data/id"),
        ({"id": {}}, "KEY_NOT_INCLUDED_IN_URL", "/data/id"),
        ({"type": "orders"}, "INVALID_RESOURCE", "/data/type"),
        ({"attributes": "text"}, "INVALID_DATA_FORMAT", "/data/attributes"),
        *(
            ({"attributes": {name: True}}, "PARAM_NOT_ALLOWED", f"/data/attributes/{name}")
            for name in [*TOGGLES, "place_target_order", "cancel_source_order", "status"]
        ),
        (
            {"relationships": {"source_order": {"data": None}}},
            "PARAM_NOT_ALLOWED",
            "/data/relationships/source_order",
        ),
    ],
)
def test_patch__changes_that_are_not_allowed_are_refused(
    api: API, members: dict[str, Any], code: str, pointer: str
) -> None:
    # given
    order_copy = OrderCopyFactory()
    data = {"type": "order_copies", "id": order_copy.public_id, **members}

    # when
    response = api.patch(f"/order_copies/{order_copy.public_id}", {"data": data})

    # then
    order_copy.refresh_from_db()
    assert the_error_in(response) == (400, code, pointer)
    assert (order_copy.reuse_wallet, order_copy.skip_errors) == (True, False)
    assert written() == (1, 0)


def test_patch__missing_id_is_refused(api: API) -> None:
    order_copy = OrderCopyFactory()

    response = api.patch(
        f"/order_copies/{order_copy.public_id}", {"data": {"type": "order_copies"}}
    )

    assert the_error_in(response) == (400, "PARAM_MISSING", "/data/id")


def test_patch__invalid_value_is_refused(api: API) -> None:
    # given
    order_copy = OrderCopyFactory(metadata={"a": 1})
    data = {"type": "order_copies", "id": order_copy.public_id, "attributes": {"metadata": "b"}}

    # when
    response = api.patch(f"/order_copies/{order_copy.public_id}", {"data": data})

    # then
    order_copy.refresh_from_db()
    assert the_error_in(response) == (422, "VALIDATION_ERROR", METADATA)
    assert order_copy.metadata == {"a": 1}
    assert written() == (1, 0)
