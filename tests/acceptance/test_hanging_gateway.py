"""Story: a gateway that hangs delays a batch little, and copies without a payment not at all.

Each call to a real one blocks for ten seconds and then raises TimeoutError; here it raises at once.
"""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import OperationalError

from order_copies.models import OrderFactory, Status
from order_copies.worker.run import run_batch
from orders.models import Order
from tests import stories
from tests.acceptance.shops import InterferedShop
from tests.bank import Bank, install_bank
from tests.factories import SkuFactory, placed_order

pytestmark = pytest.mark.django_db


class HangingBank(Bank):
    """A bank that raises TimeoutError for some payments."""

    def __init__(self) -> None:
        super().__init__()
        #: Whether the bank hangs for a payment, by the payment's key without the digest.
        self.hangs_for: Callable[[str], bool] = lambda payment_key: True

    def authorize(self, *, idempotency_key: str, **parameters: Any) -> Any:
        if self.hangs_for(idempotency_key.rpartition("/")[0]):
            self.requested_keys.append(idempotency_key)
            raise TimeoutError("timed out")
        return super().authorize(idempotency_key=idempotency_key, **parameters)


@pytest.fixture
def bank(monkeypatch: pytest.MonkeyPatch) -> HangingBank:
    bank = HangingBank()
    install_bank(monkeypatch, bank)
    return bank


@pytest.fixture
def source() -> Order:
    return placed_order(lines=[{"sku": SkuFactory(stock=1000)}])


def requested_with_payment(source: Order, count: int) -> list[OrderFactory]:
    """Request copies that place their targets, and so authorize payments."""
    return [stories.requested(source, place_target_order=True) for _ in range(count)]


def payments_of(order_copies: Sequence[OrderFactory]) -> Callable[[str], bool]:
    """Return a predicate: whether a payment, by its key, belongs to one of these copies."""
    keys = {order_copy.payment_key for order_copy in order_copies}
    return keys.__contains__


def test_hanging_gateway__three_calls_per_batch_after_the_copies_without_payment(
    bank: HangingBank, source: Order
) -> None:
    # given
    order_copies = [stories.requested(source, place_target_order=bool(n % 2)) for n in range(40)]
    completed: list[int] = []

    def hang(_payment_key: str) -> bool:
        completed.append(OrderFactory.objects.filter(status=Status.COMPLETED).count())
        return True

    bank.hangs_for = hang

    # when
    batch = run_batch("w1")

    # then
    assert dict(batch.ends) == {"completed": 20, "to retry": 20}
    assert completed == [20, 20, 20]
    assert {stories.fresh(one).status for one in order_copies[::2]} == {Status.COMPLETED}


def test_slow_payment__authorized_copies_and_copies_without_payment_do_not_wait(
    bank: HangingBank, source: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    monkeypatch.setattr("order_copies.worker.authorization.SLOW", 0.2)
    order_copies = [stories.requested(source, place_target_order=bool(n % 2)) for n in range(12)]
    slow = order_copies[5]
    completed: list[int] = []

    def hang(payment_key: str) -> bool:
        completed.append(OrderFactory.objects.filter(status=Status.COMPLETED).count())
        if payment_key == slow.payment_key:
            time.sleep(0.3)
        return False

    bank.hangs_for = hang

    # when
    batch = run_batch("w1")

    # then
    assert dict(batch.ends) == {"completed": 12}
    assert completed == [6, 6, 6, 9, 9, 9]
    assert len(bank.requested_keys) == 6


def test_hanging_gateway__copies_complete_once_it_responds_again(
    bank: HangingBank, source: Order, settings: LazySettings
) -> None:
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"RETRY_PAUSE": -1}
    order_copies = requested_with_payment(source, 6)
    run_batch("w1")

    # when
    bank.hangs_for = payments_of([])
    stories.run_all()

    # then
    assert [stories.fresh(one).status for one in order_copies] == [Status.COMPLETED] * 6
    assert len(bank.live) == 6


def test_unanswered_payment__the_other_ninety_nine_copies_complete(
    bank: HangingBank, source: Order
) -> None:
    # given
    order_copies = requested_with_payment(source, 100)
    bank.hangs_for = payments_of(order_copies[41:42])

    # when
    batch = run_batch("w1", limit=100)

    # then
    assert dict(batch.ends) == {"completed": 99, "to retry": 1}
    assert len(bank.requested_keys) == len(set(bank.requested_keys)) == 100


def test_flaky_gateway__all_payments_are_tried(bank: HangingBank, source: Order) -> None:
    # given
    order_copies = requested_with_payment(source, 9)
    bank.hangs_for = payments_of([one for number, one in enumerate(order_copies) if number % 3])

    # when
    batch = run_batch("w1")

    # then
    assert dict(batch.ends) == {"completed": 3, "to retry": 6}
    assert len(bank.requested_keys) == 9


# A shop whose authorize() returns all results at once, or raises


def test_bulk_authorize__one_failing_payment_of_a_hundred_is_isolated(
    shop: type[InterferedShop], bank: HangingBank, source: Order
) -> None:
    # given
    order_copies = requested_with_payment(source, 100)
    bank.hangs_for = payments_of([])
    is_failing = payments_of(order_copies[41:42])

    def refuse(payments: Any) -> None:
        if any(is_failing(payment.key.rpartition("/")[0]) for payment in payments):
            raise TimeoutError

    shop.before["authorize"] = refuse

    # when
    batch = run_batch("w1", limit=100)

    # then
    assert dict(batch.ends) == {"completed": 99, "to retry": 1}
    assert set(Counter(bank.requested_keys).values()) == {1}


def test_bulk_authorize__stops_after_three_single_payments_fail(
    shop: type[InterferedShop], source: Order
) -> None:
    # given
    plain = stories.requested(source)
    requested_with_payment(source, 16)

    def hang(payments: Any) -> None:
        assert calls == [] or stories.fresh(plain).status == Status.COMPLETED
        calls.append(len(payments))
        raise TimeoutError

    calls: list[int] = []
    shop.before["authorize"] = hang

    # when
    batch = run_batch("w1")

    # then
    assert dict(batch.ends) == {"completed": 1, "to retry": 16}
    assert calls == [16, 8, 4, 2, 1, 1, 2, 1]


# Errors that are not the gateway's


def test_authorize__error_after_the_last_result_keeps_all_results(
    bank: HangingBank, source: Order, settings: LazySettings
) -> None:
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"SHOP": f"{__name__}.LateErrorShop"}
    bank.hangs_for = payments_of([])
    order_copies = requested_with_payment(source, 4)

    # when
    run_batch("w1")

    # then
    assert [stories.fresh(one).status for one in order_copies] == [Status.COMPLETED] * 4
    assert len(bank.requested_keys) == 4


class LateErrorShop(InterferedShop):
    """A shop whose authorize() raises after its last result."""

    def authorize(self, payments: Any) -> Any:
        yield from super().authorize(payments)
        raise RuntimeError("cannot close the connection")


@pytest.mark.django_db(transaction=True)
def test_authorize__deadlock_is_retried_without_another_attempt(
    shop: type[InterferedShop], source: Order
) -> None:
    # given
    order_copies = requested_with_payment(source, 2)

    def deadlock(_payments: Any) -> None:
        shop.before.clear()
        raise OperationalError(1213, "Deadlock found")

    shop.before["authorize"] = deadlock

    # when
    batch = run_batch("w1")

    # then
    assert dict(batch.ends) == {"completed": 2}
    assert {stories.fresh(one).attempt for one in order_copies} == {1}
