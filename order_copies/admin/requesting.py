"""Ask for copies out of the admin: once a page, however often its button is pressed."""

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.contrib.admin.models import ADDITION, LogEntry
from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.db import transaction

from order_copies.copying import request_copies
from order_copies.events.who import user_as_who
from order_copies.models import OrderCopy


def request_once(
    order_copies: Sequence[OrderCopy], *, request_key: UUID, user: Any
) -> tuple[list[OrderCopy], bool]:
    """Request these copies unless ``user`` did with the same key before.

    Returns the copies that were requested, now or before, and whether it was now. The admin's own
    log remembers the key, in the transaction of the copies, so no session or cache can lose it;
    the lock on the user's row makes two submits at the same moment stand in line.
    """
    message = [{"added": {}, "request_key": str(request_key)}]
    with transaction.atomic():
        get_user_model()._default_manager.select_for_update().get(pk=user.pk)
        requested = _requested(message, user)
        if requested:
            return requested, False
        request_copies(order_copies, who=user_as_who(user))
        LogEntry.objects.log_actions(user.pk, order_copies, ADDITION, message)
    return list(order_copies), True


def _requested(message: list[Any], user: Any) -> list[OrderCopy]:
    content_type = ContentType.objects.get_for_model(OrderCopy, for_concrete_model=False)
    entries = LogEntry.objects.filter(
        user=user, content_type=content_type, change_message=json.dumps(message)
    )
    keys = entries.order_by("pk").values_list("object_id", flat=True)
    return [OrderCopy(pk=int(key)) for key in keys if key]
