"""Insert or update any number of rows with one statement.

``bulk_create`` and ``bulk_update`` split rows by the number of parameters that a database accepts,
so the number of statements grows with the rows. Here all rows are one JSON parameter, which the
database expands into a table: a thousand rows need one statement too.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any, NamedTuple

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connections, models, router
from django.db.backends.base.base import BaseDatabaseWrapper

from order_copies.exceptions import UnsupportedDatabaseError

#: Column with the position of a row in the JSON parameter.
ordinal = "order_copies_row"

#: Field types whose values JSON represents on every database without conversion.
plain_types = {
    "AutoField", "BigAutoField", "BigIntegerField", "BooleanField", "CharField", "EmailField",
    "IntegerField", "PositiveBigIntegerField", "PositiveIntegerField",
    "PositiveSmallIntegerField", "SmallIntegerField", "TextField", "URLField",
}  # fmt: skip


def insert_rows(
    model: type[models.Model], fields: Sequence[str], rows: Sequence[Sequence[Any]]
) -> list[Any]:
    """Insert ``rows`` with one statement; return their primary keys in the order of the rows.

    Each row has one value per name in ``fields``. Name a foreign key by its attribute
    (``"order_id"``) and give the key. ``auto_now`` and default values of fields are not applied.
    Raises ValueError for a row with a wrong number of values, and
    :class:`UnsupportedDatabaseError`.
    """
    if not rows:
        return []
    dialect = _dialect(model)
    columns = [dialect.column(model, field) for field in fields]
    names = ", ".join(column.quoted for column in columns)
    key = dialect.quote(model._meta.pk.column)
    table = dialect.quote(model._meta.db_table)
    source, parameter = dialect.table_of(columns, rows)
    # ORDER BY the position, so that RETURNING yields the keys in the order of the rows. Django's
    # bulk_create relies on RETURNING in insertion order on the same databases.
    sql = (
        f"INSERT INTO {table} ({names}) SELECT {names} FROM {source} "  # noqa: S608
        f"ORDER BY {dialect.quote(ordinal)} RETURNING {key}"
    )
    with dialect.connection.cursor() as cursor:
        cursor.execute(sql, [parameter])
        return [row[0] for row in cursor.fetchall()]


def update_rows(
    model: type[models.Model],
    fields: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    match: Sequence[str] = ("id",),
    where: Mapping[str, Any] | None = None,
) -> int:
    """Update rows with one statement; return the number of updated rows.

    Each row has the values of ``match`` first, which select the row to update, and then the values
    of ``fields``; a field must not be in both. ``where`` adds conditions that are the same for all
    rows, a value by field. A row that does not match stays unchanged, so a fenced update returns
    less than ``len(rows)``. Raises ValueError for a row with a wrong number of values, and
    :class:`UnsupportedDatabaseError`.
    """
    if not rows:
        return 0
    dialect = _dialect(model)
    keys = [dialect.column(model, field) for field in match]
    values = [dialect.column(model, field) for field in fields]
    source, parameter = dialect.table_of([*keys, *values], rows)
    table = dialect.quote(model._meta.db_table)
    sql = dialect.update_statement(table, source, keys, values)
    for field in where or {}:
        sql += f" AND {table}.{dialect.column(model, field).quoted} = %s"
    with dialect.connection.cursor() as cursor:
        cursor.execute(sql, [parameter, *(where or {}).values()])
        return int(cursor.rowcount)


class _Column(NamedTuple):
    quoted: str
    sql_type: str
    is_json: bool
    is_nullable: bool
    prepare: Callable[[Any], Any] | None


@dataclass(frozen=True, slots=True)
class _Dialect:
    """The SQL by which one database expands a JSON array of arrays into a table."""

    connection: BaseDatabaseWrapper
    quote: Callable[[Any], str]

    def column(self, model: type[models.Model], name: str) -> _Column:
        field = model._meta.get_field(name)
        assert isinstance(field, models.Field)
        target = field.target_field if isinstance(field, models.ForeignKey) else field
        is_json = isinstance(target, models.JSONField)
        prepare: Callable[[Any], Any] | None = None
        if is_json and not field.null:
            prepare = self.prepare_json
        elif is_json:
            prepare = self.prepare_nullable_json
        elif target.get_internal_type() not in plain_types:
            # Timestamps and rates repeat from row to row: convert each value once.
            prepare = cache(lambda value: _as_text(target.get_db_prep_save(value, self.connection)))
        sql_type = self.sql_type(target)
        return _Column(self.quote(field.column), sql_type, is_json, field.null, prepare)

    def sql_type(self, field: "models.Field[Any, Any]") -> str:
        """The type that a value of ``field`` is cast to before it is written to the column.

        It must not be narrower than the column, so that the column refuses a value that is too
        long, instead of the cast truncating it.
        """
        return ""

    def prepare_json(self, value: Any) -> Any:
        return json.dumps(value, cls=DjangoJSONEncoder)

    def prepare_nullable_json(self, value: Any) -> Any:
        return None if value is None else self.prepare_json(value)

    def table_of(
        self, columns: Sequence[_Column], rows: Iterable[Sequence[Any]]
    ) -> tuple[str, str]:
        """The rows as an SQL table expression with the names of the columns, and its parameter."""
        converters = [
            (index, column.prepare) for index, column in enumerate(columns) if column.prepare
        ]
        prepared = []
        for row in rows:
            if len(row) != len(columns):
                message = f"A row of {len(columns)} values has {len(row)}."
                raise ValueError(message)
            values = list(row)
            for index, convert in converters:
                values[index] = convert(values[index])
            prepared.append(values)
        parameter = json.dumps(prepared, cls=DjangoJSONEncoder, allow_nan=False)
        return self.table_expression(columns), parameter

    def table_expression(self, columns: Sequence[_Column]) -> str:
        raise NotImplementedError

    def update_statement(
        self,
        table: str,
        source: str,
        keys: Sequence[_Column],
        values: Sequence[_Column],
    ) -> str:
        assignments = ", ".join(f"{column.quoted} = r.{column.quoted}" for column in values)
        matches = " AND ".join(f"{table}.{column.quoted} = r.{column.quoted}" for column in keys)
        return f"UPDATE {table} SET {assignments} FROM {source} WHERE {matches}"  # noqa: S608


class _SQLite(_Dialect):
    def table_expression(self, columns: Sequence[_Column]) -> str:
        values = ", ".join(
            f"json_extract(value, '$[{index}]') AS {column.quoted}"
            for index, column in enumerate(columns)
        )
        position = self.quote(ordinal)
        return f"(SELECT key AS {position}, {values} FROM json_each(%s)) AS r"  # noqa: S608


class _PostgreSQL(_Dialect):
    def sql_type(self, field: "models.Field[Any, Any]") -> str:
        is_text = isinstance(field, models.CharField)
        return "text" if is_text else field.rel_db_type(self.connection) or ""

    def prepare_json(self, value: Any) -> Any:
        return value

    def table_expression(self, columns: Sequence[_Column]) -> str:
        values = ", ".join(
            f"{self._value(index, column)} AS {column.quoted}"
            for index, column in enumerate(columns)
        )
        position = self.quote(ordinal)
        return (
            f"(SELECT {position}, {values} FROM jsonb_array_elements(%s::jsonb) "  # noqa: S608
            f"WITH ORDINALITY AS e(value, {position})) AS r"
        )

    def _value(self, index: int, column: _Column) -> str:
        if not column.is_json:
            return f"(value ->> {index})::{column.sql_type}"
        # None becomes NULL if the column is nullable, otherwise JSON's null.
        return f"NULLIF(value -> {index}, 'null')" if column.is_nullable else f"(value -> {index})"


class _MariaDB(_Dialect):
    def sql_type(self, field: "models.Field[Any, Any]") -> str:
        if isinstance(field, models.BooleanField):
            return "bool"
        if isinstance(field, models.BigIntegerField) and not field.primary_key:
            # JSON_TABLE would truncate a larger number to bigint; the column refuses it.
            return "decimal(65)"
        return "bigint" if isinstance(field, models.IntegerField) else "longtext"

    def table_expression(self, columns: Sequence[_Column]) -> str:
        values = ", ".join(
            f"{column.quoted} {column.sql_type} PATH '$[{index}]'"
            for index, column in enumerate(columns)
        )
        position = self.quote(ordinal)
        return f"JSON_TABLE(%s, '$[*]' COLUMNS ({position} FOR ORDINALITY, {values})) AS r"

    def update_statement(
        self,
        table: str,
        source: str,
        keys: Sequence[_Column],
        values: Sequence[_Column],
    ) -> str:
        assignments = ", ".join(f"{table}.{column.quoted} = r.{column.quoted}" for column in values)
        matches = " AND ".join(f"{table}.{column.quoted} = r.{column.quoted}" for column in keys)
        # STRAIGHT_JOIN reads the new rows first and looks each up by its key, so no other row of
        # the table is read or locked.
        return f"UPDATE {source} STRAIGHT_JOIN {table} SET {assignments} WHERE {matches}"  # noqa: S608


def _as_text(value: Any) -> str | None:
    if value is None:
        return None
    return value.isoformat() if isinstance(value, datetime | date) else str(value)


dialects: dict[str, type[_Dialect]] = {
    "mysql": _MariaDB,
    "postgresql": _PostgreSQL,
    "sqlite": _SQLite,
}


def _dialect(model: type[models.Model]) -> _Dialect:
    connection = connections[router.db_for_write(model)]
    if connection.vendor not in dialects:
        raise UnsupportedDatabaseError
    return dialects[connection.vendor](connection, connection.ops.quote_name)
