"""When workers are woken, and that it never does harm."""

from datetime import datetime
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from order_copies import copying
from order_copies.copying import abort_copies, retry_copies
from order_copies.engines.wake_ups import MOST, SOON, wake_for
from order_copies.models import OrderCopy, OrderFactory
from order_copies.worker.run import run_batch
from tests import stories
from tests.factories import OrderCopyFactory, placed_order

pytestmark = pytest.mark.django_db

Rung = list[datetime | None]


def requested(count: int = 1) -> list[OrderCopy]:
    """Copies that are pending, as of now."""
    source = placed_order()
    order_copies = [OrderCopy(source_order=source) for _ in range(count)]
    copying.request_copies(order_copies, who=stories.WHO)
    return order_copies


def test_a_request_wakes_a_worker_once_it_is_committed(
    rung: Rung, django_capture_on_commit_callbacks: Any
) -> None:
    # when
    with django_capture_on_commit_callbacks() as committed:
        requested()

    # then
    assert rung == []
    for callback in committed:
        callback()
    assert rung == [None]


def test_a_request_that_is_rolled_back_wakes_nobody(
    rung: Rung, django_capture_on_commit_callbacks: Any
) -> None:
    # when
    with django_capture_on_commit_callbacks(execute=True), transaction.atomic():
        requested()
        transaction.set_rollback(True)

    # then
    assert rung == []


@pytest.mark.parametrize(("status", "expected"), [("aborted", [None]), ("pending", [])])
def test_a_retry_wakes_a_worker_if_there_is_one_to_do(
    rung: Rung, django_capture_on_commit_callbacks: Any, status: str, expected: Rung
) -> None:
    # given
    order_copy = OrderCopyFactory(status=status)

    # when
    with django_capture_on_commit_callbacks(execute=True):
        retry_copies([order_copy], who=stories.WHO)

    # then
    assert rung == expected


@pytest.mark.parametrize(
    ("traits", "expected"), [({"in_progress": True}, [None]), ({}, []), ({"failed": True}, [])]
)
def test_an_abort_wakes_a_worker_if_there_may_be_money_to_give_back(
    rung: Rung, django_capture_on_commit_callbacks: Any, traits: dict[str, bool], expected: Rung
) -> None:
    # given
    order_copy = OrderCopyFactory(**traits)

    # when
    with django_capture_on_commit_callbacks() as committed:
        abort_copies([order_copy], who=stories.WHO)

    # then
    assert rung == []
    for callback in committed:
        callback()
    assert rung == expected


@pytest.mark.parametrize(
    ("count", "expected"), [(0, 0), (1, 1), (3, 1), (4, 2), (6, 2), (MOST * 3 + 1, MOST)]
)
def test_each_batch_of_a_request_wakes_a_worker_up_to_a_limit(
    rung: Rung, settings: LazySettings, count: int, expected: int
) -> None:
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"BATCH_SIZE": 3}
    order_copies = requested(count) if count else []

    # when
    wake_for(order_copies)

    # then
    assert rung == [None] * expected


def test_copies_that_queue_up_behind_others_wake_nobody(rung: Rung) -> None:
    # given
    requested()

    # when
    wake_for(requested())

    # then
    assert rung == []


def test_copies_behind_others_that_nobody_came_for_wake_somebody(rung: Rung) -> None:
    # given
    requested()
    OrderFactory.objects.update(created_at=timezone.now() - SOON)

    # when
    wake_for(requested())

    # then
    assert rung == [None]


def test_copies_behind_others_that_are_under_way_wake_somebody(rung: Rung) -> None:
    # given
    requested()
    run_batch("w1")

    # when
    wake_for(requested())

    # then
    assert rung == [None]


def test_workers_that_poll_are_not_woken_and_cost_no_query() -> None:
    # given
    order_copies = requested()

    # when
    with CaptureQueriesContext(connection) as queries:
        wake_for(order_copies)

    # then
    assert len(queries) == 0


def test_an_engine_that_fails_fails_no_request(
    rung: Rung,
    settings: LazySettings,
    caplog: pytest.LogCaptureFixture,
    django_capture_on_commit_callbacks: Any,
) -> None:
    # given
    broken = "tests.order_copies.engines.bells.BrokenBell"
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"ENGINE": broken, "BATCH_SIZE": 1}

    # when
    with django_capture_on_commit_callbacks(execute=True):
        requested(3)

    # then
    assert rung == [None], "it is not asked again and again"
    assert OrderFactory.objects.pending().count() == 3
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        (
            "ERROR",
            (
                "No worker was woken, copies wait for the next one that looks: "
                "ConnectionError('the rope is torn')"
            ),
        )
    ]


def test_an_engine_that_is_not_there_fails_no_request(
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
