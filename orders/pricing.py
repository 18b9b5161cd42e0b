"""Lines that follow from other lines: promotions and shipping, scaled or worked out afresh."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from order_copies.plans import Action
from orders.copied import SourceLine
from orders.models import Market, Order, Promotion
from orders.totals import ItemType, share, tax_amount


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of one source line (None for a line that is new)."""

    source: SourceLine | None
    target: SourceLine | None
    action: Action
    code: str = ""
    message: str = ""


def copied(line: SourceLine) -> Decision:
    """The line travels as it is."""
    return Decision(line, line, Action.COPIED)


def skipped(line: SourceLine, code: str, message: str) -> Decision:
    """The line stays behind."""
    return Decision(line, None, Action.SKIPPED, code, message)


def repriced(order: Order, line: SourceLine, amount: int, code: str, message: str) -> Decision:
    """The line travels with another amount."""
    if amount == line.total_amount_cents:
        return copied(line)
    return Decision(line, with_amount(order, line, amount), Action.REPRICED, code, message)


def with_amount(order: Order, line: SourceLine, amount: int) -> SourceLine:
    """The line as a single piece at this amount."""
    return line._replace(
        quantity=1,
        unit_amount_cents=amount,
        options_amount_cents=0,
        total_amount_cents=amount,
        tax_amount_cents=tax_amount(amount, line.tax_rate, included=order.tax_included),
    )


def reprice_shipping(
    order: Order, lines: Sequence[SourceLine], subtotal: int, *, needs_shipping: bool
) -> list[Decision]:
    """Shipping lines after goods were left out: the market's price now, on one line."""
    if not needs_shipping:
        message = _("nothing that is left needs shipping")
        return [skipped(line, "shipping_not_needed", message) for line in lines]
    market: Market = order.market
    amount = market.shipping_amount_for(subtotal)
    message = _("shipping of the goods that are left")
    first = [repriced(order, line, amount, "shipping_recomputed", message) for line in lines[:1]]
    merged = _("shipped together with the first shipment")
    return [*first, *(skipped(line, "shipments_merged", merged) for line in lines[1:])]


def reprice_payment_fee(order: Order, lines: Sequence[SourceLine]) -> list[Decision]:
    """Payment fees after goods were left out: what the payment method asks now."""
    if order.payment_method is None:
        return []
    amount = order.payment_method.price_amount_cents
    message = _("fee of the goods that are left")
    return [repriced(order, line, amount, "payment_fee_recomputed", message) for line in lines]


def scale_promotions(
    order: Order, lines: Sequence[SourceLine], goods: tuple[int, int], shipping: int
) -> list[Decision]:
    """Frozen discounts after goods were left out: in proportion to the goods (new, old)."""
    message = _("in proportion to the goods that are left")
    return [
        repriced(
            order,
            line,
            -shipping
            if line.item_type == ItemType.FREE_SHIPPING_PROMOTIONS
            else share(line.total_amount_cents, *goods),
            "promotion_scaled",
            message,
        )
        for line in lines
    ]


def apply_promotions(
    order: Order,
    lines: Sequence[SourceLine],
    promotions: Sequence[Promotion],
    amounts: tuple[int, int],
) -> list[Decision]:
    """Discounts worked out afresh from ``promotions``, on goods and shipping of ``amounts``."""
    granted = dict(_granted(promotions, *amounts))
    kept = []
    for line in lines:
        # A promotion gives one line: a second one of the source finds it gone.
        amount = granted.pop(line.promotion_id or 0, None)
        if amount is None:
            message = _("this promotion does not apply any more")
            kept.append(skipped(line, "promotion_not_valid", message))
        else:
            message = _("worked out afresh")
            kept.append(repriced(order, line, amount, "promotion_recomputed", message))
    added = [
        _added(order, promotion, granted[promotion.pk])
        for promotion in promotions
        if promotion.pk in granted
    ]
    return kept + added


def _added(order: Order, promotion: Promotion, amount: int) -> Decision:
    line = _promotion_line(order, promotion, amount)
    return Decision(None, line, Action.ADDED, "promotion_applied", _("valid now"))


def _granted(
    promotions: Sequence[Promotion], subtotal: int, shipping: int
) -> list[tuple[int, int]]:
    exclusive = [promotion for promotion in promotions if promotion.exclusive]
    left = subtotal
    granted = []
    for promotion in exclusive[:1] or promotions:
        amount = _discount(promotion, subtotal, left, shipping)
        if promotion.type != Promotion.Kind.FREE_SHIPPING:
            left -= amount
        if amount:
            granted.append((promotion.pk, -amount))
    return granted


def _discount(promotion: Promotion, subtotal: int, left: int, shipping: int) -> int:
    if promotion.type == Promotion.Kind.PERCENTAGE_DISCOUNT:
        return min(share(subtotal, promotion.percentage, 100), left)
    if promotion.type == Promotion.Kind.FIXED_AMOUNT:
        return min(promotion.fixed_amount_cents, left)
    return shipping


def _promotion_line(order: Order, promotion: Promotion, amount: int) -> SourceLine:
    line = SourceLine(
        id=None,
        order_id=order.pk,
        item_type=promotion.type,
        promotion_id=promotion.pk,
        coupon_code=order.coupon_code if promotion.coupon_only else "",
        name=promotion.name,
        tax_rate=order.tax_rate,
    )
    return with_amount(order, line, amount)
