"""Orders in values for people, as the page of a copy shows them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from django.utils.translation import gettext as _

from order_copies import public_ids
from order_copies.shops import DescribedLine, OrderDescription
from orders.models import Address, AddressRole, LineItem, Order
from orders.totals import GOODS, TOTALS

_LINE = ("id", "name", "quantity", "total_amount_cents", "unit_amount_cents", "sku_code")


def describe(orders: Sequence[Order]) -> list[OrderDescription | None]:
    """Describe orders, in three queries: orders with their payments, lines, addresses."""
    keys = [order.pk for order in orders]
    found = Order.objects.select_related("payment_method", "payment_source").in_bulk(keys)
    lines: dict[int, list[DescribedLine]] = {key: [] for key in keys}
    rows = LineItem.objects.filter(order__in=keys).order_by("pk")
    for order, item_type, key, *values in rows.values_list("order", "item_type", *_LINE):
        line = DescribedLine(public_ids.encode("line_items", key), *values)
        lines[order].append(line if item_type in GOODS else replace(line, is_goods=False))
    addresses = {
        (address.order_id, address.role): str(address)
        for address in Address.objects.filter(order__in=keys)
    }
    return [_described(found[key], lines[key], addresses) if key in found else None for key in keys]


def _described(
    order: Order, lines: Sequence[DescribedLine], addresses: Mapping[tuple[int, str], str]
) -> OrderDescription:
    return OrderDescription(
        currency_code=order.currency_code,
        lines=lines,
        totals={name: getattr(order, name) for name in TOTALS},
        facts={
            _("Status"): order.get_status_display(),
            _("Payment status"): order.get_payment_status_display(),
            _("Customer"): order.customer_email,
            _("Billing address"): addresses.get((order.pk, AddressRole.BILLING), ""),
            _("Shipping address"): addresses.get((order.pk, AddressRole.SHIPPING), ""),
            _("Payment method"): str(order.payment_method or ""),
            _("Payment source"): str(order.payment_source or ""),
            _("Coupon"): order.coupon_code,
        },
    )
