"""Whether a copy cancelled its source: what the event of the order tells, and those around it."""

from django.db.models import Subquery

from order_copies.events.models import Event
from order_copies.models import Kind, OrderFactory
from orders.auditing.facts import Facts

#: The events that are recorded in the transaction that may have cancelled sources.
ENDS = [f"{kind}.{verb}" for kind in Kind.values for verb in ("complete", "fail")]


def did_cancel(order_copy: OrderFactory, facts: Facts) -> bool:
    """Whether this copy, and none that was deleted since, cancelled its source as it ended."""
    return any(
        worker == order_copy.worker and _is_by(order_copy, event, worker)
        for event, worker in facts.deeds[order_copy.source_order_id or 0, "orders.cancel"]
    )


def _is_by(order_copy: OrderFactory, event: int, worker: str) -> bool:
    keys = _ended_with(event, worker)
    are_all_there = OrderFactory.objects.filter(pk__in=keys).count() == len(keys)
    return order_copy.pk in keys and are_all_there


def _ended_with(event: int, worker: str) -> set[int]:
    """The copies whose ends a worker recorded with this event: at one instant, and next."""
    ends = Event.objects.filter(name__in=ENDS, pk__gt=event, who__worker__id=worker)
    instant = Subquery(ends.order_by("pk").values("created_at")[:1])
    together = ends.filter(created_at=instant).values_list("resource_id", flat=True)
    return {int(key) for key in together}
