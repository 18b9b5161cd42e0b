"""What can be had of the goods of an order."""

from collections.abc import Iterable, Mapping

from django.utils.translation import gettext as _

from order_copies.plans import Action, Problem, Step
from orders.copied import SourceLine
from orders.models import Order
from orders.pricing import Decision, copied, skipped
from orders.snapshot import SkuState
from orders.stock import too_little
from orders.totals import ItemType, tax_amount


def needs_shipping(lines: Iterable[SourceLine], skus: Mapping[int, SkuState]) -> bool:
    """Whether any piece of these lines is to be sent somewhere."""
    return any(
        line.item_type == ItemType.SKUS
        and line.quantity > 0
        and not ((sku := skus.get(line.sku_id or 0)) and sku.do_not_ship)
        for line in lines
    )


class Shelf:
    """The stock that one copy finds: its lines take from it, one after the other.

    ``held`` are the pieces that the source holds and hands over, by SKU. What could not be had is
    told in ``problems``.
    """

    def __init__(self, order: Order, skus: Mapping[int, SkuState], held: Mapping[int, int]) -> None:
        self.order = order
        self.skus = skus
        self.held = held
        self.left: dict[int, int] = {}
        self.problems: list[Problem] = []

    def decide(self, line: SourceLine) -> Decision:
        """What becomes of a line of goods."""
        if line.item_type != ItemType.SKUS:
            return copied(line)
        sku = self.skus.get(line.sku_id or 0)
        if sku is None:
            message = _("%(name)s does not exist any more") % {"name": _name(line)}
            return self._skip(line, "sku_gone", message)
        if not sku.on_sale:
            message = _("%(name)s is not on sale any more") % {"name": _name(line)}
            return self._skip(line, "sku_not_on_sale", message)
        if sku.available is None:
            return copied(line)
        return self._take(line, line.sku_id or 0, sku.available)

    def _take(self, line: SourceLine, sku: int, available: int) -> Decision:
        left = self.left.setdefault(sku, available + self.held.get(sku, 0))
        quantity = min(line.quantity, left)
        self.left[sku] -= quantity
        if quantity == line.quantity:
            return copied(line)
        if quantity == 0:
            return self._skip(line, "out_of_stock", too_little(_name(line), 0, line.quantity))
        return self._reduce(line, quantity)

    def _skip(self, line: SourceLine, code: str, message: str) -> Decision:
        self.problems.append(Problem(Step.WRITE, "line_items", code, message))
        return skipped(line, code, message)

    def _reduce(self, line: SourceLine, quantity: int) -> Decision:
        message = too_little(_name(line), quantity, line.quantity)
        self.problems.append(Problem(Step.WRITE, "line_items", "stock_too_low", message))
        total = line.unit_amount_cents * quantity + line.options_amount_cents
        tax = tax_amount(total, line.tax_rate, included=self.order.tax_included)
        target = line._replace(quantity=quantity, total_amount_cents=total, tax_amount_cents=tax)
        return Decision(line, target, Action.REDUCED, "stock_too_low", message)


def _name(line: SourceLine) -> str:
    return line.sku_code or line.name
