"""Story: a row that another transaction keeps locked delays the copies that need it, and no other.

Real transactions of other connections hold the locks. SQLite, without row locks, is skipped.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.admin.models import LogEntry
from django.core.management import CommandError, call_command
from django.db import connection, models, transaction
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from order_copies import copying
from order_copies.db.transactions import limited_wait
from order_copies.events.models import Event
from order_copies.exceptions import (
    RowsLockedError,
    ShopContractError,
    SubscriptionModelGoneError,
    SubscriptionModelInUseError,
)
from order_copies.models import OpenPayment, OrderCopy, OrderFactory, OrderSubscription, Status
from order_copies.monitoring.health import Queue, complaints
from order_copies.shops import get_shop
from order_copies.subscriptions import changes, subscription_models
from order_copies.worker import leases
from order_copies.worker.loop import Worker
from order_copies.worker.payments import void_unused
from order_copies.worker.run import run_batch
from orders.lifecycle import checkout
from orders.models import Order, Sku, StockItem
from tests import stories
from tests.acceptance.shops import InterferedShop
from tests.api import API, errors_in, request_of, staff
from tests.bank import install_bank
from tests.factories import (
    SkuFactory,
    SubscriptionModelFactory,
    pending_order,
    placed_order,
)
from tests.forms import copy_form, form_of

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor == "sqlite", reason="has no row locks"),
]

#: Seconds after which a lock is released: only a call that waits for the lock takes longer.
LONG = 40
SWAP = {"place_target_order": True, "cancel_source_order": True}
LOCKED = {
    "title": "Locked",
    "detail": "Another transaction keeps rows locked that are needed here: try again in a moment.",
    "code": "LOCKED",
    "status": "423",
}
#: By trigger: a function that creates an order on which the trigger can be used.
ORDERS_BY_TRIGGER = {
    "place": pending_order,
    "cancel": placed_order,
    "approve": placed_order,
    "archive": placed_order,
    "unarchive": placed_order,
}


@contextmanager
def held(*rows: models.Model, no_key: bool = False) -> Iterator[None]:
    """Lock the rows by a transaction of another connection, while the context lasts.

    Fails if the lock was released before the context ended: something waited for it.
    """
    locked, done, outlasted = threading.Event(), threading.Event(), list[bool]()

    def hold() -> None:
        with transaction.atomic():
            for row in rows:
                manager = type(row)._base_manager
                weak = no_key and connection.features.has_select_for_no_key_update
                manager.select_for_update(no_key=weak).get(pk=row.pk)
            locked.set()
            outlasted.append(done.wait(LONG))
        connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    assert locked.wait(10)
    try:
        yield
    finally:
        done.set()
        thread.join()
    assert outlasted == [True], "waited until the lock was released"


def statuses(order_copies: list[OrderCopy]) -> list[str]:
    return [str(stories.fresh(order_copy).status) for order_copy in order_copies]


def state_of(resource: models.Model) -> dict[str, Any]:
    """Return the columns of a row, as they are in the database."""
    [row] = type(resource)._base_manager.filter(pk=resource.pk).values()
    return dict(row)


def changes_of(order: Order, attributes: dict[str, Any]) -> dict[str, Any]:
    """Return the body that changes attributes of an order."""
    return {"data": {"type": "orders", "id": order.public_id, "attributes": attributes}}


def messages_in(response: HttpResponse) -> list[str]:
    """Return the messages of a page of the admin."""
    return [str(message) for message in response.context["messages"]]


def make_due() -> None:
    """End all backoffs."""
    past = models.F("lease_expires_at") - timedelta(hours=1)
    OrderFactory.objects.filter(status=Status.IN_PROGRESS).update(lease_expires_at=past)


def lock_timeout() -> str:
    """Return the lock timeout of this session."""
    name = {"postgresql": "lock_timeout", "mysql": "innodb_lock_wait_timeout"}[connection.vendor]
    with connection.cursor() as cursor:
        sql = f"SHOW {name}" if connection.vendor == "postgresql" else f"SELECT @@{name}"
        cursor.execute(sql)
        return str(cursor.fetchone()[0])


# Workers


def test_locked_source__twenty_swaps_with_one_locked_source_take_one_timeout(
    caplog: pytest.LogCaptureFixture,
) -> None:
    # given
    sources = [placed_order(lines=1) for _ in range(20)]
    swaps = [stories.requested(source, **SWAP) for source in sources]
    caplog.set_level("INFO", "order_copies.worker")

    # when
    with held(sources[7]):
        batch = run_batch("w1")

    # then
    assert dict(batch.ends) == {"completed": 19, "locked": 1}
    assert len([text for text in caplog.messages if "splits a batch" in text]) == 1
    locked = stories.fresh(swaps[7])
    assert (locked.status, locked.attempt, locked.tries) == (Status.IN_PROGRESS, 1, 0)

    # when
    make_due()
    stories.run_all()

    # then
    assert set(statuses(swaps)) == {"completed"}
    assert stories.fresh(swaps[7]).locked_since is None


def test_locked_source__two_workers_end_all_other_copies_and_health_names_the_locked_ones() -> None:
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


def test_locked_source__retry_probes_the_lock_without_waiting(
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
        for _ in range(5):
            make_due()
            run_batch("w1")

    # then
    locked = stories.fresh(swap)
    assert (locked.status, locked.attempt, locked.tries) == (Status.IN_PROGRESS, 6, 0)


def test_locked_source__copy_that_does_not_cancel_needs_no_lock() -> None:
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


def test_locked_order__unsettled_payment_delays_no_worker() -> None:
    # given
    order = placed_order(lines=1)
    details = {"payment_source_token": "tok", "amount_cents": 1, "currency": "EUR"}
    OpenPayment.objects.create(
        key="asked",
        subject=f"orders/{order.public_id}",
        details=details,
        due_at=timezone.now() - timedelta(minutes=1),
    )
    copy = stories.requested(placed_order(lines=1))

    # when
    with held(order):
        run_batch("w1")

    # then
    assert statuses([copy]) == ["completed"]
    assert not OpenPayment.objects.exists()


@pytest.mark.parametrize("end", ["completes", "crashes", "breaks its contract"])
def test_locked_copy__worker_leaves_it_to_its_lease(shop: type[InterferedShop], end: str) -> None:
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


def test_request_copies__locked_source_raises_within_seconds_without_no_key_locks() -> None:
    # given
    source = placed_order()

    # when
    with held(source, no_key=True):
        error = None
        try:
            copying.request_copies([OrderCopy(source_order=source)], actor=stories.WHO)
        except RowsLockedError as raised:
            error = raised

    # then
    if connection.features.has_select_for_no_key_update:
        assert (error, OrderCopy.objects.count()) == (None, 1)
    else:
        assert (str(error), OrderCopy.objects.count()) == (str(RowsLockedError()), 0)


def test_request_copies__api_responds_locked_when_the_source_is_being_deleted() -> None:
    # given
    source, api = placed_order(), API(staff())

    # when
    with held(source):
        response = api.post("/order_copies", request_of(source))

    # then
    assert errors_in(response) == [LOCKED]
    assert OrderCopy.objects.count() == 0


def test_request_copies__admin_shows_a_message_when_the_source_is_being_deleted(
    admin_client: Client,
) -> None:
    # given
    source = placed_order()
    page = f"{reverse('admin:orders_order_copy')}?ids={source.pk}"
    address, form = copy_form(admin_client, page)

    # when
    with held(source):
        response = admin_client.post(address, form | {"_copy": "1"}, follow=True)

    # then
    assert messages_in(response) == [str(RowsLockedError())]
    assert OrderCopy.objects.count() == 0


def test_request_copies__command_fails_when_the_source_is_being_deleted() -> None:
    # given
    source = placed_order()

    # when
    with held(source), pytest.raises(CommandError) as raised:
        call_command("copy_order", source.public_id)

    # then
    assert str(raised.value) == str(RowsLockedError())


@pytest.mark.parametrize("act", [copying.abort, copying.delete])
def test_locked_copy__abort_and_delete_raise_within_seconds(
    act: Callable[..., Any],
) -> None:
    # given
    order_copy = stories.requested(placed_order())

    # when
    with held(order_copy), pytest.raises(RowsLockedError):
        act([order_copy], actor=stories.WHO)

    # then
    assert statuses([order_copy]) == ["pending"]


def test_copy_page__locked_user_is_a_message(admin_client: Client, admin_user: Any) -> None:
    # given
    source = placed_order()
    page = f"{reverse('admin:orders_order_copy')}?ids={source.pk}"
    address, form = copy_form(admin_client, page)

    # when
    with held(admin_user):
        response = admin_client.post(address, form | {"_copy": "1"}, follow=True)

    # then
    assert messages_in(response) == [str(RowsLockedError())]
    assert OrderCopy.objects.count() == 0


# Orders that users change


@pytest.mark.parametrize("verb", ORDERS_BY_TRIGGER)
def test_locked_order__api_responds_locked_to_a_trigger(verb: str) -> None:
    # given
    order, api = ORDERS_BY_TRIGGER[verb](), API(staff("view_order", "change_order"))
    before = state_of(order)
    change = {f"_{verb}": True, "metadata": {"changed": "yes"}}

    # when
    with held(order):
        response = api.patch(f"/orders/{order.public_id}", changes_of(order, change))

    # then
    assert errors_in(response) == [LOCKED]
    assert (state_of(order), Event.objects.count()) == (before, 0)

    # when
    response = api.patch(f"/orders/{order.public_id}", changes_of(order, change))

    # then
    assert response.status_code == 200


def test_locked_order__api_responds_locked_to_a_change() -> None:
    # given
    order, api = placed_order(), API(staff("view_order", "change_order"))
    before = state_of(order)

    # when
    with held(order):
        change = changes_of(order, {"metadata": {"changed": "yes"}})
        response = api.patch(f"/orders/{order.public_id}", change)

    # then
    assert errors_in(response) == [LOCKED]
    assert (state_of(order), Event.objects.count()) == (before, 0)


@pytest.mark.parametrize("confirmed", [{}, {"_confirmed": "1"}], ids=["choose", "confirm"])
@pytest.mark.parametrize("verb", ORDERS_BY_TRIGGER)
def test_locked_order__action_of_the_admin_ends_in_a_message(
    admin_client: Client, verb: str, confirmed: dict[str, str]
) -> None:
    # given
    locked, other = ORDERS_BY_TRIGGER[verb](), ORDERS_BY_TRIGGER[verb]()
    before = [state_of(locked), state_of(other)]
    chosen = {
        "action": f"{verb}_selected_orders",
        "_selected_action": [locked.pk, other.pk],
        "index": 0,
    }

    # when
    with held(locked):
        url = reverse("admin:orders_order_changelist")
        response = admin_client.post(url, chosen | confirmed, follow=True)

    # then
    # The confirmation page of a cancellation takes no lock.
    is_page = verb == "cancel" and not confirmed
    assert messages_in(response) == ([] if is_page else [str(RowsLockedError())])
    assert [state_of(locked), state_of(other)] == before
    assert Event.objects.count() == 0


def test_locked_stock__api_responds_locked_to_placing() -> None:
    # given
    sku = SkuFactory(stock=100)
    order = pending_order(lines=[{"sku": sku, "quantity": 1}])
    api = API(staff("view_order", "change_order"))

    # when
    with held(StockItem.objects.get(sku=sku)):
        response = api.patch(f"/orders/{order.public_id}", changes_of(order, {"_place": True}))

    # then
    assert errors_in(response) == [LOCKED]
    assert stories.statuses(order)[0] == "pending"


def test_locked_order__payment_authorized_before_the_lock_is_voided_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # given
    bank, order = install_bank(monkeypatch), pending_order()
    api = API(staff("view_order", "change_order"))
    with ExitStack() as locks:
        bank.during_authorize = lambda: locks.enter_context(held(order))

        # when
        response = api.patch(f"/orders/{order.public_id}", changes_of(order, {"_place": True}))

    # then
    assert errors_in(response) == [LOCKED]
    assert OpenPayment.objects.count() == 1
    assert len(bank.live) == 1

    # when
    OpenPayment.objects.update(due_at=timezone.now())
    void_unused(get_shop(), {})

    # then
    assert not OpenPayment.objects.exists()
    assert bank.live == []


def test_open_payment__one_that_an_attempt_uses_is_not_voided(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As when a person's attempt is slow, and is placing the order when its time is up."""
    # given
    bank, order = install_bank(monkeypatch), pending_order()
    [attempt] = checkout.authorize_payments([order.pk])
    opened = OpenPayment.objects.get()
    OpenPayment.objects.update(due_at=timezone.now())

    # when
    with held(opened):
        void_unused(get_shop(), {})
        with_lock = list(bank.live)
    with transaction.atomic():
        checkout.place([order.pk], who={}, payments=[attempt])
    void_unused(get_shop(), {})

    # then
    assert with_lock == bank.live == ["auth_0"]
    assert stories.statuses(order)[0] == "placed"


@pytest.mark.parametrize("page", ["change", "delete"])
def test_locked_resource__page_of_the_admin_ends_in_a_message(
    admin_client: Client, page: str
) -> None:
    # given
    sku = SkuFactory()
    before = state_of(sku)
    url = reverse(f"admin:orders_sku_{page}", args=[sku.pk])
    forms = form_of(admin_client, url) if page == "change" else {"post": "yes"}

    # when
    with held(sku):
        response = admin_client.post(url, forms | {"name": "Another name"}, follow=True)

    # then
    assert messages_in(response) == [str(RowsLockedError())]
    assert (state_of(sku), LogEntry.objects.count()) == (before, 0)
    assert Event.objects.count() == 0


def test_locked_resource__admin_deletes_all_selected_or_none(admin_client: Client) -> None:
    # given
    skus = [SkuFactory() for _ in range(3)]
    chosen = {
        "action": "delete_selected",
        "_selected_action": [sku.pk for sku in skus],
        "post": "yes",
    }

    # when
    with held(skus[1]):
        url = reverse("admin:orders_sku_changelist")
        response = admin_client.post(url, chosen, follow=True)

    # then
    assert messages_in(response) == [str(RowsLockedError())]
    assert Sku.objects.count() == 3
    assert (LogEntry.objects.count(), Event.objects.count()) == (0, 0)


# The lock timeout


@pytest.mark.parametrize("is_deleted_first", [True, False])
def test_locked_model__is_deleted_or_subscribed_to(is_deleted_first: bool) -> None:
    # given
    model, order = SubscriptionModelFactory(), placed_order(lines=1)
    refused: list[type[Exception]] = []

    def delete() -> None:
        subscription_models.delete(model, actor=stories.WHO)

    def subscribe() -> None:
        one = OrderSubscription(source_order=order, subscription_model=model, frequency="weekly")
        changes.create(one, actor=stories.WHO)

    def late(act: Callable[[], None]) -> None:
        try:
            act()
        except (SubscriptionModelGoneError, SubscriptionModelInUseError) as error:
            refused.append(type(error))
        finally:
            connection.close()

    first, second = (delete, subscribe) if is_deleted_first else (subscribe, delete)
    thread = threading.Thread(target=late, args=[second])

    # when the second one waits for the first
    with transaction.atomic():
        first()
        thread.start()
        thread.join(0.5)
    thread.join()

    # then
    is_used = OrderSubscription.objects.filter(subscription_model=model.pk).exists()
    assert is_used != is_deleted_first
    expected = SubscriptionModelGoneError if is_deleted_first else SubscriptionModelInUseError
    assert refused == [expected]


def test_limited_wait__restores_the_timeout_of_the_session() -> None:
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


def test_limited_wait__restores_the_timeout_inside_a_transaction() -> None:
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
