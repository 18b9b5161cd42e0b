"""What the shop's resources have in common: ten-letter ids, amounts, relationships."""

from collections.abc import Callable
from operator import attrgetter
from typing import Any

from order_copies import public_ids
from order_copies.jsonapi.resources import Attribute, Relationship, ResourceSerializer
from order_copies.jsonapi.values import Float, Integer, String
from orders.money import as_float, formatted


def amounts(*names: str, order: str = "") -> list[Attribute]:
    """Amounts, each in its three forms: integer cents, a number, and text for people.

    ``order`` is the way from the row to the order, which knows currency and language.
    """
    order_of = attrgetter(order) if order else _itself
    return [form for name in names for form in _forms(name, order_of)]


def _itself(row: Any) -> Any:
    return row


def _forms(name: str, order_of: Callable[[Any], Any]) -> list[Attribute]:
    cents_name = f"{name}_cents"

    def as_number(row: Any) -> float | None:
        cents = getattr(row, cents_name)
        return None if cents is None else as_float(cents, order_of(row).currency_code)

    def as_text(row: Any) -> str | None:
        cents, order = getattr(row, cents_name), order_of(row)
        if cents is None:
            return None
        return formatted(cents, order.currency_code, order.language_code)

    return [
        Attribute(name=cents_name, value=Integer(), filterable=True, sortable=True),
        Attribute(name=f"{name}_float", value=Float(), get=as_number),
        Attribute(name=f"formatted_{name}", value=String(), get=as_text),
    ]


def listed(name: str, value: Any = None, **options: Any) -> Attribute:
    """An attribute that can be filtered and sorted by."""
    return Attribute(name=name, value=value or String(), filterable=True, sortable=True, **options)


def one(name: str, resource_type: str) -> Relationship:
    """A relationship to the row that a foreign key of the same name points at."""
    return Relationship(name=name, type=resource_type, column=f"{name}_id", filterable=True)


def many(resource_type: str, *, by: str) -> Relationship:
    """A relationship to all rows whose ``by`` is the key of the row, under their own type."""
    return Relationship(name=resource_type, type=resource_type, many=True, inverse=by)


class ShopSerializer(ResourceSerializer):
    """A resource of the shop, with a ten-letter id."""

    def id_of(self, row: Any) -> str:
        """Ten letters."""
        return public_ids.encode(self.type, row.pk)

    def key_of(self, public_id: str) -> int | None:
        """The key behind the ten letters."""
        return public_ids.decode(self.type, public_id)
