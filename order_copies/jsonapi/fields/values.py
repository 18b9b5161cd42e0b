"""Fields of values: booleans, numbers, instants, strings, objects and triggers."""

import json
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import isfinite
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.db import models
from django.db.models import Q

from order_copies.jsonapi.fields.base import REQUIRED, Comparison, ParsedField, ValueField
from order_copies.jsonapi.json_schema import STORABLE, JSONSchema, or_null
from order_copies.jsonapi.storable import MAX_BYTES, InvalidValueError, check_storable, is_storable

#: The maximum length of a string, unless the field has another one, and of the text of a filter.
MAX_LENGTH = 255

_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_check_url = URLValidator(schemes=["http", "https"])
#: The maximum number of values in the object of a ``jcont`` filter, each of which is compared.
MAX_WANTED = 100

_DAYS = (
    "((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|"
    "02-(0[1-9]|1[0-9]|2[0-8]))"
)
_LEAP_DAY = "([12][0-9](0[48]|[2468][048]|[13579][26])|(1[26]|2[048])00)-02-29"
DATE = f"([12][0-9]{{3}}-{_DAYS}|{_LEAP_DAY})"
_ZONE = "(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9])"
_TIME = rf"(T([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{{1,9}})?)?{_ZONE}?)?"
_MILLISECOND = timedelta(milliseconds=1)


class BooleanField(ValueField):
    """True or false."""

    comparisons = frozenset({Comparison.PRESENCE, Comparison.EQUALITY, Comparison.TRUTH})
    json_schema = {"type": "boolean", "examples": [True]}
    text = "true|false"
    text_name = "true or false"

    def to_internal_value(self, data: Any) -> bool:
        """Return a JSON boolean. Unlike DRF's field, refuse strings and numbers."""
        if not isinstance(data, bool):
            raise InvalidValueError("inclusion", "must be true or false")
        return data

    def convert(self, text: str) -> bool:
        """Return the boolean of its name."""
        return text == "true"


class IntegerField(ValueField):
    """A whole number."""

    comparisons = frozenset({Comparison.PRESENCE, Comparison.EQUALITY, Comparison.ORDER})
    json_schema = {"type": "integer"}
    text = "-?[0-9]{1,18}"
    text_name = "an integer of at most 18 digits"

    def to_internal_value(self, data: Any) -> int:
        """Return a JSON integer of 64 bits. Unlike DRF's field, refuse strings and floats."""
        if not isinstance(data, int) or isinstance(data, bool) or not -(2**63) <= data < 2**63:
            raise InvalidValueError("not_an_integer", "must be an integer")
        return data

    def convert(self, text: str) -> int:
        """Return a number that fits into 64 bits."""
        return int(text)


class FloatField(ValueField):
    """A number that the database stores as a decimal."""

    comparisons = IntegerField.comparisons
    json_schema = {"type": "number"}
    text = r"-?[0-9]{1,18}(\.[0-9]{1,9})?"
    text_name = "a number such as 0.22"

    def to_internal_value(self, data: Any) -> Decimal:
        """Return a JSON number. Unlike DRF's field, refuse strings."""
        if not isinstance(data, int | float) or isinstance(data, bool) or not isfinite(data):
            raise InvalidValueError("not_a_number", "must be a number")
        return Decimal(str(data))

    def to_representation(self, value: Any) -> float:
        """Return a JSON number."""
        return float(value)

    def convert(self, text: str) -> float:
        """Return a finite number."""
        return float(text)

    def compare(self, lookup: str, column: str, value: Any) -> Q:
        """Compare as floats: a decimal column refuses numbers with more digits than it has."""
        number = models.Value(value, output_field=models.FloatField())
        return super().compare(lookup, column, number)


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


class StringField(ValueField):
    """A string of limited length."""

    comparisons = frozenset(
        {Comparison.PRESENCE, Comparison.EQUALITY, Comparison.ORDER, Comparison.TEXT}
    )
    json_schema = {"type": "string"}
    text = STORABLE.removeprefix("^").removesuffix("$")
    text_name = "a text without NUL"

    def __init__(
        self, *, max_length: int | None = MAX_LENGTH, allow_blank: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.max_length = max_length
        self.allow_blank = allow_blank

    def to_internal_value(self, data: Any) -> str:
        """Return a string that every database can store. Unlike DRF's field, keep its spaces."""
        if data == "" and not self.allow_blank:
            raise InvalidValueError("blank", "can't be blank")
        return _checked(data, self.max_length)

    def convert(self, text: str) -> str:
        """Return the text, which may be a part of a value. Raises :class:`InvalidValueError`."""
        return _checked(text, MAX_LENGTH)

    def is_among(self, column: str, values: Sequence[Any]) -> Q:
        """Return the condition as one list for the database."""
        return Q(**{f"{column}__in": values})

    def is_blank(self, column: str) -> Q:
        """Return the condition that the string is null or empty."""
        return Q(**{f"{column}__isnull": True}) | Q(**{column: ""})

    def accepted(self) -> JSONSchema:
        """Return the schema of strings of that length, without NUL."""
        length = {} if self.max_length is None else {"maxLength": self.max_length}
        return super().accepted() | length | {"pattern": STORABLE}


class BlankField(StringField):
    """A string that is ``""`` in the database and null in documents if it is empty."""

    def __init__(self, *, null: Any = "", **kwargs: Any) -> None:
        super().__init__(null=null, **kwargs)

    def to_representation(self, value: Any) -> Any:
        """Return null for an empty string."""
        return value or None

    def schema(self) -> JSONSchema:
        """Return the schema of a string or null."""
        return or_null(self.json_schema)

    def is_null(self, column: str) -> Q:
        """Return the condition that the string is null or empty."""
        return self.is_blank(column)


class URLField(BlankField):
    """A URL with the scheme http or https."""

    json_schema = {"type": "string", "examples": ["https://yourdomain.com/cart"]}

    def to_internal_value(self, data: Any) -> str:
        """Return a URL with a host, or an empty string. Raises :class:`InvalidValueError`."""
        url = super().to_internal_value(data)
        if url:
            try:
                _check_url(url)
            except ValidationError:
                raise InvalidValueError("invalid", "is not a valid URL") from None
        return url


class LanguageField(StringField):
    """A language code, such as ``it`` or ``pt-BR``."""

    json_schema = {"type": "string", "examples": ["en"]}

    def to_internal_value(self, data: Any) -> str:
        """Return a string of the form of a language code. Raises :class:`InvalidValueError`."""
        code = super().to_internal_value(data)
        if not _LANGUAGE.fullmatch(code):
            raise InvalidValueError("invalid", "is not a language code")
        return code

    def accepted(self) -> JSONSchema:
        """Return the schema of strings of that form."""
        return super().accepted() | {"pattern": f"^{_LANGUAGE.pattern}$"}


class ChoiceField(StringField):
    """One of a fixed list of words. ``choices``: the words, or pairs of a word and its label."""

    def __init__(self, *, choices: Iterable[Any] = (), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.choices = [one if isinstance(one, str) else str(one[0]) for one in choices]

    def to_internal_value(self, data: Any) -> str:
        """Return one of the words. Raises :class:`InvalidValueError`."""
        if data not in self.choices:
            raise InvalidValueError("inclusion", f"must be one of {', '.join(self.choices)}")
        return str(data)

    def schema(self) -> JSONSchema:
        """Return the schema of the words, and null if the field can be null."""
        return self._with_words(super().schema())

    def accepted(self) -> JSONSchema:
        """Return the schema of the words, and null if the field accepts null."""
        return self._with_words(ValueField.accepted(self))

    def _with_words(self, schema: JSONSchema) -> JSONSchema:
        return schema | {"enum": [*self.choices, *([None] if "null" in schema["type"] else [])]}


def _checked(text: Any, max_length: int | None) -> str:
    if not isinstance(text, str):
        raise InvalidValueError("invalid", "must be a string")
    if not is_storable(text):
        raise InvalidValueError("invalid", "contains characters that cannot be stored")
    if max_length is not None and len(text) > max_length:
        raise InvalidValueError("too_long", f"is too long (maximum is {max_length} characters)")
    return text


class ObjectField(ValueField):
    """A JSON object of limited size that every database can store."""

    comparisons = frozenset({Comparison.PRESENCE, Comparison.CONTAINMENT})
    json_schema = {"type": "object", "examples": [{"foo": "bar"}]}
    text = r"[ \t\n\r]*\{[\s\S]*\}[ \t\n\r]*"
    text_name = "a JSON object"

    def __init__(self, *, null: Any = REQUIRED, **kwargs: Any) -> None:
        super().__init__(null=null, **kwargs)

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """Return the object. Raises :class:`InvalidValueError` if it cannot be stored."""
        if not isinstance(data, dict):
            raise InvalidValueError("invalid", "must be an object", reason="not_an_object")
        check_storable(data)
        if len(json.dumps(data)) > MAX_BYTES:
            raise InvalidValueError("too_long", f"is too large (maximum is {MAX_BYTES} bytes)")
        return data

    def convert(self, text: str) -> dict[str, Any]:
        """Return the object that others must contain. Raises :class:`InvalidValueError`."""
        try:
            wanted = self.to_internal_value(json.loads(text))
        except (ValueError, RecursionError):
            raise InvalidValueError("invalid", "must be a JSON object") from None
        if _size(wanted) > MAX_WANTED:
            raise InvalidValueError("too_long", f"holds too many values (maximum is {MAX_WANTED})")
        return wanted

    def is_blank(self, column: str) -> Q:
        """Return the condition that the object is null or empty."""
        return self.is_null(column) | Q(**{column: {}})


def _size(value: Any) -> int:
    # The number of values inside of a value, at all levels.
    members = value.values() if isinstance(value, dict) else value
    return sum(1 + _size(member) for member in members) if isinstance(value, dict | list) else 0


class RefusedField(BooleanField):
    """A flag that clients may only leave off: ``reason`` says why true is refused.

    Neither documents nor the OpenAPI document contain it. Without a value it is false.
    """

    #: What the field has without a value.
    without: Any = False

    def __init__(self, reason: str) -> None:
        super().__init__(null=self.without, write_only=True, default=self.without)
        self.reason = reason

    def to_internal_value(self, data: Any) -> bool:
        """Return false. Raises :class:`InvalidValueError` for true, and as its base class does."""
        if super().to_internal_value(data):
            raise InvalidValueError("unsupported", self.reason)
        return False


class RefusedValueField(RefusedField):
    """A value of any kind that clients may only leave off: without one it is null."""

    without = None

    def to_internal_value(self, data: Any) -> Any:
        """Raise :class:`InvalidValueError`."""
        raise InvalidValueError("unsupported", self.reason)


class TriggerField(BooleanField):
    """A write-only attribute of updates that starts an action when it is true.

    ``scope``: the scope that a token needs to send it. False and null start nothing.
    """

    def __init__(self, *, scope: str, **kwargs: Any) -> None:
        super().__init__(null=None, write_only=True, required=False, **kwargs)
        self.scope = scope
