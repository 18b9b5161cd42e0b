"""Run claimed copies: plan, authorize, write, place, cancel, end."""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from order_copies.conf import settings
from order_copies.events.who import worker_as_who
from order_copies.exceptions import LeaseLostError, ShopContractError
from order_copies.models import FINAL, OrderFactory
from order_copies.plans import CopyPlan, Problem, Step, succeeds
from order_copies.shops import CopyRun, Shop
from order_copies.transitions import save_ended, save_pause

logger = logging.getLogger("order_copies.worker")


@dataclass(slots=True)
class Batch:
    """What came of one batch."""

    claimed: int = 0
    #: How many copies came to which end: a final status, ``to retry`` or ``lost``.
    ends: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    @property
    def ended(self) -> int:
        """How many copies came to a final status."""
        return sum(self.ends[status] for status in FINAL)

    def __str__(self) -> str:
        ends = ", ".join(f"{count} {end}" for end, count in sorted(self.ends.items()))
        return f"{self.claimed} claimed, {ends or 'none ended'} in {self.seconds:.3f} s"


def make_plans(shop: Shop, order_copies: Sequence[OrderFactory]) -> list[CopyPlan]:
    """A plan for each copy. Raises :class:`ShopContractError` if the shop returns fewer or more."""
    plans = shop.plan(order_copies)
    if len(plans) != len(order_copies):
        message = _("%(shop)s.plan() returned %(plans)s plans for %(copies)s copies.")
        raise ShopContractError(
            message
            % {
                "shop": type(shop).__name__,
                "plans": len(plans),
                "copies": len(order_copies),
            }
        )
    return plans


@dataclass(slots=True)
class Runner:
    """Runs the copies that one worker claimed, and counts how they end."""

    worker: str
    shop: Shop
    batch: Batch
    #: The runs of the last try, for what has to be given back if it failed.
    runs: list[CopyRun] = field(default_factory=list)

    def run(self, order_copies: Sequence[OrderFactory]) -> None:
        """Run the copies, whatever single ones of them do."""
        hopeless = {id(oc): problem for oc in order_copies if (problem := _why_hopeless(oc))}
        for order_copy in order_copies:
            if id(order_copy) in hopeless:
                self._abort(order_copy, hopeless[id(order_copy)])
        runnable = [order_copy for order_copy in order_copies if id(order_copy) not in hopeless]
        if runnable:
            self._run_or_split(runnable)

    def _run_or_split(self, order_copies: Sequence[OrderFactory]) -> None:
        """Run them together; if that fails, in halves, until a bad one stands alone."""
        try:
            self._run_together(order_copies)
        except Exception as error:
            if len(order_copies) == 1:
                self._handle(order_copies[0], error)
                return
            logger.info("%s splits a batch of %s: %r", self.worker, len(order_copies), error)
            middle = len(order_copies) // 2
            self._run_or_split(order_copies[:middle])
            self._run_or_split(order_copies[middle:])

    def _run_together(self, order_copies: Sequence[OrderFactory]) -> None:
        self.runs = []
        plans = make_plans(self.shop, order_copies)
        self.runs = runs = [CopyRun(*pair) for pair in zip(order_copies, plans, strict=True)]
        self._authorize([run for run in runs if run.plan.will_place])
        with transaction.atomic():
            self._write([run for run in runs if run.plan.will_write])
            self._place([run for run in runs if run.plan.will_place])
            self._cancel([run for run in runs if run.plan.will_cancel and not run.problems])
            self._end(runs)
        self.batch.ends.update(str(run.order_copy.status) for run in runs)
        self._void([run for run in runs if run.problems])

    def _authorize(self, runs: Sequence[CopyRun]) -> None:
        authorizations = self.shop.authorize(runs) if runs else []
        for run, authorization in zip(runs, authorizations, strict=True):
            run.authorization = authorization

    def _void(self, runs: Sequence[CopyRun]) -> None:
        authorized = [run for run in runs if run.authorization]
        keys = [run.order_copy.public_id for run in authorized]
        if authorized:
            try:
                self.shop.void(authorized)
            except Exception:
                # The copies have ended; what remains authorized is in the log, to be voided.
                logger.exception("%s could not void the payments of %s", self.worker, keys)

    def _write(self, runs: Sequence[CopyRun]) -> None:
        if runs:
            self.shop.write(runs)
        for run in runs:
            if run.target_order is None or len(run.target_line_items) != len(run.plan.lines):
                message = _("%(shop)s.write() did not write what was planned.")
                raise ShopContractError(message % {"shop": type(self.shop).__name__})

    def _place(self, runs: Sequence[CopyRun]) -> None:
        answers = self.shop.place(runs) if runs else []
        for run, problems in zip(runs, answers, strict=True):
            run.problems += problems

    def _cancel(self, runs: Sequence[CopyRun]) -> None:
        answers = self.shop.cancel(runs) if runs else []
        for run, problems in zip(runs, answers, strict=True):
            run.problems += problems
            if problems and run.plan.place:
                message = _("%(shop)s.place() placed a target whose source cannot be cancelled.")
                raise ShopContractError(message % {"shop": type(self.shop).__name__})

    def _end(self, runs: Sequence[CopyRun]) -> None:
        now = timezone.now()
        for run in runs:
            order_copy, problems = run.order_copy, [*run.plan.problems, *run.problems]
            order_copy.target_order_id = run.target_order
            order_copy.outcomes = _outcomes(run)
            if succeeds(problems, skip_errors=run.plan.skip_errors):
                order_copy.complete(now, problems)
            else:
                order_copy.fail(now, problems)
        save_ended([run.order_copy for run in runs], worker_as_who(self.worker), now)

    def _handle(self, order_copy: OrderFactory, error: Exception) -> None:
        """A copy that cannot be run even alone: lost, failed, aborted or tried again."""
        order_copy.target_order_id, order_copy.outcomes = None, []
        if isinstance(error, LeaseLostError):
            self._lose(order_copy)
        elif isinstance(error, ShopContractError):
            logger.error("Copy %s: the shop broke its contract", order_copy, exc_info=error)
            self._fail(order_copy, _base_problem("shop_contract", str(error)))
        elif order_copy.attempt >= settings.MAX_ATTEMPTS:
            logger.error("Copy %s crashed for the last time", order_copy, exc_info=error)
            self._abort(order_copy, _crashed(order_copy.attempt))
        else:
            logger.error("Copy %s crashed and is tried again", order_copy, exc_info=error)
            self._pause(order_copy)

    def _lose(self, order_copy: OrderFactory) -> None:
        """Another attempt owns the copy now, and whatever was authorized for it."""
        logger.warning("%s lost the lease of copy %s", self.worker, order_copy)
        self.batch.ends["lost"] += 1

    def _pause(self, order_copy: OrderFactory) -> None:
        pause = settings.RETRY_PAUSE * 2 ** (order_copy.attempt - 1)
        order_copy.lease_expires_at = timezone.now() + pause
        if save_pause(order_copy):
            self.batch.ends["to retry"] += 1
        else:
            self._lose(order_copy)

    def _fail(self, order_copy: OrderFactory, problem: Problem) -> None:
        order_copy.fail(timezone.now(), [problem])
        self._give_up(order_copy)

    def _abort(self, order_copy: OrderFactory, problem: Problem) -> None:
        order_copy.abort([problem])
        self._give_up(order_copy)

    def _give_up(self, order_copy: OrderFactory) -> None:
        try:
            with transaction.atomic():
                save_ended([order_copy], worker_as_who(self.worker), timezone.now())
        except LeaseLostError:
            self._lose(order_copy)
        else:
            self.batch.ends[str(order_copy.status)] += 1
            self._void([run for run in self.runs if run.order_copy is order_copy])


def _why_hopeless(order_copy: OrderFactory) -> Problem | None:
    if order_copy.source_order_id is None:
        message = _("does not exist any more")
        return Problem(Step.WRITE, "source_order", "source_gone", message)
    if order_copy.attempt > settings.MAX_ATTEMPTS:
        return _crashed(order_copy.attempt - 1)
    return None


def _crashed(count: int) -> Problem:
    message = _("the copy crashed %(count)s times: see the log of the worker")
    return _base_problem("crashed", message % {"count": count})


def _base_problem(code: str, message: str) -> Problem:
    return Problem(Step.WRITE, "base", code, message, skippable=False)


def _outcomes(run: CopyRun) -> list[dict[str, Any]]:
    line_items = iter(run.target_line_items)
    written = run.target_order is not None
    return [
        outcome.as_json(next(line_items) if written and outcome.writes_a_line else None)
        for outcome in run.plan.outcomes
    ]
