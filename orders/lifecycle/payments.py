"""Payments of orders placed by hand, remembered from before the gateway is asked for them.

So no crash and no lost answer makes a payment forgotten: while the answer is unknown, the gateway
is called again with the same key, and the payment is voided (:mod:`orders.lifecycle.voiding`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from order_copies.db.rows import insert_rows
from orders.lifecycle import gateways
from orders.lifecycle.gateways import Authorized, Declined
from orders.models import Authorization

#: How long whoever asks may take to say what came of it.
GRACE = timedelta(minutes=15)
ASKED = Authorization.Status.ASKED


@dataclass(frozen=True, slots=True)
class Payment:
    """What the gateway answered when it was asked, with ``key``, for what an order costs.

    Where there is no ``answer`` nobody knows what it did, and the next try asks the same.
    """

    order: int
    key: str
    amount_cents: int
    answer: Authorized | Declined | None

    @property
    def is_authorized(self) -> bool:
        """Whether the money was promised."""
        return isinstance(self.answer, Authorized)

    @property
    def token(self) -> str:
        """What the try is remembered by."""
        return self.answer.token if isinstance(self.answer, Authorized) else self.key


def about_to_ask(order: Any, key: str) -> Authorization:
    """What is to be remembered before the gateway is asked, with ``key``, for what it costs."""
    return Authorization(
        order=order,
        token=key,
        amount_cents=order.total_amount_with_taxes_cents,
        status=ASKED,
        details={
            "payment_source_token": order.payment_source.token,
            "currency": order.currency_code,
        },
        due_at=timezone.now() + GRACE,
    )


def open_payments(asked: Sequence[Authorization]) -> None:
    """Remember what is about to be asked for. What was asked before begins a grace of its own."""
    _asked(one.token for one in asked).delete()
    Authorization.objects.bulk_create(asked)


def ask(asked: Authorization) -> Payment:
    """Ask the gateway, outside any transaction. Raises whatever it raises."""
    assert asked.details is not None, "what is asked for says what is needed to ask"
    answer = gateways.authorize(
        idempotency_key=asked.token, amount_cents=asked.amount_cents, **asked.details
    )
    return Payment(asked.order_id, asked.token, asked.amount_cents, answer)


def known(payments: Iterable[Payment]) -> set[str]:
    """The tokens of those of which it is recorded what came of them."""
    tokens = [payment.token for payment in payments]
    recorded = Authorization.objects.exclude(status=ASKED).filter(token__in=tokens)
    return set(recorded.values_list("token", flat=True))


def close_used(payments: Sequence[Payment]) -> None:
    """Forget that those were asked for whose authorizations are recorded."""
    recorded = known(payments)
    _asked(payment.key for payment in payments if payment.token in recorded).delete()


def close_unused(payments: Sequence[Payment]) -> list[int]:
    """Remember what came of answered payments, of which none but the recorded is used any more.

    Answers the keys of the new rows. The caller holds the locks on the orders.
    """
    recorded, now = known(payments), timezone.now()
    _asked(payment.key for payment in payments).delete()
    lost = [_row(payment, now) for payment in payments if payment.token not in recorded]
    fields = ["order_id", "token", "amount_cents", "created_at", "status", "failures", "due_at"]
    return insert_rows(Authorization, fields, lost)


def _asked(tokens: Iterable[str]) -> "QuerySet[Authorization]":
    return Authorization.objects.filter(status=ASKED, token__in=list(tokens))


def _row(payment: Payment, now: datetime) -> tuple[Any, ...]:
    voided, declined = Authorization.Status.VOIDED, Authorization.Status.DECLINED
    status = voided if payment.is_authorized else declined
    return payment.order, payment.token, payment.amount_cents, now, status, 0, now
