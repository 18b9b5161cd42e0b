"""The scopes that each endpoint requires of a token."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import LazySettings
from django.utils import timezone
from oauth2_provider.contrib.rest_framework import OAuth2Authentication
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import IsAuthenticated

from order_copies import copying
from order_copies.api.urls import urlpatterns as order_copies_urls
from order_copies.api.views import OrderCopyViewSet
from order_copies.events.models import Event
from order_copies.jsonapi.resources import resource_of
from order_copies.models import OrderFactory
from orders.api.urls import urlpatterns as orders_urls
from orders.models import Order
from tests.api import (
    API,
    PERMISSIONS,
    SCOPES,
    application_of,
    request_of,
    staff,
    the_error_in,
    token_of,
    written,
)
from tests.factories import (
    CouponFactory,
    CustomerPaymentSourceFactory,
    OrderCopyFactory,
    placed_order,
)

pytestmark = pytest.mark.django_db

DENIED = (401, "UNAUTHORIZED", None)
CATALOGUE = {"/markets", "/skus", "/promotions"}


def endpoints() -> Iterator[tuple[str, str, str]]:
    """Yield method, path and action of all endpoints, with the id of no resource."""
    for route in (*orders_urls, *order_copies_urls[:-1]):
        path = "/" + str(route.pattern).replace("<str:public_id>", "AbcdefghiJ")
        for method, action in getattr(route.callback, "actions", {}).items():
            yield method.upper(), path, action


def is_list_behind(path: str) -> bool:
    """Return whether the path is a to-many relationship of a resource."""
    _root, resource_type, *rest = path.split("/")
    relationship = resource_of(resource_type).relationships_by_name.get(rest[-1] if rest else "")
    return relationship is not None and relationship.many


ENDPOINTS = sorted(set(endpoints()))
READS = [endpoint for endpoint in ENDPOINTS if endpoint[0] == "GET"]
WRITES = [endpoint for endpoint in ENDPOINTS if endpoint[0] != "GET"]


def test_endpoints__all_are_covered() -> None:
    assert len(READS) > 100
    assert {action for _method, _path, action in WRITES} == {"create", "update", "destroy"}


@pytest.mark.parametrize(("method", "path", "action"), READS)
def test_read__needs_the_scope_read(method: str, path: str, action: str) -> None:
    # given
    user = staff()
    other = API(user, scopes=set(SCOPES) - {"read"})
    own = API(user, scopes=["read"])

    # when
    refused, answered = other.get(path), own.get(path)

    # then
    assert the_error_in(refused) == DENIED
    assert answered.status_code in {200, 404}
    assert other.send("HEAD", path).status_code == 401


@pytest.mark.parametrize(("method", "path", "action"), WRITES)
def test_write__scope_read_is_not_enough(method: str, path: str, action: str) -> None:
    response = API(staff(), scopes=["read"]).send(method, path, {"data": {}})

    assert the_error_in(response) == DENIED


@pytest.mark.parametrize(("method", "path", "action"), WRITES)
def test_write__only_orders_can_be_changed_without_the_scope_copy(
    method: str, path: str, action: str
) -> None:
    response = API(staff(), scopes=["read", "place", "cancel"]).send(method, path, {"data": {}})

    if path == "/orders/AbcdefghiJ":
        assert response.status_code in {401, 404}
    else:
        assert the_error_in(response) == DENIED


@pytest.mark.parametrize(("method", "path", "action"), READS)
def test_sales_channel__lists_only_the_public_catalogue(
    method: str, path: str, action: str
) -> None:
    # when
    response = API(staff(), kind="sales_channel").get(path)

    # then
    lists = action in {"list", "forecasts"} and path not in CATALOGUE
    if lists or is_list_behind(path):
        assert the_error_in(response) == DENIED
    else:
        assert response.status_code in {200, 404}


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_write__copies_need_the_scope_copy(method: str) -> None:
    # given
    path = f"/order_copies/{OrderCopyFactory().public_id}"
    body = {"data": {"type": "order_copies", "id": path[-10:], "attributes": {"reference": "x"}}}
    user = staff()

    # when
    refused = API(user, scopes=["read", "place", "cancel"]).send(method, path, body)
    done = API(user, scopes=["read", "copy"]).send(method, path, body)

    # then
    assert the_error_in(refused) == DENIED
    assert done.status_code in {200, 204}


@pytest.mark.parametrize("attributes", [{}, {"reference": "x"}])
def test_patch__returns_the_resource_and_needs_the_scope_read(
    attributes: dict[str, str],
) -> None:
    # given
    order = placed_order(lines=1)
    data = {"type": "orders", "id": order.public_id, "attributes": attributes}

    # when
    response = API(staff(), scopes=["copy"]).patch(f"/orders/{order.public_id}", {"data": data})

    # then
    order.refresh_from_db()
    assert the_error_in(response) == DENIED
    assert order.reference is None


TRIGGERS = {
    "_place": {"place"},
    "_cancel": {"cancel"},
    "_approve": {"place"},
    "_archive": {"copy"},
    "_unarchive": {"copy"},
    "_create_subscriptions": {"copy", "place"},
}


@pytest.mark.parametrize(("trigger", "scopes"), TRIGGERS.items())
def test_trigger__needs_its_own_scopes(trigger: str, scopes: set[str]) -> None:
    # given
    order, user = placed_order(lines=1), staff(*PERMISSIONS, "add_ordersubscription")
    path = f"/orders/{order.public_id}"
    body = {"data": {"type": "orders", "id": order.public_id, "attributes": {trigger: True}}}

    # when
    refused = [API(user, scopes=set(SCOPES) - {scope}).patch(path, body) for scope in scopes]
    done = API(user, scopes=["read", *scopes]).patch(path, body)

    # then
    assert {the_error_in(response) for response in refused} == {DENIED}
    assert done.status_code in {200, 422}


def test_trigger__attributes_sent_with_it_need_their_scope_too() -> None:
    # given
    order, user = placed_order(lines=1), staff()
    attributes = {"_cancel": True, "reference": "x"}
    body = {"data": {"type": "orders", "id": order.public_id, "attributes": attributes}}

    # when
    response = API(user, scopes=["read", "cancel"]).patch(f"/orders/{order.public_id}", body)

    # then
    order.refresh_from_db()
    assert the_error_in(response) == DENIED
    assert order.status == "placed"


@pytest.mark.parametrize("query", ["", "?dry_run=true"])
@pytest.mark.parametrize(
    ("attributes", "needed"),
    [
        ({}, {"copy"}),
        ({"place_target_order": False, "cancel_source_order": None}, {"copy"}),
        ({"place_target_order": True}, {"copy", "place"}),
        ({"cancel_source_order": True}, {"copy", "cancel"}),
        (
            {"place_target_order": True, "cancel_source_order": True},
            {"copy", "place", "cancel"},
        ),
    ],
)
def test_create__needs_the_scopes_of_its_options(
    attributes: dict[str, Any], needed: set[str], query: str
) -> None:
    # given
    order, user = placed_order(lines=1), staff()
    body = request_of(order, **attributes)
    needed = needed | {"read"} if query else needed

    # when
    refused = [
        API(user, scopes=set(SCOPES) - {scope}).post(f"/order_copies{query}", body)
        for scope in needed
    ]

    # then
    assert [the_error_in(response) for response in refused] == [DENIED] * len(needed)
    assert written() == (0, 0)

    # when
    done = API(user, scopes=needed).post(f"/order_copies{query}", body)

    # then
    assert done.status_code == (200 if query else 201)


def test_create__include_needs_the_scope_read() -> None:
    # given
    order, user = placed_order(lines=1), staff()
    path, body = "/order_copies?include=source_order", request_of(order)

    # when
    refused = API(user, scopes=["copy"]).post(path, body)
    done = API(user, scopes=["copy", "read"]).post(path, body)

    # then
    assert the_error_in(refused) == DENIED
    assert done.status_code == 201
    assert OrderFactory.objects.count() == 1


def test_read__token_without_scopes_is_denied() -> None:
    assert the_error_in(API(staff(), scopes=[]).get("/markets")) == DENIED


class Session(BaseAuthentication):
    """Authentication by session: no token, hence no scopes."""

    def authenticate(self, request: Any) -> tuple[Any, None]:
        return staff(), None


class ShopsOwnToken(BaseAuthentication):
    """Authentication by a token without scopes."""

    def authenticate(self, request: Any) -> tuple[Any, object]:
        return staff(), object()


@pytest.mark.parametrize("authentication", [Session, ShopsOwnToken])
def test_scopes__authentication_without_scopes_is_unrestricted(
    authentication: type[BaseAuthentication], monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    monkeypatch.setattr(OrderCopyViewSet, "get_authenticators", lambda view: [authentication()])
    body = request_of(placed_order(), place_target_order=True, cancel_source_order=True)

    # when, then
    assert API().get("/order_copies").status_code == 200
    assert API().post("/order_copies", body).status_code == 201


@pytest.mark.parametrize(
    ("scopes", "reads", "writes"), [("read", 200, 401), ("copy", 401, 201), ("read copy", 200, 201)]
)
def test_scopes__tokens_of_django_oauth_toolkit_are_supported(
    settings: LazySettings, scopes: str, reads: int, writes: int
) -> None:
    # given
    path = f"{OAuth2Authentication.__module__}.{OAuth2Authentication.__qualname__}"
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"AUTHENTICATION_CLASSES": [path]}
    settings.OAUTH2_PROVIDER = {"SCOPES_BACKEND_CLASS": "project.oauth.scopes.ApplicationScopes"}
    user = staff()
    token = token_of(application_of(user), scopes.split(), user=user)
    api = API()
    api.client.defaults["HTTP_AUTHORIZATION"] = f"Bearer {token}"

    # when
    read = api.get("/order_copies")
    write = api.post("/order_copies", request_of(placed_order(lines=1)))

    # then
    assert (read.status_code, write.status_code) == (reads, writes)


def test_scopes__are_checked_with_other_permission_classes_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(OrderCopyViewSet, "permission_classes", [IsAuthenticated])

    response = API(staff(), scopes=["copy"]).get("/order_copies")

    assert the_error_in(response) == DENIED


@pytest.mark.parametrize(
    ("toggle", "scopes", "status"),
    [
        ("place_target_order", ["copy"], "failed"),
        ("place_target_order", ["copy", "place"], "pending"),
        ("cancel_source_order", ["copy", "place"], "failed"),
        ("cancel_source_order", ["copy", "cancel"], "pending"),
        ("skip_errors", ["copy"], "pending"),
    ],
)
def test_retry__needs_the_scopes_of_the_options_of_the_copy(
    toggle: str, scopes: list[str], status: str
) -> None:
    # given
    order_copy = OrderCopyFactory(status="failed", failed_at=timezone.now(), **{toggle: True})
    data = {
        "type": "order_copies",
        "id": order_copy.public_id,
        "attributes": {"_retry": True},
    }

    # when
    response = API(staff(), scopes=["read", *scopes]).patch(
        f"/order_copies/{order_copy.public_id}", {"data": data}
    )

    # then
    order_copy.refresh_from_db()
    assert order_copy.status == status
    assert response.status_code == (200 if status == "pending" else 401)


def sales_channel_of(user: Any) -> API:
    return API(user, scopes=["read"], kind="sales_channel")


def test_sales_channel__related_lists_are_denied() -> None:
    # given
    order = placed_order(lines=1)
    api = sales_channel_of(staff(*PERMISSIONS, "view_coupon"))
    base, customer = f"/orders/{order.public_id}", order.customer
    assert customer is not None

    # when
    answers = [
        api.get(path).status_code
        for path in (
            base,
            f"{base}?include=line_items,customer",
            f"{base}/customer",
            f"{base}/line_items",
            f"{base}/relationships/order_copies",
            f"{base}/event_stores",
            f"/customers/{customer.public_id}/orders",
        )
    ]

    # then
    assert answers == [200, 200, 200, 401, 401, 401, 401]


def test_sales_channel__coupons_wallets_and_event_stores_are_not_found() -> None:
    # given
    coupon, order = CouponFactory(), placed_order(lines=1)
    entry = CustomerPaymentSourceFactory(customer=order.customer)
    copying.request([order], actor={"owner": {"email": "sam@example.com"}})
    user = staff(*PERMISSIONS, "view_coupon")
    change = Event.objects.get()
    paths = [
        f"/coupons/{coupon.public_id}",
        f"/customer_payment_sources/{entry.public_id}",
        f"/event_stores/{change.stream_id}",
    ]

    # when
    own = [API(user).get(path).status_code for path in paths]
    channels = [sales_channel_of(user).get(path).status_code for path in paths]
    promotions = sales_channel_of(user).get("/promotions?include=coupons").json()
    guessed = sales_channel_of(user).get("/promotions?filter[q][coupons_code_present]=true")

    # then
    assert own == [200, 200, 200]
    assert channels == [404, 404, 404]
    assert promotions["included"] == []
    assert guessed.json()["data"] == []


@pytest.mark.parametrize(("status", "code"), [("placed", 200), ("approved", 404)])
def test_sales_channel__sees_orders_until_they_are_approved(status: str, code: int) -> None:
    # given
    order = placed_order(lines=1)
    Order.objects.update(status=status)

    # when
    response = sales_channel_of(staff()).get(f"/orders/{order.public_id}")

    # then
    assert response.status_code == code


def test_dry_run__needs_the_scope_read() -> None:
    api = API(staff(), scopes=["copy"])

    response = api.post("/order_copies?dry_run=true", request_of(placed_order(lines=1)))

    assert the_error_in(response) == DENIED
