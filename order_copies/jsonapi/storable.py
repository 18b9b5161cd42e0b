"""What every database can store, and nobody is attacked by."""

import math
from collections.abc import Iterator
from typing import Any

from order_copies.exceptions import OrderCopiesError

#: How deep an object that a client sends may be nested, and how large it may be as JSON. MariaDB
#: takes 31 levels, and the event of a change has two around it.
MAX_DEPTH = 29
MAX_BYTES = 65536
MAX_INTEGER = 2**63


class InvalidValueError(OrderCopiesError):
    """A value breaks the rule ``key``, an error key of the contract (5.7).

    ``reason`` tells apart what the contract has one key for.
    """

    def __init__(self, key: str, message: str, *, reason: str = "", **meta: Any) -> None:
        super().__init__(message)
        self.key = key
        self.message = message
        self.reason = reason or key
        self.meta = meta


def is_storable(text: str) -> bool:
    """Whether every database can store ``text``: no NUL, no half of a surrogate pair."""
    return "\0" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)


def check_storable(value: dict[str, Any]) -> None:
    """Raise :class:`InvalidValueError` for what no database, or no other client, could take."""
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
