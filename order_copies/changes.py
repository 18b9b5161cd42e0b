"""Changes of a copy: what it takes otherwise than its source order, by the names of the API.

A copy without changes takes everything. ``OrderFactory.changes`` has the cleaned values:

- ``line_items``: the lines to copy, each with the ``id`` of a line of the source order, and if it
  is not copied as it is, with the ``quantity`` or with the ``sku_code`` that replaces its SKU.
  Lines that are not named are left out.
- ``customer_email``: the customer of the target.
- ``shipping_address`` and ``billing_address``: the addresses of the target.

Here only the form of the values is checked: what an order has, its shop knows
(:meth:`order_copies.shops.Shop.refuse_changes`).
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from order_copies.exceptions import ChangesRefusedError, Refusal
from order_copies.jsonapi.json_schema import STORABLE, JSONSchema, closed, or_null
from order_copies.jsonapi.storable import is_storable

#: Code of the outcomes of what was changed or left out because the request says so.
REQUESTED = "requested"
#: The highest quantity of a line.
MAX_QUANTITY = 1_000_000
#: The highest number of lines, and of errors that are reported at once.
MAX_LINES = 5_000
MAX_REFUSALS = 20
#: The attributes of an address that are text (contract 3.6), and those that it needs.
TEXTS = (
    *("first_name", "last_name", "company", "line_1", "line_2", "city", "zip_code", "state_code"),
    *("country_code", "phone", "email", "notes"),
)
REQUIRED = ("line_1", "city", "country_code")

_MAX_LENGTH = 255
_TEXT: JSONSchema = {"type": "string", "maxLength": _MAX_LENGTH, "pattern": STORABLE}
_NAME: JSONSchema = _TEXT | {"minLength": 1}
LINE_ITEMS_SCHEMA: JSONSchema = {
    "type": "array",
    "items": closed(
        {
            "id": _NAME,
            "quantity": {"type": ["integer", "null"], "minimum": 1, "maximum": MAX_QUANTITY},
            "sku_code": or_null(_NAME),
        },
        required=["id"],
    ),
    "minItems": 1,
    "maxItems": MAX_LINES,
    "examples": [[{"id": "XAyRWNUzyN", "quantity": 2}]],
}
EMAIL_SCHEMA: JSONSchema = {"type": "string", "maxLength": 254, "examples": ["john@example.com"]}
ADDRESS_SCHEMA: JSONSchema = closed(
    {"business": {"type": ["boolean", "null"]}}
    | {name: _NAME if name in REQUIRED else or_null(_TEXT) for name in TEXTS},
    required=REQUIRED,
)

Path = tuple[str, ...]


def cleaned(values: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the changes among ``values`` as they are stored; None if all of them are None.

    Raises :class:`ChangesRefusedError` for values that no order can be copied with.
    """
    sent = {name: value for name, value in values.items() if value is not None}
    _raise(refusal for name, value in sent.items() for refusal in _refusals[name]((name,), value))
    return {name: _CLEAN[name](value) for name, value in sent.items()} or None


def _raise(refusals: Iterable[Refusal]) -> None:
    if first := list(islice(refusals, MAX_REFUSALS)):
        raise ChangesRefusedError(first)


def _of_line_items(path: Path, value: Any) -> Iterator[Refusal]:
    if not isinstance(value, list):
        yield Refusal(path, "invalid", "must be a list of line items")
    elif not value:
        yield Refusal(path, "blank", "can't be blank: name the lines to copy, or send null")
    elif len(value) > MAX_LINES:
        yield Refusal(path, "too_long", f"is too long (maximum is {MAX_LINES} lines)")
    else:
        seen: set[str] = set()
        for index, line in enumerate(value):
            yield from _of_line((*path, str(index)), line, seen)


def _of_line(path: Path, line: Any, seen: set[str]) -> Iterator[Refusal]:
    if not isinstance(line, Mapping):
        yield Refusal(path, "invalid", 'must be an object, such as {"id": "XAyRWNUzyN"}')
        return
    for name in line.keys() - {"id", "quantity", "sku_code"}:
        message = "is unknown: a line has id, quantity and sku_code"
        yield Refusal((*path, str(name)), "invalid", message)
    yield from _of_text((*path, "id"), line.get("id"), is_required=True)
    key = line.get("id")
    if isinstance(key, str):
        if key in seen:
            yield Refusal((*path, "id"), "taken", "is named twice: name each line once")
        seen.add(key)
    if line.get("quantity") is not None:
        yield from _of_quantity((*path, "quantity"), line["quantity"])
    if line.get("sku_code") is not None:
        yield from _of_text((*path, "sku_code"), line["sku_code"], is_required=True)


def _of_quantity(path: Path, value: Any) -> Iterator[Refusal]:
    if not isinstance(value, int) or isinstance(value, bool):
        yield Refusal(path, "not_an_integer", "must be an integer")
    elif value < 1:
        message = "must be greater than or equal to 1: leave the line out to copy none"
        yield Refusal(path, "greater_than_or_equal_to", message)
    elif value > MAX_QUANTITY:
        message = f"must be less than or equal to {MAX_QUANTITY}"
        yield Refusal(path, "less_than_or_equal_to", message)


def _of_text(path: Path, value: Any, *, is_required: bool) -> Iterator[Refusal]:
    if value in (None, "") and is_required:
        yield Refusal(path, "blank", "can't be blank")
    elif not isinstance(value, str):
        yield Refusal(path, "invalid", "must be a string")
    elif not is_storable(value):
        yield Refusal(path, "invalid", "contains characters that cannot be stored")
    elif len(value) > _MAX_LENGTH:
        message = f"is too long (maximum is {_MAX_LENGTH} characters)"
        yield Refusal(path, "too_long", message)


def _of_email(path: Path, value: Any) -> Iterator[Refusal]:
    wrong = list(_of_text(path, value, is_required=True))
    yield from wrong
    if not wrong:
        try:
            validate_email(value)
        except ValidationError:
            yield Refusal(path, "invalid", "is not an email address")


def _of_address(path: Path, value: Any) -> Iterator[Refusal]:
    if not isinstance(value, Mapping):
        yield Refusal(path, "invalid", "must be an object with the attributes of an address")
        return
    for name in value.keys() - {"business", *TEXTS}:
        yield Refusal((*path, str(name)), "invalid", "is no attribute of an address")
    if not isinstance(value.get("business"), bool | None):
        yield Refusal((*path, "business"), "inclusion", "must be true or false")
    for name in TEXTS:
        if name in REQUIRED or value.get(name) is not None:
            yield from _of_text((*path, name), value.get(name), is_required=name in REQUIRED)


def _without_none(value: Mapping[str, Any]) -> dict[str, Any]:
    return {name: one for name, one in value.items() if one is not None}


_refusals = {
    "line_items": _of_line_items,
    "customer_email": _of_email,
    "shipping_address": _of_address,
    "billing_address": _of_address,
}
_CLEAN: dict[str, Any] = {
    "line_items": lambda lines: [_without_none(line) for line in lines],
    "customer_email": str,
    "shipping_address": _without_none,
    "billing_address": _without_none,
}
#: The names of all changes.
CHANGES = tuple(_refusals)
