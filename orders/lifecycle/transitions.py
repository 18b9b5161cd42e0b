"""Every status transition of an order (contract 3.1), and archiving.

:data:`TRANSITIONS` is the one table. Repeating a transition has no effect; a forbidden one is
refused with its reasons. Archiving hides an order and leaves its status as it is.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple

from django.db import transaction
from django.db.models import Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from order_copies.db.rows import update_rows
from order_copies.events.models import Event
from order_copies.events.recording import Actor, changes_of, record, with_copy
from order_copies.plans import Problem, Step, cannot_transition
from orders.lifecycle.locks import locked_orders
from orders.models import Authorization, LineItem, Order
from orders.totals import GOODS

Status = Order.Status
#: A function that returns, by the key of the order, why orders must keep their status although
#: the table allows the transition.
Obstacles = Callable[[Collection[Order]], dict[int, Problem]]


def _no_obstacles(orders: Collection[Order]) -> dict[int, Problem]:
    return {}


class Statuses(NamedTuple):
    """The three statuses of an order (contract 3.1)."""

    status: str
    payment_status: str
    fulfillment_status: str

    @classmethod
    def of(cls, order: Order) -> "Statuses":
        """Return the statuses that the order has in memory."""
        return cls(*(getattr(order, name) for name in cls._fields))


class Transition(NamedTuple):
    """A row of the table: the statuses that an order may come from, and the status that it gets.

    ``stamp`` is the field that stores the time of the transition, if there is one. ``obstacles``
    is None if the transition also changes stock, coupon uses and payments: then
    :func:`transition` does not run it.
    """

    sources: frozenset[str]
    target: str
    stamp: str | None = None
    obstacles: Obstacles | None = _no_obstacles


def _customer_or_goods_missing(orders: Collection[Order]) -> dict[int, Problem]:
    goods = LineItem.objects.filter(order__in=orders, item_type__in=GOODS, quantity__gt=0)
    with_goods = set(goods.values_list("order", flat=True))
    no_customer = _("can't be blank: a pending order needs a customer")
    no_goods = _("can't be blank: a pending order needs at least one item")
    obstacles = {}
    for order in orders:
        if not (order.customer_email or order.customer_id):
            obstacles[order.pk] = Problem(Step.PLACE, "customer_email", "blank", no_customer)
        elif order.pk not in with_goods:
            obstacles[order.pk] = Problem(Step.PLACE, "line_items", "blank", no_goods)
    return obstacles


def _costs_more_than_authorized(orders: Collection[Order]) -> dict[int, Problem]:
    live = Authorization.objects.filter(order__in=orders, status=Authorization.Status.AUTHORIZED)
    sums = live.order_by().values_list("order").annotate(total=Sum("amount_cents"))
    authorized = dict(sums)
    message = _("must not be more than was authorized when the order was placed")
    problem = Problem(Step.PLACE, "total_amount_cents", "less_than_or_equal_to", message)
    return {
        order.pk: problem
        for order in orders
        if order.total_amount_with_taxes_cents > authorized.get(order.pk, 0)
    }


#: The transitions by the event that records them (``place`` is recorded as ``orders.place``).
TRANSITIONS = {
    "pending": Transition(
        frozenset({Status.DRAFT, Status.PLACING}),
        Status.PENDING,
        obstacles=_customer_or_goods_missing,
    ),
    "placing": Transition(frozenset({Status.PENDING}), Status.PLACING),
    # Run by orders.lifecycle.placing; obstacles: reasons_not_to_place in requirements, then
    # unavailable stock, an invalid coupon, a missing authorization.
    "place": Transition(
        frozenset({Status.PENDING, Status.PLACING}),
        Status.PLACED,
        stamp="placed_at",
        obstacles=None,
    ),
    "start_editing": Transition(frozenset({Status.PLACED}), Status.EDITING),
    "stop_editing": Transition(
        frozenset({Status.EDITING}), Status.PLACED, obstacles=_costs_more_than_authorized
    ),
    "approve": Transition(frozenset({Status.PLACED}), Status.APPROVED, stamp="approved_at"),
    # Run by orders.lifecycle.cancelling; obstacles: reasons_not_to_cancel in requirements.
    "cancel": Transition(
        frozenset({Status.PENDING, Status.PLACED, Status.EDITING, Status.APPROVED}),
        Status.CANCELLED,
        stamp="cancelled_at",
        obstacles=None,
    ),
    # Run by orders.lifecycle.undoing; obstacles: unavailable stock.
    "reinstate": Transition(frozenset({Status.CANCELLED}), Status.PENDING, obstacles=None),
}

#: The statuses in which an order holds stock, a coupon use and an authorization.
HOLDING = frozenset({Status.PLACED, Status.EDITING, Status.APPROVED})
#: The statuses in which an order cannot be archived.
NOT_ARCHIVABLE = frozenset({Status.DRAFT, Status.PENDING, Status.PLACING})


@transaction.atomic
def transition(event: str, keys: Sequence[int], *, who: Actor) -> list[list[Problem]]:
    """Run a transition that changes nothing but the status, and record its event.

    ``event`` is a key of :data:`TRANSITIONS` whose row has ``obstacles``. Return the reasons
    why an order kept its status, one list for each key. Raises :class:`OrderGoneError`.
    """
    rule = TRANSITIONS[event]
    assert rule.obstacles is not None, f"{event} has a module of its own"
    orders = locked_orders(keys)
    ready = {key: order for key, order in orders.items() if order.status in rule.sources}
    obstacles = rule.obstacles(ready.values())
    write_transition(
        event,
        [
            (order, Statuses.of(order)._replace(status=rule.target))
            for key, order in ready.items()
            if key not in obstacles
        ],
        who,
    )
    answers = {key: _refusal(order, rule, obstacles.get(key)) for key, order in orders.items()}
    return [answers[key] for key in keys]


def _refusal(order: Order, rule: Transition, obstacle: Problem | None) -> list[Problem]:
    if order.status == rule.target or (order.status in rule.sources and obstacle is None):
        return []
    forbidden = cannot_transition(Step.PLACE, order.status, rule.target)
    return [forbidden, obstacle] if obstacle else [forbidden]


def write_transition(
    event: str,
    orders: Sequence[tuple[Order, Statuses]],
    who: Actor,
    order_copies: Mapping[int, str | None] = MappingProxyType({}),
) -> None:
    """Write the new statuses and the stamp of orders, and record ``orders.<event>`` of each.

    ``order_copies`` maps the key of an order to the public id of the copy that changes it. The
    caller holds the locks and has checked the transition. Two statements for any number of orders.
    """
    now, stamp = timezone.now(), TRANSITIONS[event].stamp
    stamps = [stamp, "updated_at"] if stamp else ["updated_at"]
    rows = [(order.pk, *statuses, *([now] * len(stamps))) for order, statuses in orders]
    update_rows(Order, [*Statuses._fields, *stamps], rows)
    record(
        [
            Event(
                resource_type="orders",
                resource_id=str(order.pk),
                name=f"orders.{event}",
                changes=changes_of(Statuses.of(order)._asdict(), statuses._asdict()),
                who=with_copy(who, order_copies.get(order.pk)),
            )
            for order, statuses in orders
        ]
    )


@transaction.atomic
def archive(keys: Sequence[int], *, who: Actor) -> list[list[Problem]]:
    """Archive orders; one that is archived already keeps its ``archived_at``.

    Placed orders cannot be deleted, only archived (contract 3.1). Return the reasons why an order
    was not archived, one list for each key. Raises :class:`OrderGoneError`.
    """
    orders = locked_orders(keys)
    answers = {key: _reasons_not_to_archive(order) for key, order in orders.items()}
    current = [
        order for key, order in orders.items() if not answers[key] and order.archived_at is None
    ]
    _write_archived_at(current, timezone.now(), who)
    return [answers[key] for key in keys]


@transaction.atomic
def unarchive(keys: Sequence[int], *, who: Actor) -> list[list[Problem]]:
    """Take orders out of the archive. Return an empty list for each key: nothing forbids it.

    Raises :class:`OrderGoneError`.
    """
    orders = locked_orders(keys)
    archived = [order for order in orders.values() if order.archived_at is not None]
    _write_archived_at(archived, None, who)
    return [[] for _key in keys]


def _reasons_not_to_archive(order: Order) -> list[Problem]:
    if order.status not in NOT_ARCHIVABLE:
        return []
    message = _("cannot be archived while it is %(status)s: place or cancel it first") % {
        "status": order.get_status_display()
    }
    return [Problem(Step.PLACE, "status", "not_placed", message)]


def _write_archived_at(orders: Sequence[Order], archived_at: datetime | None, who: Actor) -> None:
    now = timezone.now()
    update_rows(
        Order, ["archived_at", "updated_at"], [(order.pk, archived_at, now) for order in orders]
    )
    # The contract has no topic for archiving, so the event has no name: a plain change.
    record(
        [
            Event(
                resource_type="orders",
                resource_id=str(order.pk),
                changes=changes_of(
                    {"archived_at": order.archived_at}, {"archived_at": archived_at}
                ),
                who=who,
            )
            for order in orders
        ]
    )
