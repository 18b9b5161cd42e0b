"""Run claimed copies: plan, authorize, write, place, cancel, end."""

import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from order_copies.conf import settings
from order_copies.db.commits import committed
from order_copies.db.locks import limited_wait, locked_unless_taken
from order_copies.db.retry import answers, is_transient, refuses_writes, steadily
from order_copies.events.who import worker_as_who
from order_copies.exceptions import LeaseLostError, RowsLockedError, ShopContractError
from order_copies.models import OrderFactory
from order_copies.plans import Action, Outcome, Problem, Step, succeeds
from order_copies.shops import CopyRun, Shop
from order_copies.transitions import save_ended, save_locked, save_pause, still_held
from order_copies.worker import checked_shop
from order_copies.worker.authorization import Authorizations, SlowError, UnansweredError
from order_copies.worker.batches import Batch
from order_copies.worker.payments import use_payments

logger = logging.getLogger("order_copies.worker")

NO_TIME = timedelta(0)
#: Seconds that each part of a batch waits for row locks once one could not be had in time.
SHORT_LOCK_WAIT = 0.1


class ContendedError(Exception):
    """A target was not placed after all, so what it takes is left for later copies of the batch."""

    def __init__(self, runs: Sequence[CopyRun]) -> None:
        super().__init__(f"{len(runs)} copies are planned again: an earlier one was not placed.")
        self.order_copies = [run.order_copy for run in runs]


@dataclass(slots=True)
class Runner:
    """Runs the copies that one worker claimed, and counts how they end."""

    worker: str
    shop: Shop
    batch: Batch
    authorizations: Authorizations = field(init=False)
    #: For how long transient trouble with the database is waited out.
    patience: timedelta = field(init=False)
    #: Seconds to wait for a row lock.
    lock_wait: float = field(init=False)

    def __post_init__(self) -> None:
        self.authorizations = Authorizations(self.shop)

    def run(self, order_copies: Sequence[OrderFactory]) -> None:
        """Run the copies, whatever single ones of them do.

        Raises the error of a database that does not answer, or takes no writes, until a lease ends.
        """
        self.patience = settings.LEASE
        self.lock_wait = settings.LOCK_TIMEOUT
        runnable = []
        for order_copy in order_copies:
            if problem := _why_hopeless(order_copy):
                self._abort(order_copy, problem)
            else:
                runnable.append(order_copy)
        if any(order_copy.locked_since for order_copy in runnable):
            # A lock that was in the way before may be there still: look, rather than wait for it.
            runnable = self._release_locked(runnable)
        # Copies that pay may wait for a slow gateway, and drafts need not wait with them. Those
        # that cancel stay in order with them: the first that wants a source gets it.
        swaps = [one for one in runnable if one.place_target_order or one.cancel_source_order]
        self._run_in_parts(_one_after_the_other(runnable, swaps))

    def _run_in_parts(self, parts: list[Sequence[OrderFactory]]) -> None:
        """Run each part together; what fails is taken apart, until a bad one stands alone."""
        while parts:
            part = parts.pop(0)
            try:
                steadily(partial(self._run_together, part), patience=self.patience)
            except Exception as error:
                if is_transient(error):
                    if refuses_writes(error) or not answers():
                        raise
                    # Some copy's trouble, not everybody's: the others need not wait as long again.
                    self.patience = NO_TIME
                parts = [*self._take_apart(part, error), *parts]

    def _take_apart(
        self, order_copies: Sequence[OrderFactory], error: Exception
    ) -> list[Sequence[OrderFactory]]:
        """Handle those that are known to be bad; what is left is to be run part by part."""
        if isinstance(error, UnansweredError):
            return self._set_aside(order_copies, error)
        if isinstance(error, ContendedError | SlowError):
            self._log_split(order_copies, error)
            return _one_after_the_other(order_copies, error.order_copies)
        if isinstance(error, RowsLockedError):
            return self._split_locked(order_copies, error)
        if len(order_copies) == 1:
            self._handle(order_copies[0], error)
            return []
        self._log_split(order_copies, error)
        if isinstance(error, LeaseLostError):
            held = self._still_held(order_copies)
            if len(held) < len(order_copies):
                return [held] if held else []
        return _halves(order_copies)

    def _set_aside(
        self, order_copies: Sequence[OrderFactory], error: UnansweredError
    ) -> list[Sequence[OrderFactory]]:
        """Those that need not wait for an answer come first."""
        self._log_split(order_copies, error)
        blamed, unanswered = error.order_copies[: error.blamed], error.order_copies[error.blamed :]
        for order_copy in blamed:
            self._handle(order_copy, error.cause)
        waiting = set(error.order_copies)
        others = [order_copy for order_copy in order_copies if order_copy not in waiting]
        parts = [others, unanswered] if blamed else [others, *_halves(unanswered)]
        return [part for part in parts if part]

    def _split_locked(
        self, order_copies: Sequence[OrderFactory], error: RowsLockedError
    ) -> list[Sequence[OrderFactory]]:
        """Set aside copies whose source is locked; halve the others only where none is."""
        self._log_split(order_copies, error)
        self.lock_wait = min(self.lock_wait, SHORT_LOCK_WAIT)
        if len(order_copies) == 1:
            self._release(order_copies)
            return []
        others = self._release_locked(order_copies)
        if len(others) < len(order_copies):
            return [others] if others else []
        return _halves(order_copies)

    def _release_locked(self, order_copies: Sequence[OrderFactory]) -> list[OrderFactory]:
        """Release the copies that cancel an order which is locked; return the others."""
        cancelling = [one for one in order_copies if one.cancel_source_order]
        keys = steadily(partial(self._locked_sources, cancelling), patience=self.patience)
        locked = [one for one in cancelling if one.source_order_id in keys]
        if locked:
            self._release(locked)
        return [one for one in order_copies if one not in locked]

    def _locked_sources(self, order_copies: Sequence[OrderFactory]) -> set[Any]:
        sources = {order_copy.source_order_id for order_copy in order_copies}
        orders = self.shop.order_model._base_manager.filter(pk__in=sources)
        with transaction.atomic():
            free = locked_unless_taken(orders, for_deletion=False)
            return sources - set(free.values_list("pk", flat=True))

    def _release(self, order_copies: Sequence[OrderFactory]) -> None:
        """Release copies that need locked rows: they are retried later, at no attempt's cost."""
        now = timezone.now()
        waited = max(now - (order_copy.locked_since or now) for order_copy in order_copies)
        save = partial(save_locked, order_copies, now, settings.backoff_of_locked(waited))
        released = self._saved(save)
        if released:
            self.batch.ends["locked"] += released
        if released < len(order_copies):
            self.batch.ends["lost"] += len(order_copies) - released
        for order_copy in order_copies:
            extra = self.batch.about(order_copy)
            logger.warning(
                "Copy %s needs locked rows: it is retried later", order_copy, extra=extra
            )

    def _saved(self, save: Callable[[], int]) -> int:
        """Run ``save``; 0 where other transactions lock the copies, whose leases then run out."""

        def save_in_time() -> int:
            with limited_wait(self.lock_wait):
                return save()

        try:
            return steadily(save_in_time, patience=self.patience)
        except RowsLockedError:
            return 0

    def _still_held(self, order_copies: Sequence[OrderFactory]) -> list[OrderFactory]:
        keys = still_held(order_copies)
        for order_copy in order_copies:
            if order_copy.pk not in keys:
                self._lose(order_copy)
        return [order_copy for order_copy in order_copies if order_copy.pk in keys]

    def _run_together(self, order_copies: Sequence[OrderFactory]) -> None:
        plans = checked_shop.plan(self.shop, order_copies)
        runs = [CopyRun(*pair) for pair in zip(order_copies, plans, strict=True)]
        if placing := [run for run in runs if run.plan.will_place]:
            self.authorizations.authorize(placing)
        self._commit(runs)
        for run in runs:
            self.batch.tell(run.order_copy, [*run.plan.problems, *run.problems])

    def _commit(self, runs: Sequence[CopyRun]) -> None:
        with self._committed([run.order_copy for run in runs]):
            self._execute(runs)
            self._end(runs)

    def _execute(self, runs: Sequence[CopyRun]) -> None:
        if written := [run for run in runs if run.plan.will_write]:
            checked_shop.write(self.shop, written)
        if placed := [run for run in runs if run.plan.will_place]:
            checked_shop.place(self.shop, placed)
            _check_contention(runs)
            use_payments(placed)
        if cancelled := [run for run in runs if run.plan.will_cancel and not run.problems]:
            checked_shop.cancel(self.shop, cancelled)

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
        self._save_ended([run.order_copy for run in runs])

    def _handle(self, order_copy: OrderFactory, error: Exception) -> None:
        """A copy that cannot be run even alone: lost, failed, aborted or tried again."""
        order_copy.target_order_id, order_copy.outcomes = None, []
        if isinstance(error, LeaseLostError):
            self._lose(order_copy)
        elif isinstance(error, ShopContractError):
            self._log_error("Copy %s: the shop broke its contract", order_copy, error)
            self._fail(order_copy, _base_problem("shop_contract", str(error)))
        elif order_copy.tries >= settings.MAX_ATTEMPTS:
            self._log_error("Copy %s crashed for the last time", order_copy, error)
            self._abort(order_copy, _crashed(order_copy.tries, error))
        else:
            self._log_error("Copy %s crashed and is tried again", order_copy, error)
            self._pause(order_copy)

    def _lose(self, order_copy: OrderFactory) -> None:
        """Another attempt owns the copy now, and whatever was authorized for it, or nobody does."""
        extra = self.batch.about(order_copy)
        logger.warning("%s lost the lease of copy %s", self.worker, order_copy, extra=extra)
        self.batch.ends["lost"] += 1

    def _pause(self, order_copy: OrderFactory) -> None:
        order_copy.lease_expires_at = timezone.now() + settings.pause_after(order_copy.tries)
        if self._saved(partial(save_pause, order_copy)):
            self.batch.ends["to retry"] += 1
        else:
            self._lose(order_copy)

    def _fail(self, order_copy: OrderFactory, problem: Problem) -> None:
        order_copy.fail(timezone.now(), [problem])
        self._give_up(order_copy, problem)

    def _abort(self, order_copy: OrderFactory, problem: Problem) -> None:
        order_copy.abort([problem])
        self._give_up(order_copy, problem)

    def _give_up(self, order_copy: OrderFactory, problem: Problem) -> None:
        order_copy.outcomes = [_outcome(problem)]
        try:
            steadily(partial(self._save_given_up, order_copy), patience=self.patience)
        except (LeaseLostError, RowsLockedError):
            self._lose(order_copy)
        else:
            self.batch.tell(order_copy, [problem])

    def _save_given_up(self, order_copy: OrderFactory) -> None:
        with self._committed([order_copy]):
            self._save_ended([order_copy])

    def _save_ended(self, order_copies: Sequence[OrderFactory]) -> None:
        save_ended(order_copies, worker_as_who(self.worker), timezone.now())

    def _committed(self, order_copies: Sequence[OrderFactory]) -> AbstractContextManager[None]:
        extra = {"worker": self.worker, "trace_id": self.batch.trace_id}
        return committed(order_copies, lock_wait=self.lock_wait, **extra)

    def _log_split(self, order_copies: Sequence[OrderFactory], error: Exception) -> None:
        if len(order_copies) > 1:
            extra = {"worker": self.worker, "trace_id": self.batch.trace_id}
            message = "%s splits a batch of %s: %r"
            logger.info(message, self.worker, len(order_copies), error, extra=extra)

    def _log_error(self, message: str, order_copy: OrderFactory, error: Exception) -> None:
        logger.error(message, order_copy, exc_info=error, extra=self.batch.about(order_copy))


def _check_contention(runs: Sequence[CopyRun]) -> None:
    """Raise ContendedError if copies lack what an earlier one did not take after all."""
    refused = next((index for index, run in enumerate(runs) if run.problems), len(runs))
    contended = [run for run in runs[refused + 1 :] if run.plan.is_contended]
    if contended:
        raise ContendedError(contended)


def _one_after_the_other(
    order_copies: Sequence[OrderFactory], later: Sequence[OrderFactory]
) -> list[Sequence[OrderFactory]]:
    parts = [order_copy for order_copy in order_copies if order_copy not in later], later
    return [part for part in parts if part]


def _halves(order_copies: Sequence[OrderFactory]) -> list[Sequence[OrderFactory]]:
    middle = len(order_copies) // 2
    return [order_copies[:middle], order_copies[middle:]]


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


def _outcome(problem: Problem) -> dict[str, Any]:
    return Outcome(
        Action.SKIPPED, problem.attribute, code=problem.code, message=problem.message
    ).as_json()


def _outcomes(run: CopyRun) -> list[dict[str, Any]]:
    line_items = iter(run.target_line_items)
    written = run.target_order is not None
    return [
        outcome.as_json(next(line_items) if written and outcome.writes_a_line else None)
        for outcome in run.plan.outcomes
    ]
