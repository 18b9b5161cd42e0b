"""Write planned target orders: one statement a table, for any number of orders and lines."""

from collections.abc import Mapping, Sequence
from itertools import islice

from django.utils import timezone

from order_copies import public_ids
from order_copies.events.models import Event
from order_copies.events.recording import Actor, record, with_copy
from order_copies.exceptions import SourceChangedError
from order_copies.shops import CopyRun
from order_copies.shops.writer import Target, write_targets
from orders.copying.fields import ORDER, TABLES, SourceLine
from orders.copying.plan import TargetOrder
from orders.copying.snapshot import Contents, contents_of
from orders.exceptions import OrderGoneError
from orders.models import Address, LineItem, LineItemOption, Order
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
        and target.source_addresses == contents.addresses.get(order.pk, [])
    )


def write(runs: Sequence[CopyRun], *, who: Actor) -> None:
    """Write the target orders of ``runs`` and record their creation.

    Set ``target_order`` and ``target_line_items`` of each run.
    """
    now = timezone.now()
    targets = [_target(run) for run in runs]
    write_targets(TABLES, targets, now)
    keys = [key for target in targets for key in target.keys[LineItem]]
    ids = iter(public_ids.encode_all("line_items", keys))
    for run, target in zip(runs, targets, strict=True):
        run.target_order = target.key
        run.target_line_items = list(islice(ids, len(run.plan.lines)))
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


def _target(run: CopyRun) -> Target:
    planned: TargetOrder = run.plan.row
    order = planned.source
    copied = {name: ORDER.copied_value(name, getattr(order, name)) for name in ORDER.copied}
    lines: list[SourceLine] = [line.row for line in run.plan.lines]
    options = [
        (None, line.id, *row)
        for line in lines
        for row in planned.changed_options.get(line.id or 0, planned.options.get(line.id or 0, ()))
    ]
    addresses = [(None, order.pk, *row) for row in planned.recipient.addresses]
    return Target(
        source=order.pk,
        order=copied | planned.values,
        rows={LineItem: lines, LineItemOption: options, Address: addresses},
    )
