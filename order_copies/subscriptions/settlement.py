"""Settle subscriptions when their copies end, in the transaction that ends them.

No function queries the database if no copy has a subscription.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from order_copies.conf import settings
from order_copies.events.recording import Actor
from order_copies.exceptions import SourceChangedError
from order_copies.models import OrderFactory, OrderSubscription
from order_copies.models import Status as CopyStatus
from order_copies.plans import Problem, Step
from order_copies.subscriptions.transitions import RENEWING, Journal, Status, locked_by_key
from order_copies.transitions import Ending

#: The code of a copy whose subscription was stopped before it ran.
INACTIVE = "subscription_inactive"
#: The codes of problems that follow from other ones.
CONSEQUENCES = frozenset({"cannot_transition", "no_sellable_line"})


def stopped(order_copies: Sequence[OrderFactory], now: datetime) -> dict[int, Problem]:
    """Return why copies must not run, by key: those of subscriptions that do not renew now.

    Nor do those whose subscription was deleted.
    """
    renewing = OrderSubscription.objects.filter(status__in=RENEWING).exclude(expires_at__lte=now)
    keys = renewing.filter(pk__in=_keys(order_copies)).values_list("pk", flat=True)
    return _stopped(order_copies, set(keys))


def lock(order_copies: Sequence[OrderFactory]) -> dict[int, OrderSubscription]:
    """Lock the subscriptions of copies until the transaction ends, and return them by key.

    Lock them before the copies: a worker does so too, so that none waits for the other.
    """
    keys = _keys(order_copies)
    return {one.pk: one for one in locked_by_key(keys)} if keys else {}


def hold(order_copies: Sequence[OrderFactory], now: datetime) -> dict[int, OrderSubscription]:
    """Lock the subscriptions of copies that a worker is about to write, and return them by key.

    A person who stops a subscription waits until the copies have ended. Raises
    :class:`SourceChangedError` if one was stopped before: nothing may be written or charged.
    """
    held = lock(order_copies)
    renewing = {
        one.pk for one in held.values() if one.status in RENEWING and not _has_expired(one, now)
    }
    if _stopped(order_copies, renewing):
        raise SourceChangedError
    return held


def settle(
    endings: Sequence[Ending],
    *,
    who: Actor,
    now: datetime,
    held: Mapping[int, OrderSubscription] | None = None,
) -> None:
    """Count the runs that have ended, note how, and have their subscriptions wait for the next.

    Call it in the transaction that ends the copies. ``held`` is what :func:`hold` returned in it.
    """
    ours = [ending for ending in endings if ending.order_copy.order_subscription_id is not None]
    if not ours:
        return
    locked = lock([ending.order_copy for ending in ours]) if held is None else held
    journal = Journal(who, now)
    for ending in ours:
        order_subscription = locked.get(ending.order_copy.order_subscription_id or 0)
        if order_subscription:
            _settle(order_subscription, ending, journal)
    journal.write()


def retries_later(order_subscription: OrderSubscription, problems: Iterable[Problem]) -> bool:
    """Return whether a renewal that failed with these problems is retried automatically."""
    reasons = _causes(problems)
    is_left = order_subscription.run_retries < len(settings.RENEWAL_RETRIES)
    return is_left and bool(reasons) and all(problem.may_pass for problem in reasons)


def _settle(one: OrderSubscription, ending: Ending, journal: Journal) -> None:
    verb, values = _counted(one, ending, journal.now)
    if one.status != Status.RUNNING or one.running_for != ending.order_copy.scheduled_for:
        journal.change(one, verb, **values)
        return
    journal.move(one, "settle", verb, **values)
    is_over = not (one.next_run_at or one.retry_at or one.expires_at)
    if is_over or _has_expired(one, journal.now):
        journal.move(one, "cancel")


def _counted(one: OrderSubscription, ending: Ending, now: datetime) -> tuple[str, dict[str, Any]]:
    """Return the verb of the event of a run that has ended, and what it changes."""
    order_copy = ending.order_copy
    # The first end of the copy; a retry is the same run.
    occurrencies = one.occurrencies + (order_copy.retries == 0)
    if any(problem.code == INACTIVE for problem in ending.problems):
        # The subscription was stopped: it did not fail.
        return "", {"occurrencies": occurrencies}
    succeeded = ending.status == CopyStatus.COMPLETED
    values = {
        "last_run_at": now,
        "succeeded_on_last_run": succeeded,
        "occurrencies": occurrencies,
        "errors_count": one.errors_count + (not succeeded),
        "attention": "" if succeeded else _reason(ending.problems),
    }
    if order_copy.scheduled_for != (one.running_for or one.last_slot):
        # An older run that a person retried says nothing about the last one.
        values = {name: values[name] for name in ("occurrencies", "errors_count")}
    elif not succeeded and ending.target_order is None and retries_later(one, ending.problems):
        values["retry_at"] = now + settings.RENEWAL_RETRIES[one.run_retries]
        values["run_retries"] = one.run_retries + 1
    return "last_run_succeeded" if succeeded else "last_run_failed", values


def _stopped(order_copies: Sequence[OrderFactory], renewing: set[int]) -> dict[int, Problem]:
    problems = {}
    for order_copy in order_copies:
        if order_copy.scheduled_for and order_copy.order_subscription_id not in renewing:
            message = _("the subscription is not active any more: nothing was copied")
            problem = Problem(Step.WRITE, "order_subscription", INACTIVE, message, skippable=False)
            problems[order_copy.pk] = problem
    return problems


def _has_expired(one: OrderSubscription, now: datetime) -> bool:
    return one.expires_at is not None and one.expires_at <= now


def _reason(problems: Sequence[Problem]) -> str:
    return next((problem.code for problem in [*_causes(problems), *problems]), "failed")


def _causes(problems: Iterable[Problem]) -> list[Problem]:
    return [problem for problem in problems if problem.code not in CONSEQUENCES]


def _keys(order_copies: Iterable[OrderFactory]) -> set[int]:
    return {one.order_subscription_id for one in order_copies if one.order_subscription_id}
