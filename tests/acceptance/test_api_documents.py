"""Whole documents: lists, event histories, includes and errors (contract 5.1, 5.2, 5.7)."""

from typing import Any

import pytest
from django.http import HttpResponse

from order_copies.events.models import Event
from order_copies.jsonapi.openapi.endpoints import installed_endpoints
from order_copies.models import OrderFactory
from tests.acceptance.documents import document_of, milliseconds
from tests.api import API, MEDIA_TYPE, request_of, staff, written
from tests.factories import OrderCopyFactory, placed_order

pytestmark = pytest.mark.django_db

ROOT = "http://testserver/api"
#: Replaces the trace id of each response, which is random.
TRACE_ID = "0" * 64


def with_fixed_trace_ids(response: HttpResponse) -> dict[str, Any]:
    """Return the document, with the same trace_id everywhere."""
    document: dict[str, Any] = response.json()
    for resource in [*as_list(document["data"]), *document.get("included", [])]:
        resource["meta"]["trace_id"] = TRACE_ID
    return document


def as_list(data: Any) -> list[Any]:
    return data if isinstance(data, list) else [data]


def resource_of(order_copy: OrderFactory, **attributes: Any) -> dict[str, Any]:
    """Return the resource of a copy, as it is in documents."""
    resource: dict[str, Any] = document_of(order_copy, TRACE_ID, **attributes)["data"]
    return resource


def included_order(order_copy: OrderFactory) -> dict[str, Any]:
    """Return the included source of a copy, with ``fields[orders]=number``."""
    order = order_copy.source_order
    assert order is not None
    return {
        "id": order.public_id,
        "type": "orders",
        "links": {"self": f"{ROOT}/orders/{order.public_id}"},
        "attributes": {"number": order.number},
        "relationships": {},
        "meta": {"mode": "test", "organization_id": "xRRkjDFafe", "trace_id": TRACE_ID},
    }


def document_with_orders(order_copy: OrderFactory, **attributes: Any) -> dict[str, Any]:
    """Return the document of a copy without a target, with both orders included."""
    resource = resource_of(order_copy, **attributes)
    source = included_order(order_copy)
    identifier = {"type": "orders", "id": source["id"]}
    resource["relationships"]["source_order"]["data"] = identifier
    resource["relationships"]["target_order"]["data"] = None
    return {"data": resource, "included": [source]}


ORDERS = "?include=source_order,target_order&fields[orders]=number"


def test_include__orders_of_a_created_copy() -> None:
    api, order = API(staff()), placed_order(lines=1)

    response = api.post(f"/order_copies{ORDERS}", request_of(order))

    assert with_fixed_trace_ids(response) == document_with_orders(OrderFactory.objects.get())


def test_include__orders_of_a_retrieved_copy() -> None:
    api, order_copy = API(staff()), OrderCopyFactory()

    response = api.get(f"/order_copies/{order_copy.public_id}{ORDERS}")

    assert with_fixed_trace_ids(response) == document_with_orders(order_copy)


def test_include__orders_of_an_updated_copy() -> None:
    # given
    api, order_copy = API(staff()), OrderCopyFactory()
    data = {"type": "order_copies", "id": order_copy.public_id, "attributes": {"reference": "R"}}

    # when
    response = api.patch(f"/order_copies/{order_copy.public_id}{ORDERS}", {"data": data})

    # then
    order_copy.refresh_from_db()
    assert with_fixed_trace_ids(response) == document_with_orders(order_copy, reference="R")


def test_sparse_fields__apply_to_created_and_updated_copies() -> None:
    # given
    api, order_copy = API(staff()), OrderCopyFactory()
    fields = "?fields[order_copies]=reference"
    attributes = {"reference": "R"}
    data = {"type": "order_copies", "id": order_copy.public_id, "attributes": attributes}

    # when
    created = api.post(f"/order_copies{fields}", request_of(placed_order(), **attributes))
    changed = api.patch(f"/order_copies/{order_copy.public_id}{fields}", {"data": data})

    # then
    for response in (created, changed):
        resource = response.json()["data"]
        assert (resource["attributes"], resource["relationships"]) == (attributes, {})


def test_list__second_page_with_its_links() -> None:
    # given
    api, made = API(staff()), [OrderCopyFactory(reference=f"R{n}") for n in range(5)]

    # when
    response = api.get("/order_copies?page[size]=2&page[number]=2&sort=-reference")

    # then
    page = f"{ROOT}/order_copies?page%5Bsize%5D=2&sort=-reference&page%5Bnumber%5D"
    document = with_fixed_trace_ids(response)
    assert sorted_links(document) == {
        "first": sorted_query(f"{page}=1"),
        "prev": sorted_query(f"{page}=1"),
        "next": sorted_query(f"{page}=3"),
        "last": sorted_query(f"{page}=3"),
    }
    del document["links"]
    assert document == {
        "data": [resource_of(made[2], reference="R2"), resource_of(made[1], reference="R1")],
        "meta": {"record_count": 5, "page_count": 3},
    }


def sorted_links(document: dict[str, Any]) -> dict[str, Any]:
    return {name: sorted_query(link) for name, link in document["links"].items()}


def sorted_query(link: str) -> tuple[str, list[str]]:
    """Split a link into its path and its sorted parameters."""
    path, query = link.split("?")
    return path, sorted(query.split("&"))


def test_events__list_of_a_copy() -> None:
    # given
    api = API(staff())
    public_id = api.post("/order_copies", request_of(placed_order())).json()["data"]["id"]

    # when
    response = api.get(f"/order_copies/{public_id}/events")

    # then
    event = Event.objects.get()
    url = f"{ROOT}/events/{event.public_id}"
    moment = milliseconds(event.created_at)
    page = f"{ROOT}/order_copies/{public_id}/events?page%5Bnumber%5D=1&page%5Bsize%5D=10"
    assert with_fixed_trace_ids(response) == {
        "data": [
            {
                "id": event.public_id,
                "type": "events",
                "links": {"self": url},
                "attributes": {
                    "name": "order_copies.create",
                    "created_at": moment,
                    "updated_at": moment,
                },
                "relationships": {
                    "event_stores": {
                        "links": {
                            "self": f"{url}/relationships/event_stores",
                            "related": f"{url}/event_stores",
                        }
                    }
                },
                "meta": {"mode": "test", "organization_id": "xRRkjDFafe", "trace_id": TRACE_ID},
            }
        ],
        "meta": {"record_count": 1, "page_count": 1},
        "links": {"first": page, "last": page},
    }


def error_document(
    status: int, code: str, title: str, detail: str, **members: Any
) -> dict[str, Any]:
    """Return the document of one error."""
    error = {"title": title, "detail": detail, "code": code, "status": str(status)}
    return {"errors": [error | members]}


NOT_FOUND = "The requested resource was not found. Please double-check the ID and try again."
ERRORS = {
    "a bad query": (
        lambda api: api.get("/order_copies?sort=errors_log"),
        error_document(
            400,
            "INVALID_SORT_CRITERIA",
            "Invalid sort criteria",
            "errors_log is not a valid sort criterion of order_copies.",
        ),
    ),
    "no token": (
        lambda api: API().get("/order_copies"),
        error_document(
            401,
            "UNAUTHORIZED",
            "Access denied",
            "You are not authorized to perform this action.",
        ),
    ),
    "garbage": (
        lambda api: API().get("/order_copies", Authorization="Bearer garbage"),
        error_document(
            401,
            "INVALID_TOKEN",
            "Invalid token",
            "The access token you provided is invalid or expired.",
        ),
    ),
    "an unknown id": (
        lambda api: api.get("/order_copies/AbcdefghiJ"),
        error_document(404, "RECORD_NOT_FOUND", "Record not found", NOT_FOUND),
    ),
    "an unknown path": (
        lambda api: api.get("/nonsense"),
        error_document(404, "RECORD_NOT_FOUND", "Record not found", NOT_FOUND),
    ),
    "another method": (
        lambda api: api.send("PUT", "/order_copies"),
        error_document(
            405,
            "METHOD_NOT_ALLOWED",
            "Method not allowed",
            "This resource does not answer this method.",
        ),
    ),
    "another Accept": (
        lambda api: api.get("/order_copies", Accept="text/html"),
        error_document(
            406,
            "NOT_ACCEPTABLE",
            "Not acceptable",
            "Only application/vnd.api+json without parameters is served. Please check Accept.",
        ),
    ),
    "another Content-Type": (
        lambda api: api.client.post("/api/order_copies", "{}", content_type="application/json"),
        error_document(
            415,
            "UNSUPPORTED_MEDIA_TYPE",
            "Unsupported media type",
            "Please send application/vnd.api+json without parameters as Content-Type.",
        ),
    ),
    "nothing to copy": (
        lambda api: api.post("/order_copies", {"data": {"type": "order_copies"}}),
        error_document(
            422,
            "VALIDATION_ERROR",
            "can't be blank",
            "source_order - can't be blank",
            source={"pointer": "/data/relationships/source_order"},
            meta={"error": "blank"},
        ),
    ),
}


@pytest.mark.parametrize(("send", "document"), ERRORS.values(), ids=ERRORS)
def test_error_document__of_each_kind(send: Any, document: dict[str, Any]) -> None:
    # when
    response = send(API(staff()))

    # then
    (error,) = document["errors"]
    assert response.status_code == int(error["status"])
    assert response["Content-Type"] == MEDIA_TYPE
    assert response.json() == document
    assert written() == (0, 0)


def test_trailing_slash__is_not_found_for_every_endpoint() -> None:
    # given
    api = API(staff())
    endpoints = installed_endpoints()

    # when
    for endpoint in endpoints:
        path = endpoint.path.removeprefix("/api").replace("{public_id}", "AbcdefghiJ")
        response = api.send(endpoint.method.upper(), f"{path}/")
        assert response.status_code == 404, endpoint
        assert response.json() == error_document(
            404, "RECORD_NOT_FOUND", "Record not found", NOT_FOUND
        )

    # then
    assert len(endpoints) > 100
