"""Malformed requests to every endpoint: an error document, and nothing is written."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps

import orders.api.urls  # noqa: F401
from order_copies import copying
from order_copies.jsonapi.resources import resource_of, resources
from order_copies.models import Kind, OrderCopy
from order_copies.worker.run import run_batch
from tests.api import API, MEDIA_TYPE, PERMISSIONS, staff
from tests.factories import (
    CouponFactory,
    CustomerPaymentSourceFactory,
    OrderCopyFactory,
    OrderSubscriptionItemFactory,
    placed_order,
)

pytestmark = pytest.mark.django_db

TYPES = sorted(resource.type for resource in resources().values())
MAY_CHANGE = [
    f"change_{name}"
    for name in (
        *("order", "lineitem", "lineitemoption", "address", "customer", "customerpaymentsource"),
        *("paymentmethod", "sku", "market", "coupon", "event"),
    )
] + [
    f"{verb}_{name}"
    for verb in ("add", "change", "delete")
    for name in ("ordersubscription", "ordersubscriptionitem", "subscriptionmodel")
]

MALFORMED_IDS = [
    "%00",
    "%ED%A0%80",
    "1",
    "0",
    "-1",
    "9" * 400,
    "__class__",
    "delete",
    "Abcdefghi",
    "a%2Fb",
]
NOT_RELATIONSHIPS = [
    "delete",
    "save",
    "full_clean",
    "pk",
    "__class__",
    "__init__",
    "objects",
    "metadata",
    "%00",
]
MALFORMED_QUERIES = [
    "page[size]=26",
    "page[number]=0",
    "page[x]=1",
    "page=1",
    "sort=__class__",
    "sort=-",
    "include=__class__",
    "include=delete",
    "include=event_stores",
    "include=" + ".".join(["order_copies"] * 9),
    "fields[x]=id",
    "fields[orders]=__class__",
    "fields=x",
    "filter[q][__class___eq]=1",
    "filter[q][pk_in]=1",
    "filter[x]=1",
    "filter",
    "nonsense=1",
    "include=&include=",
    "%00=1",
    "format=api",
]
MALFORMED_BODIES: list[Any] = [
    b"",
    b"{",
    b"\xff\xfe",
    b'{"data": NaN}',
    b'{"data":' + b"[" * 100_000,
    [],
    7,
    {},
    {"data": None},
    {"data": []},
    {"data": "text"},
    {"data": {"type": "x", "id": "x"}},
    {"data": {"type": {}, "id": []}},
]
MALFORMED_MEMBERS: list[dict[str, Any]] = [
    {"attributes": "text"},
    {"attributes": []},
    {"attributes": {"__class__": 1}},
    {"attributes": {"pk": 1}},
    {"attributes": {"created_at": "2018-01-01T12:00:00.000Z"}},
    {"attributes": {"metadata": {"a": "\0"}}},
    {"attributes": {"metadata": {"\ud800": 1}}},
    {"attributes": {"metadata": [1]}},
    {"attributes": {"metadata": {"a": 10**400}}},
    {"attributes": {"reference": "a\0b"}},
    {"attributes": {"reference": {"a": 1}}},
    {"attributes": {"reference": "x" * 256}},
    {"attributes": {"_delete": True}},
    {"relationships": "text"},
    {"relationships": {"source_order": "text"}},
    {"relationships": {"source_order": {"data": {"type": "orders", "id": {"a": 1}}}}},
    {"relationships": {"metadata": {"data": {"type": "orders", "id": "x"}}}},
    {"nonsense": 1},
]


def state() -> dict[str, list[dict[str, Any]]]:
    """Return all rows of the app and the shop."""
    models = [
        model
        for label in ("orders", "order_copies", "order_copies_events")
        for model in apps.get_app_config(label).get_models()
    ]
    return {
        model._meta.label: list(model._base_manager.order_by("pk").values()) for model in models
    }


@pytest.fixture
def api() -> API:
    """A client with every permission."""
    return API(staff(*PERMISSIONS, "view_coupon", *MAY_CHANGE))


@pytest.fixture
def ids(api: API) -> dict[str, str]:
    """Create resources of every type; return one id of each type."""
    order = placed_order(lines=1, options=1)
    order_copy = OrderCopy(source_order=order)
    copying.request_copies([order_copy], actor={})
    run_batch("a worker")
    OrderCopyFactory(source_order=order, type=Kind.RECURRING_ORDER_COPIES)
    OrderSubscriptionItemFactory(order_subscription__source_order=order)
    CouponFactory()
    CustomerPaymentSourceFactory(customer=order.customer)
    stores = f"/order_copies/{order_copy.public_id}/event_stores"
    lists = {name: f"/{name}" for name in TYPES} | {"event_stores": stores}
    return {name: api.get(path).json()["data"][0]["id"] for name, path in lists.items()}


def links_of(resource_type: str) -> list[str]:
    """Return the path suffixes of a type's relationships."""
    names = resource_of(resource_type).relationships_by_name
    return [f"/{place}{name}" for name in names for place in ("", "relationships/")]


def serves(api: API, method: str, path: str) -> bool:
    """Return whether the endpoint serves the method."""
    return api.send(method, path, {"data": None}).status_code not in {404, 405}


def refusals(api: API, requests: Iterator[tuple[str, str, Any]]) -> set[tuple[int, str]]:
    """Send requests, which must all be refused; return their statuses and codes."""
    before, errors = state(), set()
    for method, path, body in requests:
        response = api.send(method, path, body) if body is not None else api.get(path)
        assert response["Content-Type"] == MEDIA_TYPE, (method, path, body)
        assert 400 <= response.status_code < 500, (method, path, body, response.content)
        (error, *_rest) = response.json()["errors"]
        assert error["status"] == str(response.status_code)
        errors.add((response.status_code, error["code"]))
    assert state() == before
    return errors


def test_path__names_of_methods_and_attributes_are_not_found(api: API, ids: dict[str, str]) -> None:
    # given
    paths = [
        f"/{resource_type}/{public_id}/{place}{name}"
        for resource_type, public_id in ids.items()
        for place in ("", "relationships/")
        for name in NOT_RELATIONSHIPS
    ]
    methods = [("GET", None), ("POST", {}), ("PATCH", {}), ("DELETE", {})]

    # when
    errors = refusals(api, ((method, path, body) for path in paths for method, body in methods))

    # then
    assert errors == {(404, "RECORD_NOT_FOUND")}


def test_path__malformed_ids_are_not_found(api: API) -> None:
    paths = [
        f"/{resource_type}/{malformed_id}{end}"
        for resource_type in TYPES
        for malformed_id in MALFORMED_IDS
        for end in ["", *links_of(resource_type)[:2]]
    ]

    errors = refusals(api, (("GET", path, None) for path in paths))

    assert errors == {(404, "RECORD_NOT_FOUND")}


def test_method__not_served_by_an_endpoint_is_refused(api: API, ids: dict[str, str]) -> None:
    # given
    items = [f"/{resource_type}/{public_id}" for resource_type, public_id in ids.items()]
    links = [f"{item}{link}" for item in items for link in links_of(item.split("/")[1])]
    changing = [("POST", {}), ("PATCH", {"data": []}), ("DELETE", {})]
    odd = [("PUT", {}), ("OPTIONS", {}), ("TRACE", {}), ("NONSENSE", {})]

    # when
    errors = refusals(
        api,
        (
            (method, path, body)
            for paths, methods in ((links, changing), ([*links, *items], odd))
            for path in paths
            for method, body in methods
        ),
    )

    # then
    assert errors == {(405, "METHOD_NOT_ALLOWED")}


@pytest.mark.exhaustive
def test_query__malformed_parameters_are_refused(api: API, ids: dict[str, str]) -> None:
    # given
    paths = [f"/{resource_type}" for resource_type in TYPES if resource_type != "event_stores"]
    for resource_type, public_id in ids.items():
        # A sample: the last two relationships are histories, the others share their code.
        links = links_of(resource_type)
        ends = ["", *links[:2], *links[4:][-2:]]
        paths += [f"/{resource_type}/{public_id}{end}" for end in ends]

    # when
    errors = refusals(
        api, (("GET", f"{path}?{query}", None) for path in paths for query in MALFORMED_QUERIES)
    )

    # then
    assert {status for status, _code in errors} == {400}


def test_body__malformed_documents_are_refused(api: API, ids: dict[str, str]) -> None:
    # given
    def requests() -> Iterator[tuple[str, str, Any]]:
        for resource_type, public_id in ids.items():
            for method, path, known in (
                ("PATCH", f"/{resource_type}/{public_id}", {"id": public_id}),
                ("POST", f"/{resource_type}", {}),
            ):
                if serves(api, method, path):
                    resources = [
                        {"type": resource_type, **known, **members} for members in MALFORMED_MEMBERS
                    ]
                    bodies = [*MALFORMED_BODIES, *({"data": data} for data in resources)]
                    yield from ((method, path, body) for body in bodies)

    # when
    errors = refusals(api, requests())

    # then
    assert {status for status, _code in errors} == {400, 415, 422}
