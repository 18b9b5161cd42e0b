"""The state of the shop that plans need, and what earlier copies of a batch leave of it."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import Q, Sum
from django.utils import timezone

from order_copies.db.transactions import consistent_reads
from order_copies.models import OrderFactory, OrderSubscription
from order_copies.shops import Agreement, agreements_of, payers_of
from order_copies.shops.contents import read_contents
from orders.copying.fields import KEYS, TABLES, SourceLine
from orders.lifecycle.coupons import CouponState, buyers_of, coupons_by_code
from orders.models import (
    Address,
    Coupon,
    CouponUse,
    Customer,
    CustomerPaymentSource,
    LineItem,
    LineItemOption,
    Market,
    Order,
    PaymentMethod,
    PaymentSource,
    Price,
    Promotion,
    Sku,
    StockReservation,
)
from orders.totals import ItemType

#: The related rows that many orders share.
_shared: dict[str, Any] = {
    "market": Market,
    "payment_method": PaymentMethod,
    "payment_source": PaymentSource,
}


class SkuState(NamedTuple):
    """The state of a SKU now. ``available`` are its pieces; None if stock is not tracked."""

    code: str
    on_sale: bool
    do_not_ship: bool
    image_url: str
    available: int | None


@dataclass(slots=True)
class Snapshot:
    """The state of the shop that the plans of one batch are made from."""

    now: datetime
    orders: dict[int, Order]
    lines: dict[int, list[SourceLine]]
    options: dict[int, list[tuple[Any, ...]]]
    addresses: dict[int, list[tuple[Any, ...]]]
    skus: dict[int, SkuState]
    #: The pieces that the source orders hold, by order and SKU.
    reserved: dict[int, dict[int, int]]
    #: The coupons by their code in lower case.
    coupons: dict[str, Coupon]
    #: The keys of SKUs by code, for lines whose SKU was deleted.
    sku_of_code: dict[str, int]
    #: The buyer of each order, if there are coupons: :func:`orders.lifecycle.coupons.buyers_of`.
    buyers: dict[int, str]
    #: The orders that use a coupon, by coupon and buyer.
    coupon_uses: dict[tuple[int, str], set[int]]
    #: The orders that use a coupon, by coupon.
    users: dict[int, set[int]]
    #: The promotions that are valid now, by priority.
    promotions: list[Promotion]
    #: The pairs of customer and saved payment source.
    wallet: set[tuple[int, int]]
    #: What the subscriptions of recurring copies agree, by key of the subscription.
    agreements: dict[int, Agreement]
    #: The keys of the entries of wallets that subscriptions pay with: :func:`payers_of`.
    payers: dict[int, str]
    #: The entries of wallets that subscriptions name, by key as text.
    named_entries: dict[str, CustomerPaymentSource]
    #: The current prices that agreements and changes depend on, in cents, by SKU and currency.
    prices: dict[tuple[int, str], int]
    #: The names of the SKUs that replace others in copies, by code.
    names: dict[str, str]
    #: The customers that copies request, by email, as it is and in lower case.
    customers: dict[str, Customer]

    def customer_of(self, email: str) -> Customer | None:
        """Return the customer that a copy requests."""
        return self.customers.get(email) or self.customers.get(email.lower())


class Contents(NamedTuple):
    """The copied fields of lines and addresses, by order, and of options, by line."""

    lines: dict[int, list[SourceLine]]
    options: dict[int, list[tuple[Any, ...]]]
    addresses: dict[int, list[tuple[Any, ...]]]


def contents_of(orders: Mapping[int, Order]) -> Contents:
    """Read the copied fields of lines, options and addresses of orders, in three queries."""
    rows = read_contents(TABLES, orders)
    options: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
    for found in rows[LineItemOption].values():
        for row in found:
            options[row[1]].append(row[KEYS:])
    return Contents(
        lines=defaultdict(
            list, {key: [*map(SourceLine._make, found)] for key, found in rows[LineItem].items()}
        ),
        options=options,
        addresses={key: [row[KEYS:] for row in found] for key, found in rows[Address].items()},
    )


def take_snapshot(order_copies: Sequence[OrderFactory]) -> Snapshot:
    """Read what planning these copies needs, in one database snapshot."""
    with consistent_reads():
        now, keys = timezone.now(), {int(one.source_order_id or 0) for one in order_copies}
        sources, agreements = _orders(keys), agreements_of(order_copies)
        payers = payers_of(order_copies, agreements)
        codes = {order.coupon_code for order in sources.values() if order.coupon_code}
        coupons = coupons_by_code(codes) if codes else {}
        # Buyers are needed only to count their uses of coupons.
        buyers = buyers_of(sources.values()) if coupons else {}
        customers = _customers({one.customer_email for one in order_copies} - {None})
        emails = {*buyers.values(), *(email.lower() for email in customers)}
        by_customer, users = _coupon_uses(coupons, sources, emails)
        replacing = {
            line["sku_code"]
            for order_copy in order_copies
            for line in order_copy.line_items or ()
            if "sku_code" in line
        }
        skus = _skus(keys, agreements.values(), replacing)
        sku_of_code = {sku.code: key for key, sku in skus.items()}
        started = Promotion.objects.filter(active=True, starts_at__lte=now)
        promotions = started.filter(Q(expires_at=None) | Q(expires_at__gt=now))
        wallet = CustomerPaymentSource.objects.filter(
            customer__in={
                *({order.customer_id for order in sources.values()} - {None}),
                *(customer.pk for customer in customers.values()),
            },
            payment_source__in={order.payment_source_id for order in sources.values()} - {None},
        )
        return Snapshot(
            now=now,
            orders=sources,
            **contents_of(sources)._asdict(),
            skus=skus,
            sku_of_code=sku_of_code,
            reserved=_reserved(keys),
            coupons=coupons,
            buyers=buyers,
            coupon_uses=by_customer,
            users=users,
            promotions=list(promotions.select_related("market").order_by("priority", "pk")),
            wallet=set(wallet.values_list("customer", "payment_source")),
            agreements=agreements,
            payers=payers,
            named_entries=_named_entries(set(payers.values())),
            prices=_prices(agreements.values(), replacing, sku_of_code),
            names=_names(replacing),
            customers=customers,
        )


def _orders(keys: set[int]) -> dict[int, Order]:
    sources = Order.objects.in_bulk(keys)
    # Few different rows are related to many orders: load each once.
    for name, model in _shared.items():
        keys = {getattr(order, f"{name}_id") for order in sources.values()} - {None}
        related = model.objects.in_bulk(keys)
        for order in sources.values():
            setattr(order, name, related.get(getattr(order, f"{name}_id")))
    return sources


def _customers(emails: Collection[Any]) -> dict[str, Customer]:
    if not emails:
        return {}
    wanted = {*emails, *(email.lower() for email in emails)}
    found = list(Customer.objects.filter(email__in=wanted))
    by_lower = {customer.email.lower(): customer for customer in found}
    return by_lower | {customer.email: customer for customer in found}


def _names(codes: set[str]) -> dict[str, str]:
    if not codes:
        return {}
    return dict(Sku.objects.filter(code__in=codes).order_by().values_list("code", "name"))


def _skus(
    keys: set[int], agreements: Iterable[Agreement], replacing: set[str]
) -> dict[int, SkuState]:
    """Return the SKUs of lines and items, and by code those that replace deleted or other SKUs."""
    orphans = LineItem.objects.filter(order__in=keys, item_type=ItemType.SKUS, sku=None)
    codes = orphans.exclude(sku_code="").order_by().values("sku_code")
    columns = (
        "pk",
        "code",
        "on_sale",
        "do_not_ship",
        "image_url",
        "do_not_track",
        "stock_item__quantity",
        "stock_item__reserved",
    )
    linked = Sku.objects.filter(line_items__order__in=keys).order_by().values_list(*columns)
    named = Q(code__in=codes)
    items = {item.sku_code for agreement in agreements for item in agreement.items}
    if items or replacing:
        named |= Q(code__in=items | replacing)
    recreated = Sku.objects.filter(named).order_by().values_list(*columns)
    rows = linked.union(recreated)
    return {
        pk: SkuState(
            code,
            on_sale,
            do_not_ship,
            image_url,
            None if do_not_track else (quantity or 0) - (reserved or 0),
        )
        for pk, code, on_sale, do_not_ship, image_url, do_not_track, quantity, reserved in rows
    }


def _named_entries(names: Iterable[str]) -> dict[str, CustomerPaymentSource]:
    keys = [int(name) for name in names if name.isdecimal() and len(name) < len(str(2**63))]
    if not keys:
        return {}
    entries = CustomerPaymentSource.objects.select_related("payment_source").in_bulk(keys)
    return {str(key): entry for key, entry in entries.items()}


def _prices(
    agreements: Iterable[Agreement], replacing: set[str], sku_of_code: Mapping[str, int]
) -> dict[tuple[int, str], int]:
    codes = replacing | {
        item.sku_code
        for agreement in agreements
        if agreement.order_subscription.price_policy != OrderSubscription.PricePolicy.FROZEN
        for item in agreement.items
    }
    skus = [sku_of_code[code] for code in codes if code in sku_of_code]
    if not skus:
        return {}
    rows = Price.objects.filter(sku__in=skus).order_by()
    found = rows.values_list("sku", "currency_code", "amount_cents")
    return {(sku, currency): cents for sku, currency, cents in found}


def _reserved(keys: set[int]) -> dict[int, dict[int, int]]:
    held: dict[int, dict[int, int]] = defaultdict(dict)
    rows = (
        StockReservation.objects.filter(line_item__order__in=keys)
        .order_by()
        .values_list("line_item__order", "stock_item__sku")
        .annotate(total=Sum("quantity"))
    )
    for order, sku, total in rows:
        held[order][sku] = total
    return held


def _coupon_uses(
    coupons: dict[str, Coupon], sources: dict[int, Order], emails: set[str]
) -> tuple[dict[tuple[int, str], set[int]], dict[int, set[int]]]:
    by_customer: dict[tuple[int, str], set[int]] = defaultdict(set)
    users: dict[int, set[int]] = defaultdict(set)
    rows = CouponUse.objects.filter(
        Q(customer_email__in=emails) | Q(order__in=sources),
        coupon__in=[coupon.pk for coupon in coupons.values()],
    ).values_list("coupon", "order", "customer_email")
    for coupon, order, email in rows:
        by_customer[coupon, email].add(order)
        users[coupon].add(order)
    return by_customer, users


@dataclass(slots=True)
class Availability:
    """The stock and coupon uses of a snapshot, less those that earlier copies of the batch take."""

    snapshot: Snapshot
    #: The keys of the source orders that earlier copies cancel.
    cancelled: set[int] = field(default_factory=set)
    #: The pieces that earlier copies take, by SKU; negative if a swap releases more than it takes.
    _pieces: Counter[int] = field(default_factory=Counter)
    #: The uses that earlier copies add, by coupon.
    _uses: Counter[int] = field(default_factory=Counter)
    #: The uses that earlier copies add, by coupon and buyer.
    _uses_by_buyer: Counter[tuple[int, str]] = field(default_factory=Counter)

    def pieces(self, sku: int, source: int | None) -> int:
        """Return the number of available pieces of a tracked SKU.

        The pieces that the order ``source`` holds count as available.
        """
        available = self.snapshot.skus[sku].available or 0
        held = self._held_by(source).get(sku, 0) if source is not None else 0
        return available + held - self._pieces[sku]

    def is_taken(self, sku: int) -> bool:
        """Return whether earlier copies of the batch take pieces of the SKU."""
        return self._pieces[sku] > 0

    def coupon_state(
        self, coupon: Coupon, order: Order, buyer: str, *, takes_over: bool
    ) -> CouponState:
        """Return the uses of the coupon that count against a copy of the order for a buyer.

        With ``takes_over`` the use of the order itself is transferred and does not count.
        """
        snapshot = self.snapshot
        own = {order.pk} if takes_over and order.pk not in self.cancelled else set()
        users = snapshot.users[coupon.pk]
        by_buyer = snapshot.coupon_uses[coupon.pk, buyer]
        return CouponState(
            uses=coupon.usage_count - len(users & own) + self._uses[coupon.pk],
            uses_of_buyer=len(by_buyer - own) + self._uses_by_buyer[coupon.pk, buyer],
            is_contended=self._uses[coupon.pk] > 0 or self._uses_by_buyer[coupon.pk, buyer] > 0,
        )

    def take(
        self,
        order: Order,
        pieces: Mapping[int, int],
        coupon: Coupon | None = None,
        buyer: str = "",
        *,
        replaces: bool,
    ) -> None:
        """Subtract what the target of a copy of ``order`` takes when it is placed for a buyer.

        With ``replaces`` the target replaces its source, whose stock and coupon use are released.
        """
        self._pieces.update(pieces)
        if coupon is not None:
            self._uses[coupon.pk] += 1
            self._uses_by_buyer[coupon.pk, buyer] += 1
        if replaces:
            self._pieces.subtract(self._held_by(order.pk))
            self._release_coupons(order)

    def cancel(self, order: Order) -> None:
        """Note that a copy cancels its source order."""
        self.cancelled.add(order.pk)

    def _release_coupons(self, order: Order) -> None:
        for (coupon, buyer), orders in self.snapshot.coupon_uses.items():
            if order.pk in orders:
                self._uses[coupon] -= 1
                self._uses_by_buyer[coupon, buyer] -= 1

    def _held_by(self, source: int) -> Mapping[int, int]:
        return {} if source in self.cancelled else self.snapshot.reserved.get(source, {})
