"""Decide what a copy will do. Reads the snapshot; writes nothing."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from order_copies import public_ids
from order_copies.models import OrderFactory
from order_copies.plans import Action, CopyPlan, Outcome, Problem, Step
from orders.copied import SourceLine
from orders.coupons import why_invalid
from orders.models import AddressRole, Order, PaymentSource, Promotion
from orders.pricing import (
    Decision,
    apply_promotions,
    copied,
    reprice_payment_fee,
    reprice_shipping,
    scale_promotions,
)
from orders.requirements import Placement, reasons_not_to_cancel, reasons_not_to_place
from orders.shelf import Shelf, needs_shipping
from orders.snapshot import Snapshot
from orders.totals import GOODS, PROMOTIONS, TOTALS, ItemType, order_totals


@dataclass(slots=True)
class TargetOrder:
    """What writing needs to know of one target: the planned row of a plan."""

    source: Order
    values: dict[str, Any]
    addresses: list[tuple[Any, ...]]
    options: dict[int, list[tuple[Any, ...]]]
    payment_source: PaymentSource | None


@dataclass(slots=True)
class Planner:
    """Plans one copy of one order."""

    order_copy: OrderFactory
    order: Order
    snapshot: Snapshot
    problems: list[Problem] = field(default_factory=list)
    notes: list[Outcome] = field(default_factory=list)

    def plan(self) -> CopyPlan:
        """The plan of this copy."""
        cancel_problems = self._cancel_problems()
        hands_over = self.order_copy.cancel_source_order and not cancel_problems
        coupon_code = self._coupon_code(hands_over=hands_over)
        decisions = self._decisions(coupon_code, hands_over=hands_over)
        payment_source = self._payment_source()
        self._leave_gift_card()
        target = self._target(decisions, coupon_code, payment_source)
        self.problems += self._place_problems(target, decisions) + cancel_problems
        return self._copy_plan(target, decisions)

    def _cancel_problems(self) -> list[Problem]:
        if not self.order_copy.cancel_source_order:
            return []
        return reasons_not_to_cancel(self.order)

    def _coupon_code(self, *, hands_over: bool) -> str:
        code = self.order.coupon_code
        invalid = self._why_coupon_is_invalid(hands_over=hands_over) if code else None
        if invalid is None:
            return code
        reason, message = invalid
        message = f"{code} {message}"
        self.notes.append(
            Outcome(
                Action.SKIPPED,
                "coupon_code",
                code=reason,
                message=message,
                before={"coupon_code": code},
            )
        )
        if not self.order_copy.ignore_invalid_coupon:
            self.problems.append(Problem(Step.WRITE, "coupon_code", reason, message))
        return ""

    def _why_coupon_is_invalid(self, *, hands_over: bool) -> tuple[str, str] | None:
        coupon = self.snapshot.coupons.get(self.order.coupon_code)
        if coupon is None:
            return why_invalid(None, self.snapshot.now, uses=0, used_before=frozenset())
        own = {self.order.pk} if hands_over else set()
        email = self.order.customer_email.lower()
        return why_invalid(
            coupon,
            self.snapshot.now,
            uses=coupon.usage_count - len(self.snapshot.users[coupon.pk] & own),
            used_before=self.snapshot.coupon_uses[coupon.pk, email] - own,
        )

    def _decisions(self, coupon_code: str, *, hands_over: bool) -> list[Decision]:
        lines = self.snapshot.lines[self.order.pk]
        goods = self._goods(lines, hands_over=hands_over)
        decided = {id(decision.source): decision for decision in goods}
        left_out = any(decision.action != Action.COPIED for decision in goods)
        if left_out:
            decided |= _by_source(self._shipping(lines, goods))
            fees = [line for line in lines if line.item_type == ItemType.PAYMENT_METHODS]
            decided |= _by_source(reprice_payment_fee(self.order, fees))
        followers = self._promotions(lines, decided, coupon_code, left_out=left_out)
        decided |= _by_source(followers)
        added = [decision for decision in followers if decision.source is None]
        return [decided.get(id(line)) or copied(line) for line in lines] + added

    def _goods(self, lines: list[SourceLine], *, hands_over: bool) -> list[Decision]:
        held = self.snapshot.reserved[self.order.pk] if hands_over else {}
        shelf = Shelf(self.order, self.snapshot.skus, held)
        goods = [shelf.decide(line) for line in lines if line.item_type in GOODS]
        self.problems += shelf.problems
        if goods and not any(decision.target for decision in goods):
            message = _("nothing of this order can be had any more")
            self.problems.append(
                Problem(
                    Step.WRITE,
                    "line_items",
                    "no_sellable_line",
                    message,
                    skippable=False,
                )
            )
        return goods

    def _shipping(self, lines: list[SourceLine], goods: list[Decision]) -> list[Decision]:
        shipments = [line for line in lines if line.item_type == ItemType.SHIPMENTS]
        left = [decision.target for decision in goods if decision.target]
        return reprice_shipping(
            self.order,
            shipments,
            _sum(left),
            needs_shipping=needs_shipping(left, self.snapshot.skus),
        )

    def _promotions(
        self,
        lines: list[SourceLine],
        decided: dict[int, Decision],
        coupon_code: str,
        *,
        left_out: bool,
    ) -> list[Decision]:
        discounts = [line for line in lines if line.item_type in PROMOTIONS]
        old = _sum(line for line in lines if line.item_type in GOODS)
        targets = [decided[id(line)].target if id(line) in decided else line for line in lines]
        left = [line for line in targets if line]
        subtotal = _sum(line for line in left if line.item_type in GOODS)
        shipping = _sum(line for line in left if line.item_type == ItemType.SHIPMENTS)
        if self.order_copy.apply_promotions:
            promotions = self._valid_promotions(coupon_code)
            return apply_promotions(self.order, discounts, promotions, (subtotal, shipping))
        if left_out:
            return scale_promotions(self.order, discounts, (subtotal, old), shipping)
        return []

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

    def _payment_source(self) -> PaymentSource | None:
        source = self.order.payment_source
        reason = self._why_payment_source_stays(source) if source else None
        if reason is None:
            return source
        code, message = reason
        self.notes.append(Outcome(Action.SKIPPED, "payment_source", code=code, message=message))
        return None

    def _why_payment_source_stays(self, source: PaymentSource) -> tuple[str, str] | None:
        if not self.order_copy.reuse_wallet:
            return "wallet_not_reused", _("the wallet is not to be reused")
        if (self.order.customer_id, source.pk) not in self.snapshot.wallet:
            return "not_in_wallet", _("the payment source is not in the customer's wallet")
        if not source.is_valid(self.snapshot.now):
            return "payment_source_expired", _("the payment source has expired")
        return None

    def _leave_gift_card(self) -> None:
        if self.order.gift_card_code or self.order.gift_card_amount_cents:
            self.notes.append(
                Outcome(
                    Action.SKIPPED,
                    "gift_card_code",
                    code="gift_card_not_copied",
                    message=_("a gift card is redeemed by one order only"),
                    before={"gift_card_amount_cents": self.order.gift_card_amount_cents},
                )
            )

    def _target(
        self,
        decisions: list[Decision],
        coupon_code: str,
        payment_source: PaymentSource | None,
    ) -> TargetOrder:
        order, pk = self.order, self.order.pk
        lines = [decision.target for decision in decisions if decision.target]
        goods = [line for line in lines if line.item_type in GOODS]
        is_pending = bool(goods) and bool(order.customer_email or order.customer_id)
        fulfillment = Order.FulfillmentStatus
        return TargetOrder(
            source=order,
            values={
                "status": Order.Status.PENDING if is_pending else Order.Status.DRAFT,
                "fulfillment_status": fulfillment.UNFULFILLED
                if needs_shipping(lines, self.snapshot.skus) or not goods
                else fulfillment.NOT_REQUIRED,
                "coupon_code": coupon_code,
                "payment_source_id": payment_source.pk if payment_source else None,
                **self._totals(decisions),
            },
            addresses=self.snapshot.addresses.get(pk, []),
            options=self.snapshot.options,
            payment_source=payment_source,
        )

    def _totals(self, decisions: list[Decision]) -> dict[str, int]:
        """As they stand in the source where every line travels as it is, else worked out."""
        if all(decision.source is decision.target for decision in decisions):
            totals = {name: getattr(self.order, name) for name in TOTALS}
            totals["total_amount_with_taxes_cents"] -= totals.pop("gift_card_amount_cents")
            return totals | {"gift_card_amount_cents": 0}
        lines = [decision.target for decision in decisions if decision.target]
        return order_totals(
            ((line.item_type, line.total_amount_cents, line.tax_amount_cents) for line in lines),
            tax_included=self.order.tax_included,
        )

    def _place_problems(self, target: TargetOrder, decisions: list[Decision]) -> list[Problem]:
        if not self.order_copy.place_target_order:
            return []
        lines = [decision.target for decision in decisions if decision.target]
        return reasons_not_to_place(
            Placement(
                status=str(target.values["status"]),
                has_customer=bool(self.order.customer_email or self.order.customer_id),
                has_goods=any(line.item_type in GOODS and line.quantity for line in lines),
                needs_shipping=needs_shipping(lines, self.snapshot.skus),
                address_roles=frozenset(AddressRole(row[0]) for row in target.addresses),
                due_cents=target.values["total_amount_with_taxes_cents"],
                has_payment_source=target.payment_source is not None,
            )
        )

    def _copy_plan(self, target: TargetOrder, decisions: list[Decision]) -> CopyPlan:
        return CopyPlan(
            place=self.order_copy.place_target_order,
            cancel=self.order_copy.cancel_source_order,
            skip_errors=self.order_copy.skip_errors,
            outcomes=[*map(_outcome, decisions), *self.notes],
            problems=self.problems,
            currency_code=self.order.currency_code,
            source_totals={name: getattr(self.order, name) for name in TOTALS},
            target_totals={name: target.values[name] for name in TOTALS},
            row=target,
        )


def _outcome(decision: Decision) -> Outcome:
    source, target = decision.source, decision.target
    before = _shown(source) if source else None
    after = before if source is target else _shown(target) if target else None
    return Outcome(
        decision.action,
        source_line_item=public_ids.encode("line_items", source.id)
        if source and source.id
        else None,
        name=(source or target).name,  # type: ignore[union-attr]
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
    }


def _sum(lines: Iterable[SourceLine]) -> int:
    return sum(line.total_amount_cents for line in lines)


def _by_source(decisions: Iterable[Decision]) -> dict[int, Decision]:
    return {id(decision.source): decision for decision in decisions if decision.source}
