"""Coupons: validate one for an order; count, transfer and release its uses, under locks."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import NamedTuple, Protocol, TypeVar

from django.utils import timezone
from django.utils.translation import gettext as _

from order_copies.db.rows import insert_rows, update_rows
from orders.lifecycle.locks import locked
from orders.models import Coupon, CouponUse, Customer, LineItem, Order
from orders.totals import PROMOTIONS


class CouponState(NamedTuple):
    """The uses of a coupon that count against one order.

    A use that is transferred to the order does not count.
    """

    uses: int = 0
    uses_of_buyer: int = 0
    #: Whether earlier copies of the same batch use the coupon.
    is_contended: bool = False


class DiscountLine(Protocol):
    """A discount line: the promotion or coupon that gave it, and its amount in cents."""

    @property
    def promotion_id(self) -> int | None: ...
    @property
    def coupon_code(self) -> str: ...
    @property
    def total_amount_cents(self) -> int: ...


Line = TypeVar("Line", bound=DiscountLine)


def coupons_by_code(codes: Iterable[str]) -> dict[str, Coupon]:
    """Return coupons by their code in lower case. Codes compare without case."""
    wanted = {code.lower() for code in codes if code}
    found = Coupon.objects.select_related("promotion__market").filter(code_key__in=wanted)
    return {coupon.code.lower(): coupon for coupon in found}


def why_invalid(  # noqa: PLR0911
    coupon: Coupon | None, order: Order, now: datetime, state: CouponState
) -> tuple[str, str] | None:
    """Return why the coupon is invalid for the order, as code and message; None if it is valid."""
    if coupon is None:
        return "coupon_unknown", _("is not a coupon of this shop")
    if coupon.expires_at is not None and coupon.expires_at <= now:
        return "coupon_expired", _("has expired")
    if not coupon.promotion.is_valid(now):
        return "coupon_promotion_not_valid", _("belongs to a promotion that is not valid now")
    if coupon.promotion.market_id not in {None, order.market_id}:
        return "coupon_of_another_market", _("belongs to another market")
    if coupon.promotion.amount_currency not in {"", order.currency_code}:
        return "coupon_of_another_currency", _("belongs to another currency")
    if coupon.usage_limit is not None and state.uses >= coupon.usage_limit:
        return "coupon_used_up", _("has reached its usage limit")
    if coupon.customer_single_use and state.uses_of_buyer:
        return "coupon_used_by_customer", _("was already used by this customer")
    return None


def discounts_of(code: str, promotion: int | None, discounts: Iterable[Line]) -> list[Line]:
    """Return the discount lines of an order that its coupon gave.

    If no line names the coupon or its ``promotion`` (imported orders), return the lines that name
    neither a coupon nor a promotion.
    """
    discounts = list(discounts)
    named = [
        line
        for line in discounts
        if line.coupon_code.lower() == code.lower()
        or (promotion is not None and line.promotion_id == promotion)
    ]
    nameless = (line for line in discounts if not line.coupon_code and line.promotion_id is None)
    return named or list(nameless)


def buyers_of(orders: Collection[Order]) -> dict[int, str]:
    """Return the buyer of each order, by key: the email of the customer or guest, in lower case.

    A coupon that each customer may use once is checked against this email: the email of the order
    itself can be changed.
    """
    keys = {order.customer_id for order in orders if order.customer_id}
    emails = dict(Customer.objects.filter(pk__in=keys).values_list("pk", "email"))
    return {
        order.pk: emails.get(order.customer_id or 0, order.customer_email).lower()
        for order in orders
    }


class CouponLedger:
    """The coupons of orders that use one and of orders that hold a use, locked.

    ``using`` are orders that may be placed, ``holding`` the keys of orders that hold a use. Only
    :meth:`write` changes the database.
    """

    def __init__(self, using: Collection[Order], holding: Collection[int]) -> None:
        self._now = timezone.now()
        uses = CouponUse.objects.filter(order__in=holding)
        self._held: dict[int, int] = dict(uses.values_list("order", "coupon"))
        wanted = coupons_by_code(order.coupon_code for order in using)
        keys = {coupon.pk for coupon in wanted.values()} | set(self._held.values())
        self._coupons = locked(Coupon.objects.all(), keys)
        self._by_code = {code: self._coupons[coupon.pk] for code, coupon in wanted.items()}
        for code, coupon in wanted.items():
            self._by_code[code].promotion = coupon.promotion
        self._buyers = buyers_of(using)
        self._users = self._read_users(set(self._buyers.values()))
        self._effective = self._read_effective(using)
        self._used: list[tuple[int, int, str]] = []
        self._released: set[int] = set()

    def _read_users(self, emails: Collection[str]) -> dict[tuple[int, str], set[int]]:
        users: dict[tuple[int, str], set[int]] = defaultdict(set)
        uses = CouponUse.objects.filter(coupon__in=self._coupons, customer_email__in=emails)
        for coupon, email, order in uses.values_list("coupon", "customer_email", "order"):
            users[coupon, email].add(order)
        return users

    def _read_effective(self, using: Collection[Order]) -> set[int]:
        """Return the keys of the orders that get a discount from their coupon."""
        orders = [order for order in using if self._coupon_of(order)]
        if not orders:
            return set()
        discounts: dict[int, list[LineItem]] = defaultdict(list)
        for line in LineItem.objects.filter(order__in=orders, item_type__in=PROMOTIONS):
            discounts[line.order_id].append(line)
        return {order.pk for order in orders if self._gives_discount(order, discounts[order.pk])}

    def _gives_discount(self, order: Order, discounts: Collection[LineItem]) -> bool:
        coupon = self._coupon_of(order)
        promotion = coupon.promotion_id if coupon else None
        lines = discounts_of(order.coupon_code, promotion, discounts)
        total = sum(line.total_amount_cents for line in discounts)
        is_imported = not lines and total != order.discount_amount_cents
        return is_imported or any(line.total_amount_cents for line in lines)

    def _coupon_of(self, order: Order) -> Coupon | None:
        return self._by_code.get(order.coupon_code.lower())

    def why_invalid(self, order: Order, replaces: int | None) -> str | None:
        """Return why the order's coupon is invalid, or None if it is valid or there is none."""
        if not order.coupon_code:
            return None
        coupon, state = self._coupon_of(order), CouponState()
        if coupon is not None:
            is_transferred = self._held.get(replaces or 0) == coupon.pk
            users = self._users[coupon.pk, self._buyers[order.pk]] - {replaces or 0}
            state = CouponState(coupon.usage_count - is_transferred, len(users))
        invalid = why_invalid(coupon, order, self._now, state)
        return f"{order.coupon_code} {invalid[1]}" if invalid else None

    def use(self, order: Order, replaces: int | None) -> None:
        """Count a use of the order's coupon, and release the use of the replaced order.

        A coupon that gives the order no discount is not used.
        """
        if replaces is not None:
            self.release(replaces)
        coupon = self._coupon_of(order)
        if coupon is not None and order.pk in self._effective:
            email = self._buyers[order.pk]
            coupon.usage_count += 1
            self._users[coupon.pk, email].add(order.pk)
            self._used.append((coupon.pk, order.pk, email))

    def release(self, order: int) -> None:
        """Release the use that the order holds."""
        key = self._held.pop(order, None)
        if key is not None:
            self._coupons[key].usage_count -= 1
            self._released.add(order)

    def write(self) -> None:
        """Write all changes to the database."""
        CouponUse.objects.filter(order__in=self._released).delete()
        rows = [(key, coupon.usage_count) for key, coupon in self._coupons.items()]
        update_rows(Coupon, ["usage_count"], rows)
        insert_rows(CouponUse, ["coupon_id", "order_id", "customer_email"], self._used)
