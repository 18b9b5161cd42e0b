"""Preview the drafts of batches: plan their copies as a run would, and store the results.

A small draft is previewed by the request that shows it. A worker previews a large one: it claims
the draft under a lease, and plans some orders at a time, in the order of the run. It stops as soon
as the draft waits for another preview, because its options have changed.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from django.db import transaction
from django.db.models import Count
from django.utils import timezone

from order_copies.conf import settings
from order_copies.db.rows import update_rows
from order_copies.db.transactions import locked
from order_copies.exceptions import SourceOrderGoneError
from order_copies.models import (
    OPTIONS,
    BatchDraft,
    OrderCopy,
    OrderFactory,
    Result,
    SelectedOrder,
)
from order_copies.plans import Action, CopyPlan
from order_copies.shops import Planner, Shop, get_shop
from order_copies.transitions import RETRYABLE
from order_copies.worker import checked_shop

logger = logging.getLogger("order_copies.worker")

#: The number of orders that are planned and stored at once.
CHUNK = 200
#: The totals of an order, the one that is charged first.
DUE = ("total_amount_with_taxes_cents", "total_amount_cents")

_FIELDS = (
    *("result", "earlier", "currency_code", "source_cents", "target_cents"),
    *("charged_cents", "voided_cents", "plan_digest", "plan"),
)
#: The values by which two previews are compared.
_COMPARED = ("result", "plan_digest", "earlier")


def order_copies_of(draft: BatchDraft, orders: Sequence[Any]) -> list[OrderCopy]:
    """Return unsaved copies of orders, given by their keys, with the options of the draft."""
    values: dict[str, Any] = {name: name in draft.options for name in OPTIONS}
    values |= {"reference": draft.reference, "reference_origin": draft.reference_origin}
    values |= {"profile": draft.profile or None, "changes": draft.changes}
    return [OrderCopy(source_order_id=order, **values) for order in orders]


def preview_now(draft: BatchDraft) -> None:
    """Preview a small draft, all orders together. It gets a new version if anything differs.

    Raises :class:`SourceOrderGoneError` if an order was deleted in the meantime.
    """
    rows = list(draft.selected_orders.in_plan_order())
    shop = get_shop()
    found = _found(draft, rows, shop, None, is_detailed=True)
    before = [[getattr(row, name) for name in _COMPARED] for row in rows]
    after = [[values[name] for name in _COMPARED] for values in found]
    if draft.previewed_at is not None and before == after:
        return
    with _held(draft, version=draft.version) as is_held:
        if is_held:
            _store(rows, found)
            draft.preview_due_at, draft.previewed_at = None, timezone.now()
            draft.version += 1
            draft.save(update_fields=["preview_due_at", "previewed_at", "version"])
    if not is_held:
        # Another request has changed or previewed it: the page shows that version.
        with suppress(BatchDraft.DoesNotExist):
            draft.refresh_from_db()


def preview_due() -> bool:
    """Preview the draft that has waited longest for a worker; return whether there was one.

    One query if none waits. A draft whose preview raises an error is tried again after a pause, and
    given up after ``MAX_ATTEMPTS``; the error is logged.
    """
    waiting = BatchDraft.objects.filter(preview_due_at__lte=timezone.now())
    draft = waiting.order_by("preview_due_at", "pk").first()
    if draft is None or not _claim(draft):
        return False
    try:
        if draft.preview_tries > settings.MAX_ATTEMPTS:
            message = "Its workers died: they may need more memory."
            raise RuntimeError(message)
        _preview_in_chunks(draft)
    except Exception:
        logger.exception("The preview of draft %s failed", draft)
        is_last = draft.preview_tries >= settings.MAX_ATTEMPTS
        pause = settings.backoff_after(draft.preview_tries)
        mine = BatchDraft.objects.filter(pk=draft.pk, preview_due_at=draft.preview_due_at)
        mine.update(preview_due_at=None if is_last else timezone.now() + pause)
    return True


def _claim(draft: BatchDraft) -> int:
    """Take the lease of a draft; return 0 if another worker was faster."""
    waiting = BatchDraft.objects.filter(pk=draft.pk, preview_due_at=draft.preview_due_at)
    draft.preview_due_at = timezone.now() + settings.LEASE
    draft.preview_tries += 1
    return waiting.update(preview_due_at=draft.preview_due_at, preview_tries=draft.preview_tries)


def _preview_in_chunks(draft: BatchDraft) -> None:
    shop = get_shop()
    planner = shop.planner()
    keys = list(draft.selected_orders.in_plan_order().values_list("pk", flat=True))
    for first in range(0, len(keys), CHUNK):
        by_key = SelectedOrder.objects.in_bulk(keys[first : first + CHUNK])
        rows = [by_key[key] for key in keys[first : first + CHUNK] if key in by_key]
        orders = shop.order_model._base_manager.filter(pk__in=[row.order_id for row in rows])
        existing = set(orders.values_list("pk", flat=True))
        rows = [row for row in rows if row.order_id in existing]
        found = _found(draft, rows, shop, planner, is_detailed=False)
        with _held(draft, preview_due_at=draft.preview_due_at) as is_held:
            if not is_held:
                return
            _store(rows, found)
            draft.preview_due_at = timezone.now() + settings.LEASE
            draft.save(update_fields=["preview_due_at"])
    mine = BatchDraft.objects.filter(pk=draft.pk, preview_due_at=draft.preview_due_at)
    mine.update(preview_due_at=None, previewed_at=timezone.now())


@contextmanager
def _held(draft: BatchDraft, **values: Any) -> Iterator[bool]:
    """Lock the draft, and yield whether it still has these values."""
    with transaction.atomic():
        yield bool(locked(BatchDraft.objects.filter(pk=draft.pk, **values)))


def _found(
    draft: BatchDraft,
    rows: Sequence[SelectedOrder],
    shop: Shop,
    planner: Planner | None,
    *,
    is_detailed: bool,
) -> list[dict[str, Any]]:
    """Return the values of each row that its preview sets."""
    orders = [row.order_id for row in rows]
    try:
        plans = checked_shop.plan(shop, order_copies_of(draft, orders), planner)
    except Exception as error:
        if shop.order_model._base_manager.filter(pk__in=orders).count() < len(set(orders)):
            raise SourceOrderGoneError from error
        raise
    earlier = _earlier_copies(orders)
    return [
        _values(plan, earlier.get(order, 0), is_detailed=is_detailed)
        for order, plan in zip(orders, plans, strict=True)
    ]


def _store(rows: Sequence[SelectedOrder], found: Sequence[Mapping[str, Any]]) -> None:
    values = [
        [row.pk, *(one[name] for name in _FIELDS)] for row, one in zip(rows, found, strict=True)
    ]
    update_rows(SelectedOrder, _FIELDS, values)


def standing_copies(orders: Sequence[Any]) -> Any:
    """Return the existing copies of orders. A failed or aborted one counts only with a target."""
    copies = OrderFactory.objects.filter(source_order__in=orders)
    return copies.exclude(status__in=RETRYABLE, target_order=None)


def _earlier_copies(orders: Sequence[Any]) -> dict[Any, int]:
    counted = standing_copies(orders).order_by().values_list("source_order").annotate(Count("pk"))
    return dict(counted)


def _values(plan: CopyPlan, earlier: int, *, is_detailed: bool) -> dict[str, Any]:
    result, totals = _result(plan), plan.totals[-1:]
    shown = plan.as_json()
    if result == Result.AS_IS and not is_detailed:
        # All lines are copied as they are: thousands of orders need not say so line by line.
        shown["outcomes"] = []
    return {
        "result": result.value,
        "earlier": earlier,
        "currency_code": plan.currency_code,
        "source_cents": totals[0][1] if totals else None,
        "target_cents": totals[0][2] if totals and plan.will_write else None,
        "charged_cents": _due(plan.target_totals) if plan.will_place else None,
        "voided_cents": _due(plan.source_totals) if plan.will_cancel else None,
        "plan_digest": plan.digest,
        "plan": shown,
    }


def _result(plan: CopyPlan) -> Result:
    if not plan.will_complete:
        return Result.CANNOT
    is_same = all(before == after for _name, before, after in plan.totals) and all(
        outcome.action == Action.COPIED and not outcome.message for outcome in plan.outcomes
    )
    return Result.AS_IS if is_same and not plan.problems else Result.CHANGES


def _due(totals: Mapping[str, int]) -> int:
    return max(0, next((totals[name] for name in DUE if name in totals), 0))
