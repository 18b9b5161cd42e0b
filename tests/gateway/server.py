"""The gateway behind a port of the loopback."""

import json
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.gateway.books import Books, Entry, OtherParametersError, Status
from tests.gateway.moods import Mood, Moods

HOST = "127.0.0.1"


class Server(ThreadingHTTPServer):
    """A gateway with its books and its moods."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, seed: int = 0, port: int = 0) -> None:
        super().__init__((HOST, port), Handler)
        self.books = Books()
        self.moods = Moods(seed)
        #: The keys of payment sources with a mood, once they were met in it.
        self.met: set[str] = set()


class Handler(BaseHTTPRequestHandler):
    """One call."""

    server: Server

    def do_GET(self) -> None:
        """``/ledger``: what became of everything."""
        self._answer(HTTPStatus.OK, self.server.books.ledger())

    def do_POST(self) -> None:
        """``/authorizations``, ``/authorizations/TOKEN/void``, and ``/moods`` for tests."""
        try:
            wanted = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        except ValueError:
            # Whoever asked has died in the middle of it.
            return
        match self.path.strip("/").split("/"):
            case ["moods"]:
                self.server.moods.tell(**wanted)
                self._answer(HTTPStatus.OK, {})
            case ["authorizations"]:
                self._authorize(wanted)
            case ["authorizations", token, "void"]:
                self._void(token)
            case _:
                self._answer(HTTPStatus.NOT_FOUND, {})

    def _authorize(self, wanted: dict[str, Any]) -> None:
        mood = self._mood_of(wanted)
        if self._begin("authorize", mood):
            try:
                entry = self.server.books.authorize(wanted, declines=mood == Mood.DECLINED)
            except OtherParametersError:
                self._answer(HTTPStatus.CONFLICT, {"message": "one key, two requests"})
            else:
                self._finish(mood, *_answer_to(entry))

    def _mood_of(self, wanted: dict[str, Any]) -> Mood:
        mood, key = Moods.of_source(wanted["payment_source_token"]), wanted["idempotency_key"]
        if mood is None:
            return self.server.moods.at_random()
        is_first = key not in self.server.met
        self.server.met.add(key)
        return mood if is_first else Mood.FINE

    def _void(self, token: str) -> None:
        mood = self.server.moods.at_random()
        if self._begin("void", mood):
            entry = self.server.books.void(token)
            status = HTTPStatus.OK if entry else HTTPStatus.NOT_FOUND
            self._finish(mood, status, {"token": token})

    def _begin(self, what: str, mood: Mood) -> bool:
        """Count the call; whether the gateway is in the mood to do what it is asked."""
        self.server.books.count(what)
        self.server.books.count(mood)
        if mood == Mood.SLOW:
            time.sleep(self.server.moods.seconds)
        if mood == Mood.FAILING:
            self._answer(HTTPStatus.INTERNAL_SERVER_ERROR, {"message": "on fire"})
        return mood not in {Mood.FAILING, Mood.DOWN}

    def _finish(self, mood: Mood, status: HTTPStatus, document: dict[str, Any]) -> None:
        if mood == Mood.LYING:
            self._answer(HTTPStatus.INTERNAL_SERVER_ERROR, {"message": "nothing was done"})
        elif mood != Mood.DYING:
            for _ in range(2 if mood == Mood.STUTTERING else 1):
                self._answer(status, document)

    def _answer(self, status: HTTPStatus, document: dict[str, Any]) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def handle(self) -> None:
        """Clients that are killed hang up in the middle: that is their business."""
        try:
            super().handle()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Nothing: the books tell it all."""


def _answer_to(entry: Entry) -> tuple[HTTPStatus, dict[str, Any]]:
    if entry.status == Status.DECLINED:
        return HTTPStatus.PAYMENT_REQUIRED, {"message": "the payment source was declined"}
    status = HTTPStatus.CREATED if entry.asked == 1 else HTTPStatus.OK
    return status, {"token": entry.token}
