"""Limit the time for which a slow request body occupies a thread of the web server."""

import socket
from collections.abc import Callable, Iterable
from contextlib import suppress
from threading import Event, Timer
from typing import Any

#: Seconds within which a read of a request body must finish.
SECONDS = 10


class TimedBody:
    """A request body whose reads raise ``TimeoutError`` after ``SECONDS``."""

    def __init__(self, body: Any, connection: socket.socket) -> None:
        self._body = body
        self._connection = connection

    def read(self, *size: int) -> bytes:
        """Return up to ``size`` bytes, by default all."""
        return self._timed(self._body.read, *size)

    def readline(self, *size: int) -> bytes:
        """Return a line, or its first ``size`` bytes."""
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
        # Shut down reading only, so that the response can be sent. SSLSocket.shutdown() would end
        # the encryption too.
        with suppress(OSError):
            socket.socket.shutdown(self._connection, socket.SHUT_RD)


class BodyDeadline:
    """WSGI middleware that gives gunicorn's threaded workers a read timeout for bodies."""

    def __init__(self, application: Callable[..., Iterable[bytes]]) -> None:
        self._application = application

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        connection = environ.get("gunicorn.socket")
        if connection is not None:
            environ["wsgi.input"] = TimedBody(environ["wsgi.input"], connection)
        return self._application(environ, start_response)
