"""Decide what a copy will do. Reads the snapshot; writes nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from order_copies import public_ids
from order_copies.models import OrderFactory
from order_copies.plans import CopyPlan, Outcome
from orders.belongings import Belongings
from orders.copied import SourceLine
from orders.deciding import LineDecisions
from orders.models import AddressRole, Order, PaymentSource
from orders.pricing import Decision
from orders.requirements import Placement, reasons_not_to_cancel_source, reasons_not_to_place
from orders.shelf import needs_shipping
from orders.snapshot import Snapshot
from orders.totals import GOODS, TOTALS, order_totals


@dataclass(slots=True)
class TargetOrder:
    """What writing needs to know of one target: the planned row of a plan."""

    source: Order
    source_lines: list[SourceLine]
    values: dict[str, Any]
    addresses: list[tuple[Any, ...]]
    options: dict[int, list[tuple[Any, ...]]]
    payment_source: PaymentSource | None


def plan_copy(order_copy: OrderFactory, order: Order, snapshot: Snapshot) -> CopyPlan:
    """All that this copy of this order will do."""
    refusals = reasons_not_to_cancel_source(order) if order_copy.cancel_source_order else []
    hands_over = order_copy.cancel_source_order and not refusals
    belongings = Belongings(order_copy, order, snapshot, hands_over)
    coupon_code = belongings.coupon_code()
    lines = LineDecisions(order_copy, order, snapshot)
    decisions = lines.decide(coupon_code, hands_over=hands_over)
    target = _target(order, decisions, snapshot, coupon_code, belongings.payment_source())
    belongings.leave_gift_card()
    plan = CopyPlan(
        place=order_copy.place_target_order,
        cancel=order_copy.cancel_source_order,
        skip_errors=order_copy.skip_errors,
        outcomes=[*map(_outcome, decisions), *belongings.notes],
        problems=[*belongings.problems, *lines.problems],
        currency_code=order.currency_code,
        source_totals={name: getattr(order, name) for name in TOTALS},
        target_totals={name: target.values[name] for name in TOTALS},
        row=target,
    )
    if plan.place and plan.will_write:
        plan.problems += reasons_not_to_place(_placement(target, decisions, snapshot))
    plan.problems += refusals
    return plan


def _target(
    order: Order,
    decisions: Sequence[Decision],
    snapshot: Snapshot,
    coupon_code: str,
    payment_source: PaymentSource | None,
) -> TargetOrder:
    return TargetOrder(
        source=order,
        source_lines=snapshot.lines[order.pk],
        values={
            **_statuses(order, _lines(decisions), snapshot),
            "coupon_code": coupon_code,
            "payment_source_id": payment_source.pk if payment_source else None,
            **_totals(order, decisions),
        },
        addresses=snapshot.addresses.get(order.pk, []),
        options=snapshot.options,
        payment_source=payment_source,
    )


def _lines(decisions: Sequence[Decision]) -> list[SourceLine]:
    return [decision.target for decision in decisions if decision.target]


def _statuses(order: Order, lines: Sequence[SourceLine], snapshot: Snapshot) -> dict[str, str]:
    """Pending needs a customer and something to sell (contract 3.1)."""
    has_goods = any(line.item_type in GOODS for line in lines)
    is_pending = has_goods and bool(order.customer_email or order.customer_id)
    is_shipped = needs_shipping(lines, snapshot.skus) or not has_goods
    fulfillment = Order.FulfillmentStatus
    return {
        "status": Order.Status.PENDING if is_pending else Order.Status.DRAFT,
        "fulfillment_status": fulfillment.UNFULFILLED if is_shipped else fulfillment.NOT_REQUIRED,
    }


def _totals(order: Order, decisions: Sequence[Decision]) -> dict[str, int]:
    """As they stand in the source where every line travels as it is, else worked out."""
    if all(decision.source is decision.target for decision in decisions):
        totals = {name: getattr(order, name) for name in TOTALS}
        totals["total_amount_with_taxes_cents"] -= totals["gift_card_amount_cents"]
        return totals | {"gift_card_amount_cents": 0}
    return order_totals(
        (
            (line.item_type, line.total_amount_cents, line.tax_amount_cents)
            for line in _lines(decisions)
        ),
        tax_included=order.tax_included,
    )


def _placement(target: TargetOrder, decisions: Sequence[Decision], snapshot: Snapshot) -> Placement:
    order, lines = target.source, _lines(decisions)
    return Placement(
        status=str(target.values["status"]),
        has_customer=bool(order.customer_email or order.customer_id),
        has_goods=any(line.item_type in GOODS and line.quantity for line in lines),
        needs_shipping=needs_shipping(lines, snapshot.skus),
        address_roles=frozenset(AddressRole(row[0]) for row in target.addresses),
        due_cents=target.values["total_amount_with_taxes_cents"],
        has_payment_source=target.payment_source is not None,
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
