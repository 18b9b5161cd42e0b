"""Fields by their names, and their values as ``Model.save()`` prepares them for the database."""

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import cache, partial
from operator import attrgetter
from types import NoneType
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

if TYPE_CHECKING:
    Field = models.Field[Any, Any]
else:
    Field = models.Field

#: The values of each field, in the order of the rows.
Columns = Mapping[Field, Sequence[Any]]

Types = set[type[Any]]

_texts: Types = {str, NoneType}
_integers: Types = {int, NoneType}

#: Types of values that Django's fields, by their internal type, save unchanged.
_plain_types: dict[str, Types] = {
    **dict.fromkeys(["CharField", "FileField", "FilePathField", "SlugField", "TextField"], _texts),
    **dict.fromkeys(["AutoField", "BigAutoField", "SmallAutoField"], _integers),
    **dict.fromkeys(["BigIntegerField", "IntegerField", "SmallIntegerField"], _integers),
    **dict.fromkeys(["PositiveBigIntegerField", "PositiveIntegerField"], _integers),
    "PositiveSmallIntegerField": _integers,
    "BooleanField": {bool, NoneType},
}

#: Internal types of Django's fields whose columns text can be cast to.
_scalar_types = {
    *("DateField", "DateTimeField", "DecimalField", "DurationField", "GenericIPAddressField"),
    *("TimeField", "UUIDField", *_plain_types),
}

#: Methods by which a field converts the values that are saved.
_conversions = ["to_python", "get_prep_value", "get_db_prep_value", "get_db_prep_save"]

#: Methods by which a field chooses the type of its column.
_storage = ["db_type", "rel_db_type", "db_parameters"]


class Saving(NamedTuple):
    """How a field saves values."""

    #: The field itself, or the one that a foreign key refers to, through any number of keys.
    target: Field
    #: By the methods of Django's own field.
    is_djangos: bool
    #: As Django's JSONField does.
    is_json: bool
    #: In a column of one of Django's types that text can be cast to.
    is_scalar: bool
    #: Values of these types are saved unchanged.
    plain_types: Types


def columns_of(
    model: type[models.Model], names: Sequence[str], rows: Sequence[Sequence[Any]]
) -> dict[Field, Sequence[Any]]:
    """Return the values of each named field of ``model``, in the order of ``rows``.

    Raises ValueError for a row with a wrong number of values, and for a field that cannot be
    written.
    """
    fields = fields_of(model, names)
    for length in set(map(len, rows)) - {len(fields)}:
        message = f"A row of {len(fields)} values has {length}."
        raise ValueError(message)
    return dict(zip(fields, zip(*rows, strict=True), strict=True))


def fields_of(model: type[models.Model], names: Sequence[str]) -> list[Field]:
    """Return the fields of ``model`` with these names; ``pk`` names those of the primary key.

    Raises ValueError for a field without a column, a generated field, and a field named twice.
    """
    options = model._meta
    fields: list[Any] = []
    for name in names:
        fields += options.pk_fields if name == "pk" else [options.get_field(name)]
    for field in fields:
        has_column = field.concrete and not field.many_to_many
        if not has_column or field.generated:
            reason = "is computed by the database" if has_column else "has no column"
            message = f"{options.label}.{field.name} {reason}: leave it out."
            raise ValueError(message)
    if len(set(fields)) < len(fields):
        message = f"A field of {options.label} is named twice: {', '.join(names)}."
        raise ValueError(message)
    return fields


@cache
def saving(field: Field) -> Saving:
    """Return how ``field`` saves values."""
    chain = [field]
    while isinstance(chain[-1], models.ForeignKey):
        chain.append(chain[-1].target_field)
    target = chain[-1]
    is_djangos = all(_inherits(it, _conversions) for it in chain)
    has_djangos_column = all(_inherits(it, _storage) for it in chain)
    internal_type = target.get_internal_type()
    # Django 6.1 renamed the method.
    has_sql = hasattr(target, "get_placeholder") or hasattr(target, "get_placeholder_sql")
    return Saving(
        target,
        is_djangos,
        is_json=isinstance(field, models.JSONField) and is_djangos and has_djangos_column,
        is_scalar=internal_type in _scalar_types and has_djangos_column and not has_sql,
        plain_types=_plain_types.get(internal_type, set()) if is_djangos else set(),
    )


def _inherits(field: Field, methods: Sequence[str]) -> bool:
    """Return whether the class of ``field`` inherits these methods from Django."""
    modules = [getattr(type(field), method).__module__ for method in methods]
    return all(module.startswith("django.db.models.") for module in modules)


def prepared(
    field: Field, types: Types, values: Sequence[Any], connection: BaseDatabaseWrapper
) -> Sequence[Any]:
    """Return the values, of these types, that ``Model.save()`` would pass to the database.

    Dates, instants and decimal numbers may be texts.
    """
    how = saving(field)
    if types <= how.plain_types:
        return values

    def convert(value: Any) -> Any:
        return field.get_db_prep_save(value, connection)

    # Timestamps and rates repeat from row to row: convert each once. Equal values of other fields
    # may be saved differently: an encrypting field may add a nonce to each.
    if how.is_djangos and _are_interchangeable(types, values):
        return list(map(cache(lambda value: _text(convert(value))), values))
    return [convert(value) for value in values]


def _are_interchangeable(types: Types, values: Sequence[Any]) -> bool:
    """Return whether those of the values that are equal are the same date, instant or number."""
    if not types <= {Decimal, NoneType, date, datetime}:
        return False
    # Both instants of an hour that a time zone repeats are equal.
    return datetime not in types or not any(map(attrgetter("fold"), filter(None, values)))


def _text(value: Any) -> Any:
    return str(value) if isinstance(value, Decimal | date) else value


def json_texts(field: Any, values: Sequence[Any]) -> list[str | None]:
    """Return the values of a JSON field as JSON; None is NULL if the column is nullable."""
    null = None if field.null else "null"
    encode = partial(json.dumps, cls=field.encoder)
    return [null if value is None else encode(value) for value in values]


def converted(
    fields: Sequence[Field], rows: Sequence[Sequence[Any]], connection: BaseDatabaseWrapper
) -> list[Any]:
    """Return primary keys as a query returns them: a tuple each if the key has several fields."""
    columns = []
    for field, values in zip(fields, zip(*rows, strict=True), strict=True):
        expression: Any = field.get_col(field.model._meta.db_table)
        keys = list(values)
        for convert in [
            *connection.ops.get_db_converters(expression),
            *expression.get_db_converters(connection),
        ]:
            keys = [convert(key, expression, connection) for key in keys]
        columns.append(keys)
    return columns[0] if len(columns) == 1 else list(zip(*columns, strict=True))
