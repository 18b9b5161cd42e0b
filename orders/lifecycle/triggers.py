"""The moves of orders that people make: triggers of the API, actions of the admin.

Each is made again without effect (contract 3.1), and refused with its reasons.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any

from django.db import transaction

from order_copies.conf import settings
from order_copies.db.locks import limited_wait
from order_copies.events.who import Who
from order_copies.jsonapi.resources import Trigger
from order_copies.plans import Problem
from orders.lifecycle import checkout
from orders.lifecycle.archiving import archive, unarchive
from orders.lifecycle.cancelling import cancel
from orders.lifecycle.changes import change
from orders.lifecycle.locks import locked_orders
from orders.lifecycle.transitions import transition

Answers = list[list[Problem]]
NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class Move:
    """A move of orders, named by its verb; its trigger takes a token with ``scope``."""

    verb: str
    scope: str
    run: Callable[..., Answers]
    #: Whether the payment is authorized first; ``run`` then takes what came of it.
    is_paid: bool = False
    #: Whether customers may make it with their own orders (contract 3.2).
    is_for_customers: bool = True

    @property
    def trigger(self) -> Trigger:
        """How the API calls it."""
        description = f"{self.verb.capitalize()}s the order; nothing if it is so already."
        return Trigger(name=f"_{self.verb}", scope=self.scope, description=description)


#: Archiving moves neither stock nor money: it takes the least scope that writes.
MOVES = {
    move.trigger.name: move
    for move in (
        Move(verb="place", scope="place", run=checkout.place, is_paid=True),
        Move(verb="cancel", scope="cancel", run=cancel),
        Move(
            verb="approve",
            scope="place",
            run=partial(transition, "approve"),
            is_for_customers=False,
        ),
        Move(verb="archive", scope="copy", run=archive),
        Move(verb="unarchive", scope="copy", run=unarchive),
    )
}


def make(
    move: Move, keys: Sequence[int], *, who: Who, attributes: Mapping[str, Any] = NOTHING
) -> Answers:
    """Make a move with orders; the answers, in the order of ``keys``, say why one was not moved.

    Orders that are moved also get these ``attributes``; if one is not moved, none gets them and
    none is moved. Call it outside any transaction. Raises :class:`OrderGoneError`, and
    :class:`RowsLockedError` if another transaction keeps a row locked that is needed.
    """
    if not move.is_paid:
        return _make(move.run, keys, who, attributes)
    payments = checkout.authorize(keys)
    try:
        return _make(partial(move.run, payments=payments), keys, who, attributes)
    finally:
        checkout.settle(payments)


def _make(
    run: Callable[..., Answers], keys: Sequence[int], who: Who, attributes: Mapping[str, Any]
) -> Answers:
    with limited_wait(settings.LOCK_TIMEOUT):
        orders = locked_orders(keys)
        for order in orders.values() if attributes else ():
            change(order, attributes, who=who)
        answers = run(keys, who=who)
        if attributes and any(answers):
            transaction.set_rollback(True)
    return answers
