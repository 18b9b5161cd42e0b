"""The HTTP server of the gateway, on a loopback port."""

import json
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.gateway.ledger import Entry, Ledger, ParametersDifferError, Status
from tests.gateway.modes import Mode, ModeSelector

HOST = "127.0.0.1"


class Server(ThreadingHTTPServer):
    """A gateway with its ledger and its modes."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, seed: int = 0, port: int = 0) -> None:
        super().__init__((HOST, port), Handler)
        self.ledger = Ledger()
        self.modes = ModeSelector(seed)
        #: Idempotency keys whose first call was handled in the mode of their payment source.
        self.seen_keys: set[str] = set()


class Handler(BaseHTTPRequestHandler):
    """Handle one connection."""

    server: Server

    def do_GET(self) -> None:
        """``/ledger``: the authorizations and calls so far."""
        self._respond(HTTPStatus.OK, self.server.ledger.as_json())

    def do_POST(self) -> None:
        """``/authorizations``, ``/authorizations/TOKEN/void``, and ``/modes`` for tests."""
        try:
            document = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        except ValueError:
            # The client was killed while it sent the request.
            return
        match self.path.strip("/").split("/"):
            case ["modes"]:
                self.server.modes.set_weights(**document)
                self._respond(HTTPStatus.OK, {})
            case ["authorizations"]:
                self._authorize(document)
            case ["authorizations", token, "void"]:
                self._void(token)
            case _:
                self._respond(HTTPStatus.NOT_FOUND, {})

    def _authorize(self, request: dict[str, Any]) -> None:
        mode = self._mode_of(request)
        if self._begin("authorize", mode):
            try:
                entry = self.server.ledger.authorize(request, declines=mode == Mode.DECLINED)
            except ParametersDifferError:
                self._respond(HTTPStatus.CONFLICT, {"message": "one key, two requests"})
            else:
                self._finish(mode, *_response_of(entry))

    def _mode_of(self, request: dict[str, Any]) -> Mode:
        mode, key = (
            ModeSelector.of_source(request["payment_source_token"]),
            request["idempotency_key"],
        )
        if mode is None:
            return self.server.modes.at_random()
        is_first = key not in self.server.seen_keys
        self.server.seen_keys.add(key)
        return mode if is_first else Mode.NORMAL

    def _void(self, token: str) -> None:
        mode = self.server.modes.at_random()
        if self._begin("void", mode):
            entry = self.server.ledger.void(token)
            status = HTTPStatus.OK if entry else HTTPStatus.NOT_FOUND
            self._finish(mode, status, {"token": token})

    def _begin(self, call: str, mode: Mode) -> bool:
        """Count the call; return whether the mode lets the gateway handle it."""
        self.server.ledger.count(call)
        self.server.ledger.count(mode)
        if mode == Mode.SLOW:
            time.sleep(self.server.modes.seconds)
        if mode == Mode.FAILING:
            self._respond(HTTPStatus.INTERNAL_SERVER_ERROR, {"message": "internal error"})
        return mode not in {Mode.FAILING, Mode.DOWN}

    def _finish(self, mode: Mode, status: HTTPStatus, document: dict[str, Any]) -> None:
        if mode == Mode.FALSE_ERROR:
            self._respond(HTTPStatus.INTERNAL_SERVER_ERROR, {"message": "nothing was done"})
        elif mode != Mode.NO_RESPONSE:
            for _ in range(2 if mode == Mode.DUPLICATED else 1):
                self._respond(status, document)

    def _respond(self, status: HTTPStatus, document: dict[str, Any]) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def handle(self) -> None:
        """Handle the connection; ignore clients that were killed and hung up."""
        try:
            super().handle()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Log nothing: the ledger has each call."""


def _response_of(entry: Entry) -> tuple[HTTPStatus, dict[str, Any]]:
    if entry.status == Status.DECLINED:
        return HTTPStatus.PAYMENT_REQUIRED, {"message": "the payment source was declined"}
    status = HTTPStatus.CREATED if entry.authorize_calls == 1 else HTTPStatus.OK
    return status, {"token": entry.token}
