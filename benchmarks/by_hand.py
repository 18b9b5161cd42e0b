"""The documents of orders, built by hand: the baseline for the declared ones.

A plain Django view that serves nothing else: no declarations, no includes except line items, no
filters, no sorting. It calls the same functions as the API for ten-letter ids (``public_ids``),
amounts (``orders.money``) and instants (``instant``).
"""

import math
import secrets
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse

from benchmarks.client import MEDIA_TYPE, user_of
from order_copies import public_ids
from order_copies.conf import settings
from order_copies.jsonapi.fields import instant
from orders.models import LineItem, Order
from orders.money import as_float, formatted

ORDER_RELATIONSHIPS = (
    "market", "customer", "shipping_address", "billing_address", "payment_method", "line_items",
    "line_item_options", "order_subscription", "order_subscriptions", "order_factories",
    "order_copies", "recurring_order_copies", "events", "event_stores",
)  # fmt: skip
LINE_ITEM_RELATIONSHIPS = ("order", "item", "sku", "line_item_options", "event_stores")


def orders(request: HttpRequest) -> HttpResponse:
    """Return a page of orders, with ``include=line_items`` if requested."""
    check_permission(request)
    base, meta = base_url(request), resource_meta()
    number, size = int(request.GET.get("page[number]", 1)), int(request.GET.get("page[size]", 10))
    record_count = Order.objects.count()
    last = math.ceil(record_count / size)
    rows = list(Order.objects.order_by("pk")[(number - 1) * size : number * size])
    document = {"data": [order_document(order, base, meta) for order in rows]}
    if request.GET.get("include") == "line_items":
        include_line_items(document, rows, base, meta)
    document["meta"] = {"record_count": record_count, "page_count": last}
    document["links"] = page_links(request, f"{base}/orders", number, size, last)
    return JsonResponse(document, content_type=MEDIA_TYPE)


def order(request: HttpRequest, public_id: str) -> HttpResponse:
    """Return one order."""
    check_permission(request)
    row = Order.objects.filter(pk=public_ids.decode("orders", public_id)).first()
    if row is None:
        raise Http404
    document = {"data": order_document(row, base_url(request), resource_meta())}
    return JsonResponse(document, content_type=MEDIA_TYPE)


def check_permission(request: HttpRequest) -> None:
    """Raise 404 unless the user may view orders."""
    if not user_of(request).has_perm("orders.view_order"):
        raise Http404


def base_url(request: HttpRequest) -> str:
    """Return the URL of the API."""
    return f"{request.scheme}://{request.get_host()}/by_hand"


def resource_meta() -> dict[str, str]:
    """Return the meta of a resource."""
    return {
        "mode": settings.MODE,
        "organization_id": settings.ORGANIZATION_ID,
        "trace_id": secrets.token_hex(32),
    }


def include_line_items(
    document: dict[str, Any], rows: list[Order], base: str, meta: dict[str, str]
) -> None:
    """Add the line items of the orders, with their linkage."""
    orders_by_key = {row.pk: row for row in rows}
    linkage: dict[int, list[dict[str, str]]] = {row.pk: [] for row in rows}
    document["included"] = []
    for line_item in LineItem.objects.filter(order__in=list(orders_by_key)).order_by("pk"):
        data = line_item_document(line_item, orders_by_key[line_item.order_id], base, meta)
        linkage[line_item.order_id].append({"type": "line_items", "id": data["id"]})
        document["included"].append(data)
    for row, data in zip(rows, document["data"], strict=True):
        data["relationships"]["line_items"]["data"] = linkage[row.pk]


def page_links(request: HttpRequest, url: str, number: int, size: int, last: int) -> dict[str, str]:
    """Return the links to the other pages."""
    query = [(name, value) for name, value in request.GET.items() if not name.startswith("page[")]
    numbers = {"first": 1, "prev": number - 1, "next": number + 1, "last": last}
    return {
        name: f"{url}?{urlencode([*query, ('page[number]', to), ('page[size]', size)])}"
        for name, to in numbers.items()
        if 1 <= to <= last
    }


def relationships(url: str, names: Iterable[str]) -> dict[str, Any]:
    """Return the relationships with their links."""
    return {
        name: {"links": {"self": f"{url}/relationships/{name}", "related": f"{url}/{name}"}}
        for name in names
    }


def order_document(row: Order, base: str, meta: dict[str, str]) -> dict[str, Any]:
    """Return the resource of an order."""
    public_id = public_ids.encode("orders", row.pk)
    url = f"{base}/orders/{public_id}"
    currency, language = row.currency_code, row.language_code
    return {
        "id": public_id,
        "type": "orders",
        "links": {"self": url},
        "attributes": {
            "number": row.number,
            "affiliate_code": row.affiliate_code or None,
            "status": row.status,
            "payment_status": row.payment_status,
            "fulfillment_status": row.fulfillment_status,
            "guest": row.guest,
            "editable": row.editable,
            "customer_email": row.customer_email or None,
            "language_code": language,
            "currency_code": currency,
            "tax_included": row.tax_included,
            "tax_rate": float(row.tax_rate),
            "country_code": row.country_code or None,
            "shipping_country_code_lock": row.shipping_country_code_lock or None,
            "coupon_code": row.coupon_code or None,
            "gift_card_code": row.gift_card_code or None,
            **order_amounts(row, currency, language),
            "token": row.token,
            "cart_url": row.cart_url or None,
            "return_url": row.return_url or None,
            "terms_url": row.terms_url or None,
            "privacy_url": row.privacy_url or None,
            "placed_at": moment(row.placed_at),
            "approved_at": moment(row.approved_at),
            "cancelled_at": moment(row.cancelled_at),
            "archived_at": moment(row.archived_at),
            "subscription_created_at": moment(row.subscription_created_at),
            "created_at": instant(row.created_at),
            "updated_at": instant(row.updated_at),
            "reference": row.reference,
            "reference_origin": row.reference_origin,
            "metadata": row.metadata,
        },
        "relationships": relationships(url, ORDER_RELATIONSHIPS),
        "meta": meta,
    }


def order_amounts(row: Order, currency: str, language: str) -> dict[str, Any]:
    """Return the nine amounts of an order, each in its three forms."""
    return {
        **amount("subtotal_amount", row.subtotal_amount_cents, currency, language),
        **amount("shipping_amount", row.shipping_amount_cents, currency, language),
        **amount("payment_method_amount", row.payment_method_amount_cents, currency, language),
        **amount("discount_amount", row.discount_amount_cents, currency, language),
        **amount("adjustment_amount", row.adjustment_amount_cents, currency, language),
        **amount("gift_card_amount", row.gift_card_amount_cents, currency, language),
        **amount("total_tax_amount", row.total_tax_amount_cents, currency, language),
        **amount("total_amount", row.total_amount_cents, currency, language),
        **amount("total_amount_with_taxes", row.total_amount_with_taxes_cents, currency, language),
    }


def line_item_document(
    row: LineItem, order: Order, base: str, meta: dict[str, str]
) -> dict[str, Any]:
    """Return the resource of a line item."""
    public_id = public_ids.encode("line_items", row.pk)
    url = f"{base}/line_items/{public_id}"
    currency, language = order.currency_code, order.language_code
    return {
        "id": public_id,
        "type": "line_items",
        "links": {"self": url},
        "attributes": {
            "item_type": row.item_type,
            "sku_code": row.sku_code or None,
            "quantity": row.quantity,
            "currency_code": currency,
            **amount("unit_amount", row.unit_amount_cents, currency, language),
            **amount("compare_at_amount", row.compare_at_amount_cents, currency, language),
            **amount("options_amount", row.options_amount_cents, currency, language),
            **amount("total_amount", row.total_amount_cents, currency, language),
            **amount("tax_amount", row.tax_amount_cents, currency, language),
            "name": row.name,
            "image_url": row.image_url or None,
            "tax_rate": float(row.tax_rate),
            "frequency": row.frequency or None,
            "coupon_code": row.coupon_code or None,
            "created_at": instant(row.created_at),
            "updated_at": instant(row.updated_at),
            "reference": row.reference,
            "reference_origin": row.reference_origin,
            "metadata": row.metadata,
        },
        "relationships": relationships(url, LINE_ITEM_RELATIONSHIPS),
        "meta": meta,
    }


def amount(name: str, cents: int | None, currency: str, language: str) -> dict[str, Any]:
    """Return an amount as cents, as float and formatted."""
    if cents is None:
        return {f"{name}_cents": None, f"{name}_float": None, f"formatted_{name}": None}
    return {
        f"{name}_cents": cents,
        f"{name}_float": as_float(cents, currency),
        f"formatted_{name}": formatted(cents, currency, language),
    }


def moment(value: Any) -> str | None:
    """Return the instant as text, or None."""
    return None if value is None else instant(value)
