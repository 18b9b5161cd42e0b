"""Every link of a document is served, and no other relationship."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import get_resolver

from order_copies import copying
from order_copies.events.models import Event
from order_copies.jsonapi.resources import resources
from order_copies.models import OrderCopy
from order_copies.worker.run import run_batch
from orders.models import LineItem, Order
from tests.api import API, shopper, staff, the_error_in
from tests.factories import CouponFactory, OrderCopyFactory, placed_order

pytestmark = pytest.mark.django_db


def requested(**attributes: Any) -> OrderCopy:
    order_copy = OrderCopy(source_order=placed_order(lines=1), **attributes)
    copying.request_copies([order_copy], actor={"owner": {"id": "1"}})
    return order_copy


def links_in(document: Any) -> Iterator[str]:
    """Yield all links of a document, at any depth."""
    if isinstance(document, dict):
        yield from document.get("links", {}).values()
        for member in document.values():
            yield from links_in(member)
    if isinstance(document, list):
        for member in document:
            yield from links_in(member)


def test_links__every_link_of_every_document_is_served() -> None:
    # given
    api = API(staff())
    requested(place_target_order=True)
    run_batch("a worker")
    CouponFactory()
    waiting = {f"http://testserver/api/{resource.type}" for resource in resources().values()}
    waiting.remove("http://testserver/api/event_stores")
    answered: dict[str, int] = {}

    # when
    while waiting:
        url = waiting.pop()
        response = api.get(url.removeprefix("http://testserver/api"))
        answered[url] = response.status_code
        waiting |= set(links_in(response.json())) - set(answered)

    # then
    types = {url.split("/")[4].partition("?")[0] for url in answered}
    assert types == {resource.type for resource in resources().values()}
    assert set(answered.values()) == {200}


def test_routes__only_the_id_is_captured_from_the_url() -> None:
    # given
    routes = [
        str(pattern.pattern)
        for resolver in get_resolver().url_patterns
        if str(resolver.pattern) == "api/"
        for pattern in resolver.url_patterns
    ]

    # when
    captured = {route.partition("<")[2] for route in routes if "<" in route}

    # then
    assert len(routes) > 50
    assert all(rest.count("<") == 0 for rest in captured)
    assert all(rest.startswith("str:public_id>") for rest in captured)


@pytest.mark.parametrize("prefix", ["", "relationships/"])
@pytest.mark.parametrize(
    "name",
    ["delete", "save", "pk", "__class__", "full_clean", "source_order_factory", "customer_id", ""],
)
def test_relationships__other_names_are_not_found(prefix: str, name: str) -> None:
    # given
    api, order = API(staff()), placed_order()

    # when
    response = api.get(f"/orders/{order.public_id}/{prefix}{name}")

    # then
    assert the_error_in(response) == (404, "RECORD_NOT_FOUND", None)
    assert Order.objects.filter(pk=order.pk).exists()


@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT", "DELETE", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("path", ["/line_items", "/relationships/line_items"])
def test_relationships__of_orders_are_read_only(method: str, path: str) -> None:
    # given
    api, order = API(staff()), placed_order(lines=2)

    # when
    response = api.send(method, f"/orders/{order.public_id}{path}", {"data": []})

    # then
    assert the_error_in(response) == (405, "METHOD_NOT_ALLOWED", None)
    assert LineItem.objects.filter(order=order, item_type="skus").count() == 2


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE"])
def test_orders__take_only_get_and_patch(method: str) -> None:
    # given
    api, order = API(staff()), placed_order()

    # when
    response = api.send(method, f"/orders/{order.public_id}", {"data": []})

    # then
    assert the_error_in(response) == (405, "METHOD_NOT_ALLOWED", None)
    assert Order.objects.filter(pk=order.pk).exists()


def test_related_resource__equals_the_resource_at_its_own_url() -> None:
    # given
    api, order_copy = API(staff()), OrderCopyFactory()
    url = f"http://testserver/api/order_copies/{order_copy.public_id}"
    order = order_copy.source_order

    # when
    related = api.get(f"/order_copies/{order_copy.public_id}/source_order").json()
    linkage = api.get(f"/order_copies/{order_copy.public_id}/relationships/source_order").json()

    # then
    direct = api.get(f"/orders/{order.public_id}").json()
    del related["data"]["meta"], direct["data"]["meta"]
    assert related == direct
    assert linkage == {
        "links": {"self": f"{url}/relationships/source_order", "related": f"{url}/source_order"},
        "data": {"type": "orders", "id": order.public_id},
    }


@pytest.mark.parametrize("name", ["target_order", "order_subscription"])
def test_related_resource__missing_one_is_null(name: str) -> None:
    # given
    api, order_copy = API(staff()), OrderCopyFactory()

    # when
    related = api.get(f"/order_copies/{order_copy.public_id}/{name}")
    linkage = api.get(f"/order_copies/{order_copy.public_id}/relationships/{name}")

    # then
    assert (related.status_code, related.json()) == (200, {"data": None})
    assert (linkage.status_code, linkage.json()["data"]) == (200, None)


def test_related_resource__deleted_source_order_is_null() -> None:
    api, order_copy = API(staff()), OrderCopyFactory(source_order=None)

    related = api.get(f"/order_copies/{order_copy.public_id}/source_order")

    assert (related.status_code, related.json()) == (200, {"data": None})


def test_related_list__is_paginated_and_sorted() -> None:
    # given
    api, order = API(staff()), placed_order()
    made = [OrderCopyFactory(source_order=order) for _ in range(3)]
    OrderCopyFactory()
    path = f"/orders/{order.public_id}/order_copies"

    # when
    document = api.get(f"{path}?page[size]=2&sort=-id").json()

    # then
    url = f"http://testserver/api{path}?sort=-id&page%5Bnumber%5D"
    assert [data["id"] for data in document["data"]] == [made[2].public_id, made[1].public_id]
    assert document["meta"] == {"record_count": 3, "page_count": 2}
    assert document["links"] == {
        "first": f"{url}=1&page%5Bsize%5D=2",
        "next": f"{url}=2&page%5Bsize%5D=2",
        "last": f"{url}=2&page%5Bsize%5D=2",
    }


def test_relationship_to_many__is_a_page_of_identifiers() -> None:
    # given
    api, order = API(staff()), placed_order()
    made = [OrderCopyFactory(source_order=order) for _ in range(2)]
    path = f"/orders/{order.public_id}/relationships/order_copies"

    # when
    document = api.get(f"{path}?page[size]=1").json()

    # then
    base = f"http://testserver/api/orders/{order.public_id}"
    page = f"http://testserver/api{path}?page%5Bnumber%5D"
    assert document == {
        "meta": {"record_count": 2, "page_count": 2},
        "links": {
            "self": f"{base}/relationships/order_copies",
            "related": f"{base}/order_copies",
            "first": f"{page}=1&page%5Bsize%5D=1",
            "next": f"{page}=2&page%5Bsize%5D=1",
            "last": f"{page}=2&page%5Bsize%5D=1",
        },
        "data": [{"type": "order_copies", "id": made[0].public_id}],
    }


def test_event_stores__are_paginated_by_cursor() -> None:
    # given
    api, order_copy = API(staff()), requested()
    copying.update(order_copy, reference="new", actor={"owner": {"id": "2"}})
    path = f"/order_copies/{order_copy.public_id}/event_stores"
    created, changed = Event.objects.order_by("pk")

    # when
    first = api.get(f"{path}?page[size]=1").json()
    (link,) = first["links"].values()
    second = api.get(link.removeprefix("http://testserver/api")).json()

    # then
    after = f"page%5Bsize%5D=1&page%5Bafter%5D={created.stream_id}"
    assert list(first) == ["data", "links"]
    assert first["links"] == {"next": f"http://testserver/api{path}?{after}"}
    assert [data["id"] for data in first["data"]] == [created.stream_id]
    assert second["links"] == {}
    moment = second["data"][0]["attributes"]["created_at"]
    assert second["data"][0]["attributes"] == {
        "resource_type": "order_factories",
        "resource_id": order_copy.public_id,
        "event": "update",
        "payload": {"reference": {"from": None, "to": "new"}},
        "who": {"owner": {"id": "2"}},
        "created_at": moment,
        "updated_at": moment,
    }
    assert second["data"][0]["id"] == changed.stream_id


def test_events__plain_change_is_not_listed() -> None:
    # given
    api, order_copy = API(staff()), requested()
    copying.update(order_copy, reference="new", actor={})

    # when
    document = api.get(f"/order_copies/{order_copy.public_id}/events").json()

    # then
    names = [data["attributes"]["name"] for data in document["data"]]
    assert names == ["order_copies.create"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("page[after]=nonsense", "INVALID_PAGE_VALUE"),
        ("page[after]=", "INVALID_PAGE_VALUE"),
        ("page[number]=1", "INVALID_PAGE_OBJECT"),
        ("page[size]=26", "INVALID_PAGE_VALUE"),
        ("sort=created_at", "PARAM_NOT_ALLOWED"),
        ("filter[event]=create", "FILTER_NOT_ALLOWED"),
    ],
)
def test_event_stores__other_parameters_are_refused(query: str, code: str) -> None:
    api, order_copy = API(staff()), requested()

    response = api.get(f"/order_copies/{order_copy.public_id}/event_stores?{query}")

    assert the_error_in(response) == (400, code, None)


def test_event_stores__of_an_order_name_the_order() -> None:
    # given
    api, order_copy = API(staff()), requested(place_target_order=True)
    run_batch("a worker")
    order_copy.refresh_from_db()
    target = order_copy.target_order
    assert target is not None

    # when
    document = api.get(f"/orders/{target.public_id}/event_stores").json()

    # then
    subjects = {
        (data["attributes"]["resource_type"], data["attributes"]["resource_id"])
        for data in document["data"]
    }
    assert subjects == {("orders", target.public_id)}


@pytest.mark.parametrize(
    "path",
    [
        "/order_copies/AbcdefghiJ",
        "/order_copies/1",
        "/order_copies/%00",
        "/order_copies/%ED%A0%80",
        "/order_copies/AbcdefghiJ/events",
        "/order_copies/AbcdefghiJ/relationships/events",
        "/orders/%00/order_copies",
        "/events/AbcdefghiJ",
        "/event_stores/1-1",
        "/event_stores/nonsense",
        "/event_stores/1-" + "9" * 400,
        "/event_stores",
        "/order_copies/",
        "/nonsense",
        "/",
        "",
    ],
)
def test_unknown_path__is_not_found(path: str) -> None:
    api = API(staff())

    response = api.get(path)

    assert the_error_in(response) == (404, "RECORD_NOT_FOUND", None)


def test_event_stores__both_parts_of_the_id_must_match() -> None:
    # given
    api = API(staff())
    requested()
    event = Event.objects.get()

    # when
    right = api.get(f"/event_stores/{event.stream_id}")
    wrong = api.get(f"/event_stores/1-{event.pk}")

    # then
    assert right.json()["data"]["id"] == event.stream_id
    assert the_error_in(wrong) == (404, "RECORD_NOT_FOUND", None)


def test_events__of_deleted_copies_are_visible_to_staff_only() -> None:
    # given
    order_copy = requested()
    customer = API(shopper(order_copy.source_order.customer))
    copying.delete([order_copy], actor={})

    # when
    seen_by_staff = API(staff()).get("/events?sort=id").json()["data"]
    seen_by_customer = customer.get("/events").json()["data"]

    # then
    names = [event["attributes"]["name"] for event in seen_by_staff]
    assert names == ["order_copies.create", "order_copies.destroy"]
    assert seen_by_customer == []
