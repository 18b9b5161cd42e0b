"""Request bodies that arrive too slowly are aborted."""

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any

import pytest

from project import slow_bodies
from project.slow_bodies import BodyDeadline, TimedBody


@pytest.fixture
def connection(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[socket.socket, TimedBody]]:
    """The socket of a client, and the body that its server reads with a short timeout."""
    monkeypatch.setattr(slow_bodies, "SECONDS", 0.2)
    client, server = socket.socketpair()
    with client, server, server.makefile("rb") as stream:
        yield client, TimedBody(stream, server)


def test_timed_body__complete_body_is_read(connection: tuple[socket.socket, TimedBody]) -> None:
    # given
    client, body = connection
    client.sendall(b"a line\nand the rest")

    # then
    assert (body.readline(), body.read(8)) == (b"a line\n", b"and the ")


def test_timed_body__late_body_times_out(
    connection: tuple[socket.socket, TimedBody],
) -> None:
    # given
    client, body = connection
    client.sendall(b"half")
    started = time.monotonic()

    # when
    with pytest.raises(TimeoutError, match=r"The body did not arrive within 0\.2 seconds\."):
        body.read(8)

    # then
    assert 0.1 < time.monotonic() - started < 30


def test_timed_body__single_bytes_do_not_extend_the_timeout(
    connection: tuple[socket.socket, TimedBody],
) -> None:
    # given
    client, body = connection
    started = time.monotonic()

    # when
    with ThreadPoolExecutor(1) as threads:
        threads.submit(send_slowly, client)
        with pytest.raises(TimeoutError):
            body.read(1000)

    # then
    assert time.monotonic() - started < 3


def send_slowly(client: socket.socket) -> None:
    """Send single bytes with pauses, in total for longer than the timeout."""
    for _ in range(20):
        client.sendall(b".")
        time.sleep(0.05)


def test_body_deadline__ignores_bodies_of_other_servers() -> None:
    # given
    environ: dict[str, Any] = {"wsgi.input": BytesIO(b"body")}

    # when
    answer = BodyDeadline(lambda environ, _start: [environ["wsgi.input"].read()])(environ, None)

    # then
    assert list(answer) == [b"body"]
