"""Run claimed copies: plan, authorize, write, place, cancel, end."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from order_copies import asking
from order_copies.batches import Batch
from order_copies.conf import settings
from order_copies.events.who import worker_as_who
from order_copies.exceptions import LeaseLostError, ShopContractError
from order_copies.models import OrderFactory
from order_copies.payments import open_payments, use_payments
from order_copies.plans import Action, Outcome, Problem, Step, succeeds
from order_copies.shops import CopyRun, Shop
from order_copies.transient import answers, is_transient, steadily
from order_copies.transitions import save_ended, save_pause, still_held

logger = logging.getLogger("order_copies.worker")

NO_TIME = timedelta(0)


@dataclass(slots=True)
class Runner:
    """Runs the copies that one worker claimed, and counts how they end."""

    worker: str
    shop: Shop
    batch: Batch
    #: What came of the payments that were asked for, by key.
    authorizations: dict[str, Any] = field(default_factory=dict)
    #: For how long transient trouble with the database is waited out.
    patience: timedelta = field(default_factory=lambda: settings.LEASE)

    def run(self, order_copies: Sequence[OrderFactory]) -> None:
        """Run the copies, whatever single ones of them do.

        Raises what the database raises, where it does not answer for as long as a lease lasts.
        """
        runnable = []
        for order_copy in order_copies:
            if problem := _why_hopeless(order_copy):
                self._abort(order_copy, problem)
            else:
                runnable.append(order_copy)
        if runnable:
            self._run_or_split(runnable)

    def _run_or_split(self, order_copies: Sequence[OrderFactory]) -> None:
        """Run them together; if that fails, in parts, until a bad one stands alone."""
        try:
            steadily(partial(self._run_together, order_copies), patience=self.patience)
        except Exception as error:
            if is_transient(error):
                if not answers():
                    raise
                # Some copy's trouble, not everybody's: its neighbours need not wait as long again.
                self.patience = NO_TIME
            if len(order_copies) == 1:
                self._handle(order_copies[0], error)
                return
            extra = {"worker": self.worker, "trace_id": self.batch.trace_id}
            message = "%s splits a batch of %s: %r"
            logger.info(message, self.worker, len(order_copies), error, extra=extra)
            for part in self._parts(order_copies, error):
                self._run_or_split(part)

    def _parts(
        self, order_copies: Sequence[OrderFactory], error: Exception
    ) -> list[Sequence[OrderFactory]]:
        """Those that are still this worker's; where all or none are, halves."""
        if isinstance(error, LeaseLostError):
            keys = still_held(order_copies)
            held = [order_copy for order_copy in order_copies if order_copy.pk in keys]
            for order_copy in order_copies:
                if order_copy.pk not in keys:
                    self._lose(order_copy)
            if len(held) < len(order_copies):
                return [held] if held else []
        middle = len(order_copies) // 2
        return [order_copies[:middle], order_copies[middle:]]

    def _run_together(self, order_copies: Sequence[OrderFactory]) -> None:
        plans = asking.plan(self.shop, order_copies)
        runs = [CopyRun(*pair) for pair in zip(order_copies, plans, strict=True)]
        self._authorize([run for run in runs if run.plan.will_place])
        self._commit(runs)
        for run in runs:
            self.batch.tell(run.order_copy, [*run.plan.problems, *run.problems])

    def _commit(self, runs: Sequence[CopyRun]) -> None:
        """All that these runs change, in one transaction.

        What the shop does after it (``transaction.on_commit``) may raise: the copies have ended
        nevertheless, and the log says so.
        """
        committed: list[CopyRun] = []
        try:
            with transaction.atomic():
                # Before anything else is registered, so before anything else is called.
                transaction.on_commit(partial(committed.extend, runs))
                self._execute(runs)
                self._end(runs)
        except Exception:
            if not committed:
                raise
            ids = [run.order_copy.public_id for run in committed]
            extra = {"worker": self.worker, "trace_id": self.batch.trace_id}
            message = "What the shop does after a commit failed; the rest of it was left out: %s"
            logger.exception(message, ", ".join(ids), extra=extra | {"order_copy_ids": ids})

    def _authorize(self, runs: Sequence[CopyRun]) -> None:
        if runs:
            asking.payments(self.shop, runs)
        due = [run for run in runs if run.payment]
        if due:
            open_payments(due)
        payments = [run.payment for run in due if run.payment]
        unanswered = [one for one in payments if one.key not in self.authorizations]
        if unanswered:
            answers = asking.authorize(self.shop, unanswered)
            keys = (payment.key for payment in unanswered)
            self.authorizations.update(zip(keys, answers, strict=True))
        for payment in payments:
            payment.authorization = self.authorizations[payment.key]

    def _execute(self, runs: Sequence[CopyRun]) -> None:
        if written := [run for run in runs if run.plan.will_write]:
            asking.write(self.shop, written)
        if placed := [run for run in runs if run.plan.will_place]:
            asking.place(self.shop, placed)
            use_payments(placed)
        if cancelled := [run for run in runs if run.plan.will_cancel and not run.problems]:
            asking.cancel(self.shop, cancelled)

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
        if steadily(partial(save_pause, order_copy), patience=self.patience):
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
            steadily(partial(self._save_ended, [order_copy]), patience=self.patience)
        except LeaseLostError:
            self._lose(order_copy)
        else:
            self.batch.tell(order_copy, [problem])

    def _save_ended(self, order_copies: Sequence[OrderFactory]) -> None:
        with transaction.atomic():
            save_ended(order_copies, worker_as_who(self.worker), timezone.now())

    def _log_error(self, message: str, order_copy: OrderFactory, error: Exception) -> None:
        logger.error(message, order_copy, exc_info=error, extra=self.batch.about(order_copy))


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
