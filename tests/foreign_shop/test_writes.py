"""Clients create, change and delete resources of a shop."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from rest_framework.exceptions import ValidationError

from order_copies.jsonapi.views import CreateMixin, ReadOnlyViewSet
from tests.foreign_shop.conftest import API, MEDIA_TYPE, Shopper, complaints, links
from tests.foreign_shop.models import PurchaseOrder, Review
from tests.foreign_shop.reviews import ReviewSerializer, ReviewViewSet

TOKEN = "6a2f41a3-c54c-fce8-32d2-0324e1c32e22"
EVERYTHING = {
    "slug": "good-tea",
    "email": "ann@shop.example",
    "title": "Good",
    "nickname": "Annie",
    "stars": 5,
    "age": 33,
    "helped": 2,
    "price": 19.99,
    "weight": 0.25,
    "bought_on": "2026-01-02",
    "written_at": "2026-01-03T04:05:06.007Z",
    "token": TOKEN,
    "place": {"city": "Porto", "streets": [7]},
}


@pytest.fixture
def writer(admin: Shopper, routed: Callable[..., None]) -> Shopper:
    """A client of the API of a shop with reviews."""
    routed(ReviewViewSet)
    return admin


def linkage(order: str | None) -> Any:
    return None if order is None else {"type": "orders", "id": order}


def create(client: Shopper, query: str = "", order: Any = ..., **attributes: Any) -> Any:
    data: dict[str, Any] = {"type": "reviews", "attributes": {"slug": "tea"} | attributes}
    if order is not ...:
        data["relationships"] = {"order": {"data": linkage(order)}}
    return client.send("POST", f"/reviews{query}", **data)


def change(client: Shopper, **data: Any) -> Any:
    return client.send("PATCH", "/reviews/1", type="reviews", id="1", **data)


def test_create__returns_the_document_and_its_url(writer: Shopper) -> None:
    # given
    body = {"data": {"type": "reviews", "attributes": EVERYTHING}}

    # when
    response = writer.client.post("/shop/api/reviews", json.dumps(body), content_type=MEDIA_TYPE)

    # then
    row = Review.objects.get()
    document = response.json()
    del document["data"]["meta"]
    assert response.status_code == 201
    assert response["Location"] == f"{API}/reviews/{row.pk}"
    assert document == {
        "data": {
            "id": str(row.pk),
            "type": "reviews",
            "links": {"self": f"{API}/reviews/{row.pk}"},
            "attributes": EVERYTHING,
            "relationships": links(f"/reviews/{row.pk}", ["order"]),
        }
    }
    assert (row.price, row.weight, row.token) == (Decimal("19.99"), 0.25, UUID(TOKEN))
    assert row.bought_on == date(2026, 1, 2)
    assert row.written_at == datetime(2026, 1, 3, 4, 5, 6, 7000, UTC)
    assert row.place == {"city": "Porto", "streets": [7]}


def test_create__values_that_are_left_out_have_the_default_of_the_column(writer: Shopper) -> None:
    # when
    status, document = create(writer)

    # then
    values = dict.fromkeys(EVERYTHING) | {
        "slug": "tea",
        "email": "ann@shop.example",
        "title": "Tea",
        "nickname": "Ann",
        "stars": 5,
        "age": 30,
        "helped": 0,
    }
    assert (status, document["data"]["attributes"]) == (201, values)


def test_create__null_is_accepted_for_columns_that_can_be_null(writer: Shopper) -> None:
    names = ("price", "weight", "bought_on", "written_at", "token")

    status, document = create(writer, order=None, **dict.fromkeys(names))

    assert status == 201
    assert {document["data"]["attributes"][name] for name in names} == {None}


@pytest.mark.parametrize(
    ("name", "value", "key"),
    [
        ("slug", "no slug!", "invalid"),
        ("slug", "taken", "taken"),
        ("slug", None, "blank"),
        ("email", "nonsense", "invalid"),
        ("email", "a" * 250 + "@shop.example", "too_long"),
        ("title", "ab", "too_short"),
        ("title", "a" * 21, "too_long"),
        ("title", None, "blank"),
        ("title", 1, "invalid"),
        ("nickname", None, "blank"),
        ("nickname", "a" * 11, "too_long"),
        ("stars", 3, "inclusion"),
        ("stars", "good", "not_an_integer"),
        ("stars", None, "blank"),
        ("age", 17, "greater_than_or_equal_to"),
        ("age", 121, "less_than_or_equal_to"),
        ("age", 1.5, "not_an_integer"),
        ("helped", -1, "greater_than_or_equal_to"),
        ("helped", True, "not_an_integer"),
        ("price", 1000, "invalid"),
        ("price", 1.234, "invalid"),
        ("price", "1.23", "not_a_number"),
        ("weight", "heavy", "not_a_number"),
        ("weight", True, "not_a_number"),
        ("bought_on", "2026-02-30", "invalid"),
        ("bought_on", 20260102, "invalid"),
        ("written_at", "yesterday", "invalid"),
        ("token", "1", "invalid"),
        ("place", "Porto", "invalid"),
    ],
)
def test_create__value_that_the_column_refuses(
    writer: Shopper, name: str, value: Any, key: str
) -> None:
    # given
    Review.objects.create(pk=1, slug="taken")

    # when
    created, document = create(writer, **{name: value})
    changed, other = change(writer, attributes={name: value if value != "taken" else "no slug!"})

    # then
    assert (created, changed) == (422, 422)
    (error,) = document["errors"]
    assert (error["code"], error["status"]) == ("VALIDATION_ERROR", "422")
    assert error["source"] == {"pointer": f"/data/attributes/{name}"}
    assert error["meta"]["error"] == key
    assert error["detail"] == f"{name} - {error['title']}"
    assert len(other["errors"]) == 1
    assert list(Review.objects.values_list("pk", "slug")) == [(1, "taken")]


@pytest.mark.parametrize("name", ["slug", "email", "title"])
def test_create__empty_text_for_a_column_that_must_not_be_blank(writer: Shopper, name: str) -> None:
    """A second empty slug would even break the constraint of the database."""
    # when
    status, document = create(writer, **{name: ""})

    # then
    assert status == 422
    assert [it["meta"]["error"] for it in document["errors"]] == ["blank"]
    assert not Review.objects.exists()


def test_create__text_that_is_too_long_names_the_limit(writer: Shopper) -> None:
    _, document = create(writer, title="a" * 21)

    assert document["errors"][0]["meta"] == {"error": "too_long", "count": 20}


def test_create__required_value_is_missing(writer: Shopper) -> None:
    status, document = writer.send("POST", "/reviews", type="reviews")

    assert status == 422
    assert complaints(document) == [("/data/attributes/slug", "blank", "slug - can't be blank")]


def test_create__errors_are_in_the_order_of_the_request(writer: Shopper) -> None:
    _, document = create(writer, age=1, email="x", slug="no slug!")

    places = [pointer for pointer, _key, _detail in complaints(document)]
    assert places == [f"/data/attributes/{name}" for name in ("slug", "age", "email")]


def test_create__errors_of_nested_fields_name_their_place(writer: Shopper) -> None:
    # when
    place = {"city": "a" * 11, "streets": [1, "x"]}
    status, document = create(writer, place=place)

    # then
    found = [(pointer, key) for pointer, key, _detail in complaints(document)]
    assert status == 422
    assert found == [
        ("/data/attributes/place/city", "too_long"),
        ("/data/attributes/place/streets/1", "invalid"),
    ]


def test_create__error_of_no_field_points_to_the_data(writer: Shopper) -> None:
    status, document = create(writer, stars=1, helped=1)

    assert (status, complaints(document)) == (
        422,
        [("/data", "invalid", "bad reviews help nobody")],
    )


@pytest.mark.parametrize(
    ("slug", "status", "error"),
    [
        (
            "invalid",
            422,
            {
                "title": "is not for the shop",
                "detail": "slug - is not for the shop",
                "code": "VALIDATION_ERROR",
                "status": "422",
                "source": {"pointer": "/data/attributes/slug"},
                "meta": {"error": "invalid"},
            },
        ),
        (
            "conflict",
            409,
            {
                "title": "Conflict",
                "detail": "Another review is being written.",
                "code": "CONFLICT",
                "status": "409",
            },
        ),
        (
            "refused",
            400,
            {
                "title": "Closed",
                "detail": "The shop is closed.",
                "code": "CLOSED",
                "status": "400",
            },
        ),
    ],
)
def test_perform_create__errors_that_it_raises(
    writer: Shopper, slug: str, status: int, error: Any
) -> None:
    assert create(writer, slug=slug) == (status, {"errors": [error]})


def test_create__relationship_to_a_visible_row(writer: Shopper) -> None:
    # when
    status, document = create(writer, order="2")

    # then
    assert status == 201
    assert Review.objects.get().order_id == 2
    path = f"/reviews/{document['data']['id']}/relationships/order"
    assert writer.get(path)[1]["data"] == {"type": "orders", "id": "2"}


@pytest.mark.parametrize("order", ["3", "x", ""])
def test_relationship__to_a_row_that_is_not_visible(writer: Shopper, order: str) -> None:
    # given
    Review.objects.create(pk=1, slug="old", order_id=1)
    related = {"order": {"data": linkage(order)}}

    # when
    answers = [create(writer, order=order), change(writer, relationships=related)]

    # then
    for status, document in answers:
        (error,) = document["errors"]
        assert (status, error["code"]) == (404, "RECORD_NOT_FOUND")
        assert error["source"] == {"pointer": "/data/relationships/order"}
    assert list(Review.objects.values_list("slug", "order")) == [("old", 1)]


def test_update__relationship_to_another_row_or_none(writer: Shopper) -> None:
    # given
    Review.objects.create(pk=1, slug="old", order_id=1)

    for order in ("2", None):
        # when
        related = {"order": {"data": linkage(order)}}
        status, document = change(writer, relationships=related)

        # then
        assert (status, document["data"]["id"]) == (200, "1")
        assert Review.objects.get().order_id == (order and int(order))


@pytest.mark.parametrize("query", ["?include=nothing", "?fields[reviews]=nothing", "?sort=slug"])
def test_invalid_query__is_refused_before_anything_is_written(writer: Shopper, query: str) -> None:
    # given
    Review.objects.create(pk=1, slug="old", title="old")
    changes = {"type": "reviews", "id": "1", "attributes": {"title": "new"}}

    # when
    statuses = [
        create(writer, query)[0],
        writer.send("PATCH", f"/reviews/1{query}", **changes)[0],
        writer.client.delete(f"/shop/api/reviews/1{query}").status_code,
    ]

    # then
    assert statuses == [400] * 3
    assert list(Review.objects.values_list("slug", "title")) == [("old", "old")]


def test_destroy__deletes_the_row(writer: Shopper) -> None:
    # given
    Review.objects.create(pk=1, slug="old")

    # when
    statuses = [writer.client.delete("/shop/api/reviews/1").status_code for _ in range(2)]

    # then
    assert statuses == [204, 404]
    assert not Review.objects.exists()


def test_create__without_a_body(writer: Shopper) -> None:
    # when
    response = writer.client.generic("POST", "/shop/api/reviews", CONTENT_TYPE=MEDIA_TYPE)

    # then
    (error,) = response.json()["errors"]
    assert (response.status_code, error["code"]) == (400, "PARAM_MISSING")
    assert error["source"] == {"pointer": "/data"}


def test_create__list_of_errors_without_fields(
    writer: Shopper, routed: Callable[..., None]
) -> None:
    # given
    class ClosedViewSet(CreateMixin, ReadOnlyViewSet):
        queryset = Review.objects.all()
        serializer_class = ReviewSerializer

        def perform_create(self, serializer: Any) -> None:
            raise ValidationError(["closed on Sundays", "closed at night"])

    routed(ClosedViewSet)

    # when
    status, document = create(writer)

    # then
    assert status == 422
    assert complaints(document) == [
        ("/data", "invalid", "closed on Sundays"),
        ("/data", "invalid", "closed at night"),
    ]
    assert PurchaseOrder.objects.count() == 2
