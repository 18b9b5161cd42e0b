"""Steps of tests: request copies, run them, read the results.

The columns that are not copied are listed here from the specification, independently of the code:
every other column must be equal in source and target.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.apps import apps
from django.db import connection, models
from django.utils import timezone

from order_copies import copying, transitions
from order_copies.events.models import Event
from order_copies.models import OrderCopy, OrderFactory
from order_copies.worker.leases import claim_expired, claim_pending
from order_copies.worker.run import run_batch
from orders.lifecycle.triggers import ORDER_ACTIONS, run_action
from orders.models import (
    Address,
    Authorization,
    CouponUse,
    LineItem,
    LineItemOption,
    Order,
    StockReservation,
)

WHO = {"owner": {"type": "users", "id": "1", "email": "staff@example.com"}}

#: Columns that are not copied (design, section 4).
OF_ITS_OWN = {"id", "reference", "reference_origin", "created_at", "updated_at"}
ORDERS_OWN = OF_ITS_OWN | {
    "number",
    "token",
    "status",
    "payment_status",
    "fulfillment_status",
    "gift_card_code",
    "gift_card_amount_cents",
    "total_amount_with_taxes_cents",
    "placed_at",
    "approved_at",
    "cancelled_at",
    "archived_at",
    "subscription_created_at",
}
LINES_OWN = OF_ITS_OWN | {"order_id", "gift_card_code"}
OPTIONS_OWN = OF_ITS_OWN | {"line_item_id"}
ADDRESSES_OWN = OF_ITS_OWN | {"order_id"}

AMOUNTS = [
    "subtotal_amount_cents",
    "shipping_amount_cents",
    "payment_method_amount_cents",
    "adjustment_amount_cents",
    "discount_amount_cents",
    "gift_card_amount_cents",
    "total_tax_amount_cents",
    "total_amount_cents",
    "total_amount_with_taxes_cents",
]


# Requests and runs


def requested(source_order: Order, **toggles: Any) -> OrderCopy:
    """Request a copy."""
    order_copy = OrderCopy(source_order=source_order, **toggles)
    copying.request_copies([order_copy], actor=WHO)
    return order_copy


def run_all() -> None:
    """Run batches by one worker until there is nothing left to claim."""
    while run_batch(worker="w1").claimed:
        pass


def claim(worker: str, limit: int = 100) -> list[OrderFactory]:
    """Claim pending copies for a worker."""
    return claim_pending(OrderFactory.objects.all(), transitions.start, worker, limit)


def claim_again(worker: str) -> list[OrderFactory]:
    """Claim a copy whose lease has expired for a worker."""
    return claim_expired(OrderFactory.objects.all(), transitions.start, worker)


def start(
    worker: str, *order_copies: OrderFactory, expires_at: datetime, now: datetime | None = None
) -> list[OrderFactory]:
    """Start these copies, or all, for a worker, under a lease that ends at ``expires_at``."""
    candidates = OrderFactory.objects.all()
    if order_copies:
        candidates = candidates.filter(pk__in=[order_copy.pk for order_copy in order_copies])
    return transitions.start(
        candidates, worker=worker, now=now or timezone.now(), lease_expires_at=expires_at
    )


def copied(source_order: Order, **toggles: Any) -> OrderFactory:
    """Request a copy and run it; return it as it is in the database."""
    order_copy = requested(source_order, **toggles)
    run_batch(worker="w1")
    return fresh(order_copy)


def previewed(source_order: Order, **toggles: Any) -> Any:
    """Return the plan of a copy that is not requested."""
    [plan] = copying.preview_copies([OrderCopy(source_order=source_order, **toggles)])
    return plan


def unsaved(source_order: Order, **toggles: Any) -> OrderCopy:
    """Return a copy that is not requested yet."""
    return OrderCopy(source_order=source_order, **toggles)


def previewed_together(order_copies: Sequence[OrderCopy]) -> list[Any]:
    """Return the plans of unsaved copies, planned as one batch."""
    return copying.preview_copies(order_copies)


def copied_together(order_copies: Sequence[OrderCopy]) -> list[OrderFactory]:
    """Request copies and run them in one batch; return them as they are in the database."""
    copying.request_copies(order_copies, actor=WHO)
    run_batch(worker="w1")
    return [fresh(order_copy) for order_copy in order_copies]


def placed_by_hand(order: Order) -> list[list[Any]]:
    """Place an order as staff do; return its problems."""
    return run_action(ORDER_ACTIONS["_place"], [order.pk], who=WHO)


def fresh(order_copy: OrderFactory) -> OrderFactory:
    """Return the copy as it is in the database."""
    return OrderFactory.objects.select_related("source_order", "target_order").get(pk=order_copy.pk)


def target_of(order_copy: OrderFactory) -> Order:
    """Return the target order of a copy; fails if there is none."""
    target = order_copy.target_order
    assert isinstance(target, Order), (order_copy.status, order_copy.errors_log)
    return target


# Reads


def row(instance: models.Model, without: set[str] | frozenset[str] = frozenset()) -> dict[str, Any]:
    """Return the columns of a row."""
    return {
        field.attname: getattr(instance, field.attname)
        for field in instance._meta.concrete_fields
        if field.attname not in without
    }


def contents(order: Order) -> dict[str, Any]:
    """Return the columns of an order, its addresses and its lines that a copy must have too."""
    order = Order.objects.get(pk=order.pk)
    lines = order.line_items.order_by("pk").prefetch_related("line_item_options")
    return {
        "order": row(order, ORDERS_OWN),
        "addresses": sorted(
            (row(address, ADDRESSES_OWN) for address in order.addresses.all()),
            key=lambda address: address["role"],
        ),
        "lines": [
            row(line, LINES_OWN)
            | {"options": [row(option, OPTIONS_OWN) for option in line.line_item_options.all()]}
            for line in lines
        ],
    }


def amounts(order: Order) -> dict[str, int]:
    """Return the amounts of an order as they are in the database."""
    return Order.objects.values(*AMOUNTS).get(pk=order.pk)


def lines(order: Order, *names: str) -> list[Any]:
    """Return some columns of the lines of an order, in order."""
    names = names or ("item_type", "quantity", "total_amount_cents")
    values = order.line_items.order_by("pk").values_list(*names, flat=len(names) == 1)
    return list(values)


def raw_rows(table: str, where: str) -> list[tuple[Any, ...]]:
    """Return rows as the database stores them, without the ORM."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table} WHERE {where} ORDER BY id")
        return list(cursor.fetchall())


def every_byte(order: Order) -> dict[str, list[tuple[Any, ...]]]:
    """Return every column of every row that belongs to an order."""
    of_order = f"order_id = {order.pk}"
    of_lines = f"line_item_id IN (SELECT id FROM {LineItem._meta.db_table} WHERE {of_order})"
    conditions: dict[type[models.Model], str] = {
        Order: f"id = {order.pk}",
        LineItem: of_order,
        LineItemOption: of_lines,
        Address: of_order,
        Authorization: of_order,
        CouponUse: of_order,
        StockReservation: of_lines,
    }
    return {
        model._meta.db_table: raw_rows(model._meta.db_table, condition)
        for model, condition in conditions.items()
    }


def whole_database() -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of every table of the shop and of the app."""
    labels = {"orders", "order_copies", "order_copies_events"}
    tables = {
        model._meta.db_table for model in apps.get_models() if model._meta.app_label in labels
    }
    return {table: raw_rows(table, "TRUE") for table in sorted(tables)}


def ending(order_copy: OrderFactory) -> tuple[str, dict[str, int], int]:
    """Return status, number of messages per attribute, and errors count of a copy."""
    log = {attribute: len(messages) for attribute, messages in order_copy.errors_log.items()}
    return order_copy.status, log, order_copy.errors_count


def actions(
    order_copy: OrderFactory, attribute: str = "line_items"
) -> list[tuple[str, str | None]]:
    """Return action and code of each outcome of an attribute."""
    return [
        (outcome["action"], outcome["code"])
        for outcome in order_copy.outcomes
        if outcome["attribute"] == attribute
    ]


def events_of(order_copy: OrderFactory) -> list[str]:
    """Return the names of the copy's events, in order."""
    of_copy = Event.objects.filter(resource_type="order_copies", resource_id=str(order_copy.pk))
    return list(of_copy.exclude(name="").values_list("name", flat=True))


def statuses(order: Order) -> tuple[str, str, str]:
    """Return the three statuses of an order as they are in the database."""
    names = ("status", "payment_status", "fulfillment_status")
    return Order.objects.values_list(*names).get(pk=order.pk)


def all_messages(log: dict[str, Sequence[str]]) -> list[str]:
    """Return every message of an errors log."""
    return [message for messages in log.values() for message in messages]
