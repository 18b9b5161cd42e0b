"""Decide on the goods of an order: what is sold now, and how many pieces are available."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from django.utils.translation import gettext as _

from order_copies.plans import Action, Problem, Step
from orders.allocation import rounded, scale
from orders.copying.availability import Availability
from orders.copying.decisions import Decision, copied, skipped
from orders.copying.fields import LINE_ITEM_OPTION, SourceLine
from orders.copying.snapshot import SkuState
from orders.lifecycle.stock import too_little
from orders.models import Order
from orders.totals import ItemType

QUANTITY = LINE_ITEM_OPTION.copied.index("quantity")
TOTAL = LINE_ITEM_OPTION.copied.index("total_amount_cents")


def needs_shipping(lines: Iterable[SourceLine], skus: Mapping[int, SkuState]) -> bool:
    """Whether any piece of these lines is shipped. Lines without a SKU are."""
    return any(
        line.item_type == ItemType.SKUS
        and line.quantity > 0
        and not ((sku := skus.get(line.sku_id or 0)) and sku.do_not_ship)
        for line in lines
    )


class Goods:
    """Decides on the goods of one copy; each line takes what the lines before it left.

    ``takes_over``: the target also gets the pieces that the source holds.
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
    """Return the line with fewer pieces, and its options, at the terms of the source.

    Options that were chosen for each piece shrink with the line; others stay, with what they cost.
    The rest of the total, discounts inside the line included, and its tax shrink in proportion.
    """
    left = Fraction(quantity, line.quantity)
    shrinks = [option[QUANTITY] % line.quantity == 0 for option in options]
    stays = sum(
        option[TOTAL] for option, shrink in zip(options, shrinks, strict=True) if not shrink
    )
    total, tax = line.total_amount_cents, line.tax_amount_cents
    # An option cannot stay in a line that costs less than the option.
    kept = stays if 0 <= stays <= total else 0
    new_total = kept + rounded((total - kept) * left)
    target = line._replace(
        quantity=quantity,
        options_amount_cents=stays + rounded((line.options_amount_cents - stays) * left),
        total_amount_cents=new_total,
        tax_amount_cents=rounded(tax * (Fraction(new_total, total) if total else left)),
    )
    return target, _shrunk(options, shrinks, left)


def _shrunk(
    options: Sequence[tuple[Any, ...]], shrinks: Sequence[bool], left: Fraction
) -> list[tuple[Any, ...]]:
    totals = [option[TOTAL] for option, shrink in zip(options, shrinks, strict=True) if shrink]
    amounts = iter(scale(totals, left))
    rows = []
    for option, shrink in zip(options, shrinks, strict=True):
        row = list(option)
        if shrink:
            row[QUANTITY] = int(row[QUANTITY] * left)
            row[TOTAL] = next(amounts)
        rows.append(tuple(row))
    return rows


def _of_sku(line: SourceLine, key: int) -> Decision:
    """Copy the line; one whose SKU was deleted goes to the new SKU of the same code."""
    if line.sku_id:
        return copied(line)
    message = _("now the SKU that was created again as %(code)s") % {"code": line.sku_code}
    target = line._replace(sku_id=key)
    return Decision(line, target, Action.COPIED, "sku_found_by_code", message)


def _name(line: SourceLine) -> str:
    return line.sku_code or line.name
