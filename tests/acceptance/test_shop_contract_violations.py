"""Story: a Shop adapter that violates its contract fails the copy, and not the worker."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import OperationalError, transaction

from order_copies.models import OpenPayment, Status
from order_copies.plans import Problem, Step
from order_copies.worker.run import run_batch
from orders.copying.shop import ReferenceShop
from orders.models import Order
from tests import stories
from tests.bank import install_bank
from tests.factories import placed_order

pytestmark = pytest.mark.django_db


class UnreliableShop(ReferenceShop):
    """The reference shop, with one method that returns a wrong result."""

    def plan(self, order_copies: Any) -> Any:
        return self._corrupted("plan", order_copies, super().plan(order_copies))

    def payments(self, runs: Any) -> Any:
        return self._corrupted("payments", runs, super().payments(runs))

    def authorize(self, payments: Any) -> Any:
        return self._corrupted("authorize", payments, super().authorize(payments))

    def write(self, runs: Any) -> None:
        super().write(runs)
        self._corrupted("write", runs, None)

    def place(self, runs: Any) -> Any:
        return self._corrupted("place", runs, super().place(runs))

    def cancel(self, runs: Any) -> Any:
        return self._corrupted("cancel", runs, super().cancel(runs))

    #: The method to corrupt, and a function from its argument and result to a wrong result.
    method = ""
    corrupt: Callable[[Any, Any], Any] = staticmethod(lambda argument, result: result)

    def _corrupted(self, method: str, argument: Any, result: Any) -> Any:
        return type(self).corrupt(argument, result) if method == self.method else result


def write_nothing(runs: Any, _result: Any) -> None:
    for run in runs:
        run.target_order = None


def omit_a_line(runs: Any, _result: Any) -> None:
    for run in runs:
        run.target_line_items = run.target_line_items[:-1]


def return_the_source(runs: Any, _result: Any) -> None:
    for run in runs:
        run.target_order = run.order_copy.source_order_id


def return_an_unknown_order(runs: Any, _result: Any) -> None:
    for run in runs:
        run.target_order += 1000


def refuse_to_cancel(argument: Any, _result: Any) -> Any:
    return [[Problem(Step.CANCEL, "source_order", "no", "No.")] for _ in argument]


VIOLATIONS = {
    "fewer plans": ("plan", lambda argument, plans: plans[:-1], "plan() returned 0 answers for 1"),
    "more plans": ("plan", lambda argument, plans: plans * 2, "plan() returned 2 answers for 1"),
    "no plans": ("plan", lambda argument, plans: None, "plan() did not return a list"),
    "no plan": (
        "plan",
        lambda argument, plans: [None],
        "plan() returned something else than plans",
    ),
    "no payments": ("payments", lambda argument, result: [], "payments() returned 0 answers for 1"),
    "no authorization": (
        "authorize",
        lambda argument, result: [],
        "authorize() returned 0 answers",
    ),
    "no authorization to come": (
        "authorize",
        lambda argument, results: iter(()),
        "authorize() returned 0 answers for 1",
    ),
    "more authorizations to come": (
        "authorize",
        lambda argument, results: itertools.repeat(next(results)),
        "authorize() returned 2 answers for 1",
    ),
    "authorizations by key": (
        "authorize",
        lambda argument, results: {argument[0].key: next(results)},
        "authorize() did not return a list",
    ),
    "nothing written": ("write", write_nothing, "write() did not write what was planned"),
    "a line missing": ("write", omit_a_line, "write() did not write what was planned"),
    "the source": ("write", return_the_source, "write() did not write a new order"),
    "no order": ("write", return_an_unknown_order, "write() did not write a new order"),
    "no results": ("place", lambda argument, result: None, "place() did not return a list"),
    "no problems": ("place", lambda argument, result: [None], "place() returned something else"),
    "strings": ("place", lambda argument, result: [["no"]], "place() returned something else"),
    "too many": ("cancel", lambda argument, result: [[], []], "cancel() returned 2 answers for 1"),
    "a half swap": (
        "cancel",
        refuse_to_cancel,
        "place() placed a target whose source cannot be cancelled",
    ),
}


@pytest.fixture
def unreliable(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"SHOP": f"{__name__}.UnreliableShop"}

    def corrupt_method(method: str, corrupt: Callable[[Any, Any], Any]) -> None:
        monkeypatch.setattr(UnreliableShop, "method", method)
        monkeypatch.setattr(UnreliableShop, "corrupt", staticmethod(corrupt))

    return corrupt_method


@pytest.mark.parametrize("violation", VIOLATIONS)
def test_shop_contract__violation_is_named_and_fails_the_copy(
    unreliable: Callable[..., None], violation: str
) -> None:
    # given
    method, corrupt, expected = VIOLATIONS[violation]
    source = placed_order()
    order_copy = stories.requested(source, place_target_order=True, cancel_source_order=True)
    before = stories.every_byte(source)
    unreliable(method, corrupt)

    # when
    run_batch("w1")

    # then
    found = stories.fresh(order_copy)
    [message] = stories.all_messages(found.errors_log)
    assert (found.status, found.target_order) == (Status.FAILED, None)
    assert f"UnreliableShop.{expected}" in message
    assert [(it["attribute"], it["code"]) for it in found.outcomes] == [("base", "shop_contract")]
    assert Order.objects.count() == 1
    assert stories.every_byte(source) == before
    assert not OpenPayment.objects.exists()


def test_shop_contract__one_target_for_two_copies_is_retried_singly(
    unreliable: Callable[..., None],
) -> None:
    # given
    requested = [stories.requested(placed_order()) for _ in range(2)]

    def return_the_first(runs: Any, _result: Any) -> None:
        runs[-1].target_order = runs[0].target_order

    unreliable("write", return_the_first)

    # when
    run_batch("w1")

    # then
    ended = [stories.fresh(order_copy) for order_copy in requested]
    assert [found.status for found in ended] == [Status.COMPLETED] * 2
    assert len({found.target_order_id for found in ended}) == 2


def test_shop_contract__missing_authorization_never_shifts_the_others(
    unreliable: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    bank = install_bank(monkeypatch)
    requested = [stories.requested(placed_order(), place_target_order=True) for _ in range(3)]

    def omit_the_first(argument: Any, results: Any) -> Any:
        results = list(results)
        return iter(results[1:] if len(results) > 1 else results)

    unreliable("authorize", omit_the_first)

    # when
    run_batch("w1")

    # then
    for order_copy in requested:
        [token] = stories.target_of(stories.fresh(order_copy)).authorizations.values_list("token")
        [key] = {key for key in bank.requested_keys if key.startswith(f"{order_copy.payment_key}/")}
        assert token == (bank.responses[key][1].token,)
    assert bank.voided == []


def test_shop_contract__target_of_another_copy_fails_the_copy(
    unreliable: Callable[..., None],
) -> None:
    # given
    source = placed_order()
    first = stories.copied(source)
    second = stories.requested(source)

    def return_the_first_target(runs: Any, _result: Any) -> None:
        for run in runs:
            run.target_order = first.target_order_id

    unreliable("write", return_the_first_target)

    # when
    run_batch("w1")

    # then
    assert stories.fresh(second).status == Status.FAILED
    assert Order.objects.count() == 2


def test_plan__error_for_one_of_a_hundred_copies_aborts_one(
    unreliable: Callable[..., None], settings: LazySettings
) -> None:
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"MAX_ATTEMPTS": 2, "RETRY_PAUSE": -1}
    source, bad = placed_order(lines=1), placed_order(lines=1)
    requested = [stories.requested(bad if number == 50 else source) for number in range(100)]

    def raise_for_bad(order_copies: Any, plans: Any) -> Any:
        if any(order_copy.source_order_id == bad.pk for order_copy in order_copies):
            raise ZeroDivisionError
        return plans

    unreliable("plan", raise_for_bad)

    # when
    first = run_batch("w1", limit=100)
    second = run_batch("w1", limit=100)

    # then
    assert dict(first.ends) == {"completed": 99, "to retry": 1}
    assert dict(second.ends) == {"aborted": 1}
    assert stories.fresh(requested[50]).errors_log == {
        "base": ["the copy crashed 2 times (ZeroDivisionError): see the log of the worker"]
    }


def test_preview__names_the_contract_violation(
    unreliable: Callable[..., None],
) -> None:
    # given
    unreliable("plan", lambda argument, plans: plans[:-1])

    # then
    with pytest.raises(Exception, match=r"UnreliableShop.plan\(\) returned 0 answers for 1"):
        # when
        stories.previewed(placed_order())


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("error", [RuntimeError("no mail"), OperationalError("deadlock detected")])
def test_on_commit__error_is_logged_and_copies_stay_completed(
    unreliable: Callable[..., None], caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    # given a shop whose on_commit callback fails
    def notify() -> None:
        raise error

    def notify_on_commit(_argument: Any, result: Any) -> Any:
        transaction.on_commit(notify)
        return result

    unreliable("place", notify_on_commit)
    requested = [stories.requested(placed_order(), place_target_order=True) for _ in range(3)]

    # when
    batch = run_batch("w1")

    # then
    assert dict(batch.ends) == {"completed": 3}
    assert [stories.fresh(one).status for one in requested] == ["completed"] * 3
    assert Order.objects.filter(status=Order.Status.PLACED).count() == 6
    assert not OpenPayment.objects.exists()
    ids = ", ".join(str(one) for one in requested)
    assert f"An on_commit callback failed, and callbacks after it did not run: {ids}" in (
        caplog.text
    )
    assert str(error) in caplog.text
