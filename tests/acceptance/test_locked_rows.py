"""Story: a row that another transaction keeps locked delays the copies that need it, and no other.

With real transactions of other connections. SQLite has no row locks.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.db import connection, models, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from order_copies import copying
from order_copies.db.locks import limited_wait
from order_copies.exceptions import RowsLockedError, ShopContractError
from order_copies.models import OrderCopy, OrderFactory, Status
from order_copies.monitoring.health import Queue, complaints
from order_copies.worker import leases
from order_copies.worker.loop import Worker
from order_copies.worker.run import run_batch
from orders.models import Authorization, Order, StockItem
from tests import stories
from tests.acceptance.shops import InterferedShop
from tests.api import API, errors_in, request_of, staff
from tests.factories import SkuFactory, placed_order
from tests.forms import previewed

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor == "sqlite", reason="has no row locks"),
]

#: More seconds than anything here takes that does not wait for a lock until it is released.
LONG = 15
SWAP = {"place_target_order": True, "cancel_source_order": True}


@contextmanager
def held(*rows: models.Model, no_key: bool = False) -> Iterator[None]:
    """The rows, locked by a transaction of another connection."""
    locked, done = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            for row in rows:
                manager = type(row)._base_manager
                weak = no_key and connection.features.has_select_for_no_key_update
                manager.select_for_update(no_key=weak).get(pk=row.pk)
            locked.set()
            done.wait(60)
        connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    assert locked.wait(10)
    try:
        yield
    finally:
        done.set()
        thread.join()


def seconds(function: Callable[..., Any], *arguments: Any, **keywords: Any) -> float:
    """How long a call takes."""
    started = time.perf_counter()
    function(*arguments, **keywords)
    return time.perf_counter() - started


def statuses(order_copies: list[OrderCopy]) -> list[str]:
    return [str(stories.fresh(order_copy).status) for order_copy in order_copies]


def make_due() -> None:
    """End all backoffs."""
    past = models.F("lease_expires_at") - timedelta(hours=1)
    OrderFactory.objects.filter(status=Status.IN_PROGRESS).update(lease_expires_at=past)


def lock_timeout() -> str:
    """The limit of this session."""
    name = {"postgresql": "lock_timeout", "mysql": "innodb_lock_wait_timeout"}[connection.vendor]
    with connection.cursor() as cursor:
        sql = f"SHOW {name}" if connection.vendor == "postgresql" else f"SELECT @@{name}"
        cursor.execute(sql)
        return str(cursor.fetchone()[0])


# Workers


def test_locked_source__twenty_swaps_and_one_locked_source_cost_one_timeout(
    caplog: pytest.LogCaptureFixture,
) -> None:
    # given
    sources = [placed_order(lines=1) for _ in range(20)]
    swaps = [stories.requested(source, **SWAP) for source in sources]
    caplog.set_level("INFO", "order_copies.worker")

    # when
    with held(sources[7]):
        started = time.perf_counter()
        batch = run_batch("w1")
        took = time.perf_counter() - started

    # then
    assert dict(batch.ends) == {"completed": 19, "locked": 1}
    assert took < LONG
    assert len([text for text in caplog.messages if "splits a batch" in text]) == 1
    locked = stories.fresh(swaps[7])
    assert (locked.status, locked.attempt, locked.tries) == (Status.IN_PROGRESS, 1, 0)

    # when
    make_due()
    stories.run_all()

    # then
    assert set(statuses(swaps)) == {"completed"}
    assert stories.fresh(swaps[7]).locked_since is None


def test_locked_source__two_workers_end_all_other_copies_and_health_names_the_one() -> None:
    # given
    locked, *others = [placed_order(lines=1) for _ in range(10)]
    swaps = [stories.requested(source, **SWAP) for source in [locked] * 10 + others]
    unrelated = [stories.requested(source) for source in others]
    workers = [Worker(batch_size=5, interval=0.05) for _ in range(2)]
    others_end = OrderFactory.objects.exclude(source_order=locked)

    def work(worker: Worker) -> None:
        worker.run()
        connection.close()

    threads = [threading.Thread(target=work, args=[worker]) for worker in workers]

    # when
    with held(locked):
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + 30
        while others_end.exclude(status=Status.COMPLETED).exists():
            assert time.monotonic() < deadline, statuses([*swaps, *unrelated])
            time.sleep(0.05)
        while OrderFactory.objects.locked().count() < 10:
            assert time.monotonic() < deadline, statuses(swaps)
            time.sleep(0.05)
        first = OrderFactory.objects.locked().order_by("locked_since", "pk")[0]
        queue = Queue.at(first.locked_since + timedelta(seconds=61))
    for worker in workers:
        worker.stop()
    for thread in threads:
        thread.join()

    # then
    assert f"10 waiting for locked rows ({first} for 61 s)" in str(queue)
    assert [complaint.message for complaint in complaints(queue)] == [
        f"10 copies wait for locked rows, {first} for 61 seconds."
    ]


def test_locked_source__a_retry_looks_for_the_lock_and_does_not_wait_for_it(
    settings: LazySettings,
) -> None:
    # given
    source = placed_order(lines=1)
    swap = stories.requested(source, **SWAP)

    # when
    with held(source):
        run_batch("w1")
        longer = {"MAX_ATTEMPTS": 2, "LOCK_TIMEOUT": 2 * LONG}
        settings.ORDER_COPIES = settings.ORDER_COPIES | longer
        took = []
        for _ in range(5):
            make_due()
            took.append(seconds(run_batch, "w1"))

    # then
    assert max(took) < LONG
    locked = stories.fresh(swap)
    assert (locked.status, locked.attempt, locked.tries) == (Status.IN_PROGRESS, 6, 0)


def test_locked_source__a_copy_that_does_not_cancel_needs_no_lock() -> None:
    # given
    source = placed_order(lines=1)
    frozen, swap = stories.requested(source), stories.requested(source, **SWAP)

    # when
    with held(source):
        stories.run_all()

    # then
    assert statuses([frozen, swap]) == ["completed", "in_progress"]


def test_locked_row__of_another_table_delays_only_the_copies_that_need_it(
    settings: LazySettings,
) -> None:
    # given
    skus = [SkuFactory(stock=100) for _ in range(8)]
    sources = [placed_order(lines=[{"sku": sku, "quantity": 1}]) for sku in skus]
    copies = [stories.requested(source, place_target_order=True) for source in sources]

    # when
    with held(StockItem.objects.get(sku=skus[2])):
        batch = run_batch("w1")

    # then
    assert dict(batch.ends) == {"completed": 7, "locked": 1}

    # when
    make_due()
    stories.run_all()

    # then
    assert set(statuses(copies)) == {"completed"}


def test_locked_order__a_payment_to_be_settled_for_it_holds_up_no_worker() -> None:
    # given
    order = placed_order(lines=1)
    asked = Authorization.objects.create(
        order=order,
        token="asked",
        amount_cents=order.total_amount_with_taxes_cents,
        status=Authorization.Status.ASKED,
        details={"payment_source_token": "tok", "currency": order.currency_code},
        due_at=timezone.now() - timedelta(minutes=1),
    )
    copy = stories.requested(placed_order(lines=1))

    # when
    with held(order):
        took = seconds(run_batch, "w1")

    # then
    asked.refresh_from_db()
    assert took < LONG
    assert statuses([copy]) == ["completed"]
    assert (asked.status, asked.failures) == (Authorization.Status.ASKED, 1)


@pytest.mark.parametrize("end", ["completes", "crashes", "breaks its contract"])
def test_locked_copy__a_worker_leaves_it_to_its_lease(shop: type[InterferedShop], end: str) -> None:
    # given
    order_copy, other = stories.requested(placed_order()), stories.requested(placed_order())
    locks = []

    def lock_then_end(subjects: Any) -> None:
        if not any(one.source_order_id == order_copy.source_order_id for one in subjects):
            return
        if not locks:
            locks.append(held(order_copy))
            locks[0].__enter__()
        if end != "completes":
            raise {"crashes": ZeroDivisionError, "breaks its contract": ShopContractError}[end]

    shop.before["plan"] = lock_then_end

    # when
    try:
        batch = run_batch("w1")
    finally:
        locks[0].__exit__(None, None, None)

    # then
    assert dict(batch.ends) == {"completed": 1, "lost": 1}
    assert statuses([order_copy, other]) == ["in_progress", "completed"]


def test_locked_copy__leases_of_the_other_copies_are_renewed(settings: LazySettings) -> None:
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"LEASE": 0.3}
    for _ in range(3):
        stories.requested(placed_order())
    claimed = stories.claim("w1", 3)
    before = claimed[0].lease_expires_at

    # when
    with held(claimed[0]), leases.renewed(claimed):
        time.sleep(0.2)

    # then
    renewed = OrderFactory.objects.filter(lease_expires_at__gt=before)
    assert sorted(renewed.values_list("pk", flat=True)) == [one.pk for one in claimed[1:]]


# Requests


def test_request_copies__locked_source_is_an_error_within_seconds_or_no_obstacle() -> None:
    # given
    source = placed_order()

    # when
    with held(source, no_key=True):
        started = time.perf_counter()
        error = None
        try:
            copying.request_copies([OrderCopy(source_order=source)], who=stories.WHO)
        except RowsLockedError as raised:
            error = raised
        took = time.perf_counter() - started

    # then
    if connection.features.has_select_for_no_key_update:
        assert (error, OrderCopy.objects.count()) == (None, 1)
        assert took < LONG
    else:
        assert (str(error), OrderCopy.objects.count()) == (str(RowsLockedError()), 0)
        assert took < LONG


def test_request_copies__source_locked_for_deletion_is_an_error_of_the_api() -> None:
    # given
    source, api = placed_order(), API(staff())

    # when
    with held(source):
        started = time.perf_counter()
        response = api.post("/order_copies", request_of(source))
        took = time.perf_counter() - started

    # then
    assert errors_in(response) == [
        {
            "title": "Locked",
            "detail": "Another transaction keeps rows locked that are needed here: "
            "try again in a moment.",
            "code": "LOCKED",
            "status": "423",
        }
    ]
    assert took < LONG
    assert OrderCopy.objects.count() == 0


def test_request_copies__source_locked_for_deletion_is_a_message_of_the_admin(
    admin_client: Client,
) -> None:
    # given
    source = placed_order()
    page = f"{reverse('admin:orders_order_copy')}?ids={source.pk}"
    form = previewed(admin_client, page) | {"_copy": "1", "request_key": str(uuid4())}

    # when
    with held(source):
        response = admin_client.post(page, form, follow=True)

    # then
    messages = [str(message) for message in response.context["messages"]]
    assert messages == [str(RowsLockedError())]
    assert OrderCopy.objects.count() == 0


def test_request_copies__source_locked_for_deletion_is_an_error_of_the_command() -> None:
    # given
    source = placed_order()

    # when
    with held(source), pytest.raises(CommandError) as raised:
        call_command("copy_order", source.public_id)

    # then
    assert str(raised.value) == str(RowsLockedError())


@pytest.mark.parametrize("act", [copying.abort_copies, copying.delete_copies])
def test_locked_copy__what_people_do_to_it_ends_in_an_error_within_seconds(
    act: Callable[..., Any],
) -> None:
    # given
    order_copy = stories.requested(placed_order())

    # when
    with held(order_copy):
        started = time.perf_counter()
        with pytest.raises(RowsLockedError):
            act([order_copy], who=stories.WHO)
        took = time.perf_counter() - started

    # then
    assert took < LONG


# The limit


def test_limited_wait__leaves_the_session_as_it_was() -> None:
    # given
    before = lock_timeout()

    # when
    with limited_wait(3):
        outer = lock_timeout()
        with limited_wait(5):
            inner = lock_timeout()
        after_inner = lock_timeout()
    with pytest.raises(ZeroDivisionError), limited_wait(3), limited_wait(5):
        raise ZeroDivisionError

    # then
    unit = "s" if connection.vendor == "postgresql" else ""
    assert [outer, inner, after_inner] == [f"3{unit}", f"5{unit}", f"3{unit}"]
    assert lock_timeout() == before


def test_limited_wait__inside_of_a_transaction_that_goes_on() -> None:
    # given
    source = placed_order()
    before = lock_timeout()

    # when
    with held(source), transaction.atomic():
        with pytest.raises(RowsLockedError), limited_wait(0.1):
            Order.objects.select_for_update().get(pk=source.pk)
        after = lock_timeout()

    # then
    assert after == before
