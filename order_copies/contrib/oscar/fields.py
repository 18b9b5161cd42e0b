"""Declare for each field of Oscar's order models what a copy does with it.

The fields are named: a field that a fork adds is in no declaration, and ``manage.py check`` reports
it (E004) until the fork declares it with :func:`oscar_models`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.utils import timezone
from oscar.core.loading import get_model

from order_copies.shops import CopiedModel

ADDRESS = (
    "title", "first_name", "last_name", "line1", "line2", "line3", "line4", "state", "postcode",
    "country_id", "search_text",
)  # fmt: skip

#: The copied fields of Oscar 4.2, by the name of the model in the app ``order``.
COPIED: Mapping[str, Sequence[str]] = {
    "Order": (
        "site_id", "user_id", "guest_email", "currency", "total_incl_tax", "total_excl_tax",
        "shipping_incl_tax", "shipping_excl_tax", "shipping_tax_code", "shipping_method",
        "shipping_code",
    ),
    "ShippingAddress": (*ADDRESS, "phone_number", "notes"),
    "BillingAddress": ADDRESS,
    "Line": (
        "partner_id", "partner_name", "partner_sku", "stockrecord_id", "product_id", "title", "upc",
        "quantity", "line_price_incl_tax", "line_price_excl_tax",
        "line_price_before_discounts_incl_tax", "line_price_before_discounts_excl_tax",
        "unit_price_incl_tax", "unit_price_excl_tax", "tax_code",
    ),
    "LinePrice": (
        "quantity", "price_incl_tax", "price_excl_tax", "shipping_incl_tax", "shipping_excl_tax",
        "tax_code",
    ),
    "LineAttribute": ("option_id", "type", "value"),
    "Surcharge": ("name", "code", "incl_tax", "excl_tax", "tax_code"),
    "OrderDiscount": (
        "category", "offer_id", "offer_name", "voucher_id", "voucher_code", "frequency", "amount",
    ),
    "OrderLineDiscount": ("is_incl_tax", "amount"),
}  # fmt: skip

#: The fields that start with a new value. The code of an address is unique. The partner's
#: reference and notes are about one parcel, the message of a discount is about one order.
RESET: Mapping[str, Sequence[str]] = {
    "ShippingAddress": ("code",),
    "BillingAddress": ("code",),
    "Order": ("number", "basket_id", "status", "date_placed", "analytics_tracked"),
    "Line": (
        "partner_line_reference", "partner_line_notes", "status", "num_allocated",
        "allocation_cancelled",
    ),
    "OrderDiscount": ("message",),
}  # fmt: skip


#: The models that refer to an order or its lines, and stay with it: its history and its payments.
LEFT_BEHIND = (
    ("order", "CommunicationEvent"),
    ("order", "OrderNote"),
    ("order", "OrderStatusChange"),
    ("order", "PaymentEvent"),
    ("order", "PaymentEventQuantity"),
    ("order", "ShippingEvent"),
    ("order", "ShippingEventQuantity"),
    ("payment", "Source"),
    ("voucher", "VoucherApplication"),
)


def oscar_models(
    *,
    copied: Mapping[str, Sequence[str]] | None = None,
    reset: Mapping[str, Sequence[str]] | None = None,
) -> list[CopiedModel]:
    """Return the declarations of Oscar's order models, and of the fields that a fork adds to them.

    ``oscar_models(copied={"Order": ["gift_message"]})`` also copies the field ``gift_message`` of
    a forked ``Order``. Name a foreign key by its attribute (``"shop_id"``). ``reset`` names fields
    that start with their default.
    """
    more_copied, more_reset = copied or {}, reset or {}
    return [
        CopiedModel(
            get_model("order", name),
            copied=(*names, *more_copied.get(name, ())),
            reset=_first_values(name, [*RESET.get(name, ()), *more_reset.get(name, ())]),
        )
        for name, names in COPIED.items()
    ]


def left_behind() -> list[Any]:
    """Return the models of which a copy copies nothing."""
    return [get_model(*name) for name in LEFT_BEHIND]


def _first_values(name: str, fields: Sequence[str]) -> dict[str, Any]:
    model = get_model("order", name)
    known = {field.attname: field for field in model._meta.concrete_fields}
    values = {field: _default(known[field]) if field in known else None for field in fields}
    if name == "Order":
        # The status of a target is that of a draft: see OscarShop.fresh().
        return values | {"date_placed": timezone.now}
    if name == "Line":
        status = getattr(settings, "OSCAR_INITIAL_LINE_STATUS", "")
        return values | {"status": status, "num_allocated": 0}
    return values


def _default(field: Any) -> Any:
    """Return the default of a field; a callable is called for each row."""
    return field.default if field.has_default() else field.get_default()
