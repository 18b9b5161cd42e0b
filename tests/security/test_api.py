"""Permissions over HTTP, apart from the admin: each row of the table in ``docs/access.md``."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.conf import LazySettings
from django.http import HttpResponse
from django.urls import URLPattern, get_resolver
from django.views.generic import RedirectView

from order_copies.jsonapi.base_views import NotFoundView
from order_copies.jsonapi.scopes import SCOPES
from orders.models import Order
from tests.api import API, MEDIA_TYPE, application_of, request_of, service, shopper, the_error_in
from tests.factories import CustomerFactory, SubscriptionModelFactory
from tests.security.tables import Case, cases
from tests.security.world import EVERYTHING, World, writes

pytestmark = pytest.mark.django_db

CASES = cases("Programs")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
REFUSED = {"401", "404", "405", "none"}
#: The heading of the client that is authorized.
ABLE = "with all it takes"
SECRET = "a secret of the application"
METRICS_TOKEN = "a secret of Prometheus"


#: The attributes of new resources, apart from the options of the request.
ATTRIBUTES = {
    "order_subscriptions": {
        "frequency": "monthly",
        "activate_by_source_order": False,
        "starts_at": "2199-01-31T12:00:00.000Z",
        "place_target_order": False,
    },
    "order_subscription_items": {"quantity": 1},
    "subscription_models": {"name": "Club", "frequencies": ["weekly"]},
    "recurring_order_copies": {"place_target_order": False},
}


def clients(case: Case, world: World) -> Iterator[tuple[str, API]]:
    """Yield the clients that send the request of this case, with the heading of their column."""
    scopes, permissions = case.takes["scope"], case.takes["permission"]
    yield "anonymous", API()
    for scope in scopes or SCOPES:
        few = set(SCOPES) - {scope} if scopes else set()
        yield "without scope", API(service(*EVERYTHING), scopes=few)
    for permission in permissions:
        yield "without permission", API(service(*EVERYTHING - {permission}))
    if not permissions:
        yield "without permission", API(service("add_sku"))
    yield "another customer", API(shopper(CustomerFactory()))
    yield "the customer", API(world.order.customer.user or shopper(world.order.customer))
    yield "sales channel", API(service(*EVERYTHING), kind="sales_channel", scopes=["read"])
    able = service("view_order", "view_coupon", *permissions)
    yield ABLE, API(able, scopes=scopes)


def changes_of(order: Order) -> dict[str, Any]:
    """Return the changes of a copy of the order."""
    address = {"line_1": "Via Roma 1", "city": "Firenze", "country_code": "IT"}
    return {
        "line_items": [{"id": order.line_items.all()[0].public_id}],
        "customer_email": CustomerFactory().email,
        "shipping_address": address,
        "billing_address": address,
    }


@dataclass(frozen=True)
class Request:
    """The request of a case, for the rows of one world."""

    method: str
    path: str
    body: Any

    @classmethod
    def of(cls, case: Case, path: str, world: World) -> "Request":
        """Build the request with the id of its resource and a valid body."""
        [resource_type] = re.findall(r"^/\w+/(\w+)", path) or [""]
        if case.method == "DELETE" and resource_type == "subscription_models":
            # That of the world is in use.
            path = path.replace(":id", SubscriptionModelFactory().public_id)
        if ":id" in path:
            path = path.replace(":id", world.id_of(resource_type, case.words))
        sent = [word for word in case.words if case.method == "POST" or word.startswith("_")]
        changes = changes_of(world.order)
        attributes: dict[str, Any] = {word: changes.get(word, True) for word in sent}
        if case.method == "POST":
            attributes = ATTRIBUTES.get(resource_type, {}) | attributes
        body = request_of(world.order, **attributes)
        body["data"]["type"] = resource_type
        subscription = world.item.order_subscription.public_id
        linkage = {"data": {"type": "order_subscriptions", "id": subscription}}
        if resource_type == "recurring_order_copies":
            body["data"]["relationships"]["order_subscription"] = linkage
        if resource_type == "order_subscription_items":
            sku = {"type": "skus", "id": world.id_of("skus", ())}
            body["data"]["relationships"] = {
                "order_subscription": linkage,
                "item": {"data": sku},
            }
        if resource_type == "subscription_models":
            body["data"]["relationships"] = {}
        if case.method == "PATCH":
            public_id, changed = path.rpartition("/")[2], attributes or {"reference": "changed"}
            data = {"type": resource_type, "id": public_id, "attributes": changed}
            body = {"data": data}
        return cls(case.method, path, body if case.method in {"POST", "PATCH"} else None)

    def send(self, api: API, *, is_able: bool) -> HttpResponse:
        """Send the request with the client's token or credentials."""
        if self.path == "/metrics" and is_able:
            return api.client.get(self.path, headers={"Authorization": f"Bearer {METRICS_TOKEN}"})
        if self.path.startswith("/oauth/"):
            return send_token_request(self.path, api, is_able=is_able)
        if self.path.startswith("/api/"):
            return api.send(self.method, self.path.removeprefix("/api"), self.body)
        return api.client.generic(self.method, self.path)


def send_token_request(path: str, api: API, *, is_able: bool) -> HttpResponse:
    """Send a token request, with the client's credentials if it is able."""
    form = {"grant_type": "client_credentials", "token": "whatever"}
    if is_able:
        application = application_of(api.user, client_secret=SECRET)
        form |= {"client_id": application.client_id, "client_secret": SECRET}
    return api.client.post(path, form, content_type="application/json")


def answer_of(response: HttpResponse) -> str:
    """Return the status, or "none" if the document has no data."""
    if response.status_code == 200 and "data" in (document := document_of(response)):
        has_data = document["data"] or "dry_run" in document.get("meta", {})
        return "200" if has_data else "none"
    return str(response.status_code)


def document_of(response: HttpResponse) -> dict[str, Any]:
    is_json = "json" in response.get("Content-Type", "")
    return response.json() if is_json and response.content else {}


def violation_of(answer: str, response: HttpResponse, written: list[str], world: World) -> str:
    """Return the secrets and the writes of a refused request, or an empty string."""
    if answer not in REFUSED:
        return ""
    leaked = [secret for secret in world.secrets if secret in response.content.decode()]
    return "".join(
        [f", leaked {leaked}" if leaked else "", f", wrote {written}" if written else ""]
    )


def paths_of(case: Case) -> list[str]:
    """Return the path, and for a relationship also the path of its identifiers."""
    resource, slash, name = case.path.rpartition("/:id/")
    is_relationship = slash and name != "forecast"
    return [case.path, *([f"{resource}{slash}relationships/{name}"] if is_relationship else [])]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_api__each_client_gets_the_answer_of_the_table(case: Case, settings: LazySettings) -> None:
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"METRICS_TOKEN": METRICS_TOKEN}
    answers: dict[str, set[str]] = {}
    world = World()

    # when
    for column, api in clients(case, world):
        if column == ABLE and case.method != "GET":
            # The request of the customer may have changed this world.
            world = World()
        for path in paths_of(case):
            request = Request.of(case, path, world)
            with writes() as written:
                response = request.send(api, is_able=column == ABLE)
            answer = answer_of(response)
            violation = violation_of(answer, response, written, world)
            answers.setdefault(column, set()).add(f"{answer}{violation}")

    # then
    assert {column: ", ".join(found) for column, found in answers.items()} == case.answers


#: Types of resources that are hidden together with their order.
OF_ORDERS = {
    *("orders", "line_items", "line_item_options", "addresses", "customers"),
    *("customer_payment_sources", "order_copies", "order_factories", "recurring_order_copies"),
    *("order_subscriptions", "order_subscription_items", "events", "event_stores"),
}
HIDDEN = [
    case
    for case in CASES
    if case.method == "GET" and ":id" in case.path and case.path.split("/")[2] in OF_ORDERS
]


@pytest.mark.parametrize("case", HIDDEN, ids=str)
def test_sales_channel__resources_of_a_hidden_order_are_hidden(case: Case) -> None:
    # given
    world = World()
    Order.objects.update(status=Order.Status.APPROVED)
    paths = paths_of(case)

    # when
    answers: dict[str, set[str]] = {}
    for column, api in clients(case, world):
        for path in paths:
            response = Request.of(case, path, world).send(api, is_able=column == ABLE)
            answer = answer_of(response)
            violation = violation_of(answer, response, [], world)
            answers.setdefault(column, set()).add(f"{answer}{violation}")

    # then
    before = case.answers["sales channel"]
    hidden = "404" if before in {"200", "none"} else before
    assert {column: ", ".join(found) for column, found in answers.items()} == {
        **case.answers,
        "sales channel": hidden,
    }


def served_requests() -> Iterator[tuple[str, str]]:
    """Yield method and path of all requests that the project serves, apart from the admin."""
    for pattern, view in _patterns(get_resolver()):
        path = "/" + pattern.replace("<str:public_id>", ":id")
        view_class = getattr(view, "cls", None) or getattr(view, "view_class", None)
        is_ours = path != "/" and not path.startswith("/admin/")
        if not is_ours or view_class in {NotFoundView, RedirectView}:
            continue
        answered = getattr(view, "actions", None) or dir(view_class)
        yield from ((method, path) for method in METHODS if method.lower() in answered)


def _patterns(resolver: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for entry in resolver.url_patterns:
        path = f"{prefix}{entry.pattern}"
        if isinstance(entry, URLPattern):
            yield path, entry.callback
        else:
            yield from _patterns(entry, path)


def test_table__lists_every_endpoint() -> None:
    listed = {(case.method, path.partition("?")[0]) for case in CASES for path in paths_of(case)}

    assert set(served_requests()) == listed


@pytest.mark.parametrize("path", sorted({path for _method, path in served_requests()}))
def test_api__other_methods_are_refused(path: str) -> None:
    # given
    rest = {"OPTIONS", *METHODS} - {method for method, other in served_requests() if other == path}
    clients = {"anonymous": API().client, "everybody else": API(service(*EVERYTHING)).client}
    url = path.replace(":id", "AbcdefghiJ")

    # when
    with writes() as written:
        answers = {
            name: {client.generic(method, url, "{}", MEDIA_TYPE).status_code for method in rest}
            for name, client in clients.items()
        }

    # then
    is_public = path in {case.path for case in CASES if not case.takes["scope"]}
    assert answers == {"anonymous": {405 if is_public else 401}, "everybody else": {405}}
    assert not written


@pytest.mark.parametrize("method", ["OPTIONS", *METHODS])
@pytest.mark.parametrize("path", ["", "/", "/nothing", "/orders/", "/orders/x/y/z", "/admin"])
def test_api__other_paths_are_not_found(path: str, method: str) -> None:
    clients = [API(), API(service(*EVERYTHING))]

    answers = [the_error_in(api.send(method, path, {})) for api in clients]

    assert answers == [(404, "RECORD_NOT_FOUND", None)] * 2
