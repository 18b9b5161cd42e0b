"""What an attempt to run a part of a batch results in: values that the runner matches."""

from collections.abc import Sequence
from dataclasses import dataclass

from order_copies.models import OrderFactory
from order_copies.transitions import Ending


@dataclass(frozen=True, slots=True)
class Ended:
    """All copies have ended, and the transaction is committed."""

    endings: Sequence[Ending]


@dataclass(frozen=True, slots=True)
class Later:
    """These copies run after the others of their part; nothing is written yet."""

    order_copies: Sequence[OrderFactory]
    reason: str

    def __str__(self) -> str:
        return f"{len(self.order_copies)} copies run later: {self.reason}"


@dataclass(frozen=True, slots=True)
class Apart:
    """Some copies end by themselves, without a target; the others run again, nothing is written."""

    endings: Sequence[Ending]
    reason: str

    def __str__(self) -> str:
        return f"{len(self.endings)} copies end apart: {self.reason}"


@dataclass(frozen=True, slots=True)
class Unanswered:
    """The shop raised ``cause`` instead of an answer for the payments of these copies.

    The payments of ``blamed`` must not be requested again in this batch; one of ``unanswered`` may
    be the cause, or all.
    """

    blamed: Sequence[OrderFactory]
    unanswered: Sequence[OrderFactory]
    cause: Exception

    def __str__(self) -> str:
        count = len(self.blamed) + len(self.unanswered)
        return f"{count} payments have no answer: {self.cause!r}"


@dataclass(frozen=True, slots=True)
class RowsLocked:
    """Another transaction keeps rows locked that a copy needs."""


@dataclass(frozen=True, slots=True)
class LeaseLost:
    """This worker no longer holds one of the copies."""


@dataclass(frozen=True, slots=True)
class Outdated:
    """A source order was changed after the plan of its copy; nothing is written."""

    error: Exception


@dataclass(frozen=True, slots=True)
class ContractBroken:
    """The shop's adapter returned or wrote something that it must not."""

    error: Exception


@dataclass(frozen=True, slots=True)
class Crashed:
    """A copy raised an error, which may be transient: the database answers."""

    error: Exception
    is_transient: bool


Result = (
    Ended
    | Later
    | Apart
    | Unanswered
    | RowsLocked
    | LeaseLost
    | Outdated
    | ContractBroken
    | Crashed
)
