"""Story: exactly one live authorization for each placed target, and none for anything else.

The bank behaves as gateways do: one authorization per idempotency key, however often requested.
"""

from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.utils import timezone

from order_copies import copying
from order_copies.models import OpenPayment, OrderFactory, Status
from order_copies.worker.run import run_batch
from orders.lifecycle.cancelling import cancel
from orders.models import Authorization, Order
from tests import stories
from tests.acceptance.shops import InterferedShop
from tests.bank import Bank, install_bank
from tests.factories import SkuFactory, placed_order

pytestmark = pytest.mark.django_db

Shop = type[InterferedShop]


class Killed(BaseException):
    """Simulates a process that is killed: no handler of Exception catches it."""


def kill(_: Any) -> None:
    raise Killed


def crash(_: Any) -> None:
    raise ZeroDivisionError


def expire_leases() -> None:
    past = timezone.now() - timedelta(seconds=1)
    OrderFactory.objects.filter(status=Status.IN_PROGRESS).update(lease_expires_at=past)


@pytest.fixture
def bank(monkeypatch: pytest.MonkeyPatch) -> Bank:
    return install_bank(monkeypatch)


def killed_after_authorizing(shop: Shop, **toggles: Any) -> Any:
    """Request a copy and kill its worker between the authorization and the write."""
    order_copy = stories.requested(placed_order(), place_target_order=True, **toggles)
    shop.before["write"] = kill
    with pytest.raises(Killed):
        run_batch("w1")
    shop.before.clear()
    return order_copy


def authorized_tokens(order: Order) -> list[str]:
    live = order.authorizations.filter(status=Authorization.Status.AUTHORIZED)
    return list(live.values_list("token", flat=True))


# Killed workers


def test_killed_worker__its_authorization_is_reused_by_the_next_attempt(
    shop: Shop, bank: Bank
) -> None:
    # given
    order_copy = killed_after_authorizing(shop)
    expire_leases()

    # when
    run_batch("w2")

    # then
    target = stories.target_of(stories.fresh(order_copy))
    assert bank.live == authorized_tokens(target)
    assert len(bank.live) == 1
    assert len(bank.requested_keys) == 2
    assert not OpenPayment.objects.exists()


def test_killed_worker__its_authorization_is_voided_when_the_copy_is_aborted_by_hand(
    shop: Shop, bank: Bank
) -> None:
    # given
    order_copy = killed_after_authorizing(shop)
    copying.abort([order_copy], actor=stories.WHO)

    # when
    batch = run_batch("w2")

    # then
    assert batch.claimed == 0
    assert (len(bank.voided), bank.live) == (1, [])
    assert not OpenPayment.objects.exists()


def test_killed_worker__its_authorization_is_voided_when_the_copy_is_retried_by_hand(
    shop: Shop, bank: Bank
) -> None:
    # given
    order_copy = killed_after_authorizing(shop)
    copying.abort([order_copy], actor=stories.WHO)
    copying.retry([order_copy], actor=stories.WHO)

    # when
    run_batch("w2")

    # then
    target = stories.target_of(stories.fresh(order_copy))
    assert len(bank.voided) == 1
    assert bank.live == authorized_tokens(target) != bank.voided


def test_killed_worker__its_authorization_is_voided_when_the_copy_is_deleted(
    shop: Shop, bank: Bank
) -> None:
    # given
    order_copy = killed_after_authorizing(shop)
    copying.abort([order_copy], actor=stories.WHO)
    copying.retry([order_copy], actor=stories.WHO)
    copying.delete([order_copy], actor=stories.WHO)

    # when
    run_batch("w2")

    # then
    assert (len(bank.voided), bank.live) == (1, [])


def test_killed_worker__its_authorization_is_voided_after_max_attempts(
    shop: Shop, bank: Bank, settings: LazySettings
) -> None:
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"MAX_ATTEMPTS": 1}
    order_copy = killed_after_authorizing(shop)
    expire_leases()

    # when
    run_batch("w2")

    # then
    assert stories.fresh(order_copy).status == Status.ABORTED
    assert (len(bank.voided), bank.live) == (1, [])


def test_killed_worker__its_authorization_is_voided_when_the_source_is_deleted(
    shop: Shop, bank: Bank
) -> None:
    # given
    order_copy = killed_after_authorizing(shop)
    order_copy.source_order.authorizations.all().delete()
    order_copy.source_order.delete()
    expire_leases()

    # when
    run_batch("w2")

    # then
    assert stories.fresh(order_copy).status == Status.ABORTED
    assert (len(bank.voided), bank.live) == (1, [])


def test_changed_total__authorized_again_and_the_old_authorization_voided(
    shop: Shop, bank: Bank
) -> None:
    # given
    order_copy = killed_after_authorizing(shop)
    source = order_copy.source_order
    line = source.line_items.filter(item_type="skus").first()
    source.line_items.filter(pk=line.pk).update(total_amount_cents=line.total_amount_cents + 100)
    total = source.total_amount_with_taxes_cents + 100
    Order.objects.filter(pk=source.pk).update(total_amount_with_taxes_cents=total)
    expire_leases()

    # when
    run_batch("w2")

    # then
    target = stories.target_of(stories.fresh(order_copy))
    assert target.total_amount_with_taxes_cents == total
    assert target.authorizations.get().amount_cents == total
    assert len(bank.voided) == 1
    assert bank.live == authorized_tokens(target)


def test_unplaceable_plan__voids_the_earlier_authorization(shop: Shop, bank: Bank) -> None:
    # given
    order_copy = killed_after_authorizing(shop)
    order_copy.source_order.addresses.all().delete()
    expire_leases()

    # when
    run_batch("w2")

    # then
    assert stories.fresh(order_copy).status == Status.FAILED
    assert (len(bank.voided), bank.live) == (1, [])


# Failing gateways


def test_lost_response__authorize_is_repeated_with_the_same_key(shop: Shop, bank: Bank) -> None:
    # given
    order_copy = stories.requested(placed_order(), place_target_order=True)
    authorize = bank.authorize

    def authorize_then_fail(payments: Any) -> None:
        for payment in payments:
            authorize(idempotency_key=payment.key, **payment.details)
        raise ConnectionResetError

    shop.before["authorize"] = authorize_then_fail
    run_batch("w1")
    between = bank.live
    shop.before.clear()

    # when
    run_batch("w1")

    # then
    target = stories.target_of(stories.fresh(order_copy))
    assert bank.live == between == authorized_tokens(target)
    assert bank.voided == []


def test_lost_response__voided_when_the_copy_is_aborted(
    shop: Shop, bank: Bank, settings: LazySettings
) -> None:
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"MAX_ATTEMPTS": 2}
    order_copy = stories.requested(placed_order(), place_target_order=True)
    authorize = bank.authorize

    def authorize_then_fail(payments: Any) -> None:
        authorize(idempotency_key=payments[0].key, **payments[0].details)
        raise ConnectionResetError

    shop.before["authorize"] = authorize_then_fail

    # when
    stories.run_all()

    # then
    found = stories.fresh(order_copy)
    assert found.status == Status.ABORTED
    assert "crashed 2 times (ConnectionResetError)" in found.errors_log["base"][0]
    assert [(it["attribute"], it["code"]) for it in found.outcomes] == [("base", "crashed")]
    assert (len(bank.voided), bank.live) == (1, [])


def test_declined_payment__not_voided(shop: Shop, bank: Bank) -> None:
    # given
    bank.declines = True
    order_copy = killed_after_authorizing(shop)
    copying.abort([order_copy], actor=stories.WHO)

    # when
    run_batch("w2")

    # then
    assert bank.voided == []
    assert not OpenPayment.objects.exists()


def test_failed_void__retried_later_one_payment_at_a_time(
    shop: Shop, bank: Bank, caplog: pytest.LogCaptureFixture
) -> None:
    # given
    order_copies = [killed_after_authorizing(shop) for _ in range(3)]
    copying.abort(order_copies, actor=stories.WHO)
    shop.before["void"] = crash

    # when
    run_batch("w2")

    # then
    assert len(bank.live) == 3
    assert list(OpenPayment.objects.values_list("failures", flat=True)) == [1, 1, 1]
    assert "Could not void" in caplog.text

    # when
    shop.before.clear()
    for _ in range(3):
        run_batch("w2")

    # then
    assert [len(payments) for method, payments in shop.calls if method == "void"] == [3, 1, 1, 1]
    assert bank.live == []
    assert not OpenPayment.objects.exists()


def test_failed_void__retried_next_to_new_payments(
    shop: Shop, bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    monkeypatch.setattr("order_copies.worker.payments.LIMIT", 1)
    first = killed_after_authorizing(shop)
    copying.abort([first], actor=stories.WHO)
    shop.before["void"] = crash
    run_batch("w2")
    shop.before.clear()

    # when
    copying.abort([killed_after_authorizing(shop)], actor=stories.WHO)
    run_batch("w2")

    # then
    assert [len(payments) for method, payments in shop.calls if method == "void"] == [1, 1, 1]
    assert bank.live == []
    assert not OpenPayment.objects.exists()


def test_failed_void__backoff_doubles(shop: Shop, bank: Bank, settings: LazySettings) -> None:
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"RETRY_PAUSE": 100}
    order_copy = killed_after_authorizing(shop)
    copying.abort([order_copy], actor=stories.WHO)
    shop.before["void"] = crash
    backoffs = []

    # when
    for _ in range(3):
        before = timezone.now()
        run_batch("w2")
        run_batch("w2")
        backoffs.append(round((OpenPayment.objects.get().due_at - before).total_seconds(), -1))
        OpenPayment.objects.update(due_at=timezone.now())

    # then
    assert backoffs == [100, 200, 400]
    assert len(shop.voided()) == 3


def test_split_batch__authorizes_each_payment_once(shop: Shop, bank: Bank) -> None:
    # given
    order_copies = [stories.requested(placed_order(), place_target_order=True) for _ in range(4)]
    bad = order_copies[2].pk

    def crash_on_bad(runs: Any) -> None:
        if any(run.order_copy.pk == bad for run in runs):
            raise ZeroDivisionError

    shop.before["write"] = crash_on_bad

    # when
    run_batch("w1")

    # then
    assert len(bank.requested_keys) == 4
    assert len(bank.live) == 4


def test_void__once_with_two_concurrent_processes(shop: Shop, bank: Bank) -> None:
    # given
    order_copy = killed_after_authorizing(shop)
    copying.abort([order_copy], actor=stories.WHO)

    def another_process(_: Any) -> None:
        shop.before.clear()
        run_batch("w3")

    shop.before["void"] = another_process

    # when
    run_batch("w2")

    # then
    assert len(set(bank.voided)) == 1
    assert bank.live == []


# Authorizations of orders


def test_cancelled_source__voided_later_when_the_gateway_is_down(
    shop: Shop,
    bank: Bank,
    settings: LazySettings,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"RETRY_PAUSE": 0}
    source = placed_order()
    [token] = authorized_tokens(source)
    order_copy = stories.requested(source, place_target_order=True, cancel_source_order=True)

    def refuse_connection(*_: Any) -> None:
        raise ConnectionRefusedError

    with monkeypatch.context() as patched:
        patched.setattr("orders.lifecycle.gateways.LocalGateway.void", refuse_connection)
        run_batch("w1")
    authorization = source.authorizations.get()
    between = (authorization.status, authorization.voided_at, [*bank.voided])

    # when
    run_batch("w1")

    # then
    authorization.refresh_from_db()
    assert stories.fresh(order_copy).status == Status.COMPLETED
    assert between == ("voided", None, [])
    assert "could not catch up" in caplog.text
    assert bank.voided == [token]
    assert authorization.voided_at is not None


@pytest.mark.django_db(transaction=True)
def test_cancelled_order__voided_at_once_when_cancelled_by_hand(bank: Bank) -> None:
    # given
    order = placed_order(lines=[{"sku": SkuFactory()}])
    [token] = authorized_tokens(order)

    # when
    cancel([order.pk], who=stories.WHO)

    # then
    assert bank.voided == [token]
    assert order.authorizations.get().voided_at is not None
