"""Markets, SKUs, promotions and coupons (contract 3.8)."""

from typing import Any

from django.db.models import Count, QuerySet
from django.http import HttpRequest

from order_copies.api.serializers.common import changes, common_attributes
from order_copies.jsonapi.resources import Attribute, register
from order_copies.jsonapi.scopes import is_sales_channel
from order_copies.jsonapi.values import Blank, Boolean, Instant, Integer, String
from orders.api.serializers.common import ShopSerializer, listed, many, one
from orders.models import Coupon, Market, Promotion, Sku


@register
class MarketSerializer(ShopSerializer):
    """A market."""

    type = "markets"
    attributes = (
        listed("name"),
        listed("code"),
        Attribute(
            name="shipping_cost_cutoff",
            value=Integer(),
            get=lambda market: market.shipping_cost_cutoff_cents,
        ),
        *common_attributes(),
    )
    relationships = (changes("markets"),)

    def rows(self, request: HttpRequest) -> "QuerySet[Any]":
        """Return all markets: they are public."""
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
    relationships = (changes("skus"),)

    def rows(self, request: HttpRequest) -> "QuerySet[Any]":
        """Return all SKUs: they are public."""
        return Sku.objects.all()


@register
class PromotionSerializer(ShopSerializer):
    """A promotion; its attribute ``type`` is the kind. Read-only (contract 3.8)."""

    type = "promotions"
    attributes = (
        listed("type"),
        listed("name"),
        listed("currency_code", Blank()),
        listed("exclusive", Boolean()),
        listed("priority", Integer()),
        listed("starts_at", Instant()),
        listed("expires_at", Instant()),
        listed("active", Boolean()),
        Attribute(name="status", value=String()),
        listed("coupons_count", Integer()),
        *common_attributes(read_only=True),
    )
    relationships = (
        one("market", "markets"),
        many("coupons", by="promotion_id"),
        changes("promotions"),
    )

    def rows(self, request: HttpRequest) -> "QuerySet[Any]":
        """Return all promotions with the number of their coupons: they are public."""
        return Promotion.objects.annotate(coupons_count=Count("coupons"))


@register
class CouponSerializer(ShopSerializer):
    """A coupon. Its code is worth money, so clients need the permission to view coupons."""

    type = "coupons"
    attributes = (
        listed("code"),
        listed("customer_single_use", Boolean()),
        listed("usage_limit", Integer()),
        listed("usage_count", Integer()),
        listed("expires_at", Instant()),
        *common_attributes(),
    )
    relationships = (one("promotion", "promotions"), changes("coupons"))

    def rows(self, request: HttpRequest) -> "QuerySet[Any]":
        """Return all coupons to clients with the permission to view them; none to others."""
        may_view = request.user.has_perm("orders.view_coupon") and not is_sales_channel(request)
        return Coupon.objects.all() if may_view else Coupon.objects.none()
