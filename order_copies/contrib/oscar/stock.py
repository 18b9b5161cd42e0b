"""Oscar's stock records: what is available by Oscar's strategy, allocating, and giving back."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from django.db.models import F, prefetch_related_objects
from django.utils.translation import gettext as _
from oscar.core.loading import get_class, get_model

from order_copies.contrib.oscar.forks import is_overridden
from order_copies.db.rows import update_rows
from order_copies.db.transactions import locked
from order_copies.shops.lines import Available

Line = get_model("order", "Line")
OrderCreator = get_class("order.utils", "OrderCreator")
Selector = get_class("partner.strategy", "Selector")
StockRecord = get_model("partner", "StockRecord")

#: A number of pieces that counts as unlimited.
MANY = 10**6


def lock_records(orders: Collection[Any]) -> None:
    """Lock the stock records of the lines of these orders, in the order of their keys."""
    keys = Line._base_manager.filter(order__in=orders).values("stockrecord_id")
    records = StockRecord._base_manager.filter(pk__in=keys).order_by("pk")
    list(locked(records).values_list("pk"))


def read_records(keys: Collection[Any]) -> dict[Any, Any]:
    """Return stock records by key, with all that a strategy reads of their products."""
    known = [key for key in keys if key is not None]
    records: dict[Any, Any] = StockRecord._base_manager.in_bulk(known)
    related = ["partner", "product__product_class", "product__parent__product_class"]
    prefetch_related_objects(list(records.values()), *related)
    return records


def available(keys: Collection[Any]) -> dict[Any, Available]:
    """Return what is available of each stock record: pieces, None for any number, or a reason.

    Oscar's strategy for offline processes decides.
    """
    strategy = Selector().strategy()
    return {key: _available(strategy, record) for key, record in read_records(keys).items()}


def _available(strategy: Any, record: Any) -> Available:
    if not is_published(record.product):
        return no_longer_available(record.product)
    policy = strategy.fetch_for_product(record.product, stockrecord=record).availability
    if policy.is_purchase_permitted(MANY)[0]:
        return None
    pieces = most_permitted(policy)
    if pieces or _sells_when_in_stock(strategy, record):
        return pieces
    return str(policy.is_purchase_permitted(1)[1])


def most_permitted(policy: Any) -> int:
    """Return the largest number of pieces that an availability policy permits."""
    least, most = 0, MANY
    while most - least > 1:
        middle = (least + most) // 2
        if policy.is_purchase_permitted(middle)[0]:
            least = middle
        else:
            most = middle
    return least


def _sells_when_in_stock(strategy: Any, record: Any) -> bool:
    """Return whether the only obstacle is the stock, which a cancelled order may give back."""
    num_in_stock = record.num_in_stock
    record.num_in_stock = MANY + (record.num_allocated or 0)
    policy = strategy.fetch_for_product(record.product, stockrecord=record).availability
    record.num_in_stock = num_in_stock
    return bool(policy.is_purchase_permitted(1)[0])


def is_published(product: Any) -> bool:
    """Return whether customers see a product. A child is sold on the page of its parent."""
    return bool(product.is_public and (product.parent is None or product.parent.is_public))


def no_longer_available(product: Any) -> str:
    """Return the reason with which Oscar refuses to reorder a product."""
    return _("'%(title)s' is no longer available") % {"title": product.get_title()}


class Allocation:
    """Allocates stock to orders, one after the other; :meth:`save` writes it.

    The records must be locked. Availability is that of the strategy for the customer.
    """

    def __init__(self, lines: Sequence[Any]) -> None:
        self.records = read_records({line.stockrecord_id for line in lines})
        self.pieces: Counter[Any] = Counter()
        self.lines: list[Any] = []

    def allocate(self, user: Any, lines: Sequence[Any]) -> str:
        """Allocate the pieces of an order; return why that is impossible, or an empty string."""
        wanted: Counter[Any] = Counter()
        for line in lines:
            if line.stockrecord_id not in self.records:
                return _("'%(title)s' is no longer available") % {"title": line.title}
            wanted[line.stockrecord_id] += line.quantity
        strategy = Selector().strategy(user=user)
        for key, quantity in wanted.items():
            record = self.records[key]
            if not is_published(record.product):
                return no_longer_available(record.product)
            policy = strategy.fetch_for_product(record.product, stockrecord=record).availability
            is_permitted, reason = policy.is_purchase_permitted(quantity)
            if not is_permitted:
                return f"{record.product.get_title()}: {reason}"
        self._take(wanted, lines)
        return ""

    def _take(self, wanted: Mapping[Any, int], lines: Sequence[Any]) -> None:
        for key, quantity in wanted.items():
            record = self.records[key]
            if record.can_track_allocations:
                record.num_allocated = (record.num_allocated or 0) + quantity
                self.pieces[key] += quantity
        self.lines += lines

    def save(self) -> None:
        """Write what was allocated, by the code of a fork if it has its own."""
        if is_overridden(OrderCreator, "update_stock_records"):
            creator = OrderCreator()
            for line in sorted(self.lines, key=lambda line: line.stockrecord_id):
                line.stockrecord = self.records[line.stockrecord_id]
                creator.update_stock_records(line)
        else:
            change_allocations(self.records, self.pieces, "allocate")
        # As Oscar's checkout does, also for lines whose stock is not tracked.
        keys = [line.pk for line in self.lines]
        Line._base_manager.filter(pk__in=keys).update(num_allocated=F("quantity"))


def change_allocations(records: Mapping[Any, Any], pieces: Mapping[Any, int], method: str) -> None:
    """Save the allocations of locked records, with the signals of ``StockRecord.<method>``.

    ``num_allocated`` of each record is the new number. A fork's own method is called instead.
    """
    changed = [records[key] for key in sorted(pieces)]
    if is_overridden(StockRecord, method):
        for record in changed:
            getattr(record, method)(pieces[record.pk])
        return
    for record in changed:
        record.pre_save_signal()
    rows = [[record.pk, record.num_allocated] for record in changed]
    update_rows(StockRecord, ["num_allocated"], rows, match=(StockRecord._meta.pk.attname,))
    for record in changed:
        record.post_save_signal()


def give_back(lines: Sequence[Any]) -> None:
    """Give back what lines hold, whose records are locked, as ``Line.cancel_allocation`` does."""
    held = [line for line in lines if is_holding(line)]
    records = read_records({line.stockrecord_id for line in held})
    pieces: Counter[Any] = Counter()
    tracked = [line for line in held if records[line.stockrecord_id].can_track_allocations]
    for line in tracked:
        pieces[line.stockrecord_id] += line.num_allocated
    for key, quantity in pieces.items():
        allocated = records[key].num_allocated or 0
        records[key].num_allocated = allocated - min(allocated, quantity)
    keys = [line.pk for line in tracked]
    Line._base_manager.filter(pk__in=keys).update(num_allocated=0, allocation_cancelled=True)
    change_allocations(records, pieces, "cancel_allocation")


def is_holding(line: Any) -> bool:
    """Return whether stock is allocated to a line of an order."""
    is_allocated = bool(line.num_allocated) and not line.allocation_cancelled
    return is_allocated and line.stockrecord_id is not None
