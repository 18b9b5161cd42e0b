from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from order_copies.models import OrderSubscription, SubscriptionStatus
from order_copies.subscriptions.transitions import (
    RENEWING,
    TRANSITIONS,
    Journal,
    alert_at,
    due_at,
    locked_by_key,
    slot_after,
)
from tests import stories
from tests.subscriptions import DAY, FIRST, HOUR, Clock, events_of, fresh, many, subscribed

NOW = FIRST - DAY


def one_with(**values: Any) -> OrderSubscription:
    """Return an unsaved active subscription whose next slot was announced."""
    defaults = {"status": "active", "frequency": "daily", "anchor_at": FIRST}
    slots = {"next_run_at": FIRST, "alerted_for": FIRST}
    return OrderSubscription(**{**defaults, **slots, **values})


def test_transitions__every_status_can_be_left_and_reached() -> None:
    sources = {status for one in TRANSITIONS.values() for status in one.sources}

    assert {one.target for one in TRANSITIONS.values()} == set(SubscriptionStatus)
    assert sources - {None} == set(SubscriptionStatus) - {SubscriptionStatus.CANCELLED}
    assert set(RENEWING) == {"active", "running"}


@pytest.mark.parametrize(
    ("values", "due"),
    [
        ({}, FIRST),
        ({"alerted_for": None}, FIRST - HOUR),
        ({"alerted_for": FIRST - DAY, "renewal_alert_period": 720}, FIRST - 30 * DAY),
        ({"retry_at": FIRST - 2 * HOUR}, FIRST - 2 * HOUR),
        ({"expires_at": FIRST - HOUR}, FIRST - HOUR),
        ({"next_run_at": None, "expires_at": FIRST + DAY}, FIRST + DAY),
        ({"next_run_at": None}, None),
        ({"status": "running"}, None),
        ({"status": "draft"}, None),
        ({"status": "cancelled"}, None),
        ({"status": "inactive"}, None),
        ({"status": "inactive", "resumes_at": FIRST + DAY}, FIRST + DAY),
    ],
    ids=str,
)
def test_due_at__is_the_earliest_instant_with_something_to_do(values: Any, due: Any) -> None:
    assert due_at(one_with(**values)) == due


def test_alert_at__none_for_a_slot_that_was_announced() -> None:
    assert alert_at(one_with()) is None
    assert alert_at(one_with(next_run_at=FIRST + DAY)) == FIRST + DAY - HOUR


@pytest.mark.parametrize(
    ("expires_at", "slot"),
    [
        (None, FIRST + DAY),
        (FIRST + DAY, None),
        (FIRST + DAY + timedelta(microseconds=1), FIRST + DAY),
    ],
)
def test_slot_after__there_is_none_at_the_expiry(expires_at: Any, slot: Any) -> None:
    assert slot_after(one_with(expires_at=expires_at), FIRST) == slot


# The journal


@pytest.mark.django_db
@pytest.mark.parametrize("count", [1, 100])
def test_journal__writes_with_two_statements(count: int) -> None:
    """UPDATE the subscriptions, INSERT their events."""
    # given
    many(count)
    journal = Journal(stories.WHO, NOW)
    with transaction.atomic():
        for one in locked_by_key(set(OrderSubscription.objects.values_list("pk", flat=True))):
            journal.move(one, "deactivate", resumes_at=FIRST)

        # when
        with CaptureQueriesContext(connection) as queries:
            journal.write()

    # then
    assert len(queries) == 2
    found = OrderSubscription.objects.filter(status="inactive", next_run_at=None, due_at=FIRST)
    assert found.filter(updated_at=NOW).count() == count


@pytest.mark.django_db
def test_journal__internal_columns_are_not_reported(clock: Clock) -> None:
    # given
    one = subscribed()
    count = len(events_of(one))
    journal = Journal(stories.WHO, NOW)

    # when
    journal.change(one, alerted_for=FIRST)
    journal.change(one, reference=None)
    journal.write()

    # then
    assert (fresh(one).alerted_for, len(events_of(one))) == (FIRST, count)


@pytest.mark.django_db
def test_journal__keeps_the_columns_that_it_does_not_set(clock: Clock) -> None:
    # given the source order is deleted while the subscription is in memory
    one = subscribed(
        reference="R", metadata={"a": [None]}, max_price_increase_percent=Decimal("12.5")
    )
    OrderSubscription.objects.filter(pk=one.pk).update(source_order=None, number="1")
    journal = Journal(stories.WHO, NOW)

    # when
    journal.change(one, attention="x")
    journal.write()

    # then
    one = fresh(one)
    assert (one.source_order, one.number, one.attention) == (None, "1", "x")
    assert (one.reference, one.metadata) == ("R", {"a": [None]})
    assert (str(one.max_price_increase_percent), one.starts_at) == ("12.50", FIRST)


@pytest.mark.django_db
def test_journal__forbidden_transition_is_an_error_of_the_caller() -> None:
    journal = Journal(stories.WHO, NOW)

    with pytest.raises(AssertionError, match="the caller checks the status"):
        journal.move(one_with(pk=1, status="cancelled"), "activate")


# What the database refuses


@pytest.mark.django_db
@pytest.mark.parametrize(
    "values",
    [
        {"status": "pending"},
        {"status": "running"},
        {"running_for": FIRST},
        {"expires_at": FIRST},
        {"last_slot": FIRST},
        {"last_slot": FIRST + DAY},
        {"renewal_alert_period": 0},
        {"renewal_alert_period": 721},
    ],
    ids=str,
)
def test_database__refuses_what_must_never_be(clock: Clock, values: dict[str, Any]) -> None:
    # given
    one = subscribed()

    # then
    with pytest.raises(IntegrityError), transaction.atomic():
        OrderSubscription.objects.filter(pk=one.pk).update(**values)


@pytest.mark.django_db
def test_database__refuses_a_second_copy_of_a_slot(clock: Clock) -> None:
    # given
    one = subscribed()
    slot = {"order_subscription": one, "scheduled_for": FIRST, "source_order": one.source_order}
    stories.OrderFactory.objects.create(**slot)

    # then
    with pytest.raises(IntegrityError), transaction.atomic():
        stories.OrderFactory.objects.create(**slot)
