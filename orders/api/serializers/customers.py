"""Customers, their wallets, and payment methods (contract 3.7)."""

from dataclasses import replace
from typing import Any

from django.db.models import Case, Count, OuterRef, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce
from django.http import HttpRequest

from order_copies.api.serializers.common import changes, common_attributes
from order_copies.jsonapi.resources import Attribute, Relationship, register
from order_copies.jsonapi.scopes import is_sales_channel
from order_copies.jsonapi.values import Integer, String
from order_copies.shops import get_shop
from orders.api.serializers.common import ShopSerializer, listed, many, one
from orders.models import Customer, CustomerPaymentSource, Order, PaymentMethod


@register
class CustomerSerializer(ShopSerializer):
    """A customer (contract 3.7)."""

    type = "customers"
    attributes = (
        listed("email"),
        listed("status"),
        listed("total_orders_count", Integer()),
        *common_attributes(),
    )
    # Orders are not includable: all orders of 25 customers would make a document too large.
    relationships = (
        many("customer_payment_sources", by="customer_id"),
        replace(many("orders", by="customer_id"), includable=False),
        changes("customers"),
    )

    def rows(self, request: HttpRequest) -> "QuerySet[Any]":
        """Return the customers of the orders that the client may see."""
        orders = get_shop().orders_for(request)
        return _with_status(Customer.objects.filter(pk__in=orders.values("customer_id")))


def _with_status(customers: "QuerySet[Customer]") -> "QuerySet[Any]":
    """Annotate customers with the number of placed orders and the status of the contract."""
    placed = Order.objects.filter(customer=OuterRef("pk"), placed_at__isnull=False).order_by()
    counted = placed.values("customer").annotate(count=Count("pk")).values("count")
    counts = Coalesce(Subquery(counted), 0)
    status = Case(
        When(total_orders_count=0, then=Value("prospect")),
        When(total_orders_count=1, then=Value("acquired")),
        default=Value("repeat"),
    )
    return customers.annotate(total_orders_count=counts).annotate(status=status)


@register
class CustomerPaymentSourceSerializer(ShopSerializer):
    """A saved payment source: an entry of a customer's wallet (contract 3.7)."""

    type = "customer_payment_sources"
    attributes = (
        Attribute(
            name="name",
            value=String(),
            get=lambda entry: entry.payment_source.name,
            column="payment_source__name",
            filterable=True,
            sortable=True,
        ),
        Attribute(
            name="payment_source_token",
            value=String(),
            get=lambda entry: entry.payment_source.token,
        ),
        *common_attributes(),
    )
    relationships = (
        one("customer", "customers"),
        Relationship(
            name="payment_method",
            type="payment_methods",
            column="payment_source.payment_method_id",
            filterable=True,
        ),
        changes("customer_payment_sources"),
    )

    def rows(self, request: HttpRequest) -> "QuerySet[Any]":
        """Return the wallets of the customers of the orders that the client may see.

        Sales channels get none: the entries contain tokens of payment sources.
        """
        if is_sales_channel(request):
            return CustomerPaymentSource.objects.none()
        orders = get_shop().orders_for(request)
        wallets = CustomerPaymentSource.objects.filter(customer__in=orders.values("customer_id"))
        return wallets.select_related("payment_source")


@register
class PaymentMethodSerializer(ShopSerializer):
    """A payment method."""

    type = "payment_methods"
    attributes = (
        listed("name"),
        listed("payment_source_type"),
        listed("price_amount_cents", Integer()),
        *common_attributes(),
    )
    relationships = (changes("payment_methods"),)

    def rows(self, request: HttpRequest) -> "QuerySet[Any]":
        """Return all payment methods: they are public."""
        return PaymentMethod.objects.all()
