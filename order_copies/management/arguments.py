"""Types of command-line arguments. Each raises an exception that argparse turns into a message."""

from argparse import ArgumentTypeError
from datetime import datetime, time

from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime


def positive(text: str) -> int:
    """Parse an integer of at least 1."""
    number = int(text)
    if number < 1:
        message = "it must be at least 1"
        raise ArgumentTypeError(message)
    return number


def seconds(text: str) -> float:
    """Parse a number of seconds of at least 0."""
    number = float(text)
    if not 0 <= number < 10**9:
        message = "it must be a number of seconds, at least 0"
        raise ArgumentTypeError(message)
    return number


def instant(text: str) -> datetime:
    """Parse a time, or a date as its beginning; without an offset, in the shop's time zone."""
    return _instant(text, time.min)


def end(text: str) -> datetime:
    """Parse as :func:`instant`, but a date as its end."""
    return _instant(text, time.max)


def _instant(text: str, of_day: time) -> datetime:
    try:
        day = parse_date(text)
        found = datetime.combine(day, of_day) if day else parse_datetime(text)
        if found is not None:
            return found if timezone.is_aware(found) else timezone.make_aware(found)
    except (ValueError, OverflowError) as error:
        raise ArgumentTypeError(str(error)) from None
    message = "it must be a date or a time, like 2026-11-24 or 2026-11-24T10:00"
    raise ArgumentTypeError(message)
