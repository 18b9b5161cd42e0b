"""What a copy takes otherwise than its source, because the request says so: read and validate."""

from collections.abc import Iterator
from typing import NamedTuple

from django.utils.translation import gettext as _

from order_copies import public_ids
from order_copies.exceptions import Refusal
from order_copies.models import OrderFactory
from orders.copying.fields import SourceLine
from orders.copying.snapshot import Snapshot
from orders.totals import GOODS, ItemType


class LineRequest(NamedTuple):
    """What a copy takes of one line. None and an empty string: as the line is."""

    quantity: int | None = None
    sku_code: str = ""


def line_requests(order_copy: OrderFactory) -> dict[int | None, LineRequest] | None:
    """Return what a copy takes, by the key of the line; None if it takes all lines as they are."""
    lines = order_copy.line_items
    if lines is None:
        return None
    return {
        public_ids.decode("line_items", line["id"]): LineRequest(
            line.get("quantity"), line.get("sku_code", "")
        )
        for line in lines
    }


def refusals(order_copy: OrderFactory, snapshot: Snapshot) -> Iterator[Refusal]:
    """Yield why the source order cannot be copied with the changes of ``order_copy``."""
    order = snapshot.orders.get(int(order_copy.source_order_id or 0))
    if order is None:
        return
    lines = {line.id: line for line in snapshot.lines[order.pk]}
    for index, (key, request) in enumerate((line_requests(order_copy) or {}).items()):
        for name, message in _of_line(lines.get(key), request, snapshot, order.currency_code):
            yield Refusal(("line_items", str(index), name), "invalid", message)


def _of_line(
    line: SourceLine | None, request: LineRequest, snapshot: Snapshot, currency: str
) -> Iterator[tuple[str, str]]:
    """Yield the attributes of a line's request that are wrong, and why."""
    if line is None:
        yield "id", _("is no line item of the source order")
    elif line.item_type not in GOODS:
        yield "id", _("is no line item that sells something: the copy decides on it by the others")
    elif request.quantity is not None and not line.quantity:
        yield "quantity", _("is not possible: the line item has no pieces")
    elif request.sku_code and line.item_type != ItemType.SKUS:
        yield "sku_code", _("can only replace the SKU of a line item of the type skus")
    elif request.sku_code:
        sku_id = snapshot.sku_of_code.get(request.sku_code)
        if sku_id is None:
            yield "sku_code", _("is the code of no SKU")
        elif not snapshot.skus[sku_id].on_sale:
            yield "sku_code", _("is not on sale")
        elif (sku_id, currency) not in snapshot.prices:
            yield "sku_code", _("has no price in %(currency)s") % {"currency": currency}
