"""Read the copied rows of any number of orders, with one query for each table."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import reduce
from itertools import chain
from operator import or_
from typing import Any

from django.db.models import Q

from order_copies.shops.graph import Model
from order_copies.shops.tables import CopiedTable, CopiedTables

#: A row of a copied table: its primary key, the keys of its links, then its values.
Row = tuple[Any, ...]
#: The rows of one model, by the primary key of the order.
RowsByOrder = Mapping[Any, Sequence[Row]]


def read_contents(
    tables: CopiedTables,
    orders: Mapping[Any, Any],
    *,
    extra: Mapping[Model, Sequence[str]] | None = None,
) -> dict[Model, RowsByOrder]:
    """Return the rows of every copied model but the order, by model and by order.

    ``orders`` are the orders by primary key. ``left_behind_keys`` are removed from the values.
    Rows are sorted by primary key. ``extra`` names lookups by model, whose values follow those of
    the row; they are read and not copied. A row that two orders refer to belongs to both.
    """
    contents: dict[Model, RowsByOrder] = {}
    for table in tables.in_reading_order:
        ways = _ways(tables, table, orders, contents)
        contents[table.model] = _read(table, ways, (extra or {}).get(table.model, ()))
    return contents


def without_lines(
    tables: CopiedTables,
    order: Any,
    rows: Mapping[Model, Sequence[Row]],
    line_model: Model,
    keys: set[Any],
) -> dict[Model, Sequence[Row]]:
    """Return the rows of an order that are left if the lines with these keys are left out.

    Other rows go as if those lines were deleted: a row goes with the row that it refers to, unless
    ``on_delete`` empties the reference, and a row to which only such rows refer goes too.
    """
    gone: dict[Model, set[Any]] = defaultdict(set, {line_model: keys})
    left = dict(rows)
    left[line_model] = [row for row in rows[line_model] if row[0] not in keys]
    others = [it for it in tables if it.model not in (tables.order_model, line_model)]
    has_changed = True
    while has_changed:
        has_changed = False
        for table in others:
            if found := _leaving(tables, table, order, left, gone):
                has_changed = True
                gone[table.model] |= found
                left[table.model] = [row for row in left[table.model] if row[0] not in found]
    return left


def _leaving(
    tables: CopiedTables,
    table: CopiedTable,
    order: Any,
    left: Mapping[Model, Sequence[Row]],
    gone: Mapping[Model, set[Any]],
) -> set[Any]:
    """Return the keys of the rows of a table that go because of those that are gone."""
    links = [(index, it) for index, it in enumerate(table.links, start=1) if it.cascades]
    found = {
        row[0]
        for row in left[table.model]
        if any(row[index] in gone[link.model] for index, link in links)
    }
    if table.owners and not table.paths:
        contents = {model: {order.pk: rows} for model, rows in left.items()}
        referred = {key for _order, key in _references(tables, table, {order.pk: order}, contents)}
        found |= {row[0] for row in left[table.model]} - referred
    return found


def _ways(
    tables: CopiedTables,
    table: CopiedTable,
    orders: Mapping[Any, Any],
    contents: Mapping[Model, RowsByOrder],
) -> dict[str, Mapping[Any, Collection[Any]]]:
    """Return the lookups that find the rows of a table, each with the orders by its values."""
    ways: dict[str, Mapping[Any, Collection[Any]]] = {
        path: {key: [key] for key in orders} for path in table.paths
    }
    if table.owners:
        ways["pk"] = _grouped(_references(tables, table, orders, contents))
    for link in table.links if not ways else ():
        parents = contents.get(link.model, {})
        ways[link.name] = _grouped(
            (order, row[0]) for order, rows in parents.items() for row in rows
        )
    return ways


def _references(
    tables: CopiedTables,
    table: CopiedTable,
    orders: Mapping[Any, Any],
    contents: Mapping[Model, RowsByOrder],
) -> Iterator[tuple[Any, Any]]:
    """Yield pairs of an order and the key of a row of the table that one of its rows refers to."""
    for owner in filter(lambda it: it.model in table.owners, tables):
        for index, link in enumerate(owner.links, start=1):
            if link.model is not table.model:
                continue
            if owner.model is tables.order_model:
                found = ((key, getattr(order, link.name)) for key, order in orders.items())
            else:
                rows = contents[owner.model]
                found = ((order, row[index]) for order in rows for row in rows[order])
            yield from ((order, key) for order, key in found if key is not None)


def _grouped(pairs: Iterator[tuple[Any, Any]]) -> Mapping[Any, Collection[Any]]:
    grouped: dict[Any, dict[Any, None]] = defaultdict(dict)
    for order, key in pairs:
        grouped[key][order] = None
    return grouped


def _read(
    table: CopiedTable, ways: Mapping[str, Mapping[Any, Collection[Any]]], extra: Sequence[str]
) -> RowsByOrder:
    """Read the rows that any of the lookups finds, sorted by primary key."""
    names = ["pk", *table.columns, *extra]
    condition = reduce(or_, (Q((f"{lookup}__in", list(found))) for lookup, found in ways.items()))
    condition &= table.declaration.only or Q()
    found = table.model._base_manager.filter(condition).order_by("pk")
    # Each column once: Django 5.2.0 mixes values up if a name is repeated.
    selected = list(dict.fromkeys([*names, *ways]))
    orders_of, without_keys = _orders_of(ways, selected), _without_keys(table, names)
    rows = defaultdict(list)
    for row in found.values_list(*selected):
        values = without_keys(row[: len(names)])
        for order in orders_of(row):
            rows[order].append(values)
    return rows


def _orders_of(
    ways: Mapping[str, Mapping[Any, Collection[Any]]], names: Sequence[str]
) -> Callable[[Row], Iterable[Any]]:
    """Return the function that finds the orders of a row, whose values have these names."""
    columns = [(names.index(lookup), orders) for lookup, orders in ways.items()]
    if len(columns) == 1:
        [(index, orders)] = columns
        return lambda row: orders.get(row[index], ())

    def orders_of(row: Row) -> Iterable[Any]:
        found = (orders.get(row[index], ()) for index, orders in columns)
        return dict.fromkeys(chain.from_iterable(found))

    return orders_of


def _without_keys(table: CopiedTable, names: Sequence[str]) -> Callable[[Row], Row]:
    """Return the function that removes the ``left_behind_keys`` of a table from a row."""
    keys = table.declaration.left_behind_keys
    filtered = [index for index, name in enumerate(names) if name in keys]

    def without_keys(row: Row) -> Row:
        values = list(row)
        for index in filtered:
            values[index] = table.declaration.copied_value(names[index], values[index])
        return tuple(values)

    return without_keys if filtered else tuple
