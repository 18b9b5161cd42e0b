"""Move orders from one state to the next, and record it."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from django.utils import timezone

from order_copies.db.rows import update_rows
from order_copies.events.models import Event, changes_of
from order_copies.events.recording import record
from order_copies.events.who import Who, with_order_copy
from orders.models import Order


class Statuses(NamedTuple):
    """The three statuses of an order (contract 3.1)."""

    status: str
    payment_status: str
    fulfillment_status: str

    @classmethod
    def of(cls, order: Order) -> "Statuses":
        """Those of this order now."""
        return cls(*(getattr(order, name) for name in cls._fields))


def move(
    moves: Sequence[tuple[Order, Statuses]],
    verb: str,
    stamp: str | None,
    who: Who,
    order_copies: Mapping[int, str | None] = MappingProxyType({}),
) -> None:
    """Give each order its new statuses and record ``orders.<verb>`` of it, one statement each.

    ``stamp`` names the field that holds the instant, if there is one; ``order_copies`` are the
    public ids of the copies that move orders, by order. The caller holds the locks.
    """
    now = timezone.now()
    stamps = [stamp, "updated_at"] if stamp else ["updated_at"]
    rows = [(order.pk, *statuses, *([now] * len(stamps))) for order, statuses in moves]
    update_rows(Order, [*Statuses._fields, *stamps], rows)
    record(
        [
            Event(
                resource_type="orders",
                resource_id=str(order.pk),
                name=f"orders.{verb}",
                changes=changes_of(Statuses.of(order)._asdict(), statuses._asdict()),
                who=with_order_copy(who, order_copies.get(order.pk)),
            )
            for order, statuses in moves
        ]
    )
