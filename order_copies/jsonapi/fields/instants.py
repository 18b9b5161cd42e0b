"""Instants."""

from datetime import UTC, datetime, timedelta

from django.db.models import Q

from order_copies.jsonapi.fields.base import ParsedField
from order_copies.jsonapi.fields.numbers import IntegerField

_DAYS = (
    "((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|"
    "02-(0[1-9]|1[0-9]|2[0-8]))"
)
_LEAP_DAY = "([12][0-9](0[48]|[2468][048]|[13579][26])|(1[26]|2[048])00)-02-29"
DATE = f"([12][0-9]{{3}}-{_DAYS}|{_LEAP_DAY})"
_ZONE = "(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9])"
_TIME = rf"(T([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{{1,9}})?)?{_ZONE}?)?"
_MILLISECOND = timedelta(milliseconds=1)


class InstantField(ParsedField):
    """An instant in UTC, with milliseconds: ``2018-01-01T12:00:00.000Z`` (contract 5.1)."""

    comparisons = IntegerField.comparisons
    json_schema = {
        "type": "string",
        "format": "date-time",
        "examples": ["2018-01-01T12:00:00.000Z"],
    }
    text = DATE + _TIME
    text_name = "an instant such as 2018-01-01T12:00:00.000Z"

    def to_representation(self, value: datetime) -> str:
        """Return the instant as text."""
        return instant(value)

    def convert(self, text: str) -> datetime:
        """Return an instant, or the start of a day. Without an offset it is in UTC."""
        found = datetime.fromisoformat(text)
        moment = (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
        return moment.replace(microsecond=moment.microsecond // 1000 * 1000)

    def compare(self, lookup: str, column: str, value: datetime) -> Q:
        """Compare milliseconds, as documents show them: the database has microseconds."""
        after = value + _MILLISECOND
        if lookup == "exact":
            return Q(**{f"{column}__gte": value, f"{column}__lt": after})
        lookup, value = {"lte": ("lt", after), "gt": ("gte", after)}.get(lookup, (lookup, value))
        return super().compare(lookup, column, value)


def instant(value: datetime) -> str:
    """Return ``value`` as the contract writes instants (5.1)."""
    return value.astimezone(UTC).isoformat(timespec="milliseconds")[:23] + "Z"
