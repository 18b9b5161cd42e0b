"""Audit the stock, coupons and authorizations of the whole shop against what orders hold.

Each check is one statement that selects only wrong rows, so it reads one consistent state.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db.models import Count, F, Sum
from django.utils.translation import gettext as _

from order_copies import public_ids
from order_copies.shops import Finding
from orders.lifecycle.transitions import HOLDING
from orders.models import Authorization, Coupon, CouponUse, StockItem, StockReservation


def audit_holdings(before: datetime) -> Iterator[Finding]:
    """Report wrong counts, holdings of orders that must have none, and overdue gateway calls.

    A gateway call is overdue if it has been due since ``before``.
    """
    yield from _stock()
    yield from _coupons()
    yield from _authorizations(before)


def _stock() -> Iterator[Finding]:
    counted = StockItem.objects.annotate(held=Sum("stock_reservations__quantity", default=0))
    message = _(
        "counts %(count)s pieces of %(sku)s as reserved, orders hold %(held)s: correct the count"
    )
    wrong = counted.exclude(reserved=F("held")).values_list("pk", "reserved", "sku__code", "held")
    for key, count, sku, held in wrong.iterator():
        words = {"count": count, "sku": sku, "held": held}
        yield _finding("stock_miscounted", "stock_items", key, message, words)
    reserved = StockReservation.objects.exclude(line_item__order__status__in=HOLDING)
    message = _("is %(status)s and still holds %(quantity)s pieces of %(sku)s: release them")
    columns = ("line_item__order", "line_item__order__status", "quantity", "stock_item__sku__code")
    for key, status, quantity, sku in reserved.values_list(*columns).iterator():
        words = {"status": status, "quantity": quantity, "sku": sku}
        yield _finding("stock_kept", "orders", key, message, words)


def _coupons() -> Iterator[Finding]:
    counted = Coupon.objects.annotate(used=Count("coupon_uses"))
    message = _("%(code)s counts %(count)s uses, and %(used)s orders used it: correct the count")
    wrong = counted.exclude(usage_count=F("used")).values_list("pk", "code", "usage_count", "used")
    for key, code, count, used in wrong.iterator():
        words = {"code": code, "count": count, "used": used}
        yield _finding("coupon_miscounted", "coupons", key, message, words)
    kept = CouponUse.objects.exclude(order__status__in=HOLDING)
    message = _("is %(status)s and still counts as a use of coupon %(code)s: release it")
    for key, status, code in kept.values_list("order", "order__status", "coupon__code").iterator():
        words = {"status": status, "code": code}
        yield _finding("coupon_use_kept", "orders", key, message, words)


def _authorizations(before: datetime) -> Iterator[Finding]:
    live = Authorization.objects.filter(status=Authorization.Status.AUTHORIZED)
    message = _("is %(status)s and still has %(amount)s cents authorized: void it at the gateway")
    kept = live.exclude(order__status__in=HOLDING)
    columns = ("order", "order__status", "amount_cents")
    for key, status, amount in kept.values_list(*columns).iterator():
        words = {"status": status, "amount": amount}
        yield _finding("authorization_kept", "orders", key, message, words)
    due = Authorization.objects.filter(status=Authorization.Status.VOIDED, voided_at=None)
    message = _("has a voided payment that the gateway has not voided: see the log of the worker")
    for key in due.filter(order__updated_at__lt=before).values_list("order", flat=True).iterator():
        yield _finding("authorization_not_voided", "orders", key, message, {})


def _finding(
    code: str, resource_type: str, key: int, message: str, words: dict[str, Any]
) -> Finding:
    return Finding(code, resource_type, public_ids.encode(resource_type, key), message % words)
