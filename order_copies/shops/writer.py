"""Write target orders with one statement for each table, for any number of orders and rows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import models
from django.utils import timezone

from order_copies.db.rows import insert_rows, update_rows
from order_copies.shops.contents import Row
from order_copies.shops.graph import AnyField, Model
from order_copies.shops.keys import ascending_keys
from order_copies.shops.tables import (
    CopiedTable,
    CopiedTables,
    concrete_fields,
    is_time_of_writing,
)


@dataclass(slots=True)
class Target:
    """A target order to write, and its keys once it is written."""

    #: The primary key of the source order.
    source: Any
    #: The values of the order's row by attribute: links as in the source, and every copied and
    #: recomputed field. Another field that is named here gets this value as its first one; name the
    #: same fields for all targets. Fields that the database computes are ignored.
    order: Mapping[str, Any]
    #: The rows of the other tables by model, with the keys of the source rows. A new row has the
    #: key None. A row whose required link leads to a row that is not here is left out.
    rows: Mapping[Model, Sequence[Row]]
    #: The primary key of the target order. :func:`write_targets` sets it.
    key: Any = None
    #: The primary keys of the written rows by model, in the order of ``rows``; None for a row that
    #: was left out. :func:`write_targets` sets them.
    keys: dict[Model, list[Any]] = field(default_factory=dict)


def write_targets(tables: CopiedTables, targets: Sequence[Target], now: datetime) -> None:
    """Insert the rows of all targets, and set their keys.

    ``now`` is the value of fields that hold the time of writing.
    """
    writer = _Writer(tables, targets, now)
    for table in tables:
        if table.model is tables.order_model:
            writer.write_orders(table)
        else:
            writer.write_rows(table)
    for table in tables:
        writer.set_deferred_links(table)


class _Writer:
    def __init__(self, tables: CopiedTables, targets: Sequence[Target], now: datetime) -> None:
        self.tables, self.targets, self.now = tables, targets, now
        #: By model, for each target, the new primary keys by those of the source.
        self.new_keys: dict[Model, list[dict[Any, Any]]] = {}

    def write_orders(self, table: CopiedTable) -> None:
        links = {link.name: link for link in table.links}
        initial = _FirstValues(table, self.now, len(self.targets))
        names = self._columns_of_orders(table, initial.names)
        rows = []
        for index, target in enumerate(self.targets):
            values = dict(zip(initial.names, initial.next_row(), strict=True)) | dict(target.order)
            for name, link in links.items():
                values[name] = self._new_key(table, link.name, link.model, index, values[name])
            rows.append([values[name] for name in names])
        keys = insert_rows(table.model, names, rows)
        for target, key in zip(self.targets, keys, strict=True):
            target.key = key
        self.new_keys[table.model] = [{target.source: target.key} for target in self.targets]

    def _columns_of_orders(self, table: CopiedTable, initial: Sequence[str]) -> list[str]:
        given = [name for target in self.targets for name in target.order]
        generated = {one.attname for one in concrete_fields(table.model) if one.generated}
        names = dict.fromkeys([*table.columns, *initial, *given])
        return [name for name in names if name not in generated]

    def write_rows(self, table: CopiedTable) -> None:
        """Insert the rows of one table whose required links lead to written rows."""
        first = 1 + len(table.links)
        last = first + len(table.values)
        found: list[tuple[int, int, list[Any]]] = []
        for index, target in enumerate(self.targets):
            rows = target.rows.get(table.model, ())
            target.keys[table.model] = [None] * len(rows)
            for position, row in enumerate(rows):
                links = self._new_links(table, index, row)
                if links is not None:
                    found.append((index, position, [*links, *row[first:last]]))
        initial = _FirstValues(table, self.now, len(found))
        names = [*table.columns, *initial.names]
        complete = [[*values, *initial.next_row()] for _index, _position, values in found]
        keys = insert_rows(table.model, names, complete)
        new_keys: list[dict[Any, Any]] = [{} for _target in self.targets]
        for (index, position, _values), key in zip(found, keys, strict=True):
            target = self.targets[index]
            target.keys[table.model][position] = key
            new_keys[index][target.rows[table.model][position][0]] = key
        self.new_keys[table.model] = new_keys

    def set_deferred_links(self, table: CopiedTable) -> None:
        """Set the links that lead to rows which were written later, such as links to itself."""
        for position, link in enumerate(table.links, start=1):
            if link.name not in table.deferred:
                continue
            changes = [
                [key, new_keys[old]]
                for target, new_keys in zip(self.targets, self.new_keys[link.model], strict=True)
                for key, old in self._written(table, target, link.name, position)
                if old is not None and old in new_keys
            ]
            # A link of a parent in multi-table inheritance is in the table of the parent, whose
            # rows have the same keys.
            update_rows(link.field.model, [link.name], changes)

    def _written(
        self, table: CopiedTable, target: Target, name: str, position: int
    ) -> list[tuple[Any, Any]]:
        """Return pairs of a new key and the source key that its link held."""
        if table.model is self.tables.order_model:
            return [(target.key, target.order[name])]
        keys = target.keys[table.model]
        rows = target.rows.get(table.model, ())
        pairs = zip(keys, rows, strict=True)
        return [(key, row[position]) for key, row in pairs if key is not None]

    def _new_links(self, table: CopiedTable, index: int, row: Row) -> list[Any] | None:
        """Return the new keys of a row's links; None if it lacks a required one."""
        keys = []
        for position, link in enumerate(table.links, start=1):
            key = self._new_key(table, link.name, link.model, index, row[position])
            if key is None and not link.field.null:
                return None
            keys.append(key)
        return keys

    def _new_key(self, table: CopiedTable, name: str, model: Model, index: int, old: Any) -> Any:
        if old is None or name in table.deferred:
            return None
        return self.new_keys[model][index].get(old)


class _FirstValues:
    """The first values of a table's reset fields, row by row."""

    def __init__(self, table: CopiedTable, now: datetime, count: int) -> None:
        self.names = [one.attname for one in table.initial]
        self._row: list[Any] = []
        self._columns: list[tuple[int, Callable[[], Any]]] = []
        for index, one in enumerate(table.initial):
            value = _first_value(table, one, now)
            self._row.append(value)
            if callable(value) and one.primary_key:
                value = iter(ascending_keys(one, value, count)).__next__
            if callable(value):
                self._columns.append((index, value))

    def next_row(self) -> list[Any]:
        """Return the values of the next row. Only callables are computed for each row."""
        for index, compute in self._columns:
            self._row[index] = compute()
        return list(self._row)


def _first_value(table: CopiedTable, one: AnyField, now: datetime) -> Any:
    """Return the first value of a field, or a callable that computes it for each row."""
    reset = table.declaration.reset
    if isinstance(reset, Mapping) and one.attname in reset:
        value = reset[one.attname]
        return now if value is timezone.now else value
    if is_time_of_writing(one) or one.default is timezone.now:
        return time_of_writing(one, now)
    return one.get_default if callable(one.default) else one.get_default()


def time_of_writing(one: AnyField, now: datetime) -> Any:
    """Return ``now`` as the field stores it: an instant, or the local date or time."""
    if isinstance(one, models.DateTimeField):
        return now
    local = timezone.localtime(now)
    return local.date() if isinstance(one, models.DateField) else local.time()
