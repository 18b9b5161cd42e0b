"""Decide on each line of a copy: goods first, then shipping, discounts and fees."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

from django.db.models import BigIntegerField
from django.utils.translation import gettext as _

from order_copies.changes import REQUESTED
from order_copies.models import OrderFactory
from order_copies.plans import Action, Problem, Step
from order_copies.shops.amounts import rounded
from order_copies.shops.lines import too_little
from orders.copying.decisions import QUANTITY, Decision, repriced, resized, skipped
from orders.copying.discounts import Bases, UsedCoupon, recalculate_discounts, scale_discounts
from orders.copying.fields import SourceLine
from orders.copying.requested import LineRequest, line_requests
from orders.copying.snapshot import Availability, SkuState
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
    tax_amount,
)

#: What the columns of amounts in cents, and of quantities, can hold.
MAX_AMOUNT = BigIntegerField.MAX_BIGINT
MAX_PIECES = 2**31 - 1
#: The totals that include discounts.
OF_DISCOUNTS = frozenset({"discount_amount_cents", "total_tax_amount_cents"})


@dataclass(slots=True)
class Lines:
    """The lines of one copy: a decision for each source line, and the totals.

    With ``takes_over`` the pieces that the source holds are available to the target.
    """

    order_copy: OrderFactory
    order: Order
    availability: Availability
    takes_over: bool
    problems: list[Problem] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    #: The pieces of tracked SKUs that the target needs, by SKU.
    taken: Counter[int] = field(default_factory=Counter)
    #: Whether an earlier copy of the batch took pieces that this one lacks.
    is_contended: bool = False
    #: By total, the cents that no source line explains and that the target does not get.
    dropped: dict[str, int] = field(default_factory=dict)
    #: The decisions on source lines, by key; a line without one is copied.
    _decided: dict[int | None, Decision] = field(default_factory=dict)
    _goods_changed: bool = False
    _discounts_changed: bool = False

    def decide(self, coupon: UsedCoupon) -> dict[str, int]:
        """Decide on all source lines and on new lines, and return the totals of the target."""
        source = self.availability.snapshot.lines[self.order.pk]
        self._decide_goods([line for line in source if line.item_type in GOODS])
        if self._goods_changed and not needs_shipping(
            self._left_of(source), self.availability.snapshot.skus
        ):
            message = _("no remaining line needs shipping")
            for line in source:
                if line.item_type == ItemType.SHIPMENTS:
                    self._decided[line.id] = skipped(line, "shipping_not_needed", message)
        if self._goods_changed and self.order_copy.line_items is not None:
            self._scale_adjustments(source)
        discounts = self._decide_discounts(source, coupon)
        self._discounts_changed = any(one.action != Action.COPIED for one in discounts)
        self._decided |= {one.source.id: one for one in discounts if one.source}
        self.decisions = [
            self._decided.get(line.id) or Decision(line, line, Action.COPIED) for line in source
        ]
        self.decisions += [decision for decision in discounts if decision.source is None]
        totals = self._totals(source, coupon)
        if self.order_copy.changes:
            self._check_sizes(totals)
        return totals

    def _check_sizes(self, totals: Mapping[str, int]) -> None:
        """Note a problem if a requested quantity leads to numbers that no column can hold."""
        amounts = [*totals.values(), *(line.total_amount_cents for line in self.targets)]
        pieces = [row[QUANTITY] for one in self.decisions for row in one.options or ()]
        if any(abs(cents) > MAX_AMOUNT for cents in amounts) or max(pieces, default=0) > MAX_PIECES:
            message = _("the requested quantity is too large for an order")
            problem = Problem(Step.WRITE, "line_items", "too_large", message, skippable=False)
            self.problems.append(problem)

    @property
    def targets(self) -> list[SourceLine]:
        """The lines of the target."""
        return [decision.target for decision in self.decisions if decision.target]

    def _left_of(self, lines: Iterable[SourceLine]) -> list[SourceLine]:
        """Return the target lines of source lines; a line without a decision is copied."""
        targets = (
            self._decided[line.id].target if line.id in self._decided else line for line in lines
        )
        return [line for line in targets if line]

    def _decide_goods(self, goods: Sequence[SourceLine]) -> None:
        requests = line_requests(self.order_copy)
        if requests is None:
            decisions = [self._decide_sku(line) for line in goods]
        else:
            decisions = [self._decide_requested(line, requests) for line in goods]
            if requests.keys() - {line.id for line in goods}:
                message = _("a requested line does not exist any more")
                self.problems.append(Problem(Step.WRITE, "line_items", "line_gone", message))
        self._decided = {line.id: one for line, one in zip(goods, decisions, strict=True)}
        self._goods_changed = any(one.action != Action.COPIED for one in decisions)
        self._require_goods(goods, decisions)

    def _require_goods(self, goods: Sequence[SourceLine], decisions: Sequence[Decision]) -> None:
        # A line of zero pieces is copied but sells nothing.
        left = (one.target for one in decisions if one.target)
        if any(line.quantity for line in goods) and not any(line.quantity for line in left):
            message = _("nothing of this order is available any more")
            problem = Problem(
                Step.WRITE, "line_items", "no_sellable_line", message, skippable=False
            )
            self.problems.append(problem)

    def _decide_requested(
        self, line: SourceLine, requests: Mapping[int | None, LineRequest]
    ) -> Decision:
        """Decide on a line of a copy that takes some lines only; leave the others out."""
        request = requests.get(line.id)
        if request is None:
            return skipped(line, REQUESTED, _("left out, as requested"))
        if request.sku_code:
            return self._replace(line, request)
        return self._decide_sku(line, request.quantity)

    def _replace(self, line: SourceLine, request: LineRequest) -> Decision:
        """Decide on the line of the SKU that replaces that of ``line``, at its current price."""
        snapshot, code = self.availability.snapshot, request.sku_code
        sku_id = snapshot.sku_of_code.get(code, 0)
        price = snapshot.prices.get((sku_id, self.order.currency_code))
        if sku_id and price is None:
            words = {"name": code, "currency": self.order.currency_code}
            message = _("%(name)s has no price in %(currency)s: enter one") % words
            return self._skip(line, "no_price", message)
        sku = snapshot.skus.get(sku_id)
        new = SourceLine(
            id=None,
            order_id=self.order.pk,
            item_type=ItemType.SKUS,
            sku_id=sku_id or None,
            sku_code=code,
            name=snapshot.names.get(code, code),
            image_url=sku.image_url if sku else "",
            quantity=request.quantity or line.quantity,
            tax_rate=self._rate(line),
            frequency=line.frequency,
            metadata=line.metadata,
        )
        decision = replace(self._decide_sku(self._priced(new, price or 0)), source=line)
        if decision.action != Action.COPIED:
            return decision
        message = _("replaced by %(code)s at its current price, as requested") % {"code": code}
        return replace(decision, action=Action.CHANGED, code=REQUESTED, message=message)

    def _priced(self, line: SourceLine, unit_amount_cents: int) -> SourceLine:
        """Return a line at this price for each piece, with the tax of its rate."""
        return line._replace(**self._amounts(unit_amount_cents, line.quantity, line.tax_rate))

    def _amounts(self, unit_amount_cents: int, quantity: int, rate: Decimal) -> dict[str, Any]:
        total = unit_amount_cents * quantity
        tax = tax_amount(total, rate, included=self.order.tax_included)
        return {
            "unit_amount_cents": unit_amount_cents,
            "total_amount_cents": total,
            "tax_amount_cents": tax,
        }

    def _rate(self, source: SourceLine | None) -> Decimal:
        """Return the rate of a source line, 0 if it was exempt; without one, that of the order."""
        if source is None:
            return self.order.tax_rate
        is_exempt = source.total_amount_cents and not source.tax_amount_cents
        return Decimal(0) if is_exempt else source.tax_rate

    def _decide_sku(self, line: SourceLine, quantity: int | None = None) -> Decision:
        """Copy, change, reduce or skip a line of goods, which takes its pieces from the stock."""
        wanted = line.quantity if quantity is None or not line.quantity else quantity
        if line.item_type != ItemType.SKUS or not (line.sku_id or line.sku_code):
            return self._resize(line, line.sku_id, wanted)
        snapshot, name = self.availability.snapshot, line.sku_code or line.name
        key = line.sku_id or snapshot.sku_of_code.get(line.sku_code, 0)
        sku = snapshot.skus.get(key)
        if sku is None:
            message = _("%(name)s does not exist any more") % {"name": name}
            return self._skip(line, "sku_gone", message)
        if not sku.on_sale:
            message = _("%(name)s is not on sale any more") % {"name": name}
            return self._skip(line, "sku_not_on_sale", message)
        left = wanted if sku.available is None else self._take(key, wanted)
        if left < wanted:
            return self._reduce(line, key, left, wanted)
        if line.sku_id or wanted != line.quantity:
            return self._resize(line, key, wanted)
        # The SKU of the line was deleted: the target gets the SKU that has the same code now.
        message = _("linked to the new SKU with the code %(code)s") % {"code": line.sku_code}
        target = line._replace(sku_id=key)
        return Decision(line, target, Action.COPIED, "sku_found_by_code", message)

    def _take(self, sku: int, wanted: int) -> int:
        """Take pieces of a tracked SKU, and return how many of the wanted ones are available."""
        held_by = self.order.pk if self.takes_over else None
        available = self.availability.pieces(sku, held_by) - self.taken[sku]
        left = min(wanted, max(0, available))
        self.taken[sku] += left
        self.is_contended |= left < wanted and self.availability.is_taken(sku)
        return left

    def _resize(self, line: SourceLine, sku: int | None, quantity: int) -> Decision:
        """Copy a line in the requested quantity, at its prices."""
        if quantity == line.quantity:
            return Decision(line, line, Action.COPIED)
        options = self.availability.snapshot.options.get(line.id or 0, [])
        target, new_options = resized(line._replace(sku_id=sku), options, quantity)
        words = {"quantity": quantity, "before": line.quantity}
        message = _("%(quantity)s instead of %(before)s, as requested") % words
        return Decision(line, target, Action.CHANGED, REQUESTED, message, new_options)

    def _reduce(self, line: SourceLine, sku: int, left: int, wanted: int) -> Decision:
        """Copy the pieces that are left of a line, or skip the line if there are none."""
        message = too_little(line.sku_code or line.name, left, wanted)
        code = "stock_too_low" if left else "out_of_stock"
        # Goods may arrive.
        self.problems.append(Problem(Step.WRITE, "line_items", code, message, may_pass=True))
        if not left:
            return skipped(line, code, message)
        options = self.availability.snapshot.options.get(line.id or 0, [])
        target, options_left = resized(line._replace(sku_id=sku), options, left)
        return Decision(line, target, Action.REDUCED, code, message, options_left)

    def _skip(self, line: SourceLine, code: str, message: str) -> Decision:
        self.problems.append(Problem(Step.WRITE, "line_items", code, message))
        return skipped(line, code, message)

    def _scale_adjustments(self, source: Sequence[SourceLine]) -> None:
        """Reduce negative adjustments with the goods: selecting lines makes none cheaper."""
        before, after = (
            sum(line.total_amount_cents for line in lines if line.item_type in GOODS)
            for lines in (source, self._left_of(source))
        )
        if not 0 <= after < before:
            return
        factor = Fraction(after, before)
        message = _("scaled in proportion to the remaining lines")
        for line in source:
            if line.item_type == ItemType.ADJUSTMENTS and line.total_amount_cents < 0:
                amount = rounded(line.total_amount_cents * factor)
                tax = rounded(line.tax_amount_cents * factor)
                self._decided[line.id] = repriced(line, amount, tax, "adjustment_scaled", message)

    def _decide_discounts(self, source: Sequence[SourceLine], coupon: UsedCoupon) -> list[Decision]:
        discounts = [line for line in source if line.item_type in PROMOTIONS]
        lost = coupon.given_lines(discounts) if coupon.is_invalid else []
        message = _("given by coupon %(code)s, which is left out") % {"code": coupon.code}
        left_out = [skipped(line, "coupon_left_out", message) for line in lost]
        discounts = [line for line in discounts if line not in lost]
        if self.order_copy.apply_promotions:
            bases, promotions = Bases.of(self._left_of(source)), self._valid_promotions(coupon)
            return left_out + recalculate_discounts(self.order, discounts, promotions, bases)
        if self._goods_changed:
            left = Bases.of(self._left_of(source))
            return left_out + scale_discounts(discounts, Bases.of(source), left)
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
            head, map(amounts_of, source), tax_included=self.order.tax_included
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
        attribute, text = name.removesuffix("_cents"), message % {"amount": amount}
        # A client that selects lines must not get rid of what it has to pay.
        is_saved = self.order_copy.line_items is not None and self.dropped[name] > 0
        return Problem(Step.WRITE, attribute, "amount_without_line", text, skippable=not is_saved)

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
            map(amounts_of, lines), tax_included=self.order.tax_included, without_line=carried
        )


def needs_shipping(lines: Iterable[SourceLine], skus: Mapping[int, SkuState]) -> bool:
    """Return whether any piece of these lines is shipped. Lines without a SKU are shipped."""
    return any(
        line.item_type == ItemType.SKUS
        and line.quantity > 0
        and not ((sku := skus.get(line.sku_id or 0)) and sku.do_not_ship)
        for line in lines
    )


def amounts_of(line: SourceLine) -> Amounts:
    """Return what counts for the totals of an order."""
    return line.item_type, line.total_amount_cents, line.tax_amount_cents
