"""Media types, methods and crashes: every response under /api is a JSON:API document."""

import logging
from typing import ClassVar

import pytest
from django.conf import LazySettings
from django.db import OperationalError, connection, connections
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.test import Client

from order_copies import copying
from order_copies.api.urls import urlpatterns as order_copies_urls
from order_copies.models import OrderFactory
from orders.api.urls import urlpatterns as orders_urls
from orders.copying.shop import ReferenceShop
from orders.models import Order
from tests.api import API, MEDIA_TYPE, errors_in, request_of, staff, the_error_in, written
from tests.factories import OrderCopyFactory, placed_order

pytestmark = pytest.mark.django_db


class BusyShop(ReferenceShop):
    """A shop whose queries fail with a deadlock."""

    def orders_for(self, request: HttpRequest) -> QuerySet[Order]:
        raise OperationalError(1213, "Deadlock found")


class BrokenShop(ReferenceShop):
    """A shop that raises an error."""

    def orders_for(self, request: HttpRequest) -> "object":
        message = "the shop is broken"
        raise ZeroDivisionError(message)


class TransactionRecordingShop(ReferenceShop):
    """A shop that records whether its calls run inside a transaction."""

    in_atomic_block: ClassVar[set[bool]] = set()

    def orders_for(self, request: HttpRequest) -> QuerySet[Order]:
        self.in_atomic_block.add(connection.in_atomic_block)
        return super().orders_for(request)


class Crash:
    """A middleware that raises before any view is called."""

    def __init__(self, get_response: object) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        message = "the middleware is broken"
        raise ZeroDivisionError(message)


@pytest.mark.parametrize(
    "accept",
    [
        MEDIA_TYPE,
        "*/*",
        "application/*",
        f"{MEDIA_TYPE}; q=0.9",
        "text/html, */*;q=0.8",
        f'{MEDIA_TYPE}; ext="x", {MEDIA_TYPE}',
        f"*/*;q=0, {MEDIA_TYPE}",
        "text/html;q=0, application/*;q=0.001",
        "",
    ],
)
def test_accept__json_api_is_served(accept: str) -> None:
    response = API(staff()).get("/order_copies", Accept=accept)

    assert (response.status_code, response["Content-Type"]) == (200, MEDIA_TYPE)


def test_accept__missing_header_is_fine() -> None:
    # given
    api = API(staff())
    del api.client.defaults["HTTP_ACCEPT"]

    # when
    response = api.get("/order_copies")

    # then
    assert response.status_code == 200


@pytest.mark.parametrize(
    "accept",
    [
        "text/html",
        "text/html,",
        "application/json",
        f'{MEDIA_TYPE}; ext="x"',
        f"{MEDIA_TYPE};charset=x",
        f"{MEDIA_TYPE};q=0",
        f"{MEDIA_TYPE}; Q=0.000, */*",
        "text/html, */*;q=0",
        "application/*;q=0.0, */*;q=1",
    ],
)
def test_accept__other_media_types_are_not_acceptable(accept: str) -> None:
    response = API(staff()).get("/order_copies", Accept=accept)

    assert the_error_in(response) == (406, "NOT_ACCEPTABLE", None)


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", f"{MEDIA_TYPE}; ext=x"])
@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_content_type__other_media_types_are_unsupported(method: str, content_type: str) -> None:
    # given
    api, order_copy = API(staff()), OrderCopyFactory()
    path = "/order_copies" if method == "POST" else f"/order_copies/{order_copy.public_id}"
    body = request_of(order_copy.source_order)

    # when
    response = api.send(method, path, body, **{"Content-Type": content_type})

    # then
    assert the_error_in(response) == (415, "UNSUPPORTED_MEDIA_TYPE", None)
    assert written() == (1, 0)


@pytest.mark.parametrize("content_type", ["", "text/html", "application/json", "nonsense"])
def test_content_type__is_ignored_without_a_body(content_type: str) -> None:
    # given
    api, order_copy = API(staff()), OrderCopyFactory()
    path = f"/order_copies/{order_copy.public_id}"
    headers = {"Content-Type": content_type}

    # when
    got = api.get(path, **headers)
    deleted = api.send("DELETE", path, {}, **headers)

    # then
    assert (got.status_code, deleted.status_code) == (200, 204)


@pytest.mark.parametrize(
    ("method", "path"),
    [("PUT", "/order_copies"), ("DELETE", "/order_copies"), ("PATCH", "/order_copies")],
)
def test_methods__other_methods_are_not_allowed(method: str, path: str) -> None:
    # when
    response = API(staff()).send(method, path, {})

    # then
    assert the_error_in(response) == (405, "METHOD_NOT_ALLOWED", None)
    assert response["Allow"] == "GET, POST, HEAD"


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/order_copies", "GET, POST, HEAD"),
        ("/order_copies/{id}", "GET, PATCH, DELETE, HEAD"),
        ("/order_copies/{id}/events", "GET, HEAD"),
        ("/order_factories", "GET, HEAD"),
        ("/schema", "GET, HEAD"),
    ],
)
def test_methods__allow_header_lists_the_methods_that_are_served(path: str, methods: str) -> None:
    # given
    path = path.format(id=OrderCopyFactory().public_id)
    others = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"}

    # when
    answers = {method: API(staff()).send(method, path) for method in sorted(others, reverse=True)}

    # then
    assert {answer["Allow"] for answer in answers.values()} == {methods}
    refused = {method for method, answer in answers.items() if answer.status_code == 405}
    assert refused == others - set(methods.split(", "))


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS", "NONSENSE"])
def test_unknown_path__is_not_found_without_a_token_and_for_any_method(method: str) -> None:
    response = API().send(method, "/nonsense/order_copies", Accept="text/html")

    assert the_error_in(response) == (404, "RECORD_NOT_FOUND", None)


def test_methods__head_is_a_get_without_a_body() -> None:
    response = API(staff()).send("HEAD", "/order_copies")

    assert (response.status_code, response.content) == (200, b"")


def test_crash__document_has_the_trace_id_of_the_log_line(
    settings: LazySettings, caplog: pytest.LogCaptureFixture
) -> None:
    # given
    api = API(staff())
    path = f"{BrokenShop.__module__}.{BrokenShop.__qualname__}"
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"SHOP": path}

    # when
    with caplog.at_level(logging.ERROR, "order_copies.api"):
        response = api.get("/orders")

    # then
    (error,) = errors_in(response)
    (line,) = [record for record in caplog.records if record.name == "order_copies.api"]
    assert (response.status_code, error["code"]) == (500, "INTERNAL_SERVER_ERROR")
    assert len(error["meta"]["trace_id"]) == 64
    assert line.getMessage() == f"trace_id={error['meta']['trace_id']}"
    assert vars(line)["trace_id"] == error["meta"]["trace_id"]
    assert line.exc_info
    assert line.exc_info[0] is ZeroDivisionError


def test_transient_database_error__is_service_unavailable_with_retry_after(
    settings: LazySettings, caplog: pytest.LogCaptureFixture
) -> None:
    # given
    api = API(staff())
    path = f"{BusyShop.__module__}.{BusyShop.__qualname__}"
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"SHOP": path}

    # when
    with caplog.at_level(logging.ERROR, "order_copies.api"):
        response = api.get("/orders")

    # then
    assert the_error_in(response) == (503, "SERVICE_UNAVAILABLE", None)
    assert response["Retry-After"] == "1"
    assert "Deadlock found" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_atomic_requests__do_not_apply_to_a_post(settings: LazySettings) -> None:
    # given
    api, order = API(staff()), placed_order(lines=1)
    path = f"{TransactionRecordingShop.__module__}.{TransactionRecordingShop.__qualname__}"
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"SHOP": path}
    connection.settings_dict["ATOMIC_REQUESTS"] = True

    # when
    try:
        response = api.post("/order_copies", request_of(order))
    finally:
        connection.settings_dict["ATOMIC_REQUESTS"] = False

    # then
    assert response.status_code == 201
    assert TransactionRecordingShop.in_atomic_block == {False}


def test_atomic_requests__do_not_apply_to_any_endpoint() -> None:
    views = [route.callback for route in (*order_copies_urls, *orders_urls)]

    outside = [view._non_atomic_requests for view in views]

    assert outside == [set(connections)] * len(views)


def test_crash__in_a_middleware_is_a_document_too(
    settings: LazySettings, caplog: pytest.LogCaptureFixture
) -> None:
    # given
    settings.MIDDLEWARE = [f"{Crash.__module__}.{Crash.__qualname__}"]
    client = Client(raise_request_exception=False)

    # when
    with caplog.at_level(logging.ERROR, "order_copies.api"):
        response, page = client.get("/api/orders"), client.get("/admin/")

    # then
    (error,) = errors_in(response)
    lines = [record for record in caplog.records if record.name == "order_copies.api"]
    assert (response.status_code, error["code"]) == (500, "INTERNAL_SERVER_ERROR")
    assert [line.getMessage() for line in lines] == [f"trace_id={error['meta']['trace_id']}"]
    assert vars(lines[0])["trace_id"] == error["meta"]["trace_id"]
    assert (page.status_code, page["Content-Type"]) == (500, "text/html; charset=utf-8")


def test_host__unknown_one_is_a_bad_request() -> None:
    # given
    client = Client(raise_request_exception=False)

    # when
    response = client.get("/api/orders", headers={"Host": "evil.example"})
    page = client.get("/admin/", headers={"Host": "evil.example"})

    # then
    assert the_error_in(response) == (400, "BAD_REQUEST", None)
    assert (page.status_code, page["Content-Type"]) == (400, "text/html; charset=utf-8")


def test_unknown_path__outside_the_api_is_an_html_page() -> None:
    # given
    client = Client()

    # when
    responses = [client.get(path) for path in ["/apis", "/nonsense"]]

    # then
    assert [response.status_code for response in responses] == [404, 404]
    assert {response["Content-Type"] for response in responses} == {"text/html; charset=utf-8"}


def test_query__too_many_parameters_are_a_bad_request() -> None:
    query = "&".join(f"a{number}=1" for number in range(1001))

    response = API(staff()).get(f"/order_copies?{query}")

    assert the_error_in(response) == (400, "BAD_REQUEST", None)


def test_errors__pointer_may_hold_any_characters_of_the_request() -> None:
    # given
    api, order = API(staff()), placed_order()

    # when
    response = api.post("/order_copies", request_of(order, **{"\ud800\0é": 1}))

    # then
    (error,) = errors_in(response)
    assert error["source"]["pointer"] == "/data/attributes/?\0é"


def test_patch__copy_deleted_meanwhile_is_not_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # given
    api, order_copy = API(staff()), OrderCopyFactory()
    update = copying.update

    def delete_then_update(deleted: OrderFactory, *arguments: object, **keywords: object) -> None:
        OrderFactory.objects.all().delete()
        update(deleted, *arguments, **keywords)  # type: ignore[arg-type]

    monkeypatch.setattr(copying, "update", delete_then_update)
    data = {"type": "order_copies", "id": order_copy.public_id}

    # when
    response = api.patch(f"/order_copies/{order_copy.public_id}", {"data": data})

    # then
    assert the_error_in(response) == (404, "RECORD_NOT_FOUND", None)
