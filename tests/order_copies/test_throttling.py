"""Rate limits per client address (contract 5.9), and the cache that counts requests."""

import re
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.cache import cache, caches
from django.http import HttpResponse
from django.test import Client, RequestFactory
from pytest_django import DjangoAssertNumQueries
from rest_framework.throttling import BaseThrottle

from order_copies import throttling
from order_copies.api.views import OrderCopyViewSet
from order_copies.conf import RateLimit
from order_copies.throttling import RateThrottle, circuit
from tests.api import API, errors_in, request_of, staff, the_error_in, written
from tests.factories import placed_order
from tests.redis_server import redis_server

pytestmark = pytest.mark.django_db

HEADERS = ["X-Ratelimit-Limit", "X-Ratelimit-Interval", "X-Ratelimit-Remaining"]


class Clock:
    """A clock that tests set."""

    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    """Empty the cache and stop the clock."""
    cache.clear()
    clock = Clock()
    monkeypatch.setattr(RateThrottle, "timer", clock)
    yield clock
    cache.clear()
    circuit.close()


@pytest.fixture
def limit(settings: LazySettings, clock: Clock) -> Any:
    """Return a function that sets average and burst of the limit ``others``."""

    def set_limits(average: tuple[int, int], burst: tuple[int, int], **more: Any) -> None:
        limits = {"others": {"average": average, "burst": burst}, **more}
        settings.ORDER_COPIES = settings.ORDER_COPIES | {"RATE_LIMITS": limits}

    return set_limits


def limit_headers(response: HttpResponse) -> list[str | None]:
    return [response.get(header) for header in HEADERS]


def statuses(api: API, path: str, times: int) -> list[int]:
    return [api.get(path).status_code for _ in range(times)]


@pytest.mark.parametrize(
    ("mode", "path", "limits"),
    [
        ("test", "/orders", (100, 25)),
        ("live", "/orders", (200, 50)),
        ("test", "/markets", (500, 125)),
        ("live", "/skus", (1000, 250)),
        ("live", "/promotions", (1000, 250)),
    ],
)
def test_rate_limit__defaults_are_those_of_commerce_layer(
    settings: LazySettings, clock: Clock, mode: str, path: str, limits: tuple[int, int]
) -> None:
    # given
    average, burst = limits
    given = {key: value for key, value in settings.ORDER_COPIES.items() if key != "RATE_LIMITS"}
    settings.ORDER_COPIES = given | {"MODE": mode}
    api = API()

    # when
    first, answers = api.get(path), statuses(api, path, burst)
    clock.now += 10
    later = api.get(path)

    # then
    assert limit_headers(first) == [str(average), "60", str(average - 1)]
    assert answers == [401] * (burst - 1) + [429]
    assert limit_headers(later) == [str(average), "60", str(average - burst - 1)]


def test_rate_limit__refused_request_has_retry_after(limit: Any, clock: Clock) -> None:
    # given
    limit((3, 60), (2, 10))
    api = API(staff())
    first = api.get("/orders")
    clock.now += 4
    second = api.get("/orders")

    # when
    burst = api.get("/orders")
    clock.now += 6.5
    third = api.get("/orders")
    average = api.get("/orders")

    # then
    assert [answer.status_code for answer in (first, second, third)] == [200, 200, 200]
    assert errors_in(burst) == [
        {
            "title": "Too many requests",
            "detail": "Please slow down and try again later.",
            "code": "TOO_MANY_REQUESTS",
            "status": "429",
        }
    ]
    assert burst["Retry-After"] == "6"
    assert limit_headers(burst) == ["3", "60", "1"]
    assert (average.status_code, average["Retry-After"]) == (429, "50")
    assert limit_headers(average) == ["3", "60", "0"]


def test_rate_limit__windows_slide(limit: Any, clock: Clock) -> None:
    # given
    limit((2, 60), (2, 10))
    api = API(staff())
    seen = []

    # when
    for pause in (0, 30, 29.9, 0.1, 0, 30):
        clock.now += pause
        seen.append(api.get("/orders").status_code)

    # then
    assert seen == [200, 200, 429, 200, 429, 200]


def test_rate_limit__refused_requests_are_not_counted(limit: Any, clock: Clock) -> None:
    # given
    limit((1, 60), (1, 10))
    api = API(staff())
    refused = statuses(api, "/orders", 5)

    # when
    clock.now += 60

    # then
    assert refused == [200, 429, 429, 429, 429]
    assert api.get("/orders").status_code == 200


def test_rate_limit__cacheable_reads_have_their_own_limit(limit: Any) -> None:
    # given
    limit((1, 60), (1, 10), cacheable={"average": (2, 60), "burst": (2, 10)})
    api = API(staff())

    # when, then
    assert statuses(api, "/markets", 3) == [200, 200, 429]
    assert statuses(api, "/orders", 2) == [200, 429]


def test_rate_limit__addresses_are_counted_separately(limit: Any) -> None:
    # given
    limit((1, 60), (1, 10))
    clients = [Client(REMOTE_ADDR=address) for address in ("10.0.0.1", "10.0.0.2", "10.0.0.1")]

    # when
    answers = [client.get("/api/orders").status_code for client in clients]

    # then
    assert answers == [401, 401, 429]


@pytest.mark.parametrize("claimed", [{}, {"NUM_PROXIES": 0}])
def test_rate_limit__forwarded_for_is_ignored_without_proxies(
    limit: Any, settings: LazySettings, claimed: dict[str, Any]
) -> None:
    # given
    limit((1, 60), (1, 10))
    settings.REST_FRAMEWORK = claimed

    # when
    answers = [
        Client().get("/api/orders", headers={"X-Forwarded-For": f"10.0.0.{number}"}).status_code
        for number in range(2)
    ]

    # then
    assert answers == [401, 429]


def test_rate_limit__forwarded_for_of_the_proxies_is_used(
    limit: Any, settings: LazySettings
) -> None:
    # given
    limit((1, 60), (1, 10))
    settings.REST_FRAMEWORK = {"NUM_PROXIES": 1}

    # when
    answers = [
        Client().get("/api/orders", headers={"X-Forwarded-For": f"{claimed}, {seen}"}).status_code
        for claimed, seen in (
            ("1.1.1.1", "10.0.0.1"),
            ("1.1.1.1", "10.0.0.2"),
            ("2.2.2.2", "10.0.0.1"),
        )
    ]

    # then
    assert answers == [401, 401, 429]


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/orders", {}, 200),
        ("GET", "/orders/AbcdefghiJ", {}, 404),
        ("GET", "/nonsense", {}, 404),
        ("GET", "", {}, 404),
        ("GET", "/orders?page[size]=26", {}, 400),
        ("GET", "/orders", {"Accept": "text/html"}, 406),
        ("GET", "/orders", {"Authorization": "Bearer garbage"}, 401),
        ("GET", "/orders", {"Authorization": ""}, 401),
        ("PUT", "/orders", {}, 405),
        ("POST", "/order_copies", {}, 400),
    ],
)
def test_rate_limit__every_response_has_the_headers(
    limit: Any, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    # given
    limit((100, 60), (25, 10))

    # when
    response = API(staff()).send(method, path, None, **headers)

    # then
    assert response.status_code == status
    assert limit_headers(response) == ["100", "60", "99"]


def test_rate_limit__crash_has_the_headers(limit: Any, settings: LazySettings) -> None:
    # given
    limit((100, 60), (25, 10))
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"SHOP": "no.such.Shop"}

    # when
    response = API(staff()).get("/orders")

    # then
    assert (response.status_code, limit_headers(response)) == (500, ["100", "60", "99"])


def test_rate_limit__refused_request_costs_no_query(
    limit: Any, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    # given
    limit((1, 60), (1, 10))
    api, order = API(staff()), placed_order(lines=1)
    api.post("/order_copies", request_of(order))

    # when
    with django_assert_num_queries(0):
        response = api.post("/order_copies", request_of(order))

    # then
    assert the_error_in(response) == (429, "TOO_MANY_REQUESTS", None)
    assert written()[0] == 1


def test_rate_limit__unknown_paths_are_limited(limit: Any) -> None:
    limit((2, 60), (2, 10))

    assert statuses(API(), "/nonsense", 3) == [404, 404, 429]


def test_rate_limit__disabled_when_setting_is_none(settings: LazySettings, clock: Clock) -> None:
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"RATE_LIMITS": None}
    api = API()

    # when, then
    assert statuses(api, "/orders", 60) == [401] * 60
    assert limit_headers(api.get("/orders")) == [None, None, None]


class RefuseAll(BaseThrottle):
    """A throttle of the shop that refuses every request."""

    def allow_request(self, request: Any, view: Any) -> bool:
        return False


@pytest.mark.parametrize("method", ["add", "get", "set"])
def test_rate_limit__failing_cache_allows_requests_and_is_logged(
    limit: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, method: str
) -> None:
    # given
    def fail(*_: Any, **__: Any) -> None:
        raise ConnectionError

    limit((1, 60), (1, 10))
    monkeypatch.setattr(type(cache._connections[cache._alias]), method, fail)
    monkeypatch.setattr(circuit, "seconds", 0)
    api = API(staff())

    # when
    answers = [api.get("/orders") for _ in range(3)]

    # then
    assert [answer.status_code for answer in answers] == [200] * 3
    assert limit_headers(answers[0])[:2] == ["1", "60"]
    assert caplog.text.count("Requests are not limited, the cache failed: ConnectionError()") == 3


def test_rate_limit__throttles_of_the_shop_apply_too(
    limit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    limit((100, 60), (25, 10))
    monkeypatch.setattr(OrderCopyViewSet, "throttle_classes", [RefuseAll])

    # when
    response = API(staff()).get("/order_copies")

    # then
    assert the_error_in(response) == (429, "TOO_MANY_REQUESTS", None)
    assert limit_headers(response) == ["100", "60", "99"]


@pytest.fixture
def redis_cache(settings: LazySettings) -> Iterator[None]:
    """Use a Redis server of its own as default cache."""
    with redis_server() as url:
        use_cache(settings, "redis.RedisCache", url)
        yield
        caches["default"].close()


def use_cache(settings: LazySettings, backend: str, location: str, **options: Any) -> None:
    """Set the default cache, for all threads."""
    backend = f"django.core.cache.backends.{backend}"
    settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": location, "OPTIONS": options}}


@pytest.fixture(params=["local memory", "Redis"])
def shared_cache(request: pytest.FixtureRequest, settings: LazySettings) -> None:
    """An empty cache that threads share, of each backend with exact counters."""
    if request.param == "Redis":
        request.getfixturevalue("redis_cache")
    else:
        use_cache(settings, "locmem.LocMemCache", "parallel requests")
        cache.clear()


def in_parallel(limits: list[RateLimit], times: int) -> list[bool]:
    """Send simultaneous requests of one address; return whether each was allowed."""
    request, barrier = RequestFactory().get("/"), Barrier(times)

    def allow(_number: int) -> bool:
        barrier.wait(timeout=30)
        allowed = RateThrottle("parallel", limits).allow_request(request)
        caches["default"].close()
        return allowed

    with ThreadPoolExecutor(times) as threads:
        return list(threads.map(allow, range(times)))


@pytest.mark.parametrize(
    ("limits", "allowed"),
    [([RateLimit(100, 60), RateLimit(25, 10)], 25), ([RateLimit(30, 60)], 30)],
)
def test_rate_limit__is_exact_for_parallel_requests(
    shared_cache: None, limits: list[RateLimit], allowed: int
) -> None:
    answers = in_parallel(limits, times=200)

    assert sum(answers) == allowed


def test_cache_lock__of_a_killed_process_expires(
    shared_cache: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    monkeypatch.setattr(throttling, "EXPIRES", 1)
    started = time.monotonic()
    cache.add("order_copies.rate.parallel.127.0.0.1.lock", 1, 1)

    # when
    answers = in_parallel([RateLimit(1, 60)], times=2)

    # then
    assert sorted(answers) == [False, True]
    assert time.monotonic() - started > 0.9


def test_cache_lock__wait_times_out(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    monkeypatch.setattr(throttling, "PATIENCE", 0.05)
    cache.add("key.lock", 1, 60)

    # when
    lock = throttling.cache_lock(cache, "key")

    # then
    refused = r"The lock of key was not released within 0\.05 s"
    with pytest.raises(TimeoutError, match=refused), lock:
        pass


def test_cache_lock__expired_one_is_not_released_by_its_old_holder(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    monkeypatch.setattr(throttling, "EXPIRES", 0.02)

    # when
    with throttling.cache_lock(cache, "key"):
        time.sleep(0.03)
        cache.add("key.lock", "another process", 60)

    # then
    assert cache.get("key.lock") == "another process"


@pytest.fixture
def hanging_cache(settings: LazySettings) -> Iterator[list[socket.socket]]:
    """A Redis server that never answers. The value holds the connections it accepted."""
    pytest.importorskip("redis")
    accepted: list[socket.socket] = []
    before = settings.CACHES
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as threads:
        port = server.getsockname()[1]
        timeouts = {"socket_connect_timeout": 0.5, "socket_timeout": 0.5}
        use_cache(settings, "redis.RedisCache", f"redis://127.0.0.1:{port}", **timeouts)
        threads.submit(accept_all, server, accepted)
        yield accepted
        server.shutdown(socket.SHUT_RDWR)
    for connection in accepted:
        connection.close()
    caches["default"].close()
    settings.CACHES = before


def accept_all(server: socket.socket, accepted: list[socket.socket]) -> None:
    while True:
        try:
            accepted.append(server.accept()[0])
        except OSError:
            return


def test_circuit__hanging_cache_delays_one_request(
    limit: Any, hanging_cache: list[socket.socket], caplog: pytest.LogCaptureFixture
) -> None:
    # given
    limit((1, 60), (1, 10))
    api = API(staff())
    assert api.get("/orders").status_code == 200
    calls = len(hanging_cache)

    # when
    statuses = [api.get("/orders").status_code for _ in range(9)]

    # then
    assert statuses == [200] * 9
    assert len(hanging_cache) == calls > 0
    assert caplog.text.count("the cache failed: ") == 1
    assert re.search(r"TimeoutError.* Next try in 10 seconds\.", caplog.text)


def test_circuit__recovered_cache_counts_again(
    limit: Any, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    limit((1, 60), (1, 10))
    clock = Clock()
    monkeypatch.setattr(throttling, "time", SimpleNamespace(monotonic=clock))
    use_cache(settings, "redis.RedisCache", "redis://127.0.0.1:1")
    api = API(staff())
    assert statuses(api, "/orders", 3) == [200, 200, 200]
    use_cache(settings, "locmem.LocMemCache", "back again")

    # when
    meanwhile = statuses(api, "/orders", 2)
    clock.now += circuit.seconds
    afterwards = statuses(api, "/orders", 2)

    # then
    assert meanwhile == [200, 200]
    assert afterwards == [200, 429]
