"""Decisions: how a copy treats one line of its source order."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from order_copies.plans import Action
from orders.copying.fields import SourceLine


@dataclass(frozen=True, slots=True)
class Decision:
    """The target line of one source line, and why it differs.

    ``source`` is None for a new line, ``target`` is None for a skipped one.
    """

    source: SourceLine | None
    target: SourceLine | None
    action: Action
    code: str = ""
    message: str = ""
    #: The options of the target line; None if they equal those of the source line.
    options: Sequence[tuple[Any, ...]] | None = None

    @property
    def changes_amounts(self) -> bool:
        """Whether the quantity or an amount of the target differs from the source."""
        if self.source is None or self.target is None:
            return True
        return self.action != Action.COPIED


def copied(line: SourceLine) -> Decision:
    """Return the decision to copy the line unchanged."""
    return Decision(line, line, Action.COPIED)


def skipped(line: SourceLine, code: str, message: str) -> Decision:
    """Return the decision to leave the line out."""
    return Decision(line, None, Action.SKIPPED, code, message)


def repriced(line: SourceLine, amount: int, tax: int, code: str, message: str) -> Decision:
    """Return the decision to copy the line with this total and tax, in cents."""
    if (amount, tax) == (line.total_amount_cents, line.tax_amount_cents):
        return copied(line)
    return Decision(line, single_piece(line, amount, tax), Action.REPRICED, code, message)


def single_piece(line: SourceLine, amount: int, tax: int) -> SourceLine:
    """Return the line as one piece of this total and tax, in cents."""
    return line._replace(
        quantity=1,
        unit_amount_cents=amount,
        options_amount_cents=0,
        total_amount_cents=amount,
        tax_amount_cents=tax,
    )
