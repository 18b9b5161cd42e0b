"""Story: a failure of one copy, or of an external system, affects no other copy."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import OperationalError, connection
from django.db.models import F
from django.utils import timezone

from order_copies import copying
from order_copies.exceptions import NotDeletableError, RowsLockedError, ShopContractError
from order_copies.models import OrderFactory, Status
from order_copies.worker.authorization import Authorizations
from order_copies.worker.batches import Batch
from order_copies.worker.loop import Worker
from order_copies.worker.run import Runner, run_batch
from orders.copying import snapshot
from orders.models import LineItem, Order, Sku, StockItem
from tests import stories
from tests.acceptance.shops import InterferedShop
from tests.factories import OrderFactory as OrderOfShop
from tests.factories import SkuFactory, pending_order, placed_order


class Killed(BaseException):
    """Simulates a process that is killed: no handler of Exception catches it."""


def expire_leases() -> None:
    OrderFactory.objects.filter(status=Status.IN_PROGRESS).update(
        lease_expires_at=timezone.now() - timedelta(seconds=1)
    )


@pytest.mark.django_db
def test_poison_copy__aborted_while_the_others_complete(
    shop: type[InterferedShop], settings: LazySettings
) -> None:
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"MAX_ATTEMPTS": 2}
    sources = [placed_order(lines=1) for _ in range(5)]
    requested = [stories.requested(source) for source in sources]

    def kill(order_copies: Any) -> None:
        if any(order_copy.source_order_id == sources[1].pk for order_copy in order_copies):
            raise Killed

    shop.before["plan"] = kill

    # when
    for number in range(10):
        try:
            while run_batch(f"worker {number}").claimed:
                pass
        except Killed:
            expire_leases()

    # then
    assert [stories.fresh(order_copy).status for order_copy in requested] == [
        "completed",
        "aborted",
        "completed",
        "completed",
        "completed",
    ]
    assert stories.fresh(requested[1]).errors_log == {
        "base": ["the copy crashed 2 times (its worker died): see the log of the worker"]
    }


@pytest.mark.django_db
def test_void__error_stops_neither_copies_nor_the_worker(
    shop: type[InterferedShop], caplog: pytest.LogCaptureFixture
) -> None:
    def down(_subjects: Any) -> None:
        raise ConnectionError

    def sell_out(_runs: Any) -> None:
        StockItem.objects.filter(sku=sku).update(reserved=F("quantity"))

    # given a copy whose last piece is sold after its payment was authorized
    sku = SkuFactory(stock=1)
    order_copies = [
        stories.requested(order, place_target_order=True)
        for order in (placed_order(), pending_order(lines=[{"sku": sku}]))
    ]
    shop.before |= {"void": down, "write": sell_out}

    # when
    batch = run_batch("w1")

    # then
    assert dict(batch.ends) == {"completed": 1, "failed": 1}
    assert [stories.fresh(one).status for one in order_copies] == ["completed", "failed"]
    assert "Could not void" in caplog.text


@pytest.mark.django_db
def test_skip_errors__lines_of_zero_pieces_are_not_sellable() -> None:
    # given
    source = placed_order(lines=[{"quantity": 2}, {"quantity": 0}])
    Sku.objects.filter(line_items__order=source, line_items__quantity=2).update(on_sale=False)

    # when
    order_copy = stories.copied(source, skip_errors=True)

    # then
    assert order_copy.status == "failed"
    assert "nothing of this order is available any more" in order_copy.errors_log["line_items"]


@pytest.mark.django_db
def test_metadata__null_is_copied() -> None:
    # given
    source = placed_order(lines=1)
    table = Order._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET metadata = 'null' WHERE id = %s", [source.pk])

    # when
    target = stories.target_of(stories.copied(source))

    # then
    assert target.metadata is None


@pytest.mark.django_db
def test_drain__waits_for_retries(shop: type[InterferedShop], settings: LazySettings) -> None:
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"RETRY_PAUSE": 0.05}
    order_copy = stories.requested(placed_order(lines=1))
    crashes = iter([True])

    def crash_once(_subjects: Any) -> None:
        if next(crashes, False):
            raise RuntimeError

    shop.before["plan"] = crash_once

    # when
    Worker(interval=0.01).run(drain=True)

    # then
    assert stories.fresh(order_copy).status == "completed"
    assert stories.fresh(order_copy).attempt == 2


def deadlock(_: Any) -> None:
    raise OperationalError(1213, "Deadlock found")


@pytest.mark.django_db(transaction=True)
def test_database_down__counts_as_no_crash_of_the_copy(
    shop: type[InterferedShop], settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    order_copy = stories.requested(placed_order(lines=1))
    [claimed] = stories.claim("w1", 1)
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"LEASE": 0}
    shop.before["plan"] = deadlock
    monkeypatch.setattr("order_copies.worker.run.is_reachable", lambda: False)

    # when
    with pytest.raises(OperationalError):
        Runner("w1", shop(), Batch(), Authorizations(shop())).run([claimed])

    # then
    assert stories.fresh(order_copy).status == Status.IN_PROGRESS
    assert stories.fresh(order_copy).attempt == 1


@pytest.mark.django_db(transaction=True)
def test_deadlock__delays_one_copy_and_not_its_batch(
    shop: type[InterferedShop], settings: LazySettings
) -> None:
    # given
    sources = [placed_order(lines=1) for _ in range(4)]
    requested = [stories.requested(source) for source in sources]
    claimed = stories.claim("w1", 4)
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"LEASE": 0}

    def locked(order_copies: Any) -> None:
        if any(one.source_order_id == sources[1].pk for one in order_copies):
            deadlock(order_copies)

    shop.before["plan"] = locked

    # when
    batch = Batch()
    Runner("w1", shop(), batch, Authorizations(shop())).run(claimed)

    # then
    assert dict(batch.ends) == {"completed": 3, "to retry": 1}
    assert stories.fresh(requested[1]).status == Status.IN_PROGRESS


@pytest.mark.django_db(transaction=True)
def test_locked_rows__delay_one_copy_without_an_attempt(
    shop: type[InterferedShop], settings: LazySettings
) -> None:
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"MAX_ATTEMPTS": 2}
    sources = [placed_order(lines=1) for _ in range(5)]
    requested = [stories.requested(source, cancel_source_order=True) for source in sources]

    def locked(runs: Any) -> None:
        if any(run.order_copy.source_order_id == sources[3].pk for run in runs):
            raise RowsLockedError

    shop.before["write"] = locked

    # when
    ends = []
    for _ in range(4):
        expire_leases()
        ends.append(dict(run_batch("w1").ends))

    # then
    assert ends == [{"completed": 4, "locked": 1}, *[{"locked": 1}] * 3]
    found = stories.fresh(requested[3])
    assert (found.status, found.attempt, found.tries) == (Status.IN_PROGRESS, 4, 0)

    # when
    shop.before.clear()
    expire_leases()
    stories.run_all()

    # then
    found = stories.fresh(requested[3])
    assert (found.status, found.tries, found.locked_since) == (Status.COMPLETED, 1, None)


@pytest.mark.django_db(transaction=True)
def test_locked_rows__copy_that_cannot_be_released_is_left_to_its_lease(
    shop: type[InterferedShop],
) -> None:
    # given
    requested = [stories.requested(placed_order(lines=1)) for _ in range(2)]

    def lock_copies(execute: Any, sql: str, *arguments: Any) -> Any:
        if sql.startswith("UPDATE") and "order_copies_orderfactory" in sql and locks:
            raise RowsLockedError
        return execute(sql, *arguments)

    def fail(order_copies: Any) -> None:
        locks.append(True)
        if any(one.pk == requested[0].pk for one in order_copies):
            raise RowsLockedError
        raise ShopContractError

    locks: list[bool] = []
    shop.before["plan"] = fail

    # when
    with connection.execute_wrapper(lock_copies):
        batch = run_batch("w1")

    # then
    assert dict(batch.ends) == {"lost": 2}
    assert {stories.fresh(one).status for one in requested} == {Status.IN_PROGRESS}


@pytest.mark.django_db(transaction=True)
def test_release__counts_as_no_crash(shop: type[InterferedShop], settings: LazySettings) -> None:
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"MAX_ATTEMPTS": 2}
    order_copy = stories.requested(placed_order(lines=1))

    # when
    for number in range(5):
        worker = Worker()
        worker.name = f"w{number}"
        assert (stories.claim(worker.name, 1) or stories.claim_again(worker.name)) != []
        assert worker.release() == 1
    run_batch("w9")

    # then
    found = stories.fresh(order_copy)
    assert (found.status, found.attempt, found.hand_backs) == (Status.COMPLETED, 6, 5)


@pytest.mark.django_db
def test_shop_import_error__costs_no_attempt(settings: LazySettings) -> None:
    # given
    order_copy = stories.requested(placed_order(lines=1))
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"SHOP": "orders.nowhere.Shop"}

    # when
    with pytest.raises(ImportError):
        run_batch("w1")

    # then
    assert stories.fresh(order_copy).status == Status.PENDING


@pytest.mark.django_db
def test_delete_copies__all_or_none() -> None:
    # given
    source = placed_order(lines=1)
    done, running = stories.copied(source), stories.requested(source)
    stories.start("w1", running, expires_at=timezone.now() + timedelta(minutes=1))
    done.status = "stale"

    # when
    with pytest.raises(NotDeletableError):
        copying.delete([done, running], actor=stories.WHO)
    copying.delete([done], actor=stories.WHO)

    # then
    assert list(OrderFactory.objects.all()) == [running]
    assert stories.events_of(done)[-1] == "order_copies.destroy"


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor == "sqlite", reason="one writer: no concurrent edits")
def test_snapshot__reads_an_order_as_of_one_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    source = OrderOfShop()
    line = LineItem.objects.create(order=source, name="Mug", item_type="gift_cards")
    read_orders = snapshot._orders

    def edit() -> None:
        LineItem.objects.update(total_amount_cents=9900)
        connection.close()

    def read_then_edit(keys: set[int]) -> dict[int, Order]:
        orders = read_orders(keys)
        thread = threading.Thread(target=edit)
        thread.start()
        thread.join()
        return orders

    monkeypatch.setattr(snapshot, "_orders", read_then_edit)

    # when
    taken = snapshot.take_snapshot([stories.unsaved(source)])

    # then
    line.refresh_from_db()
    assert taken.lines[source.pk][0].total_amount_cents == 0
    assert line.total_amount_cents == 9900
