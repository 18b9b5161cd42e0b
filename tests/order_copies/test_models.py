from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import DataError, IntegrityError, transaction
from django.utils import timezone

from order_copies import public_ids, transitions
from order_copies.models import (
    Kind,
    OpenPayment,
    OrderCopy,
    OrderFactory,
    RecurringOrderCopy,
    Status,
)
from order_copies.plans import Problem, Step
from order_copies.transitions import Ending
from tests import stories
from tests.factories import OrderCopyFactory, placed_order

pytestmark = pytest.mark.django_db

NOW = datetime(2024, 2, 29, 12, tzinfo=UTC)
PROBLEMS = [
    Problem(Step.PLACE, "status", "a", "cannot transition from pending to placed"),
    Problem(Step.PLACE, "billing_address", "b", "can't be blank"),
    Problem(Step.PLACE, "billing_address", "b", "can't be blank"),
]
LOG = {
    "status": ["cannot transition from pending to placed"],
    "billing_address": ["can't be blank"],
}
LATER = NOW + timedelta(minutes=1)

INVALID: list[dict[str, Any]] = [
    {"type": "orders"},
    {"status": "running"},
    {"status": "completed"},
    {"status": "completed", "completed_at": NOW, "failed_at": NOW},
    {"status": "failed"},
    {"status": "failed", "completed_at": NOW, "failed_at": NOW},
    {"status": "in_progress"},
    {"status": "in_progress", "lease_expires_at": LATER, "attempt": 1},
    {"status": "in_progress", "started_at": NOW, "attempt": 1},
    {"status": "in_progress", "started_at": NOW, "lease_expires_at": LATER, "attempt": 0},
    {"lease_expires_at": LATER},
    {"attempt": -1},
]


@pytest.mark.parametrize("values", INVALID, ids=str)
def test_constraints__inconsistent_rows_are_refused(values: dict[str, Any]) -> None:
    order_copy = OrderCopyFactory()

    # On MariaDB the column is unsigned: a negative number is a DataError.
    with pytest.raises((IntegrityError, DataError)), transaction.atomic():
        OrderFactory.objects.filter(pk=order_copy.pk).update(**values)


def test_constraints__source_order_cannot_be_the_target() -> None:
    order_copy = OrderCopyFactory()

    with pytest.raises(IntegrityError), transaction.atomic():
        OrderFactory.objects.update(target_order=order_copy.source_order)


def test_constraints__target_belongs_to_one_copy() -> None:
    # given
    target = placed_order()
    OrderCopyFactory(completed=True, target_order=target)
    OrderCopyFactory(completed=True)

    # when, then
    with pytest.raises(IntegrityError), transaction.atomic():
        OrderFactory.objects.update(target_order=target)


def test_kinds__proxy_models_show_their_own_rows() -> None:
    # given
    once = OrderCopyFactory()
    again = OrderFactory.objects.create(
        type=Kind.RECURRING_ORDER_COPIES, source_order=once.source_order
    )

    # when, then
    assert list(OrderCopy.objects.values_list("pk", flat=True)) == [once.pk]
    assert list(RecurringOrderCopy.objects.values_list("pk", flat=True)) == [again.pk]
    assert list(OrderFactory.objects.values_list("pk", flat=True)) == [once.pk, again.pk]


def test_order_copy__str_is_its_public_id() -> None:
    # when
    order_copy = OrderCopyFactory()

    # then
    assert str(order_copy) == order_copy.public_id
    assert order_copy.public_id == public_ids.encode("order_factories", order_copy.pk)
    assert str(OrderCopy()) == "new copy"


def test_claimable__pending_copies_and_expired_leases() -> None:
    # given
    now = timezone.now()
    claimable = [
        OrderCopyFactory(),
        OrderCopyFactory(in_progress=True, lease_expires_at=now - timedelta(seconds=1)),
    ]
    OrderCopyFactory(in_progress=True, lease_expires_at=now + timedelta(seconds=1))
    OrderCopyFactory(completed=True)
    OrderCopyFactory(failed=True)
    OrderCopyFactory(status=Status.ABORTED)

    # when, then
    assert list(OrderFactory.objects.claimable(now)) == [
        OrderFactory.objects.get(pk=order_copy.pk) for order_copy in claimable
    ]


def test_start__claims_only_claimable_copies() -> None:
    # given
    pending, lapsed = OrderCopyFactory(), OrderCopyFactory(in_progress=True, lease_expires_at=NOW)
    busy = OrderCopyFactory(in_progress=True, lease_expires_at=LATER + timedelta(days=1))
    ended = OrderCopyFactory(completed=True)
    before = {copy.pk: OrderFactory.objects.values().get(pk=copy.pk) for copy in (busy, ended)}
    now = NOW + timedelta(seconds=30)

    # when
    started = stories.start("w9", now=now, expires_at=LATER)

    # then
    assert [order_copy.pk for order_copy in started] == [pending.pk, lapsed.pk]
    found = OrderFactory.objects.filter(worker="w9").order_by("pk")
    assert list(
        found.values_list("pk", "status", "attempt", "started_at", "lease_expires_at", "updated_at")
    ) == [
        (pending.pk, "in_progress", 1, now, LATER, now),
        (lapsed.pk, "in_progress", 2, lapsed.started_at, LATER, now),
    ]
    assert {key: OrderFactory.objects.values().get(pk=key) for key in before} == before


@pytest.mark.parametrize(
    ("status", "completed_at", "failed_at"),
    [("completed", NOW, None), ("failed", None, NOW), ("aborted", None, None)],
)
def test_end__saves_the_errors_and_releases_the_lease(
    status: str, completed_at: datetime | None, failed_at: datetime | None
) -> None:
    # given
    order_copy = OrderCopyFactory(in_progress=True)
    ending = Ending(order_copy, Status(status), PROBLEMS)

    # when
    transitions.end([ending], who={}, now=NOW)

    # then
    order_copy.refresh_from_db()
    assert order_copy.has_ended
    assert order_copy.lease_expires_at is None
    written = {name: getattr(order_copy, name) for name in ending.reported(NOW)}
    assert written == {
        "status": status,
        "completed_at": completed_at,
        "failed_at": failed_at,
        "errors_log": LOG,
        "errors_count": 2,
    }
    order_copy.full_clean(exclude=["outcomes"])


def test_has_ended__false_for_pending_and_running_copies() -> None:
    assert not OrderCopyFactory().has_ended
    assert not OrderCopyFactory(in_progress=True).has_ended


def test_payment_key__changes_only_with_a_retry() -> None:
    # given
    order_copy = OrderCopyFactory()
    first = order_copy.payment_key

    # when
    order_copy.attempt = 2
    again = order_copy.payment_key
    order_copy.retries = 1

    # then
    assert first == again == f"order_copies/{order_copy.public_id}"
    assert order_copy.payment_key == f"order_copies/{order_copy.public_id}/1"


def test_retry__only_ended_copies_without_a_target() -> None:
    # given
    now = timezone.now()
    ready = [OrderCopyFactory(failed=True), OrderCopyFactory(status=Status.ABORTED)]
    OrderCopyFactory(failed=True, target_order=placed_order())
    OrderCopyFactory(failed=True, source_order=None)
    OrderCopyFactory(completed=True)
    OrderCopyFactory(in_progress=True)

    # when
    transitions.retry(OrderFactory.objects.all(), who={}, now=now)

    # then
    found = OrderFactory.objects.filter(retries=1).order_by("pk")
    assert list(found.values_list("pk", "status", "attempt", "failed_at", "updated_at")) == [
        (order_copy.pk, "pending", 0, None, now) for order_copy in ready
    ]


def test_abort__only_copies_that_have_not_ended() -> None:
    # given
    now = timezone.now()
    ready = [OrderCopyFactory(), OrderCopyFactory(in_progress=True)]
    OrderCopyFactory(failed=True)
    OrderCopyFactory(completed=True)

    # when
    transitions.abort(OrderFactory.objects.all(), PROBLEMS[0], who={}, now=now)

    # then
    found = OrderFactory.objects.filter(status=Status.ABORTED).order_by("pk")
    assert list(found.values_list("pk", "errors_count", "lease_expires_at", "updated_at")) == [
        (order_copy.pk, 1, None, now) for order_copy in ready
    ]


@pytest.mark.django_db
def test_open_payment__str_is_its_key() -> None:
    payment = OpenPayment(key="order_copies/x/1", order_factory_id=1, retries=0)

    assert str(payment) == "order_copies/x/1"
