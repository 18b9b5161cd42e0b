"""The submit of the copy page: its orders, the check of its preview, and idempotency."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib import admin
from django.contrib.admin.models import ADDITION, LogEntry
from django.contrib.admin.utils import unquote
from django.core.exceptions import ValidationError
from django.db import IntegrityError, models
from django.http import HttpRequest
from django.utils.translation import gettext as _

from order_copies.admin.display import Preview
from order_copies.conf import settings
from order_copies.copying import request_copies
from order_copies.db.transactions import limited_wait
from order_copies.events.recording import user_actor
from order_copies.models import OPTIONS, CopyBatch, OrderCopy

if TYPE_CHECKING:
    Base = admin.ModelAdmin[Any]
else:
    Base = object


@dataclass(slots=True)
class Selection:
    """The orders that a request names and that its user may view."""

    orders: list[Any] = field(default_factory=list)
    #: The number of named orders that were not found or that the user may not view.
    missing: int = 0


class SelectingMixin(Base):
    """Selects the orders for the copy page of a shop's order admin."""

    #: The largest number of orders that can be copied at once.
    copy_orders_limit: int = 100

    def copy_orders_selection(self, request: HttpRequest) -> Selection:
        """Return the orders that the parameter ``ids`` names and that the user may view."""
        ids = list(dict.fromkeys(filter(None, request.GET.get("ids", "").split(","))))
        ids = ids[: self.copy_orders_limit]
        keys = [key for key in map(self._order_key, ids) if key is not None]
        orders = self._orders(request).in_bulk(keys)
        seen = [
            orders[key]
            for key in keys
            if key in orders and self.has_view_permission(request, orders[key])
        ]
        return Selection(seen, len(ids) - len(seen))

    def _orders(self, request: HttpRequest) -> "models.QuerySet[Any]":
        orders = self.get_queryset(request)
        related = self.get_list_select_related(request)
        return orders if isinstance(related, bool) else orders.select_related(*related)

    def _order_key(self, text: str) -> Any:
        # The primary key for one part of the parameter, or None if it is malformed.
        key = self.model._meta.pk
        assert key is not None
        try:
            return None if "\0" in text else key.clean(unquote(text), None)
        except ValidationError:
            return None


@dataclass(frozen=True, slots=True)
class Previewed:
    """The state of a preview: its options, and a digest of its plans."""

    #: Names of the options that are on, separated by commas.
    options: str
    #: Digest of the orders, their plans and their earlier copies.
    digest: str

    @classmethod
    def of(cls, order_copies: Sequence[OrderCopy], previews: Sequence[Preview]) -> "Previewed":
        """Return the state of a preview of ``order_copies``, which all have the same options."""
        options = (name for name in OPTIONS if getattr(order_copies[0], name))
        shown = "\n".join(map(_shown, previews))
        return cls(",".join(options), sha256(shown.encode()).hexdigest())

    def why_stale(self, submitted: Mapping[str, str]) -> str:
        """Return why a submitted preview differs from this one; empty if it is the same."""
        if submitted.get("previewed_options") != self.options:
            reason = _("The options have changed since this preview.")
        elif submitted.get("previewed_digest") != self.digest:
            reason = _("These orders were changed or copied since this preview.")
        else:
            return ""
        return f"{reason} {_('Nothing was copied. Check the updated preview, then copy.')}"


def _shown(preview: Preview) -> str:
    earlier = preview.earlier
    copied = f"{earlier.count} {earlier.latest.pk}" if earlier else "0"
    return f"{preview.order.pk} {preview.plan.digest} {copied}"


def request_once(
    order_copies: Sequence[OrderCopy], *, request_key: UUID, user: Any, reason: str = ""
) -> tuple[CopyBatch, bool]:
    """Request ``order_copies`` unless ``user`` has requested the same with the same key before.

    Returns the batch of the copies, and whether it is new. A user who goes back and submits the
    page with other orders or options makes another batch.

    Key and content are stored with the batch, in the transaction of the copies, so they cannot be
    lost with a session or a cache. A unique constraint decides between concurrent submits.

    Raises :class:`RowsLockedError` if a lock on a source order is not granted in time, and what
    else :func:`order_copies.copying.request_copies` raises.
    """
    content = _fingerprint(order_copies)
    batch = CopyBatch(user=user, request_key=request_key, content=content, reason=reason)
    try:
        with limited_wait(settings.LOCK_TIMEOUT):
            request_copies(order_copies, actor=user_actor(user), batch=batch)
            LogEntry.objects.log_actions(user.pk, order_copies, ADDITION, [{"added": {}}])
    except IntegrityError:
        before = requested_before(order_copies, request_key=request_key, user=user)
        if before is None:
            raise
        return before, False
    return batch, True


def requested_before(
    order_copies: Sequence[OrderCopy], *, request_key: UUID, user: Any
) -> CopyBatch | None:
    """Return the batch that ``user`` requested with the same key and content; None: none."""
    content = _fingerprint(order_copies)
    batches = CopyBatch.objects.filter(user=user, request_key=request_key, content=content)
    return batches.first()


def requested_from(orders: Sequence[Any], *, request_key: UUID, user: Any) -> CopyBatch | None:
    """Return the first batch with copies of ``orders`` that ``user`` requested with this key."""
    batches = CopyBatch.objects.filter(user=user, request_key=request_key)
    copies = OrderCopy.objects.filter(batch__in=batches, source_order__in=orders)
    order_copy = copies.select_related("batch").order_by("pk").first() if orders else None
    return order_copy.batch if order_copy else None


def _fingerprint(order_copies: Sequence[OrderCopy]) -> str:
    # Sorted, so that the order of the copies does not matter.
    names = [*OPTIONS, "reference", "reference_origin"]
    rows = (
        [str(order_copy.source_order_id), *(getattr(order_copy, name) for name in names)]
        for order_copy in order_copies
    )
    return sha256("\n".join(sorted(map(json.dumps, rows))).encode()).hexdigest()
