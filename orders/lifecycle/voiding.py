"""Void authorizations at the gateway, after the transaction that marks them, until it succeeds."""

from collections.abc import Callable, Collection, Sequence
from typing import TypeVar

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from order_copies.conf import settings
from orders.lifecycle.gateways import get_gateway
from orders.models import Authorization

Subject = TypeVar("Subject")

#: How many authorizations are voided at a time.
LIMIT = 100


def after_commit(call: Callable[[Subject], None], subject: Subject) -> None:
    """Call the gateway once the transaction is committed; a failure is only logged."""
    # Not a partial: it has no name for Django to log.
    transaction.on_commit(lambda: call(subject), robust=True)


def void(keys: Collection[int]) -> None:
    """Void authorizations that are marked as voided; those that fail stay due.

    Raises what the gateway raises.
    """
    _void(Authorization.objects.filter(pk__in=keys))


def void_due() -> None:
    """Void the marked authorizations that the gateway has not heard of.

    Raises the first error of the gateway. That authorization is retried after growing backoffs,
    and after the others, because it may be what keeps them from being voided.
    """
    _void(Authorization.objects.order_by("failures", "due_at", "pk"), LIMIT)


def _void(rows: "QuerySet[Authorization]", limit: int | None = None) -> None:
    marked = rows.filter(status=Authorization.Status.VOIDED, voided_at=None)
    authorizations, voided = list(marked.filter(due_at__lte=timezone.now())[:limit]), list[int]()
    try:
        for authorization in authorizations:
            get_gateway().void(authorization.token)
            voided.append(authorization.pk)
    except Exception:
        failed, *others = authorizations[len(voided) :]
        _postpone(failed, others)
        raise
    finally:
        Authorization.objects.filter(pk__in=voided).update(voided_at=timezone.now())


def _postpone(failed: Authorization, others: Sequence[Authorization]) -> None:
    now = timezone.now()
    later, soon = now + settings.backoff_after(failed.failures + 1), now + settings.RETRY_PAUSE
    rows = Authorization.objects.filter(pk=failed.pk)
    rows.update(failures=F("failures") + 1, due_at=later)
    Authorization.objects.filter(pk__in=[other.pk for other in others]).update(due_at=soon)
