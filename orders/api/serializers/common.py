"""Building blocks of the shop's resources: ten-letter ids, amounts, relationships."""

from operator import attrgetter
from typing import Any

from django.db.models import F, QuerySet
from django.http import HttpRequest

from order_copies import public_ids
from order_copies.jsonapi.resources import Attribute, Relationship, ResourceSerializer
from order_copies.jsonapi.values import Float, Integer, String
from order_copies.shops import get_shop
from orders.money import as_float, formatted


def amounts(*names: str) -> list[Attribute]:
    """Return the attributes of amounts: each as integer cents, as a number, and formatted.

    The row needs ``currency_code`` and ``language_code``: an order has both, other rows get them
    from :func:`in_currency_of`.
    """
    return [form for name in names for form in _forms(name)]


def in_currency_of(order: str, rows: "QuerySet[Any]") -> "QuerySet[Any]":
    """Annotate rows with the currency and language of the order at the end of this path.

    This is much cheaper than loading an order for each row.
    """
    annotated: QuerySet[Any] = rows.annotate(
        currency_code=F(f"{order}__currency_code"), language_code=F(f"{order}__language_code")
    )
    return annotated


def shown_with_orders(rows: "QuerySet[Any]", request: HttpRequest, *, by: str) -> "QuerySet[Any]":
    """Return the rows whose order, at the end of the path ``by``, the client may see."""
    orders = get_shop().orders_for(request)
    # A client that may see all orders needs no subquery.
    return rows.filter(**{f"{by}__in": orders}) if orders.query.has_filters() else rows


def _forms(name: str) -> list[Attribute]:
    cents_name = f"{name}_cents"
    cents_of = attrgetter(cents_name)

    def as_number(row: Any) -> float | None:
        cents = cents_of(row)
        return None if cents is None else as_float(cents, row.currency_code)

    def as_text(row: Any) -> str | None:
        cents = cents_of(row)
        return None if cents is None else formatted(cents, row.currency_code, row.language_code)

    return [
        Attribute(name=cents_name, value=Integer(), filterable=True, sortable=True),
        Attribute(name=f"{name}_float", value=Float(), get=as_number),
        Attribute(name=f"formatted_{name}", value=String(), get=as_text),
    ]


def listed(name: str, value: Any = None, **options: Any) -> Attribute:
    """Return an attribute that clients can filter and sort by."""
    return Attribute(name=name, value=value or String(), filterable=True, sortable=True, **options)


def one(name: str, resource_type: str) -> Relationship:
    """Return a to-one relationship by the foreign key of the same name."""
    return Relationship(name=name, type=resource_type, column=f"{name}_id", filterable=True)


def many(resource_type: str, *, by: str) -> Relationship:
    """Return a to-many relationship, named by its type, to the rows whose ``by`` is the key."""
    return Relationship(
        name=resource_type, type=resource_type, many=True, filterable=True, inverse=by
    )


class ShopSerializer(ResourceSerializer):
    """The base serializer of the shop's resources, which have ten-letter ids."""

    id_pattern = public_ids.PATTERN

    def id_for(self, key: Any) -> str:
        """Return the ten-letter id of a key."""
        return public_ids.encode(self.type, int(key))

    def key_of(self, public_id: str) -> int | None:
        """Return the key of a ten-letter id; None if it is not an id of this type."""
        return public_ids.decode(self.type, public_id)
