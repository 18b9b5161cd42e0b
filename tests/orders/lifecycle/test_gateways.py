"""HTTPGateway: its requests, and how it reads responses."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.conf import LazySettings

from order_copies.models import OpenPayment
from orders.lifecycle.gateways import (
    Authorized,
    Declined,
    HTTPGateway,
    LocalGateway,
    UnexpectedResponseError,
    get_gateway,
)
from orders.lifecycle.triggers import ORDER_ACTIONS, run_action
from orders.models import Authorization
from tests import stories
from tests.factories import pending_order, placed_order

PAYMENT = {
    "idempotency_key": "order_copies/x/1",
    "payment_source_token": "card_1",
    "amount_cents": 1200,
    "currency": "EUR",
}


class GatewayServer(BaseHTTPRequestHandler):
    """Send the response that the test sets, and record the requests."""

    requests: list[tuple[str, Any]] = []
    answer: tuple[int, Any] = (201, {"token": "auth_1"})
    headers_sent: dict[str, str] = {}
    #: The number of bytes of the Content-Length that are not sent.
    missing = 0

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.requests.append((self.path, json.loads(body)))
        status, answer = self.answer
        text = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        for name, value in self.headers_sent.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text) + self.missing))
        self.end_headers()
        self.wfile.write(text)

    def do_GET(self) -> None:
        """Send a page, as the target of a redirect."""
        self.requests.append((self.path, None))
        self.send_response(200)
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"{ }\n")

    def log_message(self, *_: Any) -> None:
        """Print nothing."""


@pytest.fixture
def server(settings: LazySettings) -> Iterator[type[GatewayServer]]:
    with ThreadingHTTPServer(("127.0.0.1", 0), GatewayServer) as http_server:
        thread = threading.Thread(target=http_server.serve_forever)
        thread.start()
        settings.ORDERS_GATEWAY = "orders.lifecycle.gateways.HTTPGateway"
        settings.ORDERS_GATEWAY_URL = f"http://127.0.0.1:{http_server.server_port}"
        yield GatewayServer
        http_server.shutdown()
        thread.join()
    GatewayServer.requests.clear()


@pytest.mark.parametrize("status", [200, 201])
def test_authorize__token_means_authorized(
    server: type[GatewayServer], monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    # given
    monkeypatch.setattr(server, "answer", (status, {"token": "auth_1"}))

    # when
    answer = get_gateway().authorize(**PAYMENT)  # type: ignore[arg-type]

    # then
    assert answer == Authorized("auth_1", 1200)
    assert server.requests == [("/authorizations", PAYMENT)]


def test_authorize__402_means_declined(
    server: type[GatewayServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    monkeypatch.setattr(server, "answer", (402, {"message": "no money"}))

    # when
    answer = get_gateway().authorize(**PAYMENT)  # type: ignore[arg-type]

    # then
    assert answer == Declined("no money")


#: Responses that are no outcome of a payment: pages of proxies, and malformed documents.
UNEXPECTED = [
    (500, {}),
    (503, {"token": "auth_1"}),
    (200, b"<h1>We are back soon</h1>"),
    (201, b"<h1>We are back soon</h1>"),
    (201, {}),
    (201, {"token": ""}),
    (201, {"token": 7}),
    (201, ["token"]),
    (201, b"[" * 100_000),
    (402, b"<h1>Payment required</h1>"),
    (402, {}),
]


@pytest.mark.parametrize("answer", UNEXPECTED)
def test_authorize__unexpected_response_has_no_outcome(
    server: type[GatewayServer], monkeypatch: pytest.MonkeyPatch, answer: tuple[int, Any]
) -> None:
    # given
    monkeypatch.setattr(server, "answer", answer)

    # then
    with pytest.raises(UnexpectedResponseError):
        # when
        get_gateway().authorize(**PAYMENT)  # type: ignore[arg-type]


def test_authorize__truncated_response_has_no_outcome(
    server: type[GatewayServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    monkeypatch.setattr(server, "missing", 1)

    # then
    with pytest.raises(UnexpectedResponseError):
        # when
        get_gateway().authorize(**PAYMENT)  # type: ignore[arg-type]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_requests__redirects_are_not_followed(
    server: type[GatewayServer], monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    # given
    monkeypatch.setattr(server, "answer", (status, {"token": "auth_1"}))
    monkeypatch.setattr(server, "headers_sent", {"Location": "/sorry"})

    # when
    with pytest.raises(UnexpectedResponseError):
        get_gateway().authorize(**PAYMENT)  # type: ignore[arg-type]
    with pytest.raises(UnexpectedResponseError):
        get_gateway().void("auth_1")

    # then
    assert [path for path, _ in server.requests] == [
        "/authorizations",
        "/authorizations/auth_1/void",
    ]


@pytest.mark.parametrize("answer", [(200, {}), (201, {}), (204, b"")])
def test_void__posts_to_the_url_of_the_token(
    server: type[GatewayServer], monkeypatch: pytest.MonkeyPatch, answer: tuple[int, Any]
) -> None:
    # given
    monkeypatch.setattr(server, "answer", answer)

    # when
    get_gateway().void("auth/1")

    # then
    assert server.requests == [("/authorizations/auth%2F1/void", {})]


@pytest.mark.parametrize("status", [404, 410])
def test_void__missing_authorization_is_logged_without_its_token(
    server: type[GatewayServer],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    status: int,
) -> None:
    # given
    monkeypatch.setattr(server, "answer", (status, {}))

    # when
    get_gateway().void("auth_1")

    # then
    assert len(server.requests) == 1
    assert f"nothing to void: it answered {status}" in caplog.text
    assert "auth_1" not in caplog.text


@pytest.mark.parametrize(
    "answer", [(503, {}), (404, b"<h1>Not Found</h1>"), (200, b"<h1>We are back soon</h1>")]
)
def test_void__unexpected_response_raises(
    server: type[GatewayServer], monkeypatch: pytest.MonkeyPatch, answer: tuple[int, Any]
) -> None:
    # given
    monkeypatch.setattr(server, "answer", answer)

    # then
    with pytest.raises(UnexpectedResponseError):
        # when
        get_gateway().void("auth_1")


def test_void__refused_connection_raises(settings: LazySettings) -> None:
    # given
    settings.ORDERS_GATEWAY_URL = "http://127.0.0.1:1"

    # then
    with pytest.raises(OSError, match="refused"):
        # when
        HTTPGateway().void("auth_1")


def test_get_gateway__local_gateway_is_the_default() -> None:
    assert isinstance(get_gateway(), LocalGateway)


#: Tokens that some database cannot save, and their form in the URL of the void request.
UNSAVABLE = [("t" * 256, "t" * 256), ("auth\0", "auth%00")]


@pytest.mark.django_db
@pytest.mark.parametrize(("token", "quoted"), UNSAVABLE)
def test_place__authorization_with_an_unsavable_token_is_voided(
    server: type[GatewayServer], monkeypatch: pytest.MonkeyPatch, token: str, quoted: str
) -> None:
    # given
    monkeypatch.setattr(server, "answer", (200, {"token": token}))
    order = pending_order()

    # when
    [problems] = run_action(ORDER_ACTIONS["_place"], [order.pk], who={})

    # then
    requests, voided = (path for path, _ in server.requests)
    assert (requests, voided) == ("/authorizations", f"/authorizations/{quoted}/void")
    assert "the payment gateway answered with a token that cannot be stored" in {
        problem.message for problem in problems
    }
    assert not Authorization.objects.exists()
    assert not OpenPayment.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(("token", "quoted"), UNSAVABLE)
def test_copy__authorization_with_an_unsavable_token_is_voided(
    server: type[GatewayServer], monkeypatch: pytest.MonkeyPatch, token: str, quoted: str
) -> None:
    # given
    source = placed_order()
    monkeypatch.setattr(server, "answer", (200, {"token": token}))

    # when
    order_copy = stories.copied(source, place_target_order=True)

    # then
    assert {path for path, _ in server.requests} == {
        "/authorizations",
        f"/authorizations/{quoted}/void",
    }
    assert "the payment gateway answered with a token that cannot be stored" in str(
        order_copy.errors_log
    )
    assert not OpenPayment.objects.exists()


@pytest.mark.django_db
def test_place__longest_token_is_saved(
    server: type[GatewayServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    monkeypatch.setattr(server, "answer", (200, {"token": "t" * 255}))
    order = pending_order()

    # when
    answers = run_action(ORDER_ACTIONS["_place"], [order.pk], who={})

    # then
    assert answers == [[]]
    assert Authorization.objects.get(status="authorized").token == "t" * 255
