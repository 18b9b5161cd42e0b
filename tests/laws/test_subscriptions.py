"""The laws of slots, over random zones, frequencies, outages, skips and ends of runs."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.conf import LazySettings
from hypothesis import given
from hypothesis import strategies as st

from order_copies import copying
from order_copies.models import OrderFactory, OrderSubscription
from order_copies.subscriptions import changes
from order_copies.subscriptions.schedule import schedule_due
from order_copies.subscriptions.slots import slots_between
from order_copies.worker.run import run_batch
from orders.models import Order
from tests import stories
from tests.factories import placed_order
from tests.subscriptions import (
    DAY,
    FIRST,
    HOUR,
    Clock,
    clock_at,
    copies_of,
    fresh,
    last_copy,
    missed_by,
    names_of,
    subscribed,
    use,
)

pytestmark = pytest.mark.django_db

zones = st.sampled_from(["UTC", "Europe/Rome", "Australia/Lord_Howe", "America/New_York"])
frequencies = st.sampled_from(
    ["hourly", "daily", "weekly", "monthly", "30 2 * * *", "0 9 * * MON", "15 */5 1,31 * *"]
)
starts = st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31)).map(  # noqa: DTZ001
    lambda start: start.replace(tzinfo=FIRST.tzinfo)
)
#: What happens between two looks of the scheduler.
steps = st.tuples(
    st.sampled_from(["nothing", "skip", "unskip", "renew", "pause"]),
    st.sampled_from([timedelta(minutes=5), HOUR, DAY, 3 * DAY, 8 * DAY, 40 * DAY]),
    st.sampled_from(["run", "abort", "delete"]),
)


class History:
    """What a subscription went through, remembered apart from its own columns."""

    def __init__(self, one: OrderSubscription) -> None:
        self.one = one
        #: The slots that were skipped, and those whose skip can be taken back.
        self.skipped: list[datetime] = []
        self.revocable: list[datetime] = []
        #: The spans of pauses: no slot is due in them.
        self.pauses: list[tuple[datetime, datetime]] = []
        self.ended = self.failed = 0

    def act(self, action: str, now: datetime) -> None:
        before = fresh(self.one)
        match action:
            case "skip":
                if changes.skip([self.one], actor=stories.WHO) == [[]]:
                    self.revocable.append(before.next_run_at)
            case "unskip":
                if changes.unskip([self.one], actor=stories.WHO) == [[]]:
                    self.revocable = []
            case "renew":
                copying.renew([self.one], actor=stories.WHO)
            case "pause" if before.status == "active" and before.next_run_at > now:
                changes.update(self.one, {"resumes_at": now + 2 * DAY}, actor=stories.WHO)
                self.pauses.append((now, now + 2 * DAY))
                self.skipped, self.revocable = self.skipped + self.revocable, []

    def end(self, how: str) -> None:
        """End the copy that is requested, if there is one."""
        if fresh(self.one).status != "running":
            return
        order_copy = last_copy(self.one)
        self.skipped, self.revocable = self.skipped + self.revocable, []
        self.ended += 1
        self.failed += how != "run"
        if how == "run":
            run_batch("w1")
        else:
            {"abort": copying.abort, "delete": copying.delete}[how]([order_copy], actor=stories.WHO)


@pytest.fixture(scope="module")
def clock() -> Iterator[Clock]:
    """The clock of all code."""
    yield from clock_at(FIRST)


@given(
    zone=zones,
    frequency=frequencies,
    start=starts,
    catch_up=st.sampled_from(["latest", "all", "none"]),
    story=st.lists(steps, min_size=1, max_size=12),
)
def test_slots__increase_and_each_has_a_copy_or_a_record(
    settings: LazySettings,
    clock: Clock,
    *,
    zone: str,
    frequency: str,
    start: datetime,
    catch_up: str,
    story: list[Any],
) -> None:
    # given
    use(settings, CATCH_UP=catch_up, SUBSCRIPTION_TIME_ZONE=zone)
    # All examples share a database: the scheduler would find the subscriptions of earlier ones.
    for model in (OrderFactory, OrderSubscription):
        model.objects.all().delete()
    clock.now = start - timedelta(minutes=1)
    source = Order.objects.filter(reference="subscribed").first() or placed_order(
        lines=1, reference="subscribed"
    )
    one = subscribed(source, frequency=frequency, starts_at=start, place_target_order=False)
    history, requested = History(one), []

    # when
    for action, duration, how in story:
        history.act(action, clock.now)
        clock.move(duration)
        before = fresh(one)
        schedule_due("w1")
        if fresh(one).last_slot != before.last_slot and fresh(one).status != "running":
            history.skipped, history.revocable = history.skipped + history.revocable, []
        if fresh(one).status == "running":
            requested.append(fresh(one).running_for)
        history.end(how)

    # then
    one = fresh(one)
    last = max([one.last_slot or start - DAY, *history.skipped])
    begins = start - datetime.resolution
    slots = list(slots_between(frequency, start, begins, last, ZoneInfo(zone)))
    paused = [slot for slot in slots if any(a < slot < b for a, b in history.pauses)]
    recorded = {*requested, *history.skipped}
    assert requested == sorted(set(requested)), "slots increase"
    assert recorded <= set(slots), "no run between slots"
    unrecorded = set(slots) - recorded - set(paused)
    assert len(unrecorded) == sum(missed_by(one)), "no slot passes without a record"
    if catch_up == "all":
        assert unrecorded == set()
    assert (one.occurrencies, one.errors_count) == (history.ended, history.failed)
    assert names_of(one).count("last_run_failed") == history.failed
    assert names_of(one).count("last_run_succeeded") == history.ended - history.failed
    assert {it.scheduled_for for it in copies_of(one)} <= set(requested)
    assert one.next_run_at is None or one.last_slot is None or one.next_run_at > one.last_slot
