"""Make, change and start the drafts of batches.

A draft keeps any number of selected orders on the server, with the options of their copies. Each
change of what will be copied gives it a new version; it is started once, in the version that was
shown. No function checks permissions.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from typing import Any

from django.contrib.admin.models import ADDITION, LogEntry
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from order_copies.admin.profiles import usable_profiles
from order_copies.conf import settings
from order_copies.copying import request_batch
from order_copies.db.rows import insert_rows
from order_copies.db.transactions import limited_wait, locked
from order_copies.engines.wake_ups import wake
from order_copies.events.recording import user_actor
from order_copies.exceptions import DraftChangedError, DraftGoneError
from order_copies.models import OPTIONS, BatchDraft, CopyBatch, OrderCopy, SelectedOrder
from order_copies.shops import unsupported_toggles
from order_copies.worker import previews

#: The largest number of orders that a request previews; a worker previews more.
PREVIEWED_AT_ONCE = 50
#: The number of rows that one statement inserts.
CHUNK = 1000

_FIELDS = (
    *("draft_id", "position", "order_id"),
    *("earlier", "currency_code", "plan_digest", "plan"),
)


def create(orders: Iterable[Any], *, user: Any, refused: Collection[str] = ()) -> BatchDraft:
    """Save a draft with these orders, given by their keys, and the options of the default profile.

    Without a default profile, or if the user may not use it, they are the default options. Toggles
    that are ``refused`` to the user are off. Each order is selected once. Their number is not
    limited: let ``orders`` be an iterator.
    """
    profile = next((one for one in usable_profiles(refused) if one.is_default), None)
    off = {*unsupported_toggles(), *refused}
    on = (profile or OrderCopy()).toggles
    options = [name for name in OPTIONS if on[name] and name not in off]
    with transaction.atomic():
        draft = BatchDraft.objects.create(
            user=user, options=options, profile=profile.name if profile else ""
        )
        for part in _parts(enumerate(dict.fromkeys(orders)), CHUNK):
            rows = [[draft.pk, position, key, 0, "", "", {}] for position, key in part]
            insert_rows(SelectedOrder, _FIELDS, rows)
    return draft


def preview(draft: BatchDraft) -> None:
    """Preview a draft that is small enough; let a worker preview a larger one, unless it has.

    Raises :class:`SourceOrderGoneError` if an order was deleted in the meantime.
    """
    if is_small(draft):
        previews.preview_now(draft)
    elif draft.previewed_at is None and draft.preview_due_at is None and not draft.preview_tries:
        preview_again(draft)


def preview_again(draft: BatchDraft) -> None:
    """Forget the preview of a large draft, and let a worker preview it."""
    with _changing(draft):
        _forget_preview(draft)


def _forget_preview(draft: BatchDraft) -> None:
    draft.selected_orders.update(result=None)
    draft.previewed_at, draft.preview_due_at = None, timezone.now()
    draft.preview_tries = 0
    draft.version += 1
    transaction.on_commit(wake)


def is_small(draft: BatchDraft) -> bool:
    """Return whether the draft is previewed by the request that shows it."""
    keys = draft.selected_orders.order_by().values_list("pk", flat=True)
    return len(keys[: PREVIEWED_AT_ONCE + 1]) <= PREVIEWED_AT_ONCE


@contextmanager
def _changing(draft: BatchDraft) -> Iterator[None]:
    """Lock the draft, read it again, and save it at the end."""
    with limited_wait(settings.LOCK_TIMEOUT):
        if not locked(BatchDraft.objects.filter(pk=draft.pk)):
            raise DraftGoneError
        draft.refresh_from_db()
        yield
        draft.save()


def set_options(
    draft: BatchDraft,
    *,
    options: Iterable[str],
    texts: Mapping[str, str | None] | None = None,
    profile: str = "",
) -> bool:
    """Save the toggles that are on, and the texts; return whether toggles have changed.

    ``profile`` names the profile that the toggles were taken from. With other toggles the preview
    is out of date.
    """
    on = [name for name in OPTIONS if name in set(options)]
    with _changing(draft):
        has_changed = bool(on != draft.options)
        draft.options = on
        if has_changed or profile:
            draft.profile = profile
        for name, text in (texts or {}).items():
            setattr(draft, name, text)
        if has_changed and is_small(draft):
            draft.version += 1
        elif has_changed:
            _forget_preview(draft)
    return has_changed


def set_changes(draft: BatchDraft, changes: Mapping[str, Any] | None) -> bool:
    """Save what the copy of the only order takes otherwise; return whether that has changed."""
    with _changing(draft):
        has_changed = bool(changes != draft.changes)
        if has_changed:
            draft.changes = changes
            draft.version += 1
    return has_changed


def tick(draft: BatchDraft, ticks: Mapping[int, bool]) -> bool:
    """Tick or untick selected orders, given by their keys; return whether any has changed."""
    rows = draft.selected_orders.filter(pk__in=ticks)
    changed: dict[bool | None, list[int]] = {}
    for row in rows.defer("plan"):
        if row.is_ticked != ticks[row.pk]:
            wanted = ticks[row.pk]
            # What is ticked without a choice follows the next preview.
            choice = None if wanted is row.completes else wanted
            changed.setdefault(choice, []).append(row.pk)
    if changed:
        with _changing(draft):
            for choice, keys in changed.items():
                draft.selected_orders.filter(pk__in=keys).update(choice=choice)
            draft.version += 1
    return bool(changed)


def tick_all(draft: BatchDraft, rows: "QuerySet[SelectedOrder]", choice: bool | None) -> None:
    """Tick or untick these orders of the draft; None: tick those whose copies will complete."""
    with _changing(draft):
        rows.order_by().update(choice=choice)
        draft.version += 1


def forget(draft: BatchDraft, missing: "QuerySet[SelectedOrder]") -> int:
    """Remove orders from the draft; return their number."""
    if not missing.exists():
        return 0
    with _changing(draft):
        keys = list(missing.values_list("pk", flat=True))
        count: int = draft.selected_orders.filter(pk__in=keys).delete()[0]
        draft.version += 1
    return count


def start(draft: BatchDraft, *, version: int, user: Any) -> tuple[CopyBatch, bool]:
    """Request the copies of the ticked orders as one batch, unless that has been done.

    Returns the batch and whether it is new. Each copy does what was previewed, or fails. Raises
    :class:`DraftChangedError` if the draft has another version or no current preview, and what
    :func:`order_copies.copying.request_copies` raises.
    """
    with _changing(draft):
        if before := CopyBatch.objects.filter(draft=draft).first():
            return before, False
        if draft.version != version or draft.previewed_at is None:
            raise DraftChangedError
        batch = CopyBatch(user=user, draft=draft, reason=draft.reason)
        request_batch(_ticked_copies(draft), actor=user_actor(user), batch=batch)
        LogEntry.objects.log_actions(user.pk, [batch], ADDITION, [{"added": {}}])
    return batch, True


def create_again(draft: BatchDraft, *, user: Any, refused: Collection[str] = ()) -> BatchDraft:
    """Save a new draft with the same orders."""
    keys = draft.selected_orders.order_by("position").values_list("order_id", flat=True)
    return create(keys, user=user, refused=refused)


def _ticked_copies(draft: BatchDraft) -> Iterator[list[OrderCopy]]:
    rows = draft.selected_orders.ticked().order_by("position")
    chosen = rows.values_list("order_id", "plan_digest")
    for part in _parts(chosen.iterator(CHUNK), CHUNK):
        order_copies = previews.order_copies_of(draft, [order for order, _digest in part])
        for order_copy, (_order, digest) in zip(order_copies, part, strict=True):
            order_copy.plan_digest = digest
        yield order_copies


def _parts(rows: Iterable[Any], size: int) -> Iterator[list[Any]]:
    rows = iter(rows)
    return iter(lambda: list(islice(rows, size)), [])
