"""The thread that renews leases, without the thread."""

from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.db import DatabaseError, models
from django.utils import timezone

from order_copies.models import OrderFactory
from order_copies.worker import leases
from tests.factories import OrderCopyFactory

pytestmark = pytest.mark.django_db(transaction=True)


class Ended:
    """Ends after so many looks at it."""

    def __init__(self, looks: int) -> None:
        self.looks = looks

    def wait(self, seconds: float) -> bool:
        self.looks -= 1
        return self.looks < 0


def claimed(count: int) -> list[OrderFactory]:
    wanted = [OrderCopyFactory() for _ in range(count)]
    now = timezone.now()
    OrderFactory.objects.all().start(now, worker="w1", lease_expires_at=now + timedelta(seconds=1))
    return list(OrderFactory.objects.filter(pk__in=[order_copy.pk for order_copy in wanted]))


def seconds_left() -> list[int]:
    expires_at = OrderFactory.objects.values_list("lease_expires_at", flat=True)
    return [round((instant - timezone.now()).total_seconds()) for instant in expires_at]


def test_the_leases_of_a_batch_are_renewed_as_often_as_it_takes(settings: LazySettings) -> None:
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"LEASE": 90}
    order_copies = claimed(2)

    # when
    leases._renew(order_copies, Ended(looks=3))  # type: ignore[arg-type]

    # then
    assert seconds_left() == [90, 90]


def test_what_was_handed_back_is_left_alone() -> None:
    # given
    order_copies = claimed(2)
    later = timezone.now() + timedelta(seconds=5)
    OrderFactory.objects.filter(pk=order_copies[0].pk).update(lease_expires_at=later)

    # when
    leases._renew(order_copies, Ended(looks=2))  # type: ignore[arg-type]

    # then
    assert seconds_left() == [5, 60]


def test_a_batch_that_takes_too_long_is_not_renewed(settings: LazySettings) -> None:
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"BATCH_TIME_LIMIT": 0}
    order_copies = claimed(1)

    # when
    leases._renew(order_copies, Ended(looks=2))  # type: ignore[arg-type]

    # then
    assert seconds_left() == [1]


def test_a_renewal_that_fails_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    # given
    order_copies = claimed(1)
    update = models.QuerySet.update
    troubles = [DatabaseError("away")]

    def fail_once(self: "models.QuerySet[OrderFactory]", **values: object) -> int:
        if troubles:
            raise troubles.pop()
        return update(self, **values)

    monkeypatch.setattr(models.QuerySet, "update", fail_once)

    # when
    leases._renew(order_copies, Ended(looks=2))  # type: ignore[arg-type]

    # then
    assert seconds_left() == [60]
    [record] = caplog.records
    assert "could not be renewed" in record.getMessage()
    assert vars(record)["worker"] == "w1"
    assert vars(record)["order_copy_ids"] == [order_copies[0].public_id]
