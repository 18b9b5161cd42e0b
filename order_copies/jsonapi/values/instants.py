"""Moments."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Q

from order_copies.jsonapi.values.base import Value
from order_copies.jsonapi.values.numbers import Integer

_DAYS = (
    "((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|"
    "02-(0[1-9]|1[0-9]|2[0-8]))"
)
_LEAP_DAY = "([12][0-9](0[48]|[2468][048]|[13579][26])|(1[26]|2[048])00)-02-29"
_DATE = f"([12][0-9]{{3}}-{_DAYS}|{_LEAP_DAY})"
_ZONE = "(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9])"
_TIME = rf"(T([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{{1,9}})?)?{_ZONE}?)?"
_MILLISECOND = timedelta(milliseconds=1)


class Instant(Value):
    """A moment in UTC, with milliseconds: ``2018-01-01T12:00:00.000Z``."""

    comparisons = Integer.comparisons
    kind = {"type": "string", "format": "date-time", "examples": ["2018-01-01T12:00:00.000Z"]}
    text = _DATE + _TIME
    text_name = "an instant such as 2018-01-01T12:00:00.000Z"

    def write(self, value: Any) -> Any:
        """The text of the moment."""
        return None if value is None else instant(value)

    def convert(self, text: str) -> datetime:
        """A moment or the beginning of a day, in UTC where nothing else is said."""
        found = datetime.fromisoformat(text)
        moment = (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
        return moment.replace(microsecond=moment.microsecond // 1000 * 1000)

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
