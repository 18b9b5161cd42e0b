"""The resources of the shop, as far as it has data for the contract's (3.3 to 3.8)."""

from dataclasses import replace
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest

from order_copies.jsonapi.resources import Attribute, Relationship, register
from order_copies.jsonapi.values import Blank, Boolean, Float, Instant, Integer, Object
from order_copies.serializers import common_attributes, history
from order_copies.shops import get_shop
from orders.models import (
    Address,
    AddressRole,
    Customer,
    LineItem,
    LineItemOption,
    Market,
    PaymentMethod,
    Sku,
)
from orders.resources import ShopSerializer, amounts, listed, many, one


@register
class OrderSerializer(ShopSerializer):
    """An order (contract 3.3)."""

    type = "orders"
    attributes = (
        listed("number"),
        Attribute(name="affiliate_code", value=Blank()),
        listed("status"),
        listed("payment_status"),
        listed("fulfillment_status"),
        listed("guest", Boolean()),
        Attribute(name="editable", value=Boolean()),
        listed("customer_email", Blank()),
        listed("language_code"),
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
        Attribute(name="cart_url", value=Blank()),
        Attribute(name="return_url", value=Blank()),
        Attribute(name="terms_url", value=Blank()),
        Attribute(name="privacy_url", value=Blank()),
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
            inverse="order_id",
            scope={"role": AddressRole.SHIPPING},
        ),
        Relationship(
            name="billing_address",
            type="addresses",
            inverse="order_id",
            scope={"role": AddressRole.BILLING},
        ),
        one("payment_method", "payment_methods"),
        many("line_items", by="order_id"),
        many("line_item_options", by="line_item__order_id"),
        many("order_copies", by="source_order_id"),
        *history("orders"),
    )

    def rows(self, request: HttpRequest) -> "QuerySet[Any]":
        """The orders that the shop shows to the client."""
        return get_shop().orders_for(request)


@register
class LineItemSerializer(ShopSerializer):
    """A line of an order (contract 3.4)."""

    type = "line_items"
    attributes = (
        listed("item_type"),
        listed("sku_code", Blank()),
        listed("quantity", Integer()),
        listed(
            "currency_code",
            get=lambda line_item: line_item.order.currency_code,
            column="order__currency_code",
        ),
        *amounts(
            "unit_amount",
            "compare_at_amount",
            "options_amount",
            "total_amount",
            "tax_amount",
            order="order",
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
        one("sku", "skus"),
        many("line_item_options", by="line_item_id"),
    )

    def rows(self, request: HttpRequest) -> "QuerySet[Any]":
        """The lines of the orders that the client may see."""
        orders = get_shop().orders_for(request)
        return LineItem.objects.filter(order__in=orders).select_related("order")


@register
class LineItemOptionSerializer(ShopSerializer):
    """What was chosen for a line (contract 3.5)."""

    type = "line_item_options"
    attributes = (
        listed("name"),
        listed("quantity", Integer()),
        listed(
            "currency_code",
            get=lambda option: option.line_item.order.currency_code,
            column="line_item__order__currency_code",
        ),
        *amounts("unit_amount", "total_amount", order="line_item.order"),
        listed("delay_hours", Integer()),
        Attribute(name="options", value=Object()),
        *common_attributes(),
    )
    relationships = (one("line_item", "line_items"),)

    def rows(self, request: HttpRequest) -> "QuerySet[Any]":
        """The options of the orders that the client may see."""
        orders = get_shop().orders_for(request)
        options = LineItemOption.objects.filter(line_item__order__in=orders)
        return options.select_related("line_item__order")


@register
class AddressSerializer(ShopSerializer):
    """An address of an order (contract 3.6)."""

    type = "addresses"
    attributes = (
        listed("business", Boolean()),
        listed("first_name", Blank()),
        listed("last_name", Blank()),
        listed("company", Blank()),
        Attribute(name="full_name", value=Blank(), get=lambda address: address.name),
        listed("line_1"),
        listed("line_2", Blank()),
        listed("city"),
        listed("zip_code", Blank()),
        listed("state_code", Blank()),
        listed("country_code"),
        listed("phone", Blank()),
        Attribute(name="name", value=Blank()),
        listed("email", Blank()),
        listed("notes", Blank()),
        *common_attributes(),
    )

    def rows(self, request: HttpRequest) -> "QuerySet[Any]":
        """The addresses of the orders that the client may see."""
        return Address.objects.filter(order__in=get_shop().orders_for(request))


@register
class CustomerSerializer(ShopSerializer):
    """A customer (contract 3.7)."""

    type = "customers"
    attributes = (listed("email"), *common_attributes())
    # Not includable: all orders of 25 customers are no document.
    relationships = (replace(many("orders", by="customer_id"), includable=False),)

    def rows(self, request: HttpRequest) -> "QuerySet[Any]":
        """The customers of the orders that the client may see."""
        orders = get_shop().orders_for(request)
        return Customer.objects.filter(pk__in=orders.values("customer_id"))


@register
class MarketSerializer(ShopSerializer):
    """A market (contract 3.8)."""

    type = "markets"
    attributes = (listed("name"), listed("code"), *common_attributes())

    def rows(self, request: HttpRequest) -> "QuerySet[Any]":
        """All markets: they are no secret."""
        return Market.objects.all()


@register
class SkuSerializer(ShopSerializer):
    """A SKU."""

    type = "skus"
    attributes = (
        listed("code"),
        listed("name"),
        Attribute(name="image_url", value=Blank()),
        listed("do_not_ship", Boolean()),
        listed("do_not_track", Boolean()),
        *common_attributes(),
    )

    def rows(self, request: HttpRequest) -> "QuerySet[Any]":
        """All SKUs: they are no secret."""
        return Sku.objects.all()


@register
class PaymentMethodSerializer(ShopSerializer):
    """A way to pay."""

    type = "payment_methods"
    attributes = (listed("name"), listed("payment_source_type"), *common_attributes())

    def rows(self, request: HttpRequest) -> "QuerySet[Any]":
        """All ways to pay: they are no secret."""
        return PaymentMethod.objects.all()
