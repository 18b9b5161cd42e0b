"""Decide on the goods of an order: what is sold now, and how many pieces are available."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from django.utils.translation import gettext as _

from order_copies.plans import Action, Problem, Step
from orders.allocation import rounded, scale
from orders.copying.fields import LINE_ITEM_OPTION, SourceLine
from orders.copying.snapshot import Availability, SkuState
from orders.lifecycle.stock import too_little
from orders.models import Order
from orders.totals import ItemType

#: The positions of quantity and total in the row of an option.
QUANTITY = LINE_ITEM_OPTION.copied.index("quantity")
TOTAL = LINE_ITEM_OPTION.copied.index("total_amount_cents")


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


def needs_shipping(lines: Iterable[SourceLine], skus: Mapping[int, SkuState]) -> bool:
    """Return whether any piece of these lines is shipped. Lines without a SKU are shipped."""
    return any(
        line.item_type == ItemType.SKUS
        and line.quantity > 0
        and not ((sku := skus.get(line.sku_id or 0)) and sku.do_not_ship)
        for line in lines
    )


class Goods:
    """Decide on the lines of goods of one copy, in order; each line takes pieces from the stock.

    With ``takes_over`` the pieces that the source holds are available to the target.
    """

    def __init__(self, order: Order, availability: Availability, *, takes_over: bool) -> None:
        self.order = order
        self.availability = availability
        self.takes_over = takes_over
        self.problems: list[Problem] = []
        #: The pieces of tracked SKUs that the target needs, by SKU.
        self.taken: Counter[int] = Counter()
        #: Whether an earlier copy of the batch took pieces that this one lacks.
        self.is_contended = False

    def decide(self, line: SourceLine) -> Decision:
        """Copy, reduce or skip a line of goods."""
        if line.item_type != ItemType.SKUS or not (line.sku_id or line.sku_code):
            return copied(line)
        snapshot = self.availability.snapshot
        key = line.sku_id or snapshot.sku_of_code.get(line.sku_code, 0)
        sku = snapshot.skus.get(key)
        if sku is None:
            message = _("%(name)s does not exist any more") % {"name": _name(line)}
            return self._skip(line, "sku_gone", message)
        if not sku.on_sale:
            message = _("%(name)s is not on sale any more") % {"name": _name(line)}
            return self._skip(line, "sku_not_on_sale", message)
        return self._take(line, key, sku)

    def _take(self, line: SourceLine, key: int, sku: SkuState) -> Decision:
        wanted = left = line.quantity
        if sku.available is not None:
            left = self.availability.pieces(key, self.order.pk if self.takes_over else None)
            left = min(wanted, max(0, left - self.taken[key]))
            self.taken[key] += left
            self.is_contended |= left < wanted and self.availability.is_taken(key)
        if left == wanted:
            return _of_sku(line, key)
        if left == 0:
            return self._skip(line, "out_of_stock", too_little(_name(line), 0, wanted))
        return self._reduce(line, key, left)

    def _skip(self, line: SourceLine, code: str, message: str) -> Decision:
        self.problems.append(Problem(Step.WRITE, "line_items", code, message))
        return skipped(line, code, message)

    def _reduce(self, line: SourceLine, key: int, quantity: int) -> Decision:
        message = too_little(_name(line), quantity, line.quantity)
        self.problems.append(Problem(Step.WRITE, "line_items", "stock_too_low", message))
        options = self.availability.snapshot.options.get(line.id or 0, [])
        target, left = reduced(line._replace(sku_id=key), options, quantity)
        return Decision(line, target, Action.REDUCED, "stock_too_low", message, left)


def reduced(
    line: SourceLine, options: Sequence[tuple[Any, ...]], quantity: int
) -> tuple[SourceLine, Sequence[tuple[Any, ...]]]:
    """Return the line with fewer pieces, and its options, at the prices of the source.

    Options that were chosen for each piece shrink with the line; others keep quantity and amount.
    The rest of the total, including discounts inside the line, and the tax shrink in proportion.
    """
    factor = Fraction(quantity, line.quantity)
    shrinks = [option[QUANTITY] % line.quantity == 0 for option in options]
    fixed = sum(
        option[TOTAL] for option, shrink in zip(options, shrinks, strict=True) if not shrink
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
    return target, _shrunk(options, shrinks, factor)


def _shrunk(
    options: Sequence[tuple[Any, ...]], shrinks: Sequence[bool], factor: Fraction
) -> list[tuple[Any, ...]]:
    totals = [option[TOTAL] for option, shrink in zip(options, shrinks, strict=True) if shrink]
    amounts = iter(scale(totals, factor))
    rows = []
    for option, shrink in zip(options, shrinks, strict=True):
        row = list(option)
        if shrink:
            row[QUANTITY] = int(row[QUANTITY] * factor)
            row[TOTAL] = next(amounts)
        rows.append(tuple(row))
    return rows


def _of_sku(line: SourceLine, key: int) -> Decision:
    """Copy the line; if its SKU was deleted, link it to the SKU that has the same code now."""
    if line.sku_id:
        return copied(line)
    message = _("linked to the new SKU with the code %(code)s") % {"code": line.sku_code}
    target = line._replace(sku_id=key)
    return Decision(line, target, Action.COPIED, "sku_found_by_code", message)


def _name(line: SourceLine) -> str:
    return line.sku_code or line.name
