"""The shop's resources, with the fields of the contract that it has data for (3.3 to 3.8)."""

from orders.api.serializers.catalogue import (
    CouponSerializer,
    MarketSerializer,
    PromotionSerializer,
    SkuSerializer,
)
from orders.api.serializers.customers import (
    CustomerPaymentSourceSerializer,
    CustomerSerializer,
    PaymentMethodSerializer,
)
from orders.api.serializers.orders import (
    AddressSerializer,
    LineItemOptionSerializer,
    LineItemSerializer,
    OrderSerializer,
)
from orders.api.serializers.subscriptions import (
    OrderSubscriptionItemSerializer,
    OrderSubscriptionSerializer,
    SubscriptionModelSerializer,
)

__all__ = [
    "AddressSerializer",
    "CouponSerializer",
    "CustomerPaymentSourceSerializer",
    "CustomerSerializer",
    "LineItemOptionSerializer",
    "LineItemSerializer",
    "MarketSerializer",
    "OrderSerializer",
    "OrderSubscriptionItemSerializer",
    "OrderSubscriptionSerializer",
    "PaymentMethodSerializer",
    "PromotionSerializer",
    "SkuSerializer",
    "SubscriptionModelSerializer",
]
