"""Discount lines of a copy: scaled with the goods that are left, or recalculated."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import NamedTuple

from django.utils.translation import gettext as _

from order_copies.plans import Action
from orders.allocation import allocate, limit, share
from orders.copying.decisions import Decision, repriced, single_piece, skipped
from orders.copying.fields import SourceLine
from orders.models import Order, Promotion
from orders.totals import ItemType

FREE_SHIPPING = Promotion.Kind.FREE_SHIPPING


class Base(NamedTuple):
    """What discounts of one kind apply to, in cents: lines, and the most that all may take off."""

    amount: int
    tax: int
    most: int
    most_tax: int

    @classmethod
    def of(cls, lines: Iterable[SourceLine], reductions: Iterable[SourceLine] = ()) -> "Base":
        """Return the base that these lines are, less what ``reductions`` already take off."""
        lines, reductions = list(lines), list(reductions)
        amount = sum(line.total_amount_cents for line in lines)
        tax = sum(line.tax_amount_cents for line in lines)
        reduced = sum(line.total_amount_cents for line in reductions)
        reduced_tax = sum(line.tax_amount_cents for line in reductions)
        return cls(amount, tax, max(0, amount + reduced), max(0, tax + reduced_tax))


class Bases(NamedTuple):
    """What the discounts of an order apply to."""

    goods: Base
    shipping: Base

    @classmethod
    def of(cls, lines: Sequence[SourceLine]) -> "Bases":
        """Return the bases in these lines. Gift cards that are sold are not discounted."""
        goods = [line for line in lines if line.item_type == ItemType.SKUS]
        shipping = [line for line in lines if line.item_type == ItemType.SHIPMENTS]
        reductions = [
            line
            for line in lines
            if line.item_type == ItemType.ADJUSTMENTS and line.total_amount_cents < 0
        ]
        return cls(Base.of(goods, reductions), Base.of(shipping))


def scale_discounts(lines: Sequence[SourceLine], old: Bases, new: Bases) -> list[Decision]:
    """Scale frozen discounts: in proportion to the goods, and never beyond what is left."""
    shipping = [line for line in lines if line.item_type == FREE_SHIPPING]
    goods = [line for line in lines if line.item_type != FREE_SHIPPING]
    left = Fraction(max(0, new.goods.amount), old.goods.amount) if old.goods.amount > 0 else 1
    return [
        *_scaled(goods, Fraction(left), new.goods),
        *_scaled(shipping, Fraction(1), new.shipping),
    ]


def _scaled(lines: Sequence[SourceLine], factor: Fraction, base: Base) -> list[Decision]:
    """Each line keeps its own effective tax rate, unless the tax of the base is less."""
    amounts = allocate(limit([line.total_amount_cents * factor for line in lines], base.most))
    taxes = [
        Fraction(line.tax_amount_cents * amount, line.total_amount_cents)
        if line.total_amount_cents
        else Fraction(0)
        for line, amount in zip(lines, amounts, strict=True)
    ]
    cents = allocate(limit(taxes, base.most_tax))
    return [_rescaled(*row) for row in zip(lines, amounts, cents, strict=True)]


def _rescaled(line: SourceLine, amount: int, tax: int) -> Decision:
    if line.total_amount_cents and not amount:
        message = _("nothing is left that this discount reduces")
        return skipped(line, "promotion_without_effect", message)
    message = _("in proportion to what is left")
    return repriced(line, amount, tax, "promotion_scaled", message)


class Grant(NamedTuple):
    """What a promotion takes off an order, in cents: an amount, and the tax in or on it."""

    amount: int
    tax: int


def recalculate_discounts(
    order: Order, lines: Sequence[SourceLine], promotions: Sequence[Promotion], bases: Bases
) -> list[Decision]:
    """Recalculate the discounts of an order from ``promotions``, all valid, in their order."""
    granted = _grants(promotions, bases)
    kept = []
    for line in lines:
        # A promotion gives one line: a second one of the source is left out.
        grant = granted.pop(line.promotion_id or 0, None)
        if grant is None:
            message = _("this promotion does not apply any more")
            kept.append(skipped(line, "promotion_not_valid", message))
        else:
            message = _("recalculated")
            kept.append(repriced(line, -grant.amount, -grant.tax, "promotion_recomputed", message))
    added = [
        _added(order, promotion, granted[promotion.pk])
        for promotion in promotions
        if promotion.pk in granted
    ]
    return kept + added


def _grants(promotions: Sequence[Promotion], bases: Bases) -> dict[int, Grant]:
    """What each promotion gives, by its key. An exclusive one that gives something stands alone."""
    exclusive = (promotion for promotion in promotions if promotion.exclusive)
    for promotion in exclusive:
        if alone := _grant_all([promotion], bases):
            return alone
    return _grant_all([promotion for promotion in promotions if not promotion.exclusive], bases)


def _grant_all(promotions: Sequence[Promotion], bases: Bases) -> dict[int, Grant]:
    shipping = [promotion for promotion in promotions if promotion.type == FREE_SHIPPING]
    goods = [promotion for promotion in promotions if promotion.type != FREE_SHIPPING]
    return _grants_on(bases.goods, goods) | _grants_on(bases.shipping, shipping)


def _grants_on(base: Base, promotions: Sequence[Promotion]) -> dict[int, Grant]:
    """Together they take off no more than ``base`` allows; its tax is shared by their amounts."""
    left, amounts = base.most, {}
    for promotion in promotions:
        if amount := min(_discount(promotion, base), left):
            amounts[promotion.pk] = amount
            left -= amount
    taxes = [Fraction(-amount * base.tax, base.amount) for amount in amounts.values()]
    cents = allocate(limit(taxes, base.most_tax))
    return {
        key: Grant(amount, -tax) for (key, amount), tax in zip(amounts.items(), cents, strict=True)
    }


def _discount(promotion: Promotion, base: Base) -> int:
    if promotion.type == Promotion.Kind.PERCENTAGE_DISCOUNT:
        return max(0, share(base.amount, promotion.percentage, 100))
    if promotion.type == Promotion.Kind.FIXED_AMOUNT:
        return promotion.fixed_amount_cents
    return max(0, base.amount)


def _added(order: Order, promotion: Promotion, grant: Grant) -> Decision:
    line = SourceLine(
        id=None,
        order_id=order.pk,
        item_type=promotion.type,
        promotion_id=promotion.pk,
        coupon_code=order.coupon_code if promotion.coupon_only else "",
        name=promotion.name,
        tax_rate=order.tax_rate,
    )
    target = single_piece(line, -grant.amount, -grant.tax)
    return Decision(None, target, Action.ADDED, "promotion_applied", _("valid now"))
