"""Read the copied rows of any number of orders, with one query for each table."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from order_copies.shops.tables import CopiedTable, CopiedTables, Model

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
    the row; they are read and not copied.
    """
    reader = _Reader(tables, orders, extra or {})
    for table in tables:
        if table.path and table.model is not tables.order_model:
            reader.read_by_path(table)
    unread = [table for table in tables if not table.path]
    while unread:
        table = next(filter(reader.knows_owner, unread), unread[0])
        reader.read_by_owner(table)
        unread.remove(table)
    return reader.contents


class _Reader:
    def __init__(
        self,
        tables: CopiedTables,
        orders: Mapping[Any, Any],
        extra: Mapping[Model, Sequence[str]],
    ) -> None:
        self.tables, self.orders, self.extra = tables, orders, extra
        self.contents: dict[Model, RowsByOrder] = {}

    def read_by_path(self, table: CopiedTable) -> None:
        """Read the rows that lead to the orders."""
        rows = defaultdict(list)
        for row in self._rows(table, table.path, {f"{table.path}__in": list(self.orders)}):
            rows[row[0]].append(row[1:])
        self.contents[table.model] = rows

    def knows_owner(self, table: CopiedTable) -> bool:
        """Return whether the rows that refer to this table, or that it refers to, are read."""
        return any(self._owners(table)) or any(link.model in self.contents for link in table.links)

    def read_by_owner(self, table: CopiedTable) -> None:
        """Read the rows that rows of the orders refer to, such as an address of an order.

        A row that two orders refer to belongs to both.
        """
        orders_of: dict[Any, dict[Any, None]] = defaultdict(dict)
        column = "pk"
        for order, key in self._owners(table):
            orders_of[key][order] = None
        for link in table.links if not orders_of else ():
            column = link.name
            for order, owners in self.contents.get(link.model, {}).items():
                for owner in owners:
                    orders_of[owner[0]][order] = None
        rows = defaultdict(list)
        for row in self._rows(table, column, {f"{column}__in": list(orders_of)}):
            for order in orders_of[row[0]]:
                rows[order].append(row[1:])
        self.contents[table.model] = rows

    def _owners(self, table: CopiedTable) -> Iterator[tuple[Any, Any]]:
        """Yield pairs of an order and the key of a row of the table that it refers to."""
        for owner in self.tables:
            for position, link in enumerate(owner.links, start=1):
                if link.model is not table.model or owner is table:
                    continue
                if owner.model is self.tables.order_model:
                    found = ((key, getattr(it, link.name)) for key, it in self.orders.items())
                else:
                    rows = self.contents.get(owner.model, {})
                    found = ((order, row[position]) for order in rows for row in rows[order])
                yield from ((order, key) for order, key in found if key is not None)

    def _rows(
        self, table: CopiedTable, lookup: str, condition: dict[str, Collection[Any]]
    ) -> Iterator[Row]:
        """Yield rows with the value of ``lookup`` before them."""
        names = [lookup, "pk", *table.columns, *self.extra.get(table.model, ())]
        rows = table.model._base_manager.filter(**condition).order_by("pk").values_list(*names)
        filtered = [
            (index, name)
            for index, name in enumerate(names)
            if name in table.declaration.left_behind_keys
        ]
        if not filtered:
            yield from rows
            return
        for row in rows:
            values = list(row)
            for index, name in filtered:
                values[index] = table.declaration.copied_value(name, values[index])
            yield tuple(values)
