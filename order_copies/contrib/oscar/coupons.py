"""Vouchers of copies: whether they are valid, and orders without the discounts of invalid ones."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Any

from django.db.models import prefetch_related_objects
from django.utils.translation import gettext as _
from oscar.core.loading import get_model

from order_copies.contrib.oscar.changes import Rows, reprice, scaled
from order_copies.contrib.oscar.vouchers import customer, refuse_voucher, voucher_gone
from order_copies.plans import Action, Outcome, Problem, Step
from order_copies.shops import Draft
from order_copies.shops.lines import Decision

OrderDiscount = get_model("order", "OrderDiscount")
OrderLineDiscount = get_model("order", "OrderLineDiscount")
Voucher = get_model("voucher", "Voucher")
VoucherApplication = get_model("voucher", "VoucherApplication")


class Coupons:
    """The vouchers of a batch of source orders, read together."""

    def __init__(self, orders: Mapping[Any, Any], keys: Collection[int]) -> None:
        self.vouchers = Voucher._base_manager.in_bulk(keys) if keys else {}
        self.used: set[tuple[Any, int]] = set()
        if self.vouchers:
            uses = VoucherApplication._base_manager.filter(order__in=orders)
            self.used = set(uses.values_list("order_id", "voucher_id"))
            single = [it for it in self.vouchers.values() if it.usage == Voucher.SINGLE_USE]
            prefetch_related_objects(single, "applications")
            prefetch_related_objects(list(orders.values()), "user")
        self.refuse = cache(refuse_voucher)

    def reason(self, order: Any, row: Any, *, is_swap: bool) -> str:
        """Return why the voucher of a discount is invalid for a copy; empty if it is valid.

        In a swap the target takes over the use of the source.
        """
        if is_swap and (order.pk, row.voucher_id) in self.used:
            return ""
        voucher = self.vouchers.get(row.voucher_id)
        if voucher is None:
            return voucher_gone(row.voucher_code)
        return self.refuse(voucher, customer(order))

    def valid(self, rows: Rows, invalid: Collection[int]) -> list[Any]:
        """Return the vouchers of a draft that are not invalid."""
        keys = dict.fromkeys(row.voucher_id for row in rows.of(OrderDiscount) if row.voucher_id)
        return [self.vouchers[key] for key in keys if key not in invalid]


def find_invalid(rows: Rows, coupons: Coupons) -> dict[int, str]:
    """Return the reasons of invalid vouchers by key, and report them."""
    order_copy = rows.draft.order_copy
    is_swap = order_copy.place_target_order and order_copy.cancel_source_order
    codes = {row.voucher_id: row for row in rows.of(OrderDiscount) if row.voucher_id}
    invalid: dict[int, str] = {}
    for key, row in codes.items():
        if reason := coupons.reason(rows.draft.order, row, is_swap=is_swap):
            invalid[key] = reason
            _report(rows, row.voucher_code, reason)
    return invalid


def _report(rows: Rows, code: str, reason: str) -> None:
    draft = rows.draft
    if not draft.order_copy.ignore_invalid_coupon:
        draft.problems.append(Problem(Step.WRITE, "coupon_code", "voucher_not_valid", reason))
    before = {"coupon_code": code}
    outcome = Outcome(
        Action.SKIPPED, "coupon_code", code="voucher_not_valid", message=reason, before=before
    )
    draft.outcomes.append(outcome)


def leave_out(rows: Rows, invalid: Mapping[int, str]) -> None:
    """Remove the discounts of vouchers, and raise the prices again that they lowered."""
    dropped = {row.pk: row for row in rows.of(OrderDiscount) if row.voucher_id in invalid}
    of_lines = defaultdict(list)
    for row in rows.of(OrderLineDiscount):
        if row.order_discount_id in dropped:
            of_lines[row.line_id].append(row)
    known = {row.order_discount_id for found in of_lines.values() for row in found}
    if any(is_unexplained(row) for row in dropped.values() if row.pk not in known):
        rows.draft.problems.append(_amount_without_line())
        return
    rows.replace(OrderDiscount, lambda found: [row for row in found if row.pk not in dropped])
    rows.replace(
        OrderLineDiscount,
        lambda found: [row for row in found if row.order_discount_id not in dropped],
    )
    raised = []
    for index, one in enumerate(rows.draft.decisions):
        if one.target is not None and (own := of_lines.get(one.target.pk)):
            target = _raised(one.target, own)
            raised.append(target)
            reason = invalid[dropped[own[0].order_discount_id].voucher_id]
            rows.draft.decisions[index] = _repriced(one, target, reason)
    reprice(rows, raised)
    _raise_shipping(rows.draft, dropped.values())


def is_unexplained(discount: Any) -> bool:
    """Return whether the discount lowered prices, though no line says which."""
    return bool(discount.amount) and discount.category == OrderDiscount.BASKET


def _amount_without_line() -> Problem:
    message = _("the voucher gave a discount that Oscar did not record for each line")
    return Problem(Step.WRITE, "coupon_code", "amount_without_line", message, skippable=False)


def _raise_shipping(draft: Draft, dropped: Iterable[Any]) -> None:
    """Raise the shipping charge by the discounts that vouchers gave on it."""
    amount = sum(
        (row.amount for row in dropped if row.category == OrderDiscount.SHIPPING), Decimal(0)
    )
    if not amount:
        return
    incl, excl = draft.order.shipping_incl_tax, draft.order.shipping_excl_tax
    rate = Fraction(excl) / Fraction(incl) if incl else Fraction(1)
    draft.values |= {
        "shipping_incl_tax": incl + amount,
        "shipping_excl_tax": excl + scaled(amount, rate),
    }


def _repriced(one: Decision, target: Any, reason: str) -> Decision:
    if one.action != Action.COPIED:
        return replace(one, target=target)
    return Decision(one.source, target, Action.REPRICED, "voucher_not_valid", reason)


def _raised(line: Any, discounts: Sequence[Any]) -> Any:
    """Return the line without these discounts; it costs no more than before all discounts."""
    before = {
        "incl": line.line_price_before_discounts_incl_tax,
        "excl": line.line_price_before_discounts_excl_tax,
    }
    changes = {}
    for tax, limit in before.items():
        name = f"line_price_{tax}_tax"
        amount = sum(
            (_in_terms_of(row, tax, before) for row in discounts), start=getattr(line, name)
        )
        changes[name] = min(limit, amount)
    return line._replace(**changes)


def _in_terms_of(discount: Any, tax: str, before: Mapping[str, Decimal]) -> Decimal:
    """Return the amount of a discount with or without tax."""
    own = "incl" if discount.is_incl_tax else "excl"
    if own == tax:
        return Decimal(discount.amount)
    return scaled(discount.amount, Fraction(before[tax]) / Fraction(before[own] or 1))
