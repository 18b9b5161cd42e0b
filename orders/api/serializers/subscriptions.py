"""Subscriptions, their items and models, with relationships to rows of the shop.

Contract 2.3 to 2.5.
"""

from order_copies.api import serializers as generic
from order_copies.jsonapi.relations import ResourceRelatedField
from orders.api.serializers.common import FloatAmountField, ShopSerializer, amounts
from orders.models import CustomerPaymentSource, Market, Sku


class OrderSubscriptionSerializer(generic.OrderSubscriptionSerializer):
    """A subscription: an order that is copied at regular times (contract 2.3)."""

    market = ResourceRelatedField(
        column="source_order.market_id",
        lookup="pk",
        queryset=Market.objects.all(),
        required=False,
    )
    customer = ResourceRelatedField(column="source_order.customer_id", lookup="pk")
    customer_payment_source = ResourceRelatedField(
        column="customer_payment_source_key",
        lookup="pk",
        key=int,
        queryset=CustomerPaymentSource.objects.all(),
        required=False,
    )

    included_serializers = {
        **generic.OrderSubscriptionSerializer.included_serializers,
        "subscription_model": "orders.api.serializers.SubscriptionModelSerializer",
        "market": "orders.api.serializers.MarketSerializer",
        "customer": "orders.api.serializers.CustomerSerializer",
        "customer_payment_source": "orders.api.serializers.CustomerPaymentSourceSerializer",
    }

    class Meta(generic.OrderSubscriptionSerializer.Meta):
        _ours = generic.OrderSubscriptionSerializer.Meta
        related = [
            "market",
            "subscription_model",
            "source_order",
            "customer",
            "customer_payment_source",
            *_ours.related[2:],
        ]
        fields = ["id", *_ours.attributes, *related, "event_stores", *_ours.triggers]
        creatable = [*_ours.creatable, "market"]
        updatable = [*_ours.updatable, "customer_payment_source"]
        filterable = [*_ours.filterable, "market", "customer", "customer_payment_source"]


class OrderSubscriptionItemSerializer(generic.OrderSubscriptionItemSerializer, ShopSerializer):
    """What each copy of an automatic subscription contains (contract 2.4)."""

    unit_amount_float = FloatAmountField()
    total_amount_float = FloatAmountField()
    # In the contract an item has one of several types; this shop has only SKUs.
    item = ResourceRelatedField(
        column="sku_code", lookup="code", queryset=Sku.objects.all(), required=False
    )
    sku = ResourceRelatedField(
        column="sku_code", lookup="code", queryset=Sku.objects.all(), required=False
    )
    source_line_item = ResourceRelatedField(
        column="source_line_item_key", lookup="pk", key=int, resource_name="line_items"
    )

    included_serializers = {
        **generic.OrderSubscriptionItemSerializer.included_serializers,
        "item": "orders.api.serializers.SkuSerializer",
        "sku": "orders.api.serializers.SkuSerializer",
        "source_line_item": "orders.api.serializers.LineItemSerializer",
    }

    class Meta(generic.OrderSubscriptionItemSerializer.Meta):
        _ours = generic.OrderSubscriptionItemSerializer.Meta
        amounts = amounts("unit_amount", "total_amount")
        related = ["order_subscription", "item", "sku", "source_line_item"]
        fields = [
            "id",
            "sku_code",
            "bundle_code",
            "quantity",
            *amounts,
            *_ours.common,
            *related,
            "event_stores",
        ]
        creatable = [*_ours.creatable, "item", "sku"]
        # Filters reach it as the code of the SKU in any case.
        filterable = [*_ours.filterable, "sku_code", "item", "sku", "source_line_item"]


class SubscriptionModelSerializer(generic.SubscriptionModelSerializer):
    """The rules by which the lines of orders become subscriptions (contract 2.5)."""

    included_serializers = {
        **generic.SubscriptionModelSerializer.included_serializers,
        "markets": "orders.api.serializers.MarketSerializer",
    }

    class Meta(generic.SubscriptionModelSerializer.Meta):
        _ours = generic.SubscriptionModelSerializer.Meta
        fields = ["id", *_ours.attributes, "markets", "order_subscriptions", "event_stores"]
        filterable = [*_ours.filterable, "markets"]
