"""Stock that placed orders hold: taken, handed over and given back, under locks."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from typing import NamedTuple

from django.utils.translation import gettext as _

from order_copies.rows import insert_rows, update_rows
from orders.locks import locked
from orders.models import LineItem, StockItem, StockReservation
from orders.totals import ItemType


class Need(NamedTuple):
    """The pieces that one line of an order needs."""

    line_item: int
    name: str
    quantity: int
    stock_item: int | None
    on_sale: bool | None
    do_not_track: bool | None


def too_little(name: str, left: int, quantity: int) -> str:
    """The message for a line whose pieces are not all there."""
    if left <= 0:
        return _("%(name)s is out of stock") % {"name": name}
    numbers = {"left": left, "quantity": quantity, "name": name}
    return _("only %(left)s of %(quantity)s %(name)s left") % numbers


class StockLedger:
    """The stock of some orders that need pieces and of some that hold pieces, locked."""

    def __init__(self, needing: Collection[int], holding: Collection[int]) -> None:
        self._needs: dict[int, list[Need]] = defaultdict(list)
        self._held: dict[int, Counter[int]] = defaultdict(Counter)
        self._reserved: list[tuple[int, int, int]] = []
        self._released: set[int] = set()
        self._read(needing, holding)
        keys = {need.stock_item for needs in self._needs.values() for need in needs}
        keys |= {key for held in self._held.values() for key in held}
        self._stock = locked(StockItem.objects.all(), (key for key in keys if key is not None))

    def _read(self, needing: Collection[int], holding: Collection[int]) -> None:
        lines = LineItem.objects.filter(
            order__in=needing, item_type=ItemType.SKUS, quantity__gt=0
        ).order_by("pk")
        for row in lines.values_list(
            "order",
            "pk",
            "sku_code",
            "quantity",
            "sku__stock_item",
            "sku__on_sale",
            "sku__do_not_track",
        ):
            self._needs[row[0]].append(Need._make(row[1:]))
        held = StockReservation.objects.filter(line_item__order__in=holding)
        for order, key, quantity in held.values_list("line_item__order", "stock_item", "quantity"):
            self._held[order][key] += quantity

    def shortages(self, order: int, replaces: int | None) -> Iterator[str]:
        """What cannot be had of what the order needs, one message each."""
        left = {key: item.available for key, item in self._stock.items()}
        for key, quantity in self._held_by(replaces).items():
            left[key] += quantity
        for need in self._needs[order]:
            if not need.on_sale:
                yield _("%(name)s is not on sale any more") % {"name": need.name}
            elif not need.do_not_track:
                key = need.stock_item or 0
                if left.get(key, 0) >= need.quantity:
                    left[key] -= need.quantity
                else:
                    yield too_little(need.name, left.get(key, 0), need.quantity)

    def _held_by(self, order: int | None) -> Counter[int]:
        return self._held[order] if order is not None else Counter()

    def move(self, order: int, replaces: int | None) -> None:
        """Reserve what the order needs, taking over what the replaced one holds."""
        if replaces is not None:
            self.release(replaces)
        for need in self._needs[order]:
            if need.stock_item and not need.do_not_track:
                self._stock[need.stock_item].reserved += need.quantity
                self._reserved.append((need.line_item, need.stock_item, need.quantity))

    def release(self, order: int) -> None:
        """Give back what the order holds."""
        for key, quantity in self._held.pop(order, Counter()).items():
            self._stock[key].reserved -= quantity
        self._released.add(order)

    def book(self) -> None:
        """Write it all down."""
        StockReservation.objects.filter(line_item__order__in=self._released).delete()
        update_rows(
            StockItem,
            ["reserved"],
            [(key, item.reserved) for key, item in self._stock.items()],
        )
        insert_rows(
            StockReservation,
            ["line_item_id", "stock_item_id", "quantity"],
            self._reserved,
        )
