"""Archive orders that were placed: they cannot be deleted (contract 3.1)."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from order_copies.db.rows import update_rows
from order_copies.events.models import Event, changes_of
from order_copies.events.recording import record
from order_copies.events.who import Who
from order_copies.plans import Problem, Step
from orders.lifecycle.locks import locked_orders
from orders.models import Order

#: What was never placed is not archived.
TOO_EARLY = frozenset({Order.Status.DRAFT, Order.Status.PENDING, Order.Status.PLACING})


@transaction.atomic
def archive(keys: Sequence[int], *, who: Who) -> list[list[Problem]]:
    """Archive orders; the answers say why one was not. What is archived already stays as it is."""
    orders = locked_orders(keys)
    answers = {key: _reasons_not_to_archive(order) for key, order in orders.items()}
    current = [
        order for key, order in orders.items() if not answers[key] and order.archived_at is None
    ]
    _set_archived_at(current, timezone.now(), who)
    return [answers[key] for key in keys]


@transaction.atomic
def unarchive(keys: Sequence[int], *, who: Who) -> list[list[Problem]]:
    """Take orders out of the archive; those that are not in it stay as they are."""
    orders = locked_orders(keys)
    archived = [order for order in orders.values() if order.archived_at is not None]
    _set_archived_at(archived, None, who)
    return [[] for _key in keys]


def _reasons_not_to_archive(order: Order) -> list[Problem]:
    if order.status not in TOO_EARLY:
        return []
    message = _("cannot be archived while it is %(status)s: only placed orders are") % {
        "status": order.get_status_display()
    }
    return [Problem(Step.PLACE, "status", "not_placed", message)]


def _set_archived_at(orders: Sequence[Order], archived_at: datetime | None, who: Who) -> None:
    now = timezone.now()
    rows = [(order.pk, archived_at, now) for order in orders]
    update_rows(Order, ["archived_at", "updated_at"], rows)
    # The contract has no topic for it: a plain change, without a name.
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
