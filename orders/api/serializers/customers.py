"""Customers, their wallets, and payment methods (contract 3.7)."""

from order_copies.api.serializers import PublicIDField, event_stores_of
from order_copies.api.serializers.common import COMMON, COMMON_SORTABLE, SETTABLE
from order_copies.jsonapi.fields import IntegerField, StringField
from order_copies.jsonapi.relations import ResourceRelatedField
from orders.api.serializers.common import ShopSerializer
from orders.models import Customer, CustomerPaymentSource, PaymentMethod


class CustomerSerializer(ShopSerializer):
    """A customer (contract 3.7)."""

    id = PublicIDField("customers")
    status = StringField(read_only=True)
    total_orders_count = IntegerField(read_only=True)
    # Orders are not includable: all orders of 25 customers would make a document too large.
    orders = ResourceRelatedField(resource_name="orders", many=True)
    order_subscriptions = ResourceRelatedField(
        resource_name="order_subscriptions", many=True, lookup="source_order__customer_id"
    )
    event_stores = event_stores_of("customers")

    included_serializers = {
        "customer_payment_sources": "orders.api.serializers.CustomerPaymentSourceSerializer",
        "order_subscriptions": "orders.api.serializers.OrderSubscriptionSerializer",
    }

    class Meta:
        model = Customer
        resource_name = "customers"
        fields = [
            "id",
            "email",
            "status",
            "total_orders_count",
            *COMMON,
            "customer_payment_sources",
            "orders",
            "order_subscriptions",
            "event_stores",
        ]
        updatable = SETTABLE
        sortable = ["email", "status", "total_orders_count", *COMMON_SORTABLE]
        filterable = [
            *sortable,
            "metadata",
            "customer_payment_sources",
            "orders",
            "order_subscriptions",
        ]


class CustomerPaymentSourceSerializer(ShopSerializer):
    """A saved payment source: an entry of a customer's wallet (contract 3.7)."""

    id = PublicIDField("customer_payment_sources")
    name = StringField(source="payment_source.name", read_only=True)
    payment_source_token = StringField(source="payment_source.token", read_only=True)
    payment_method = ResourceRelatedField(source="payment_source.payment_method")
    event_stores = event_stores_of("customer_payment_sources")

    included_serializers = {
        "customer": "orders.api.serializers.CustomerSerializer",
        "payment_method": "orders.api.serializers.PaymentMethodSerializer",
    }

    class Meta:
        model = CustomerPaymentSource
        resource_name = "customer_payment_sources"
        fields = [
            "id",
            "name",
            "payment_source_token",
            *COMMON,
            "customer",
            "payment_method",
            "event_stores",
        ]
        updatable = SETTABLE
        sortable = ["name", *COMMON_SORTABLE]
        filterable = [*sortable, "metadata", "customer", "payment_method"]


class PaymentMethodSerializer(ShopSerializer):
    """A payment method."""

    id = PublicIDField("payment_methods")
    event_stores = event_stores_of("payment_methods")

    class Meta:
        model = PaymentMethod
        resource_name = "payment_methods"
        fields = [
            "id",
            "name",
            "payment_source_type",
            "price_amount_cents",
            *COMMON,
            "event_stores",
        ]
        updatable = SETTABLE
        sortable = ["name", "payment_source_type", "price_amount_cents", *COMMON_SORTABLE]
        filterable = [*sortable, "metadata"]
