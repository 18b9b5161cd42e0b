"""Story: a few slow or waiting clients do not keep the web server from serving others."""

import http.client
import json
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from project.demo.processes import web_server
from tests.acceptance.processes import environment_of, new_database, run, start
from tests.redis_server import free_port, redis_server, wait_for

HOST = "127.0.0.1"

#: Prints a token, the id of an order and the id of an application.
SHOP = """
import json
import django
django.setup()
from oauth2_provider.models import Application
from tests.api import application_of, staff, token_of
from tests.factories import placed_order
application = application_of(staff(), client_secret="right")
token = token_of(application, seconds=3600)
order = placed_order(lines=1)
print(json.dumps([token, order.public_id, application.client_id]))
"""

#: Change how many workers seem to be alive; none of them runs.
NO_WORKER = """
import django
django.setup()
from order_copies.models import Heartbeat
Heartbeat.objects.all().delete()
"""
IDLE_WORKER = f"""{NO_WORKER}
from order_copies.worker import heartbeats
heartbeats.beat("a-worker-that-does-nothing:1:a")
"""


class Server:
    """The project behind gunicorn, as its users start it."""

    def __init__(self, environment: dict[str, str], credentials: str, port: int) -> None:
        self.environment = environment
        self.token, self.order, self.client_id = json.loads(credentials)
        self.port = port

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(HOST, self.port, timeout=60)

    def request(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Send a request; return status, headers and body of the response, and its seconds."""
        connection, started = self.connect(), time.monotonic()
        connection.request(method, path, body, {k.replace("_", "-"): v for k, v in headers.items()})
        response = connection.getresponse()
        result = response.status, dict(response.headers), response.read()
        connection.close()
        return *result, time.monotonic() - started

    def copy(self, prefer: str) -> Any:
        """Request a copy with this ``Prefer`` header."""
        media_type = "application/vnd.api+json"
        source_order = {"data": {"type": "orders", "id": self.order}}
        relationships = {"source_order": source_order}
        data = {"type": "order_copies", "relationships": relationships}
        headers = {"Content_Type": media_type, "Accept": media_type, "Prefer": prefer}
        body = json.dumps({"data": data})
        token = f"Bearer {self.token}"
        return self.request("POST", "/api/order_copies", body, Authorization=token, **headers)

    def slowest_probe(self, times: int = 5) -> float:
        """Return the seconds of the slowest of several responses of ``/healthz``, all 200."""
        responses = [self.request("GET", "/healthz") for _ in range(times)]
        assert [status for status, *_ in responses] == [200] * times
        return max(seconds for *_, seconds in responses)


@pytest.fixture(scope="module")
def serve(
    tmp_path_factory: pytest.TempPathFactory, migrated_database: str
) -> Iterator[Callable[..., Server]]:
    """Start a web server for one shop, with options and variables of its own."""
    processes = []
    path: Path = tmp_path_factory.mktemp("web")
    with new_database(path, migrated_database) as name:
        environment = environment_of(name) | {"STATIC_ROOT": str(path / "static")}
        credentials = run(environment, SHOP)

        def serve(*options: str, **variables: str) -> Server:
            port = free_port()
            arguments = [*web_server(f"{HOST}:{port}"), *options]
            processes.append(start(environment | variables, *arguments))
            wait_for(port)
            server = Server(environment, credentials, port)
            server.slowest_probe(times=1)
            return server

        yield serve
        for process in processes:
            process.terminate()
        for process in processes:
            process.communicate(timeout=30)


@pytest.fixture(scope="module")
def server(serve: Callable[..., Server]) -> Server:
    """One process of the documented command, without rate limits."""
    return serve(RATE_LIMITS="off")


def send_slowly(port: int, path: str) -> socket.socket:
    """Open a connection and send the beginning of a request body."""
    connection = socket.create_connection((HOST, port), timeout=30)
    head = f"POST {path} HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\n"
    connection.sendall(f'{head}Content-Length: 1000\r\n\r\n{{"grant_type": '.encode())
    return connection


def read_all(connection: socket.socket) -> bytes:
    """Read until the server closes the connection."""
    return b"".join(iter(lambda: connection.recv(65536), b""))


def test_web_server__twelve_slow_bodies_do_not_delay_healthz(server: Server) -> None:
    with ExitStack() as opened:
        # given
        slow = [send_slowly(server.port, "/oauth/token") for _ in range(12)]
        opened.callback(lambda: [connection.close() for connection in slow])
        started = time.monotonic()
        time.sleep(0.5)

        # when
        slowest = server.slowest_probe()
        for connection in slow:
            connection.sendall(b" ")
        responses = [read_all(connection) for connection in slow]

    # then
    assert slowest < 7
    assert all(response.startswith(b"HTTP/1.1 400 ") for response in responses)
    assert all(b"The body broke off." in response for response in responses)
    assert time.monotonic() - started > 9


def test_web_server__ten_waiting_requests_without_a_worker_respond_at_once(
    server: Server,
) -> None:
    # given
    run(server.environment, NO_WORKER)
    with ThreadPoolExecutor(10) as threads:
        waiting = [threads.submit(server.copy, "wait=10") for _ in range(10)]

        # when
        slowest = server.slowest_probe()
        responses = [it.result() for it in waiting]

    # then
    assert slowest < 7
    assert [status for status, *_ in responses] == [201] * 10
    assert not any("Preference-Applied" in headers for _, headers, *_ in responses)
    assert max(seconds for *_, seconds in responses) < 8


def test_web_server__waiting_requests_beyond_the_limit_respond_at_once(
    server: Server,
) -> None:
    # given
    run(server.environment, IDLE_WORKER)
    with ThreadPoolExecutor(10) as threads:
        waiting = [threads.submit(server.copy, "wait=6") for _ in range(10)]
        time.sleep(1)

        # when
        slowest = server.slowest_probe()
        responses = [it.result() for it in waiting]

    # then
    assert slowest < 4
    assert [status for status, *_ in responses] == [201] * 10
    applied = [headers.get("Preference-Applied") for _, headers, *_ in responses]
    assert sorted(map(str, applied)) == ["None"] * 6 + ["wait=6"] * 4


def test_web_server__connections_of_clients_that_poll_stay_open(server: Server) -> None:
    # given
    statuses = []
    with closing(server.connect()) as connection:
        connection.connect()
        connection.auto_open = False

        # when
        for pause in (0, 3, 3):
            time.sleep(pause)
            connection.request("GET", "/healthz")
            response = connection.getresponse()
            response.read()
            statuses.append(response.status)

    # then
    assert statuses == [200, 200, 200]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/orders", 200),
        ("/api/nothing", 404),
        ("/api/docs", 200),
        ("/admin/login/", 200),
        ("/healthz", 200),
    ],
)
def test_web_server__head_sends_the_headers_without_the_body(
    server: Server, path: str, status: int
) -> None:
    # given
    token = f"Authorization: Bearer {server.token}\r\n"
    rest = f"{path} HTTP/1.1\r\nHost: {HOST}\r\n{token}Connection: close\r\n\r\n"

    # when
    responses = {}
    for method in ("HEAD", "GET"):
        with socket.create_connection((HOST, server.port), timeout=30) as connection:
            connection.sendall(f"{method} {rest}".encode())
            responses[method] = read_all(connection)

    # then
    head, body = responses["HEAD"].split(b"\r\n\r\n", 1)
    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    assert body == b""
    assert len(responses["GET"].split(b"\r\n\r\n", 1)[1]) > 10


def test_web_server__two_processes_check_exactly_as_many_secrets_as_the_limit(
    serve: Callable[..., Server],
) -> None:
    with redis_server() as url:
        # given
        server = serve("--workers", "2", CACHE_URL=url)
        credentials = {"grant_type": "client_credentials", "client_id": server.client_id}
        body = json.dumps(credentials | {"client_secret": "wrong"})

        # when
        with ThreadPoolExecutor(40) as threads:
            requests = [
                threads.submit(
                    server.request, "POST", "/oauth/token", body, Content_Type="application/json"
                )
                for _ in range(100)
            ]
            statuses = [it.result()[0] for it in requests]

    # then
    assert sorted(statuses) == [401] * 30 + [429] * 70
