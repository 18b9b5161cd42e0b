"""Detect changes of source orders between plan and write."""

from collections.abc import Mapping, Sequence

from orders.copying.fields import ORDER
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
