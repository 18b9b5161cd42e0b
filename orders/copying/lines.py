"""Decide on each line of a copy: goods first, then shipping, discounts and fees."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from order_copies.models import OrderFactory
from order_copies.plans import Problem, Step
from orders.copying.discounts import Bases, UsedCoupon, recalculate_discounts, scale_discounts
from orders.copying.fields import SourceLine
from orders.copying.goods import Decision, Goods, copied, needs_shipping, skipped
from orders.copying.snapshot import Availability
from orders.models import Order, Promotion
from orders.money import formatted
from orders.totals import (
    GOODS,
    PROMOTIONS,
    TOTALS,
    Amounts,
    ItemType,
    amounts_without_line,
    order_totals,
)

#: The totals that include discounts.
OF_DISCOUNTS = frozenset({"discount_amount_cents", "total_tax_amount_cents"})


@dataclass(slots=True)
class Lines:
    """The lines of one copy: a decision for each source line, and the totals."""

    order_copy: OrderFactory
    order: Order
    availability: Availability
    goods: Goods
    problems: list[Problem] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    #: By total, the cents that no source line explains and that the target does not get.
    dropped: dict[str, int] = field(default_factory=dict)
    _goods_changed: bool = False
    _discounts_changed: bool = False

    def decide(self, coupon: UsedCoupon) -> dict[str, int]:
        """Decide on all source lines and on new lines, and return the totals of the target."""
        source = self.availability.snapshot.lines[self.order.pk]
        decided = _by_source(self._decide_goods(source))
        self._goods_changed = any(decision.changes_amounts for decision in decided.values())
        if self._goods_changed:
            decided |= _by_source(self._decide_shipping(source, decided))
        discounts = self._decide_discounts(source, decided, coupon)
        decided |= _by_source(discounts)
        self._discounts_changed = any(decision.changes_amounts for decision in discounts)
        self.decisions = [decided.get(id(line)) or copied(line) for line in source]
        self.decisions += [decision for decision in discounts if decision.source is None]
        return self._totals(source, coupon)

    @property
    def targets(self) -> list[SourceLine]:
        """The lines of the target."""
        return [decision.target for decision in self.decisions if decision.target]

    def _decide_goods(self, lines: Sequence[SourceLine]) -> list[Decision]:
        decisions = [self.goods.decide(line) for line in lines if line.item_type in GOODS]
        self.problems += self.goods.problems
        if _has_pieces(lines) and not _has_pieces(decision.target for decision in decisions):
            message = _("nothing of this order is available any more")
            problem = Problem(
                Step.WRITE, "line_items", "no_sellable_line", message, skippable=False
            )
            self.problems.append(problem)
        return decisions

    def _decide_shipping(
        self, lines: Sequence[SourceLine], decided: dict[int, Decision]
    ) -> list[Decision]:
        """Skip the shipping lines if no remaining line needs shipping."""
        if needs_shipping(_targets(lines, decided), self.availability.snapshot.skus):
            return []
        message = _("no remaining line needs shipping")
        shipments = _of_type(lines, ItemType.SHIPMENTS)
        return [skipped(line, "shipping_not_needed", message) for line in shipments]

    def _decide_discounts(
        self, lines: Sequence[SourceLine], decided: dict[int, Decision], coupon: UsedCoupon
    ) -> list[Decision]:
        discounts = _of_type(lines, *PROMOTIONS)
        lost = coupon.given_lines(discounts) if coupon.is_invalid else []
        message = _("given by coupon %(code)s, which is left out") % {"code": coupon.code}
        left_out = [skipped(line, "coupon_left_out", message) for line in lost]
        discounts = [line for line in discounts if line not in lost]
        left = _targets(lines, decided)
        if self.order_copy.apply_promotions:
            promotions = self._valid_promotions(coupon)
            bases = Bases.of(left)
            return left_out + recalculate_discounts(self.order, discounts, promotions, bases)
        if self._goods_changed:
            return left_out + scale_discounts(discounts, Bases.of(lines), Bases.of(left))
        return left_out

    def _valid_promotions(self, coupon: UsedCoupon) -> list[Promotion]:
        by_coupon = coupon.promotion_id
        return [
            promotion
            for promotion in self.availability.snapshot.promotions
            if promotion.market_id in {None, self.order.market_id}
            and promotion.amount_currency in {"", self.order.currency_code}
            and (not promotion.coupon_only or promotion.pk == by_coupon)
        ]

    def _totals(self, source: Sequence[SourceLine], coupon: UsedCoupon) -> dict[str, int]:
        head = {name: getattr(self.order, name) for name in TOTALS}
        if not (self._goods_changed or self._discounts_changed or coupon.is_invalid):
            # Frozen: the amounts of the source, without the gift card that it redeemed.
            head["total_amount_with_taxes_cents"] -= head["gift_card_amount_cents"]
            return head | {"gift_card_amount_cents": 0}
        extra = amounts_without_line(
            head, map(_amounts, source), tax_included=self.order.tax_included
        )
        self._drop_amounts(extra)
        carried = {name: cents for name, cents in extra.items() if name not in self.dropped}
        if self._goods_changed or self._discounts_changed:
            self._drop_fee(carried)
        return self._add_up(self.targets, carried)

    def _drop_amounts(self, extra: dict[str, int]) -> None:
        """Leave out amounts that no line explains and that depend on changed lines."""
        if self._goods_changed:
            self.dropped = extra
        elif self._discounts_changed or "discount_amount_cents" in extra:
            self.dropped = {name: extra[name] for name in extra if name in OF_DISCOUNTS}
        self.problems += map(self._amount_without_line, self.dropped)

    def _amount_without_line(self, name: str) -> Problem:
        order = self.order
        amount = formatted(self.dropped[name], order.currency_code, order.language_code)
        message = _("%(amount)s of it is in no line of the order and cannot be recalculated")
        attribute = name.removesuffix("_cents")
        return Problem(Step.WRITE, attribute, "amount_without_line", message % {"amount": amount})

    def _drop_fee(self, carried: dict[str, int]) -> None:
        """Skip the payment fee if nothing remains to pay without it."""
        fees = {id(line) for line in self.targets if line.item_type == ItemType.PAYMENT_METHODS}
        others = [line for line in self.targets if id(line) not in fees]
        if not fees or self._add_up(others, carried)["total_amount_with_taxes_cents"] > 0:
            return
        message = _("nothing remains to pay")
        self.decisions = [
            skipped(decision.source, "payment_not_needed", message)
            if decision.source and id(decision.target) in fees
            else decision
            for decision in self.decisions
        ]

    def _add_up(self, lines: Sequence[SourceLine], carried: dict[str, int]) -> dict[str, int]:
        return order_totals(
            map(_amounts, lines), tax_included=self.order.tax_included, without_line=carried
        )


def _targets(lines: Iterable[SourceLine], decided: dict[int, Decision]) -> list[SourceLine]:
    """Return the target lines of source lines; a line without a decision is copied."""
    targets = (decided[id(line)].target if id(line) in decided else line for line in lines)
    return [line for line in targets if line]


def _has_pieces(lines: Iterable[SourceLine | None]) -> bool:
    """Return whether any line sells goods. A line of zero pieces is copied but sells nothing."""
    return any(line and line.item_type in GOODS and line.quantity for line in lines)


def _of_type(lines: Iterable[SourceLine], *item_types: str) -> list[SourceLine]:
    return [line for line in lines if line.item_type in item_types]


def _amounts(line: SourceLine) -> Amounts:
    return line.item_type, line.total_amount_cents, line.tax_amount_cents


def _by_source(decisions: Iterable[Decision]) -> dict[int, Decision]:
    return {id(decision.source): decision for decision in decisions if decision.source}
