"""Which rows and methods the viewsets of a shop allow, wherever the rows appear."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from rest_framework.permissions import BasePermission, IsAdminUser, IsAuthenticated

from order_copies.api import views
from order_copies.jsonapi.views import ReadOnlyViewSet
from tests.foreign_shop.conftest import Shopper
from tests.foreign_shop.models import Buyer, PurchaseLine, PurchaseOrder, Review
from tests.foreign_shop.reviews import ReviewSerializer, ReviewViewSet
from tests.foreign_shop.serializers import BuyerSerializer, PurchaseLineSerializer


class StrictOrderViewSet(views.OrderViewSet):
    """Orders of the telephone are not for the API."""

    def get_queryset(self) -> Any:
        return super().get_queryset().exclude(channel=PurchaseOrder.Channel.PHONE)


class StrictLineViewSet(ReadOnlyViewSet):
    """Lines of one piece are not for the API."""

    queryset = PurchaseLine.objects.filter(quantity__gt=1)
    serializer_class = PurchaseLineSerializer


class StaffBuyerViewSet(ReadOnlyViewSet):
    """Only the staff sees buyers."""

    queryset = Buyer.objects.all()
    serializer_class = BuyerSerializer
    permission_classes = [IsAdminUser]


class IsUnlocked(BasePermission):
    """Refuses locked reviews, one by one."""

    def has_object_permission(self, request: Any, view: Any, obj: Any) -> bool:
        return obj.title != "locked"


class GuardedReviewViewSet(ReviewViewSet):
    permission_classes = [IsAuthenticated, IsUnlocked]


def counts(document: Any) -> list[str]:
    return [it["id"] for it in document["data"]]


def test_strict_orders__hide_what_is_behind_them(ann: Shopper, routed: Callable[..., None]) -> None:
    # given
    routed(StrictOrderViewSet)
    before = [counts(ann.get(path)[1]) for path in ("/orders", "/buyers", "/labels", "/products")]
    PurchaseOrder.objects.update(channel=PurchaseOrder.Channel.PHONE)

    # when
    after = [ann.get(path)[1]["data"] for path in ("/orders", "/buyers", "/labels", "/products")]

    # then
    assert before == [["1"], ["1"], ["gift"], ["1"]]
    assert after == [[], [], [], []]
    assert [ann.get(path)[0] for path in ("/orders/1", "/buyers/1", "/purchase-lines/1")] == [
        404
    ] * 3


def test_strict_lines__hide_what_is_behind_them(ann: Shopper, routed: Callable[..., None]) -> None:
    # given
    routed(StrictLineViewSet)
    before = counts(ann.get("/products")[1])
    PurchaseLine.objects.update(quantity=1)

    # when
    _, document = ann.get("/orders/1?include=lines.item")

    # then
    assert before == ["1"]
    assert (document["data"]["relationships"]["lines"]["data"], document["included"]) == ([], [])
    assert ann.get("/products")[1]["data"] == []
    assert ann.get("/orders/1/main_item") == (200, {"data": None})
    assert ann.get("/orders?filter[q][lines_product_cont]=tea")[1]["data"] == []


def test_staff_buyers__are_hidden_from_others(ann: Shopper, routed: Callable[..., None]) -> None:
    # given
    routed(StaffBuyerViewSet)

    # when
    _, document = ann.get("/orders/1?include=buyer")
    paths = ["/buyers", "/buyers/1", "/orders/1/buyer", "/orders/1/relationships/buyer"]
    refused = [ann.get(path) for path in paths]

    # then
    assert document["data"]["relationships"]["buyer"]["data"] is None
    assert document["included"] == []
    assert [status for status, _ in refused] == [401] * 4
    assert {it["errors"][0]["code"] for _, it in refused} == {"UNAUTHORIZED"}


def test_staff_buyers__cannot_be_found_by_filters(
    ann: Shopper, routed: Callable[..., None]
) -> None:
    # given
    routed(StaffBuyerViewSet)

    # when
    filters = ["filter[q][buyer_email_cont]=ann", "filter[q][lines_order_buyer_email_cont]=ann"]
    found = [ann.get(f"/orders?{one}")[1]["data"] for one in filters]

    # then
    assert found == [[], []]


def test_staff_buyers__are_visible_to_the_staff(
    admin: Shopper, routed: Callable[..., None]
) -> None:
    # given
    routed(StaffBuyerViewSet)

    # when
    _, document = admin.get("/orders/1?include=buyer")
    _, found = admin.get("/orders?filter[q][buyer_email_cont]=ann")

    # then
    assert [it["id"] for it in document["included"]] == ["1"]
    assert counts(found) == ["1"]
    assert admin.get("/orders/2/buyer")[1]["data"]["id"] == "2"


def test_object_permission__protects_each_method(ann: Shopper, routed: Callable[..., None]) -> None:
    # given
    routed(GuardedReviewViewSet)
    Review.objects.create(pk=1, slug="one", title="locked", order_id=1)
    Review.objects.create(pk=2, slug="two", title="open", order_id=1)
    data = {"type": "reviews", "attributes": {"title": "changed"}}

    # when
    read = [ann.get(f"/reviews/{number}")[0] for number in (1, 2)]
    behind = [ann.get(f"/reviews/{number}/order")[0] for number in (1, 2)]
    ids = [ann.get(f"/reviews/{number}/relationships/order")[0] for number in (1, 2)]
    changed = [ann.send("PATCH", f"/reviews/{it}", id=str(it), **data)[0] for it in (1, 2)]
    deleted = [ann.client.delete(f"/shop/api/reviews/{it}").status_code for it in (1, 2)]

    # then
    assert [read, behind, ids] == [[401, 200]] * 3
    assert (changed, deleted) == ([401, 200], [401, 204])
    assert list(Review.objects.values_list("pk", "title")) == [(1, "locked")]


@pytest.mark.parametrize("is_granted", [False, True])
def test_default_permission__writing_needs_that_of_django(
    ann: Shopper, routed: Callable[..., None], is_granted: bool
) -> None:
    # given
    routed(ReviewViewSet)
    if is_granted:
        codes = [f"{verb}_review" for verb in ("add", "change", "delete")]
        own = Permission.objects.filter(codename__in=codes)
        get_user_model().objects.get(username="ann").user_permissions.set(own)
    Review.objects.create(pk=1, slug="old", title="old")

    # when
    data: dict[str, Any] = {"type": "reviews", "attributes": {"title": "changed"}}
    changed, _ = ann.send("PATCH", "/reviews/1", id="1", **data)
    created, _ = ann.send("POST", "/reviews", type="reviews", attributes={"slug": "new"})
    deleted = ann.client.delete("/shop/api/reviews/1").status_code

    # then
    assert [changed, created, deleted] == ([200, 201, 204] if is_granted else [401] * 3)
    slugs = list(Review.objects.values_list("slug", "title"))
    assert slugs == ([("new", "Tea")] if is_granted else [("old", "old")])
    assert ann.get("/reviews")[0] == 200


def test_default_permission__methods_that_do_not_exist_get_405(
    ann: Shopper, routed: Callable[..., None]
) -> None:
    # given
    class ReadOnlyReviewViewSet(ReadOnlyViewSet):
        queryset = Review.objects.all()
        serializer_class = ReviewSerializer

    routed(ReadOnlyReviewViewSet)
    Review.objects.create(pk=1, slug="old")

    # when
    answers = [
        ann.client.generic(method, f"/shop/api{path}")
        for method, path in [
            ("POST", "/reviews"),
            ("PATCH", "/reviews/1"),
            ("DELETE", "/reviews/1"),
            ("PUT", "/reviews/1"),
            ("POST", "/orders"),
            ("DELETE", "/orders/1/relationships/labels"),
        ]
    ]

    # then
    assert [it.status_code for it in answers] == [405] * 6
    assert answers[0]["Allow"] == "GET, HEAD"


def test_include_after_a_write__reads_with_the_permission_of_reading(
    admin: Shopper, routed: Callable[..., None]
) -> None:
    """The permission of the included viewset is checked for a GET, instead of the POST."""

    # given
    class ReadOnlyPermission(BasePermission):
        def has_permission(self, request: Any, view: Any) -> bool:
            return bool(request.method == "GET")

    class ReadableOrderViewSet(views.OrderViewSet):
        permission_classes = [ReadOnlyPermission]

    routed(ReviewViewSet, ReadableOrderViewSet)
    related = {"order": {"data": {"type": "orders", "id": "1"}}}

    # when
    status, document = admin.send(
        "POST",
        "/reviews?include=order",
        type="reviews",
        attributes={"slug": "new"},
        relationships=related,
    )

    # then
    assert status == 201
    assert [(it["type"], it["id"]) for it in document["included"]] == [("orders", "1")]
