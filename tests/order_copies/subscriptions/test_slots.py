"""Slots of subscriptions: month ends, changes of the clock, crontab expressions, and laws."""

import re
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import assume, example, given
from hypothesis import strategies as st

from order_copies.subscriptions.slots import (
    FREQUENCIES,
    MAX_COUNT,
    InvalidFrequencyError,
    NoSlotError,
    clean_frequency,
    latest_slot,
    next_slot,
    slots_between,
)
from tests.documentation import page, section

SLOTS_PAGE = page("explanation/slots.md")
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
ROME = ZoneInfo("Europe/Rome")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")
APIA = ZoneInfo("Pacific/Apia")
UTC_ZONE = ZoneInfo("UTC")

# Gaps and overlaps of an hour, half an hour, two hours and three; at midnight; of a whole day;
# offsets of quarters of an hour; zones on either side of the date line.
zones = st.sampled_from(
    [
        "UTC", "Europe/Rome", "Europe/London", "Europe/Dublin", "Europe/Istanbul",
        "America/New_York", "America/Sao_Paulo", "America/Santiago", "America/Havana",
        "America/Caracas", "America/St_Johns", "America/Asuncion", "Africa/Cairo",
        "Africa/Casablanca", "Asia/Beirut", "Asia/Gaza", "Asia/Kathmandu", "Asia/Pyongyang",
        "Asia/Tehran", "Atlantic/Azores", "Australia/Lord_Howe", "Antarctica/Casey",
        "Antarctica/Troll", "Pacific/Apia", "Pacific/Chatham", "Pacific/Kiritimati",
        "Pacific/Kwajalein",
    ]
).map(ZoneInfo)  # fmt: skip
minutes = st.integers(0, 60 * 366 * 24 * 60).map(
    lambda count: datetime(1990, 1, 1, tzinfo=UTC) + timedelta(minutes=count)
)
instants = minutes | st.builds(
    datetime.__add__, minutes, st.timedeltas(timedelta(0), timedelta(minutes=1))
)
spans = st.timedeltas(timedelta(0), 3 * DAY) | st.timedeltas(timedelta(0), 400 * DAY)
named = st.sampled_from(FREQUENCIES)
fields = {
    "minute": st.integers(0, 59).map(str) | st.sampled_from(["0", "30"]),
    "hour": st.sampled_from(["*", "*/2", "*/12", "0", "2", "1,2,3", "0-5", "23", "0-23"]),
    "day": st.sampled_from(["*", "*", "1", "31", "L", "LW", "*/10"]),
    "month": st.sampled_from(["*", "*", "3,10", "*/4", "DEC"]),
    "weekday": st.sampled_from(["*", "*", "SUN", "1-5", "SUN#1", "6L"]),
}
crontabs = st.builds("{minute} {hour} {day} {month} {weekday}".format, **fields)


def moment(text: str, zone: ZoneInfo = UTC_ZONE, *, fold: int = 0) -> datetime:
    """Return the instant at which the clock of the zone shows this."""
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold).astimezone(UTC)


def first(frequency: str, anchor: datetime, zone: ZoneInfo, count: int) -> list[str]:
    """Return the first slots, on the wall clock of the zone, with the anchor."""
    after = anchor - timedelta.resolution
    slots = slots_between(frequency, anchor, after, datetime.max.replace(tzinfo=UTC), zone)
    return [f"{slot.astimezone(zone):%Y-%m-%d %H:%M %z}" for slot in islice(slots, count)]


def dates(frequency: str, anchor: str, count: int) -> list[str]:
    """Return the dates of the first slots in UTC."""
    return [slot[:10] for slot in first(frequency, moment(anchor), UTC_ZONE, count)]


def in_day(frequency: str, day: str, zone: ZoneInfo) -> list[str]:
    """Return the slots of a local day, on the wall clock."""
    start = moment(f"{day} 00:00", zone)
    end = (datetime.fromisoformat(day) + DAY).replace(tzinfo=zone).astimezone(UTC)
    before, last = start - timedelta.resolution, end - timedelta.resolution
    slots = slots_between(frequency, start - 30 * DAY, before, last, zone)
    return [f"{slot.astimezone(zone):%H:%M %z}" for slot in slots]


# Month ends


def test_monthly__31_january_keeps_the_31st_after_short_months() -> None:
    assert dates("monthly", "2027-01-31", 4) == [
        "2027-01-31", "2027-02-28", "2027-03-31", "2027-04-30",
    ]  # fmt: skip
    assert dates("monthly", "2028-01-31", 3) == ["2028-01-31", "2028-02-29", "2028-03-31"]


def test_yearly__29_february_is_the_28th_outside_leap_years() -> None:
    assert dates("yearly", "2028-02-29", 5) == [
        "2028-02-29", "2029-02-28", "2030-02-28", "2031-02-28", "2032-02-29",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("frequency", "second", "third"),
    [
        ("hourly", "2026-08-31", "2026-08-31"),
        ("daily", "2026-09-01", "2026-09-02"),
        ("weekly", "2026-09-07", "2026-09-14"),
        ("monthly", "2026-09-30", "2026-10-31"),
        ("two-month", "2026-10-31", "2026-12-31"),
        ("three-month", "2026-11-30", "2027-02-28"),
        ("four-month", "2026-12-31", "2027-04-30"),
        ("six-month", "2027-02-28", "2027-08-31"),
        ("yearly", "2027-08-31", "2028-08-31"),
    ],
)
def test_names__each_has_its_period(frequency: str, second: str, third: str) -> None:
    assert dates(frequency, "2026-08-31", 3) == ["2026-08-31", second, third]


# Changes of the clock


def test_daily__rome_at_0230_runs_once_a_day_over_both_switches() -> None:
    assert first("daily", moment("2026-03-28 02:30", ROME), ROME, 3) == [
        "2026-03-28 02:30 +0100", "2026-03-29 03:30 +0200", "2026-03-30 02:30 +0200",
    ]  # fmt: skip
    assert first("daily", moment("2026-10-24 02:30", ROME), ROME, 3) == [
        "2026-10-24 02:30 +0200", "2026-10-25 02:30 +0200", "2026-10-26 02:30 +0100",
    ]  # fmt: skip


def test_daily__anchor_in_the_second_pass_of_an_overlap_is_a_slot() -> None:
    anchor = moment("2026-10-25 02:30", ROME, fold=1)

    assert first("daily", anchor, ROME, 2) == ["2026-10-25 02:30 +0100", "2026-10-26 02:30 +0100"]


def test_next_slot__anchors_in_both_hours_of_an_overlap_differ() -> None:
    # given two instants that are equal in Python, because only their fold differs
    first = datetime(2026, 10, 25, 2, 30, tzinfo=ROME)
    second = first.replace(fold=1)
    assert first == second

    # when
    slots = [next_slot("hourly", anchor, anchor, ROME) for anchor in (first, second)]

    # then
    assert slots[1] - slots[0] == timedelta(hours=1)


@pytest.mark.parametrize("frequency", ["hourly", "0 * * * *", "0 0-23 * * *"])
def test_hourly__local_days_of_the_switches_have_23_and_25(frequency: str) -> None:
    spring, autumn = in_day(frequency, "2026-03-29", ROME), in_day(frequency, "2026-10-25", ROME)

    assert len(spring) == 23
    assert len(autumn) == 25
    assert autumn[2:4] == ["02:00 +0200", "02:00 +0100"]


def test_daily__lord_howe_moves_by_half_an_hour() -> None:
    assert first("daily", moment("2026-10-03 02:15", LORD_HOWE), LORD_HOWE, 3) == [
        "2026-10-03 02:15 +1030", "2026-10-04 02:45 +1100", "2026-10-05 02:15 +1100",
    ]  # fmt: skip
    assert first("daily", moment("2026-04-04 01:45", LORD_HOWE), LORD_HOWE, 3) == [
        "2026-04-04 01:45 +1100", "2026-04-05 01:45 +1100", "2026-04-06 01:45 +1030",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("frequency", "day", "expected"),
    [
        ("45 * * * *", "2026-04-05", ["00:45 +1100", "01:45 +1100", "01:45 +1030", "02:45 +1030"]),
        ("0 * * * *", "2026-10-04", ["00:00 +1030", "01:00 +1030", "03:00 +1100", "04:00 +1100"]),
        ("0 */4 * * *", "2026-10-04", ["00:00 +1030", "04:00 +1100", "08:00 +1100"]),
        ("0 */4 * * *", "2026-04-05", ["00:00 +1100", "04:00 +1030", "08:00 +1030"]),
    ],
)
def test_crontab__lord_howe_misses_no_hour(frequency: str, day: str, expected: list[str]) -> None:
    assert in_day(frequency, day, LORD_HOWE)[: len(expected)] == expected


def test_daily__apia_has_one_slot_for_the_day_that_never_was_and_the_next() -> None:
    # given
    anchor = moment("2011-12-29 12:00", APIA)
    last = moment("2012-01-01 12:00", APIA)

    # then
    assert first("daily", anchor, APIA, 4) == [
        "2011-12-29 12:00 -1000", "2011-12-31 12:00 +1400", "2012-01-01 12:00 +1400",
        "2012-01-02 12:00 +1400",
    ]  # fmt: skip
    assert latest_slot("daily", anchor, anchor, last, APIA) == (last, 2)


def test_weekly__apia_runs_a_day_later_once() -> None:
    assert first("weekly", moment("2011-12-23 12:00", APIA), APIA, 3) == [
        "2011-12-23 12:00 -1000", "2011-12-31 12:00 +1400", "2012-01-06 12:00 +1400",
    ]  # fmt: skip


@pytest.mark.parametrize("hour", ["2", "*/24", "2-2"])
def test_crontab__daily_runs_once_in_an_overlap(hour: str) -> None:
    zone = ROME if hour.startswith("2") else ZoneInfo("America/Havana")
    day = "2026-10-25" if zone is ROME else "2026-11-01"

    assert len(in_day(f"30 {hour} * * *", day, zone)) == 1


def test_crontab__daily_at_0230_over_the_autumn_switch_runs_once() -> None:
    assert first("30 2 * * *", moment("2026-10-24 00:00", ROME), ROME, 3) == [
        "2026-10-24 02:30 +0200", "2026-10-25 02:30 +0200", "2026-10-26 02:30 +0100",
    ]  # fmt: skip


def test_crontab__time_in_a_gap_runs_at_its_end() -> None:
    assert first("30 2 * * *", moment("2026-03-28 00:00", ROME), ROME, 3) == [
        "2026-03-28 02:30 +0100", "2026-03-29 03:00 +0200", "2026-03-30 02:30 +0200",
    ]  # fmt: skip


def test_crontab__slot_after_the_second_pass_of_an_overlap_is_later() -> None:
    after = moment("2026-10-25 02:15", ROME, fold=1)

    slot = next_slot("30 2 * * *", after - 30 * DAY, after, ROME)

    assert slot == moment("2026-10-26 02:30", ROME)


def test_crontab__first_slot_is_not_before_the_anchor() -> None:
    # given
    anchor = moment("2026-11-02 08:00")
    crontab = "0 8 * * MON"

    # then
    assert next_slot(crontab, anchor, anchor - 30 * DAY, UTC_ZONE) == anchor
    later = anchor + timedelta(seconds=0.5)
    assert next_slot(crontab, later, later - 30 * DAY, UTC_ZONE) == anchor + 7 * DAY


def test_crontab__wall_clock_is_of_the_zone() -> None:
    slot = next_slot("0 8 1 * *", moment("2026-07-01"), moment("2026-07-15"), ROME)

    assert slot == moment("2026-08-01 06:00")
    assert slot.tzinfo is UTC


# Downtime


def test_latest_slot__30_days_down_hourly_counts_720() -> None:
    # given
    anchor = moment("2026-01-01 00:10")
    after, until = moment("2026-03-15 12:10"), moment("2026-04-14 13:00")

    # when, then
    assert latest_slot("hourly", anchor, after, until, ROME) == (moment("2026-04-14 12:10"), 720)
    assert len(list(slots_between("hourly", anchor, after, until, ROME))) == 720


@pytest.mark.parametrize("frequency", ["monthly", "0 0 1 * *"])
def test_latest_slot__interval_without_slot_has_none(frequency: str) -> None:
    # given
    anchor, after, until = moment("2026-01-01"), moment("2026-01-01"), moment("2026-01-31")

    # then
    assert latest_slot(frequency, anchor, after, until, UTC_ZONE) == (None, 0)
    assert latest_slot(frequency, anchor, until, after, UTC_ZONE) == (None, 0)
    assert latest_slot(frequency, until, after - 9 * DAY, after - DAY, UTC_ZONE) == (None, 0)


@pytest.mark.parametrize(
    ("crontab", "latest"),
    [("0 * * * *", "2026-11-23 12:00"), ("0 * * 1-6 *", "2026-06-30 23:00")],
)
def test_latest_slot__crontab_is_counted_up_to_a_maximum(crontab: str, latest: str) -> None:
    # given
    anchor, until = moment("2023-01-01"), moment("2026-11-23 12:30")

    # then
    assert latest_slot(crontab, anchor, anchor, until, UTC_ZONE) == (moment(latest), MAX_COUNT)


def test_latest_slot__exactly_the_maximum_is_counted() -> None:
    anchor = moment("2023-01-01")
    until = anchor + MAX_COUNT * HOUR

    assert latest_slot("0 * * * *", anchor, anchor, until, UTC_ZONE) == (until, MAX_COUNT)


# Documentation


@pytest.mark.parametrize(
    ("frequency", "zone", "slots"),
    re.findall(r"^\| `(.+)` \| `(.+)` \| (\d{4}-.+) \|$", SLOTS_PAGE, re.MULTILINE),
)
def test_documentation__slots_are_those_of_the_code(frequency: str, zone: str, slots: str) -> None:
    # given
    expected = slots.split(", ")
    anchor = datetime.strptime(expected[0], "%Y-%m-%d %H:%M %z")

    # then
    assert first(frequency, anchor, ZoneInfo(zone), len(expected)) == expected


def test_documentation__has_an_example_of_each_section() -> None:
    sections = ["Month ends", "Changes of the clock", "Crontab expressions"]

    assert [section(SLOTS_PAGE, title).count(" +") > 8 for title in sections] == [True] * 3


# The end of time


@pytest.mark.parametrize("frequency", [*FREQUENCIES, "0 * * * *", "0 0 31 12 *"])
@pytest.mark.parametrize("zone", [UTC_ZONE, APIA, ZoneInfo("America/New_York")])
def test_next_slot__none_in_the_year_10000(frequency: str, zone: ZoneInfo) -> None:
    # given
    anchor, end = moment("2026-11-23 08:00"), datetime.max.replace(tzinfo=UTC)

    # then
    with pytest.raises(NoSlotError, match="no further run"):
        next_slot(frequency, anchor, end, zone)
    assert list(slots_between(frequency, anchor, end, end, zone)) == []


@pytest.mark.parametrize("frequency", FREQUENCIES)
def test_latest_slot__interval_up_to_the_end_of_time(frequency: str) -> None:
    # given
    anchor, end = moment("2026-11-23 08:00"), datetime.max.replace(tzinfo=UTC)

    # when
    latest, count = latest_slot(frequency, anchor, anchor, end, UTC_ZONE)

    # then
    assert latest is not None
    assert latest.year == 9999
    assert count > 7000
    with pytest.raises(NoSlotError):
        next_slot(frequency, anchor, latest, UTC_ZONE)


# Frequencies


@pytest.mark.parametrize(
    ("text", "frequency"),
    [
        *[(name, name) for name in FREQUENCIES],
        ("two-months", "two-month"),
        ("three-months", "three-month"),
        ("four-months", "four-month"),
        ("six-months", "six-month"),
        (" monthly\n", "monthly"),
        ("0 8 * * mon", "0 8 * * MON"),
        ("  30   */6\t1,15 jan-mar 1-5 ", "30 */6 1,15 JAN-MAR 1-5"),
        ("0 0 29 2 *", "0 0 29 2 *"),
        ("0 0 * 2 MON#5", "0 0 * 2 MON#5"),
        ("59 23 L * *", "59 23 L * *"),
    ],
)
def test_clean_frequency__normal_form(text: str, frequency: str) -> None:
    assert clean_frequency(text) == frequency
    assert clean_frequency(frequency) == frequency


NO_NAME = "The frequency must be one of hourly, daily, .*, or a crontab expression"
FIVE_FIELDS = "has five fields"
FINER = "finer than hourly .* single number"
WRONG = "wrong or matches no date"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", NO_NAME),
        ("fortnightly", NO_NAME),
        ("Monthly", NO_NAME),
        ("monthlys", NO_NAME),
        ("@daily", NO_NAME),
        ("monthly\0", NO_NAME),
        ("x" * 10_000, NO_NAME),
        ("every two months", FIVE_FIELDS),
        ("0 8 * *", FIVE_FIELDS),
        ("0 0 8 * * *", FIVE_FIELDS),
        ("* " * 5_000, FIVE_FIELDS),
        ("* * * * *", FINER),
        ("*/30 * * * *", FINER),
        ("0,30 8 * * *", FINER),
        ("0-1 8 * * *", FINER),
        ("60 8 * * *", FINER),
        ("٣ 8 * * *", FINER),
        ("-1 8 * * *", FINER),
        ("0 8,9,10 1,2,3,4,5,6,7,8,9,10,11,12 1,2,3,4,5,6 1,2", "at most 50 characters"),
        ("0 8 * * " + "9" * 10_000, "at most 50 characters"),
        ("0 24 * * *", WRONG),
        ("0 8 0 * *", WRONG),
        ("0 8 * 13 *", WRONG),
        ("0 8 * * 8", WRONG),
        ("0 8 * * \0", WRONG),
        ("0 8 ٣ * *", WRONG),
        ("0 8 * * fr\u0131", WRONG),
        ("0 */0 * * *", WRONG),
        ("0 , * * *", WRONG),
        ("0 8 ²L * *", WRONG),
        ("0 8 * * L", WRONG),
        ("0 8 99999999999999999999 * *", WRONG),
        ("0 0 30 2 *", WRONG),
        ("0 0 31 2,4,6 *", WRONG),
        ("0 0 */3 2 MON#5", WRONG),
    ],
)
def test_clean_frequency__refusal_says_what_to_write(text: str, message: str) -> None:
    with pytest.raises(InvalidFrequencyError, match=message):
        clean_frequency(text)


@given(st.text() | st.text("0123456789*/,-#LW \0\u0131²", max_size=40).map("0 {}".format))
@example("0 L/2 1#2/3 1L/2 *#1")
def test_clean_frequency__any_text_is_cleaned_or_refused(text: str) -> None:
    try:
        frequency = clean_frequency(text)
    except InvalidFrequencyError:
        return

    assert clean_frequency(frequency) == frequency
    assert len(frequency) <= 50
    assert next_slot(frequency, moment("2026-01-01"), moment("2026-01-01"), ROME)


# Laws


@given(crontabs)
def test_crontabs__that_are_drawn_are_clean(crontab: str) -> None:
    assert clean_frequency(crontab) == crontab


@given(named | crontabs, instants, instants, zones)
def test_next_slot__is_later_and_has_no_slot_in_between(
    frequency: str, anchor: datetime, after: datetime, zone: ZoneInfo
) -> None:
    # when
    slot = next_slot(frequency, anchor, after, zone)

    # then
    assert slot > after
    assert slot >= anchor
    assert next_slot(frequency, anchor, slot - timedelta.resolution, zone) == slot
    middle = after + (slot - after) / 2
    assert next_slot(frequency, anchor, middle, zone) == slot


@given(named | crontabs, instants, instants, zones)
def test_slots_between__strictly_increase(
    frequency: str, anchor: datetime, after: datetime, zone: ZoneInfo
) -> None:
    end = datetime.max.replace(tzinfo=UTC)

    slots = [after, *islice(slots_between(frequency, anchor, after, end, zone), 50)]

    assert all(one < other for one, other in pairwise(slots))


@given(named, instants, st.integers(0, 2000), zones)
@example("daily", moment("2011-12-20 12:00", APIA), 15, APIA)
def test_slots_between__names_are_computed_from_the_anchor(
    frequency: str, anchor: datetime, skipped: int, zone: ZoneInfo
) -> None:
    # given
    indexes = range(skipped, skipped + 20)
    expected = sorted({nth(frequency, anchor, index, zone) for index in indexes})

    # when
    slots = list(
        slots_between(frequency, anchor, expected[0] - timedelta.resolution, expected[-1], zone)
    )

    # then
    assert slots == expected


@given(crontabs, minutes, zones)
@example("45 * * * *", moment("2026-04-04 12:00", LORD_HOWE), LORD_HOWE)
@example("0 * 5 4 *", moment("2026-04-04 12:00", LORD_HOWE), LORD_HOWE)
@example("30 * * * *", moment("2010-03-04 12:00"), ZoneInfo("Antarctica/Casey"))
@example("30 * * * *", moment("2011-12-29 12:00", APIA), APIA)
def test_slots_between__every_hour_is_each_instant_whose_clock_matches(
    crontab: str, start: datetime, zone: ZoneInfo
) -> None:
    # given
    minute, _hour, *days = crontab.split()
    crontab = " ".join([minute, "*", *days])
    cron = CronSim(crontab, start)
    passing = [start + timedelta(minutes=number) for number in range(1, 3 * 24 * 60)]
    locals_ = {instant: instant.astimezone(zone) for instant in passing}

    # when
    slots = list(slots_between(crontab, start, start, passing[-1], zone))

    # then
    assert slots == [
        instant
        for instant, local in locals_.items()
        if local.minute == int(minute)
        and local.month in cron.months
        and cron.match_day(local.date())
    ]


@given(crontabs, minutes, zones)
@example("0 */4 * * *", moment("2026-10-03 12:00", LORD_HOWE), LORD_HOWE)
@example("30 1,2,3 * * *", moment("2010-03-04 12:00"), ZoneInfo("Antarctica/Casey"))
@example("0 */12 * * *", moment("2011-12-29 12:00", APIA), APIA)
def test_slots_between__fixed_hours_run_once_for_each_time_of_the_wall_clock(
    crontab: str, start: datetime, zone: ZoneInfo
) -> None:
    # given
    cron = CronSim(crontab, start)
    assume(len(cron.hours) < 24)
    wall, end = start.replace(tzinfo=None) - 3 * DAY, start + 3 * DAY
    walls = [wall + timedelta(minutes=number) for number in range(8 * 24 * 60)]
    matches = [
        wall
        for wall in walls
        if wall.minute in cron.minutes
        and wall.hour in cron.hours
        and wall.month in cron.months
        and cron.match_day(wall.date())
    ]

    # when
    slots = list(slots_between(crontab, start, start, end, zone))

    # then
    assert slots == sorted({s for s in (once(wall, zone) for wall in matches) if start < s <= end})


@given(named | crontabs, instants, instants, spans, zones)
@example("daily", moment("2011-12-20 12:00", APIA), moment("2011-12-28", APIA), 4 * DAY, APIA)
def test_latest_slot__agrees_with_slots_between(
    frequency: str, anchor: datetime, after: datetime, span: timedelta, zone: ZoneInfo
) -> None:
    # given
    slots = list(slots_between(frequency, anchor, after, after + span, zone))

    # then
    assert latest_slot(frequency, anchor, after, after + span, zone) == (
        slots[-1] if slots else None,
        len(slots),
    )


def nth(frequency: str, anchor: datetime, index: int, zone: ZoneInfo) -> datetime:
    """Return anchor + index periods, by another way than the code: month by month."""
    if index == 0 or frequency == "hourly":
        return anchor + index * HOUR
    local = anchor.astimezone(zone).replace(tzinfo=None, fold=0)
    days = {"daily": 1, "weekly": 7}.get(frequency)
    if days:
        return wall_to_utc(local + timedelta(days=index * days), zone)
    months = {
        "monthly": 1, "two-month": 2, "three-month": 3, "four-month": 4, "six-month": 6,
        "yearly": 12,
    }[frequency]  # fmt: skip
    month = local.replace(day=1)
    for _number in range(index * months):
        month = (month + 31 * DAY).replace(day=1)
    last = (month + 31 * DAY).replace(day=1) - DAY
    return wall_to_utc(month.replace(day=min(local.day, last.day)), zone)


def wall_to_utc(wall: datetime, zone: ZoneInfo) -> datetime:
    """Return the first instant at which the clock shows this, or as much later as its gap."""
    return min(
        wall.replace(tzinfo=zone, fold=fold).astimezone(UTC)
        for fold in ((0,) if is_imaginary(wall, zone) else (0, 1))
    )


def once(wall: datetime, zone: ZoneInfo) -> datetime:
    """Return the first instant at which the clock shows this, or the end of its gap."""
    while is_imaginary(wall, zone):
        wall += timedelta(minutes=1)
    return wall_to_utc(wall, zone)


def is_imaginary(wall: datetime, zone: ZoneInfo) -> bool:
    """Return whether the clock never shows this."""
    back = wall.replace(tzinfo=zone).astimezone(UTC).astimezone(zone)
    return back.replace(tzinfo=None) != wall
