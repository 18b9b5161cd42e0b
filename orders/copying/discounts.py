"""Discount lines of a copy: scaled in proportion to the remaining goods, or recalculated."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from django.utils.translation import gettext as _

from order_copies.plans import Action
from orders.allocation import allocate, limit, share
from orders.copying.decisions import Decision, repriced, single_piece, skipped
from orders.copying.fields import SourceLine
from orders.lifecycle.coupons import discounts_of
from orders.models import Coupon, Order, Promotion
from orders.totals import ItemType

FIXED_AMOUNT = Promotion.Kind.FIXED_AMOUNT
FREE_SHIPPING = Promotion.Kind.FREE_SHIPPING


@dataclass(frozen=True, slots=True)
class UsedCoupon:
    """The coupon of a source order, and whether it is invalid for a copy."""

    code: str = ""
    coupon: Coupon | None = None
    is_invalid: bool = False

    @property
    def promotion_id(self) -> int | None:
        """The key of the promotion that the coupon gives the target; None if it is invalid."""
        return self.coupon.promotion_id if self.coupon and not self.is_invalid else None

    def given_lines(self, discounts: Iterable[SourceLine]) -> list[SourceLine]:
        """Return the discount lines that the coupon gave.

        A line of its promotion counts only if orders cannot get the promotion without a coupon.
        """
        is_own = self.coupon is not None and self.coupon.promotion.coupon_only
        promotion = self.coupon.promotion_id if self.coupon and is_own else None
        return discounts_of(self.code, promotion, discounts)

    def gives_discount(self, discounts: Iterable[SourceLine], discount_amount: int) -> bool:
        """Return whether the coupon gives a discount to an order.

        ``discounts`` are the discount lines of the order, ``discount_amount`` is its discount total
        in cents: an imported order can have a discount without a line.
        """
        discounts = list(discounts)
        lines = discounts_of(self.code, self.promotion_id, discounts)
        is_without_line = discount_amount != sum(line.total_amount_cents for line in discounts)
        return any(line.total_amount_cents for line in lines) or (not lines and is_without_line)


class Base(NamedTuple):
    """The base of the discounts of one kind, in cents.

    ``amount`` and ``tax`` are those of the discounted lines, ``most`` and ``most_tax`` the limit of
    all discounts together.
    """

    amount: int
    tax: int
    most: int
    most_tax: int

    @classmethod
    def of(cls, lines: Iterable[SourceLine], reductions: Iterable[SourceLine] = ()) -> "Base":
        """Return the base of these lines; ``reductions`` (negative lines) lower its limit."""
        lines, reductions = list(lines), list(reductions)
        amount = sum(line.total_amount_cents for line in lines)
        tax = sum(line.tax_amount_cents for line in lines)
        reduced = sum(line.total_amount_cents for line in reductions)
        reduced_tax = sum(line.tax_amount_cents for line in reductions)
        return cls(amount, tax, max(0, amount + reduced), max(0, tax + reduced_tax))


class Bases(NamedTuple):
    """The bases of the discounts of an order."""

    goods: Base
    shipping: Base

    @classmethod
    def of(cls, lines: Sequence[SourceLine]) -> "Bases":
        """Return the bases of these lines. Discounts do not apply to sold gift cards."""
        goods = [line for line in lines if line.item_type == ItemType.SKUS]
        shipping = [line for line in lines if line.item_type == ItemType.SHIPMENTS]
        reductions = [
            line
            for line in lines
            if line.item_type == ItemType.ADJUSTMENTS and line.total_amount_cents < 0
        ]
        return cls(Base.of(goods, reductions), Base.of(shipping))


def scale_discounts(lines: Sequence[SourceLine], old: Bases, new: Bases) -> list[Decision]:
    """Scale frozen discounts in proportion to the goods, up to the limit of the new bases.

    A fixed amount does not grow with the goods.
    """
    shipping = [line for line in lines if line.item_type == FREE_SHIPPING]
    goods = [line for line in lines if line.item_type != FREE_SHIPPING]
    factor = Fraction(1)
    if old.goods.amount > 0:
        factor = Fraction(max(0, new.goods.amount), old.goods.amount)
    at_most = min(factor, Fraction(1))
    factors = [at_most if line.item_type == FIXED_AMOUNT else factor for line in goods]
    unchanged = [Fraction(1) for _line in shipping]
    return [*_scaled(goods, factors, new.goods), *_scaled(shipping, unchanged, new.shipping)]


def _scaled(lines: Sequence[SourceLine], factors: Sequence[Fraction], base: Base) -> list[Decision]:
    """Scale lines; each keeps its effective tax rate, within the tax limit of the base."""
    parts = [line.total_amount_cents * factor for line, factor in zip(lines, factors, strict=True)]
    amounts = allocate(limit(parts, base.most))
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
        message = _("no remaining line is reduced by this discount")
        return skipped(line, "promotion_without_effect", message)
    message = _("scaled in proportion to the remaining lines")
    return repriced(line, amount, tax, "promotion_scaled", message)


class Grant(NamedTuple):
    """The discount that a promotion gives an order, in cents: the amount and its tax."""

    amount: int
    tax: int


def recalculate_discounts(
    order: Order, lines: Sequence[SourceLine], promotions: Sequence[Promotion], bases: Bases
) -> list[Decision]:
    """Recalculate the discounts of an order from valid promotions, sorted by priority."""
    granted = _grants(promotions, bases)
    kept = []
    for line in lines:
        # A promotion gives one line, so a second line of the source is left out.
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
    """Return the discount of each promotion, by key.

    The first exclusive promotion that gives a discount is the only one.
    """
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
    """Return the discounts within the limit of ``base``, with its tax in proportion."""
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
    return Decision(
        None, target, Action.ADDED, "promotion_applied", _("this promotion is valid now")
    )
