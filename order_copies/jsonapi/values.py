"""The kinds of values that attributes hold: how each is written, and read from clients."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from order_copies.exceptions import OrderCopiesError

#: How deep an object that a client sends may be nested, and how large it may be as JSON.
MAX_DEPTH = 32
MAX_BYTES = 65536
MAX_INTEGER = 2**63

#: Stands for "null is refused".
REQUIRED: Any = object()


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


@dataclass(frozen=True)
class Value:
    """A value of any kind, written as it is. Only what a subclass can read is accepted."""

    #: What a client that sends null means; :data:`REQUIRED` refuses it.
    null: Any = None

    def write(self, value: Any) -> Any:
        """The row's value as documents have it."""
        return value

    def read(self, value: Any) -> Any:
        """What a client's ``value`` stands for. Raises :class:`InvalidValueError`."""
        if value is not None:
            return self.check(value)
        if self.null is REQUIRED:
            raise InvalidValueError("blank", "can't be blank")
        return {} if self.null == {} else self.null

    def check(self, value: Any) -> Any:
        """``value``, which is not null, if it is of this kind."""
        raise InvalidValueError("invalid", "is invalid")


@dataclass(frozen=True)
class String(Value):
    """Text of limited length."""

    max_length: int = 255

    def check(self, value: Any) -> str:
        """A string that every database can store."""
        if not isinstance(value, str):
            raise InvalidValueError("invalid", "must be a string")
        if not is_storable(value):
            raise InvalidValueError("invalid", "contains characters that cannot be stored")
        if len(value) > self.max_length:
            message = f"is too long (maximum is {self.max_length} characters)"
            raise InvalidValueError("too_long", message, count=self.max_length)
        return value


@dataclass(frozen=True)
class Blank(String):
    """Text whose absence the shop stores as an empty string, and the contract writes as null."""

    def write(self, value: Any) -> Any:
        """Null for nothing."""
        return value or None


@dataclass(frozen=True)
class Boolean(Value):
    """True or false."""

    def check(self, value: Any) -> bool:
        """A JSON boolean, and nothing that resembles one."""
        if not isinstance(value, bool):
            raise InvalidValueError("inclusion", "must be true or false")
        return value


class Integer(Value):
    """A whole number."""


class Float(Value):
    """A number, stored as a decimal."""

    def write(self, value: Any) -> Any:
        """A JSON number."""
        return None if value is None else float(value)


class Instant(Value):
    """A moment in UTC, with milliseconds: ``2018-01-01T12:00:00.000Z``."""

    def write(self, value: Any) -> Any:
        """The text of the moment."""
        return None if value is None else instant(value)


@dataclass(frozen=True)
class Object(Value):
    """A JSON object of the client's own."""

    null: Any = REQUIRED

    def check(self, value: Any) -> dict[str, Any]:
        """An object that every database can store, and that is no attack on anybody."""
        if not isinstance(value, dict):
            raise InvalidValueError("invalid", "must be an object", reason="not_an_object")
        check_storable(value)
        if len(json.dumps(value)) > MAX_BYTES:
            raise InvalidValueError("too_long", f"is too large (maximum is {MAX_BYTES} bytes)")
        return value


def instant(value: datetime) -> str:
    """``value`` as the contract writes instants (5.1)."""
    return value.astimezone(UTC).isoformat(timespec="milliseconds")[:23] + "Z"


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
