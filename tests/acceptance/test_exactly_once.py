"""Story: when processes are killed at any step, each copy ends once, with one target or none."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.db.models import F
from django.utils import timezone

from order_copies.models import OrderFactory, Status
from order_copies.worker.run import run_batch
from orders.models import Authorization, Order, StockItem
from tests import stories
from tests.acceptance.shops import InterferedShop
from tests.factories import CouponFactory, SkuFactory, placed_order

pytestmark = pytest.mark.django_db

Shop = type[InterferedShop]


class Killed(BaseException):
    """Simulates a process that is killed: no handler of Exception catches it."""


def kill(_: Any) -> None:
    raise Killed


def crash(_: Any) -> None:
    message = "The shop crashed."
    raise RuntimeError(message)


def crash_on(source: Order) -> Callable[[Sequence[Any]], None]:
    """Return a hook that crashes for each batch with a copy of this order."""

    def hook(subjects: Sequence[Any]) -> None:
        for subject in subjects:
            if getattr(subject, "order_copy", subject).source_order_id == source.pk:
                crash(subject)

    return hook


def expire_leases() -> None:
    """Expire all leases."""
    past = timezone.now() - timedelta(seconds=1)
    OrderFactory.objects.filter(status=Status.IN_PROGRESS).update(lease_expires_at=past)


def targets() -> list[int]:
    """Return the keys of all orders that are the source of no copy."""
    sources = OrderFactory.objects.values("source_order")
    return list(Order.objects.exclude(pk__in=sources).values_list("pk", flat=True))


def targets_without(*sources: Order) -> list[int]:
    """Return the keys of all targets, when the copies of these sources were deleted."""
    return [key for key in targets() if key not in {source.pk for source in sources}]


# Concurrent workers


def test_claim__not_claimed_by_another_worker(shop: Shop) -> None:
    # given
    source = placed_order()
    order_copies = [stories.requested(source) for _ in range(3)]
    claims: list[int] = []
    shop.before["plan"] = lambda _: claims.append(run_batch(worker="w2").claimed)

    # when
    first = run_batch(worker="w1")

    # then
    assert first.claimed == 3
    assert claims == [0]
    assert {stories.fresh(order_copy).worker for order_copy in order_copies} == {"w1"}


def test_two_workers__each_copy_has_one_target(shop: Shop) -> None:
    # given
    source = placed_order()
    order_copies = [stories.requested(source) for _ in range(7)]
    claims: Counter[str] = Counter()

    def second_worker(_: Any) -> None:
        shop.before.clear()
        claims["w2"] = run_batch(worker="w2", limit=3).claimed

    shop.before["plan"] = second_worker

    # when
    claims["w1"] = run_batch(worker="w1", limit=2).claimed
    stories.run_all()

    # then
    ended = [stories.fresh(order_copy) for order_copy in order_copies]
    assert claims == {"w1": 2, "w2": 3}
    assert {order_copy.status for order_copy in ended} == {Status.COMPLETED}
    assert sorted(order_copy.target_order_id for order_copy in ended) == targets()
    assert len(set(targets())) == 7


def test_claim__oldest_first() -> None:
    # given
    source = placed_order()
    order_copies = [stories.requested(source) for _ in range(3)]

    # when
    batch = run_batch(worker="w1", limit=2)

    # then
    assert batch.claimed == 2
    assert [stories.fresh(order_copy).status for order_copy in order_copies] == [
        "completed",
        "completed",
        "pending",
    ]


def test_claim__limited_to_the_batch_size(
    settings: LazySettings,
) -> None:
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"BATCH_SIZE": 2}
    source = placed_order()
    for _ in range(5):
        stories.requested(source)

    # when
    claimed = [run_batch(worker="w1").claimed for _ in range(4)]

    # then
    assert claimed == [2, 2, 1, 0]


# Leases


@pytest.mark.parametrize("step", ["plan", "authorize", "write", "place", "cancel"])
def test_stale_worker__writes_nothing(shop: Shop, step: str) -> None:
    # given
    source = placed_order(lines=[{"sku": SkuFactory(stock=1)}])
    order_copy = stories.requested(source, place_target_order=True, cancel_source_order=True)

    def another_attempt(_: Any) -> None:
        OrderFactory.objects.update(attempt=F("attempt") + 1, worker="w2")

    shop.before[step] = another_attempt
    before = stories.every_byte(source)

    # when
    run_batch(worker="w1")

    # then
    found = stories.fresh(order_copy)
    in_transaction = step in {"write", "place", "cancel"}
    assert (found.status, found.target_order, found.outcomes) == (Status.IN_PROGRESS, None, [])
    assert stories.every_byte(source) == before
    assert targets() == []
    if not in_transaction:
        assert (found.worker, found.attempt) == ("w2", 2)


def test_stale_worker__copy_finished_by_another_worker_has_one_target(shop: Shop) -> None:
    # given
    source = placed_order(lines=[{"sku": SkuFactory(stock=1)}], coupon=CouponFactory(usage_limit=1))
    order_copy = stories.requested(source, place_target_order=True, cancel_source_order=True)

    def another_worker_finishes(_: Any) -> None:
        shop.before.clear()
        expire_leases()
        assert run_batch(worker="w2").claimed == 1

    shop.before["authorize"] = another_worker_finishes

    # when
    run_batch(worker="w1")

    # then
    found = stories.fresh(order_copy)
    target = stories.target_of(found)
    assert (found.status, found.worker, found.attempt) == (Status.COMPLETED, "w2", 2)
    assert targets() == [target.pk]
    assert stories.statuses(target) == ("placed", "authorized", "unfulfilled")
    assert target.authorizations.get().status == Authorization.Status.AUTHORIZED
    assert stories.events_of(order_copy) == [
        "order_copies.create",
        "order_copies.start",
        "order_copies.complete",
    ]


def test_stale_worker__never_voids_the_payment_of_its_successor(shop: Shop) -> None:
    # given
    source = placed_order()
    stories.requested(source, place_target_order=True)

    def another_worker_finishes(_: Any) -> None:
        shop.before.clear()
        expire_leases()
        run_batch(worker="w2")

    shop.before["authorize"] = another_worker_finishes

    # when
    run_batch(worker="w1")

    # then
    assert shop.voided() == []


@pytest.mark.parametrize("max_attempts", [1, 5])
@pytest.mark.parametrize("step", ["plan", "authorize"])
def test_stale_worker__crash_leaves_the_copy_to_its_successor(
    shop: Shop, settings: LazySettings, step: str, max_attempts: int
) -> None:
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"MAX_ATTEMPTS": max_attempts}
    order_copy = stories.requested(placed_order(), place_target_order=True)
    taken_over = []

    def another_attempt(_: Any) -> None:
        OrderFactory.objects.update(attempt=F("attempt") + 1, worker="w2")
        taken_over.append(OrderFactory.objects.values().get())
        crash(_)

    shop.before[step] = another_attempt

    # when
    run_batch(worker="w1")

    # then
    assert OrderFactory.objects.values().get(pk=order_copy.pk) == taken_over[0]
    assert stories.events_of(order_copy) == ["order_copies.create", "order_copies.start"]


@pytest.mark.parametrize("max_attempts", [1, 5])
def test_stale_worker__crash_never_voids_the_payment_of_a_placed_target(
    shop: Shop, settings: LazySettings, max_attempts: int
) -> None:
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"MAX_ATTEMPTS": max_attempts}
    order_copy = stories.requested(placed_order(), place_target_order=True)

    def another_worker_finishes(_: Any) -> None:
        shop.before.clear()
        settings.ORDER_COPIES = settings.ORDER_COPIES | {"MAX_ATTEMPTS": max_attempts + 1}
        expire_leases()
        run_batch(worker="w2")
        settings.ORDER_COPIES = settings.ORDER_COPIES | {"MAX_ATTEMPTS": max_attempts}
        shop.before["write"] = crash

    shop.before["authorize"] = another_worker_finishes

    # when
    run_batch(worker="w1")

    # then
    assert stories.fresh(order_copy).status == Status.COMPLETED
    assert shop.voided() == []


def test_stale_worker__other_copies_of_its_batch_complete(shop: Shop) -> None:
    # given
    source = placed_order(lines=[{"sku": SkuFactory(stock=1)}])
    stale, other = (
        stories.requested(source, place_target_order=True, cancel_source_order=True)
        for _ in range(2)
    )

    def another_attempt(_: Any) -> None:
        shop.before.clear()
        OrderFactory.objects.filter(pk=stale.pk).update(attempt=F("attempt") + 1, worker="w2")

    shop.before["authorize"] = another_attempt

    # when
    batch = run_batch(worker="w1")

    # then
    assert dict(batch.ends) == {"completed": 1, "lost": 1}
    assert stories.fresh(stale).status == Status.IN_PROGRESS
    assert stories.ending(stories.fresh(other)) == (Status.COMPLETED, {}, 0)
    assert stories.statuses(stories.target_of(stories.fresh(other)))[0] == "placed"


def test_lease__protects_the_copy_until_it_expires() -> None:
    # given
    order_copy = stories.requested(placed_order())
    OrderFactory.objects.update(
        status=Status.IN_PROGRESS,
        worker="w1",
        attempt=1,
        started_at=timezone.now(),
        lease_expires_at=timezone.now() + timedelta(seconds=30),
    )

    # when
    protected = run_batch(worker="w2").claimed
    expire_leases()
    taken_over = run_batch(worker="w2").claimed

    # then
    found = stories.fresh(order_copy)
    assert (protected, taken_over) == (0, 1)
    assert (found.status, found.worker, found.attempt) == (Status.COMPLETED, "w2", 2)


# Killed workers and crashes


@pytest.mark.parametrize("step", ["plan", "authorize", "write", "place", "cancel"])
def test_killed_worker__nothing_is_half_written_and_another_worker_finishes(
    shop: Shop, step: str
) -> None:
    # given
    source = placed_order(lines=[{"sku": SkuFactory(stock=1)}])
    order_copy = stories.requested(source, place_target_order=True, cancel_source_order=True)
    before = stories.every_byte(source)
    shop.before[step] = kill

    # when
    with pytest.raises(Killed):
        run_batch(worker="w1")

    # then
    assert stories.fresh(order_copy).status == Status.IN_PROGRESS
    assert stories.every_byte(source) == before
    assert targets() == []

    # when
    shop.before.clear()
    expire_leases()
    run_batch(worker="w2")

    # then
    found = stories.fresh(order_copy)
    assert stories.ending(found) == (Status.COMPLETED, {}, 0)
    assert targets() == [stories.target_of(found).pk]
    assert stories.statuses(source)[0] == "cancelled"


def test_payment__every_attempt_has_the_same_idempotency_key(shop: Shop) -> None:
    # given
    order_copy = stories.requested(placed_order(), place_target_order=True)
    tokens: list[str] = []

    def record_and_kill(runs: Any) -> None:
        tokens.append(runs[0].payment.authorization.token)
        kill(runs)

    shop.before["write"] = record_and_kill

    # when
    for _ in range(3):
        with pytest.raises(Killed):
            run_batch(worker="w1")
        expire_leases()
    shop.before.clear()
    run_batch(worker="w1")

    # then
    target = stories.target_of(stories.fresh(order_copy))
    assert len(tokens) == 3
    assert set(tokens) == {target.authorizations.get().token}


@pytest.mark.parametrize("step", ["plan", "authorize", "write", "place", "cancel"])
def test_crash__retried_and_completed(shop: Shop, step: str) -> None:
    # given
    source = placed_order()
    order_copy = stories.requested(source, place_target_order=True, cancel_source_order=True)
    shop.before[step] = crash

    # when
    crashed = run_batch(worker="w1")
    between = stories.fresh(order_copy)
    left_behind = targets()
    shop.before.clear()
    run_batch(worker="w1")

    # then
    ended = stories.fresh(order_copy)
    assert crashed.claimed == 1
    assert (between.status, between.attempt, left_behind) == (Status.IN_PROGRESS, 1, [])
    assert (ended.status, ended.attempt) == (Status.COMPLETED, 2)
    assert ended.started_at == between.started_at


def test_crash__aborted_after_max_attempts(shop: Shop, settings: LazySettings) -> None:
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"MAX_ATTEMPTS": 3}
    source = placed_order()
    order_copy = stories.requested(source, cancel_source_order=True)
    before = stories.every_byte(source)
    shop.before["plan"] = crash

    # when
    claimed = [run_batch(worker="w1").claimed for _ in range(4)]

    # then
    found = stories.fresh(order_copy)
    assert claimed == [1, 1, 1, 0]
    assert (found.status, found.attempt, found.target_order) == (Status.ABORTED, 3, None)
    assert (found.completed_at, found.failed_at) == (None, None)
    assert found.errors_count == len(stories.all_messages(found.errors_log)) == 1
    assert stories.events_of(order_copy) == [
        "order_copies.create",
        "order_copies.start",
        "order_copies.abort",
    ]
    assert stories.every_byte(source) == before


def test_poison_copy__aborted_after_max_attempts(shop: Shop, settings: LazySettings) -> None:
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"MAX_ATTEMPTS": 3}
    order_copy = stories.requested(placed_order())
    shop.before["write"] = kill

    # when
    for _ in range(3):
        with pytest.raises(Killed):
            run_batch(worker="w1")
        expire_leases()
    run_batch(worker="w1")

    # then
    found = stories.fresh(order_copy)
    assert (found.status, found.target_order) == (Status.ABORTED, None)
    assert stories.events_of(order_copy)[-1] == "order_copies.abort"
    assert targets() == []


def test_payment__voided_when_the_copy_is_aborted(shop: Shop, settings: LazySettings) -> None:
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"MAX_ATTEMPTS": 2}
    order_copy = stories.requested(placed_order(), place_target_order=True)
    shop.before["write"] = crash

    # when
    stories.run_all()

    # then
    assert stories.fresh(order_copy).status == Status.ABORTED
    assert shop.voided() == [order_copy.payment_key]


def test_payment__voided_when_the_target_is_not_placed(shop: Shop) -> None:
    # given a copy whose last piece is sold after its payment was authorized
    sku = SkuFactory(stock=2)
    order_copy = stories.requested(placed_order(lines=[{"sku": sku}]), place_target_order=True)
    shop.before["write"] = lambda runs: StockItem.objects.update(reserved=F("quantity"))

    # when
    stories.run_all()

    # then
    assert stories.fresh(order_copy).status == Status.FAILED
    assert shop.voided() == [order_copy.payment_key]


def test_payment__not_authorized_when_an_earlier_copy_takes_the_last_piece(shop: Shop) -> None:
    # given
    source = placed_order(lines=[{"sku": SkuFactory(stock=2)}])
    first, second = (stories.requested(source, place_target_order=True) for _ in range(2))

    # when
    stories.run_all()

    # then
    [(_, payments)] = [call for call in shop.calls if call[0] == "authorize"]
    assert [stories.fresh(one).status for one in (first, second)] == ["completed", "failed"]
    assert [payment.key.rpartition("/")[0] for payment in payments] == [first.payment_key]
    assert shop.voided() == []


# One failing copy among others


@pytest.mark.parametrize("step", ["plan", "write"])
def test_batch__one_crashing_copy_is_aborted_alone(
    shop: Shop, settings: LazySettings, step: str
) -> None:
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"MAX_ATTEMPTS": 2}
    sources = [placed_order(lines=1, options=0) for _ in range(9)]
    order_copies = [stories.requested(source) for source in sources]
    shop.before[step] = crash_on(sources[6])

    # when
    stories.run_all()

    # then
    ends = [stories.fresh(order_copy).status for order_copy in order_copies]
    assert ends == ["completed"] * 6 + ["aborted"] + ["completed"] * 2
    assert len(targets()) == 8
    assert all(len(stories.events_of(order_copy)) == 3 for order_copy in order_copies), (
        "each copy starts and ends once"
    )


def test_batch__failing_copies_do_not_affect_the_others() -> None:
    # given
    good = placed_order()
    bad = placed_order(lines=[{"sku": SkuFactory(on_sale=False)}])
    unplaceable = placed_order(payment_source=None)
    order_copies = [
        stories.requested(source, place_target_order=True)
        for source in (good, bad, unplaceable, good)
    ]

    # when
    run_batch(worker="w1")

    # then
    ended = [stories.fresh(order_copy) for order_copy in order_copies]
    assert [(found.status, found.target_order is not None) for found in ended] == [
        ("completed", True),
        ("failed", False),
        ("failed", True),
        ("completed", True),
    ]


def test_void__error_keeps_no_copy_from_ending(shop: Shop) -> None:
    # given
    source = placed_order(lines=[{"sku": SkuFactory(stock=2)}])
    order_copies = [stories.requested(source, place_target_order=True) for _ in range(3)]
    shop.before["void"] = crash

    # when
    stories.run_all()

    # then
    ended = [stories.fresh(order_copy) for order_copy in order_copies]
    assert [found.status for found in ended] == ["completed", "failed", "failed"]
    assert all(len(stories.events_of(order_copy)) == 3 for order_copy in order_copies)


# Deleted copies and sources


def test_deleted_copy__leaves_no_target_and_the_others_complete(
    shop: Shop,
) -> None:
    # given
    deleted, kept = (stories.requested(placed_order()) for _ in range(2))

    def delete(_: Any) -> None:
        shop.before.clear()
        OrderFactory.objects.filter(pk=deleted.pk).delete()

    shop.before["plan"] = delete

    # when
    stories.run_all()

    # then
    found = stories.fresh(kept)
    assert found.status == Status.COMPLETED
    assert targets_without(deleted.source_order) == [found.target_order_id]


def test_deleted_source__before_the_run_aborts_the_copy() -> None:
    # given
    source = placed_order()
    order_copy = stories.requested(source)
    source.authorizations.all().delete()
    source.delete()

    # when
    run_batch(worker="w1")

    # then
    found = stories.fresh(order_copy)
    assert stories.ending(found) == (Status.ABORTED, {"source_order": 1}, 1)
    assert stories.events_of(order_copy)[-1] == "order_copies.abort"


def test_deleted_source__during_the_run_aborts_that_copy_only(shop: Shop) -> None:
    # given
    deleted, kept = placed_order(), placed_order()
    order_copies = [stories.requested(source) for source in (deleted, kept)]

    def delete(_: Any) -> None:
        shop.before.clear()
        Authorization.objects.filter(order=deleted).delete()
        Order.objects.filter(pk=deleted.pk).delete()

    shop.before["plan"] = delete

    # when
    stories.run_all()

    # then
    ended = [stories.fresh(order_copy) for order_copy in order_copies]
    assert [found.status for found in ended] == [Status.ABORTED, Status.COMPLETED]
    assert list(ended[0].errors_log) == ["source_order"]
