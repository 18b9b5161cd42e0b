"""Authentication, visible rows and permissions of the API."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.throttling import BaseThrottle

from order_copies import copying
from order_copies.api.views import OrderCopyViewSet
from order_copies.events.models import Event
from order_copies.models import OrderCopy, OrderFactory
from order_copies.shops import Shop
from order_copies.worker.run import run_batch
from orders.copying.shop import ReferenceShop
from orders.models import Order
from tests.api import API, errors_in, request_of, service, shopper, staff, the_error_in, written
from tests.factories import CustomerFactory, OrderCopyFactory, placed_order

pytestmark = pytest.mark.django_db

PATHS = [
    "/order_copies",
    "/order_copies/AbcdefghiJ",
    "/order_copies/AbcdefghiJ/events",
    "/order_copies/AbcdefghiJ/relationships/events",
    "/events/AbcdefghiJ",
    "/event_stores/1-1",
    "/orders",
    "/line_items",
    "/addresses",
    "/customers",
    "/markets",
    "/skus",
]


class FirstUserAuthentication(BaseAuthentication):
    """Authenticate every request as the only user."""

    def authenticate(self, request: Any) -> tuple[Any, None]:
        return get_user_model().objects.get(), None


class DefaultPermissionShop(ReferenceShop):
    """A shop that leaves ``acts_for_itself`` at its default, ``False``."""

    acts_for_itself = Shop.acts_for_itself


class RefuseAll(BaseThrottle):
    """Refuse every request."""

    def allow_request(self, request: Any, view: Any) -> bool:
        return False

    def wait(self) -> float:
        return 7.4


@pytest.mark.parametrize("path", PATHS)
def test_authentication__request_without_a_token_is_unauthorized(path: str) -> None:
    # when
    response = API().get(path)

    # then
    assert response["WWW-Authenticate"] == "Bearer"
    assert errors_in(response) == [
        {
            "title": "Access denied",
            "detail": "You are not authorized to perform this action.",
            "code": "UNAUTHORIZED",
            "status": "401",
        }
    ]


@pytest.mark.parametrize("token", ["garbage", "", "two words", "a\0b", "é"])
def test_authentication__malformed_token_is_invalid(token: str) -> None:
    response = API().get("/order_copies", Authorization=f"Bearer {token}")

    assert errors_in(response) == [
        {
            "title": "Invalid token",
            "detail": "The access token you provided is invalid or expired.",
            "code": "INVALID_TOKEN",
            "status": "401",
        }
    ]


def test_authentication__token_of_an_inactive_user_is_invalid() -> None:
    # given
    user = staff()
    api = API(user)
    user.is_active = False
    user.save()

    # when
    response = api.get("/order_copies")

    # then
    assert the_error_in(response) == (401, "INVALID_TOKEN", None)


def test_authentication__classes_come_from_the_setting(settings: LazySettings) -> None:
    # given
    staff()
    path = f"{FirstUserAuthentication.__module__}.{FirstUserAuthentication.__qualname__}"
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"AUTHENTICATION_CLASSES": [path]}

    # when
    response = API().get("/order_copies")

    # then
    assert response.status_code == 200


def test_authentication__without_the_setting_the_defaults_of_drf_apply(
    settings: LazySettings,
) -> None:
    # given
    chosen = {"AUTHENTICATION_CLASSES": None}
    settings.ORDER_COPIES = settings.ORDER_COPIES | chosen
    api = API()
    api.client.force_login(staff())

    # when
    response = api.get("/order_copies")

    # then
    assert SessionAuthentication in OrderCopyViewSet.authentication_classes
    assert response.status_code == 200


def test_authentication__session_without_csrf_token_is_unauthorized(settings: LazySettings) -> None:
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"AUTHENTICATION_CLASSES": None}
    api, order = API(), placed_order()
    api.client.handler.enforce_csrf_checks = True
    api.client.force_login(staff())

    # when
    response = api.post("/order_copies", request_of(order))

    # then
    assert the_error_in(response) == (401, "UNAUTHORIZED", None)
    assert written() == (0, 0)


def test_visibility__customer_lists_its_own_orders_and_their_resources() -> None:
    # given
    own, other = placed_order(lines=1), placed_order(lines=1)
    copies = [OrderCopy(source_order=own), OrderCopy(source_order=other)]
    copying.request_copies(copies, actor={})
    api = API(shopper(own.customer))

    # when
    seen = {
        path: {data["id"] for data in api.get(path).json()["data"]}
        for path in ["/orders", "/order_copies", "/customers", "/line_items", "/addresses"]
    }

    # then
    assert seen == {
        "/orders": {own.public_id},
        "/order_copies": {copies[0].public_id},
        "/customers": {own.customer.public_id},
        "/line_items": {line.public_id for line in own.line_items.all()},
        "/addresses": {address.public_id for address in own.addresses.all()},
    }


def paths_of(order_copy: OrderFactory, order: Order) -> list[str]:
    line = order.line_items.filter(item_type="skus").first()
    option, address = line.line_item_options.get(), order.addresses.first()
    paths = [f"/orders/{order.public_id}", f"/order_copies/{order_copy.public_id}"]
    return [
        *paths,
        *(f"{path}/events" for path in paths),
        *(f"{path}/event_stores" for path in paths),
        f"{paths[0]}/order_copies",
        f"{paths[1]}/source_order",
        f"{paths[1]}/relationships/source_order",
        f"/line_items/{line.public_id}",
        f"/line_items/{line.public_id}/order",
        f"/line_item_options/{option.public_id}",
        f"/addresses/{address.public_id}",
        f"/customers/{order.customer.public_id}",
        f"/customers/{order.customer.public_id}/orders",
    ]


def test_visibility__resources_of_other_customers_are_not_found() -> None:
    # given
    order_copy = OrderCopy(source_order=placed_order(lines=1))
    copying.request_copies([order_copy], actor={})
    api = API(shopper(CustomerFactory()))

    # when
    answers = {
        path: the_error_in(api.get(path)) for path in paths_of(order_copy, order_copy.source_order)
    }

    # then
    assert set(answers.values()) == {(404, "RECORD_NOT_FOUND", None)}


@pytest.mark.parametrize("stream", [False, True])
def test_visibility__events_of_other_customers_are_not_found(stream: bool) -> None:
    # given
    order_copy = OrderCopy(source_order=placed_order(lines=1))
    copying.request_copies([order_copy], actor={})
    own = API(staff())
    name = "event_stores" if stream else "events"
    (event,) = own.get(f"/order_copies/{order_copy.public_id}/{name}").json()["data"]
    api = API(shopper(CustomerFactory()))

    # when
    response = api.get(f"/{name}/{event['id']}")

    # then
    assert own.get(f"/{name}/{event['id']}").json()["data"]["id"] == event["id"]
    assert the_error_in(response) == (404, "RECORD_NOT_FOUND", None)


@pytest.mark.parametrize("of", ["orders", "order_copies"])
@pytest.mark.parametrize("linkage", ["", "relationships/"])
def test_visibility__customer_sees_events_but_no_event_stores(of: str, linkage: str) -> None:
    # given
    order_copy = OrderCopy(source_order=placed_order(lines=1), cancel_source_order=True)
    copying.request_copies([order_copy], actor={"owner": {"email": "staff@example.com"}})
    run_batch("a-host:1")
    source = order_copy.source_order
    api = API(shopper(source.customer))
    path = f"/{of}/{(source if of == 'orders' else order_copy).public_id}/{linkage}"

    # when
    events = api.get(f"{path}events").json()
    stores = api.get(f"{path}event_stores").json()

    # then
    assert events["data"]
    assert stores["data"] == []
    assert "next" not in stores["links"]


def test_visibility__event_store_needs_the_permission_to_view_events() -> None:
    # given
    order_copy = OrderCopy(source_order=placed_order(lines=1))
    copying.request_copies([order_copy], actor={"owner": {"email": "staff@example.com"}})
    event = Event.objects.get()
    own = shopper(order_copy.source_order.customer)
    clients = [own, service("view_order"), service("view_order", "view_event")]

    # when
    answers = [API(user).get(f"/event_stores/{event.stream_id}") for user in clients]

    # then
    assert [answer.status_code for answer in answers] == [404, 404, 200]
    assert the_error_in(answers[0]) == (404, "RECORD_NOT_FOUND", None)


def test_visibility__event_store_of_an_invisible_order_is_not_found() -> None:
    # given
    order_copy = OrderCopy(source_order=placed_order(lines=1))
    copying.request_copies([order_copy], actor={})
    event = Event.objects.get()

    # when
    response = API(service("view_event")).get(f"/event_stores/{event.stream_id}")

    # then
    assert the_error_in(response) == (404, "RECORD_NOT_FOUND", None)


def test_visibility__include_leaves_out_orders_of_other_customers() -> None:
    # given
    own, other = placed_order(lines=1), placed_order(lines=1)
    order_copy = OrderCopyFactory(source_order=own, completed=True, target_order=other)
    api = API(shopper(own.customer))

    # when
    document = api.get(f"/order_copies/{order_copy.public_id}?include=target_order").json()

    # then
    assert document["data"]["relationships"]["target_order"]["data"] is None
    assert document["included"] == []


def test_permissions__customer_copies_its_own_order() -> None:
    # given
    order = placed_order(lines=1)
    api = API(shopper(order.customer))

    # when
    response = api.post("/order_copies", request_of(order))

    # then
    assert response.status_code == 201
    assert OrderFactory.objects.get().source_order == order


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_permissions__copies_of_other_customers_cannot_be_changed_or_deleted(method: str) -> None:
    # given
    order_copy = OrderCopyFactory()
    api = API(shopper(CustomerFactory()))

    # when
    response = api.send(method, f"/order_copies/{order_copy.public_id}", {})

    # then
    assert the_error_in(response) == (404, "RECORD_NOT_FOUND", None)
    assert written() == (1, 0)


@pytest.mark.parametrize("client", [staff, service])
@pytest.mark.parametrize(
    ("method", "permission"), [("POST", "add"), ("PATCH", "change"), ("DELETE", "delete")]
)
def test_permissions__staff_and_services_need_the_model_permission(
    client: Callable[..., Any], method: str, permission: str
) -> None:
    # given
    order_copy = OrderCopyFactory()
    others = {"add", "change", "delete"} - {permission}
    api = API(client("view_order", *(f"{other}_ordercopy" for other in others)))
    path = "/order_copies" if method == "POST" else f"/order_copies/{order_copy.public_id}"

    # when
    response = api.send(method, path, request_of(order_copy.source_order))

    # then
    assert the_error_in(response) == (401, "UNAUTHORIZED", None)
    assert written() == (1, 0)


def test_permissions__service_with_permission_copies_any_order() -> None:
    # given
    order = placed_order(lines=1)
    api = API(service("view_order", "add_ordercopy"))

    # when
    response = api.post("/order_copies", request_of(order))

    # then
    assert response.status_code == 201
    assert OrderFactory.objects.get().source_order == order


CHANGING_ORDERS = ["place_target_order", "cancel_source_order"]


@pytest.mark.parametrize("client", [staff, service])
@pytest.mark.parametrize("option", CHANGING_ORDERS)
@pytest.mark.parametrize("query", ["", "?dry_run=true"])
def test_permissions__placing_and_cancelling_need_change_order(
    client: Callable[..., Any], option: str, query: str
) -> None:
    # given
    order, path = placed_order(lines=1), f"/order_copies{query}"
    copier = API(client("view_order", "add_ordercopy"))
    changer = API(client("view_order", "add_ordercopy", "change_order"))

    # when
    refused = copier.post(path, request_of(order, **{option: True}))
    without = copier.post(path, request_of(order, **{option: False}))
    done = changer.post(path, request_of(order, **{option: True}))

    # then
    assert the_error_in(refused) == (401, "UNAUTHORIZED", None)
    assert without.status_code == done.status_code == (200 if query else 201)
    assert written()[0] == (0 if query else 2)


@pytest.mark.parametrize("option", CHANGING_ORDERS)
def test_permissions__retry_of_a_placing_or_cancelling_copy_needs_change_order(option: str) -> None:
    # given
    order_copy = OrderCopyFactory(failed=True, **{option: True})
    path, body = f"/order_copies/{order_copy.public_id}", retry_of(order_copy)
    copier = API(service("view_order", "change_ordercopy"))
    changer = API(service("view_order", "change_ordercopy", "change_order"))

    # when
    refused = copier.patch(path, body)
    status = OrderFactory.objects.get().status
    done = changer.patch(path, body)

    # then
    assert the_error_in(refused) == (401, "UNAUTHORIZED", None)
    assert status == "failed"
    assert done.json()["data"]["attributes"]["status"] == "pending"


def retry_of(order_copy: OrderFactory) -> dict[str, Any]:
    attributes = {"_retry": True}
    data = {"type": "order_copies", "id": order_copy.public_id, "attributes": attributes}
    return {"data": data}


@pytest.mark.parametrize("option", CHANGING_ORDERS)
def test_permissions__customer_places_and_cancels_its_own_orders_by_copying(option: str) -> None:
    # given
    order = placed_order(lines=1)
    api = API(shopper(order.customer))

    # when
    created = api.post("/order_copies", request_of(order, **{option: True}))
    order_copy = OrderFactory.objects.get()
    copying.abort([order_copy], actor={})
    retried = api.patch(f"/order_copies/{order_copy.public_id}", retry_of(order_copy))

    # then
    assert (created.status_code, retried.status_code) == (201, 200)
    assert OrderFactory.objects.get().status == "pending"


class SmallOrdersShop(ReferenceShop):
    """Only orders under 100.00 may be changed."""

    def may_change_orders(self, request: Any, orders: Sequence[Any]) -> bool:
        is_light = all(order.total_amount_with_taxes_cents < 100_00 for order in orders)
        return is_light and super().may_change_orders(request, orders)


def test_permissions__shop_decides_which_orders_a_client_may_change(settings: LazySettings) -> None:
    # given
    path = f"{SmallOrdersShop.__module__}.{SmallOrdersShop.__qualname__}"
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"SHOP": path}
    light, heavy = placed_order(lines=1), placed_order(lines=9)
    api = API(staff())

    # when
    answers = [
        api.post("/order_copies", request_of(order, cancel_source_order=True))
        for order in (light, heavy)
    ]

    # then
    assert [answer.status_code for answer in answers] == [201, 401]
    assert OrderFactory.objects.get().source_order == light


def test_permissions__customer_who_may_view_all_orders_needs_add_ordercopy() -> None:
    # given
    order = placed_order(lines=1)
    user = shopper(order.customer)
    user.user_permissions.add(Permission.objects.get(codename="view_order"))

    # when
    response = API(user).post("/order_copies", request_of(order))

    # then
    assert the_error_in(response) == (401, "UNAUTHORIZED", None)
    assert written() == (0, 0)


@pytest.mark.parametrize("dry_run", ["true", "false"])
def test_permissions__dry_run_needs_permission_too(dry_run: str) -> None:
    # given
    order = placed_order(lines=1)

    # when
    response = API(service()).post(f"/order_copies?dry_run={dry_run}", request_of(order))

    # then
    assert the_error_in(response) == (401, "UNAUTHORIZED", None)
    assert written() == (0, 0)


def test_permissions__customers_need_permission_by_default(
    settings: LazySettings,
) -> None:
    # given
    path = f"{DefaultPermissionShop.__module__}.{DefaultPermissionShop.__qualname__}"
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"SHOP": path}
    order = placed_order(lines=1)
    api = API(shopper(order.customer))

    # when
    read = api.get(f"/orders/{order.public_id}")
    response = api.post("/order_copies", request_of(order))

    # then
    assert read.status_code == 200
    assert the_error_in(response) == (401, "UNAUTHORIZED", None)
    assert written() == (0, 0)


def test_throttling__refused_request_gets_retry_after_in_whole_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # given
    api = API(staff())
    monkeypatch.setattr(OrderCopyViewSet, "throttle_classes", [RefuseAll])

    # when
    response = api.get("/order_copies")

    # then
    assert the_error_in(response) == (429, "TOO_MANY_REQUESTS", None)
    assert response["Retry-After"] == "8"
