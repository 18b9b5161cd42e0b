"""Send requests over a kept connection and read the responses."""

import gzip
import json
import socket
import time
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from typing import Any

from tests.hostile.requests import HostileRequest
from tests.serving import HOST

#: Seconds to wait for a response.
TIMEOUT = 30
#: gunicorn closes a connection, without the header ``Connection: close``, if it left this many
#: bytes of a body unread. Until the client closes it too, the worker serves no other connection
#: for up to two seconds.
MAX_UNREAD_BODY = 60_000


@dataclass(frozen=True)
class Response:
    """A response. ``status`` is 0 if none was read; ``error`` then holds the exception."""

    status: int
    media_type: str
    body: bytes
    #: Until the response was read or the connection failed.
    seconds: float
    error: str = ""

    @property
    def document(self) -> Any:
        """The body as strict JSON. Raises ``ValueError`` if the body is not strict JSON."""
        return json.loads(
            self.body.decode(),
            parse_constant=_reject_constant,
            object_pairs_hook=_reject_duplicate_members,
        )


class Connection:
    """A connection that is reused until either side closes it, and reopened when needed."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket: socket.socket | None = None

    def send(self, request: HostileRequest) -> Response:
        """Send a request and return its response; a broken request gets a new connection."""
        if request.is_broken:
            self.close()
        began = time.monotonic()
        try:
            status, media_type, body = self._exchange(request)
        except (OSError, HTTPException) as error:
            self.close()
            return Response(0, "", b"", time.monotonic() - began, repr(error))
        return Response(status, media_type, body, time.monotonic() - began)

    def close(self) -> None:
        """Close the connection if it is open."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _exchange(self, request: HostileRequest) -> tuple[int, str, bytes]:
        if self._socket is None:
            self._socket = socket.create_connection((HOST, self._port), timeout=TIMEOUT)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self._socket.sendall(request.as_bytes())
            if request.is_broken:
                self._socket.shutdown(socket.SHUT_WR)
        except (BrokenPipeError, ConnectionResetError):
            # The server may respond and close before it has read the whole request.
            pass
        response = HTTPResponse(self._socket, method=request.method)
        response.begin()
        body = response.read()
        if response.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        media_type = response.headers.get("Content-Type", "")
        if response.will_close or request.is_broken or len(request.body) > MAX_UNREAD_BODY:
            self.close()
        return response.status, media_type, body


def _reject_duplicate_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        message = "duplicate member in an object"
        raise ValueError(message)
    return members


def _reject_constant(constant: str) -> Any:
    message = f"{constant} is not JSON"
    raise ValueError(message)
