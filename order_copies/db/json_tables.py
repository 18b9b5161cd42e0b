"""Rows as JSON parameters, which the database expands into a table."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address
from types import NoneType
from typing import Any, NamedTuple
from uuid import UUID

from django.db.backends.base.base import BaseDatabaseWrapper

from order_copies.db.columns import Columns, Field, Types, json_texts, prepared, saving
from order_copies.exceptions import UnsupportedDatabaseError

#: Column with the position of a row in the JSON parameter.
ordinal = "order_copies_row"


class JSONTable(NamedTuple):
    """An SQL table expression, its parameters, and the quoted name of each column."""

    sql: str
    parameters: list[str]
    names: list[str]


class _Column(NamedTuple):
    field: Any
    quoted: str
    sql_type: str
    values: Sequence[Any]


@dataclass(frozen=True, slots=True)
class Dialect:
    """The SQL by which one database expands a JSON array of arrays into a table."""

    connection: BaseDatabaseWrapper

    def quote(self, name: Any) -> str:
        """Return a name as the database quotes it."""
        return self.connection.ops.quote_name(name)

    def table_of(self, columns: Columns) -> JSONTable | None:
        """Return the rows as a table, or None if JSON cannot represent one of the values."""
        table = []
        for field, values in columns.items():
            sql_type = self.sql_type(field)
            readable = self.readable(field, sql_type, values)
            if readable is None:
                return None
            table.append(_Column(field, self.quote(field.column), sql_type, readable))
        parameters = self.parameters(table)
        if not table or self.misreads(parameters):
            return None
        names = [column.quoted for column in table]
        return JSONTable(self.expression(table), parameters, names)

    def readable(self, field: Field, sql_type: str, values: Sequence[Any]) -> Sequence[Any] | None:
        """Return the values of ``field`` as JSON represents them, or None if it cannot."""
        types = set(map(type, values))
        if any(hasattr(kind, "resolve_expression") for kind in types):
            return None
        how = saving(field)
        if how.is_json:
            return self.json_values(field, values)
        if not how.is_scalar:
            return None
        saved = prepared(field, types, values, self.connection)
        types = types if saved is values else set(map(type, saved))
        return saved if self.represents(sql_type, types, saved) else None

    def sql_type(self, field: Field) -> str:
        """Return the type that a value of ``field`` is cast to before it is written.

        It must not be narrower than the column, so that the column refuses a value that is too
        long, instead of the cast truncating it.
        """
        return ""

    def json_values(self, field: Field, values: Sequence[Any]) -> Sequence[Any]:
        """Return the values of a JSON field as the parameters contain them."""
        return json_texts(field, values)

    def represents(self, sql_type: str, types: Types, values: Sequence[Any]) -> bool:
        """Return whether values of these types become the same through JSON as by the driver."""
        raise NotImplementedError

    def parameters(self, table: Sequence[_Column]) -> list[str]:
        """Return the parameters of :meth:`expression`."""
        return [_dumps(table)]

    def misreads(self, parameters: Sequence[str]) -> bool:
        """Return whether the database may read a text in the parameters differently."""
        return False

    def expression(self, table: Sequence[_Column]) -> str:
        """Return the table with the columns and the position of each row."""
        raise NotImplementedError

    def update_statement(
        self,
        table: str,
        source: str,
        keys: Sequence[str],
        values: Sequence[str],
        *,
        by_primary_key: bool,
    ) -> str:
        """Return an UPDATE of the rows of ``table`` whose keys are in ``source``.

        ``by_primary_key``: the keys include the columns of the primary key.
        """
        assignments = ", ".join(f"{column} = r.{column}" for column in values)
        matches = " AND ".join(f"{table}.{column} = r.{column}" for column in keys)
        return f"UPDATE {table} SET {assignments} FROM {source} WHERE {matches}"  # noqa: S608


def _dumps(table: Sequence[_Column]) -> str:
    rows = list(zip(*(column.values for column in table), strict=True))
    return json.dumps(rows, default=str, ensure_ascii=False)


def _are(types: Types, allowed: tuple[type, ...]) -> bool:
    return all(issubclass(kind, allowed) for kind in types)


def _fit(numbers: Sequence[int]) -> bool:
    return min(numbers, default=0) >= -(2**63) and max(numbers, default=0) < 2**63


class _SQLite(Dialect):
    __slots__ = ()

    def represents(self, sql_type: str, types: Types, values: Sequence[Any]) -> bool:
        if int not in types:
            return _are(types, (NoneType, str, bool, Decimal))
        # JSON functions round an integer of more than 64 bits; the driver refuses it.
        given = list(filter(None, values))
        return types <= {int, bool, NoneType} and _fit(given)

    def misreads(self, parameters: Sequence[str]) -> bool:
        # JSON functions end a text at U+0000.
        return "\\u0000" in parameters[0]

    def expression(self, table: Sequence[_Column]) -> str:
        values = ", ".join(
            f"json_extract(value, '$[{index}]') AS {column.quoted}"
            for index, column in enumerate(table)
        )
        position = self.quote(ordinal)
        return f"(SELECT key AS {position}, {values} FROM json_each(%s)) AS r"  # noqa: S608


class _PostgreSQL(Dialect):
    """JSON columns are parameters of their own, so that each is encoded as a whole."""

    __slots__ = ()

    def sql_type(self, field: Field) -> str:
        db_type = field.rel_db_type(self.connection) or ""
        return "text" if db_type.startswith("varchar") else db_type

    def json_values(self, field: Field, values: Sequence[Any]) -> Sequence[Any]:
        return values

    def represents(self, sql_type: str, types: Types, values: Sequence[Any]) -> bool:
        texts = (NoneType, str, int, Decimal, UUID, date, time, IPv4Address, IPv6Address)
        return _are(types, texts)

    def parameters(self, table: Sequence[_Column]) -> list[str]:
        scalars = [column for column in table if column.sql_type != "jsonb"]
        documents = [column for column in table if column.sql_type == "jsonb"]
        return [
            _dumps(scalars),
            *(json.dumps(column.values, cls=column.field.encoder) for column in documents),
        ]

    def expression(self, table: Sequence[_Column]) -> str:
        values, sources = [], ["scalars"]
        position = 0
        for column in table:
            if column.sql_type == "jsonb":
                value = f"document_{len(sources)}"
                sources.append(value)
                # None becomes NULL if the column is nullable, otherwise JSON's null.
                sql = f"NULLIF({value}, 'null')" if column.field.null else value
            else:
                sql = f"(scalars ->> {position})::{column.sql_type}"
                position += 1
            values.append(f"{sql} AS {column.quoted}")
        functions = ", ".join(["jsonb_array_elements(%s::jsonb)"] * len(sources))
        row = self.quote(ordinal)
        return (
            f"(SELECT {row}, {', '.join(values)} FROM ROWS FROM ({functions}) "  # noqa: S608
            f"WITH ORDINALITY AS e({', '.join(sources)}, {row})) AS r"
        )


class _MariaDB(Dialect):
    __slots__ = ()

    def sql_type(self, field: Field) -> str:
        db_type = field.rel_db_type(self.connection) or ""
        if db_type.startswith("bigint") and not saving(field).target.primary_key:
            # JSON_TABLE would truncate a larger number to bigint; the column refuses it.
            return "decimal(65)"
        if db_type == "bool":
            return db_type
        return "bigint" if db_type.startswith(("bigint", "integer", "smallint")) else "longtext"

    def represents(self, sql_type: str, types: Types, values: Sequence[Any]) -> bool:
        if sql_type == "longtext":
            return bool not in types and _are(types, (NoneType, str, int, Decimal, UUID))
        # JSON_TABLE would read a text that is no number as NULL.
        return _are(types, (NoneType, int))

    def expression(self, table: Sequence[_Column]) -> str:
        values = ", ".join(
            f"{column.quoted} {column.sql_type} PATH '$[{index}]'"
            for index, column in enumerate(table)
        )
        position = self.quote(ordinal)
        return f"JSON_TABLE(%s, '$[*]' COLUMNS ({position} FOR ORDINALITY, {values})) AS r"

    def update_statement(
        self,
        table: str,
        source: str,
        keys: Sequence[str],
        values: Sequence[str],
        *,
        by_primary_key: bool,
    ) -> str:
        assignments = ", ".join(f"{table}.{column} = r.{column}" for column in values)
        matches = " AND ".join(f"{table}.{column} = r.{column}" for column in keys)
        # STRAIGHT_JOIN reads the new rows first. Each is looked up by its key: otherwise MariaDB
        # reads a small table from end to end, and waits for rows that other transactions locked.
        index = "FORCE INDEX (PRIMARY)" if by_primary_key else ""
        return f"UPDATE {source} STRAIGHT_JOIN {table} {index} SET {assignments} WHERE {matches}"  # noqa: S608


dialects: dict[str, type[Dialect]] = {
    "mysql": _MariaDB,
    "postgresql": _PostgreSQL,
    "sqlite": _SQLite,
}


def dialect_of(connection: BaseDatabaseWrapper) -> Dialect:
    """Return the dialect of a connection, or raise :class:`UnsupportedDatabaseError`."""
    if connection.vendor not in dialects:
        raise UnsupportedDatabaseError
    return dialects[connection.vendor](connection)
