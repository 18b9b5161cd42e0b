"""Values for the page of one subscription: next slots, runs, history."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import islice

from django.db.models import Q
from django.utils import timezone

from order_copies.admin.display import readable
from order_copies.admin.subscriptions.words import (
    Entry,
    attention_words,
    distance,
    frequency_words,
    needs_attention,
)
from order_copies.conf import settings
from order_copies.events.models import Event
from order_copies.models import OrderFactory, OrderSubscription, SubscriptionStatus
from order_copies.subscriptions.schedule import resume
from order_copies.subscriptions.slots import slots_between
from order_copies.subscriptions.transitions import RENEWING, Journal

#: The number of slots that the page names.
SLOTS = 5
#: The largest number of runs and of events that the page lists.
MAX_RUNS, MAX_EVENTS = 10, 25
#: The number of events that are not folded away.
FEW_EVENTS = 5
#: The end of the slots of a subscription that does not expire.
NEVER = datetime.max.replace(tzinfo=timezone.get_fixed_timezone(0))


def resumed(order_subscription: OrderSubscription, at: datetime) -> OrderSubscription:
    """Return the subscription as it would be if it were activated at an instant. Writes nothing."""
    found = copy.copy(order_subscription)
    # A pause has a row of its own in memory, so that the page keeps what is true now.
    found.status = SubscriptionStatus.INACTIVE
    resume(found, Journal({}, at))
    return found


def upcoming(order_subscription: OrderSubscription, count: int = SLOTS) -> list[datetime]:
    """Return the next slots of a subscription that renews, at most ``count``."""
    one = order_subscription
    if one.next_run_at is None or one.anchor_at is None:
        return []
    until = one.expires_at - datetime.resolution if one.expires_at else NEVER
    zone = settings.SUBSCRIPTION_TIME_ZONE
    later = slots_between(one.frequency, one.anchor_at, one.next_run_at, until, zone)
    return [one.next_run_at, *islice(later, count - 1)]


@dataclass(frozen=True, slots=True)
class Run:
    """The copy of one slot."""

    order_copy: OrderFactory

    @property
    def problems(self) -> Iterator[str]:
        """The errors of the copy, in words."""
        for name, messages in readable(self.order_copy.errors_log or {}):
            yield f"{name}: {'; '.join(messages)}"


class SubscriptionDetail:
    """One subscription: what is next, what has run, and what has happened."""

    def __init__(self, order_subscription: OrderSubscription) -> None:
        self.order_subscription = order_subscription
        self.now = timezone.now()
        self.frequency = frequency_words(order_subscription)
        needs = needs_attention(order_subscription)
        self.attention = attention_words(order_subscription.attention) if needs else ""

    @property
    def next_run(self) -> str:
        """How far the next run is, or the end of a pause; empty if there is neither."""
        one = self.order_subscription
        moment = one.next_run_at or one.resumes_at
        return distance(moment, self.now) if moment else ""

    @cached_property
    def is_renewing(self) -> bool:
        """Whether it is active, or a copy runs."""
        return self.order_subscription.status in RENEWING

    @cached_property
    def slots(self) -> list[tuple[datetime, str]]:
        """The next slots, each with its distance from now: those after a pause, if it is paused."""
        one = self.order_subscription
        if one.status == SubscriptionStatus.CANCELLED:
            return []
        if not self.is_renewing:
            one = resumed(one, max(self.now, one.resumes_at or self.now))
        return [(slot, distance(slot, self.now)) for slot in upcoming(one)]

    @cached_property
    def runs(self) -> list[Run]:
        """The latest runs, newest first."""
        found = OrderFactory.objects.filter(order_subscription=self.order_subscription)
        ordered = found.select_related("target_order").order_by("-scheduled_for", "-pk")
        return [Run(order_copy) for order_copy in ordered[: MAX_RUNS + 1]]

    @property
    def shown_runs(self) -> list[Run]:
        """The runs that the page lists."""
        return self.runs[:MAX_RUNS]

    @property
    def has_more_runs(self) -> bool:
        """Whether there are runs that the page does not list."""
        return len(self.runs) > MAX_RUNS

    @cached_property
    def entries(self) -> list[Entry]:
        """The latest events of the subscription and its items, newest first."""
        one = self.order_subscription
        items = [str(key) for key in one.order_subscription_items.values_list("pk", flat=True)]
        events = Event.objects.filter(
            Q(resource_type=one.resource_type, resource_id=str(one.pk))
            | Q(resource_type="order_subscription_items", resource_id__in=items)
        )
        entries = (Entry(event) for event in events.order_by("-pk")[: MAX_EVENTS + 1])
        return [entry for entry in entries if entry.is_shown]

    @property
    def latest_entries(self) -> list[Entry]:
        """The events that are not folded away."""
        return self.entries[:FEW_EVENTS]

    @property
    def earlier_entries(self) -> list[Entry]:
        """The events that are folded away."""
        return self.entries[FEW_EVENTS:]
