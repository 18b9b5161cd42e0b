"""PATCH of the shop's resources: attributes, permissions and events."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission

from order_copies.events.models import Event
from order_copies.jsonapi.resources import Resource, resource_of
from orders.api import serializers
from orders.models import Order
from tests import stories
from tests.api import API, errors_in, service, shopper, staff, the_error_in
from tests.factories import CouponFactory, OrderCopyFactory, pending_order, placed_order

pytestmark = pytest.mark.django_db

# Promotions are read-only; subscriptions have tests of their own.
OTHERS = {
    *("promotions", "order_subscriptions", "order_subscription_items", "subscription_models"),
}
SERIALIZERS = [getattr(serializers, name) for name in serializers.__all__]
TYPES = sorted({one.Meta.resource_name for one in SERIALIZERS} - OTHERS)
ANNOTATIONS = {"reference": "4711", "reference_origin": "erp", "metadata": {"a": [1]}}
UPDATABLE = {
    "affiliate_code": "ada",
    "language_code": "it",
    "cart_url": "https://shop.example/cart?id=1",
    "return_url": "http://shop.example/",
    "terms_url": "https://shop.example/terms",
    "privacy_url": "https://shop.example/privacy",
    **ANNOTATIONS,
}


def everything() -> Order:
    """Create an order whose relationships reach a row of every type."""
    coupon = CouponFactory()
    order = pending_order(lines=1, options=1, coupon=coupon)
    OrderCopyFactory(source_order=order)
    return order


def row_of(resource: Resource) -> Any:
    """Return the first row of the type that staff see."""

    class Request:
        method = "GET"
        user = staff("view_order", "view_promotion", "view_coupon")

    return resource.rows(Request()).first()  # type: ignore[arg-type]


def codename_of(row: Any) -> str:
    return f"change_{row._meta.model_name}"


def patch(api: API, row: Any, **attributes: Any) -> Any:
    resource_type = row.resource_type
    data = {"type": resource_type, "id": row.public_id, "attributes": attributes}
    return api.patch(f"/{resource_type}/{row.public_id}", {"data": data})


VIEW = ["view_order", "view_promotion", "view_coupon"]


@pytest.mark.parametrize("resource_type", TYPES)
def test_patch__annotations_are_saved_with_the_change_permission(resource_type: str) -> None:
    # given
    everything()
    row = row_of(resource_of(resource_type))
    api = API(service(*VIEW, codename_of(row)))

    # when
    response = patch(api, row, **ANNOTATIONS)

    # then
    assert response.status_code == 200
    document = response.json()["data"]
    assert document["attributes"].items() >= ANNOTATIONS.items()
    shown = api.get(f"/{resource_type}/{row.public_id}").json()["data"]
    del document["meta"], shown["meta"]
    assert document == shown
    event = Event.objects.get()
    assert (event.resource_type, event.resource_id) == (resource_type, str(row.pk))
    assert event.name == ""
    assert event.changes["reference"] == {"from": row.reference, "to": "4711"}
    assert event.who["owner"]["id"] == str(api.user.pk)


@pytest.mark.parametrize("resource_type", TYPES)
@pytest.mark.parametrize("who", ["viewer", "customer"])
def test_patch__without_permission_is_unauthorized(resource_type: str, who: str) -> None:
    # given
    order = everything()
    Order.objects.update(status="placed")
    row = row_of(resource_of(resource_type))
    users: dict[str, Callable[[], Any]] = {
        "viewer": lambda: staff(*VIEW),
        "customer": lambda: shopper(order.customer),
    }
    api = API(users[who]())

    # when
    response = patch(api, row, **ANNOTATIONS)

    # then
    assert the_error_in(response) == (401, "UNAUTHORIZED", None)
    row.refresh_from_db()
    assert row.reference != "4711"
    assert not Event.objects.exists()


@pytest.mark.parametrize("resource_type", TYPES)
def test_patch__undeclared_attributes_are_refused(resource_type: str) -> None:
    # given
    everything()
    resource = resource_of(resource_type)
    row = row_of(resource)
    api = API(service(*VIEW, codename_of(row)))
    fields = {field.attname for field in row._meta.concrete_fields}
    names = {*resource.attributes_by_name, *fields, "pk", "_state"}
    names -= {name for name in names if name in ANNOTATIONS}
    if resource_type == "orders":
        names -= set(UPDATABLE)
    before = stories.raw_rows(row._meta.db_table, "TRUE")

    # when
    response = patch(api, row, reference="4711", **dict.fromkeys(names, 1))

    # then
    assert {error["code"] for error in errors_in(response)} == {"PARAM_NOT_ALLOWED"}
    assert {error["source"]["pointer"] for error in errors_in(response)} == {
        f"/data/attributes/{name}" for name in names
    }
    assert stories.raw_rows(row._meta.db_table, "TRUE") == before


def test_patch__relationships_are_refused() -> None:
    # given
    order = everything()
    api = API(staff("view_order", "change_order"))
    linkage = {"data": {"type": "markets", "id": order.market.public_id}}
    data = {"type": "orders", "id": order.public_id, "relationships": {"market": linkage}}

    # when
    response = api.patch(f"/orders/{order.public_id}", {"data": data})

    # then
    assert the_error_in(response) == (400, "PARAM_NOT_ALLOWED", "/data/relationships/market")


def test_patch__order_attributes_without_effect_on_money_are_saved() -> None:
    # given
    order = placed_order()
    api = API(staff("view_order", "change_order"))

    # when
    response = patch(api, order, **UPDATABLE)
    empty = {"affiliate_code": None, "cart_url": None, "terms_url": ""}
    cleared = patch(api, order, reference=None, metadata=None, **empty)

    # then
    assert response.json()["data"]["attributes"].items() >= UPDATABLE.items()
    attributes = cleared.json()["data"]["attributes"]
    assert [attributes[name] for name in (*empty, "reference")] == [None] * 4
    assert attributes["metadata"] == {}
    order.refresh_from_db()
    assert (order.affiliate_code, order.cart_url, order.reference) == ("", "", None)
    assert stories.statuses(order) == ("placed", "authorized", "unfulfilled")


@pytest.mark.parametrize(
    ("name", "value", "key"),
    [
        ("cart_url", "javascript:alert(1)", "invalid"),
        ("return_url", "shop.example", "invalid"),
        ("terms_url", "ftp://shop.example/", "invalid"),
        ("privacy_url", "https://", "invalid"),
        ("privacy_url", "https://shop.example/" + "a" * 200, "too_long"),
        ("cart_url", 5, "invalid"),
        ("affiliate_code", "a" * 65, "too_long"),
        ("language_code", "../../etc", "invalid"),
        ("language_code", "", "invalid"),
        ("language_code", None, "blank"),
        ("language_code", "it-CH-long1", "too_long"),
        ("reference", "a\0b", "invalid"),
        ("metadata", [], "invalid"),
    ],
)
def test_patch__invalid_value_changes_nothing(name: str, value: Any, key: str) -> None:
    # given
    order = pending_order()
    before = stories.every_byte(order)
    api = API(staff("view_order", "change_order"))

    # when
    response = patch(api, order, **{"reference_origin": "erp", name: value})

    # then
    assert the_error_in(response) == (422, "VALIDATION_ERROR", f"/data/attributes/{name}")
    assert errors_in(response)[0]["meta"]["error"] == key
    assert stories.every_byte(order) == before


@pytest.mark.parametrize(
    ("status", "allowed"),
    [("draft", True), ("pending", True), ("placed", False), ("cancelled", False)],
)
def test_patch__customers_change_their_orders_until_placement(status: str, allowed: bool) -> None:
    # given
    order = pending_order(status=status)
    api = API(shopper(order.customer))

    # when
    response = patch(api, order, cart_url="https://shop.example/cart")

    # then
    assert response.status_code == (200 if allowed else 401)
    assert Event.objects.count() == allowed


def test_patch__empty_change_returns_the_resource_without_event() -> None:
    # given
    order = placed_order()
    api = API(shopper(order.customer))

    # when
    response = patch(api, order)

    # then
    assert response.json()["data"]["id"] == order.public_id
    assert not Event.objects.exists()


def test_patch__needs_view_order_too() -> None:
    # given
    order = pending_order()
    user = shopper(order.customer)
    user.user_permissions.set(Permission.objects.filter(codename="change_order"))

    # when
    response = patch(API(user), order, _approve=True)

    # then
    assert the_error_in(response) == (401, "UNAUTHORIZED", None)
