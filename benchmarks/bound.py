"""The upper bound: the throughput of the database without any decisions in Python.

``INSERT … SELECT`` writes the same rows as frozen copies, a hundred copies per transaction. Only
keys are returned to Python.
"""

import json
import secrets
from typing import Any

from django.db import connection, models, transaction
from django.utils import timezone

from order_copies.conf import settings
from order_copies.models import OrderFactory
from orders.copying.fields import ADDRESS, LINE_ITEM, LINE_ITEM_OPTION, ORDER

OUTCOME = {
    "attribute": "line_items",
    "source_line_item": "abcdefghij",
    "target_line_item": "abcdefghij",
    "name": "Thing 12",
    "action": "copied",
    "code": None,
    "message": None,
    "before": {"item_type": "skus", "sku_code": "SKU1", "quantity": 1, "unit_amount_cents": 1000},
    "after": {"item_type": "skus", "sku_code": "SKU1", "quantity": 1, "unit_amount_cents": 1000},
}


def run_bound_batch() -> int:
    """Run one batch of pending copies and return the number of copies."""
    with transaction.atomic(), connection.cursor() as cursor:
        copies = list(
            OrderFactory.objects.filter(status="pending")
            .order_by("pk")
            .values_list("pk", "source_order_id")[: settings.BATCH_SIZE]
        )
        if copies:
            _copy(cursor, copies)
    return len(copies)


def _copy(cursor: Any, copies: list[tuple[int, int]]) -> None:
    now = timezone.now()
    sources = [source for _pk, source in copies]
    _events(cursor, [pk for pk, _source in copies], "order_copies.start", now)
    unique = [(source, secrets.token_hex(8), secrets.token_hex(16)) for source in sources]
    targets = _copy_rows(
        cursor, ORDER.model, unique, "s.id = m.a",
        {"number": "m.b", "token": "m.c", "payment_status": "'unpaid'"},
    )  # fmt: skip
    pairs = list(zip(sources, targets, strict=True))
    _copy_rows(cursor, ADDRESS.model, pairs, "s.order_id = m.a", {"order_id": "m.b"})
    before = _keys(cursor, LINE_ITEM.model, pairs)
    after = _copy_rows(cursor, LINE_ITEM.model, pairs, "s.order_id = m.a", {"order_id": "m.b"})
    lines = list(zip(before, after, strict=True))
    _copy_rows(
        cursor, LINE_ITEM_OPTION.model, lines, "s.line_item_id = m.a", {"line_item_id": "m.b"}
    )
    _end(cursor, [(pk, target) for (pk, _source), target in zip(copies, targets, strict=True)], now)
    _events(cursor, [pk for pk, _source in copies], "order_copies.complete", now)


def _mapping(columns: int) -> str:
    letters = "abc"[:columns]
    if connection.vendor == "postgresql":
        kinds = {"a": "bigint", "b": "bigint" if columns == 2 else "text", "c": "text"}
        values = ", ".join(
            f"(value->>{i})::{kinds[letter]} AS {letter}" for i, letter in enumerate(letters)
        )
        return (
            f"(SELECT n, {values} FROM jsonb_array_elements(%s::jsonb) "
            f"WITH ORDINALITY AS e(value, n)) AS m"
        )
    values = ", ".join(
        f"json_extract(value, '$[{i}]') AS {letter}" for i, letter in enumerate(letters)
    )
    return f"(SELECT key AS n, {values} FROM json_each(%s)) AS m"


def _copy_rows(
    cursor: Any, model: type[models.Model], pairs: Any, join: str, changed: dict[str, str]
) -> list[int]:
    names = [field.column for field in model._meta.concrete_fields if not field.primary_key]
    values = ", ".join(changed.get(name, f"s.{name}") for name in names)
    table = model._meta.db_table
    cursor.execute(
        f"INSERT INTO {table} ({', '.join(names)}) SELECT {values} FROM {_mapping(len(pairs[0]))} "
        f"JOIN {table} s ON {join} ORDER BY m.n, s.id RETURNING id",
        [json.dumps(pairs)],
    )
    return [row[0] for row in cursor.fetchall()]


def _keys(cursor: Any, model: type[models.Model], pairs: Any) -> list[int]:
    cursor.execute(
        f"SELECT s.id FROM {_mapping(2)} JOIN {model._meta.db_table} s ON s.order_id = m.a "
        f"ORDER BY m.n, s.id",
        [json.dumps(pairs)],
    )
    return [row[0] for row in cursor.fetchall()]


def _end(cursor: Any, pairs: Any, now: Any) -> None:
    cursor.execute(
        f"UPDATE order_copies_orderfactory SET status = 'completed', started_at = %s, "
        f"completed_at = %s, attempt = 1, outcomes = %s, target_order_id = m.b "
        f"FROM {_mapping(2)} WHERE id = m.a",
        [now, now, json.dumps([OUTCOME] * 5), json.dumps(pairs)],
    )


def _events(cursor: Any, keys: list[int], name: str, now: Any) -> None:
    text = "CAST(id AS TEXT)"
    marks = ", ".join(["%s"] * len(keys))
    cursor.execute(
        f"INSERT INTO order_copies_events_event "
        f"(resource_type, resource_id, name, changes, who, created_at) "
        f"SELECT type, {text}, %s, %s, %s, %s FROM order_copies_orderfactory "
        f"WHERE id IN ({marks})",
        [name, '{"status": {"from": "a", "to": "b"}}', "{}", now, *keys],
    )
