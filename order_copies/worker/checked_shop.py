"""Ask the shop, and hold it to what it promised: a broken promise fails copies, not workers."""

from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

from django.db.models import Exists, OuterRef
from django.utils.translation import gettext as _

from order_copies.exceptions import ShopContractError
from order_copies.models import OrderFactory
from order_copies.plans import CopyPlan, Problem, plan_changed
from order_copies.shops import CopyRun, Payment, Shop


def plan(shop: Shop, order_copies: Sequence[OrderFactory]) -> list[CopyPlan]:
    """A plan for each copy, with a problem where another one was previewed."""
    plans = _answers(shop, "plan", shop.plan(order_copies), order_copies)
    for order_copy, one in zip(order_copies, plans, strict=True):
        if not isinstance(one, CopyPlan):
            _break(shop, _("%(shop)s.plan() returned something else than plans."))
        if order_copy.plan_digest and order_copy.plan_digest != one.digest:
            one.problems.insert(0, plan_changed())
    return plans


def payments(shop: Shop, runs: Sequence[CopyRun]) -> None:
    """Have each run of a target that costs something know its payment."""
    answers = _answers(shop, "payments", shop.payments(runs), runs)
    for run, details in zip(runs, answers, strict=True):
        run.payment = None if details is None else Payment.of(run.order_copy, details)


def authorize(shop: Shop, asked: Sequence[Payment]) -> Iterator[tuple[Payment, Any]]:
    """Each payment and what became of it, in the shop's own words, as soon as it says so.

    The shop is called at once; an iterator is held to what it promised when it ends.
    """
    answers = shop.authorize(asked)
    if isinstance(answers, Iterator):
        return _one_by_one(shop, answers, asked)
    return zip(asked, _answers(shop, "authorize", answers, asked), strict=True)


def _one_by_one(
    shop: Shop, answers: Iterator[Any], asked: Sequence[Payment]
) -> Iterator[tuple[Payment, Any]]:
    count = 0
    for count, answer in enumerate(answers, start=1):
        if count > len(asked):
            break
        yield asked[count - 1], answer
    _check_count(shop, "authorize", count, asked)


def write(shop: Shop, runs: Sequence[CopyRun]) -> None:
    """Write the targets, and look whether there is one for each copy that no copy knows yet.

    Of their lines only the number is compared with the plan: an audit looks closer.
    """
    shop.write(runs)
    for run in runs:
        if run.target_order is None or len(run.target_line_items) != len(run.plan.lines):
            _break(shop, _("%(shop)s.write() did not write what was planned."))
    targets = [run.target_order for run in runs]
    fresh = _fresh_orders(shop, targets)
    if len(fresh) < len(targets) or not fresh.issuperset(targets):
        _break(shop, _("%(shop)s.write() did not write a new order for each target."))


def place(shop: Shop, runs: Sequence[CopyRun]) -> None:
    """Place the targets; each run knows why its target was not."""
    for run, problems in _problems(shop, "place", shop.place(runs), runs):
        run.problems += problems


def cancel(shop: Shop, runs: Sequence[CopyRun]) -> None:
    """Cancel the sources; each run knows why its source was not."""
    for run, problems in _problems(shop, "cancel", shop.cancel(runs), runs):
        run.problems += problems
        if problems and run.plan.place:
            _break(shop, _("%(shop)s.place() placed a target whose source cannot be cancelled."))


def _fresh_orders(shop: Shop, targets: Sequence[Any]) -> set[Any]:
    """Those of the targets that there are and that no copy knows yet, as source or as target.

    Whether they are older than this run nobody asks.
    """
    known = OrderFactory.objects.filter(source_order=OuterRef("pk")).values("pk")
    targeted = OrderFactory.objects.filter(target_order=OuterRef("pk")).values("pk")
    orders = shop.order_model._base_manager.filter(~Exists(known), ~Exists(targeted))
    return set(orders.filter(pk__in=targets).values_list("pk", flat=True))


def _problems(
    shop: Shop, method: str, answers: Any, runs: Sequence[CopyRun]
) -> Iterator[tuple[CopyRun, list[Problem]]]:
    for run, problems in zip(runs, _answers(shop, method, answers, runs), strict=True):
        if not isinstance(problems, list) or not all(isinstance(it, Problem) for it in problems):
            _break(shop, _("%(shop)s.%(method)s() returned something else than problems."), method)
        yield run, problems


def _answers(shop: Shop, method: str, answers: Any, subjects: Sequence[Any]) -> list[Any]:
    if not isinstance(answers, Sequence):
        _break(shop, _("%(shop)s.%(method)s() did not return a list."), method)
    _check_count(shop, method, len(answers), subjects)
    return list(answers)


def _check_count(shop: Shop, method: str, count: int, subjects: Sequence[Any]) -> None:
    if count != len(subjects):
        message = _("%(shop)s.%(method)s() returned %(answers)s answers for %(subjects)s copies.")
        _break(shop, message, method, answers=count, subjects=len(subjects))


def _break(shop: Shop, message: str, method: str = "", **counts: int) -> NoReturn:
    raise ShopContractError(message % ({"shop": type(shop).__name__, "method": method} | counts))
