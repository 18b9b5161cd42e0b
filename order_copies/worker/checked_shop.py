"""Call the Shop adapter and validate what it returns: a broken contract fails copies only."""

from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

from django.db.models import Exists, OuterRef
from django.utils.translation import gettext as _

from order_copies.exceptions import ShopContractError
from order_copies.models import OrderFactory
from order_copies.plans import CopyPlan, Problem, plan_changed, unsupported
from order_copies.shops import Capability, CopyRun, Payment, Planner, Shop


def plan(
    shop: Shop, order_copies: Sequence[OrderFactory], planner: Planner | None = None
) -> list[CopyPlan]:
    """Return a plan for each copy, of the shop's ``planner`` if one is given.

    A copy gets a problem if another plan was previewed, and for each toggle that the shop cannot
    do, which it could when the copy was requested.
    """
    plans = _answers(shop, "plan", (planner or shop.plan)(order_copies), order_copies)
    for order_copy, one in zip(order_copies, plans, strict=True):
        if not isinstance(one, CopyPlan):
            _break(shop, _("%(shop)s.plan() returned something else than plans."))
        if order_copy.plan_digest and order_copy.plan_digest != one.digest:
            one.problems.insert(0, plan_changed())
        refused = shop.unsupported_in(order_copy).items()
        one.problems[:0] = [unsupported(toggle, reason) for toggle, reason in refused]
        _check_steps(shop, one)
    return plans


def _check_steps(shop: Shop, plan: CopyPlan) -> None:
    steps = {Capability.PLACE: plan.will_place, Capability.CANCEL: plan.will_cancel}
    for capability, is_planned in steps.items():
        if is_planned and capability not in shop.capabilities:
            _break(shop, _("%(shop)s.plan() plans a step that the shop cannot do."))


def payments(shop: Shop, runs: Sequence[CopyRun]) -> None:
    """Set the payment of each run whose target costs something."""
    answers = _answers(shop, "payments", shop.payments(runs), runs)
    for run, details in zip(runs, answers, strict=True):
        run.payment = None if details is None else Payment.of(run.order_copy, details)


def authorize(shop: Shop, requested: Sequence[Payment]) -> Iterator[tuple[Payment, Any]]:
    """Yield each payment with the shop's answer, as soon as the shop returns it.

    The shop is called at once; an iterator is validated when it ends.
    """
    answers = shop.authorize(requested)
    if isinstance(answers, Iterator):
        return _one_by_one(shop, answers, requested)
    return zip(requested, _answers(shop, "authorize", answers, requested), strict=True)


def _one_by_one(
    shop: Shop, answers: Iterator[Any], requested: Sequence[Payment]
) -> Iterator[tuple[Payment, Any]]:
    count = 0
    for count, answer in enumerate(answers, start=1):
        if count > len(requested):
            break
        yield requested[count - 1], answer
    _check_count(shop, "authorize", count, requested)


def write(shop: Shop, runs: Sequence[CopyRun]) -> None:
    """Write the targets, and check that each is a new order that no copy refers to.

    Only the number of their lines is compared with the plan: the audit compares the rest.
    """
    shop.write(runs)
    for run in runs:
        if run.target_order is None or len(run.target_line_items) != len(run.plan.lines):
            _break(shop, _("%(shop)s.write() did not write what was planned."))
    targets = [run.target_order for run in runs]
    known = OrderFactory.objects.filter(source_order=OuterRef("pk")).values("pk")
    targeted = OrderFactory.objects.filter(target_order=OuterRef("pk")).values("pk")
    orders = shop.order_model._base_manager.filter(~Exists(known), ~Exists(targeted))
    fresh = set(orders.filter(pk__in=targets).values_list("pk", flat=True))
    if len(fresh) < len(targets) or not fresh.issuperset(targets):
        _break(shop, _("%(shop)s.write() did not write a new order for each target."))


def place(shop: Shop, runs: Sequence[CopyRun]) -> None:
    """Place the targets; a run whose target was not placed gets the reasons as problems."""
    for run, problems in _problems(shop, "place", shop.place(runs), runs):
        run.problems += problems


def cancel(shop: Shop, runs: Sequence[CopyRun]) -> None:
    """Cancel the sources; a run whose source was not cancelled gets the reasons as problems."""
    for run, problems in _problems(shop, "cancel", shop.cancel(runs), runs):
        run.problems += problems
        if problems and run.plan.place:
            _break(shop, _("%(shop)s.place() placed a target whose source cannot be cancelled."))


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
