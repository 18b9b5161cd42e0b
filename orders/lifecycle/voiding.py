"""Tell the gateway what is not needed any more: once it is certain, and until it has listened."""

from collections.abc import Callable, Collection, Sequence
from typing import TypeVar

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from order_copies.conf import settings
from order_copies.db.locks import limited_wait
from orders.lifecycle.gateways import get_gateway
from orders.lifecycle.locks import locked
from orders.lifecycle.payments import ASKED, ask, close_unused
from orders.models import Authorization, Order

Subject = TypeVar("Subject")

#: How many authorizations are voided at a time.
LIMIT = 100


def after_commit(tell: Callable[[Subject], None], subject: Subject) -> None:
    """Tell the gateway once the transaction is certain; that it does not listen is logged only."""
    # Not a partial: it has no name for Django to log.
    transaction.on_commit(lambda: tell(subject), robust=True)


def void(keys: Collection[int]) -> None:
    """Void authorizations that are marked so. Those that the gateway does not hear of stay due.

    Raises whatever the gateway raises.
    """
    _tell(_due().filter(pk__in=keys))


def void_due() -> None:
    """Void those that are marked so, and of which no gateway has heard yet.

    What was asked for, and nobody knows what came of it, is asked for again, and is one of them
    the next time. Raises what the gateway raises first: that one is tried again after growing
    pauses, and after the others, for it may be what stands in their way.
    """
    _tell(_due().order_by("failures", "due_at", "pk")[:LIMIT])


def _due() -> "QuerySet[Authorization]":
    statuses = [ASKED, Authorization.Status.VOIDED]
    unheard = Authorization.objects.filter(status__in=statuses, voided_at=None)
    return unheard.filter(due_at__lte=timezone.now())


def _tell(due: "QuerySet[Authorization]") -> None:
    authorizations, told = list(due), list[int]()
    try:
        for authorization in authorizations:
            _give_back(authorization)
            told.append(authorization.pk)
    except Exception:
        failed, *others = authorizations[len(told) :]
        _postpone(failed, others)
        raise
    finally:
        Authorization.objects.filter(pk__in=told).update(voided_at=timezone.now())


def _give_back(authorization: Authorization) -> None:
    if authorization.status == ASKED:
        _find_out(authorization)
    else:
        get_gateway().void(authorization.token)


def _find_out(asked: Authorization) -> None:
    payment = ask(asked)
    with limited_wait(settings.LOCK_TIMEOUT):
        locked(Order.objects.all(), [asked.order_id])
        # Another try that took it up meanwhile has put a row of its own in the place of this one.
        if Authorization.objects.filter(pk=asked.pk).exists():
            close_unused([payment])


def _postpone(failed: Authorization, others: Sequence[Authorization]) -> None:
    now = timezone.now()
    later, soon = now + settings.pause_after(failed.failures + 1), now + settings.RETRY_PAUSE
    rows = Authorization.objects.filter(pk=failed.pk)
    rows.update(failures=F("failures") + 1, due_at=later)
    Authorization.objects.filter(pk__in=[other.pk for other in others]).update(due_at=soon)
