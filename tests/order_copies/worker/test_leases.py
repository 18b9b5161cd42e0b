"""Renewal of leases, run without its thread."""

from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.db import DatabaseError, models
from django.utils import timezone

from order_copies.models import OrderFactory
from order_copies.worker import leases
from tests import stories
from tests.factories import OrderCopyFactory

pytestmark = pytest.mark.django_db(transaction=True)


class FakeEvent:
    """An event that is set after this number of waits."""

    def __init__(self, waits: int) -> None:
        self.waits = waits

    def wait(self, seconds: float) -> bool:
        self.waits -= 1
        return self.waits < 0


def claimed(count: int) -> list[OrderFactory]:
    wanted = [OrderCopyFactory() for _ in range(count)]
    now = timezone.now()
    return stories.start("w1", *wanted, now=now, expires_at=now + timedelta(seconds=1))


def seconds_left() -> list[int]:
    expires_at = OrderFactory.objects.values_list("lease_expires_at", flat=True)
    return [round((instant - timezone.now()).total_seconds()) for instant in expires_at]


def test_renewal__extends_the_leases_until_the_batch_ends(settings: LazySettings) -> None:
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"LEASE": 90}
    order_copies = claimed(2)

    # when
    leases._renew(order_copies, FakeEvent(waits=3))  # type: ignore[arg-type]

    # then
    assert seconds_left() == [90, 90]


def test_renewal__leaves_released_copies() -> None:
    # given
    order_copies = claimed(2)
    later = timezone.now() + timedelta(seconds=5)
    OrderFactory.objects.filter(pk=order_copies[0].pk).update(lease_expires_at=later)

    # when
    leases._renew(order_copies, FakeEvent(waits=2))  # type: ignore[arg-type]

    # then
    assert seconds_left() == [5, 60]


def test_renewal__stops_at_the_time_limit_of_a_batch(settings: LazySettings) -> None:
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"BATCH_TIME_LIMIT": 0}
    order_copies = claimed(1)

    # when
    leases._renew(order_copies, FakeEvent(waits=2))  # type: ignore[arg-type]

    # then
    assert seconds_left() == [1]


def test_renewal__is_retried_after_a_database_error(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    # given
    order_copies = claimed(1)
    update = models.QuerySet.update
    errors = [DatabaseError("away")]

    def fail_once(self: "models.QuerySet[OrderFactory]", **values: object) -> int:
        if errors:
            raise errors.pop()
        return update(self, **values)

    monkeypatch.setattr(models.QuerySet, "update", fail_once)

    # when
    leases._renew(order_copies, FakeEvent(waits=2))  # type: ignore[arg-type]

    # then
    assert seconds_left() == [60]
    [record] = caplog.records
    assert "could not be renewed" in record.getMessage()
    assert vars(record)["worker"] == "w1"
    assert vars(record)["order_copy_ids"] == [order_copies[0].public_id]
