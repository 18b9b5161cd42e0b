"""Limit the time for which a request with a slow body keeps a thread of the web server."""

import socket
from collections.abc import Callable, Iterable
from contextlib import suppress
from threading import Event, Timer
from typing import Any

#: Seconds within which a body, or the next part that is read of it, must arrive.
SECONDS = 10


class TimedBody:
    """The body of a request, whose reads raise ``TimeoutError`` after ``SECONDS``."""

    def __init__(self, body: Any, connection: socket.socket) -> None:
        self._body = body
        self._connection = connection

    def read(self, *size: int) -> bytes:
        """Up to ``size`` bytes, or all of them."""
        return self._timed(self._body.read, *size)

    def readline(self, *size: int) -> bytes:
        """A line, or its first ``size`` bytes."""
        return self._timed(self._body.readline, *size)

    def _timed(self, read: Callable[..., bytes], *size: int) -> bytes:
        is_late = Event()
        timer = Timer(SECONDS, self._end, [is_late])
        timer.daemon = True
        timer.start()
        try:
            data = read(*size)
        finally:
            timer.cancel()
        if is_late.is_set():
            message = f"The body did not arrive within {SECONDS} seconds."
            raise TimeoutError(message)
        return data

    def _end(self, is_late: Event) -> None:
        is_late.set()
        # The answer can still be sent. SSLSocket's own method would end the encryption too.
        with suppress(OSError):
            socket.socket.shutdown(self._connection, socket.SHUT_RD)


class BodyDeadline:
    """WSGI middleware for gunicorn's threads, whose reads have no time limit of their own."""

    def __init__(self, application: Callable[..., Iterable[bytes]]) -> None:
        self._application = application

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        connection = environ.get("gunicorn.socket")
        if connection is not None:
            environ["wsgi.input"] = TimedBody(environ["wsgi.input"], connection)
        return self._application(environ, start_response)
