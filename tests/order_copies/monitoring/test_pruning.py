"""Retention: which rows are deleted, which stay, and the size of the steps."""

import io
import logging
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from order_copies import copying
from order_copies.admin import drafts
from order_copies.events.models import Event
from order_copies.models import (
    FINAL,
    BatchDraft,
    CopyBatch,
    IdempotentRequest,
    Kind,
    OpenPayment,
    OrderCopy,
    OrderFactory,
    OrderSubscription,
    SelectedOrder,
    Status,
)
from order_copies.monitoring.pruning import prune
from order_copies.subscriptions import changes
from orders.models import Order
from tests import stories
from tests.factories import OrderCopyFactory, SkuFactory, placed_order
from tests.subscriptions import subscribed

pytestmark = pytest.mark.django_db

NOW = timezone.now()
BEFORE = NOW - timedelta(days=90)
OLD = BEFORE - timedelta(seconds=1)


def a_copy(status: str, at: datetime, **values: Any) -> OrderFactory:
    """Create a copy with this status and time of change, and three events of that time."""
    completed = {"completed_at": OLD} if status == Status.COMPLETED else {}
    failed = {"failed_at": OLD} if status == Status.FAILED else {}
    running = {}
    if status == Status.IN_PROGRESS:
        running = {"started_at": OLD, "attempt": 1, "lease_expires_at": NOW}
    order_copy = OrderCopyFactory(status=status, **completed, **failed, **running, **values)
    OrderFactory.objects.filter(pk=order_copy.pk).update(updated_at=at)
    for name in ("create", "start", "end"):
        an_event(at, order_copy.type, str(order_copy.pk), name)
    return order_copy


def an_event(at: datetime, resource_type: str, resource_id: str, name: str = "") -> Event:
    return Event.objects.create(
        resource_type=resource_type, resource_id=resource_id, name=name, created_at=at
    )


def pruned(*, limit: int = 1000, dry_run: bool = False) -> dict[str, int]:
    """Prune, and return the number of removed rows by kind."""
    removed: Counter[str] = Counter()
    for step in prune(BEFORE, limit=limit, dry_run=dry_run):
        removed.update(step)
    return dict(removed)


def everything() -> list[Any]:
    models = (OrderFactory, Event, IdempotentRequest, Order)
    return [list(model.objects.order_by("pk").values()) for model in models]


@pytest.mark.parametrize("status", sorted(FINAL))
@pytest.mark.parametrize("kind", Kind.values)
def test_prune__deletes_old_ended_copies_with_their_events(status: str, kind: str) -> None:
    # given
    a_copy(status, OLD, type=kind)
    kept = a_copy(status, BEFORE, type=kind)

    # when
    removed = pruned()

    # then
    assert removed["copies"] == 1
    assert removed["events"] == 3
    assert OrderFactory.objects.get() == kept
    assert set(Event.objects.values_list("resource_id", flat=True)) == {str(kept.pk)}


@pytest.mark.parametrize("status", [Status.PENDING, Status.IN_PROGRESS])
def test_prune__keeps_copies_that_have_not_ended(status: str) -> None:
    # given
    a_copy(status, OLD)
    before = everything()

    # when
    removed = pruned()

    # then
    assert not any(removed.values())
    assert everything() == before


def test_prune__keeps_orders() -> None:
    # given
    source = placed_order(lines=1)
    order_copy = stories.copied(source)
    OrderFactory.objects.update(updated_at=OLD)

    # when
    pruned()

    # then
    assert not OrderFactory.objects.exists()
    assert set(Order.objects.all()) == {source, order_copy.target_order}


def test_prune__deletes_old_events_of_other_resources() -> None:
    # given events in the order of their keys, and an old one with a late key
    old = an_event(OLD, "orders", "7")
    an_event(OLD, "order_copies", "999999999")
    young = [an_event(BEFORE, "orders", "7"), an_event(NOW, "events", "1")]
    late = an_event(OLD, "orders", "8")

    # when
    removed = pruned()

    # then
    assert removed["events"] == 2
    assert not Event.objects.filter(pk=old.pk).exists()
    # The late one goes with a later run, once the events before it are old.
    assert set(Event.objects.all()) == {*young, late}


def test_prune__deletes_old_events_if_there_are_no_recent_ones() -> None:
    # given
    an_event(OLD, "orders", "7")

    # when, then
    assert pruned()["events"] == 1
    assert not Event.objects.exists()


def test_prune__keeps_old_events_of_kept_copies() -> None:
    # given an old copy that was changed recently
    order_copy = a_copy(Status.COMPLETED, OLD)
    OrderFactory.objects.filter(pk=order_copy.pk).update(updated_at=NOW)

    # when
    removed = pruned()

    # then
    assert not any(removed.values())
    assert Event.objects.count() == 3


def test_prune__deletes_idempotent_requests_past_their_retention() -> None:
    # given
    for number, days in enumerate((0.5, 1.5, 2, 3)):
        IdempotentRequest.objects.create(
            identity=str(number), fingerprint="", created_at=NOW - timedelta(days=days)
        )

    # when
    removed = pruned(limit=2)

    # then
    assert removed["requests"] == 3
    assert IdempotentRequest.objects.get().identity == "0"


def test_prune__keeps_open_payments() -> None:
    # given
    order_copy = a_copy(Status.FAILED, OLD)
    OpenPayment.objects.create(key="a", order_factory=order_copy, retries=0)

    # when
    pruned()

    # then
    assert not OrderFactory.objects.exists()
    assert OpenPayment.objects.orphaned(timezone.now()).get().key == "a"


def test_dry_run__counts_the_same_rows_and_deletes_none() -> None:
    # given
    for status in Status.values:
        a_copy(status, OLD)
        a_copy(status, NOW)
    an_event(OLD - timedelta(days=1), "orders", "7")
    IdempotentRequest.objects.create(identity="1", fingerprint="", created_at=OLD)
    Event.objects.filter(created_at=NOW).update(created_at=OLD)
    before = everything()

    # when
    counted = pruned(dry_run=True, limit=2)

    # then
    assert everything() == before
    assert counted == pruned(limit=2) == {"copies": 3, "events": 10, "requests": 1}


def test_prune__each_step_keeps_to_the_limit() -> None:
    """Each step: SAVEPOINT, SELECT keys, SELECT or DELETE events, DELETE copies, RELEASE."""
    # given
    for _ in range(5):
        a_copy(Status.COMPLETED, OLD)
    for number in range(5):
        an_event(OLD, "orders", str(number))

    # when
    with CaptureQueriesContext(connection) as queries:
        steps = list(prune(BEFORE, limit=2))

    # then
    assert [dict(step) for step in steps] == [
        {"copies": 2, "events": 6},
        {"copies": 2, "events": 6},
        {"copies": 1, "events": 3},
        {"events": 2},
        {"events": 2},
        {"events": 1},
    ]
    deleted = [query["sql"] for query in queries if query["sql"].startswith("DELETE")]
    assert len(deleted) == 9


def test_prune__keeps_a_copy_retried_meanwhile() -> None:
    # given
    aborted = OrderCopyFactory()
    copying.abort([aborted], actor={})
    OrderFactory.objects.update(updated_at=OLD)
    steps = prune(BEFORE, limit=1)

    # when the copy is retried before the first step
    copying.retry([aborted], actor={})

    # then
    assert not any(sum(step.values()) for step in steps)
    assert OrderFactory.objects.get().status == Status.PENDING


# Drafts


def test_prune__old_drafts_are_deleted_in_steps_and_their_batches_stay(admin_user: Any) -> None:
    # given
    _old, started, new = (drafts.create([1, 2, 3], user=admin_user) for _ in range(3))
    batch = CopyBatch.objects.create(draft=started)
    BatchDraft.objects.exclude(pk=new.pk).update(created_at=OLD)

    # when
    [counted] = [step for step in prune(BEFORE, limit=2, dry_run=True) if step["drafts"]]
    steps = list(prune(BEFORE, limit=2))

    # then
    assert counted["drafts"] == sum(step["drafts"] for step in steps) == 2
    assert [*BatchDraft.objects.all()] == [new]
    assert SelectedOrder.objects.count() == 3
    batch.refresh_from_db()
    assert batch.draft is None


# The command


def command(*arguments: str) -> str:
    out = io.StringIO()
    call_command("order_copies_prune", *arguments, stdout=out)
    return out.getvalue()


def test_command__prints_each_step_and_logs_the_total(
    caplog: pytest.LogCaptureFixture,
) -> None:
    # given
    for _ in range(3):
        a_copy(Status.COMPLETED, OLD)

    # when
    with caplog.at_level(logging.INFO, "order_copies.monitoring.pruning"):
        output = command("--older-than", "90", "--batch-size", "2")

    # then
    *steps, last = output.splitlines()
    assert steps == [
        "2 copies, 6 events, 0 drafts, 0 answered requests",
        "3 copies, 9 events, 0 drafts, 0 answered requests",
    ]
    assert last.startswith(
        "Removed 3 copies, 9 events, 0 drafts, 0 answered requests from before 20"
    )
    (record,) = caplog.records
    assert record.getMessage() == last
    assert vars(record)["removed"] == {"copies": 3, "events": 9, "drafts": 0, "requests": 0}


def test_command__dry_run_is_printed_and_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    # given
    a_copy(Status.COMPLETED, OLD)

    # when
    with caplog.at_level(logging.INFO, "order_copies.monitoring.pruning"):
        output = command("--older-than", "90", "--dry-run", "--verbosity", "0")

    # then
    assert output.startswith(
        "Would remove 1 copy, 3 events, 0 drafts, 0 answered requests from before 20"
    )
    assert OrderCopy.objects.count() == 1
    assert caplog.records == []


def test_command__progress_is_printed_on_one_line_of_a_terminal() -> None:
    # given
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    a_copy(Status.COMPLETED, OLD)
    out = Terminal()

    # when
    call_command("order_copies_prune", "--older-than", "90", stdout=out, no_color=True)

    # then
    assert "1 copy, 3 events, 0 drafts, 0 answered requests\r" in out.getvalue()


@pytest.mark.parametrize("arguments", [[], ["--older-than", "0"], ["--older-than", "soon"]])
def test_command__older_than_is_required(arguments: list[str]) -> None:
    with pytest.raises(CommandError, match="older-than"):
        command(*arguments)


def test_command__leaves_no_audit_findings() -> None:
    # given
    sku = SkuFactory(stock=10)
    source = placed_order(lines=[{"sku": sku}])
    stories.copied(source, place_target_order=True, cancel_source_order=True)
    OrderFactory.objects.update(updated_at=OLD)
    Event.objects.update(created_at=OLD)

    # when
    command("--older-than", "90", "--verbosity", "0")

    # then
    call_command("audit_order_copies", verbosity=0)
    assert not Event.objects.exists()


# Subscriptions


def renewal(at: datetime, **values: Any) -> tuple[OrderSubscription, OrderFactory]:
    """Create a failed copy of the last slot of a subscription, changed at that time."""
    one = subscribed(placed_order(), timezone.now() + timedelta(days=1))
    slot = at - timedelta(hours=1)
    rows = OrderSubscription.objects.filter(pk=one.pk)
    rows.update(last_slot=slot, occurrencies=1, errors_count=1, **values)
    order_copy = a_copy(Status.FAILED, at, order_subscription=one, scheduled_for=slot)
    return one, order_copy


def test_prune__copies_of_subscriptions_go_and_subscriptions_stay() -> None:
    # given
    one, order_copy = renewal(OLD)
    before = OrderSubscription.objects.values().get(pk=one.pk)

    # when
    pruned()

    # then
    assert not OrderFactory.objects.filter(pk=order_copy.pk).exists()
    assert OrderSubscription.objects.values().get(pk=one.pk) == before


def test_prune__copy_that_is_retried_later_stays() -> None:
    # given
    _one, order_copy = renewal(OLD, retry_at=NOW + timedelta(days=3))
    older = a_copy(
        Status.FAILED,
        OLD,
        order_subscription=order_copy.order_subscription,
        scheduled_for=OLD - timedelta(days=9),
    )

    # when
    removed = pruned(), pruned(dry_run=True)

    # then
    assert list(OrderFactory.objects.values_list("pk", flat=True)) == [order_copy.pk]
    assert (removed[0]["copies"], removed[1].get("copies", 0)) == (1, 0)
    assert not OrderFactory.objects.filter(pk=older.pk).exists()


def test_prune__events_of_subscriptions_go_by_their_age() -> None:
    # given old and new events of one that exists, and of one that was deleted
    old = [an_event(OLD, "order_subscriptions", "0") for _ in range(2)]
    one, gone = renewal(NOW)[0], renewal(NOW)[0]
    for event, subscription in zip(old, (one, gone), strict=True):
        Event.objects.filter(pk=event.pk).update(resource_id=str(subscription.pk))
    changes.delete([gone], actor=stories.WHO)
    of_subscriptions = Event.objects.filter(resource_type="order_subscriptions")
    before = set(of_subscriptions.values_list("pk", flat=True))

    # when
    pruned()

    # then
    left = set(of_subscriptions.values_list("pk", flat=True))
    assert left == before - {event.pk for event in old}
