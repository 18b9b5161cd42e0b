"""The gateway behind an address: what it is asked, and what its answers mean."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.error import HTTPError

import pytest
from django.conf import LazySettings

from orders.gateways import Authorized, Declined, HTTPGateway, LocalGateway, get_gateway

PAYMENT = {
    "idempotency_key": "order_copies/x/1",
    "payment_source_token": "card_1",
    "amount_cents": 1200,
    "currency": "EUR",
}


class Office(BaseHTTPRequestHandler):
    """Answers what it is told to, and remembers what it was asked."""

    asked: list[tuple[str, Any]] = []
    answer: tuple[int, Any] = (201, {"token": "auth_1"})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.asked.append((self.path, json.loads(body)))
        status, answer = self.answer
        text = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: Any) -> None:
        """Nothing is printed."""


@pytest.fixture
def office(settings: LazySettings) -> Iterator[type[Office]]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Office) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        settings.ORDERS_GATEWAY = "orders.gateways.HTTPGateway"
        settings.ORDERS_GATEWAY_URL = f"http://127.0.0.1:{server.server_port}"
        yield Office
        server.shutdown()
        thread.join()
    Office.asked.clear()


@pytest.mark.parametrize("status", [200, 201])
def test_a_token_is_a_promise(
    office: type[Office], monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    # given
    monkeypatch.setattr(office, "answer", (status, {"token": "auth_1"}))

    # when
    answer = get_gateway().authorize(**PAYMENT)  # type: ignore[arg-type]

    # then
    assert answer == Authorized("auth_1", 1200)
    assert office.asked == [("/authorizations", PAYMENT)]


def test_402_declines(office: type[Office], monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    monkeypatch.setattr(office, "answer", (402, {"message": "no money"}))

    # when
    answer = get_gateway().authorize(**PAYMENT)  # type: ignore[arg-type]

    # then
    assert answer == Declined("no money")


def test_any_other_status_is_no_answer(
    office: type[Office], monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    monkeypatch.setattr(office, "answer", (500, {}))

    # when
    with pytest.raises(HTTPError) as raised:
        get_gateway().authorize(**PAYMENT)  # type: ignore[arg-type]

    # then
    raised.value.close()
    assert raised.value.code == 500


def test_a_promise_is_given_back_by_its_token(office: type[Office]) -> None:
    # when
    get_gateway().void("auth/1")

    # then
    assert office.asked == [("/authorizations/auth%2F1/void", {})]


@pytest.mark.parametrize("status", [404, 410])
def test_a_promise_that_is_gone_is_given_back(
    office: type[Office], monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    # given
    monkeypatch.setattr(office, "answer", (status, {}))

    # when
    get_gateway().void("auth_1")

    # then
    assert len(office.asked) == 1


def test_a_promise_that_cannot_be_given_back_is_no_answer(
    office: type[Office], monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    monkeypatch.setattr(office, "answer", (503, {}))

    # when
    with pytest.raises(HTTPError) as raised:
        get_gateway().void("auth_1")

    # then
    raised.value.close()
    assert raised.value.code == 503


def test_nobody_at_the_address_is_no_answer(settings: LazySettings) -> None:
    # given
    settings.ORDERS_GATEWAY_URL = "http://127.0.0.1:1"

    # then
    with pytest.raises(OSError, match="refused"):
        # when
        HTTPGateway().void("auth_1")


def test_the_gateway_inside_the_process_is_the_one_where_none_is_named() -> None:
    assert isinstance(get_gateway(), LocalGateway)
