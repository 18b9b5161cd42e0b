"""Have a shop authorize payments, each once in a batch, until its gateway seems to be dead."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from order_copies.db.retry import is_transient
from order_copies.exceptions import ShopContractError
from order_copies.models import OrderFactory
from order_copies.shops import CopyRun, Payment, Shop
from order_copies.worker import checked_shop
from order_copies.worker.payments import open_payments

#: After how many payments in a row that went unanswered a batch asks for no more.
ENOUGH = 3
#: Seconds of payment requests, after which the copies that are paid for commit before the rest.
SLOW = 2.0


class SlowError(Exception):
    """The gateway is slow: the payments of these copies are requested after the others commit."""

    def __init__(self, order_copies: Sequence[OrderFactory]) -> None:
        super().__init__(f"{len(order_copies)} payments are requested later: the gateway is slow")
        self.order_copies = order_copies


class UnansweredError(Exception):
    """The shop raised ``cause`` instead of saying what became of the payments of these copies.

    The first ``blamed`` of them are not to be asked for again in this batch; one of the others
    may be to blame, or all.
    """

    def __init__(
        self, order_copies: Sequence[OrderFactory], *, blamed: int, cause: Exception
    ) -> None:
        super().__init__(f"{len(order_copies)} payments went unanswered: {cause!r}")
        self.order_copies = order_copies
        self.blamed = blamed
        self.cause = cause


@dataclass(slots=True)
class Authorizations:
    """What came of the payments that a batch asked for."""

    shop: Shop
    #: In the shop's own words, by key, as soon as they are known.
    answers: dict[str, Any] = field(default_factory=dict)
    #: Why payments went unanswered, one after the other, since the last answer.
    in_vain: list[Exception] = field(default_factory=list)

    def authorize(self, runs: Sequence[CopyRun]) -> None:
        """Have each of these runs know its payment, and what became of it.

        Raises :class:`UnansweredError` where the shop raises, and without asking it once it did so
        for three payments in a row; :class:`LeaseLostError` before it asks for what is lost;
        :class:`SlowError` once answers took two seconds and others are due.
        """
        checked_shop.payments(self.shop, runs)
        due = [run for run in runs if run.payment]
        unanswered = [run for run in due if not self._knows(run)]
        if unanswered and len(self.in_vain) >= ENOUGH:
            raise _unanswered(unanswered, len(unanswered), self.in_vain[-1])
        if due:
            open_payments(due)
        if unanswered:
            self._ask(unanswered)
        for payment in _payments(due):
            payment.authorization = self.answers[payment.key]

    def _ask(self, runs: Sequence[CopyRun]) -> None:
        payments, knows_whose = _payments(runs), len(runs) == 1
        deadline = time.monotonic() + SLOW
        try:
            answers = checked_shop.authorize(self.shop, payments)
            knows_whose = True
            self._remember(answers, deadline)
        except ShopContractError:
            # Where answers are missing or too many, each may be that of another payment.
            for payment in payments:
                self.answers.pop(payment.key, None)
            raise
        except Exception as error:
            unanswered = [run for run in runs if not self._knows(run)]
            if is_transient(error) or not unanswered:
                raise
            if knows_whose:
                self.in_vain.append(error)
            raise _unanswered(unanswered, int(knows_whose), error) from error
        if later := [run.order_copy for run in runs if not self._knows(run)]:
            raise SlowError(later)

    def _remember(self, answers: Iterator[tuple[Payment, Any]], deadline: float) -> None:
        for payment, answer in answers:
            self.answers[payment.key] = answer
            self.in_vain.clear()
            if time.monotonic() > deadline:
                return

    def _knows(self, run: CopyRun) -> bool:
        return run.payment is not None and run.payment.key in self.answers


def _payments(runs: Sequence[CopyRun]) -> list[Payment]:
    return [run.payment for run in runs if run.payment]


def _unanswered(runs: Sequence[CopyRun], blamed: int, cause: Exception) -> UnansweredError:
    return UnansweredError([run.order_copy for run in runs], blamed=blamed, cause=cause)
