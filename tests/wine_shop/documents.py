"""Orders as plain data without keys: equal for an order and its frozen copy."""

from typing import Any

from tests.wine_shop.models import Address, Discount, Doorbell, Gift, Leaflet, Line, Order, Remark


def document(order: Order) -> dict[str, Any]:
    """Return all that a frozen copy of an order keeps, as the models hold it."""
    order = Order.objects.get(pk=order.pk)
    lines = list(Line.objects.filter(order=order).order_by("pk"))
    index = {line.pk: position for position, line in enumerate(lines)} | {None: None}
    remarks = Remark.objects.filter(order=order) | Remark.objects.filter(line__order=order)
    return {
        "customer": order.customer_id,
        "currency": order.currency,
        "amounts": [order.subtotal_cents, order.total, order.shipping, order.cost],
        "note": order.note,
        "wanted_on": order.wanted_on,
        "data": {key: value for key, value in order.data.items() if key != "invoice"},
        "addresses": [_address(order.shipping_address), _address(order.billing_address)],
        "one_address": order.shipping_address_id == order.billing_address_id,
        "parcel": order.parcel and (order.parcel.weight, _address(order.parcel.address)),
        "finest_line": index[order.finest_line_id],
        "occasions": sorted(order.occasions.values_list("pk", flat=True)),
        "advice": sorted(order.advice_set.values_list("adviser", "text")),
        "lines": [_line(line, index) for line in lines],
        "remarks": [
            (it.text, it.order_id is None, index[it.line_id], _texts(it.reply_set))
            for it in remarks.distinct().order_by("pk")
        ],
        "discounts": [
            (it.name, index[it.line_id])
            for it in Discount.objects.filter(order=order).order_by("pk")
        ],
        "leaflets": [
            (it.title, it.text, it.follows and it.follows.title)
            for it in Leaflet.objects.filter(order=order).order_by("pk")
        ],
        "gifts": Gift.objects.filter(order=order).count(),
    }


def _address(address: Address | None) -> Any:
    if address is None:
        return None
    bells = Doorbell.objects.filter(address=address).order_by("pk").values_list("label", flat=True)
    region = address.region and address.region.name
    return (address.street, address.country_id, region, list(bells))


def _line(line: Line, index: dict[Any, Any]) -> dict[str, Any]:
    data = line.data and {key: value for key, value in line.data.items() if key != "pallet"}
    return {
        "wine": line.wine_id,
        "name": line.name,
        "quantity": line.quantity,
        "price": line.price,
        "data": data,
        "case": index.get(line.case_id),
        "instead_of": index.get(line.instead_of_id),
        "card": line.card and line.card.text,
        "options": [
            (
                option.name,
                option.engraving.text,
                list(
                    option.engraving.letter_set.order_by("pk").values_list("character", flat=True)
                ),
            )
            for option in line.option_set.order_by("pk")
        ],
    }


def _texts(rows: Any) -> list[str]:
    return list(rows.order_by("pk").values_list("text", flat=True))
