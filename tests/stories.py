"""How tests tell a story: ask for a copy, let a worker run it, look at what came of it.

What travels is written down here once more, from the specification and not from the code: every
column that is not named as staying behind has to be equal in source and target.
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

#: Design, section 4: what never travels.
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


# Asking and running


def requested(source_order: Order, **toggles: Any) -> OrderCopy:
    """A pending copy that staff asked for."""
    order_copy = OrderCopy(source_order=source_order, **toggles)
    copying.request_copies([order_copy], who=WHO)
    return order_copy


def run_all() -> None:
    """Let one worker run batches until there is nothing left to claim."""
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
    """Give a worker these copies, or all, under a lease that ends at ``expires_at``."""
    candidates = OrderFactory.objects.all()
    if order_copies:
        candidates = candidates.filter(pk__in=[order_copy.pk for order_copy in order_copies])
    return transitions.start(
        candidates, worker=worker, now=now or timezone.now(), lease_expires_at=expires_at
    )


def copied(source_order: Order, **toggles: Any) -> OrderFactory:
    """A copy that was asked for and has been run, as the database has it."""
    order_copy = requested(source_order, **toggles)
    run_batch(worker="w1")
    return fresh(order_copy)


def previewed(source_order: Order, **toggles: Any) -> Any:
    """The plan of a copy that nobody has asked for yet."""
    [plan] = copying.preview([OrderCopy(source_order=source_order, **toggles)])
    return plan


def unsaved(source_order: Order, **toggles: Any) -> OrderCopy:
    """A copy that nobody has requested yet."""
    return OrderCopy(source_order=source_order, **toggles)


def previewed_together(order_copies: Sequence[OrderCopy]) -> list[Any]:
    """The plans of unsaved copies that run in one batch."""
    return copying.preview(order_copies)


def copied_together(order_copies: Sequence[OrderCopy]) -> list[OrderFactory]:
    """Copies that were requested and run in one batch."""
    copying.request_copies(order_copies, who=WHO)
    run_batch(worker="w1")
    return [fresh(order_copy) for order_copy in order_copies]


def placed_by_hand(order: Order) -> list[list[Any]]:
    """The problems of an order that staff place."""
    return run_action(ORDER_ACTIONS["_place"], [order.pk], who=WHO)


def fresh(order_copy: OrderFactory) -> OrderFactory:
    """The copy as the database has it."""
    return OrderFactory.objects.select_related("source_order", "target_order").get(pk=order_copy.pk)


def target_of(order_copy: OrderFactory) -> Order:
    """The target order of a copy that has one."""
    target = order_copy.target_order
    assert isinstance(target, Order), (order_copy.status, order_copy.errors_log)
    return target


# Looking


def row(instance: models.Model, without: set[str] | frozenset[str] = frozenset()) -> dict[str, Any]:
    """The columns of one row."""
    return {
        field.attname: getattr(instance, field.attname)
        for field in instance._meta.concrete_fields
        if field.attname not in without
    }


def contents(order: Order) -> dict[str, Any]:
    """All of an order that a copy has to have too."""
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
    """The amounts of an order as the database has them."""
    return Order.objects.values(*AMOUNTS).get(pk=order.pk)


def lines(order: Order, *names: str) -> list[Any]:
    """Some columns of the lines of an order, in order."""
    names = names or ("item_type", "quantity", "total_amount_cents")
    values = order.line_items.order_by("pk").values_list(*names, flat=len(names) == 1)
    return list(values)


def raw_rows(table: str, where: str) -> list[tuple[Any, ...]]:
    """Rows as the database stores them, without the ORM."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table} WHERE {where} ORDER BY id")
        return list(cursor.fetchall())


def every_byte(order: Order) -> dict[str, list[tuple[Any, ...]]]:
    """Every column of every row that an order has anywhere in the shop."""
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
    """Every row of every table of the shop and of the app."""
    labels = {"orders", "order_copies", "order_copies_events"}
    tables = {
        model._meta.db_table for model in apps.get_models() if model._meta.app_label in labels
    }
    return {table: raw_rows(table, "TRUE") for table in sorted(tables)}


def ending(order_copy: OrderFactory) -> tuple[str, dict[str, int], int]:
    """How a copy ended: its status, how many messages each attribute has, and its count."""
    log = {attribute: len(messages) for attribute, messages in order_copy.errors_log.items()}
    return order_copy.status, log, order_copy.errors_count


def actions(
    order_copy: OrderFactory, attribute: str = "line_items"
) -> list[tuple[str, str | None]]:
    """What became of each line: action and code."""
    return [
        (outcome["action"], outcome["code"])
        for outcome in order_copy.outcomes
        if outcome["attribute"] == attribute
    ]


def events_of(order_copy: OrderFactory) -> list[str]:
    """The names of the copy's events, in order."""
    of_copy = Event.objects.filter(resource_type="order_copies", resource_id=str(order_copy.pk))
    return list(of_copy.exclude(name="").values_list("name", flat=True))


def statuses(order: Order) -> tuple[str, str, str]:
    """The three statuses of an order as the database has them."""
    names = ("status", "payment_status", "fulfillment_status")
    return Order.objects.values_list(*names).get(pk=order.pk)


def all_messages(log: dict[str, Sequence[str]]) -> list[str]:
    """Every message of an errors log."""
    return [message for messages in log.values() for message in messages]
