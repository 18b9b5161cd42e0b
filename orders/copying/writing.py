"""Write planned target orders with one statement for each table, for any number of rows."""

from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import chain, islice
from typing import Any, cast

from django.db.models import Field
from django.utils import timezone

from order_copies import public_ids
from order_copies.db.rows import insert_rows
from order_copies.events.models import Event
from order_copies.events.recording import record
from order_copies.events.who import Who, with_order_copy
from order_copies.shops import CopiedModel, CopyRun
from orders.copying.fields import ADDRESS, LINE_ITEM, LINE_ITEM_OPTION, ORDER
from orders.copying.plan import TargetOrder


def write(runs: Sequence[CopyRun], *, who: Who) -> None:
    """Write the target orders of ``runs`` and record their creation.

    Set ``target_order`` and ``target_line_items`` of each run.
    """
    now = timezone.now()
    _write_orders(runs, now)
    record([_created(run, who, now) for run in runs])
    keys = _write_lines(runs, now)
    _write_options(runs, keys, now)
    rows = [(run.target_order, row) for run in runs for row in _target(run).addresses]
    _insert(ADDRESS, rows, now)


def _write_orders(runs: Sequence[CopyRun], now: datetime) -> None:
    fields = [*ORDER.copied, *ORDER.recomputed]
    reset_names, reset_values = _reset_fields(ORDER, now)
    rows = [
        [
            *(ORDER.travelling(name, getattr(_target(run).source, name)) for name in ORDER.copied),
            *(_target(run).values[name] for name in ORDER.recomputed),
            *reset_values(),
        ]
        for run in runs
    ]
    keys = insert_rows(ORDER.model, [*fields, *reset_names], rows)
    for run, key in zip(runs, keys, strict=True):
        run.target_order = key


def _created(run: CopyRun, who: Who, now: datetime) -> Event:
    return Event(
        resource_type="orders",
        resource_id=str(run.target_order),
        name="orders.create",
        changes={"status": {"from": None, "to": _target(run).values["status"]}},
        who=with_order_copy(who, run.order_copy.public_id),
        created_at=now,
    )


def _write_lines(runs: Sequence[CopyRun], now: datetime) -> list[int]:
    rows = [(run.target_order, line.row.copied_values) for run in runs for line in run.plan.lines]
    keys = _insert(LINE_ITEM, rows, now)
    ids = iter(public_ids.encode_all("line_items", keys))
    for run in runs:
        run.target_line_items = list(islice(ids, len(run.plan.lines)))
    return keys


def _write_options(runs: Sequence[CopyRun], keys: Sequence[int], now: datetime) -> None:
    lines = chain.from_iterable(((run, line.row) for line in run.plan.lines) for run in runs)
    rows = [
        (key, option)
        for key, (run, line) in zip(keys, lines, strict=True)
        if line.id is not None
        for option in _target(run).options_of(line.id)
    ]
    _insert(LINE_ITEM_OPTION, rows, now)


def _insert(
    policy: CopiedModel, children: Sequence[tuple[int, Sequence[Any]]], now: datetime
) -> list[int]:
    reset_names, reset_values = _reset_fields(policy, now)
    fields = [*policy.remapped, *policy.copied, *reset_names]
    rows = [[parent, *values, *reset_values()] for parent, values in children]
    return insert_rows(policy.model, fields, rows)


def _reset_fields(policy: CopiedModel, now: datetime) -> tuple[list[str], Callable[[], list[Any]]]:
    """Return the names of the reset fields, and a function that returns their initial values.

    Only the defaults of unique fields differ between rows, so only they are computed for each.
    """
    names = [name for name in policy.reset if name != "id"]
    fields = [cast("Field[Any, Any]", policy.model._meta.get_field(name)) for name in names]
    timestamps = {"created_at", "updated_at"}
    shared = [now if field.name in timestamps else field.get_default() for field in fields]
    unique = [index for index, field in enumerate(fields) if field.unique]

    def values() -> list[Any]:
        row = shared.copy()
        for index in unique:
            row[index] = fields[index].get_default()
        return row

    return names, values


def _target(run: CopyRun) -> TargetOrder:
    target = run.plan.row
    assert isinstance(target, TargetOrder)
    return target
