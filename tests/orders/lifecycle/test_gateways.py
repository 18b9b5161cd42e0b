"""The gateway behind an address: what it is asked, and what its answers mean."""

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
    NoAnswerError,
    get_gateway,
)
from orders.lifecycle.triggers import MOVES, make
from orders.models import Authorization
from tests import stories
from tests.factories import pending_order, placed_order

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
    headers_sent: dict[str, str] = {}
    #: How many bytes of what it announces are never sent.
    missing = 0

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.asked.append((self.path, json.loads(body)))
        status, answer = self.answer
        text = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        for name, value in self.headers_sent.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text) + self.missing))
        self.end_headers()
        self.wfile.write(text)

    def do_GET(self) -> None:
        """A page for people."""
        self.asked.append((self.path, None))
        self.send_response(200)
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"{ }\n")

    def log_message(self, *_: Any) -> None:
        """Nothing is printed."""


@pytest.fixture
def office(settings: LazySettings) -> Iterator[type[Office]]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Office) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        settings.ORDERS_GATEWAY = "orders.lifecycle.gateways.HTTPGateway"
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


#: What is not the gateway's word on a payment: the pages of proxies, and broken documents.
NO_ANSWERS = [
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


@pytest.mark.parametrize("answer", NO_ANSWERS)
def test_anything_else_is_no_answer(
    office: type[Office], monkeypatch: pytest.MonkeyPatch, answer: tuple[int, Any]
) -> None:
    # given
    monkeypatch.setattr(office, "answer", answer)

    # then
    with pytest.raises(NoAnswerError):
        # when
        get_gateway().authorize(**PAYMENT)  # type: ignore[arg-type]


def test_an_answer_that_is_cut_off_is_no_answer(
    office: type[Office], monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    monkeypatch.setattr(office, "missing", 1)

    # then
    with pytest.raises(NoAnswerError):
        # when
        get_gateway().authorize(**PAYMENT)  # type: ignore[arg-type]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_nobody_is_followed_elsewhere(
    office: type[Office], monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    # given
    monkeypatch.setattr(office, "answer", (status, {"token": "auth_1"}))
    monkeypatch.setattr(office, "headers_sent", {"Location": "/sorry"})

    # when
    with pytest.raises(NoAnswerError):
        get_gateway().authorize(**PAYMENT)  # type: ignore[arg-type]
    with pytest.raises(NoAnswerError):
        get_gateway().void("auth_1")

    # then
    assert [path for path, _ in office.asked] == ["/authorizations", "/authorizations/auth_1/void"]


@pytest.mark.parametrize("answer", [(200, {}), (201, {}), (204, b"")])
def test_a_promise_is_given_back_by_its_token(
    office: type[Office], monkeypatch: pytest.MonkeyPatch, answer: tuple[int, Any]
) -> None:
    # given
    monkeypatch.setattr(office, "answer", answer)

    # when
    get_gateway().void("auth/1")

    # then
    assert office.asked == [("/authorizations/auth%2F1/void", {})]


@pytest.mark.parametrize("status", [404, 410])
def test_a_promise_that_is_gone_is_given_back_and_told_in_the_log(
    office: type[Office],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    status: int,
) -> None:
    # given
    monkeypatch.setattr(office, "answer", (status, {}))

    # when
    get_gateway().void("auth_1")

    # then
    assert len(office.asked) == 1
    assert f"nothing to give back: it answered {status}" in caplog.text
    assert "auth_1" not in caplog.text


@pytest.mark.parametrize(
    "answer", [(503, {}), (404, b"<h1>Not Found</h1>"), (200, b"<h1>We are back soon</h1>")]
)
def test_a_promise_that_cannot_be_given_back_is_no_answer(
    office: type[Office], monkeypatch: pytest.MonkeyPatch, answer: tuple[int, Any]
) -> None:
    # given
    monkeypatch.setattr(office, "answer", answer)

    # then
    with pytest.raises(NoAnswerError):
        # when
        get_gateway().void("auth_1")


def test_nobody_at_the_address_is_no_answer(settings: LazySettings) -> None:
    # given
    settings.ORDERS_GATEWAY_URL = "http://127.0.0.1:1"

    # then
    with pytest.raises(OSError, match="refused"):
        # when
        HTTPGateway().void("auth_1")


def test_the_gateway_inside_the_process_is_the_one_where_none_is_named() -> None:
    assert isinstance(get_gateway(), LocalGateway)


#: Names that no database, or not every one, can keep, and how they are given back.
UNKEPT = [("t" * 256, "t" * 256), ("auth\0", "auth%00")]


@pytest.mark.django_db
@pytest.mark.parametrize(("token", "quoted"), UNKEPT)
def test_a_promise_whose_name_cannot_be_kept_is_given_back(
    office: type[Office], monkeypatch: pytest.MonkeyPatch, token: str, quoted: str
) -> None:
    # given
    monkeypatch.setattr(office, "answer", (200, {"token": token}))
    order = pending_order()

    # when
    [problems] = make(MOVES["_place"], [order.pk], who={})

    # then
    asked, given_back = (path for path, _ in office.asked)
    assert (asked, given_back) == ("/authorizations", f"/authorizations/{quoted}/void")
    assert "the payment gateway answered with a token that cannot be kept" in {
        problem.message for problem in problems
    }
    assert set(Authorization.objects.values_list("status", flat=True)) == {"declined"}


@pytest.mark.django_db
@pytest.mark.parametrize(("token", "quoted"), UNKEPT)
def test_a_copy_is_not_placed_with_a_promise_whose_name_cannot_be_kept(
    office: type[Office], monkeypatch: pytest.MonkeyPatch, token: str, quoted: str
) -> None:
    # given
    source = placed_order()
    monkeypatch.setattr(office, "answer", (200, {"token": token}))

    # when
    order_copy = stories.copied(source, place_target_order=True)

    # then
    assert {path for path, _ in office.asked} == {
        "/authorizations",
        f"/authorizations/{quoted}/void",
    }
    assert "the payment gateway answered with a token that cannot be kept" in str(
        order_copy.errors_log
    )
    assert not OpenPayment.objects.exists()


@pytest.mark.django_db
def test_a_name_as_long_as_can_be_kept_is(
    office: type[Office], monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    monkeypatch.setattr(office, "answer", (200, {"token": "t" * 255}))
    order = pending_order()

    # when
    answers = make(MOVES["_place"], [order.pk], who={})

    # then
    assert answers == [[]]
    assert Authorization.objects.get(status="authorized").token == "t" * 255
