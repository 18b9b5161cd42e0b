"""What is to be known of the orders of some copies, read in a constant number of queries."""

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.db.models import Count, F, Q, Sum

from order_copies import public_ids
from order_copies.events.models import Event
from order_copies.models import OrderFactory, Status
from orders.models import Authorization, Coupon, CouponUse, LineItem, Order
from orders.totals import ItemType

#: Orders in these states hold stock, a use of their coupon, and an authorization.
HOLDING = frozenset({Order.Status.PLACED, Order.Status.EDITING, Order.Status.APPROVED})

#: Where one of these is in the log of a copy, its target was not placed, nor its source cancelled.
REFUSALS = frozenset({"status", "source_order"})


class Line(NamedTuple):
    """A line of an order, as outcomes show it, and its tax."""

    id: int
    item_type: str
    sku_code: str
    quantity: int
    unit_amount_cents: int
    total_amount_cents: int
    tax_amount_cents: int


class Money(NamedTuple):
    """The live authorizations of an order."""

    live: int
    amount_cents: int


def says_placed(order_copy: OrderFactory) -> bool:
    """Whether the copy says that it placed its target."""
    return order_copy.place_target_order and _did_all(order_copy)


def says_cancelled(order_copy: OrderFactory) -> bool:
    """Whether the copy says that it cancelled its source."""
    return order_copy.cancel_source_order and _did_all(order_copy)


def lines_written(order_copy: OrderFactory) -> list[int]:
    """The keys of the lines that the outcomes of the copy name."""
    ids = (outcome["target_line_item"] for outcome in order_copy.outcomes)
    keys = (public_ids.decode("line_items", one) for one in ids if one)
    return [key for key in keys if key is not None]


def _did_all(order_copy: OrderFactory) -> bool:
    is_completed = order_copy.status == Status.COMPLETED
    return is_completed and not REFUSALS & order_copy.errors_log.keys()


@dataclass(slots=True)
class Facts:
    """The orders of some copies, and all that hangs on them, by the keys of the orders."""

    orders: dict[int, Order]
    lines: dict[int, list[Line]]
    #: The order of each line that an outcome names although its copy has no target.
    strays: dict[int, int]
    #: Lines of placed targets that do not hold the pieces that they need.
    without_stock: dict[int, list[str]]
    money: dict[int, Money]
    #: The codes of the coupons that orders used, and the coupons that there are, by code.
    uses: dict[int, str]
    coupons: dict[str, Coupon]
    #: By which events, of which workers, an order was placed or cancelled.
    deeds: dict[tuple[int, str], list[tuple[int, str]]]
    #: How many copies say that they cancelled an order.
    cancellers: Counter[int]

    @classmethod
    def of(cls, order_copies: Sequence[OrderFactory]) -> "Facts":
        """The facts about these copies."""
        targets = _keys(order_copy.target_order_id for order_copy in order_copies)
        sources = _keys(order_copy.source_order_id for order_copy in order_copies)
        orders = Order.objects.in_bulk(targets | sources)
        codes = {orders[key].coupon_code for key in targets} - {""}
        uses = CouponUse.objects.filter(order__in=targets)
        return cls(
            orders=orders,
            lines=_lines(targets),
            strays=_strays(order_copies),
            without_stock=_without_stock(targets),
            money=_money(targets),
            uses=dict(uses.values_list("order", "coupon__code")),
            coupons={one.code: one for one in Coupon.objects.filter(code__in=codes)},
            deeds=_deeds(targets | sources),
            cancellers=_cancellers(sources),
        )


def _keys(keys: Any) -> set[int]:
    return {int(key) for key in keys if key is not None}


def _lines(targets: Collection[int]) -> dict[int, list[Line]]:
    lines: dict[int, list[Line]] = defaultdict(list)
    rows = LineItem.objects.filter(order__in=targets).order_by("pk")
    for order, *line in rows.values_list("order", "pk", *Line._fields[1:]):
        lines[order].append(Line._make(line))
    return lines


def _strays(order_copies: Sequence[OrderFactory]) -> dict[int, int]:
    lost = (one for one in order_copies if one.target_order_id is None)
    keys = {key for order_copy in lost for key in lines_written(order_copy)}
    return dict(LineItem.objects.filter(pk__in=keys).values_list("pk", "order"))


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
    # Where no pieces are held, the stock of the SKU may be tracked only since the order was placed.
    later = Q(stock_reservation=None, sku__updated_at__gt=F("order__placed_at"))
    short = needing.exclude(stock_reservation__quantity=F("quantity")).exclude(later).order_by("pk")
    for order, name in short.values_list("order", "name"):
        names[order].append(name)
    return names


def _money(targets: Collection[int]) -> dict[int, Money]:
    live = Authorization.objects.filter(order__in=targets, status=Authorization.Status.AUTHORIZED)
    sums = live.order_by().values_list("order").annotate(Count("pk"), Sum("amount_cents"))
    return {order: Money(count, int(total)) for order, count, total in sums}


def _deeds(orders: Collection[int]) -> dict[tuple[int, str], list[tuple[int, str]]]:
    deeds: dict[tuple[int, str], list[tuple[int, str]]] = defaultdict(list)
    events = Event.objects.filter(
        resource_type="orders",
        resource_id__in=[str(key) for key in orders],
        name__in=["orders.place", "orders.cancel"],
    )
    for event, order, name, who in events.values_list("pk", "resource_id", "name", "who"):
        if "worker" in who:
            deeds[int(order), name].append((event, who["worker"]["id"]))
    return deeds


def _cancellers(sources: Collection[int]) -> Counter[int]:
    asked = OrderFactory.objects.filter(
        source_order__in=sources, cancel_source_order=True, status=Status.COMPLETED
    ).only("source_order_id", "status", "cancel_source_order", "errors_log")
    return Counter(int(one.source_order_id or 0) for one in asked.iterator() if says_cancelled(one))
