from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.db import IntegrityError
from django.utils import timezone

from order_copies import copying
from order_copies.events.models import Event
from order_copies.exceptions import OrderCopyGoneError, SourceOrderGoneError
from order_copies.models import OrderCopy, OrderFactory
from order_copies.worker.batches import Batch
from order_copies.worker.run import run_batch
from tests import stories
from tests.acceptance.shops import PATH, InterferedShop
from tests.factories import OrderCopyFactory, placed_order

pytestmark = pytest.mark.django_db


def test_request_copies__empty_list_writes_nothing() -> None:
    # when
    copying.request_copies([], actor=stories.WHO)

    # then
    assert not OrderFactory.objects.exists()
    assert not Event.objects.exists()


def test_request_copies__one_invalid_copy_refuses_all() -> None:
    # given
    source = placed_order()
    good, bad = OrderCopy(source_order=source), OrderCopy(source_order=source, type="nonsense")

    # when
    with pytest.raises(IntegrityError, match="order_factory_type_known"):
        copying.request_copies([good, bad], actor=stories.WHO)

    # then
    assert not OrderFactory.objects.exists()
    assert not Event.objects.exists()


def test_request_copies__deleted_source_refuses_all() -> None:
    # given
    source = placed_order()
    copies = [OrderCopy(source_order=source), OrderCopy(source_order_id=source.pk + 1)]

    # when
    with pytest.raises(SourceOrderGoneError):
        copying.request_copies(copies, actor=stories.WHO)

    # then
    assert not OrderFactory.objects.exists()
    assert not Event.objects.exists()


def test_update_and_delete__deleted_copy_raises() -> None:
    # given
    order_copy = stories.requested(placed_order())
    OrderFactory.objects.all().delete()

    # when, then
    with pytest.raises(OrderCopyGoneError):
        copying.update(order_copy, actor=stories.WHO)
    with pytest.raises(OrderCopyGoneError):
        copying.delete([order_copy], actor=stories.WHO)


def test_run_batch__empty_queue_claims_nothing() -> None:
    # when
    batch = run_batch(worker="w1")

    # then
    assert batch.claimed == 0
    assert str(batch) == "0 claimed, none ended in 0.000 s"


def test_batch__str_is_one_line_of_counts() -> None:
    # given
    batch = Batch(claimed=3, seconds=0.25)

    # when
    batch.ends.update(["completed", "failed", "completed"])

    # then
    assert str(batch) == "3 claimed, 2 completed, 1 failed in 0.250 s"


@pytest.mark.parametrize(("attempt", "pause"), [(0, 2), (1, 4), (2, 8), (3, 16)])
def test_run_batch__backoff_doubles_with_each_crash(
    settings: LazySettings, attempt: int, pause: int
) -> None:
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"SHOP": PATH}
    order_copy = OrderCopyFactory(attempt=attempt)
    InterferedShop.before["plan"] = crash
    before = timezone.now()

    # when
    batch = run_batch(worker="w1")
    InterferedShop.before.clear()

    # then
    lease = OrderFactory.objects.get(pk=order_copy.pk).lease_expires_at
    assert lease is not None
    assert dict(batch.ends) == {"to retry": 1}
    assert before + timedelta(seconds=pause) <= lease
    assert lease <= timezone.now() + timedelta(seconds=pause)


def crash(_: object) -> None:
    raise ZeroDivisionError


def test_run_batch__lease_has_the_configured_length(settings: LazySettings) -> None:
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"SHOP": PATH, "LEASE": 30}
    order_copy = OrderCopyFactory()
    leases: list[object] = []
    InterferedShop.before["plan"] = lambda order_copies: leases.append(
        order_copies[0].lease_expires_at - order_copies[0].started_at
    )

    # when
    run_batch(worker="w1")
    InterferedShop.before.clear()

    # then
    assert leases == [timedelta(seconds=30)]
    assert stories.fresh(order_copy).lease_expires_at is None
