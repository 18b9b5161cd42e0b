"""Answer a request that names itself once: the same key and body are the same copy.

The name is kept with the copy in one transaction, so a process that dies leaves both or none. Who
asks under the same name meanwhile waits for that transaction, and then finds the answer.
"""

import json
import math
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Self

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from order_copies.api.prefer import MAX_WAIT
from order_copies.conf import settings
from order_copies.db.locks import locked_unless_taken
from order_copies.exceptions import AlreadyAskedError
from order_copies.jsonapi.errors import (
    IDEMPOTENCY_KEY_IN_USE,
    IDEMPOTENCY_KEY_REUSED,
    INVALID_DATA_FORMAT,
    INVALID_IDEMPOTENCY_KEY,
    Error,
    RequestRefusedError,
    refused,
)
from order_copies.models import IdempotentRequest, OrderFactory

#: How long a first request can be on its way; after that its process must have died.
PATIENCE = timedelta(seconds=MAX_WAIT + 20)
#: How many names that are too old one new name clears away.
BITE = 10

_KEY = re.compile("[!-~]{1,255}")


class StillRunningError(RequestRefusedError):
    """The first request of this name has not been answered yet."""

    def __init__(self, wait: float) -> None:
        detail = "The first request with this Idempotency-Key is still being answered."
        super().__init__(Error(IDEMPOTENCY_KEY_IN_USE, "Idempotency key in use", detail))
        #: How many seconds later it is worth asking again.
        self.wait = max(1, math.ceil(wait))


@dataclass(frozen=True, slots=True)
class Name:
    """Who asks under which key (``identity``), and for what (``fingerprint``)."""

    identity: str
    fingerprint: str

    @classmethod
    def of(cls, request: Request) -> Self | None:
        """The name of a request that has an ``Idempotency-Key``.

        Raises :class:`RequestRefusedError`.
        """
        key = request.headers.get("Idempotency-Key")
        if key is None:
            return None
        if not _KEY.fullmatch(key):
            detail = "An Idempotency-Key has 1 to 255 visible ASCII characters."
            raise refused(INVALID_IDEMPOTENCY_KEY, "Invalid idempotency key", detail)
        client = [str(request.user.pk), str(getattr(request.auth, "client_id", ""))]
        return cls(_digest([*client, key]), _fingerprint(request))

    def first(self) -> IdempotentRequest | None:
        """The first request of this name, unless it is too old to be remembered.

        Raises :class:`RequestRefusedError` if it asked for something else, or is not answered yet.
        """
        now = timezone.now()
        found = IdempotentRequest.objects.filter(identity=self.identity).first()
        if found is None:
            return None
        if found.created_at <= _oldest(now):
            IdempotentRequest.objects.filter(pk=found.pk).delete()
            return None
        if found.fingerprint != self.fingerprint:
            detail = "This Idempotency-Key was sent with another request: please use a new one."
            raise refused(IDEMPOTENCY_KEY_REUSED, "Idempotency key reused", detail)
        if found.is_waiting and now < found.created_at + PATIENCE:
            raise StillRunningError(MAX_WAIT - (now - found.created_at).total_seconds())
        return found

    def claim(self) -> None:
        """Become the first of this name, in the transaction that does what is asked for.

        Raises :class:`AlreadyAskedError` once another transaction has become it.
        """
        try:
            with transaction.atomic():
                IdempotentRequest.objects.create(
                    identity=self.identity, fingerprint=self.fingerprint, created_at=timezone.now()
                )
        except IntegrityError:
            raise AlreadyAskedError from None

    def remember(
        self, order_copy: OrderFactory, answer: Mapping[str, Any], *, is_waiting: bool
    ) -> None:
        """Keep the answer, for the time being if the request goes on waiting; then clear away."""
        IdempotentRequest.objects.filter(identity=self.identity).update(
            order_factory_key=order_copy.pk, answer=json.dumps(answer), is_waiting=is_waiting
        )
        clear(BITE)

    def conclude(self, answer: Mapping[str, Any]) -> None:
        """Keep the last word of a request that waited, unless another process had it."""
        waiting = IdempotentRequest.objects.filter(identity=self.identity, is_waiting=True)
        waiting.update(answer=json.dumps(answer), is_waiting=False)


def answer_once(
    name: Name, create: Callable[[], Response], repeat: Callable[[IdempotentRequest], Response]
) -> Response:
    """The answer of ``create``, which claims the name; if somebody had done so, of ``repeat``."""
    for _ in range(2):
        first = name.first()
        if first is not None:
            return repeat(first)
        with suppress(AlreadyAskedError):
            return create()
    raise StillRunningError(1)


def _fingerprint(request: Request) -> str:
    try:
        return _digest([request.data, sorted(request.query_params.lists())])
    except RecursionError:
        detail = "The body of the request is nested too deep."
        raise refused(INVALID_DATA_FORMAT, "Invalid data format", detail) from None


def _digest(value: Any) -> str:
    return sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _oldest(now: datetime) -> datetime:
    return now - settings.IDEMPOTENCY_RETENTION


def forgotten() -> "QuerySet[IdempotentRequest]":
    """The requests that are too old to be remembered."""
    return IdempotentRequest.objects.filter(created_at__lte=_oldest(timezone.now()))


def clear(limit: int) -> int:
    """Delete so many of them at most; return how many. Waits for nobody who is doing the same.

    In a transaction.
    """
    rows = locked_unless_taken(forgotten().order_by("created_at"))
    keys = list(rows.values_list("pk", flat=True)[:limit])
    if keys:
        IdempotentRequest.objects.filter(pk__in=keys).delete()
    return len(keys)
