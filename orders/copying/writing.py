"""Write planned target orders: one statement a table, for any number of orders and lines."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, cast

from django.db.models import Field
from django.utils import timezone

from order_copies import public_ids
from order_copies.db.rows import insert_rows
from order_copies.events.models import Event
from order_copies.events.recording import Actor, record, with_copy
from order_copies.shops import CopiedModel, CopyRun
from orders.copying.fields import ADDRESS, KEYS, LINE_ITEM, LINE_ITEM_OPTION, ORDER
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
    record(
        [
            Event(
                resource_type="orders",
                resource_id=str(run.target_order),
                name="orders.create",
                changes={"status": {"from": None, "to": run.plan.row.values["status"]}},
                who=with_copy(who, run.order_copy.public_id),
                created_at=now,
            )
            for run in runs
        ]
    )
    _write_contents(runs, now)


def _write_orders(runs: Sequence[CopyRun], now: datetime) -> None:
    rows = []
    for run in runs:
        target: TargetOrder = run.plan.row
        copied = [ORDER.copied_value(name, getattr(target.source, name)) for name in ORDER.copied]
        rows.append([*copied, *(target.values[name] for name in ORDER.recomputed)])
    for run, key in zip(runs, _insert(ORDER, rows, now), strict=True):
        run.target_order = key


def _write_contents(runs: Sequence[CopyRun], now: datetime) -> None:
    """Write lines, then their options, then addresses."""
    lines = [(run, line.row) for run in runs for line in run.plan.lines]
    keys = _insert(LINE_ITEM, [[run.target_order, *line[KEYS:]] for run, line in lines], now)
    ids = iter(public_ids.encode_all("line_items", keys))
    for run in runs:
        run.target_line_items = list(islice(ids, len(run.plan.lines)))
    options = []
    for key, (run, line) in zip(keys, lines, strict=True):
        target: TargetOrder = run.plan.row
        rows = target.changed_options.get(line.id, target.options.get(line.id, ()))
        options += [[key, *row] for row in rows]
    _insert(LINE_ITEM_OPTION, options, now)
    addresses = [[run.target_order, *row] for run in runs for row in run.plan.row.addresses]
    _insert(ADDRESS, addresses, now)


def _insert(policy: CopiedModel, rows: Sequence[Sequence[Any]], now: datetime) -> list[int]:
    """Insert rows of remapped, copied and recomputed values; reset fields get initial values.

    Only the defaults of unique fields differ between rows, so only they are computed for each.
    """
    names = [name for name in policy.reset if name != "id"]
    fields = [cast("Field[Any, Any]", policy.model._meta.get_field(name)) for name in names]
    timestamps = {"created_at", "updated_at"}
    initial = [now if field.name in timestamps else field.get_default() for field in fields]
    unique = [index for index, field in enumerate(fields) if field.unique]
    complete = []
    for row in rows:
        for index in unique:
            initial[index] = fields[index].get_default()
        complete.append([*row, *initial])
    columns = [*policy.remapped, *policy.copied, *policy.recomputed, *names]
    return insert_rows(policy.model, columns, complete)
