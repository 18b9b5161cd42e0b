"""The decision on one line of an order: copy it, skip it, change its price or its quantity."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from order_copies.plans import Action
from order_copies.shops.amounts import rounded
from orders.allocation import scale
from orders.copying.fields import LINE_ITEM_OPTION, SourceLine

#: The positions of quantity and total in the row of an option.
QUANTITY = LINE_ITEM_OPTION.copied.index("quantity")
TOTAL = LINE_ITEM_OPTION.copied.index("total_amount_cents")


@dataclass(frozen=True, slots=True)
class Decision:
    """The target line of one source line, and why it differs.

    ``source`` is None for a new line, ``target`` is None for a skipped one. Both are None for an
    item of a subscription that no source line has and that is unavailable: it has a ``name``.
    """

    source: SourceLine | None
    target: SourceLine | None
    action: Action
    code: str = ""
    message: str = ""
    #: The options of the target line; None if they equal those of the source line.
    options: Sequence[tuple[Any, ...]] | None = None
    name: str = ""


def skipped(line: SourceLine, code: str, message: str) -> Decision:
    """Return the decision to leave the line out."""
    return Decision(line, None, Action.SKIPPED, code, message)


def repriced(line: SourceLine, amount: int, tax: int, code: str, message: str) -> Decision:
    """Return the decision to copy the line with this total and tax, in cents."""
    if (amount, tax) == (line.total_amount_cents, line.tax_amount_cents):
        return Decision(line, line, Action.COPIED)
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


def resized(
    line: SourceLine, options: Sequence[tuple[Any, ...]], quantity: int
) -> tuple[SourceLine, Sequence[tuple[Any, ...]]]:
    """Return the line with another number of pieces, and its options, at the prices of the source.

    Options that were chosen for each piece change with the line; others keep quantity and amount.
    The rest of the total, including discounts inside the line, and the tax change in proportion.
    """
    factor = Fraction(quantity, line.quantity)
    scales = [option[QUANTITY] % line.quantity == 0 for option in options]
    fixed = sum(
        option[TOTAL] for option, is_scaled in zip(options, scales, strict=True) if not is_scaled
    )
    total, tax = line.total_amount_cents, line.tax_amount_cents
    # An option cannot keep its amount in a line whose total is less.
    kept = fixed if 0 <= fixed <= total else 0
    new_total = kept + rounded((total - kept) * factor)
    target = line._replace(
        quantity=quantity,
        options_amount_cents=fixed + rounded((line.options_amount_cents - fixed) * factor),
        total_amount_cents=new_total,
        tax_amount_cents=rounded(tax * (Fraction(new_total, total) if total else factor)),
    )
    return target, _scaled(options, scales, factor)


def _scaled(
    options: Sequence[tuple[Any, ...]], scales: Sequence[bool], factor: Fraction
) -> list[tuple[Any, ...]]:
    totals = [option[TOTAL] for option, is_scaled in zip(options, scales, strict=True) if is_scaled]
    amounts = iter(scale(totals, factor))
    rows = []
    for option, is_scaled in zip(options, scales, strict=True):
        row = list(option)
        if is_scaled:
            row[QUANTITY] = int(row[QUANTITY] * factor)
            row[TOTAL] = next(amounts)
        rows.append(tuple(row))
    return rows
