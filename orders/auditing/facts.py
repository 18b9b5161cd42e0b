"""Read the orders of copies for the audit, in a constant number of queries."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import Count, F, Q, Sum

from order_copies import public_ids
from order_copies.events.models import Event
from order_copies.models import OrderFactory, Status
from orders.lifecycle.coupons import coupons_by_code, discounts_of
from orders.lifecycle.transitions import HOLDING
from orders.models import (
    Address,
    Authorization,
    Coupon,
    CouponUse,
    LineItem,
    LineItemOption,
    Order,
)
from orders.totals import PROMOTIONS, TOTALS, ItemType, amounts_without_line

#: A copy whose ``errors_log`` has one of these keys did not place its target or cancel its source.
REFUSALS = frozenset({"status", "source_order"})
#: The event that the undo of a copy records of an order which is pending again.
REINSTATED = "orders.reinstate"


class Head(NamedTuple):
    """The columns of an order that the audit reads."""

    pk: int
    status: str
    payment_status: str
    placed_at: datetime | None
    updated_at: datetime
    market_id: int
    customer_id: int | None
    customer_email: str
    currency_code: str
    tax_included: bool
    coupon_code: str
    payment_source_id: int | None
    subtotal_amount_cents: int
    shipping_amount_cents: int
    payment_method_amount_cents: int
    adjustment_amount_cents: int
    discount_amount_cents: int
    gift_card_amount_cents: int
    total_tax_amount_cents: int
    total_amount_cents: int
    total_amount_with_taxes_cents: int

    @property
    def amounts(self) -> tuple[Any, ...]:
        """The totals in cents, in the order of ``TOTALS``."""
        return self[-len(TOTALS) :]

    @property
    def totals(self) -> dict[str, int]:
        """The totals by name, in cents."""
        return {name: getattr(self, name) for name in TOTALS}

    @property
    def public_id(self) -> str:
        """The ten-letter id of the order."""
        return public_ids.encode("orders", self.pk)


class Line(NamedTuple):
    """The columns of a line that the audit reads."""

    id: int
    item_type: str
    sku_code: str
    quantity: int
    unit_amount_cents: int
    total_amount_cents: int
    tax_amount_cents: int
    sku_id: int | None
    current_sku_code: str | None
    promotion_id: int | None
    coupon_code: str


class Option(NamedTuple):
    """The columns of a line's option that the audit reads."""

    quantity: int
    total_amount_cents: int


class Money(NamedTuple):
    """The live authorizations of an order."""

    live: int
    amount_cents: int


class WorkerEvent(NamedTuple):
    """The event of a worker that created, placed or cancelled an order, and the id of its copy."""

    event: int
    order_copy: str | None


def reports_placed(order_copy: OrderFactory) -> bool:
    """Return whether the copy reports that it placed its target."""
    return order_copy.place_target_order and _did_all(order_copy)


def reports_cancelled(order_copy: OrderFactory) -> bool:
    """Return whether the copy reports that it cancelled its source."""
    return order_copy.cancel_source_order and _did_all(order_copy)


def target_line_keys(order_copy: OrderFactory) -> list[int]:
    """Return the keys of the target lines that the outcomes name."""
    ids = (outcome["target_line_item"] for outcome in order_copy.outcomes)
    keys = (public_ids.decode("line_items", public_id) for public_id in ids if public_id)
    return [key for key in keys if key is not None]


def source_line_key(order_copy: OrderFactory) -> int | None:
    """Return the key of the first source line that the outcomes name.

    One line is enough: all source lines of a copy belong to one order.
    """
    ids = (outcome["source_line_item"] for outcome in order_copy.outcomes)
    named = next((public_id for public_id in ids if public_id), None)
    return public_ids.decode("line_items", named) if named else None


def worker_event(event: int, who: dict[str, Any]) -> WorkerEvent | None:
    """Return the event with the copy that caused it; None if its actor is not a worker."""
    if "worker" not in who:
        return None
    return WorkerEvent(event, who.get("order_copy", {}).get("id"))


def _did_all(order_copy: OrderFactory) -> bool:
    is_completed = order_copy.status == Status.COMPLETED
    return is_completed and not REFUSALS & order_copy.errors_log.keys()


@dataclass(slots=True)
class Facts:
    """The orders of some copies with their lines, holdings and events, by key of the order."""

    orders: dict[int, Head]
    lines: dict[int, list[Line]]
    #: The public ids of the lines of targets, by order.
    line_ids: dict[int, list[str]]
    #: The options, by key of the line.
    options: dict[int, list[Option]]
    roles: dict[int, set[str]]
    #: The orders of target lines whose copy has outcomes but no target, by key of the line.
    unlinked_targets: dict[int, int]
    #: The orders of the source lines that outcomes name, if not the source, by key of the copy.
    other_sources: dict[int, int]
    #: The names of lines of placed targets that do not hold the pieces that they need.
    without_stock: dict[int, list[str]]
    money: dict[int, Money]
    #: The code of the coupon that each order uses, in lower case.
    uses: dict[int, str]
    #: The coupons of the shop by code in lower case.
    coupons: dict[str, Coupon]
    #: The events of workers that placed or cancelled an order, by order and name of the event,
    #: since it was last reinstated; the name :data:`REINSTATED` has no events.
    worker_events: dict[tuple[int, str], list[WorkerEvent]]
    #: The number of copies that report that they cancelled an order, and whose target stands.
    cancellations: Counter[int]
    #: The targets that were cancelled, and not by a copy.
    withdrawn: set[int]

    @classmethod
    def of(cls, order_copies: Sequence[OrderFactory]) -> "Facts":
        """Read the facts about these copies."""
        targets = _keys(order_copy.target_order_id for order_copy in order_copies)
        sources = _keys(order_copy.source_order_id for order_copy in order_copies)
        orders = _orders(targets | sources)
        lines = _lines(targets | sources)
        uses = CouponUse.objects.filter(order__in=targets).values_list("order", "coupon__code")
        return cls(
            orders=orders,
            lines=lines,
            line_ids={
                key: public_ids.encode_all("line_items", (line.id for line in lines[key]))
                for key in targets
            },
            options=_options(targets | sources),
            roles=_roles(targets | sources),
            unlinked_targets=_unlinked_targets(order_copies),
            other_sources=_other_sources(order_copies, lines),
            without_stock=_without_stock(targets),
            money=_money(targets),
            uses={order: code.lower() for order, code in uses},
            coupons=coupons_by_code(orders[key].coupon_code for key in targets & orders.keys()),
            worker_events=_worker_events(targets | sources),
            cancellations=_cancellations(order_copies),
            withdrawn=_withdrawn(targets),
        )

    def without_line(self, order: Head) -> dict[str, int]:
        """Return, by total, the cents of the order's totals that no line explains."""
        lines = self.lines[order.pk]
        amounts = [
            (line.item_type, line.total_amount_cents, line.tax_amount_cents) for line in lines
        ]
        return amounts_without_line(order.totals, amounts, tax_included=order.tax_included)

    def gets_discount(self, order: Head) -> bool:
        """Return whether the coupon of the order gives it a discount."""
        coupon = self.coupons.get(order.coupon_code.lower())
        discounts = [line for line in self.lines[order.pk] if line.item_type in PROMOTIONS]
        promotion = coupon.promotion_id if coupon else None
        lines = discounts_of(order.coupon_code, promotion, discounts)
        return not lines or any(line.total_amount_cents for line in lines)


def _keys(keys: Iterable[Any]) -> set[int]:
    return {int(key) for key in keys if key is not None}


def _orders(keys: Collection[int]) -> dict[int, Head]:
    rows = Order.objects.filter(pk__in=keys).order_by().values_list(*Head._fields)
    return {row[0]: Head._make(row) for row in rows}


def _lines(orders: Collection[int]) -> dict[int, list[Line]]:
    lines: dict[int, list[Line]] = defaultdict(list)
    columns = [*Line._fields[:-3], "sku__code", *Line._fields[-2:]]
    rows = LineItem.objects.filter(order__in=orders).order_by("pk")
    for order, *line in rows.values_list("order", *columns):
        lines[order].append(Line._make(line))
    return lines


def _options(orders: Collection[int]) -> dict[int, list[Option]]:
    options: dict[int, list[Option]] = defaultdict(list)
    rows = LineItemOption.objects.filter(line_item__order__in=orders).order_by("pk")
    for line, *option in rows.values_list("line_item", *Option._fields):
        options[line].append(Option._make(option))
    return options


def _roles(orders: Collection[int]) -> dict[int, set[str]]:
    roles: dict[int, set[str]] = defaultdict(set)
    rows = Address.objects.filter(order__in=orders).order_by()
    for order, role in rows.values_list("order", "role"):
        roles[order].add(role)
    return roles


def _unlinked_targets(order_copies: Sequence[OrderFactory]) -> dict[int, int]:
    keys = {
        key
        for order_copy in order_copies
        if order_copy.target_order_id is None
        for key in target_line_keys(order_copy)
    }
    return dict(LineItem.objects.filter(pk__in=keys).values_list("pk", "order"))


def _other_sources(
    order_copies: Sequence[OrderFactory], lines: dict[int, list[Line]]
) -> dict[int, int]:
    foreign: dict[int, int] = {}
    for order_copy in order_copies:
        key = source_line_key(order_copy)
        own = lines.get(int(order_copy.source_order_id or 0), [])
        if key is not None and own and all(line.id != key for line in own):
            foreign[order_copy.pk] = key
    found = dict(LineItem.objects.filter(pk__in=foreign.values()).values_list("pk", "order"))
    return {order_copy: found[key] for order_copy, key in foreign.items() if key in found}


def _without_stock(targets: Collection[int]) -> dict[int, list[str]]:
    needing = LineItem.objects.filter(
        order__in=targets,
        order__status__in=HOLDING,
        item_type=ItemType.SKUS,
        quantity__gt=0,
        sku__do_not_track=False,
        sku__stock_item__isnull=False,
    ).exclude(order__fulfillment_status=Order.FulfillmentStatus.FULFILLED)
    names: dict[int, list[str]] = defaultdict(list)
    # A line without a reservation is correct if its SKU was changed after the order was placed:
    # stock may not have been tracked then.
    later = Q(stock_reservation=None, sku__updated_at__gt=F("order__placed_at"))
    short = needing.exclude(stock_reservation__quantity=F("quantity")).exclude(later).order_by("pk")
    for order, name in short.values_list("order", "name"):
        names[order].append(name)
    return names


def _money(targets: Collection[int]) -> dict[int, Money]:
    live = Authorization.objects.filter(order__in=targets, status=Authorization.Status.AUTHORIZED)
    sums = live.order_by().values_list("order").annotate(Count("pk"), Sum("amount_cents"))
    return {order: Money(count, int(total)) for order, count, total in sums}


def _worker_events(orders: Collection[int]) -> dict[tuple[int, str], list[WorkerEvent]]:
    found: dict[tuple[int, str], list[WorkerEvent]] = defaultdict(list)
    events = Event.objects.filter(
        resource_type="orders",
        resource_id__in=[str(key) for key in orders],
        name__in=["orders.place", "orders.cancel", REINSTATED],
    ).order_by("pk")
    for key, order, name, who in events.values_list("pk", "resource_id", "name", "who"):
        if name == REINSTATED:
            for earlier in ("orders.place", "orders.cancel"):
                found.pop((int(order), earlier), None)
            found[int(order), name] = []
        elif event := worker_event(key, who):
            found[int(order), name].append(event)
    return found


def _withdrawn(orders: Collection[int]) -> set[int]:
    """Return the cancelled ones that no worker cancelled, such as the targets of undone copies.

    They replace their own source no longer.
    """
    cancelled = Order.objects.filter(pk__in=orders, status=Order.Status.CANCELLED)
    keys = set(cancelled.values_list("pk", flat=True))
    by_workers = _worker_events(keys)
    return {key for key in keys if (key, "orders.cancel") not in by_workers}


def _cancellations(order_copies: Sequence[OrderFactory]) -> Counter[int]:
    sources = _keys(
        order_copy.source_order_id for order_copy in order_copies if order_copy.cancel_source_order
    )
    completed = OrderFactory.objects.filter(
        source_order__in=sources, cancel_source_order=True, status=Status.COMPLETED
    ).only("source_order_id", "target_order_id", "status", "cancel_source_order", "errors_log")
    reporting = [order_copy for order_copy in completed if reports_cancelled(order_copy)]
    withdrawn = _withdrawn(_keys(order_copy.target_order_id for order_copy in reporting))
    return Counter(
        int(order_copy.source_order_id or 0)
        for order_copy in reporting
        if order_copy.target_order_id not in withdrawn
    )
