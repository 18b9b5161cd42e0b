"""The engines that the app ships."""

import threading
from datetime import UTC, datetime
from typing import Any

import pytest
from celery import Celery
from django.apps import apps
from django.conf import LazySettings
from django.utils import timezone

from order_copies.engines import celery, django_tasks
from order_copies.engines.base import ENGINES, get_engine
from order_copies.engines.polling import PollingEngine
from order_copies.models import Status
from tests import stories
from tests.factories import placed_order
from tests.order_copies.engines.backends import DummyBackend, ImmediateBackend
from tests.order_copies.engines.recording_engine import RecordingEngine, use_engine

LATER = datetime(2042, 1, 1, 12, tzinfo=UTC)


def test_get_engine__polling_is_the_default(settings: LazySettings) -> None:
    # given
    settings.ORDER_COPIES = {
        name: value for name, value in settings.ORDER_COPIES.items() if name != "ENGINE"
    }

    # when
    engine = get_engine()

    # then
    assert isinstance(engine, PollingEngine)
    engine.wake()
    engine.wake(LATER)
    assert engine.check() == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("polling", PollingEngine),
        ("django.tasks", django_tasks.TasksEngine),
        ("celery", celery.CeleryEngine),
        ("tests.order_copies.engines.recording_engine.RecordingEngine", RecordingEngine),
    ],
)
def test_get_engine__finds_an_engine_by_name_or_dotted_path(
    settings: LazySettings, name: str, expected: type
) -> None:
    use_engine(settings, name)

    assert type(get_engine()) is expected


@pytest.mark.parametrize("name", [*ENGINES, "nowhere.Engine"])
def test_app_config__ready_with_any_engine_setting(settings: LazySettings, name: str) -> None:
    use_engine(settings, name)

    apps.get_app_config("order_copies").ready()


# django.tasks


@pytest.mark.parametrize("backend", [DummyBackend], indirect=True)
def test_django_tasks__wake_up_enqueues_a_task_on_the_default_backend(backend: Any) -> None:
    # when
    get_engine().wake()
    get_engine().wake(LATER)

    # then
    assert [result.task.module_path for result in backend.results] == [
        "order_copies.engines.django_tasks.run_copies"
    ] * 2
    assert [result.task.run_after for result in backend.results] == [None, LATER]


@pytest.mark.django_db
@pytest.mark.parametrize("backend", [ImmediateBackend], indirect=True)
def test_django_tasks__task_runs_copies_and_deferring_needs_support(
    backend: Any,
) -> None:
    # given
    order_copy = stories.requested(placed_order())

    # when
    get_engine().wake(LATER)
    between = stories.fresh(order_copy).status
    get_engine().wake()

    # then
    assert (between, stories.fresh(order_copy).status) == (Status.PENDING, Status.COMPLETED)


# Celery


def messages(app: Celery) -> list[dict[str, Any]]:
    """The headers of the messages in the queue."""
    with app.connection_for_read() as connection, connection.SimpleQueue("celery") as queue:
        return [queue.get(block=False).headers for _ in range(queue.qsize())]


def test_celery__wake_up_sends_a_message_through_the_shop_app(shops_app: Celery) -> None:
    # when
    get_engine().wake()
    get_engine().wake(LATER)

    # then
    sent = messages(shops_app)
    assert [headers["task"] for headers in sent] == ["order_copies.run_copies"] * 2
    assert [headers["eta"] for headers in sent] == [None, "2042-01-01T12:00:00+00:00"]
    assert [headers["ignore_result"] for headers in sent] == [True, True]


def test_celery__another_thread_uses_the_shop_app_too(shops_app: Celery) -> None:
    # when
    thread = threading.Thread(target=get_engine().wake)
    thread.start()
    thread.join()

    # then
    assert len(messages(shops_app)) == 1


def test_celery__message_is_acknowledged_after_the_task(shops_app: Celery) -> None:
    task = shops_app.tasks[celery.TASK]

    assert (task.acks_late, task.reject_on_worker_lost) == (True, True)


@pytest.mark.django_db
def test_celery__eager_app_runs_copies_at_once(shops_app: Celery) -> None:
    # given
    shops_app.conf.task_always_eager = True
    order_copy = stories.requested(placed_order())

    # when
    get_engine().wake(timezone.now())
    before = stories.fresh(order_copy).status
    get_engine().wake()

    # then
    assert before == Status.PENDING
    assert stories.fresh(order_copy).status == Status.COMPLETED
