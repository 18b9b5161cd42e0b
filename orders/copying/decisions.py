"""What a copy does with one line of its source."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from order_copies.plans import Action
from orders.copying.fields import SourceLine


@dataclass(frozen=True, slots=True)
class Decision:
    """What a copy does with one source line; ``source`` is None for a line that is new."""

    source: SourceLine | None
    target: SourceLine | None
    action: Action
    code: str = ""
    message: str = ""
    #: The options of the target line, if they differ from those of the source line.
    options: Sequence[tuple[Any, ...]] | None = None

    @property
    def changes_amounts(self) -> bool:
        """Whether the target has another quantity or amount here than the source."""
        if self.source is None or self.target is None:
            return True
        return self.action != Action.COPIED


def copied(line: SourceLine) -> Decision:
    """Copy the line as it is."""
    return Decision(line, line, Action.COPIED)


def skipped(line: SourceLine, code: str, message: str) -> Decision:
    """Leave the line out."""
    return Decision(line, None, Action.SKIPPED, code, message)


def repriced(line: SourceLine, amount: int, tax: int, code: str, message: str) -> Decision:
    """Copy the line with another total and tax, in cents."""
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
