"""Ask for copies out of the admin: once a submit, however often its button is pressed."""

import json
from collections.abc import Sequence
from hashlib import sha256
from typing import Any
from uuid import UUID

from django.contrib.admin.models import ADDITION, LogEntry
from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.db import transaction

from order_copies.copying import OPTIONS, request_copies
from order_copies.events.who import user_as_who
from order_copies.models import OrderCopy


def request_once(
    order_copies: Sequence[OrderCopy], *, request_key: UUID, user: Any
) -> tuple[list[OrderCopy], bool]:
    """Request these copies unless ``user`` requested the same with the same key before.

    Returns the copies that were requested, now or before, and whether it was now. Who goes back
    and submits a page once more with other orders or options asks for something else.

    The admin's own log remembers key and content, in the transaction of the copies, so no session
    or cache can lose them; the lock on the user's row makes two submits at the same moment stand
    in line.
    """
    message = _message(order_copies, request_key)
    with transaction.atomic():
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
