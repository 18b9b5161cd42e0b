"""The moves of an order between its states (contract 3.1), but for placing and cancelling.

Those two also move stock, coupons and payments (:mod:`orders.lifecycle.placing` and
:mod:`orders.lifecycle.cancelling`). Here only the order itself changes. A repeated transition has
no effect; every other forbidden one is answered with the reason.
"""

from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

from django.db import transaction
from django.db.models import Sum
from django.utils.translation import gettext as _

from order_copies.events.who import Who
from order_copies.plans import Problem, Step, cannot_transition
from orders.lifecycle.locks import locked_orders
from orders.lifecycle.statuses import Statuses, move
from orders.models import Authorization, LineItem, Order
from orders.totals import GOODS

Status = Order.Status
#: For each order by its key, why it may not move although its status would allow it.
Obstacles = Callable[[Collection[Order]], dict[int, Problem]]


class Transition(NamedTuple):
    """From which states an order may move to which; ``stamp`` is the field that remembers when."""

    sources: frozenset[str]
    target: str
    stamp: str | None = None
    obstacles: Obstacles = lambda orders: {}


def _nothing_to_place(orders: Collection[Order]) -> dict[int, Problem]:
    goods = LineItem.objects.filter(order__in=orders, item_type__in=GOODS, quantity__gt=0)
    sold = set(goods.values_list("order", flat=True))
    no_customer = _("can't be blank: a pending order needs a customer")
    no_goods = _("can't be blank: a pending order needs something to sell")
    obstacles = {}
    for order in orders:
        if not (order.customer_email or order.customer_id):
            obstacles[order.pk] = Problem(Step.PLACE, "customer_email", "blank", no_customer)
        elif order.pk not in sold:
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


#: What may follow what, by the verb of the event that tells of it.
TRANSITIONS = {
    "pending": Transition(
        frozenset({Status.DRAFT, Status.PLACING}),
        Status.PENDING,
        obstacles=_nothing_to_place,
    ),
    "placing": Transition(frozenset({Status.PENDING}), Status.PLACING),
    "approve": Transition(frozenset({Status.PLACED}), Status.APPROVED, stamp="approved_at"),
    "start_editing": Transition(frozenset({Status.PLACED}), Status.EDITING),
    "stop_editing": Transition(
        frozenset({Status.EDITING}), Status.PLACED, obstacles=_costs_more_than_authorized
    ),
}


@transaction.atomic
def transition(verb: str, keys: Sequence[int], *, who: Who) -> list[list[Problem]]:
    """Move orders as ``verb``, a key of :data:`TRANSITIONS`, says, and record it.

    The answers, in the order of ``keys``, say why one was not moved.
    """
    rule = TRANSITIONS[verb]
    orders = locked_orders(keys)
    ready = {key: order for key, order in orders.items() if order.status in rule.sources}
    obstacles = rule.obstacles(ready.values())
    moves = [
        (order, Statuses.of(order)._replace(status=rule.target))
        for key, order in ready.items()
        if key not in obstacles
    ]
    answers = {key: _refusal(order, rule, obstacles.get(key)) for key, order in orders.items()}
    move(moves, verb, rule.stamp, who)
    return [answers[key] for key in keys]


def _refusal(order: Order, rule: Transition, obstacle: Problem | None) -> list[Problem]:
    if order.status == rule.target or (order.status in rule.sources and obstacle is None):
        return []
    forbidden = cannot_transition(Step.PLACE, order.status, rule.target)
    return [forbidden, obstacle] if obstacle else [forbidden]
