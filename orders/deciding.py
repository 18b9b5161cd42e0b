"""Decide what becomes of each line: goods first, then what follows from them."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from order_copies.models import OrderFactory
from order_copies.plans import Action, Problem, Step
from orders.copied import SourceLine
from orders.models import Order, Promotion
from orders.pricing import (
    Decision,
    apply_promotions,
    copied,
    reprice_payment_fee,
    reprice_shipping,
    scale_promotions,
)
from orders.shelf import Shelf, needs_shipping
from orders.snapshot import Snapshot
from orders.totals import GOODS, PROMOTIONS, ItemType


@dataclass(slots=True)
class LineDecisions:
    """The decisions on the lines of one copy; ``problems`` say what could not be had."""

    order_copy: OrderFactory
    order: Order
    snapshot: Snapshot
    problems: list[Problem] = field(default_factory=list)

    def decide(self, coupon_code: str, *, hands_over: bool) -> list[Decision]:
        """A decision for each source line, in their order, and then for each new line.

        ``coupon_code`` is the target's; ``hands_over``: the source's stock goes to the target.
        """
        lines = self.snapshot.lines[self.order.pk]
        goods = self._goods(lines, hands_over=hands_over)
        decided = _by_source(goods)
        left_out = any(decision.action != Action.COPIED for decision in goods)
        if left_out:
            decided |= _by_source(self._costs(lines, goods))
        promotions = self._promotions(lines, decided, coupon_code, left_out=left_out)
        decided |= _by_source(promotions)
        added = [decision for decision in promotions if decision.source is None]
        return [decided.get(id(line)) or copied(line) for line in lines] + added

    def _goods(self, lines: list[SourceLine], *, hands_over: bool) -> list[Decision]:
        held = self.snapshot.reserved[self.order.pk] if hands_over else {}
        shelf = Shelf(self.order, self.snapshot.skus, held)
        goods = [shelf.decide(line) for line in lines if line.item_type in GOODS]
        self.problems += shelf.problems
        if _has_pieces(lines) and not _has_pieces(decision.target for decision in goods):
            message = _("nothing of this order can be had any more")
            nothing = Problem(
                Step.WRITE, "line_items", "no_sellable_line", message, skippable=False
            )
            self.problems.append(nothing)
        return goods

    def _costs(self, lines: list[SourceLine], goods: list[Decision]) -> list[Decision]:
        left = [decision.target for decision in goods if decision.target]
        ships = needs_shipping(left, self.snapshot.skus)
        shipments = _of_type(lines, ItemType.SHIPMENTS)
        fees = _of_type(lines, ItemType.PAYMENT_METHODS)
        return [
            *reprice_shipping(self.order, shipments, _sum(left), needs_shipping=ships),
            *reprice_payment_fee(self.order, fees),
        ]

    def _promotions(
        self,
        lines: list[SourceLine],
        decided: dict[int, Decision],
        coupon_code: str,
        *,
        left_out: bool,
    ) -> list[Decision]:
        apply_afresh = self.order_copy.apply_promotions
        if not left_out and not apply_afresh:
            return []
        targets = [decided[id(line)].target if id(line) in decided else line for line in lines]
        left = [line for line in targets if line]
        subtotal = _sum(_of_type(left, *GOODS))
        shipping = _sum(_of_type(left, ItemType.SHIPMENTS))
        discounts = _of_type(lines, *PROMOTIONS)
        if apply_afresh:
            promotions = self._valid_promotions(coupon_code)
            return apply_promotions(self.order, discounts, promotions, (subtotal, shipping))
        old = _sum(_of_type(lines, *GOODS))
        return scale_promotions(self.order, discounts, (subtotal, old), shipping)

    def _valid_promotions(self, coupon_code: str) -> list[Promotion]:
        coupon = self.snapshot.coupons.get(coupon_code)
        by_coupon = coupon.promotion_id if coupon else None
        return [
            promotion
            for promotion in self.snapshot.promotions
            if promotion.market_id in {None, self.order.market_id}
            and promotion.currency_code in {"", self.order.currency_code}
            and (not promotion.coupon_only or promotion.pk == by_coupon)
        ]


def _has_pieces(lines: Iterable[SourceLine | None]) -> bool:
    """Whether there is anything to sell: a line of zero pieces is copied, but sells nothing."""
    return any(line and line.item_type in GOODS and line.quantity for line in lines)


def _of_type(lines: Iterable[SourceLine], *item_types: ItemType) -> list[SourceLine]:
    return [line for line in lines if line.item_type in item_types]


def _sum(lines: Iterable[SourceLine]) -> int:
    return sum(line.total_amount_cents for line in lines)


def _by_source(decisions: Iterable[Decision]) -> dict[int, Decision]:
    return {id(decision.source): decision for decision in decisions if decision.source}
