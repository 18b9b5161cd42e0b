"""Story: a client that cannot come back later waits for its copy, but not for ever."""

import json
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.http import HttpResponse
from django.utils import timezone

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
    """A client, while a worker is alive."""
    heartbeats.begin("w1")
    return API(staff())


@pytest.fixture
def order() -> Order:
    return placed_order(lines=1)


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], list[float]]:
    """What happens while a request waits, and how long it paused each time."""

    def happens(happening: Callable[[], object]) -> list[float]:
        pauses: list[float] = []

        def sleep(seconds: float) -> None:
            pauses.append(seconds)
            happening()

        monkeypatch.setattr(time, "sleep", sleep)
        return pauses

    return happens


def test_a_copy_that_ends_in_time_is_answered_with_its_end(
    api: API, order: Order, meanwhile: Callable[..., list[float]]
) -> None:
    pauses = meanwhile(lambda: run_batch("w1"))

    response = api.post(
        "/order_copies?include=target_order", request_of(order), Prefer="respond-async, wait=5"
    )

    document = response.json()
    target = Order.objects.exclude(pk=order.pk).get()
    assert (response.status_code, response["Preference-Applied"]) == (201, "wait=5")
    assert response["Location"] == document["data"]["links"]["self"]
    assert document["data"]["attributes"]["status"] == "completed"
    assert [included["id"] for included in document["included"]] == [target.public_id]
    assert pauses == [prefer.FIRST_PAUSE]


def test_a_copy_that_does_not_end_in_time_is_answered_as_it_is(api: API, order: Order) -> None:
    started = time.monotonic()

    response = api.post("/order_copies", request_of(order), Prefer="wait=1")

    assert 1 <= time.monotonic() - started < prefer.MAX_WAIT
    assert (response.status_code, response["Preference-Applied"]) == (201, "wait=1")
    assert response.json()["data"]["attributes"]["status"] == "pending"


def test_pauses_grow_and_end_in_time(
    api: API,
    order: Order,
    meanwhile: Callable[..., list[float]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = [0.0]
    monkeypatch.setattr(prefer.time, "monotonic", lambda: clock[0])

    def pass_time() -> None:
        clock[0] += pauses[-1]

    pauses = meanwhile(pass_time)
    response = api.post("/order_copies", request_of(order), Prefer="wait=3600")

    assert response["Preference-Applied"] == "wait=10"
    assert sum(pauses) == pytest.approx(prefer.MAX_WAIT)
    assert pauses[:-1] == sorted(pauses[:-1])
    assert max(pauses) == prefer.LONGEST_PAUSE
    assert len(pauses) < 40


def test_a_copy_that_is_deleted_while_somebody_waits_is_answered_as_it_was(
    api: API, order: Order, meanwhile: Callable[..., list[float]]
) -> None:
    meanwhile(lambda: OrderFactory.objects.all().delete())

    response = api.post("/order_copies", request_of(order), Prefer="wait=5")

    assert response.status_code == 201
    assert response.json()["data"]["attributes"]["status"] == "pending"


@pytest.mark.parametrize(
    "prefer", ["", "wait", "wait=", "wait=-1", "wait=soon", "wait=0", "await=5"]
)
def test_nonsense_is_ignored(api: API, order: Order, prefer: str) -> None:
    response = api.post("/order_copies", request_of(order), Prefer=prefer)

    assert response.status_code == 201
    assert "Preference-Applied" not in response


# Where waiting would hold up others


def seconds_of(answer: Callable[[], HttpResponse]) -> tuple[float, HttpResponse]:
    """How long the answer took, and the answer."""
    started = time.monotonic()
    response = answer()
    return time.monotonic() - started, response


def test_prefer_wait__is_not_applied_where_no_worker_is_alive(api: API, order: Order) -> None:
    # given
    Heartbeat.objects.update(seen_at=timezone.now() - timedelta(minutes=5))

    # when
    seconds, response = seconds_of(
        lambda: api.post("/order_copies", request_of(order), Prefer="wait=9")
    )

    # then
    assert seconds < 4
    assert (response.status_code, "Preference-Applied" in response) == (201, False)
    assert response.json()["data"]["attributes"]["status"] == "pending"


def test_prefer_wait__is_applied_with_an_engine_whose_workers_leave_no_heartbeats(
    api: API, order: Order, settings: LazySettings, meanwhile: Callable[..., list[float]]
) -> None:
    # given
    Heartbeat.objects.all().delete()
    engine = "order_copies.engines.polling.PollingEngine"
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"ENGINE": engine}
    meanwhile(lambda: run_batch("w1"))

    # when
    response = api.post("/order_copies", request_of(order), Prefer="wait=5")

    # then
    assert (response.status_code, response["Preference-Applied"]) == (201, "wait=5")


def test_prefer_wait__is_not_applied_beyond_the_waiters_of_a_process(
    api: API, order: Order, settings: LazySettings, meanwhile: Callable[..., list[float]]
) -> None:
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"MAX_WAITERS": 2}
    answers: list[HttpResponse] = []

    def ask() -> HttpResponse:
        return api.post("/order_copies", request_of(order), Prefer="wait=5")

    def another_asks() -> None:
        answers.append(ask())
        run_batch("w1")

    # when
    meanwhile(another_asks)
    answers.append(ask())
    meanwhile(lambda: run_batch("w1"))
    later = ask()

    # then
    applied = [answer.get("Preference-Applied") for answer in answers]
    assert [answer.status_code for answer in answers] == [201] * 3
    assert applied == [None, "wait=5", "wait=5"]
    assert later["Preference-Applied"] == "wait=5"


def test_prefer_wait__a_request_that_fails_leaves_room_for_the_next(
    api: API, order: Order, settings: LazySettings, meanwhile: Callable[..., list[float]]
) -> None:
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"MAX_WAITERS": 1}
    meanwhile(lambda: OrderFactory.objects.get(pk="nothing"))
    failed = api.post("/order_copies", request_of(order), Prefer="wait=5")

    # when
    meanwhile(lambda: run_batch("w1"))
    response = api.post("/order_copies", request_of(order), Prefer="wait=5")

    # then
    assert (failed.status_code, response["Preference-Applied"]) == (500, "wait=5")


# With an Idempotency-Key


def test_a_request_that_waited_is_answered_once_more_with_the_end(
    api: API, order: Order, meanwhile: Callable[..., list[float]]
) -> None:
    headers = {"Prefer": "wait=5", "Idempotency-Key": "k"}
    meanwhile(lambda: run_batch("w1"))

    first = api.post("/order_copies", request_of(order), **headers)
    again = api.post("/order_copies", request_of(order), **headers)

    assert first.json()["data"]["attributes"]["status"] == "completed"
    assert (again.status_code, again.content) == (201, first.content)
    assert OrderFactory.objects.count() == 1


def test_the_same_request_is_told_to_come_back_while_the_first_still_waits(
    api: API, order: Order, meanwhile: Callable[..., list[float]]
) -> None:
    headers = {"Prefer": "wait=5", "Idempotency-Key": "k"}
    answers = []

    def ask_again() -> None:
        answers.append(api.post("/order_copies", request_of(order), **headers))
        run_batch("w1")

    meanwhile(ask_again)
    first = api.post("/order_copies", request_of(order), **headers)

    assert [answer.status_code for answer in answers] == [409]
    assert answers[0].json()["errors"][0]["code"] == "IDEMPOTENCY_KEY_IN_USE"
    assert 1 <= int(answers[0]["Retry-After"]) <= 10
    assert first.status_code == 201
    assert OrderFactory.objects.count() == 1


def test_a_process_that_dies_while_it_waits_leaves_copy_and_first_answer(
    api: API, order: Order, meanwhile: Callable[..., list[float]]
) -> None:
    def die() -> None:
        raise KeyboardInterrupt

    meanwhile(die)
    with pytest.raises(KeyboardInterrupt):
        api.post("/order_copies", request_of(order), **{"Prefer": "wait=5", "Idempotency-Key": "k"})

    kept = IdempotentRequest.objects.get()
    assert kept.is_waiting
    assert json.loads(kept.answer)["data"]["id"] == OrderFactory.objects.get().public_id


# With a worker beside it

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


def test_a_worker_ends_the_copy_while_the_request_waits(environment: dict[str, str]) -> None:
    printed = run(environment, WAITING)

    assert json.loads(printed) == [201, "completed"]
