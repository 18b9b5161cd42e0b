"""What an order has besides its lines: its coupon, its payment source, its gift card."""

from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from order_copies.models import OrderFactory
from order_copies.plans import Action, Outcome, Problem, Step
from orders.coupons import why_invalid
from orders.models import Order, PaymentSource
from orders.snapshot import Snapshot


@dataclass(slots=True)
class Belongings:
    """Which belongings of the source travel, and what is said of those that do not.

    ``hands_over``: the source is to be cancelled and gives its coupon use to the target.
    """

    order_copy: OrderFactory
    order: Order
    snapshot: Snapshot
    hands_over: bool
    notes: list[Outcome] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def coupon_code(self) -> str:
        """The code that the target gets. An invalid one is a problem, unless told to ignore it."""
        code = self.order.coupon_code
        invalid = self._why_coupon_is_invalid() if code else None
        if invalid is None:
            return code
        reason, message = invalid
        message = f"{code} {message}"
        self._leave("coupon_code", reason, message, {"coupon_code": code})
        if not self.order_copy.ignore_invalid_coupon:
            self.problems.append(Problem(Step.WRITE, "coupon_code", reason, message))
        return ""

    def _why_coupon_is_invalid(self) -> tuple[str, str] | None:
        snapshot = self.snapshot
        coupon = snapshot.coupons.get(self.order.coupon_code)
        if coupon is None:
            return why_invalid(None, snapshot.now, uses=0, used_before=frozenset())
        own = {self.order.pk} if self.hands_over else set()
        return why_invalid(
            coupon,
            snapshot.now,
            uses=coupon.usage_count - len(snapshot.users[coupon.pk] & own),
            used_before=snapshot.coupon_uses[coupon.pk, snapshot.buyers[self.order.pk]] - own,
        )

    def payment_source(self) -> PaymentSource | None:
        """The payment source that the target gets: the source's, from the wallet, still valid."""
        payment_source = self.order.payment_source
        reason = self._why_it_stays(payment_source) if payment_source else None
        if reason is None:
            return payment_source
        self._leave("payment_source", *reason)
        return None

    def _why_it_stays(self, payment_source: PaymentSource) -> tuple[str, str] | None:
        if not self.order_copy.reuse_wallet:
            return "wallet_not_reused", _("the wallet is not to be reused")
        if (self.order.customer_id, payment_source.pk) not in self.snapshot.wallet:
            return "not_in_wallet", _("the payment source is not in the customer's wallet")
        if not payment_source.is_valid(self.snapshot.now):
            return "payment_source_expired", _("the payment source has expired")
        return None

    def leave_gift_card(self) -> None:
        """A gift card never travels; say so where there is one."""
        if self.order.gift_card_code or self.order.gift_card_amount_cents:
            message = _("a gift card is redeemed by one order only")
            before = {"gift_card_amount_cents": self.order.gift_card_amount_cents}
            self._leave("gift_card_code", "gift_card_not_copied", message, before)

    def _leave(
        self, attribute: str, code: str, message: str, before: dict[str, Any] | None = None
    ) -> None:
        outcome = Outcome(Action.SKIPPED, attribute, code=code, message=message, before=before)
        self.notes.append(outcome)
