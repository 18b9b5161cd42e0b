"""Run one batch: claim copies, run them, report, and do what is left to do outside.

A copy is a row before it is anything else. The worker claims rows under a lease, calls the shop
for their plans, authorizes payments, and writes, places, cancels and ends the copies in one
transaction. When a process dies on the way, the row is claimed again once its lease has expired,
and a payment that no order was placed with is voided.

Copies run together if all goes well. An attempt to run a part of a batch results in a value
(:mod:`order_copies.worker.results`); one ``match`` decides what follows: the part has ended, runs
again in smaller parts, or is given up.
"""

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import Any

from django.db import Error, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from order_copies import transitions
from order_copies.conf import settings
from order_copies.db.retry import is_reachable, is_transient, refuses_writes, with_retries
from order_copies.db.transactions import committed, limited_wait, lock_available
from order_copies.events.recording import worker_actor
from order_copies.exceptions import (
    LeaseLostError,
    RowsLockedError,
    ShopContractError,
    SourceChangedError,
)
from order_copies.languages import in_english
from order_copies.models import OrderFactory, OrderSubscription, Status
from order_copies.plans import Action, Outcome, Problem, Step, succeeds
from order_copies.shops import CopyRun, Shop, get_shop
from order_copies.subscriptions import settlement
from order_copies.subscriptions.schedule import schedule_due
from order_copies.transitions import Ending
from order_copies.worker import checked_shop, leases
from order_copies.worker.authorization import Authorizations
from order_copies.worker.batches import Batch
from order_copies.worker.payments import use_payments, void_unused
from order_copies.worker.previews import preview_due
from order_copies.worker.results import (
    Apart,
    ContractBroken,
    Crashed,
    Ended,
    Later,
    LeaseLost,
    Outdated,
    Result,
    RowsLocked,
    Unanswered,
)

logger = logging.getLogger("order_copies.worker")

#: How long a claim is retried after transient errors of the database.
CLAIM_PATIENCE = timedelta(seconds=3)
#: Seconds that each part of a batch waits for row locks once one was not released in time.
SHORT_LOCK_WAIT = 0.1
#: How often a batch plans a copy again because its source was changed.
MAX_CHANGES = 3

Part = Sequence[OrderFactory]


def run_batch(worker: str, *, limit: int | None = None) -> Batch:
    """Claim and run a copy that must be retried, and up to ``limit`` new ones, separately.

    ``limit`` defaults to the setting ``BATCH_SIZE``. ``worker`` names the process; no two processes
    may share a name. A batch that claimed nothing found nothing to do. Errors of a copy are not
    raised, only those of a database that is down or read-only. Call it outside any transaction.
    It stores messages in English, also in a process with another language.
    """
    with in_english():
        return _run_batch(worker, limit or settings.BATCH_SIZE)


def _run_batch(worker: str, limit: int) -> Batch:
    batch, shop, queue = Batch(), get_shop(), OrderFactory.objects.all()
    authorizations = Authorizations(shop)
    runner = Runner(worker, shop, batch, authorizations)
    batch.scheduled = _schedule(worker)
    claims = (
        partial(leases.claim_expired, queue, transitions.start, worker),
        partial(leases.claim_pending, queue, transitions.start, worker, limit),
    )
    try:
        for claim in claims:
            if order_copies := with_retries(claim, patience=CLAIM_PATIENCE):
                batch.claimed += len(order_copies)
                with leases.renewed(order_copies):
                    runner.run(order_copies)
    finally:
        if batch.claimed:
            batch.finish(worker)
    void_unused(shop, authorizations.answers)
    with_retries(preview_due, patience=CLAIM_PATIENCE)
    try:
        shop.catch_up()
    except Exception:
        logger.exception("%s could not catch up, retrying later", type(shop).__name__)
    return batch


def _schedule(worker: str) -> int:
    """Request the copies that subscriptions are due; they keep no other copy from running."""
    try:
        return with_retries(partial(schedule_due, worker), patience=CLAIM_PATIENCE)
    except Error:
        raise
    except Exception:
        logger.exception("Could not schedule subscriptions, retrying later")
        return 0


@dataclass(frozen=True, slots=True)
class Limits:
    """How long the next part of a batch may wait."""

    #: How long transient errors of the database are retried.
    patience: timedelta
    #: Seconds to wait for a row lock.
    lock_wait: float

    def after(self, result: Result) -> "Limits":
        """Return the limits of later parts: what one part has waited for, others need not."""
        match result:
            case Crashed(is_transient=True):
                return replace(self, patience=timedelta(0))
            case RowsLocked():
                return replace(self, lock_wait=min(self.lock_wait, SHORT_LOCK_WAIT))
        return self


@dataclass(slots=True)
class Runner:
    """Runs the copies that one worker claimed, and counts how they end."""

    worker: str
    shop: Shop
    batch: Batch
    authorizations: Authorizations
    #: How often the source of a copy was changed after its plan, by the key of the copy.
    plans_changed: Counter[int] = field(default_factory=Counter)

    def run(self, order_copies: Part) -> None:
        """Run the copies; an error of one of them does not keep the others from ending.

        Raises the error of a database that is down or read-only for longer than a lease.
        """
        limits = Limits(settings.LEASE, settings.LOCK_TIMEOUT)
        parts = self._first_parts(order_copies, limits)
        while parts:
            part, *parts = parts
            if part:
                result = self._attempt(part, limits)
                limits = limits.after(result)
                parts = [*self._follow_up(part, result, limits), *parts]

    def _first_parts(self, order_copies: Part, limits: Limits) -> list[Part]:
        runnable = []
        for order_copy in order_copies:
            if problem := _why_hopeless(order_copy):
                self._give_up(order_copy, Status.ABORTED, problem, limits)
            else:
                runnable.append(order_copy)
        if any(order_copy.locked_since for order_copy in runnable):
            # A lock that was in the way before may still be there: look instead of waiting for it.
            runnable = self._without_locked_sources(runnable, limits)
        # Copies that pay may wait for a slow gateway, and drafts need not wait with them. Those
        # that cancel keep their order: the first that needs a source gets it.
        swaps = [one for one in runnable if one.place_target_order or one.cancel_source_order]
        return [_without(runnable, swaps), swaps]

    def _attempt(self, part: Part, limits: Limits) -> Result:
        """Run these copies in one transaction. Raises only if the database takes no writes."""
        try:
            return with_retries(partial(self._run_together, part, limits), patience=limits.patience)
        except LeaseLostError:
            return LeaseLost()
        except RowsLockedError:
            return RowsLocked()
        except SourceChangedError as error:
            return Outdated(error)
        except ShopContractError as error:
            return ContractBroken(error)
        except Exception as error:
            may_pass = is_transient(error)
            if may_pass and (refuses_writes(error) or not is_reachable()):
                raise
            return Crashed(error, is_transient=may_pass)

    def _run_together(self, part: Part, limits: Limits) -> Result:
        """Plan, authorize, write, place, cancel and end these copies."""
        if problems := settlement.stopped(part, timezone.now()):
            stopped = [one for one in part if one.pk in problems]
            endings = [_given_up(one, Status.ABORTED, problems[one.pk]) for one in stopped]
            return Apart(endings, "their subscriptions are not active")
        plans = checked_shop.plan(self.shop, part)
        runs = [CopyRun(*pair) for pair in zip(part, plans, strict=True)]
        placed = [run for run in runs if run.plan.will_place]
        if placed and (unpaid := self.authorizations.authorize(placed)):
            return unpaid
        with committed(part, lock_wait=limits.lock_wait, **self._log_fields()):
            subscriptions = settlement.hold(part, timezone.now())
            if written := [run for run in runs if run.plan.will_write]:
                checked_shop.write(self.shop, written)
            if placed:
                checked_shop.place(self.shop, placed)
                if contended := _contended(runs):
                    transaction.set_rollback(True)
                    return Later(contended, "an earlier copy was not placed")
                if postponed := _postponed(placed, subscriptions):
                    # A retry makes a target of its own: an order, not two.
                    transaction.set_rollback(True)
                    return Apart(postponed, "their renewals are retried later")
                use_payments(placed)
            if cancelled := [run for run in runs if run.plan.will_cancel and not run.problems]:
                checked_shop.cancel(self.shop, cancelled)
            endings = [_ending(run) for run in runs]
            self._end(endings, subscriptions)
        return Ended(endings)

    def _end(
        self,
        endings: Sequence[Ending],
        held: Mapping[int, OrderSubscription] | None = None,
    ) -> None:
        """End copies and settle their subscriptions, which this transaction may hold already."""
        who, now = worker_actor(self.worker), timezone.now()
        transitions.end(endings, who=who, now=now)
        settlement.settle(endings, who=who, now=now, held=held)

    def _follow_up(self, part: Part, result: Result, limits: Limits) -> list[Part]:
        """Return what is left to run of the part, in smaller parts until a bad copy is alone."""
        if len(part) > 1 and not isinstance(result, Ended):
            message = "%s splits a batch of %s: %s"
            extra = self._log_fields()
            logger.info(message, self.worker, len(part), result, extra=extra)
        rest: list[Part] = []
        match result:
            case Ended(endings):
                self.batch.report(endings)
            case Later(later):
                rest = [_without(part, later), later]
            case Apart(endings):
                for ending in endings:
                    self._end_alone(ending, limits)
                rest = [_without(part, [ending.order_copy for ending in endings])]
            case Unanswered():
                rest = self._isolate_unanswered(part, result, limits)
            case RowsLocked():
                rest = self._set_locked_aside(part, limits)
            case LeaseLost():
                rest = self._drop_lost(part)
            case Outdated() | ContractBroken() | Crashed():
                alone = len(part) == 1
                rest = self._follow_up_alone(part[0], result, limits) if alone else _halves(part)
        return rest

    def _isolate_unanswered(self, part: Part, result: Unanswered, limits: Limits) -> list[Part]:
        """Run the copies first that need no answer of the gateway."""
        for order_copy in result.blamed:
            self._end_crashed(order_copy, result.cause, limits)
        others = _without(part, [*result.blamed, *result.unanswered])
        unanswered = [result.unanswered] if result.blamed else _halves(result.unanswered)
        return [others, *unanswered]

    def _set_locked_aside(self, part: Part, limits: Limits) -> list[Part]:
        """Set aside the copies that need locked rows; halve the part if none is identified."""
        if len(part) == 1:
            self._set_aside(part, limits)
            return []
        free = self._without_locked_sources(part, limits)
        return [free] if len(free) < len(part) else _halves(part)

    def _drop_lost(self, part: Part) -> list[Part]:
        """Report the copies that this worker no longer holds."""
        held = set() if len(part) == 1 else leases.held(part)
        lost = [order_copy for order_copy in part if order_copy.pk not in held]
        for order_copy in lost:
            self._lose(order_copy)
        return [_without(part, lost)] if lost else _halves(part)

    def _follow_up_alone(
        self,
        order_copy: OrderFactory,
        result: Outdated | ContractBroken | Crashed,
        limits: Limits,
    ) -> list[Part]:
        """Give up one copy, or plan it again if its source was changed, a few times."""
        if isinstance(result, ContractBroken):
            self._end_refused(order_copy, result.error, limits)
            return []
        if isinstance(result, Outdated):
            self.plans_changed[order_copy.pk] += 1
            if self.plans_changed[order_copy.pk] <= MAX_CHANGES:
                return [[order_copy]]
        self._end_crashed(order_copy, result.error, limits)
        return []

    def _end_refused(self, order_copy: OrderFactory, error: Exception, limits: Limits) -> None:
        """Fail a copy for which the shop broke its contract."""
        self._log_error("Copy %s: the shop broke its contract", order_copy, error)
        problem = _base_problem("shop_contract", str(error))
        self._give_up(order_copy, Status.FAILED, problem, limits)

    def _end_crashed(self, order_copy: OrderFactory, error: Exception, limits: Limits) -> None:
        """Retry a copy that crashed alone, or abort it after its last attempt."""
        if order_copy.tries >= settings.MAX_ATTEMPTS:
            self._log_error("Copy %s crashed for the last time", order_copy, error)
            problem = _crashed(order_copy.tries, error)
            self._give_up(order_copy, Status.ABORTED, problem, limits)
            return
        self._log_error("Copy %s crashed and is retried", order_copy, error)
        backoff = settings.backoff_after(order_copy.tries)
        if self._save(partial(leases.back_off, order_copy, backoff), limits):
            self.batch.count("to retry")
        else:
            self._lose(order_copy)

    def _give_up(
        self, order_copy: OrderFactory, status: Status, problem: Problem, limits: Limits
    ) -> None:
        self._end_alone(_given_up(order_copy, status, problem), limits)

    def _end_alone(self, ending: Ending, limits: Limits) -> None:
        order_copy = ending.order_copy

        def end() -> None:
            with committed([order_copy], lock_wait=limits.lock_wait, **self._log_fields()):
                settlement.lock([order_copy])
                self._end([ending])

        try:
            with_retries(end, patience=limits.patience)
        except (LeaseLostError, RowsLockedError):
            self._lose(order_copy)
        else:
            self.batch.report([ending])

    def _without_locked_sources(self, part: Part, limits: Limits) -> list[OrderFactory]:
        """Set aside the copies that cancel an order which is locked; return the others."""
        cancelling = [order_copy for order_copy in part if order_copy.cancel_source_order]
        keys = with_retries(partial(self._locked_sources, cancelling), patience=limits.patience)
        locked = [order_copy for order_copy in cancelling if order_copy.source_order_id in keys]
        if locked:
            self._set_aside(locked, limits)
        return _without(part, locked)

    def _locked_sources(self, order_copies: Part) -> set[Any]:
        sources = {order_copy.source_order_id for order_copy in order_copies}
        orders = self.shop.order_model._base_manager.filter(pk__in=sources)
        with transaction.atomic():
            free = lock_available(orders, for_deletion=False)
            return sources - set(free.values_list("pk", flat=True))

    def _set_aside(self, order_copies: Part, limits: Limits) -> None:
        now = timezone.now()
        waited = max(now - (order_copy.locked_since or now) for order_copy in order_copies)
        backoff = settings.lock_backoff(waited)
        released = self._save(partial(leases.set_aside, order_copies, backoff), limits)
        self.batch.count("locked", released)
        self.batch.count("lost", len(order_copies) - released)
        for order_copy in order_copies:
            message = "Copy %s needs locked rows: it is retried later"
            logger.warning(message, order_copy, extra=self.batch.log_fields(order_copy))

    def _save(self, save: Callable[[], int], limits: Limits) -> int:
        """Run ``save``; 0 where other transactions lock the copies, whose leases then expire."""

        def save_in_time() -> int:
            with limited_wait(limits.lock_wait):
                return save()

        try:
            return with_retries(save_in_time, patience=limits.patience)
        except RowsLockedError:
            return 0

    def _lose(self, order_copy: OrderFactory) -> None:
        extra = self.batch.log_fields(order_copy)
        logger.warning("%s lost the lease of copy %s", self.worker, order_copy, extra=extra)
        self.batch.count("lost")

    def _log_fields(self) -> dict[str, Any]:
        return {"worker": self.worker, "trace_id": self.batch.trace_id}

    def _log_error(self, message: str, order_copy: OrderFactory, error: Exception) -> None:
        logger.error(message, order_copy, exc_info=error, extra=self.batch.log_fields(order_copy))


def _contended(runs: Sequence[CopyRun]) -> list[OrderFactory]:
    """Return the copies that lack what an earlier one was planned to take, but did not."""
    refused = next((index for index, run in enumerate(runs) if run.problems), len(runs))
    return [run.order_copy for run in runs[refused + 1 :] if run.plan.is_contended]


def _given_up(order_copy: OrderFactory, status: Status, problem: Problem) -> Ending:
    """Return the ending of a copy that leaves no target."""
    outcome = Outcome(Action.SKIPPED, problem.attribute, code=problem.code, message=problem.message)
    return Ending(order_copy, status, [problem], outcomes=[outcome.as_json()])


def _postponed(
    runs: Sequence[CopyRun], subscriptions: Mapping[int, OrderSubscription]
) -> list[Ending]:
    """Return the endings of the renewals that were not placed and are retried later."""
    return [
        _ending(run, is_written=False)
        for run in runs
        if run.problems
        and (one := subscriptions.get(run.order_copy.order_subscription_id or 0))
        and settlement.retries_later(one, [*run.plan.problems, *run.problems])
    ]


def _ending(run: CopyRun, *, is_written: bool = True) -> Ending:
    problems = [*run.plan.problems, *run.problems]
    completes = succeeds(problems, skip_errors=run.plan.skip_errors)
    line_items = iter(run.target_line_items)
    written = is_written and run.target_order is not None
    outcomes = [
        outcome.as_json(next(line_items) if written and outcome.writes_a_line else None)
        for outcome in run.plan.outcomes
    ]
    status = Status.COMPLETED if completes else Status.FAILED
    target_order = run.target_order if written else None
    return Ending(run.order_copy, status, problems, target_order, outcomes)


def _without(part: Part, others: Part) -> list[OrderFactory]:
    return [order_copy for order_copy in part if order_copy not in others]


def _halves(part: Part) -> list[Part]:
    middle = len(part) // 2
    return [part[:middle], part[middle:]]


def _why_hopeless(order_copy: OrderFactory) -> Problem | None:
    if order_copy.source_order_id is None:
        message = _("does not exist any more")
        return Problem(Step.WRITE, "source_order", "source_gone", message)
    if order_copy.tries > settings.MAX_ATTEMPTS:
        return _crashed(order_copy.tries - 1)
    return None


def _crashed(count: int, error: Exception | None = None) -> Problem:
    message = _("the copy crashed %(count)s times (%(error)s): see the log of the worker")
    name = type(error).__name__ if error else _("its worker died")
    return _base_problem("crashed", message % {"count": count, "error": name})


def _base_problem(code: str, message: str) -> Problem:
    return Problem(Step.WRITE, "base", code, message, skippable=False)
