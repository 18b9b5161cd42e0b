"""Orders, lines, options and addresses, with the data that the shop has (contract 3.3 to 3.6)."""

from typing import Any

from django.db.models import QuerySet, TextChoices
from django.http import HttpRequest

from order_copies.api.serializers.common import changes, common_attributes, history
from order_copies.api.serializers.orders import copies_of_an_order
from order_copies.jsonapi.resources import Attribute, Relationship, register
from order_copies.jsonapi.values import (
    REQUIRED,
    Blank,
    Boolean,
    Choice,
    Float,
    Instant,
    Integer,
    Language,
    Object,
    String,
    Url,
)
from order_copies.shops import get_shop
from orders.api.serializers.common import (
    ShopSerializer,
    amounts,
    in_currency_of,
    listed,
    many,
    one,
    shown_with_orders,
)
from orders.lifecycle.triggers import ORDER_ACTIONS
from orders.models import Address, AddressRole, LineItem, LineItemOption, Order


def _one_of(choices: type[TextChoices]) -> Choice:
    return Choice(null=REQUIRED, choices=choices.values)


@register
class OrderSerializer(ShopSerializer):
    """An order (contract 3.3)."""

    type = "orders"
    attributes = (
        listed("number"),
        Attribute(name="affiliate_code", value=Blank(max_length=64), updatable=True),
        listed("status", _one_of(Order.Status)),
        listed("payment_status", _one_of(Order.PaymentStatus)),
        listed("fulfillment_status", _one_of(Order.FulfillmentStatus)),
        listed("guest", Boolean()),
        Attribute(name="editable", value=Boolean()),
        listed("customer_email", Blank()),
        listed("language_code", Language(), updatable=True),
        listed("currency_code"),
        listed("tax_included", Boolean()),
        listed("tax_rate", Float()),
        listed("country_code", Blank()),
        Attribute(name="shipping_country_code_lock", value=Blank()),
        listed("coupon_code", Blank()),
        Attribute(name="gift_card_code", value=Blank()),
        *amounts(
            "subtotal_amount",
            "shipping_amount",
            "payment_method_amount",
            "discount_amount",
            "adjustment_amount",
            "gift_card_amount",
            "total_tax_amount",
            "total_amount",
            "total_amount_with_taxes",
        ),
        listed("token"),
        Attribute(name="cart_url", value=Url(), updatable=True),
        Attribute(name="return_url", value=Url(), updatable=True),
        Attribute(name="terms_url", value=Url(), updatable=True),
        Attribute(name="privacy_url", value=Url(), updatable=True),
        listed("placed_at", Instant()),
        listed("approved_at", Instant()),
        listed("cancelled_at", Instant()),
        listed("archived_at", Instant()),
        *common_attributes(),
    )
    relationships = (
        one("market", "markets"),
        one("customer", "customers"),
        Relationship(
            name="shipping_address",
            type="addresses",
            filterable=True,
            inverse="order_id",
            scope={"role": AddressRole.SHIPPING},
        ),
        Relationship(
            name="billing_address",
            type="addresses",
            filterable=True,
            inverse="order_id",
            scope={"role": AddressRole.BILLING},
        ),
        one("payment_method", "payment_methods"),
        many("line_items", by="order_id"),
        many("line_item_options", by="line_item__order_id"),
        *copies_of_an_order(),
        *history("orders"),
    )
    triggers = tuple(action.trigger for action in ORDER_ACTIONS.values())

    def rows(self, request: HttpRequest) -> "QuerySet[Any]":
        """Return the orders that the client may see."""
        return get_shop().orders_for(request)


@register
class LineItemSerializer(ShopSerializer):
    """A line of an order (contract 3.4)."""

    type = "line_items"
    attributes = (
        listed("item_type", _one_of(LineItem.ItemType)),
        listed("sku_code", Blank()),
        listed("quantity", Integer()),
        listed("currency_code", column="order__currency_code"),
        *amounts(
            "unit_amount",
            "compare_at_amount",
            "options_amount",
            "total_amount",
            "tax_amount",
        ),
        listed("name"),
        Attribute(name="image_url", value=Blank()),
        listed("tax_rate", Float()),
        listed("frequency", Blank()),
        listed("coupon_code", Blank()),
        *common_attributes(),
    )
    relationships = (
        one("order", "orders"),
        # In the contract an item has one of several types; this shop has only SKUs.
        Relationship(name="item", type="skus", column="sku_id", filterable=True),
        one("sku", "skus"),
        many("line_item_options", by="line_item_id"),
        changes("line_items"),
    )

    def rows(self, request: HttpRequest) -> "QuerySet[Any]":
        """Return the lines of the orders that the client may see."""
        lines = shown_with_orders(LineItem.objects.all(), request, by="order")
        return in_currency_of("order", lines)


@register
class LineItemOptionSerializer(ShopSerializer):
    """An option of a line (contract 3.5)."""

    type = "line_item_options"
    attributes = (
        listed("name"),
        listed("quantity", Integer()),
        listed("currency_code", column="line_item__order__currency_code"),
        *amounts("unit_amount", "total_amount"),
        listed("delay_hours", Integer()),
        Attribute(name="options", value=Object()),
        *common_attributes(),
    )
    relationships = (one("line_item", "line_items"), changes("line_item_options"))

    def rows(self, request: HttpRequest) -> "QuerySet[Any]":
        """Return the options of the orders that the client may see."""
        options = LineItemOption.objects.select_related("line_item")
        shown = shown_with_orders(options, request, by="line_item__order")
        return in_currency_of("line_item__order", shown)


@register
class AddressSerializer(ShopSerializer):
    """An address of an order (contract 3.6)."""

    type = "addresses"
    attributes = (
        listed("business", Boolean()),
        listed("first_name", Blank()),
        listed("last_name", Blank()),
        listed("company", Blank()),
        Attribute(name="full_name", value=Blank()),
        listed("line_1"),
        listed("line_2", Blank()),
        listed("city"),
        listed("zip_code", Blank()),
        listed("state_code", Blank()),
        listed("country_code"),
        listed("phone", Blank()),
        Attribute(name="full_address", value=String()),
        Attribute(name="name", value=Blank()),
        listed("email", Blank()),
        listed("notes", Blank()),
        *common_attributes(),
    )
    relationships = (changes("addresses"),)

    def rows(self, request: HttpRequest) -> "QuerySet[Any]":
        """Return the addresses of the orders that the client may see."""
        return shown_with_orders(Address.objects.all(), request, by="order")
