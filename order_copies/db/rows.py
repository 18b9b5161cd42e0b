"""Insert or update any number of rows with one statement.

``bulk_create`` and ``bulk_update`` split rows by the number of parameters that a database accepts,
so the number of statements grows with the rows. Here all rows are one JSON parameter, which the
database expands into a table: a thousand rows need one statement too.

Every value is saved as ``Model.save()`` saves it. A model with a field whose values JSON cannot
represent, such as binary data, an array or a field with its own type of column, is written by
Django's own statements.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat, starmap
from types import SimpleNamespace
from typing import Any

from django.db import connections, models, router, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.expressions import RawSQL
from django.db.models.sql import InsertQuery

from order_copies.db.columns import (
    Columns,
    Field,
    columns_of,
    converted,
    fields_of,
    saving,
)
from order_copies.db.json_tables import Dialect, dialect_of, ordinal


def insert_rows(
    model: type[models.Model], fields: Sequence[str], rows: Sequence[Sequence[Any]]
) -> list[Any]:
    """Insert ``rows`` with one statement; return their primary keys in the order of the rows.

    Each row has one value per name in ``fields``. Name a foreign key by its attribute
    (``"order_id"``) and give the key. Values are saved as ``Model.save()`` saves them, but
    ``pre_save`` is not called, and values of fields that are not named are left to the database:
    ``auto_now``, a default value in Python, such as ``uuid4`` for a primary key, and the upload of
    a file are not applied. None in a JSON column that is not nullable is saved as JSON's null.

    A key is what a query returns: a UUID, or a tuple if the primary key is composite. A model that
    inherits from another with a table needs one statement per table; the caller names the fields
    of all of them, and not the link to the parent. Where JSON cannot represent a value, rows are
    inserted in chunks as large as ``bulk_create``'s.

    Raises ValueError for a row with a wrong number of values, a generated field and a field
    without a column; and :class:`UnsupportedDatabaseError`.
    """
    if not rows:
        return []
    connection = connections[router.db_for_write(model)]
    model = _concrete(model)
    columns = columns_of(model, fields, rows)
    return _Insertion(dialect_of(connection), len(rows), {}).into(model, columns)


def update_rows(
    model: type[models.Model],
    fields: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    match: Sequence[str] = ("pk",),
    where: Mapping[str, Any] | None = None,
) -> int:
    """Update rows with one statement; return the number of updated rows.

    Each row has the values of ``match`` first, which select the row to update, and then the values
    of ``fields``; a field must not be in both. ``where`` adds conditions that are the same for all
    rows, a value by field. A row that does not match, or matches by None, stays unchanged, so a
    fenced update returns less than ``len(rows)``. Values are saved as :func:`insert_rows` does;
    where JSON cannot represent one, each row needs one statement.

    Raises ValueError for a row with a wrong number of values, and for a generated field, a field
    without a column and a field of a parent's table; and :class:`UnsupportedDatabaseError`.
    """
    if not rows:
        return 0
    connection = connections[router.db_for_write(model)]
    dialect = dialect_of(connection)
    model = _concrete(model)
    columns = columns_of(model, [*match, *fields], rows)
    conditions = columns_of(model, list(where or {}), [list((where or {}).values())])
    _check_table(model, [*columns, *conditions])
    keys = len(fields_of(model, match))
    source = dialect.table_of(columns)
    if source is None or not all(saving(field).is_scalar for field in conditions):
        return _update_each(model, columns, keys, conditions, connection.alias)
    table = dialect.quote(model._meta.db_table)
    by_primary_key = set(model._meta.pk_fields) <= set(fields_of(model, match))
    names = source.names
    sql = dialect.update_statement(
        table, source.sql, names[:keys], names[keys:], by_primary_key=by_primary_key
    )
    condition, values = _conditions(dialect, table, conditions)
    with connection.cursor() as cursor:
        cursor.execute(sql + condition, [*source.parameters, *values])
        return int(cursor.rowcount)


def _conditions(dialect: Dialect, table: str, conditions: Columns) -> tuple[str, list[Any]]:
    """Return the SQL that adds conditions to an UPDATE, and its parameters."""
    sql, parameters = "", []
    for field, values in conditions.items():
        value = field.get_db_prep_save(values[0], dialect.connection)
        condition = "IS NULL" if value is None else "= %s"
        sql += f" AND {table}.{dialect.quote(field.column)} {condition}"
        parameters += [] if value is None else [value]
    return sql, parameters


@dataclass(frozen=True, slots=True)
class _Insertion:
    """The rows of one call, and their keys in each table that has them already."""

    dialect: Dialect
    count: int
    keys: dict[type[models.Model], list[Any]]

    def into(self, model: type[models.Model], columns: Columns) -> list[Any]:
        """Insert rows into the tables of the parents of ``model``, then into its own."""
        links = _links(model)
        if not links:
            return self.into_table(model, columns)
        with transaction.atomic(self.dialect.connection.alias, savepoint=False):
            own = {it: columns[it] for it in columns if it in model._meta.local_concrete_fields}
            for parent, link in links.items():
                inherited = {
                    it: columns[it] for it in columns if it in parent._meta.concrete_fields
                }
                if link in columns:
                    inherited[parent._meta.pk] = columns[link]
                if parent not in self.keys:
                    self.keys[parent] = self.into(parent, inherited)
                own[link] = self.keys[parent]
            return self.into_table(model, own)

    def into_table(self, model: type[models.Model], columns: Columns) -> list[Any]:
        """Insert rows into the table of ``model`` and return their keys."""
        source = self.dialect.table_of(columns)
        if source is None:
            return _insert_by_django(model, columns, self.count, self.dialect.connection)
        quote, connection = self.dialect.quote, self.dialect.connection
        fields = model._meta.pk_fields
        names, keys = ", ".join(source.names), ", ".join(quote(field.column) for field in fields)
        # ORDER BY the position, so that RETURNING yields the keys in the order of the rows.
        # Django's bulk_create relies on RETURNING in insertion order on the same databases.
        sql = (
            f"INSERT INTO {quote(model._meta.db_table)} ({names}) SELECT {names} "  # noqa: S608
            f"FROM {source.sql} ORDER BY {quote(ordinal)} RETURNING {keys}"
        )
        with connection.cursor() as cursor:
            cursor.execute(sql, source.parameters)
            return converted(fields, cursor.fetchall(), connection)


def _concrete(model: type[models.Model]) -> type[models.Model]:
    """Return the model that has the table of ``model``, which may be a proxy."""
    return model._meta.concrete_model or model


def _links(model: type[models.Model]) -> dict[type[models.Model], Field]:
    """Return the link to each parent that has a table of its own."""
    return {
        _concrete(parent): link
        for parent, link in model._meta.parents.items()
        if link in model._meta.local_fields
    }


def _insert_by_django(
    model: type[models.Model], columns: Columns, count: int, connection: BaseDatabaseWrapper
) -> list[Any]:
    """Insert rows with the statements of ``bulk_create``, and return their keys."""
    names = [field.attname for field in columns]
    columns_with_null = [_with_json_null(field, values) for field, values in columns.items()]
    rows = zip(*columns_with_null, strict=True) if columns else repeat((), count)
    # The compiler reads attributes only.
    objects: list[Any] = [SimpleNamespace(**dict(zip(names, row, strict=True))) for row in rows]
    size = max(connection.ops.bulk_batch_size(list(columns), objects), 1)
    fields, keys = model._meta.pk_fields, []
    with transaction.atomic(connection.alias, savepoint=False):
        for start in range(0, count, size):
            query = InsertQuery(model)
            query.insert_values(list(columns), objects[start : start + size], raw=True)
            keys += query.get_compiler(connection.alias).execute_sql(fields)
    return keys if len(fields) > 1 else [key for (key,) in keys]


def _update_each(
    model: type[models.Model], columns: Columns, keys: int, conditions: Columns, alias: str
) -> int:
    """Update each row with a statement of its own, and return the number of updated rows."""
    names = [field.attname for field in columns]
    where = {field.attname: value for field, (value,) in conditions.items()}
    rows: Any = models.QuerySet(model, using=alias).filter(**where)
    updated = 0
    with transaction.atomic(alias, savepoint=False):
        for row in zip(*starmap(_with_json_null, columns.items()), strict=True):
            values = dict(zip(names, row, strict=True))
            match = {name: values.pop(name) for name in names[:keys]}
            if None not in match.values():
                updated += rows.filter(**match).update(**values)
    return updated


def _with_json_null(field: Field, values: Sequence[Any]) -> Sequence[Any]:
    """Return values for the ORM, which saves None in any JSON column as NULL."""
    if not saving(field).is_json or field.null:
        return values
    return [_json_null if value is None else value for value in values]


_json_null = RawSQL("'null'", [])


def _check_table(model: type[models.Model], fields: Iterable[Field]) -> None:
    for field in fields:
        if field not in model._meta.local_concrete_fields:
            owner = field.model._meta.label
            message = f"{field.name} is in the table of {owner}: update {owner} instead."
            raise ValueError(message)
