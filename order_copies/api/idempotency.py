"""Idempotent requests: requests with the same ``Idempotency-Key`` and body create one copy.

The key is stored in the transaction that creates the copy, so a process that is killed leaves both
or neither. A concurrent request with the same key blocks on the unique constraint until that
transaction ends, and then returns the stored response.
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
from order_copies.db.transactions import lock_available
from order_copies.exceptions import DuplicateRequestError
from order_copies.jsonapi.errors import Error, RequestRefusedError, refused
from order_copies.models import IdempotentRequest, OrderFactory

#: The longest time that a first request takes; after that its process must have been killed.
PATIENCE = timedelta(seconds=MAX_WAIT + 20)
#: The number of expired keys that are deleted when a new one is stored.
BITE = 10

_KEY = re.compile("[!-~]{1,255}")


class StillRunningError(RequestRefusedError):
    """The first request with this key has not been answered yet: retry after ``wait`` seconds."""

    def __init__(self, wait: float) -> None:
        detail = "The first request with this Idempotency-Key is still being answered."
        super().__init__(Error("IDEMPOTENCY_KEY_IN_USE", detail))
        #: Seconds after which the client should repeat the request, at least 1 (``Retry-After``).
        self.wait = max(1, math.ceil(wait))


@dataclass(frozen=True, slots=True)
class Name:
    """The identity of an idempotent request, and a fingerprint of its content."""

    #: Digest of the client and its ``Idempotency-Key``.
    identity: str
    #: Digest of the body and the query parameters.
    fingerprint: str

    @classmethod
    def of(cls, request: Request) -> Self | None:
        """Return the name of ``request``, or None if it has no ``Idempotency-Key``.

        Raises :class:`RequestRefusedError` for a malformed key or body.
        """
        key = request.headers.get("Idempotency-Key")
        if key is None:
            return None
        if not _KEY.fullmatch(key):
            detail = "An Idempotency-Key has 1 to 255 visible ASCII characters."
            raise refused("INVALID_IDEMPOTENCY_KEY", detail)
        client = [str(request.user.pk), str(getattr(request.auth, "client_id", ""))]
        return cls(_digest([*client, key]), _fingerprint(request))

    def first(self) -> IdempotentRequest | None:
        """Return the stored first request of this name; None if there is none, or it has expired.

        Raises :class:`RequestRefusedError` if the fingerprint of the first request is different,
        and :class:`StillRunningError` if it has not been answered yet.
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
            raise refused("IDEMPOTENCY_KEY_REUSED", detail)
        if found.is_waiting and now < found.created_at + PATIENCE:
            raise StillRunningError(MAX_WAIT - (now - found.created_at).total_seconds())
        return found

    def claim(self) -> None:
        """Store this request as the first of its name. Call it in the transaction of the request.

        Raises :class:`DuplicateRequestError` if another transaction has stored one before.
        """
        try:
            with transaction.atomic():
                IdempotentRequest.objects.create(
                    identity=self.identity, fingerprint=self.fingerprint, created_at=timezone.now()
                )
        except IntegrityError:
            raise DuplicateRequestError from None

    def remember(
        self, order_copy: OrderFactory, answer: Mapping[str, Any], *, is_waiting: bool
    ) -> None:
        """Store the response and the copy, and delete some expired keys.

        ``is_waiting``: the request still waits for the end of the copy, and the response is
        preliminary.
        """
        IdempotentRequest.objects.filter(identity=self.identity).update(
            order_factory_key=order_copy.pk, answer=json.dumps(answer), is_waiting=is_waiting
        )
        clear(BITE)

    def conclude(self, answer: Mapping[str, Any]) -> None:
        """Store the final response of a request that waited, unless another process has done so."""
        waiting = IdempotentRequest.objects.filter(identity=self.identity, is_waiting=True)
        waiting.update(answer=json.dumps(answer), is_waiting=False)


def answer_once(
    name: Name, create: Callable[[], Response], repeat: Callable[[IdempotentRequest], Response]
) -> Response:
    """Return the response of ``create``, or of ``repeat`` if the name has been claimed before.

    ``create`` must claim the name, and may raise :class:`DuplicateRequestError`. Raises
    :class:`StillRunningError` and what :meth:`Name.first` raises.
    """
    for _ in range(2):
        first = name.first()
        if first is not None:
            return repeat(first)
        with suppress(DuplicateRequestError):
            return create()
    raise StillRunningError(1)


def _fingerprint(request: Request) -> str:
    data = request.data
    # The parser keeps the document on the request: its meta and links count too.
    document = getattr(request, "document", data)
    try:
        return _digest([document, sorted(request.query_params.lists())])
    except RecursionError:
        detail = "The body of the request is nested too deep."
        raise refused("INVALID_DATA_FORMAT", detail) from None


def _digest(value: Any) -> str:
    return sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _oldest(now: datetime) -> datetime:
    return now - settings.IDEMPOTENCY_RETENTION


def forgotten() -> "QuerySet[IdempotentRequest]":
    """Return the stored requests that have expired."""
    return IdempotentRequest.objects.filter(created_at__lte=_oldest(timezone.now()))


def clear(limit: int) -> int:
    """Delete at most ``limit`` expired requests; return the number. Call it in a transaction.

    Rows that another transaction is deleting are skipped, if the database supports that.
    """
    rows = lock_available(forgotten().order_by("created_at"))
    keys = list(rows.values_list("pk", flat=True)[:limit])
    if keys:
        IdempotentRequest.objects.filter(pk__in=keys).delete()
    return len(keys)
