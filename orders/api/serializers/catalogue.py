"""Markets, SKUs, promotions and coupons (contract 3.8)."""

from order_copies.api.serializers import PublicIDField, event_stores_of
from order_copies.api.serializers.common import COMMON, COMMON_SORTABLE, SETTABLE
from order_copies.jsonapi.fields import IntegerField, StringField
from orders.api.serializers.common import ShopSerializer
from orders.models import Coupon, Market, Promotion, Sku


class MarketSerializer(ShopSerializer):
    """A market."""

    id = PublicIDField("markets")
    shipping_cost_cutoff = IntegerField(source="shipping_cost_cutoff_cents", read_only=True)
    event_stores = event_stores_of("markets")

    included_serializers = {
        "subscription_model": "orders.api.serializers.SubscriptionModelSerializer"
    }

    class Meta:
        model = Market
        resource_name = "markets"
        fields = [
            "id",
            "name",
            "code",
            "shipping_cost_cutoff",
            *COMMON,
            "subscription_model",
            "event_stores",
        ]
        updatable = SETTABLE
        sortable = ["name", "code", *COMMON_SORTABLE]
        filterable = [*sortable, "metadata", "subscription_model"]


class SkuSerializer(ShopSerializer):
    """A SKU."""

    id = PublicIDField("skus")
    event_stores = event_stores_of("skus")

    class Meta:
        model = Sku
        resource_name = "skus"
        fields = [
            "id",
            "code",
            "name",
            "image_url",
            "do_not_ship",
            "do_not_track",
            *COMMON,
            "event_stores",
        ]
        updatable = SETTABLE
        sortable = ["code", "name", "do_not_ship", "do_not_track", *COMMON_SORTABLE]
        filterable = [*sortable, "metadata"]


class PromotionSerializer(ShopSerializer):
    """A promotion; its attribute ``type`` is the kind. Read-only (contract 3.8)."""

    id = PublicIDField("promotions")
    status = StringField(read_only=True)
    coupons_count = IntegerField(read_only=True)
    event_stores = event_stores_of("promotions")

    included_serializers = {
        "market": "orders.api.serializers.MarketSerializer",
        "coupons": "orders.api.serializers.CouponSerializer",
    }

    class Meta:
        model = Promotion
        resource_name = "promotions"
        fields = [
            "id",
            "type",
            "name",
            "currency_code",
            "exclusive",
            "priority",
            "starts_at",
            "expires_at",
            "active",
            "status",
            "coupons_count",
            *COMMON,
            "market",
            "coupons",
            "event_stores",
        ]
        sortable = [
            "type",
            "name",
            "currency_code",
            "exclusive",
            "priority",
            "starts_at",
            "expires_at",
            "active",
            "coupons_count",
            *COMMON_SORTABLE,
        ]
        filterable = [*sortable, "metadata", "market", "coupons"]


class CouponSerializer(ShopSerializer):
    """A coupon. Its code is worth money, so clients need the permission to view coupons."""

    id = PublicIDField("coupons")
    event_stores = event_stores_of("coupons")

    included_serializers = {"promotion": "orders.api.serializers.PromotionSerializer"}

    class Meta:
        model = Coupon
        resource_name = "coupons"
        fields = [
            "id",
            "code",
            "customer_single_use",
            "usage_limit",
            "usage_count",
            "expires_at",
            *COMMON,
            "promotion",
            "event_stores",
        ]
        updatable = SETTABLE
        sortable = [
            "code",
            "customer_single_use",
            "usage_limit",
            "usage_count",
            "expires_at",
            *COMMON_SORTABLE,
        ]
        filterable = [*sortable, "metadata", "promotion"]
