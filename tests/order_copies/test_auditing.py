"""Findings of the audit about copies, for any shop."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from order_copies import copying
from order_copies.events.models import Event
from order_copies.models import OpenPayment, OrderCopy, OrderFactory, Status
from tests import stories
from tests.audits import audited
from tests.factories import (
    PLACED_AT,
    LineItemFactory,
    SkuFactory,
    draft_order,
    pending_order,
    placed_order,
)

pytestmark = pytest.mark.django_db

HOURS = timedelta(hours=3)


def refused_copy(**toggles: Any) -> OrderFactory:
    """Create a failed copy, whose line is out of stock."""
    return stories.copied(placed_order(lines=[{"sku": SkuFactory(stock=1)}]), **toggles)


def change(order_copy: OrderFactory, **values: Any) -> None:
    """Update the row without an event."""
    OrderFactory.objects.filter(pk=order_copy.pk).update(**values)


def delete_events(*verbs: str) -> Callable[[OrderFactory], None]:
    """Return a function that deletes these events of a copy."""
    names = [f"order_copies.{verb}" for verb in verbs]
    return lambda one: Event.objects.filter(resource_id=str(one.pk), name__in=names).delete()


def duplicate_last_event(order_copy: OrderFactory) -> None:
    """Duplicate the last event of a copy."""
    events = Event.objects.filter(resource_type="order_copies", resource_id=str(order_copy.pk))
    event = events.latest("pk")
    event.pk = None
    event.save()


def test_audit__consistent_copies_have_no_findings() -> None:
    # given
    aborted, retried = stories.requested(placed_order()), stories.requested(placed_order())
    copying.abort([aborted, retried], actor=stories.WHO)
    copying.retry([retried], actor=stories.WHO)
    stories.copied(placed_order(), place_target_order=True, cancel_source_order=True)
    stories.copied(draft_order(lines=0), place_target_order=True, skip_errors=True)
    copying.update(refused_copy(), reference="R1", actor=stories.WHO)

    # when
    stories.run_all()

    # then
    statuses = set(OrderFactory.objects.values_list("status", flat=True))
    assert statuses == {Status.COMPLETED, Status.FAILED, Status.ABORTED}
    assert audited(final=True) == []


def test_audit__copy_that_has_not_ended_is_a_finding_if_final() -> None:
    # given
    pending = stories.requested(placed_order())

    # then
    assert audited() == []
    assert audited(final=True) == [("not_final", f"order_copies/{pending.public_id}")]


def test_audit__stuck_copies_are_found_after_the_patience() -> None:
    # given
    pending, running, fresh = (stories.requested(placed_order()) for _ in range(3))
    now = timezone.now()
    OrderFactory.objects.update(created_at=now - HOURS, updated_at=now - HOURS)
    stories.start("w1", running, now=now - HOURS, expires_at=now - HOURS)
    stories.start("w1", fresh, now=now, expires_at=now - timedelta(minutes=1))
    Event.objects.all().delete()

    # then
    stuck = [("stuck", f"order_copies/{one.public_id}") for one in (pending, running)]
    assert audited() == stuck
    assert audited(patience=timedelta(0)) == [*stuck, ("stuck", f"order_copies/{fresh.public_id}")]
    assert audited(patience=2 * HOURS) == []


@pytest.mark.parametrize(
    ("corrupt", "code"),
    [
        pytest.param(delete_events("complete"), "events_disagree", id="no end event"),
        pytest.param(delete_events("create"), "events_disagree", id="no create event"),
        pytest.param(
            delete_events("create", "start", "complete"), "events_disagree", id="no events"
        ),
        pytest.param(duplicate_last_event, "events_disagree", id="two end events"),
        pytest.param(
            lambda one: change(one, started_at=None), "instants_disagree", id="never started"
        ),
        pytest.param(lambda one: change(one, attempt=0), "instants_disagree", id="no attempt"),
        pytest.param(
            lambda one: change(one, completed_at=one.created_at - HOURS),
            "instants_disagree",
            id="ended before it started",
        ),
        pytest.param(
            lambda one: change(one, errors_log={"base": ["No."]}, errors_count=1),
            "errors_unexpected",
            id="completed with errors",
        ),
        pytest.param(lambda one: change(one, errors_count=1), "errors_miscounted", id="miscounted"),
    ],
)
def test_audit__corrupted_completed_copy_is_found(
    corrupt: Callable[[OrderFactory], None], code: str
) -> None:
    # given
    stories.requested(placed_order())
    order_copy = stories.copied(placed_order())

    # when
    corrupt(order_copy)

    # then
    assert audited() == [(code, f"order_copies/{order_copy.public_id}")]


@pytest.mark.parametrize(
    ("corrupt", "code"),
    [
        pytest.param(
            lambda one: change(one, errors_log={}, errors_count=0), "reason_missing", id="no reason"
        ),
        pytest.param(
            lambda one: change(one, target_order=pending_order()),
            "target_unexpected",
            id="the target of no copy",
        ),
    ],
)
def test_audit__corrupted_failed_copy_is_found(
    corrupt: Callable[[OrderFactory], None], code: str
) -> None:
    # given
    order_copy = refused_copy()

    # when
    corrupt(order_copy)

    # then
    found = audited()
    assert (code, f"order_copies/{order_copy.public_id}") in found
    assert {subject for _code, subject in found if subject.startswith("order_copies/")} == {
        f"order_copies/{order_copy.public_id}"
    }


def test_audit__aborted_copy_with_completed_at_is_found() -> None:
    # given
    order_copy = stories.requested(placed_order())
    copying.abort([order_copy], actor=stories.WHO)

    # when
    change(order_copy, completed_at=timezone.now())

    # then
    assert audited() == [("instants_disagree", f"order_copies/{order_copy.public_id}")]


def test_audit__completed_copy_without_target_is_found() -> None:
    # given
    order_copy = stories.copied(placed_order())
    outcomes = [one | {"target_line_item": None} for one in order_copy.outcomes]

    # when
    change(order_copy, target_order=None, outcomes=outcomes)

    # then
    assert audited() == [("target_missing", f"order_copies/{order_copy.public_id}")]


def test_audit__deleted_target_is_no_finding() -> None:
    # given
    order_copy = stories.copied(placed_order())

    # when
    stories.target_of(order_copy).delete()

    # then
    assert stories.fresh(order_copy).target_order is None
    assert audited(final=True) == []


def test_audit__pruned_events_are_no_finding() -> None:
    # given
    long_ago, halfway, retried = (stories.copied(placed_order()) for _ in range(3))
    stories.copied(placed_order())
    for order_copy in (long_ago, halfway, retried):
        change(order_copy, created_at=PLACED_AT)

    # when
    delete_events("create", "start", "complete")(long_ago)
    delete_events("create", "start")(halfway)
    delete_events("create")(retried)

    # then
    assert audited(final=True) == []


def test_audit__remaining_events_of_old_copies_must_agree() -> None:
    # given
    order_copy = stories.copied(placed_order())
    stories.copied(placed_order())
    change(order_copy, created_at=PLACED_AT)

    # when
    delete_events("create", "complete")(order_copy)

    # then
    assert audited() == [("events_disagree", f"order_copies/{order_copy.public_id}")]


def test_audit__open_payment_is_found_after_the_patience() -> None:
    # given
    running, failed = stories.requested(placed_order()), refused_copy()
    deleted = stories.copied(placed_order())
    for one in (running, failed, deleted):
        OpenPayment.objects.create(order_factory=one, key=f"key of {one.pk}", retries=0)
    copying.delete([deleted], actor=stories.WHO)
    forgotten = [("payment_open", f"order_copies/{one.public_id}") for one in (failed, deleted)]

    # then
    assert audited() == []
    assert audited(patience=timedelta(0))[-2:] == forgotten

    # when
    long_ago = timezone.now() - HOURS
    OpenPayment.objects.update(created_at=long_ago)
    assert audited() == forgotten[1:]
    change(failed, updated_at=long_ago)

    # then
    assert audited() == forgotten


def test_audit__since_limits_the_copies() -> None:
    # given
    old, new = stories.copied(placed_order()), stories.copied(placed_order())
    for order_copy in (old, new):
        change(order_copy, errors_count=1)
    change(old, updated_at=timezone.now() - HOURS)

    # then
    assert len(audited()) == 2
    assert audited(since=timezone.now() - HOURS / 2) == [
        ("errors_miscounted", f"order_copies/{new.public_id}")
    ]


def test_audit__covers_all_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    monkeypatch.setattr("order_copies.auditing.CHUNK", 2)
    source = placed_order()
    copying.request_copies([OrderCopy(source_order=source) for _ in range(5)], actor=stories.WHO)

    # then
    assert len(audited(final=True)) == 5


def test_audit__skipped_line_needs_no_target_line() -> None:
    # given
    gone = SkuFactory(stock=1)
    source = placed_order(lines=[{"sku": gone}, {}])
    LineItemFactory(order=pending_order(), sku=gone)
    order_copy = stories.copied(source, skip_errors=True)

    # when
    stories.target_of(order_copy).delete()

    # then
    assert ("skipped", "out_of_stock") in stories.actions(order_copy)
    assert audited(final=True) == []
