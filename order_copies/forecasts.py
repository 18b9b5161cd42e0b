"""Forecast the renewals of subscriptions: which will complete, change or fail, and why.

Each renewal is planned as its copy would be planned at its slot, in order of time, so that what an
earlier renewal takes is not there for a later one. Nothing is written. A forecast knows the shop as
it is now: prices, stock and wallets that change later, ordinary copies that wait, and payments that
are declined are not foreseen.
"""

import heapq
import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from itertools import islice, takewhile

from django.db import Error
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from order_copies.models import OrderFactory, OrderSubscription, SubscriptionStatus
from order_copies.plans import Action, CopyPlan, Outcome
from order_copies.shops import Shop, get_shop
from order_copies.subscriptions.schedule import first_slot, new_copy, slot_to_run
from order_copies.subscriptions.transitions import slot_after
from order_copies.worker import checked_shop

logger = logging.getLogger("order_copies.forecasts")

#: The largest number of renewals of one forecast.
LIMIT = 20_000
#: How many renewals the shop plans together.
CHUNK = 5000


class Result(StrEnum):
    """How a renewal will end."""

    #: As agreed.
    WILL_COMPLETE = "will_complete"
    #: It completes, but its order is not as agreed. A manual subscription agrees to the source
    #: order as it is; an automatic one to its items, and by its price policy to their prices.
    AT_RISK = "at_risk"
    #: No order is placed.
    WILL_FAIL = "will_fail"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a renewal fails, or what changes in its order."""

    #: The attribute at fault, ``"line_items"`` for a line.
    attribute: str
    #: A stable identifier for programs.
    code: str
    #: Text for people.
    message: str


@dataclass(frozen=True, slots=True)
class Renewal:
    """One slot of a subscription, and what its copy would do."""

    order_subscription: OrderSubscription
    slot: datetime
    result: Result
    reasons: Sequence[Reason] = ()
    #: ISO 4217 code of the amounts.
    currency_code: str = ""
    #: Totals by name in cents: as agreed, and those of the new order.
    source_totals: Mapping[str, int] = field(default_factory=dict)
    target_totals: Mapping[str, int] = field(default_factory=dict)
    #: The digest of the plan, or empty if there is no plan.
    plan_digest: str = ""

    @property
    def source_total(self) -> int:
        """The grand total as agreed in cents: the last total that the shop names."""
        return [0, *self.source_totals.values()][-1]

    @property
    def target_total(self) -> int:
        """The grand total of the new order in cents."""
        return [0, *self.target_totals.values()][-1]


@dataclass(frozen=True, slots=True)
class Forecast:
    """The renewals from now to ``until``, in order of time."""

    now: datetime
    until: datetime
    renewals: list[Renewal]
    #: The slot from which on renewals are left out, because there are too many. None: none are.
    cut_at: datetime | None = None

    @property
    def notice(self) -> str:
        """What the forecast leaves out, as a sentence for people; empty if it is complete."""
        if self.cut_at is None:
            return ""
        message = _(
            "These are the first %(count)s renewals. Others, from %(instant)s on, are left out: "
            "choose an earlier end."
        )
        instant = f"{self.cut_at:%Y-%m-%d %H:%M} UTC"
        return message % {"count": f"{len(self.renewals):,}", "instant": instant}

    @property
    def days(self) -> list["Day"]:
        """The days that have renewals, in the current time zone."""
        days: dict[date, Day] = {}
        for renewal in self.renewals:
            day = timezone.localtime(renewal.slot).date()
            days.setdefault(day, Day(day)).renewals.append(renewal)
        return list(days.values())


@dataclass(frozen=True, slots=True)
class Day:
    """The renewals of one day."""

    date: date
    renewals: list[Renewal] = field(default_factory=list)


def counts_of(renewals: Iterable[Renewal]) -> dict[Result, int]:
    """Return the number of renewals by result."""
    counted = Counter(renewal.result for renewal in renewals)
    return {result: counted[result] for result in Result}


def amounts_of(renewals: Iterable[Renewal]) -> dict[str, int]:
    """Return the sum of the orders that will be made, in cents by currency."""
    amounts: Counter[str] = Counter()
    for renewal in renewals:
        if renewal.result != Result.WILL_FAIL:
            amounts[renewal.currency_code] += renewal.target_total
    return dict(sorted(amounts.items()))


def forecast(
    until: datetime,
    *,
    now: datetime,
    order_subscriptions: "QuerySet[OrderSubscription] | None" = None,
    limit: int = LIMIT,
) -> Forecast:
    """Return the renewals of all or these subscriptions whose slots are not later than ``until``.

    Slots that were skipped are left out. A slot that is overdue runs now, as ``CATCH_UP`` decides,
    and a pause ends when it is planned to. The copy that runs now, and the retry of a failed one,
    are not forecast.

    The shop plans up to :data:`CHUNK` renewals in one call, of which the later ones lack the stock
    and coupon uses that the earlier ones take. From one call to the next nothing is carried. There
    are at most ``limit`` renewals; ``notice`` says whether others were left out.
    """
    rows = OrderSubscription.objects.all() if order_subscriptions is None else order_subscriptions
    found, horizon = _candidates(rows, now, until, limit)
    slots: Iterator[Due] = heapq.merge(*(_slots(one, now, until) for one in found), key=_order)
    if horizon:
        slots = takewhile(lambda due: due[0] <= horizon, slots)
    due = list(islice(slots, limit + 1))
    cut_at = due[limit][0] if len(due) > limit else horizon
    renewals: list[Renewal] = []
    for start in range(0, min(len(due), limit), CHUNK):
        renewals += _planned(due[start : min(start + CHUNK, limit)], now)
    return Forecast(now, until, renewals, cut_at)


#: A slot and its subscription.
Due = tuple[datetime, OrderSubscription]


def _candidates(
    rows: "QuerySet[OrderSubscription]", now: datetime, until: datetime, limit: int
) -> tuple[list[OrderSubscription], datetime | None]:
    """Return the subscriptions with the earliest slots, and from when on others are left out."""
    rows = rows.filter(Q(expires_at=None) | Q(expires_at__gt=now)).defer("metadata")
    renewing = rows.filter(
        status__in=[SubscriptionStatus.ACTIVE, SubscriptionStatus.RUNNING], next_run_at__lte=until
    )
    paused = rows.filter(status=SubscriptionStatus.INACTIVE, resumes_at__lte=until)
    found: list[OrderSubscription] = []
    left_out = []
    for queryset, begins in ((renewing, "next_run_at"), (paused, "resumes_at")):
        first = list(queryset.order_by(begins, "pk")[: limit + 1])
        found += first[:limit]
        left_out += [getattr(one, begins) for one in first[limit:]]
    return found, min(left_out, default=None)


def _slots(one: OrderSubscription, now: datetime, until: datetime) -> Iterator[Due]:
    """Yield the slots whose copies will be requested, in order."""
    slot = one.next_run_at
    if one.status == SubscriptionStatus.INACTIVE:
        assert one.resumes_at is not None
        slot = first_slot(one, max(one.resumes_at, now), one.resumes_at)
    while slot is not None and slot <= until:
        is_run = True
        if slot <= now:
            slot, _missed, is_run = slot_to_run(one, slot, now)
        if is_run:
            yield slot, one
        if one.source_order_id is None:
            return  # The scheduler deactivates it.
        slot = slot_after(one, slot)


def _order(due: Due) -> tuple[datetime, int]:
    slot, one = due
    return slot, one.pk


def _planned(due: Sequence[Due], now: datetime) -> Iterator[Renewal]:
    shop = get_shop()
    order_copies = []
    for slot, one in due:
        if one.source_order_id is not None:
            order_copy = new_copy(one, shop)
            order_copy.scheduled_for, order_copy.planned_for = slot, max(slot, now)
            order_copies.append(order_copy)
    plans = iter(_plans(shop, order_copies))
    for slot, one in due:
        if one.source_order_id is None:
            gone = Reason("source_order", "source_gone", _("does not exist any more"))
            yield Renewal(one, slot, Result.WILL_FAIL, [gone])
        elif isinstance(plan := next(plans), CopyPlan):
            yield _renewal(one, slot, plan)
        else:
            message = _("cannot be planned (%(error)s): see the log") % {"error": plan}
            yield Renewal(one, slot, Result.WILL_FAIL, [Reason("base", "crashed", message)])


def _plans(shop: Shop, order_copies: Sequence[OrderFactory]) -> list[CopyPlan | str]:
    """Return the plans, or the name of the exception for a copy that cannot be planned alone."""
    if not order_copies:
        return []
    try:
        return [*checked_shop.plan(shop, order_copies)]
    except Error:
        raise
    except Exception as error:
        if len(order_copies) == 1:
            message = "The renewal of subscription %s cannot be planned"
            logger.exception(message, order_copies[0].order_subscription)
            return [type(error).__name__]
        middle = len(order_copies) // 2
        parts = (order_copies[:middle], order_copies[middle:])
        return [plan for part in parts for plan in _plans(shop, part)]


def _renewal(one: OrderSubscription, slot: datetime, plan: CopyPlan) -> Renewal:
    result, reasons = _result(plan, one)
    return Renewal(
        one,
        slot,
        result,
        reasons,
        currency_code=plan.currency_code,
        source_totals=plan.source_totals,
        target_totals=plan.target_totals,
        plan_digest=plan.digest,
    )


def _result(plan: CopyPlan, one: OrderSubscription) -> tuple[Result, list[Reason]]:
    if not plan.will_complete:
        # A refused transition only follows from the others.
        causes = [it for it in plan.problems if it.code != "cannot_transition"] or plan.problems
        return Result.WILL_FAIL, [Reason(it.attribute, it.code, it.message) for it in causes]
    risks = _risks(one)
    changed = [outcome for outcome in plan.outcomes if outcome.action in risks]
    reasons = [Reason(it.attribute, it.code, _text(it)) for it in changed]
    return (Result.AT_RISK if changed else Result.WILL_COMPLETE), reasons


def _risks(one: OrderSubscription) -> set[Action]:
    """Return the actions that make an order differ from what was agreed."""
    if not one.is_automatic:
        return {*Action} - {Action.COPIED}
    # The other outcomes compare the items with the source order.
    return {Action.REDUCED, Action.REPRICED}


def _text(outcome: Outcome) -> str:
    return ": ".join(filter(None, [outcome.name, outcome.message]))
