"""Decide what copies will do. Reads the snapshot; writes nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from order_copies import public_ids
from order_copies.models import Kind, OrderFactory, OrderSubscription
from order_copies.plans import Action, CopyPlan, Outcome, Problem, Step, cannot_transition
from order_copies.shops import Agreement
from orders.copying.decisions import Decision
from orders.copying.discounts import UsedCoupon
from orders.copying.fields import SourceLine
from orders.copying.lines import Lines, needs_shipping
from orders.copying.recipients import Recipient
from orders.copying.recurring import RecurringLines
from orders.copying.snapshot import Availability, Snapshot
from orders.lifecycle.coupons import CouponState, why_invalid
from orders.lifecycle.requirements import (
    Placement,
    negative_total,
    reasons_not_to_cancel_source,
    reasons_not_to_place,
)
from orders.models import AddressRole, Order, PaymentSource
from orders.money import formatted
from orders.totals import GOODS, PROMOTIONS, TOTALS


@dataclass(slots=True)
class TargetOrder:
    """The planned target order: ``CopyPlan.row``, everything that writing needs."""

    source: Order
    source_lines: list[SourceLine]
    source_addresses: list[tuple[Any, ...]]
    recipient: Recipient
    values: dict[str, Any]
    #: The options of all source lines of the batch, by line.
    options: dict[int, list[tuple[Any, ...]]]
    #: The options that the target gets instead, by source line.
    changed_options: dict[int, Sequence[tuple[Any, ...]]]
    payment_source: PaymentSource | None


def plan_copies(order_copies: Sequence[OrderFactory], availability: Availability) -> list[CopyPlan]:
    """Plan copies in order: stock and coupon uses that one takes are unavailable to the next."""
    return [
        _plan_recurring(order_copy, availability)
        if order_copy.type == Kind.RECURRING_ORDER_COPIES
        else _plan(order_copy, availability)
        for order_copy in order_copies
    ]


def _plan(order_copy: OrderFactory, availability: Availability) -> CopyPlan:
    order = availability.snapshot.orders[int(order_copy.source_order_id or 0)]
    refusals = []
    if order_copy.cancel_source_order:
        refusals = reasons_not_to_cancel_source(order, availability.cancelled)
    takes_over = order_copy.cancel_source_order and not refusals
    recipient = Recipient.of(order_copy, order, availability.snapshot)
    header = Header(order_copy, order, recipient, availability, takes_over)
    lines = Lines(order_copy, order, availability, takes_over)
    coupon = header.coupon()
    totals = lines.decide(coupon)
    discounts = [line for line in lines.targets if line.item_type in PROMOTIONS]
    code = header.coupon_code(coupon, discounts, totals["discount_amount_cents"])
    payment_source = header.payment_source()
    header.skip_amounts(lines.dropped)
    target = _target(recipient, lines, availability.snapshot, payment_source)
    target.values |= {"coupon_code": code, **totals}
    plan = CopyPlan(
        place=order_copy.place_target_order,
        cancel=order_copy.cancel_source_order,
        skip_errors=order_copy.skip_errors,
        outcomes=[*map(_outcome, lines.decisions), *recipient.outcomes, *header.outcomes],
        problems=[*recipient.problems, *header.problems, *lines.problems],
        currency_code=order.currency_code,
        source_totals={name: getattr(order, name) for name in TOTALS},
        target_totals={name: totals[name] for name in TOTALS},
        row=target,
        is_contended=lines.is_contended
        or header.is_contended
        or (order_copy.cancel_source_order and order.pk in availability.cancelled),
    )
    plan.problems += _reasons_not_to_swap(plan, lines, availability.snapshot)
    plan.problems += refusals
    if plan.will_place:
        used = coupon.coupon if code else None
        availability.take(order, lines.taken, used, recipient.buyer, replaces=plan.cancel)
    if plan.will_cancel:
        availability.cancel(order)
    return plan


def _plan_recurring(order_copy: OrderFactory, availability: Availability) -> CopyPlan:
    """Plan a copy from the items of its subscription."""
    snapshot = availability.snapshot
    order = snapshot.orders[int(order_copy.source_order_id or 0)]
    agreement = snapshot.agreements.get(order_copy.order_subscription_id or 0)
    recipient = Recipient.of(order_copy, order, snapshot)
    header = Header(order_copy, order, recipient, availability, takes_over=False)
    lines = RecurringLines(order_copy, order, availability, takes_over=False)
    if agreement is None:
        message = _("does not exist any more: nothing can be copied")
        gone = Problem(Step.WRITE, "order_subscription", "gone", message, skippable=False)
        header.problems.append(gone)
        agreement = Agreement(OrderSubscription(), [])
    terms = agreement.order_subscription
    totals = lines.decide_items(agreement)
    payment_source = header.payment_source()
    header.skip_amounts(lines.dropped)
    header.skip_coupon()
    target = _target(recipient, lines, snapshot, payment_source)
    target.values |= {"coupon_code": "", **totals}
    plan = CopyPlan(
        place=order_copy.place_target_order,
        cancel=False,
        skip_errors=order_copy.skip_errors,
        outcomes=[*map(_outcome, lines.decisions), *header.outcomes],
        problems=[*header.problems, *lines.problems],
        currency_code=order.currency_code,
        source_totals={name: getattr(order, name) for name in TOTALS},
        target_totals=totals,
        row=target,
        is_contended=lines.is_contended,
    )
    reasons = _reasons_not_to_swap(plan, lines, snapshot)
    if plan.place and plan.will_write and (drift := lines.price_drift(terms, totals)):
        reasons = reasons or [cannot_transition(Step.PLACE, target.values["status"], "placed")]
        reasons.append(drift)
    plan.problems += reasons
    if plan.will_place:
        availability.take(order, lines.taken, replaces=False)
    return plan


def _target(
    recipient: Recipient, lines: Lines, snapshot: Snapshot, payment_source: PaymentSource | None
) -> TargetOrder:
    order = recipient.order
    has_goods = any(line.item_type in GOODS for line in lines.targets)
    # A pending order has a customer and goods (contract 3.1).
    is_pending = has_goods and recipient.has_customer
    fulfillment_status = Order.FulfillmentStatus.NOT_REQUIRED
    if needs_shipping(lines.targets, snapshot.skus) or not has_goods:
        fulfillment_status = Order.FulfillmentStatus.UNFULFILLED
    return TargetOrder(
        source=order,
        source_lines=snapshot.lines[order.pk],
        source_addresses=snapshot.addresses.get(order.pk, []),
        recipient=recipient,
        values={
            **recipient.values,
            "status": Order.Status.PENDING if is_pending else Order.Status.DRAFT,
            "fulfillment_status": fulfillment_status,
            "payment_source_id": payment_source.pk if payment_source else None,
        },
        options=snapshot.options,
        changed_options={
            decision.source.id: decision.options
            for decision in lines.decisions
            if decision.options is not None and decision.source and decision.source.id
        },
        payment_source=payment_source,
    )


def _reasons_not_to_swap(plan: CopyPlan, lines: Lines, snapshot: Snapshot) -> list[Problem]:
    """Return why the target cannot be placed or must not replace its source."""
    if not plan.will_write:
        return []
    target: TargetOrder = plan.row
    due_cents = target.values["total_amount_with_taxes_cents"]
    if plan.place:
        placement = Placement(
            status=str(target.values["status"]),
            has_customer=target.recipient.has_customer,
            has_goods=any(line.item_type in GOODS and line.quantity for line in lines.targets),
            needs_shipping=needs_shipping(lines.targets, snapshot.skus),
            address_roles=frozenset(AddressRole(row[0]) for row in target.recipient.addresses),
            due_cents=due_cents,
            has_payment_source=target.payment_source is not None,
        )
        return reasons_not_to_place(placement)
    if plan.cancel and due_cents < 0:
        return [negative_total(Step.CANCEL)]
    return []


def _outcome(decision: Decision) -> Outcome:
    source, target = decision.source, decision.target
    before = _shown(source) if source else None
    after = before if source is target else _shown(target) if target else None
    return Outcome(
        decision.action,
        source_line_item=public_ids.encode("line_items", source.id)
        if source and source.id
        else None,
        name=decision.name or (source or target).name,  # type: ignore[union-attr]
        code=decision.code,
        message=decision.message,
        before=before,
        after=after,
        row=target,
    )


def _shown(line: SourceLine) -> dict[str, Any]:
    return {
        "item_type": line.item_type,
        "sku_code": line.sku_code,
        "quantity": line.quantity,
        "unit_amount_cents": line.unit_amount_cents,
        "total_amount_cents": line.total_amount_cents,
        "tax_amount_cents": line.tax_amount_cents,
    }


@dataclass(slots=True)
class Header:
    """Decide which header fields of the source the target gets; report the others as outcomes.

    With ``takes_over`` the source is cancelled and its coupon use is transferred to the target.
    """

    order_copy: OrderFactory
    order: Order
    recipient: Recipient
    availability: Availability
    takes_over: bool
    outcomes: list[Outcome] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    #: Whether the coupon is invalid because earlier copies of the batch use it.
    is_contended: bool = False

    @property
    def _instant(self) -> datetime:
        """The instant at which coupon and payment source must be valid."""
        return self.order_copy.planned_for or self.availability.snapshot.now

    def coupon(self) -> UsedCoupon:
        """Return the coupon; an invalid one is a problem, unless ``ignore_invalid_coupon``."""
        code = self.order.coupon_code
        if not code:
            return UsedCoupon()
        snapshot, state = self.availability.snapshot, CouponState()
        coupon = snapshot.coupons.get(code.lower())
        if coupon is not None:
            state = self.availability.coupon_state(
                coupon, self.order, self.recipient.buyer, takes_over=self.takes_over
            )
        invalid = why_invalid(coupon, self.order, self._instant, state)
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

    def skip_coupon(self) -> None:
        """Report that the target of a subscription does not get the coupon of the source."""
        if self.order.coupon_code:
            message = _("coupons are not part of subscriptions")
            self._skip_coupon("not_subscribed", message)

    def _skip_coupon(self, code: str, message: str) -> None:
        self._skip("coupon_code", code, message, {"coupon_code": self.order.coupon_code})

    def payment_source(self) -> PaymentSource | None:
        """Return the payment source of the target.

        It is that of the source order, or of the entry of the wallet that the copy's subscription
        names, if it is saved in the customer's wallet, valid, and may be reused.
        """
        snapshot, payment_source = self.availability.snapshot, self.order.payment_source
        if named := snapshot.payers.get(self.order_copy.order_subscription_id or 0):
            entry = snapshot.named_entries.get(named)
            is_saved = entry is not None and entry.customer_id == self.recipient.customer_id
            payment_source = entry.payment_source if entry else None
        elif payment_source is None:
            return None
        else:
            is_saved = (self.recipient.customer_id, payment_source.pk) in snapshot.wallet
        expires_at = payment_source.expires_at if payment_source else None
        if not self.order_copy.reuse_wallet:
            reason = "wallet_not_reused", _("the copy does not reuse the wallet")
        elif not is_saved:
            reason = "not_in_wallet", _("the payment source is not in the customer's wallet")
        elif expires_at is not None and expires_at <= self._instant:
            reason = "payment_source_expired", _("the payment source has expired")
        else:
            return payment_source
        self._skip("payment_source", *reason)
        return None

    def skip_amounts(self, dropped: dict[str, int]) -> None:
        """Report what the target does not get: the gift card, and amounts without a line.

        A gift card is redeemed by one order only. ``dropped`` holds, by total in cents, what no
        line of the order explains.
        """
        amount = self.order.gift_card_amount_cents
        if self.order.gift_card_code or amount:
            message = _("a gift card is redeemed by one order only")
            before = {"gift_card_amount_cents": amount}
            after = {"gift_card_amount_cents": 0}
            self._skip("gift_card_code", "gift_card_not_copied", message, before, after)
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
