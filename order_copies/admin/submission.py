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
from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ValidationError
from django.db import models
from django.http import HttpRequest
from django.utils.translation import gettext as _

from order_copies.admin.display import Preview
from order_copies.conf import settings
from order_copies.copying import request_copies
from order_copies.db.transactions import limited_wait
from order_copies.events.recording import user_actor
from order_copies.models import OPTIONS, OrderCopy

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
    order_copies: Sequence[OrderCopy], *, request_key: UUID, user: Any
) -> tuple[list[OrderCopy], bool]:
    """Request ``order_copies`` unless ``user`` has requested the same with the same key before.

    Returns the requested copies, and whether they are new. A user who goes back and submits the
    page with other orders or options makes another request.

    Key and content are stored in the admin's log, in the transaction of the copies, so they cannot
    be lost with a session or a cache. A lock on the user's row serializes concurrent submits.

    Raises :class:`RowsLockedError` if that lock, or one on a source order, is not granted in time,
    and what else :func:`order_copies.copying.request_copies` raises.
    """
    message = _message(order_copies, request_key)
    with limited_wait(settings.LOCK_TIMEOUT):
        get_user_model()._default_manager.select_for_update().get(pk=user.pk)
        requested = _requested(user, change_message=message)
        if requested:
            return requested, False
        request_copies(order_copies, actor=user_actor(user))
        LogEntry.objects.log_actions(user.pk, order_copies, ADDITION, json.loads(message))
    return list(order_copies), True


def requested_before(
    order_copies: Sequence[OrderCopy], *, request_key: UUID, user: Any
) -> list[OrderCopy]:
    """The copies that ``user`` requested with the same key and the same content."""
    return _requested(user, change_message=_message(order_copies, request_key))


def requested_from(orders: Sequence[Any], *, request_key: UUID, user: Any) -> list[OrderCopy]:
    """Return the copies of ``orders`` that ``user`` requested with this key, with any content."""
    logged = _requested(user, change_message__startswith=_message_start(request_key))
    if not logged:
        return []
    keys = [order_copy.pk for order_copy in logged]
    found = OrderCopy.objects.filter(pk__in=keys, source_order__in=orders)
    of_orders = set(found.values_list("pk", flat=True))
    return [order_copy for order_copy in logged if order_copy.pk in of_orders]


def _message(order_copies: Sequence[OrderCopy], request_key: UUID) -> str:
    content = _fingerprint(order_copies)
    return f'{_message_start(request_key)}, "request_content": "{content}"}}]'


def _message_start(request_key: UUID) -> str:
    return f'[{{"added": {{}}, "request_key": "{request_key}"'


def _fingerprint(order_copies: Sequence[OrderCopy]) -> str:
    # Sorted, so that the order of the copies does not matter.
    names = [*OPTIONS, "reference", "reference_origin"]
    rows = (
        [str(order_copy.source_order_id), *(getattr(order_copy, name) for name in names)]
        for order_copy in order_copies
    )
    return sha256("\n".join(sorted(map(json.dumps, rows))).encode()).hexdigest()


def _requested(user: Any, **logged: str) -> list[OrderCopy]:
    content_type = ContentType.objects.get_for_model(OrderCopy, for_concrete_model=False)
    entries = LogEntry.objects.filter(user=user, content_type=content_type, **logged)
    keys = entries.order_by("pk").values_list("object_id", flat=True)
    return [OrderCopy(pk=int(key)) for key in keys if key]
