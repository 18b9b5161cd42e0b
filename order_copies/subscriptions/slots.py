"""Slots: the times at which a subscription is due, computed from its anchor and its frequency.

Slots are counted from the anchor, never from the last run, so that a late run moves no later slot.
``docs/explanation/slots.md`` shows month ends, clock changes and crontab expressions. A
``frequency`` is a text as :func:`clean_frequency` returns it. All datetimes are aware, and results
are in UTC.
"""

import calendar
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice
from typing import NamedTuple
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from django.utils.translation import gettext as _

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
#: The mean month of the calendar: 400 years have 4,800 months and 146,097 days.
MEAN_MONTH = timedelta(days=146_097) / 4800
#: The longest frequency in characters.
MAX_LENGTH = 50
#: The highest number of slots of a crontab expression that are counted.
MAX_COUNT = 10_000


class Period(NamedTuple):
    """What lies between two slots: hours that pass, or days or months of the calendar."""

    hours: int = 0
    days: int = 0
    months: int = 0

    @property
    def mean(self) -> timedelta:
        """The mean duration."""
        return self.hours * HOUR + self.days * DAY + self.months * MEAN_MONTH


PERIODS = {
    "hourly": Period(hours=1),
    "daily": Period(days=1),
    "weekly": Period(days=7),
    "monthly": Period(months=1),
    "two-month": Period(months=2),
    "three-month": Period(months=3),
    "four-month": Period(months=4),
    "six-month": Period(months=6),
    "yearly": Period(months=12),
}
#: The frequencies that have a name.
FREQUENCIES = tuple(PERIODS)
#: Plural spellings of Commerce Layer's dashboard.
LEGACY_NAMES = {f"{name}s": name for name in FREQUENCIES if name.endswith("-month")}


class InvalidFrequencyError(ValueError):
    """The text is no frequency. The message says what to write instead."""


class NoSlotError(ValueError):
    """No slot follows before the year 10000: the subscription has no further run."""


def clean_frequency(text: str) -> str:
    """Return the frequency in its normal form: a name, or a crontab expression in capitals.

    Raises :class:`InvalidFrequencyError` for anything else.
    """
    fields = text.split()
    name = " ".join(fields)
    name = LEGACY_NAMES.get(name, name)
    if name in PERIODS:
        return name
    crontab = name.upper()
    if len(fields) < 2:
        message = _("The frequency must be one of {names}, or a crontab expression.")
        raise InvalidFrequencyError(message.format(names=", ".join(FREQUENCIES)))
    if len(fields) != 5:
        message = _("A crontab expression has five fields: minute, hour, day, month and weekday.")
        raise InvalidFrequencyError(message)
    if not re.fullmatch("[0-5]?[0-9]", fields[0]):
        message = _(
            "Nothing finer than hourly is possible: the minute of a crontab expression must be a "
            "single number from 0 to 59."
        )
        raise InvalidFrequencyError(message)
    if len(crontab) > MAX_LENGTH:
        message = _("A crontab expression has at most {count} characters: shorten it.")
        raise InvalidFrequencyError(message.format(count=MAX_LENGTH))
    if not (name.isascii() and _is_crontab(crontab)):
        message = _(
            "The crontab expression is wrong or matches no date: check its hour, day, month and "
            "weekday."
        )
        raise InvalidFrequencyError(message)
    return crontab


def next_slot(frequency: str, anchor: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """Return the first slot later than ``after``. The anchor is the first slot of a name.

    Raises :class:`NoSlotError` if there is none before the year 10000.
    """
    if frequency in PERIODS:
        slot = _index_after(frequency, anchor.astimezone(UTC), after.astimezone(UTC), zone)[1]
    else:
        slot = _next_of_crontab(frequency, anchor.astimezone(UTC), after.astimezone(UTC), zone)
    if slot is None:
        raise NoSlotError(NoSlotError.__doc__)
    return slot


def slots_between(
    frequency: str, anchor: datetime, after: datetime, until: datetime, zone: ZoneInfo
) -> Iterator[datetime]:
    """Yield the slots later than ``after`` and not later than ``until``, in order."""
    while True:
        try:
            after = next_slot(frequency, anchor, after, zone)
        except NoSlotError:
            return
        if after > until:
            return
        yield after


def latest_slot(
    frequency: str, anchor: datetime, after: datetime, until: datetime, zone: ZoneInfo
) -> tuple[datetime | None, int]:
    """Return the last slot of :func:`slots_between`, and their number.

    Slots of a crontab expression are counted up to ``MAX_COUNT``.
    """
    if frequency not in PERIODS:
        return _latest_of_crontab(frequency, anchor, after, until, zone)
    anchor, after, until = (instant.astimezone(UTC) for instant in (anchor, after, until))
    start, first = _index_after(frequency, anchor, after, zone)
    if first is None or first > until:
        return None, 0
    end, _later = _index_after(frequency, anchor, until, zone)
    last = _nth(frequency, anchor, end - 1, zone)
    assert last is not None, "it is not later than until"
    if frequency == "daily":
        # Two indexes share one slot where a zone skipped a day: Apia had no 2011-12-30.
        return last, round((last - first) / DAY) + 1
    return last, end - start


def _nth(frequency: str, anchor: datetime, index: int, zone: ZoneInfo) -> datetime | None:
    """Return the slot with this index, or None if it is not before the year 10000."""
    hours, days, months = PERIODS[frequency]
    try:
        if hours or index == 0:
            return anchor.astimezone(UTC) + index * hours * HOUR
        wall = anchor.astimezone(zone).replace(tzinfo=None) + index * days * DAY
        if months:
            year, month = divmod(wall.year * 12 + wall.month - 1 + index * months, 12)
            last_day = calendar.monthrange(year, month + 1)[1]
            wall = wall.replace(year=year, month=month + 1, day=min(wall.day, last_day))
        # With fold=0 a time in a gap moves later by the gap, and one in an overlap is the first.
        return wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    except (OverflowError, ValueError):
        return None


@lru_cache(maxsize=1000)
def _index_after(
    frequency: str, anchor: datetime, after: datetime, zone: ZoneInfo
) -> tuple[int, datetime | None]:
    """Return the lowest index whose slot is later than ``after`` or does not exist, and the slot.

    The instants must be in UTC: in other zones, both instants of a repeated hour are equal. Cached,
    because a scheduler counts missed slots and then needs the next one.
    """
    # Calendar and mean duration differ by less than two periods.
    index = max((after - anchor) // PERIODS[frequency].mean - 2, 0)
    while (slot := _nth(frequency, anchor, index, zone)) is not None and slot <= after:
        index += 1
    return index, slot


def _is_crontab(crontab: str) -> bool:
    """Return whether cronsim accepts the expression, and finds a time within 50 years."""
    if not re.fullmatch(r"[0-9A-Z*,/# -]+", crontab):
        return False
    try:
        return next(CronSim(crontab, datetime(2000, 1, 1)), None) is not None  # noqa: DTZ001
    except CronSimError:
        return False


def _next_of_crontab(
    crontab: str, anchor: datetime, after: datetime, zone: ZoneInfo
) -> datetime | None:
    try:
        return _next_match(crontab, max(after, anchor - datetime.resolution), zone)
    except (OverflowError, ValueError):
        return None


@lru_cache(maxsize=1000)
def _next_match(crontab: str, after: datetime, zone: ZoneInfo) -> datetime | None:
    """Return the next time of a crontab expression, which many subscriptions share: cached.

    ``after`` must be in UTC.
    """
    local = after.astimezone(zone)
    minute, hour, *days = crontab.split()
    if len(CronSim(crontab, local).hours) == 24:
        return _next_of_every_hour(crontab, after, zone)
    # cronsim runs a time of an overlap once, and a time of a gap at its end, unless the hour
    # begins with a star.
    fixed = " ".join([minute, hour.replace("*", "0-23", 1), *days])
    slots = (slot.astimezone(UTC) for slot in CronSim(fixed, local))
    return next((slot for slot in slots if slot > after), None)


def _next_of_every_hour(crontab: str, after: datetime, zone: ZoneInfo) -> datetime | None:
    """Return the next instant whose wall clock matches: none in a gap, two in an overlap.

    cronsim misses some of them where the clock changes by half an hour, as on Lord Howe. So it
    only walks the wall clock here: from ``after``, and from where the clock is turned back to.
    """
    wall, a_day_later = (
        instant.astimezone(zone).replace(tzinfo=None) for instant in (after, after + DAY)
    )
    starts = {wall, min(wall, a_day_later - DAY)}
    slots = [_first_match(CronSim(crontab, start), after, zone) for start in starts]
    return min((slot for slot in slots if slot), default=None)


def _first_match(walls: Iterator[datetime], after: datetime, zone: ZoneInfo) -> datetime | None:
    """Return the first instant later than ``after`` at which the clock shows one of ``walls``."""
    slots = (
        (wall, wall.replace(tzinfo=zone, fold=fold).astimezone(UTC))
        for wall in walls
        for fold in (0, 1)
    )
    return next(
        (
            slot
            for wall, slot in slots
            if slot > after and slot.astimezone(zone).replace(tzinfo=None) == wall
        ),
        None,
    )


def _latest_of_crontab(
    crontab: str, anchor: datetime, after: datetime, until: datetime, zone: ZoneInfo
) -> tuple[datetime | None, int]:
    slots = list(islice(slots_between(crontab, anchor, after, until, zone), MAX_COUNT))
    if len(slots) < MAX_COUNT:
        return slots[-1] if slots else None, len(slots)
    latest = counted = slots[-1]
    start, window = until, HOUR
    while latest == counted < start:
        start = max(until - window, counted)
        latest = max(slots_between(crontab, anchor, start, until, zone), default=counted)
        window *= 2
    return latest, MAX_COUNT
