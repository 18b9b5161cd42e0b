"""The stock of placed orders: reserve, transfer and release pieces, under locks."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from typing import NamedTuple

from django.utils.translation import gettext as _

from order_copies.db.rows import insert_rows, update_rows
from order_copies.shops.lines import too_little
from orders.lifecycle.locks import locked
from orders.models import LineItem, Sku, StockItem, StockReservation
from orders.totals import ItemType


class Need(NamedTuple):
    """The pieces that one line of an order needs, and the state of their SKU.

    The fields of the SKU are None if the line has no SKU.
    """

    line_item: int
    name: str
    quantity: int
    sku: int | None
    stock_item: int | None
    on_sale: bool | None
    do_not_track: bool | None

    @property
    def needs_no_stock(self) -> bool:
        """Whether the line is a custom item, which never had a SKU."""
        return self.sku is None and not self.name


class StockLedger:
    """The stock items of orders that need pieces and of orders that hold pieces, locked.

    ``needing`` and ``holding`` are keys of orders. Only :meth:`write` changes the database. Without
    ``locks`` the stock may change in the next moment: for rehearsals.
    """

    def __init__(
        self, needing: Collection[int], holding: Collection[int], *, locks: bool = True
    ) -> None:
        self._needs: dict[int, list[Need]] = defaultdict(list)
        self._held: dict[int, Counter[int]] = defaultdict(Counter)
        self._reserved: list[tuple[int, int, int]] = []
        self._released: set[int] = set()
        #: The lines whose SKU was deleted and created again.
        self._recreated: set[int] = set()
        #: Those of them that are placed, with their new SKU.
        self._relinked: list[tuple[int, int]] = []
        self._read(needing, holding)
        keys = {need.stock_item for needs in self._needs.values() for need in needs}
        keys |= {key for held in self._held.values() for key in held}
        known = {key for key in keys if key is not None}
        items = StockItem.objects.all()
        self._stock = locked(items, known) if locks else items.in_bulk(known)

    def _read(self, needing: Collection[int], holding: Collection[int]) -> None:
        lines = LineItem.objects.filter(
            order__in=needing, item_type=ItemType.SKUS, quantity__gt=0
        ).order_by("pk")
        for row in lines.values_list(
            "order",
            "pk",
            "sku_code",
            "quantity",
            "sku",
            "sku__stock_item",
            "sku__on_sale",
            "sku__do_not_track",
        ):
            self._needs[row[0]].append(Need._make(row[1:]))
        self._find_skus_by_code()
        held = StockReservation.objects.filter(line_item__order__in=holding)
        for order, key, quantity in held.values_list("line_item__order", "stock_item", "quantity"):
            self._held[order][key] += quantity

    def _find_skus_by_code(self) -> None:
        """Find the SKU of a line by its code if the SKU was deleted and created again."""
        needs = [need for needs in self._needs.values() for need in needs]
        codes = {need.name for need in needs if need.sku is None and need.name}
        if not codes:
            return
        columns = ("code", "pk", "stock_item", "on_sale", "do_not_track")
        rows = Sku.objects.filter(code__in=codes).values_list(*columns)
        found = {code: state for code, *state in rows}
        for needs in self._needs.values():
            for index, need in enumerate(needs):
                if need.sku is None and need.name in found:
                    needs[index] = Need(*need[:3], *found[need.name])
                    self._recreated.add(need.line_item)

    def shortages(self, order: int, replaces: int | None) -> Iterator[str]:
        """Return a message for each line whose pieces are unavailable.

        Pieces that the replaced order holds count as available.
        """
        left = {key: item.available for key, item in self._stock.items()}
        for key, quantity in self._held_by(replaces).items():
            left[key] += quantity
        for need in self._needs[order]:
            if need.needs_no_stock:
                continue
            if need.on_sale is None:
                yield _("%(name)s does not exist any more") % {"name": need.name}
            elif not need.on_sale:
                yield _("%(name)s is not on sale any more") % {"name": need.name}
            elif not need.do_not_track:
                key = need.stock_item or 0
                if left.get(key, 0) >= need.quantity:
                    left[key] -= need.quantity
                else:
                    yield too_little(need.name, left.get(key, 0), need.quantity)

    def _held_by(self, order: int | None) -> Counter[int]:
        return self._held[order] if order is not None else Counter()

    def reserve(self, order: int, replaces: int | None) -> None:
        """Reserve the pieces that the order needs, and release those of the replaced order."""
        if replaces is not None:
            self.release(replaces)
        for need in self._needs[order]:
            if need.stock_item and not need.do_not_track:
                self._stock[need.stock_item].reserved += need.quantity
                self._reserved.append((need.line_item, need.stock_item, need.quantity))
            if need.sku and need.line_item in self._recreated:
                self._relinked.append((need.line_item, need.sku))

    def release(self, order: int) -> None:
        """Release the pieces that the order holds."""
        for key, quantity in self._held.pop(order, Counter()).items():
            self._stock[key].reserved -= quantity
        self._released.add(order)

    def write(self) -> None:
        """Write all changes to the database."""
        update_rows(LineItem, ["sku_id"], self._relinked)
        StockReservation.objects.filter(line_item__order__in=self._released).delete()
        rows = [(key, item.reserved) for key, item in self._stock.items()]
        update_rows(StockItem, ["reserved"], rows)
        columns = ["line_item_id", "stock_item_id", "quantity"]
        insert_rows(StockReservation, columns, self._reserved)
