"""Submit the copy page: the selected orders, what was previewed, copies requested once."""

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
from order_copies.db.locks import limited_wait
from order_copies.events.who import user_as_who
from order_copies.models import OPTIONS, OrderCopy

if TYPE_CHECKING:
    Base = admin.ModelAdmin[Any]
else:
    Base = object


@dataclass(slots=True)
class Selection:
    """The orders that a request names and its user may copy."""

    orders: list[Any] = field(default_factory=list)
    #: How many of the named ones were not found among those that the user may see.
    missing: int = 0


class SelectingMixin(Base):
    """Finds the orders that a page of a shop's order admin is to copy."""

    #: How many orders can be copied at once.
    copy_orders_limit: int = 100

    def copy_orders_selection(self, request: HttpRequest) -> Selection:
        """The orders that the URL names, as far as the user may see them."""
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
        """The primary key that a piece of the URL stands for; None where it can be none."""
        key = self.model._meta.pk
        assert key is not None
        try:
            return None if "\0" in text else key.clean(unquote(text), None)
        except ValidationError:
            return None


@dataclass(frozen=True, slots=True)
class Previewed:
    """The options of a preview, and a digest of what it showed of the orders."""

    options: str
    digest: str

    @classmethod
    def of(cls, order_copies: Sequence[OrderCopy], previews: Sequence[Preview]) -> "Previewed":
        """What the page shows of these new copies, which all have the same options."""
        options = (name for name in OPTIONS if getattr(order_copies[0], name))
        shown = "\n".join(map(_shown, previews))
        return cls(",".join(options), sha256(shown.encode()).hexdigest())

    def why_stale(self, submitted: Mapping[str, str]) -> str:
        """Why what was submitted is not what would be done now; empty where it is the same."""
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
    """Request these copies unless ``user`` requested the same with the same key before.

    Returns the copies that were requested, now or before, and whether it was now. Who goes back
    and submits a page once more with other orders or options asks for something else.

    The admin's own log remembers key and content, in the transaction of the copies, so no session
    or cache can lose them; the lock on the user's row makes two submits at the same moment stand
    in line. Raises :class:`RowsLockedError` if that lock, or one on a source order, cannot be had.
    """
    message = _message(order_copies, request_key)
    with limited_wait(settings.LOCK_TIMEOUT):
        get_user_model()._default_manager.select_for_update().get(pk=user.pk)
        requested = _requested(user, change_message=message)
        if requested:
            return requested, False
        request_copies(order_copies, who=user_as_who(user))
        LogEntry.objects.log_actions(user.pk, order_copies, ADDITION, json.loads(message))
    return list(order_copies), True


def requested_before(
    order_copies: Sequence[OrderCopy], *, request_key: UUID, user: Any
) -> list[OrderCopy]:
    """The copies that ``user`` requested with the same key and the same content."""
    return _requested(user, change_message=_message(order_copies, request_key))


def requested_from(orders: Sequence[Any], *, request_key: UUID, user: Any) -> list[OrderCopy]:
    """The copies of these orders that ``user`` requested with this key, with any content."""
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
    """What these copies are asked to do, in 64 characters; their order does not matter."""
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
