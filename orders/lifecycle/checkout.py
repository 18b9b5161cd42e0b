"""Pay for orders that are about to be placed: once, however often and by whomever it is tried.

The gateway is asked outside any transaction, with a key that stays the same until a try is known
to have come to nothing. So a try whose process died is taken up by the next one, two tries at the
same time are one authorization, and one that was given back is never used again. What no next try
takes up is given back by :mod:`orders.lifecycle.voiding`.
"""

import logging
import time
from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.db.models import Count, Q, QuerySet

from order_copies.conf import settings
from order_copies.db.locks import limited_wait
from order_copies.events.who import Who
from order_copies.exceptions import RowsLockedError
from order_copies.plans import Problem
from orders.lifecycle import payments as remembered
from orders.lifecycle import placing
from orders.lifecycle.locks import locked
from orders.lifecycle.payments import ASKED, Payment
from orders.lifecycle.voiding import after_commit, void
from orders.models import Authorization, Order

logger = logging.getLogger("orders.lifecycle.checkout")


#: For how many seconds payments are asked for, one after the other: people wait, and web servers
#: give up after 30, while a gateway that hangs takes 10 for each.
PATIENCE = 15


def authorize(keys: Sequence[int]) -> list[Payment]:
    """Ask for what those orders cost that could be placed now. Outside any transaction.

    What cannot be asked for in time has no answer. Raises :class:`OrderGoneError`, and
    :class:`RowsLockedError` if another transaction keeps a row locked that is needed.
    """
    opened = _open(keys)
    deadline = time.monotonic() + PATIENCE
    return [_ask(asked) if time.monotonic() < deadline else _unanswered(asked) for asked in opened]


def place(keys: Sequence[int], *, who: Who, payments: Sequence[Payment]) -> list[list[Problem]]:
    """Place orders with what was authorized for them; the answers say why one was not.

    The caller holds the locks on the orders, and settles afterwards.
    """
    used = remembered.known([payment for payment in payments if payment.is_authorized])
    answers = {payment.order: payment.answer for payment in payments if payment.token not in used}
    requests = [placing.Request(key, authorization=answers.get(key)) for key in keys]
    problems = placing.place(requests, who=who)
    remembered.close_used(payments)
    return problems


def settle(payments: Sequence[Payment]) -> None:
    """Give back what no order was placed with, and remember the tries that came to nothing.

    While an order is locked elsewhere, that is left to :mod:`orders.lifecycle.voiding`.
    """
    answered = [payment for payment in payments if payment.answer is not None]
    if not answered:
        return
    try:
        with limited_wait(settings.LOCK_TIMEOUT):
            locked(Order.objects.all(), (payment.order for payment in answered))
            after_commit(void, remembered.close_unused(answered))
    except RowsLockedError:
        keys = ", ".join(payment.key for payment in answered)
        logger.warning("Orders are locked, their payments are settled later: %s", keys)


@transaction.atomic(durable=True)
def _open(keys: Sequence[int]) -> list[Authorization]:
    with limited_wait(settings.LOCK_TIMEOUT):
        orders = _to_be_paid(keys)
        asked = [remembered.about_to_ask(order, _key(order)) for order in orders]
        remembered.open_payments(asked)
    return asked


def _to_be_paid(keys: Sequence[int]) -> "list[Any]":
    answers = placing.rehearse(keys)
    ready = [key for key, problems in zip(keys, answers, strict=True) if not problems]
    orders: QuerySet[Order] = Order.objects.exclude(status=Order.Status.PLACED)
    due = orders.filter(pk__in=ready, total_amount_with_taxes_cents__gt=0)
    ended = Count("authorizations", filter=~Q(authorizations__status=ASKED))
    return list(due.select_related("payment_source").annotate(tries=ended))


def _key(order: Any) -> str:
    cost = f"{order.total_amount_with_taxes_cents}{order.currency_code}"
    # With all that the gateway is asked for: it refuses to be asked for other things by one key.
    parts = (order.public_id, order.tries, order.payment_source.pk, cost)
    return "orders/" + "/".join(map(str, parts))


def _ask(asked: Authorization) -> Payment:
    try:
        return remembered.ask(asked)
    except Exception:
        logger.exception("The gateway did not answer for order %s", asked.order.public_id)
        return _unanswered(asked)


def _unanswered(asked: Authorization) -> Payment:
    return Payment(asked.order_id, asked.token, asked.amount_cents, None)
