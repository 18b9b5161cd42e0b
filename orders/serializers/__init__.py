"""The resources of the shop, as far as it has data for the contract's (3.3 to 3.8)."""

from orders.serializers.catalogue import (
    CouponSerializer,
    MarketSerializer,
    PromotionSerializer,
    SkuSerializer,
)
from orders.serializers.customers import (
    CustomerPaymentSourceSerializer,
    CustomerSerializer,
    PaymentMethodSerializer,
)
from orders.serializers.orders import (
    AddressSerializer,
    LineItemOptionSerializer,
    LineItemSerializer,
    OrderSerializer,
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
    "PaymentMethodSerializer",
    "PromotionSerializer",
    "SkuSerializer",
]
