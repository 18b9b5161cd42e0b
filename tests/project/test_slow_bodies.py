"""Bodies that arrive slowly are given up."""

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
    """The end of a client, and the body that its server reads with little patience."""
    monkeypatch.setattr(slow_bodies, "SECONDS", 0.2)
    client, server = socket.socketpair()
    with client, server, server.makefile("rb") as stream:
        yield client, TimedBody(stream, server)


def test_timed_body__that_arrives_is_read(connection: tuple[socket.socket, TimedBody]) -> None:
    # given
    client, body = connection
    client.sendall(b"a line\nand the rest")

    # then
    assert (body.readline(), body.read(8)) == (b"a line\n", b"and the ")


def test_timed_body__that_does_not_arrive_in_time_raises(
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
    assert 0.1 < time.monotonic() - started < 5


def test_timed_body__that_drips_has_no_more_time(
    connection: tuple[socket.socket, TimedBody],
) -> None:
    # given
    client, body = connection
    started = time.monotonic()

    # when
    with ThreadPoolExecutor(1) as threads:
        threads.submit(drip, client)
        with pytest.raises(TimeoutError):
            body.read(1000)

    # then
    assert time.monotonic() - started < 3


def drip(client: socket.socket) -> None:
    """Send a byte now and then, for longer than the body has."""
    for _ in range(20):
        client.sendall(b".")
        time.sleep(0.05)


def test_body_deadline__leaves_the_bodies_of_other_servers_alone() -> None:
    # given
    environ: dict[str, Any] = {"wsgi.input": BytesIO(b"body")}

    # when
    answer = BodyDeadline(lambda environ, _start: [environ["wsgi.input"].read()])(environ, None)

    # then
    assert list(answer) == [b"body"]
