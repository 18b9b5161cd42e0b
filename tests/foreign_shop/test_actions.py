"""Extra actions of the viewsets of a shop."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.decorators import action
from rest_framework.response import Response

from order_copies.jsonapi.openapi.document import openapi_document
from tests.foreign_shop.conftest import API, MEDIA_TYPE, Shopper, links
from tests.foreign_shop.models import Review
from tests.foreign_shop.reviews import ReviewViewSet


class ActingReviewViewSet(ReviewViewSet):
    """Reviews that are praised, one by one, and counted or listed together."""

    extra_parameters = {"praised": ["page", "sort"]}

    @action(detail=True, methods=["post"])
    def praise(self, request: Any, public_id: str) -> Response:
        review = self.get_object()
        review.helped += int(dict(request.data).get("points", 1))
        review.save()
        return Response(self.get_serializer(review).data)

    @action(detail=False, url_path="best-of")
    def praised(self, request: Any) -> Response:
        return self.list_rows(self.get_queryset().filter(helped__gt=0))

    @action(detail=False, methods=["post"])
    def forget(self, request: Any) -> Response:
        self.get_queryset().update(helped=0)
        return Response(status=204)


@pytest.fixture
def editor(admin: Shopper, routed: Callable[..., None]) -> Shopper:
    """A client of the API of a shop with two reviews."""
    routed(ActingReviewViewSet)
    Review.objects.create(pk=1, slug="first", order_id=1)
    Review.objects.create(pk=2, slug="second")
    return admin


def test_action_of_a_resource__links_are_those_of_the_resource(editor: Shopper) -> None:
    # when
    response = editor.client.post(
        "/shop/api/reviews/1/praise?fields[reviews]=helped,order&include=order&fields[orders]=number",
        {"points": 3},
        content_type=MEDIA_TYPE,
    )

    # then
    document = response.json()
    for resource in (document["data"], *document["included"]):
        del resource["meta"]
    relationships = links("/reviews/1", ["order"])
    relationships["order"]["data"] = {"type": "orders", "id": "1"}
    assert response.status_code == 200
    assert document == {
        "data": {
            "id": "1",
            "type": "reviews",
            "links": {"self": f"{API}/reviews/1"},
            "attributes": {"helped": 3},
            "relationships": relationships,
        },
        "included": [
            {
                "id": "1",
                "type": "orders",
                "links": {"self": f"{API}/orders/1"},
                "attributes": {"number": "A1"},
                "relationships": {},
            }
        ],
    }


def test_action_of_a_resource__needs_no_body(editor: Shopper) -> None:
    # when
    response = editor.client.generic("POST", "/shop/api/reviews/1/praise")

    # then
    assert (response.status_code, response.json()["data"]["attributes"]["helped"]) == (200, 1)


def test_action_of_a_resource__invisible_row_is_not_found(editor: Shopper) -> None:
    assert editor.client.generic("POST", "/shop/api/reviews/3/praise").status_code == 404


def test_action_of_a_collection__is_no_id(editor: Shopper) -> None:
    # given
    Review.objects.update(helped=1)

    # when
    status, document = editor.get("/reviews/best-of?page[size]=1&sort=-slug")

    # then
    assert (status, document["meta"]) == (200, {"record_count": 2, "page_count": 2})
    assert [it["links"] for it in document["data"]] == [{"self": f"{API}/reviews/2"}]
    following = f"{API}/reviews/best-of?sort=-slug&page%5Bnumber%5D=2&page%5Bsize%5D=1"
    assert document["links"]["next"] == following


def test_action_of_a_collection__writes_without_a_body(editor: Shopper) -> None:
    # given
    Review.objects.update(helped=1)

    # when
    response = editor.client.generic("POST", "/shop/api/reviews/forget")

    # then
    assert (response.status_code, response.content) == (204, b"")
    assert not Review.objects.exclude(helped=0).exists()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/reviews/1/praise", 405),
        ("POST", "/reviews/best-of", 405),
        ("GET", "/reviews/best-of?filter[slug]=first", 400),
        ("POST", "/reviews/1/praise?page[size]=1", 400),
    ],
)
def test_action__other_methods_and_parameters_are_refused(
    editor: Shopper, method: str, path: str, status: int
) -> None:
    assert editor.client.generic(method, f"/shop/api{path}").status_code == status


def test_action__needs_the_permissions_of_the_viewset(ann: Shopper, editor: Shopper) -> None:
    # when
    answers = [
        ann.client.generic("POST", f"/shop/api/reviews/{path}") for path in ("1/praise", "forget")
    ]

    # then
    assert [it.status_code for it in answers] == [401, 401]
    assert not Review.objects.exclude(helped=0).exists()


def test_openapi__does_not_describe_extra_actions(editor: Shopper) -> None:
    # when
    document = editor.client.get("/shop/api/schema").json()

    # then
    assert document["paths"] == openapi_document()["paths"]
    assert [path for path in document["paths"] if path.startswith("/shop/api/reviews")] == [
        "/shop/api/reviews",
        "/shop/api/reviews/{public_id}",
        "/shop/api/reviews/{public_id}/order",
        "/shop/api/reviews/{public_id}/relationships/order",
    ]
