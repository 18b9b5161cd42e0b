"""Whether a coupon still works for an order, and its uses: taken, handed over, given back."""

from collections import defaultdict
from collections.abc import Collection
from collections.abc import Set as AbstractSet
from datetime import datetime

from django.utils import timezone
from django.utils.translation import gettext as _

from order_copies.rows import insert_rows, update_rows
from orders.locks import locked
from orders.models import Coupon, CouponUse, Customer, Order, Promotion


def why_invalid(
    coupon: Coupon | None, now: datetime, *, uses: int, used_before: AbstractSet[int]
) -> tuple[str, str] | None:
    """The code and message of what is wrong with the coupon, or None where it works.

    ``uses`` are the uses that count against its limit, ``used_before`` the customer's orders that
    hold one; those that are handed over to the order in question are in neither.
    """
    if coupon is None:
        return "coupon_unknown", _("is not a coupon of this shop")
    if coupon.expires_at is not None and coupon.expires_at <= now:
        return "coupon_expired", _("has expired")
    if not coupon.promotion.is_valid(now):
        return "coupon_promotion_not_valid", _("belongs to a promotion that is not valid now")
    if coupon.usage_limit is not None and uses >= coupon.usage_limit:
        return "coupon_used_up", _("has been used as often as it may")
    if coupon.customer_single_use and used_before:
        return "coupon_used_by_customer", _("was already used by this customer")
    return None


def buyers_of(orders: Collection[Order]) -> dict[int, str]:
    """Who buys, by the key of the order: the customer's email, or the guest's, in lower case.

    That is what a coupon for once a customer goes by: an order's own email can be changed.
    """
    keys = {order.customer_id for order in orders if order.customer_id}
    emails = dict(Customer.objects.filter(pk__in=keys).values_list("pk", "email"))
    return {
        order.pk: emails.get(order.customer_id or 0, order.customer_email).lower()
        for order in orders
    }


class CouponLedger:
    """The coupons of some orders that want to use one and of some that hold a use, locked."""

    def __init__(self, wanting: Collection[Order], holding: Collection[int]) -> None:
        self._now = timezone.now()
        uses = CouponUse.objects.filter(order__in=holding)
        self._held: dict[int, int] = dict(uses.values_list("order", "coupon"))
        codes = {order.coupon_code for order in wanting} - {""}
        wanted = dict(Coupon.objects.filter(code__in=codes).values_list("code", "pk"))
        self._coupons = locked(Coupon.objects.all(), {*wanted.values(), *self._held.values()})
        self._by_code = {code: self._coupons[key] for code, key in wanted.items()}
        self._promotions = Promotion.objects.in_bulk(
            {coupon.promotion_id for coupon in self._coupons.values()}
        )
        self._buyers = buyers_of(wanting)
        self._users = self._read_users(set(self._buyers.values()))
        self._used: list[tuple[int, int, str]] = []
        self._released: set[int] = set()

    def _read_users(self, emails: Collection[str]) -> dict[tuple[int, str], set[int]]:
        users: dict[tuple[int, str], set[int]] = defaultdict(set)
        uses = CouponUse.objects.filter(coupon__in=self._coupons, customer_email__in=emails)
        for coupon, email, order in uses.values_list("coupon", "customer_email", "order"):
            users[coupon, email].add(order)
        return users

    def why_invalid(self, order: Order, replaces: int | None) -> str | None:
        """What is wrong with the order's coupon, or None where nothing is."""
        if not order.coupon_code:
            return None
        coupon = self._by_code.get(order.coupon_code)
        uses, used_before = 0, set[int]()
        if coupon is not None:
            coupon.promotion = self._promotions[coupon.promotion_id]
            handed_over = self._held.get(replaces or 0) == coupon.pk
            uses = coupon.usage_count - handed_over
            used_before = self._users[coupon.pk, self._buyers[order.pk]] - {replaces or 0}
        invalid = why_invalid(coupon, self._now, uses=uses, used_before=used_before)
        return f"{order.coupon_code} {invalid[1]}" if invalid else None

    def move(self, order: Order, replaces: int | None) -> None:
        """Use the order's coupon, taking over the use that the replaced order holds."""
        if replaces is not None:
            self.release(replaces)
        coupon = self._by_code.get(order.coupon_code)
        if coupon is not None:
            email = self._buyers[order.pk]
            coupon.usage_count += 1
            self._users[coupon.pk, email].add(order.pk)
            self._used.append((coupon.pk, order.pk, email))

    def release(self, order: int) -> None:
        """Give back the use that the order holds."""
        key = self._held.pop(order, None)
        if key is not None:
            self._coupons[key].usage_count -= 1
            self._released.add(order)

    def book(self) -> None:
        """Write it all down."""
        CouponUse.objects.filter(order__in=self._released).delete()
        rows = [(key, coupon.usage_count) for key, coupon in self._coupons.items()]
        update_rows(Coupon, ["usage_count"], rows)
        insert_rows(CouponUse, ["coupon_id", "order_id", "customer_email"], self._used)
