"""Write planned target orders: one statement a table, for any number of orders and lines."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import chain, islice
from typing import Any, cast

from django.db.models import Field
from django.utils import timezone

from order_copies import public_ids
from order_copies.db.rows import insert_rows
from order_copies.events.actors import Actor, with_copy
from order_copies.events.models import Event
from order_copies.events.recording import record
from order_copies.shops import CopiedModel, CopyRun
from orders.copying.fields import ADDRESS, LINE_ITEM, LINE_ITEM_OPTION, ORDER
from orders.copying.plan import TargetOrder
from orders.copying.snapshot import Contents, contents_of
from orders.exceptions import OrderGoneError, SourceChangedError
from orders.models import Order
from orders.totals import TOTALS

#: The fields of an order that its plan copies or calculates with.
_FIELDS = (*ORDER.copied, "coupon_code", "payment_source_id", *TOTALS)


def check_unchanged(targets: Sequence[TargetOrder], current: Mapping[int, Order]) -> None:
    """Raise :class:`SourceChangedError` if the copied data of a source changed since the plan.

    ``current`` are the source orders as they are now, locked. Raises :class:`OrderGoneError` if
    one is missing. Changes of stock, coupons and promotions are not checked.
    """
    if not targets:
        return
    contents = contents_of(current)
    for target in targets:
        key = target.source.pk
        if key not in current:
            raise OrderGoneError
        if not _is_unchanged(target, current[key], contents):
            message = f"Order {target.source} was changed while it was copied."
            raise SourceChangedError(message)


def _is_unchanged(target: TargetOrder, order: Order, contents: Contents) -> bool:
    planned, found = target.options, contents.options
    keys = [line.id or 0 for line in target.source_lines]
    return (
        all(getattr(target.source, name) == getattr(order, name) for name in _FIELDS)
        and target.source_lines == contents.lines[order.pk]
        and all(planned.get(key) == found.get(key) for key in keys)
        and target.addresses == contents.addresses.get(order.pk, [])
    )


def write(runs: Sequence[CopyRun], *, who: Actor) -> None:
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
            *(
                ORDER.copied_value(name, getattr(_target(run).source, name))
                for name in ORDER.copied
            ),
            *(_target(run).values[name] for name in ORDER.recomputed),
            *reset_values(),
        ]
        for run in runs
    ]
    keys = insert_rows(ORDER.model, [*fields, *reset_names], rows)
    for run, key in zip(runs, keys, strict=True):
        run.target_order = key


def _created(run: CopyRun, who: Actor, now: datetime) -> Event:
    return Event(
        resource_type="orders",
        resource_id=str(run.target_order),
        name="orders.create",
        changes={"status": {"from": None, "to": _target(run).values["status"]}},
        who=with_copy(who, run.order_copy.public_id),
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
