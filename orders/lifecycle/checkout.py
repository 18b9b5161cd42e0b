"""Pay for orders that people place.

The gateway is called before the transaction that places an order, with a payment that is remembered
first (:mod:`order_copies.worker.payments`). So the next attempt continues one whose process died,
two attempts at the same time are one authorization, and a payment that was voided is never used. A
worker voids a payment whose outcome stays unknown after ``ORDERS_PAYMENT_GRACE`` seconds.
"""

import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings as django_settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from order_copies.conf import settings
from order_copies.db.rows import insert_rows
from order_copies.db.transactions import limited_wait
from order_copies.events.recording import Actor
from order_copies.exceptions import RowsLockedError
from order_copies.plans import Problem
from order_copies.shops import Payment
from order_copies.worker.payments import forget, remember, still_open, void_later
from orders.lifecycle import gateways, placing
from orders.lifecycle.gateways import Authorized
from orders.lifecycle.locks import locked
from orders.lifecycle.voiding import after_commit, void
from orders.models import Authorization, Order

logger = logging.getLogger("orders.lifecycle.checkout")

#: Seconds in which payments are requested, one after the other: people wait, and web servers give
#: up after 30, while a gateway that hangs takes 10 for each.
PATIENCE = 15
#: The default of ``ORDERS_PAYMENT_GRACE``, in seconds. It must be longer than an attempt may take:
#: ``PATIENCE``, the timeout of the gateway and the wait for locks.
GRACE = 15 * 60


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt to place an order, with its payment.

    Without an ``authorization`` the outcome of the payment is unknown.
    """

    order: int
    payment: Payment

    @property
    def token(self) -> str | None:
        """The token of the authorization, if the gateway authorized the payment."""
        answer = self.payment.authorization
        return answer.token if isinstance(answer, Authorized) else None


def authorize_payments(keys: Sequence[int]) -> list[Attempt]:
    """Authorize payments for those orders that could be placed now. Outside any transaction.

    A payment that cannot be requested in time has no answer. Raises :class:`OrderGoneError`, and
    :class:`RowsLockedError` if another transaction keeps a needed row locked.
    """
    # Durable: the payments must be committed before the gateway is called.
    with transaction.atomic(durable=True), limited_wait(settings.LOCK_TIMEOUT):
        attempts = _open(keys)
    deadline = time.monotonic() + PATIENCE
    for attempt in attempts:
        if time.monotonic() < deadline:
            _request(attempt)
    return attempts


def place(keys: Sequence[int], *, who: Actor, payments: Sequence[Attempt]) -> list[list[Problem]]:
    """Place orders with their authorized payments; the answers say why one was not placed.

    The caller holds the locks on the orders, and settles afterwards.
    """
    opened = still_open([attempt.payment.key for attempt in payments])
    answers = {
        attempt.order: attempt.payment.authorization
        for attempt in payments
        if attempt.payment.key in opened
    }
    requests = [placing.Request(key, authorization=answers.get(key)) for key in keys]
    problems = placing.place(requests, who=who)
    recorded = _recorded(payments)
    forget([attempt.payment.key for attempt in payments if attempt.token in recorded])
    return problems


def settle(payments: Sequence[Attempt]) -> None:
    """Void the authorizations that no order was placed with.

    If the orders are locked for too long, a worker voids them later.
    """
    answered = [attempt for attempt in payments if attempt.payment.authorization is not None]
    if not answered:
        return
    try:
        with limited_wait(settings.LOCK_TIMEOUT):
            orders = locked(Order.objects.all(), (attempt.order for attempt in answered))
            # What is not open any more was used, or another process voids it.
            opened = still_open([attempt.payment.key for attempt in answered])
            unused = [attempt for attempt in answered if attempt.payment.key in opened]
            kept = [attempt for attempt in unused if attempt.order in orders]
            after_commit(void, _record_voided([attempt for attempt in kept if attempt.token]))
            forget([attempt.payment.key for attempt in kept])
            # Without its order an authorization cannot be recorded.
            void_later([attempt.payment.key for attempt in unused if attempt.order not in orders])
    except RowsLockedError:
        logger.warning("Payments of locked orders are voided later", exc_info=True)


def _open(keys: Sequence[int]) -> list[Attempt]:
    orders = {f"orders/{order.public_id}": order for order in _payable(keys)}
    details = {
        subject: {
            "payment_source_token": order.payment_source.token,
            "amount_cents": order.total_amount_with_taxes_cents,
            "currency": order.currency_code,
        }
        for subject, order in orders.items()
    }
    grace = timedelta(seconds=getattr(django_settings, "ORDERS_PAYMENT_GRACE", GRACE))
    payments = remember(details, until=timezone.now() + grace)
    return [Attempt(order.pk, payments[subject]) for subject, order in orders.items()]


def _payable(keys: Sequence[int]) -> "QuerySet[Any]":
    """Return the orders that could be placed now and cost something, locked."""
    answers = placing.rehearse(keys)
    ready = [key for key, problems in zip(keys, answers, strict=True) if not problems]
    orders = Order.objects.exclude(status=Order.Status.PLACED)
    due = orders.filter(pk__in=ready, total_amount_with_taxes_cents__gt=0)
    return due.select_related("payment_source")


def _request(attempt: Attempt) -> None:
    payment = attempt.payment
    try:
        payment.authorization = gateways.authorize(idempotency_key=payment.key, **payment.details)
    except Exception:
        logger.exception("The gateway did not answer for payment %s", payment.key)


def _recorded(attempts: Iterable[Attempt]) -> set[str]:
    """Return the tokens of those authorizations that are recorded, as used or as voided."""
    tokens = [attempt.token for attempt in attempts if attempt.token]
    recorded = Authorization.objects.filter(token__in=tokens)
    return set(recorded.values_list("token", flat=True))


def _record_voided(attempts: Sequence[Attempt]) -> list[int]:
    """Record authorizations that must be voided; return the keys of the new rows."""
    now = timezone.now()
    fields = ["order_id", "token", "amount_cents", "created_at", "status", "failures", "due_at"]
    rows = [
        (
            attempt.order,
            attempt.token,
            attempt.payment.details["amount_cents"],
            now,
            Authorization.Status.VOIDED,
            0,
            now,
        )
        for attempt in attempts
    ]
    return list(insert_rows(Authorization, fields, rows))
