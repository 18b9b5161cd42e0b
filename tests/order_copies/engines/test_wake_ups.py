"""When workers are woken, and that a failed wake-up never fails a request."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from order_copies import copying
from order_copies.conf import settings
from order_copies.engines import wake_ups as looks
from order_copies.engines.wake_ups import DEBOUNCE, MAX_WAKE_UPS, wake_for
from order_copies.models import OrderCopy, OrderFactory
from order_copies.worker.run import run_batch
from tests import stories
from tests.factories import OrderCopyFactory, placed_order
from tests.subscriptions import subscribed

pytestmark = pytest.mark.django_db

WakeUps = list[datetime | None]


def requested(count: int = 1) -> list[OrderCopy]:
    """Request copies of one order."""
    source = placed_order()
    order_copies = [OrderCopy(source_order=source) for _ in range(count)]
    copying.request_copies(order_copies, actor=stories.WHO)
    return order_copies


def test_request__wakes_a_worker_after_commit(
    wake_ups: WakeUps, django_capture_on_commit_callbacks: Any
) -> None:
    # when
    with django_capture_on_commit_callbacks() as committed:
        requested()

    # then
    assert wake_ups == []
    for callback in committed:
        callback()
    assert wake_ups == [None]


def test_request__rolled_back_one_wakes_no_worker(
    wake_ups: WakeUps, django_capture_on_commit_callbacks: Any
) -> None:
    # when
    with django_capture_on_commit_callbacks(execute=True), transaction.atomic():
        requested()
        transaction.set_rollback(True)

    # then
    assert wake_ups == []


@pytest.mark.parametrize(("status", "expected"), [("aborted", [None]), ("pending", [])])
def test_retry__wakes_a_worker_if_a_copy_became_pending(
    wake_ups: WakeUps, django_capture_on_commit_callbacks: Any, status: str, expected: WakeUps
) -> None:
    # given
    order_copy = OrderCopyFactory(status=status)

    # when
    with django_capture_on_commit_callbacks(execute=True):
        copying.retry([order_copy], actor=stories.WHO)

    # then
    assert wake_ups == expected


@pytest.mark.parametrize(
    ("traits", "expected"), [({"in_progress": True}, [None]), ({}, []), ({"failed": True}, [])]
)
def test_abort__wakes_a_worker_if_a_payment_may_need_voiding(
    wake_ups: WakeUps,
    django_capture_on_commit_callbacks: Any,
    traits: dict[str, bool],
    expected: WakeUps,
) -> None:
    # given
    order_copy = OrderCopyFactory(**traits)

    # when
    with django_capture_on_commit_callbacks() as committed:
        copying.abort([order_copy], actor=stories.WHO)

    # then
    assert wake_ups == []
    for callback in committed:
        callback()
    assert wake_ups == expected


@pytest.mark.parametrize(
    ("count", "expected"),
    [(0, 0), (1, 1), (3, 1), (4, 2), (6, 2), (MAX_WAKE_UPS * 3 + 1, MAX_WAKE_UPS)],
)
def test_wake_for__one_wake_up_per_batch_up_to_a_limit(
    wake_ups: WakeUps, settings: LazySettings, count: int, expected: int
) -> None:
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"BATCH_SIZE": 3}
    order_copies = requested(count) if count else []

    # when
    wake_for(order_copies)

    # then
    assert wake_ups == [None] * expected


def test_wake_for__debounced_while_recent_copies_are_pending(wake_ups: WakeUps) -> None:
    # given
    requested()

    # when
    wake_for(requested())

    # then
    assert wake_ups == []


def test_wake_for__wakes_if_the_pending_copies_are_not_recent(wake_ups: WakeUps) -> None:
    # given
    requested()
    OrderFactory.objects.update(created_at=timezone.now() - DEBOUNCE)

    # when
    wake_for(requested())

    # then
    assert wake_ups == [None]


def test_wake_for__wakes_if_the_other_copies_were_claimed(wake_ups: WakeUps) -> None:
    # given
    requested()
    run_batch("w1")

    # when
    wake_for(requested())

    # then
    assert wake_ups == [None]


def test_wake_for__polling_engine_costs_no_query() -> None:
    # given
    order_copies = requested()

    # when
    with CaptureQueriesContext(connection) as queries:
        wake_for(order_copies)

    # then
    assert len(queries) == 0


def test_wake_for__failing_engine_is_logged_once_and_fails_no_request(
    wake_ups: WakeUps,
    settings: LazySettings,
    caplog: pytest.LogCaptureFixture,
    django_capture_on_commit_callbacks: Any,
) -> None:
    # given
    broken = "tests.order_copies.engines.recording_engine.FailingEngine"
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"ENGINE": broken, "BATCH_SIZE": 1}

    # when
    with django_capture_on_commit_callbacks(execute=True):
        requested(3)

    # then
    assert wake_ups == [None], "one wake-up is attempted, not three"
    assert OrderFactory.objects.pending().count() == 3
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        (
            "ERROR",
            (
                "No worker was woken, copies wait for the next wake-up: "
                "ConnectionError('the broker is down')"
            ),
        )
    ]


def test_wake_for__missing_engine_is_logged_and_fails_no_request(
    settings: LazySettings,
    caplog: pytest.LogCaptureFixture,
    django_capture_on_commit_callbacks: Any,
) -> None:
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"ENGINE": "nowhere.Engine"}

    # when
    with django_capture_on_commit_callbacks(execute=True):
        requested()

    # then
    assert OrderFactory.objects.pending().count() == 1
    assert "No module named 'nowhere'" in caplog.text


def test_new_subscription__wakes_a_worker_when_it_is_due(
    wake_ups: WakeUps, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    # given a process that has scheduled no look for due subscriptions
    monkeypatch.setattr(looks, "_next_look", None)
    in_a_month = timezone.now() + timedelta(days=30)
    # Its renewal is announced an hour before.
    in_ninety_minutes = timezone.now() + timedelta(minutes=90)

    # when
    with django_capture_on_commit_callbacks(execute=True):
        subscribed(placed_order(), in_a_month)
        one = subscribed(placed_order(), in_ninety_minutes)

    # then a look within an hour schedules the next one, and an earlier look is scheduled at once
    first, second = wake_ups
    assert first is not None
    assert timedelta(minutes=59) < first - timezone.now() < timedelta(minutes=61)
    assert one.due_at is not None
    assert second == one.due_at + timedelta(seconds=settings.POLL_INTERVAL)


def test_new_subscription__needs_no_wake_up_while_workers_poll(
    django_capture_on_commit_callbacks: Any,
) -> None:
    with django_capture_on_commit_callbacks(execute=True) as callbacks:
        subscribed(placed_order(), timezone.now() + timedelta(days=1))

    assert callbacks == []
