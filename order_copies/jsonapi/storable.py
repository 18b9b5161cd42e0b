"""Limits on the values that are accepted from clients: every database can store them."""

import math
from collections.abc import Iterator
from typing import Any

from rest_framework.exceptions import ValidationError

#: The maximum nesting of an object from a client, and its maximum size as JSON. MariaDB stores 31
#: levels, and the event of a change adds two.
MAX_DEPTH = 29
MAX_BYTES = 65536
MAX_INTEGER = 2**63


class InvalidValueError(ValidationError):
    """A value breaks the rule ``key``, an error key of the contract (5.7).

    ``reason`` distinguishes rules for which the contract has one key.
    """

    def __init__(self, key: str, message: str, *, reason: str = "") -> None:
        super().__init__(message, code=key)
        self.key = key
        self.message = message
        self.reason = reason or key


def is_storable(text: str) -> bool:
    """Return whether every database can store ``text``: no NUL, no half of a surrogate pair."""
    return "\0" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)


def check_storable(value: dict[str, Any]) -> None:
    """Raise :class:`InvalidValueError` for values that a database or a client could not read."""
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        members = [member for container in level for member in _members(container)]
        for member in members:
            _check_scalar(member)
        level = [member for member in members if isinstance(member, dict | list)]
        if not level:
            return
    message = f"is nested too deep (maximum is {MAX_DEPTH} levels)"
    raise InvalidValueError("invalid", message, reason="too_deep")


def _members(container: Any) -> Iterator[Any]:
    yield from container
    if isinstance(container, dict):
        yield from container.values()


def _check_scalar(value: Any) -> None:
    if isinstance(value, str) and not is_storable(value):
        message, reason = "contains characters that cannot be stored", "not_text"
    elif isinstance(value, float) and not math.isfinite(value):
        message, reason = "contains a number that is not finite", "not_finite"
    elif isinstance(value, int | float) and not -MAX_INTEGER <= value < MAX_INTEGER:
        # A large float comes back from PostgreSQL as the integer that it is.
        message, reason = "contains a number that is too large", "not_finite"
    else:
        return
    raise InvalidValueError("invalid", message, reason=reason)
