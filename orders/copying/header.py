"""Decide on the header fields of a copy: coupon, payment source, gift card, amounts."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from order_copies.models import OrderFactory
from order_copies.plans import Action, Outcome, Problem, Step
from orders.copying.availability import Availability
from orders.copying.fields import SourceLine
from orders.lifecycle.coupons import CouponState, discounts_of, why_invalid
from orders.models import Coupon, Order, PaymentSource
from orders.money import formatted


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


@dataclass(slots=True)
class Header:
    """Decide which header fields of the source the target gets; report the others as outcomes.

    With ``takes_over`` the source is cancelled and its coupon use is transferred to the target.
    """

    order_copy: OrderFactory
    order: Order
    availability: Availability
    takes_over: bool
    outcomes: list[Outcome] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    #: Whether the coupon is invalid because earlier copies of the batch use it.
    is_contended: bool = False

    def coupon(self) -> UsedCoupon:
        """Return the coupon; an invalid one is a problem, unless ``ignore_invalid_coupon``."""
        code = self.order.coupon_code
        if not code:
            return UsedCoupon()
        snapshot, state = self.availability.snapshot, CouponState()
        coupon = snapshot.coupons.get(code.lower())
        if coupon is not None:
            state = self.availability.coupon_state(coupon, self.order, takes_over=self.takes_over)
        invalid = why_invalid(coupon, self.order, snapshot.now, state)
        if invalid is None:
            return UsedCoupon(code, coupon)
        reason, message = invalid
        self.is_contended = state.is_contended
        self._skip_coupon(reason, f"{code} {message}")
        if not self.order_copy.ignore_invalid_coupon:
            self.problems.append(Problem(Step.WRITE, "coupon_code", reason, f"{code} {message}"))
        return UsedCoupon(code, coupon, is_invalid=True)

    def coupon_code(self, coupon: UsedCoupon, discounts: list[SourceLine], amount: int) -> str:
        """Return the coupon code of the target, given its discount lines and discount total.

        It is empty if the coupon is invalid or gives no discount.
        """
        if not coupon.code or coupon.is_invalid:
            return ""
        if coupon.gives_discount(discounts, amount):
            return coupon.code
        message = _("%(code)s gives no discount here, so it is not used") % {"code": coupon.code}
        self._skip_coupon("coupon_without_effect", message)
        return ""

    def _skip_coupon(self, code: str, message: str) -> None:
        self._skip("coupon_code", code, message, {"coupon_code": self.order.coupon_code})

    def payment_source(self) -> PaymentSource | None:
        """Return the payment source of the target.

        It is that of the source order, if it is saved in the wallet, valid, and may be reused.
        """
        payment_source = self.order.payment_source
        reason = self._why_not_reused(payment_source) if payment_source else None
        if reason is None:
            return payment_source
        self._skip("payment_source", *reason)
        return None

    def _why_not_reused(self, payment_source: PaymentSource) -> tuple[str, str] | None:
        snapshot = self.availability.snapshot
        if not self.order_copy.reuse_wallet:
            return "wallet_not_reused", _("the copy does not reuse the wallet")
        if (self.order.customer_id, payment_source.pk) not in snapshot.wallet:
            return "not_in_wallet", _("the payment source is not in the customer's wallet")
        if not payment_source.is_valid(snapshot.now):
            return "payment_source_expired", _("the payment source has expired")
        return None

    def skip_gift_card(self) -> None:
        """Report the gift card as left out: only one order can redeem it."""
        amount = self.order.gift_card_amount_cents
        if self.order.gift_card_code or amount:
            message = _("a gift card is redeemed by one order only")
            before = {"gift_card_amount_cents": amount}
            after = {"gift_card_amount_cents": 0}
            self._skip("gift_card_code", "gift_card_not_copied", message, before, after)

    def skip_amounts(self, dropped: dict[str, int]) -> None:
        """Report amounts that are left out because no line explains them, by total in cents."""
        for name, cents in dropped.items():
            message = _("%(amount)s left out because no line of the order explains it") % {
                "amount": formatted(cents, self.order.currency_code, self.order.language_code)
            }
            attribute = name.removesuffix("_cents")
            self._skip(attribute, "amount_without_line", message, {name: cents}, {name: 0})

    def _skip(
        self,
        attribute: str,
        code: str,
        message: str,
        before: dict[str, Any] | None = None,
        after: dict[str, Any] | None = None,
    ) -> None:
        outcome = Outcome(
            Action.SKIPPED, attribute, code=code, message=message, before=before, after=after
        )
        self.outcomes.append(outcome)
