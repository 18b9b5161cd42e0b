"""Story: a shop's adapter that breaks its contract is named, and fails the copy, not the worker."""

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
from tests.bank import open_bank
from tests.factories import placed_order

pytestmark = pytest.mark.django_db


class UnreliableShop(ReferenceShop):
    """The reference shop, with one method that answers something else than it should."""

    def plan(self, order_copies: Any) -> Any:
        return self.spoilt("plan", order_copies, super().plan(order_copies))

    def payments(self, runs: Any) -> Any:
        return self.spoilt("payments", runs, super().payments(runs))

    def authorize(self, payments: Any) -> Any:
        return self.spoilt("authorize", payments, super().authorize(payments))

    def write(self, runs: Any) -> None:
        super().write(runs)
        self.spoilt("write", runs, None)

    def place(self, runs: Any) -> Any:
        return self.spoilt("place", runs, super().place(runs))

    def cancel(self, runs: Any) -> Any:
        return self.spoilt("cancel", runs, super().cancel(runs))

    #: Which method answers what, given what it was asked and what it would have answered.
    method = ""
    spoil: Callable[[Any, Any], Any] = staticmethod(lambda asked, answer: answer)

    def spoilt(self, method: str, asked: Any, answer: Any) -> Any:
        return type(self).spoil(asked, answer) if method == self.method else answer


def write_nothing(runs: Any, _answer: Any) -> None:
    for run in runs:
        run.target_order = None


def forget_a_line(runs: Any, _answer: Any) -> None:
    for run in runs:
        run.target_line_items = run.target_line_items[:-1]


def give_the_source(runs: Any, _answer: Any) -> None:
    for run in runs:
        run.target_order = run.order_copy.source_order_id


def give_an_order_that_is_not_there(runs: Any, _answer: Any) -> None:
    for run in runs:
        run.target_order += 1000


def refuse(asked: Any, _answer: Any) -> Any:
    return [[Problem(Step.CANCEL, "source_order", "no", "No.")] for _ in asked]


BROKEN = {
    "fewer plans": ("plan", lambda asked, plans: plans[:-1], "plan() returned 0 answers for 1"),
    "more plans": ("plan", lambda asked, plans: plans * 2, "plan() returned 2 answers for 1"),
    "no plans": ("plan", lambda asked, plans: None, "plan() did not return a list"),
    "no plan": ("plan", lambda asked, plans: [None], "plan() returned something else than plans"),
    "no payments": ("payments", lambda asked, answer: [], "payments() returned 0 answers for 1"),
    "no authorization": ("authorize", lambda asked, answer: [], "authorize() returned 0 answers"),
    "no authorization to come": (
        "authorize",
        lambda asked, answers: iter(()),
        "authorize() returned 0 answers for 1",
    ),
    "more authorizations to come": (
        "authorize",
        lambda asked, answers: itertools.repeat(next(answers)),
        "authorize() returned 2 answers for 1",
    ),
    "authorizations by key": (
        "authorize",
        lambda asked, answers: {asked[0].key: next(answers)},
        "authorize() did not return a list",
    ),
    "nothing written": ("write", write_nothing, "write() did not write what was planned"),
    "a line missing": ("write", forget_a_line, "write() did not write what was planned"),
    "the source": ("write", give_the_source, "write() did not write a new order"),
    "no order": ("write", give_an_order_that_is_not_there, "write() did not write a new order"),
    "no answers": ("place", lambda asked, answer: None, "place() did not return a list"),
    "no problems": ("place", lambda asked, answer: [None], "place() returned something else"),
    "words": ("place", lambda asked, answer: [["no"]], "place() returned something else"),
    "too many": ("cancel", lambda asked, answer: [[], []], "cancel() returned 2 answers for 1"),
    "a half swap": ("cancel", refuse, "place() placed a target whose source cannot be cancelled"),
}


@pytest.fixture
def unreliable(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"SHOP": f"{__name__}.UnreliableShop"}

    def answers(method: str, spoil: Callable[[Any, Any], Any]) -> None:
        monkeypatch.setattr(UnreliableShop, "method", method)
        monkeypatch.setattr(UnreliableShop, "spoil", staticmethod(spoil))

    return answers


@pytest.mark.parametrize("promise", BROKEN)
def test_a_broken_promise_is_named_and_fails_the_copy(
    unreliable: Callable[..., None], promise: str
) -> None:
    # given
    method, spoil, words = BROKEN[promise]
    source = placed_order()
    order_copy = stories.requested(source, place_target_order=True, cancel_source_order=True)
    before = stories.every_byte(source)
    unreliable(method, spoil)

    # when
    run_batch("w1")

    # then
    found = stories.fresh(order_copy)
    [message] = stories.all_messages(found.errors_log)
    assert (found.status, found.target_order) == (Status.FAILED, None)
    assert f"UnreliableShop.{words}" in message
    assert [(it["attribute"], it["code"]) for it in found.outcomes] == [("base", "shop_contract")]
    assert Order.objects.count() == 1
    assert stories.every_byte(source) == before
    assert not OpenPayment.objects.exists()


def test_one_order_for_two_copies_is_no_new_order_for_each(
    unreliable: Callable[..., None],
) -> None:
    # given
    wanted = [stories.requested(placed_order()) for _ in range(2)]

    def give_the_first(runs: Any, _answer: Any) -> None:
        runs[-1].target_order = runs[0].target_order

    unreliable("write", give_the_first)

    # when
    run_batch("w1")

    # then
    ended = [stories.fresh(order_copy) for order_copy in wanted]
    assert [found.status for found in ended] == [Status.COMPLETED] * 2
    assert len({found.target_order_id for found in ended}) == 2


def test_an_answer_that_is_missing_gives_no_payment_the_answer_of_another(
    unreliable: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    bank = open_bank(monkeypatch)
    wanted = [stories.requested(placed_order(), place_target_order=True) for _ in range(3)]

    def forget_the_first(asked: Any, answers: Any) -> Any:
        answers = list(answers)
        return iter(answers[1:] if len(answers) > 1 else answers)

    unreliable("authorize", forget_the_first)

    # when
    run_batch("w1")

    # then
    for order_copy in wanted:
        [token] = stories.target_of(stories.fresh(order_copy)).authorizations.values_list("token")
        [key] = {key for key in bank.asked if key.startswith(f"{order_copy.payment_key}/")}
        assert token == (bank.answers[key][1].token,)
    assert bank.voided == []


def test_the_target_of_another_copy_is_no_new_order(unreliable: Callable[..., None]) -> None:
    # given
    source = placed_order()
    first = stories.copied(source)
    second = stories.requested(source)

    def give_the_first_one(runs: Any, _answer: Any) -> None:
        for run in runs:
            run.target_order = first.target_order_id

    unreliable("write", give_the_first_one)

    # when
    run_batch("w1")

    # then
    assert stories.fresh(second).status == Status.FAILED
    assert Order.objects.count() == 2


def test_a_plan_that_raises_for_one_of_a_hundred_leaves_ninety_nine_complete(
    unreliable: Callable[..., None], settings: LazySettings
) -> None:
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"MAX_ATTEMPTS": 2, "RETRY_PAUSE": -1}
    source, bad = placed_order(lines=1), placed_order(lines=1)
    wanted = [stories.requested(bad if number == 50 else source) for number in range(100)]

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
    assert stories.fresh(wanted[50]).errors_log == {
        "base": ["the copy crashed 2 times (ZeroDivisionError): see the log of the worker"]
    }


def test_a_preview_by_a_shop_that_breaks_its_contract_says_so(
    unreliable: Callable[..., None],
) -> None:
    # given
    unreliable("plan", lambda asked, plans: plans[:-1])

    # then
    with pytest.raises(Exception, match=r"UnreliableShop.plan\(\) returned 0 answers for 1"):
        # when
        stories.previewed(placed_order())


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("error", [RuntimeError("no mail"), OperationalError("deadlock detected")])
def test_what_fails_after_the_commit_changes_nothing_about_the_copies(
    unreliable: Callable[..., None], caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    # given a shop that tells somebody of each batch, and cannot
    def tell() -> None:
        raise error

    def promise(_asked: Any, answer: Any) -> Any:
        transaction.on_commit(tell)
        return answer

    unreliable("place", promise)
    wanted = [stories.requested(placed_order(), place_target_order=True) for _ in range(3)]

    # when
    batch = run_batch("w1")

    # then
    assert dict(batch.ends) == {"completed": 3}
    assert [stories.fresh(one).status for one in wanted] == ["completed"] * 3
    assert Order.objects.filter(status=Order.Status.PLACED).count() == 6
    assert not OpenPayment.objects.exists()
    ids = ", ".join(str(one) for one in wanted)
    assert f"An on_commit callback failed, and callbacks after it did not run: {ids}" in (
        caplog.text
    )
    assert str(error) in caplog.text
