"""Moments."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Q
from django.utils.dateparse import parse_date, parse_datetime

from order_copies.jsonapi.storable import InvalidValueError
from order_copies.jsonapi.values.base import Value
from order_copies.jsonapi.values.numbers import Integer

_DAYS = (
    "((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|"
    "02-(0[1-9]|1[0-9]|2[0-8]))"
)
_LEAP_DAY = "[12][0-9](0[48]|[2468][048]|[13579][26])-02-29"
_DATE = f"([12][0-9]{{3}}-{_DAYS}|{_LEAP_DAY})"
_TIME = r"(T([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6})?)?(Z|[+-](0[0-9]|1[0-2]):00)?)?"
_MILLISECOND = timedelta(milliseconds=1)


class Instant(Value):
    """A moment in UTC, with milliseconds: ``2018-01-01T12:00:00.000Z``."""

    comparisons = Integer.comparisons
    kind = {"type": "string", "format": "date-time", "examples": ["2018-01-01T12:00:00.000Z"]}
    text = _DATE + _TIME

    def write(self, value: Any) -> Any:
        """The text of the moment."""
        return None if value is None else instant(value)

    def parse(self, text: str) -> datetime:
        """A moment or the beginning of a day, in UTC where nothing else is said."""
        try:
            return _whole_millisecond(text)
        except (ValueError, OverflowError):
            message = "must be an instant such as 2018-01-01T12:00:00.000Z"
            raise InvalidValueError("invalid", message) from None

    def compare(self, lookup: str, column: str, value: datetime) -> Q:
        """Compare the milliseconds that documents tell: rows may know the moment better."""
        after = value + _MILLISECOND
        if lookup == "exact":
            return Q(**{f"{column}__gte": value, f"{column}__lt": after})
        lookup, value = {"lte": ("lt", after), "gt": ("gte", after)}.get(lookup, (lookup, value))
        return super().compare(lookup, column, value)


def instant(value: datetime) -> str:
    """``value`` as the contract writes instants (5.1)."""
    return value.astimezone(UTC).isoformat(timespec="milliseconds")[:23] + "Z"


def _whole_millisecond(text: str) -> datetime:
    day = parse_date(text)
    found = datetime(day.year, day.month, day.day) if day else parse_datetime(text)  # noqa: DTZ001
    if found is None:
        raise ValueError
    moment = (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    # There has to be a millisecond after it.
    _after = moment + _MILLISECOND
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
