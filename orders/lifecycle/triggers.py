"""The actions that clients and staff run on orders: triggers of the API, actions of the admin.

Repeating an action has no effect (contract 3.1); a forbidden one is refused with its reasons.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any

from django.db import transaction

from order_copies.conf import settings
from order_copies.db.transactions import limited_wait
from order_copies.events.recording import Actor
from order_copies.plans import Problem
from orders.lifecycle import checkout
from orders.lifecycle.cancelling import cancel
from orders.lifecycle.changes import change
from orders.lifecycle.locks import locked_orders
from orders.lifecycle.subscribing import create_subscriptions
from orders.lifecycle.transitions import archive, transition, unarchive

#: The reasons why an action was refused, one list for each order; empty if it was run.
Refusals = list[list[Problem]]
NO_ATTRIBUTES: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class OrderAction:
    """An action on orders. ``run`` takes the keys of the orders and ``who``."""

    verb: str
    run: Callable[..., Refusals]
    #: Whether the payment is authorized first; ``run`` then also takes ``payments``.
    authorizes: bool = False
    #: Whether customers may run it on their own orders (contract 3.2).
    is_for_customers: bool = True
    #: Whether it creates subscriptions, which place and charge orders later.
    subscribes: bool = False


#: The actions by the names of their triggers.
ORDER_ACTIONS = {
    f"_{action.verb}": action
    for action in (
        OrderAction(verb="place", run=checkout.place, authorizes=True),
        OrderAction(verb="cancel", run=cancel),
        OrderAction(verb="approve", run=partial(transition, "approve"), is_for_customers=False),
        OrderAction(verb="archive", run=archive),
        OrderAction(verb="unarchive", run=unarchive),
        OrderAction(verb="create_subscriptions", run=create_subscriptions, subscribes=True),
    )
}


def run_action(
    action: OrderAction,
    keys: Sequence[int],
    *,
    who: Actor,
    attributes: Mapping[str, Any] = NO_ATTRIBUTES,
) -> Refusals:
    """Run an action on orders and set ``attributes`` of them, in one transaction.

    With attributes, all orders are changed or none: one refusal rolls everything back. Without,
    each order is decided on its own. Return the refusals in the order of ``keys``. Call this
    outside any transaction. Raises :class:`OrderGoneError`, and :class:`RowsLockedError` if
    another transaction keeps a needed row locked.
    """
    if not action.authorizes:
        return _run(action.run, keys, who, attributes)
    payments = checkout.authorize_payments(keys)
    try:
        return _run(partial(action.run, payments=payments), keys, who, attributes)
    finally:
        checkout.settle(payments)


def _run(
    run: Callable[..., Refusals], keys: Sequence[int], who: Actor, attributes: Mapping[str, Any]
) -> Refusals:
    with limited_wait(settings.LOCK_TIMEOUT):
        orders = locked_orders(keys)
        if attributes:
            for order in orders.values():
                change(order, attributes, who=who)
        refusals = run(keys, who=who)
        if attributes and any(refusals):
            transaction.set_rollback(True)
    return refusals
