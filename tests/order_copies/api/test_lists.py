"""Pagination, sorting, sparse fields, includes, and the number of queries of a list."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from order_copies import copying
from order_copies.jsonapi import includes
from order_copies.models import OrderCopy, OrderFactory
from order_copies.worker.run import run_batch
from tests.api import API, errors_in, request_of, staff, the_error_in, written
from tests.factories import OrderCopyFactory, placed_order

pytestmark = pytest.mark.django_db


def copies(number: int, **attributes: Any) -> list[OrderFactory]:
    order = placed_order(lines=1)
    return [OrderCopyFactory(source_order=order, **attributes) for _ in range(number)]


def ids(document: dict[str, Any]) -> list[str]:
    return [resource["id"] for resource in document["data"]]


def page_link(number: int, size: int = 10, rest: str = "") -> str:
    page = f"page%5Bnumber%5D={number}&page%5Bsize%5D={size}"
    return f"http://testserver/api/order_copies?{rest}{page}"


def test_pagination__page_has_ten_rows_in_order_of_creation() -> None:
    # given
    api, made = API(staff()), copies(11)

    # when
    document = api.get("/order_copies").json()

    # then
    assert list(document) == ["data", "meta", "links"]
    assert ids(document) == [order_copy.public_id for order_copy in made[:10]]
    assert document["meta"] == {"record_count": 11, "page_count": 2}
    assert document["links"] == {
        "first": page_link(1),
        "next": page_link(2),
        "last": page_link(2),
    }


def test_pagination__links_keep_the_other_parameters() -> None:
    # given
    api, made = API(staff()), copies(5)

    # when
    query = "page%5Bsize%5D=2&sort=-created_at&page%5Bnumber%5D=2"
    document = api.get(f"/order_copies?{query}").json()

    # then
    rest = "sort=-created_at&"
    assert ids(document) == [made[2].public_id, made[1].public_id]
    assert document["links"] == {
        "first": page_link(1, 2, rest),
        "prev": page_link(1, 2, rest),
        "next": page_link(3, 2, rest),
        "last": page_link(3, 2, rest),
    }


def test_pagination__last_page_has_no_next_link() -> None:
    # given
    api, made = API(staff()), copies(3)

    # when
    document = api.get("/order_copies?page[number]=2&page[size]=2").json()

    # then
    assert ids(document) == [made[2].public_id]
    assert list(document["links"]) == ["first", "prev", "last"]


def test_pagination__page_past_the_end_is_empty() -> None:
    # given
    api = API(staff())
    copies(3)

    # when
    response = api.get("/order_copies?page[number]=999999999999999&page[size]=2")

    # then
    assert response.status_code == 200
    assert response.json() == {
        "data": [],
        "meta": {"record_count": 3, "page_count": 2},
        "links": {"first": page_link(1, 2), "prev": page_link(2, 2), "last": page_link(2, 2)},
    }


def test_pagination__empty_list_has_one_page_link() -> None:
    api = API(staff())

    document = api.get("/order_copies").json()

    assert document == {
        "data": [],
        "meta": {"record_count": 0, "page_count": 0},
        "links": {"first": page_link(1), "last": page_link(1)},
    }


def test_pagination__page_size_may_be_25() -> None:
    # given
    api = API(staff())
    copies(26)

    # when
    document = api.get("/order_copies?page[size]=25").json()

    # then
    assert len(document["data"]) == 25


@pytest.mark.parametrize(
    ("query", "code"),
    [
        *(
            (f"page[{name}]={value}", "INVALID_PAGE_VALUE")
            for name in ("size", "number")
            for value in ("0", "-1", "abc", "", "1.5", "²", "1_0", "9" * 5000)
        ),
        ("page[size]=26", "INVALID_PAGE_VALUE"),
        ("page[offset]=1", "INVALID_PAGE_OBJECT"),
        ("page[after]=1", "INVALID_PAGE_OBJECT"),
        ("page[]=1", "INVALID_PAGE_OBJECT"),
        ("page[size=1", "INVALID_PAGE_OBJECT"),
        ("page=1", "PARAM_NOT_ALLOWED"),
        ("sort=errors_log", "INVALID_SORT_CRITERIA"),
        ("sort=metadata", "INVALID_SORT_CRITERIA"),
        ("sort=nonsense", "INVALID_SORT_CRITERIA"),
        ("sort=source_order__number", "INVALID_SORT_CRITERIA"),
        ("sort=--status", "INVALID_SORT_CRITERIA"),
        ("sort=?", "INVALID_SORT_CRITERIA"),
        ("sort[status]=1", "PARAM_NOT_ALLOWED"),
        ("include=nonsense", "INVALID_INCLUDE"),
        ("include=event_stores", "INVALID_INCLUDE"),
        ("include=source_order.nonsense", "INVALID_INCLUDE"),
        ("include=source_order.event_stores", "INVALID_INCLUDE"),
        ("include=source_order.customer.orders", "INVALID_INCLUDE"),
        ("include=order_subscription.market.event_stores", "INVALID_INCLUDE"),
        ("include=order_subscription.", "INVALID_INCLUDE"),
        ("include=order_subscription.%C3%A9", "INVALID_INCLUDE"),
        ("fields[order_subscriptions]=num ber", "INVALID_FIELD"),
        ("include=source_order.line_items.order.line_items", "INVALID_INCLUDE"),
        ("include=source_order, target_order", "INVALID_INCLUDE"),
        ("fields[order_copies]=nonsense", "INVALID_FIELD"),
        ("fields[nonsense]=status", "INVALID_FIELD"),
        ("fields[order_copies=status", "INVALID_FIELD"),
        ("fields=status", "PARAM_NOT_ALLOWED"),
        ("dry_run=true", "PARAM_NOT_ALLOWED"),
        ("format=api", "PARAM_NOT_ALLOWED"),
        ("nonsense", "PARAM_NOT_ALLOWED"),
    ],
)
def test_query__invalid_parameters_are_refused(query: str, code: str) -> None:
    api = API(staff())

    response = api.get(f"/order_copies?{query}")

    assert the_error_in(response) == (400, code, None)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("include", "source_order"),
        ("fields[order_copies]", "status"),
        ("sort", "status"),
        ("page[size]", "5"),
        ("filter[status]", "pending"),
        ("filter[q][status_in]", "pending"),
    ],
)
def test_query__repeated_parameter_is_refused(key: str, text: str) -> None:
    # given
    api = API(staff())

    # when
    once = api.get(f"/order_copies?{key}={text}")
    twice = api.get(f"/order_copies?{key}={text}&{key}={text}")

    # then
    (error,) = errors_in(twice)
    assert once.status_code == 200
    assert (error["status"], error["code"]) == ("400", "PARAM_NOT_ALLOWED")
    assert error["detail"] == (f"{key} is sent 2 times: send it once, a list separated by commas.")


def test_dry_run__contradicting_values_are_refused() -> None:
    # given
    api, order = API(staff()), placed_order(lines=1)

    # when
    response = api.post("/order_copies?dry_run=true&dry_run=false", request_of(order))

    # then
    assert the_error_in(response) == (400, "PARAM_NOT_ALLOWED", None)
    assert written() == (0, 0)


@pytest.mark.parametrize("query", ["sort=status", "page[size]=1", "filter[status]=pending"])
def test_query__list_parameters_are_refused_for_one_resource(query: str) -> None:
    api, order_copy = API(staff()), OrderCopyFactory()

    response = api.get(f"/order_copies/{order_copy.public_id}?{query}")

    assert the_error_in(response) == (400, "PARAM_NOT_ALLOWED", None)


def test_dry_run__other_values_than_true_and_false_are_refused() -> None:
    api = API(staff())

    response = api.post("/order_copies?dry_run=1", {})

    assert the_error_in(response) == (400, "INVALID_FIELD_VALUE", None)


def test_sort__orders_by_the_named_attributes() -> None:
    # given
    api = API(staff())
    first, second, third = copies(3)
    OrderFactory.objects.filter(pk=second.pk).update(reference="a")
    OrderFactory.objects.exclude(pk=second.pk).update(reference="b")

    # when
    ascending = api.get("/order_copies?sort=reference,-id").json()
    descending = api.get("/order_copies?sort=-reference").json()

    # then
    assert ids(ascending) == [second.public_id, third.public_id, first.public_id]
    assert ids(descending) == [first.public_id, third.public_id, second.public_id]


def test_fields__only_requested_fields_are_returned() -> None:
    # given
    api, order_copy = API(staff()), OrderCopyFactory()

    # when
    path = f"/order_copies/{order_copy.public_id}"
    data = api.get(f"{path}?fields[order_copies]=status,events").json()["data"]
    bare = api.get(f"{path}?fields[order_copies]=").json()["data"]

    # then
    url = f"http://testserver/api{path}"
    assert data["attributes"] == {"status": "pending"}
    assert data["relationships"] == {
        "events": {"links": {"self": f"{url}/relationships/events", "related": f"{url}/events"}}
    }
    assert (bare["attributes"], bare["relationships"]) == ({}, {})


def test_fields__id_may_be_named_and_is_always_returned() -> None:
    # given
    api, order_copy = API(staff()), OrderCopyFactory()
    path = f"/order_copies/{order_copy.public_id}?include=source_order"

    # when
    answers = [
        api.get(f"{path}&fields[order_copies]=id,source_order&fields[orders]={fields}").json()
        for fields in ("id", "id,number")
    ]

    # then
    source = order_copy.source_order
    for answer, attributes in zip(answers, [{}, {"number": source.number}], strict=True):
        (order,) = answer["included"]
        assert (answer["data"]["id"], order["id"]) == (order_copy.public_id, source.public_id)
        assert (order["attributes"], order["relationships"]) == (attributes, {})
        assert answer["data"]["attributes"] == {}


def test_include__included_resources_are_linked() -> None:
    # given
    api, order = API(staff()), placed_order(lines=1, options=0, shipping=False, payment_fee=False)
    order_copy = OrderCopy(source_order=order)
    copying.request_copies([order_copy], actor={})
    line = order.line_items.get()

    # when
    query = "include=source_order.line_items.order,target_order,events,order_subscription"
    fields = "fields[orders]=number,line_items&fields[line_items]=name,order&fields[events]=name"
    document = api.get(f"/order_copies/{order_copy.public_id}?{query}&{fields}").json()

    # then
    relationships = document["data"]["relationships"]
    linkage = {name: member.get("data", "none") for name, member in relationships.items()}
    included = {
        resource["type"]: (resource["id"], resource["attributes"], resource["relationships"])
        for resource in document["included"]
    }
    order_id, event_id = {"type": "orders", "id": order.public_id}, included["events"][0]
    line_id = {"type": "line_items", "id": line.public_id}
    assert linkage == {
        "source_order": order_id,
        "target_order": None,
        "events": [{"type": "events", "id": event_id}],
        "event_stores": "none",
        "order_subscription": None,
    }
    assert len(document["included"]) == 3
    assert included["orders"][:2] == (order.public_id, {"number": order.number})
    assert included["orders"][2]["line_items"]["data"] == [line_id]
    assert included["line_items"][:2] == (line.public_id, {"name": line.name})
    assert included["line_items"][2]["order"]["data"] == order_id
    assert included["events"][1] == {"name": "order_copies.create"}


def test_include__primary_data_is_not_repeated() -> None:
    # given
    api, (order_copy,) = API(staff()), copies(1)

    # when
    path = f"/order_copies/{order_copy.public_id}?include=source_order.order_copies"
    document = api.get(path).json()

    # then
    assert [resource["type"] for resource in document["included"]] == ["orders"]


@pytest.mark.parametrize(
    ("fields", "types"),
    [
        ("fields[order_copies]=status", None),
        ("fields[orders]=number", ["orders"]),
        ("fields[order_copies]=source_order&fields[orders]=line_items", ["orders", "line_items"]),
    ],
)
def test_include__relationship_must_be_among_the_requested_fields(
    fields: str, types: list[str] | None
) -> None:
    # given
    order = placed_order(lines=1, options=0, shipping=False, payment_fee=False)
    order_copy = OrderCopyFactory(source_order=order)

    # when
    path = f"/order_copies/{order_copy.public_id}?include=source_order.line_items"
    document = API(staff()).get(f"{path}&{fields}").json()

    # then
    included = document.get("included")
    assert types == (included and [resource["type"] for resource in included])


def test_include__too_many_resources_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    monkeypatch.setattr(includes, "MAX_INCLUDED", 2)
    api, made = API(staff()), copies(3)
    path = f"/order_copies/{made[0].public_id}?include=source_order"

    # when
    whole = api.get(path)
    too_much = api.get(f"{path}.order_copies")

    # then
    (error,) = errors_in(too_much)
    assert whole.status_code == 200
    assert (error["status"], error["code"]) == ("400", "INVALID_INCLUDE")
    assert error["detail"] == (
        "order_copies leads to more than 2 resources: ask for a smaller page[size], "
        "or for the list of them."
    )


def test_include__limit_applies_to_the_page(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # given
    monkeypatch.setattr(includes, "MAX_INCLUDED", 3)
    api = API(staff())
    for _ in range(2):
        placed_order(lines=2, options=0, shipping=False, payment_fee=False)

    # when
    answers = [api.get(f"/orders?include=line_items&page[size]={size}") for size in (2, 1)]

    # then
    assert [answer.status_code for answer in answers] == [400, 200]
    assert len(answers[1].json()["included"]) == 2


def test_include__applies_to_the_response_of_a_post() -> None:
    # given
    api, order = API(staff()), placed_order(lines=1)
    linkage = {"data": {"type": "orders", "id": order.public_id}}
    body = {"data": {"type": "order_copies", "relationships": {"source_order": linkage}}}

    # when
    document = api.post("/order_copies?include=source_order,target_order", body).json()

    # then
    relationships = document["data"]["relationships"]
    assert relationships["source_order"]["data"] == linkage["data"]
    assert relationships["target_order"]["data"] is None
    assert [resource["id"] for resource in document["included"]] == [order.public_id]


@pytest.mark.parametrize(
    ("path", "queries"),
    [
        ("/order_copies", 5),
        ("/order_copies?include=source_order.line_items.sku,target_order,events", 10),
        ("/orders?include=customer,market,line_items.line_item_options,shipping_address", 10),
        ("/line_items", 5),
        ("/line_items?include=order,sku", 7),
    ],
)
def test_query_count__equal_for_lists_of_1_and_of_25(path: str, queries: int) -> None:
    """The user of the token; its permissions (2); the count; the rows; one per relationship."""
    # given
    api = API(staff())
    page = f"{path}{'&' if '?' in path else '?'}page[size]=25"
    copying.request_copies([OrderCopy(source_order=placed_order(lines=1))], actor={})
    run_batch("a worker")

    # when
    with CaptureQueriesContext(connection) as of_one:
        one = api.get(page).json()
    order_copies = [OrderCopy(source_order=placed_order(lines=3)) for _ in range(24)]
    copying.request_copies(order_copies, actor={})
    run_batch("a worker")
    with CaptureQueriesContext(connection) as of_25:
        many = api.get(page).json()

    # then
    assert len(one["data"]) < len(many["data"]) == 25
    assert len(of_one) == len(of_25) == queries
