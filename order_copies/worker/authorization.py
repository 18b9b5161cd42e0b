"""Have the shop authorize payments, each once in a batch, until its gateway seems to be down."""

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
from order_copies.worker.results import Later, Unanswered

#: After this number of unanswered payments in a row, a batch requests no more.
MAX_UNANSWERED = 3
#: Seconds of payment requests, after which the copies that are paid for commit before the rest.
SLOW = 2.0


@dataclass(slots=True)
class Authorizations:
    """The answers to the payments that a batch requested."""

    shop: Shop
    #: In the shop's own words, by the key of the payment, as soon as they are known.
    answers: dict[str, Any] = field(default_factory=dict)
    #: The errors of payments that went unanswered, since the last answer.
    failures: list[Exception] = field(default_factory=list)

    def authorize(self, runs: Sequence[CopyRun]) -> Later | Unanswered | None:
        """Set the payment of each run, and its authorization. None: all of them have answers.

        Raises :class:`LeaseLostError` before it requests a payment for a copy that is lost, and
        :class:`ShopContractError`. After ``MAX_UNANSWERED`` failures in a row the shop is not
        called; once answers took ``SLOW`` seconds the rest comes later.
        """
        checked_shop.payments(self.shop, runs)
        due = [run for run in runs if run.payment]
        unanswered = self._unanswered(due)
        if unanswered and len(self.failures) >= MAX_UNANSWERED:
            return Unanswered(_copies(unanswered), [], self.failures[-1])
        if due:
            open_payments(due)
        if unanswered and (result := self._request(unanswered)):
            return result
        for payment in _payments(due):
            payment.authorization = self.answers[payment.key]
        return None

    def _request(self, runs: Sequence[CopyRun]) -> Later | Unanswered | None:
        # Only an iterator, or a call for one payment, says whose payment an error is about.
        names_payment = len(runs) == 1
        deadline = time.monotonic() + SLOW
        try:
            answers = checked_shop.authorize(self.shop, _payments(runs))
            names_payment = True
            self._keep(answers, deadline)
        except ShopContractError:
            # Where answers are missing or too many, each may be that of another payment.
            for payment in _payments(runs):
                self.answers.pop(payment.key, None)
            raise
        except Exception as error:
            unanswered = self._unanswered(runs)
            if is_transient(error) or not unanswered:
                raise
            if not names_payment:
                return Unanswered([], _copies(unanswered), error)
            self.failures.append(error)
            return Unanswered(_copies(unanswered[:1]), _copies(unanswered[1:]), error)
        if later := self._unanswered(runs):
            return Later(_copies(later), "the gateway is slow")
        return None

    def _keep(self, answers: Iterator[tuple[Payment, Any]], deadline: float) -> None:
        for payment, answer in answers:
            self.answers[payment.key] = answer
            self.failures.clear()
            if time.monotonic() > deadline:
                return

    def _unanswered(self, runs: Sequence[CopyRun]) -> list[CopyRun]:
        return [run for run in runs if run.payment and run.payment.key not in self.answers]


def _payments(runs: Sequence[CopyRun]) -> list[Payment]:
    return [run.payment for run in runs if run.payment]


def _copies(runs: Sequence[CopyRun]) -> list[OrderFactory]:
    return [run.order_copy for run in runs]
