"""The admin of all other models: customers, payments, products, promotions."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from order_copies.templatetags.order_copies_admin import money
from orders.admin.resources import ResourceAdmin, TabularInline
from orders.models import (
    Coupon,
    Customer,
    CustomerPaymentSource,
    Market,
    PaymentMethod,
    PaymentSource,
    Price,
    Promotion,
    Sku,
    StockItem,
)


class WalletInline(TabularInline):
    """The wallet of a customer."""

    model = CustomerPaymentSource
    extra = 0
    fields = ["payment_source"]
    autocomplete_fields = ["payment_source"]


class PriceInline(TabularInline):
    """The prices of a SKU."""

    model = Price
    extra = 0
    fields = ["currency_code", "amount_cents"]


class StockItemInline(TabularInline):
    """The stock of a SKU. The reserved pieces are read-only: orders reserve and release them."""

    model = StockItem
    extra = 0
    can_delete = False
    fields = ["quantity", "reserved"]
    readonly_fields = ["reserved"]


class CouponInline(TabularInline):
    """The coupons of a promotion."""

    model = Coupon
    extra = 0
    fields = ["code", "expires_at", "usage_limit", "usage_count", "customer_single_use"]
    readonly_fields = ["usage_count"]


@admin.register(Market)
class MarketAdmin(ResourceAdmin):
    """The admin of markets."""

    list_display = ["name", "code", "currency_code", "tax_rate", "tax_included"]
    search_fields = ["name", "code"]
    own_fields = [
        "name",
        "code",
        "currency_code",
        "tax_included",
        "tax_rate",
        "shipping_amount_cents",
        "shipping_cost_cutoff_cents",
        "subscription_model",
    ]


@admin.register(Customer)
class CustomerAdmin(ResourceAdmin):
    """The admin of customers and their wallets."""

    list_display = ["email", "user", "created_at"]
    list_select_related = ["user"]
    search_fields = ["email"]
    autocomplete_fields = ["user"]
    inlines = [WalletInline]
    own_fields = ["email", "user"]


@admin.register(PaymentMethod)
class PaymentMethodAdmin(ResourceAdmin):
    """The admin of payment methods."""

    list_display = ["name", "payment_source_type", "price_amount_cents"]
    search_fields = ["name"]
    own_fields = ["name", "payment_source_type", "price_amount_cents"]


@admin.register(PaymentSource)
class PaymentSourceAdmin(ResourceAdmin):
    """The admin of payment sources. Their tokens are not shown."""

    list_display = ["name", "payment_method", "expires_at"]
    list_filter = ["payment_method"]
    list_select_related = ["payment_method"]
    search_fields = ["name"]
    own_fields = ["payment_method", "name", "expires_at"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Deny it to every user: the payment gateway creates payment sources."""
        return False


@admin.register(Sku)
class SkuAdmin(ResourceAdmin):
    """The admin of SKUs with their prices and stock."""

    list_display = ["code", "name", "on_sale", "available", "costs"]
    list_filter = ["on_sale", "do_not_ship", "do_not_track"]
    list_select_related = ["stock_item"]
    search_fields = ["code", "name"]
    inlines = [PriceInline, StockItemInline]
    own_fields = ["code", "name", "image_url", "on_sale", "do_not_ship", "do_not_track"]

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Any]":
        """Return the SKUs with their prices."""
        return super().get_queryset(request).prefetch_related("prices")

    @admin.display(description=_("available"), empty_value="–")
    def available(self, sku: Sku) -> int | None:
        """The number of available pieces; empty if stock is not tracked."""
        stock_item = getattr(sku, "stock_item", None)
        return None if sku.do_not_track or stock_item is None else stock_item.available

    @admin.display(description=_("prices"))
    def costs(self, sku: Sku) -> str:
        """The price in each currency."""
        return ", ".join(
            money(price.amount_cents, price.currency_code) for price in sku.prices.all()
        )


@admin.register(Promotion)
class PromotionAdmin(ResourceAdmin):
    """The admin of promotions and their coupons."""

    list_display = ["name", "type", "market", "coupon_only", "active", "starts_at", "expires_at"]
    list_filter = ["type", "active", "coupon_only", "market"]
    list_select_related = ["market"]
    search_fields = ["name"]
    inlines = [CouponInline]
    own_fields = [
        "type",
        "name",
        "market",
        "currency_code",
        "percentage",
        "fixed_amount_cents",
        "priority",
        "exclusive",
        "coupon_only",
        "active",
        "starts_at",
        "expires_at",
    ]


@admin.register(Coupon)
class CouponAdmin(ResourceAdmin):
    """The admin of coupons."""

    list_display = ["code", "promotion", "expires_at", "usage_limit", "usage_count"]
    list_select_related = ["promotion"]
    search_fields = ["code"]
    autocomplete_fields = ["promotion"]
    readonly_fields = [*ResourceAdmin.readonly_fields, "usage_count"]
    own_fields = [
        "code",
        "promotion",
        "expires_at",
        "usage_limit",
        "usage_count",
        "customer_single_use",
    ]
