"""Story: a client may wait for the end of its copy, up to a limit (``Prefer: wait=N``)."""

import json
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.http import HttpResponse
from django.utils import timezone

from order_copies import copying
from order_copies.api import prefer
from order_copies.models import Heartbeat, IdempotentRequest, OrderFactory
from order_copies.worker import heartbeats
from order_copies.worker.run import run_batch
from orders.models import Order
from tests.acceptance.processes import run
from tests.api import API, request_of, staff
from tests.factories import placed_order

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def api() -> API:
    """A client of a shop with a live worker."""
    heartbeats.begin("w1")
    return API(staff())


@pytest.fixture
def order() -> Order:
    return placed_order(lines=1)


@pytest.fixture
def while_waiting(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], list[float]]:
    """Calls a function at each poll of a waiting request; returns the list of its sleeps."""

    def call_at_each_poll(callback: Callable[[], object]) -> list[float]:
        sleeps: list[float] = []

        def sleep(seconds: float) -> None:
            sleeps.append(seconds)
            callback()

        monkeypatch.setattr(time, "sleep", sleep)
        return sleeps

    return call_at_each_poll


def test_prefer_wait__returns_the_ended_copy(
    api: API, order: Order, while_waiting: Callable[..., list[float]]
) -> None:
    # given
    sleeps = while_waiting(lambda: run_batch("w1"))

    # when
    response = api.post(
        "/order_copies?include=target_order", request_of(order), Prefer="respond-async, wait=5"
    )

    # then
    document = response.json()
    target = Order.objects.exclude(pk=order.pk).get()
    assert (response.status_code, response["Preference-Applied"]) == (201, "wait=5")
    assert response["Location"] == document["data"]["links"]["self"]
    assert document["data"]["attributes"]["status"] == "completed"
    assert [included["id"] for included in document["included"]] == [target.public_id]
    assert sleeps == [copying.FIRST_PAUSE]


def test_prefer_wait__returns_the_pending_copy_after_the_wait(api: API, order: Order) -> None:
    # given
    started = time.monotonic()

    # when
    response = api.post("/order_copies", request_of(order), Prefer="wait=1")

    # then
    assert 1 <= time.monotonic() - started < prefer.MAX_WAIT
    assert (response.status_code, response["Preference-Applied"]) == (201, "wait=1")
    assert response.json()["data"]["attributes"]["status"] == "pending"


def test_prefer_wait__polling_interval_grows_up_to_the_limit(
    api: API,
    order: Order,
    while_waiting: Callable[..., list[float]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # given
    clock = [0.0]
    monkeypatch.setattr(copying.time, "monotonic", lambda: clock[0])

    def pass_time() -> None:
        clock[0] += sleeps[-1]

    sleeps = while_waiting(pass_time)

    # when
    response = api.post("/order_copies", request_of(order), Prefer="wait=3600")

    # then
    assert response["Preference-Applied"] == "wait=10"
    assert sum(sleeps) == pytest.approx(prefer.MAX_WAIT)
    assert sleeps[:-1] == sorted(sleeps[:-1])
    assert max(sleeps) == copying.LONGEST_PAUSE
    assert len(sleeps) < 40


def test_prefer_wait__returns_the_copy_although_it_is_deleted(
    api: API, order: Order, while_waiting: Callable[..., list[float]]
) -> None:
    # given
    while_waiting(lambda: OrderFactory.objects.all().delete())

    # when
    response = api.post("/order_copies", request_of(order), Prefer="wait=5")

    # then
    assert response.status_code == 201
    assert response.json()["data"]["attributes"]["status"] == "pending"


@pytest.mark.parametrize(
    "prefer", ["", "wait", "wait=", "wait=-1", "wait=soon", "wait=0", "await=5"]
)
def test_prefer_wait__malformed_is_ignored(api: API, order: Order, prefer: str) -> None:
    # when
    response = api.post("/order_copies", request_of(order), Prefer=prefer)

    # then
    assert response.status_code == 201
    assert "Preference-Applied" not in response


# When requests may not wait


def seconds_of(send: Callable[[], HttpResponse]) -> tuple[float, HttpResponse]:
    """Send a request; return how many seconds it took, and the response."""
    started = time.monotonic()
    response = send()
    return time.monotonic() - started, response


def test_prefer_wait__not_applied_without_a_live_worker(api: API, order: Order) -> None:
    # given
    Heartbeat.objects.update(seen_at=timezone.now() - timedelta(minutes=5))

    # when
    seconds, response = seconds_of(
        lambda: api.post("/order_copies", request_of(order), Prefer="wait=9")
    )

    # then
    assert seconds < 8
    assert (response.status_code, "Preference-Applied" in response) == (201, False)
    assert response.json()["data"]["attributes"]["status"] == "pending"


def test_prefer_wait__applied_with_an_engine_without_heartbeats(
    api: API, order: Order, settings: LazySettings, while_waiting: Callable[..., list[float]]
) -> None:
    # given
    Heartbeat.objects.all().delete()
    engine = "order_copies.engines.polling.PollingEngine"
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"ENGINE": engine}
    while_waiting(lambda: run_batch("w1"))

    # when
    response = api.post("/order_copies", request_of(order), Prefer="wait=5")

    # then
    assert (response.status_code, response["Preference-Applied"]) == (201, "wait=5")


def test_prefer_wait__not_applied_beyond_max_waiters(
    api: API, order: Order, settings: LazySettings, while_waiting: Callable[..., list[float]]
) -> None:
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"MAX_WAITERS": 2}
    responses: list[HttpResponse] = []

    def send() -> HttpResponse:
        return api.post("/order_copies", request_of(order), Prefer="wait=5")

    def send_another() -> None:
        responses.append(send())
        run_batch("w1")

    # when
    while_waiting(send_another)
    responses.append(send())
    while_waiting(lambda: run_batch("w1"))
    later = send()

    # then
    applied = [response.get("Preference-Applied") for response in responses]
    assert [response.status_code for response in responses] == [201] * 3
    assert applied == [None, "wait=5", "wait=5"]
    assert later["Preference-Applied"] == "wait=5"


def test_prefer_wait__failed_request_releases_its_place(
    api: API, order: Order, settings: LazySettings, while_waiting: Callable[..., list[float]]
) -> None:
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"MAX_WAITERS": 1}
    while_waiting(lambda: OrderFactory.objects.get(pk="nothing"))
    failed = api.post("/order_copies", request_of(order), Prefer="wait=5")

    # when
    while_waiting(lambda: run_batch("w1"))
    response = api.post("/order_copies", request_of(order), Prefer="wait=5")

    # then
    assert (failed.status_code, response["Preference-Applied"]) == (500, "wait=5")


# With an Idempotency-Key


def test_idempotency_key__replay_returns_the_ended_copy(
    api: API, order: Order, while_waiting: Callable[..., list[float]]
) -> None:
    # given
    headers = {"Prefer": "wait=5", "Idempotency-Key": "k"}
    while_waiting(lambda: run_batch("w1"))

    # when
    first = api.post("/order_copies", request_of(order), **headers)
    again = api.post("/order_copies", request_of(order), **headers)

    # then
    assert first.json()["data"]["attributes"]["status"] == "completed"
    assert (again.status_code, again.content) == (201, first.content)
    assert OrderFactory.objects.count() == 1


def test_idempotency_key__in_use_while_the_first_request_waits(
    api: API, order: Order, while_waiting: Callable[..., list[float]]
) -> None:
    # given
    headers = {"Prefer": "wait=5", "Idempotency-Key": "k"}
    responses = []

    def repeat_request() -> None:
        responses.append(api.post("/order_copies", request_of(order), **headers))
        run_batch("w1")

    while_waiting(repeat_request)

    # when
    first = api.post("/order_copies", request_of(order), **headers)

    # then
    assert [response.status_code for response in responses] == [409]
    assert responses[0].json()["errors"][0]["code"] == "IDEMPOTENCY_KEY_IN_USE"
    assert 1 <= int(responses[0]["Retry-After"]) <= 10
    assert first.status_code == 201
    assert OrderFactory.objects.count() == 1


def test_idempotency_key__first_response_is_saved_before_the_wait(
    api: API, order: Order, while_waiting: Callable[..., list[float]]
) -> None:
    # given
    def die() -> None:
        raise KeyboardInterrupt

    while_waiting(die)

    # when
    with pytest.raises(KeyboardInterrupt):
        api.post("/order_copies", request_of(order), **{"Prefer": "wait=5", "Idempotency-Key": "k"})

    # then
    kept = IdempotentRequest.objects.get()
    assert kept.is_waiting
    assert json.loads(kept.answer)["data"]["id"] == OrderFactory.objects.get().public_id


# With a worker in another thread

SHOP = """
import django
django.setup()
from tests.factories import placed_order
placed_order(lines=1)
"""

WAITING = """
import json, threading, time
import django
django.setup()
from django.conf import settings
from django.db import connection
settings.ALLOWED_HOSTS = ["testserver"]
from order_copies.models import Heartbeat
from order_copies.worker.loop import Worker
from orders.models import Order
from tests.api import API, request_of, staff

worker = Worker(interval=0.05)

def work():
    worker.run()
    connection.close()

thread = threading.Thread(target=work)
thread.start()
while not Heartbeat.objects.exists():
    time.sleep(0.01)
response = API(staff()).post("/order_copies", request_of(Order.objects.get()), Prefer="wait=10")
worker.stop()
thread.join()
print(json.dumps([response.status_code, response.json()["data"]["attributes"]["status"]]))
"""


def test_prefer_wait__with_a_real_worker(environment: dict[str, str]) -> None:
    printed = run(environment, WAITING)

    assert json.loads(printed) == [201, "completed"]
