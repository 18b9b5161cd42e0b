"""The endpoints of the shop's resources: all of them can be read, alone and in lists."""

from order_copies.jsonapi.views import ReadOnlyViewSet
from orders import serializers


class OrderViewSet(ReadOnlyViewSet):
    """``/orders``."""

    type = serializers.OrderSerializer.type


class LineItemViewSet(ReadOnlyViewSet):
    """``/line_items``."""

    type = serializers.LineItemSerializer.type


class LineItemOptionViewSet(ReadOnlyViewSet):
    """``/line_item_options``."""

    type = serializers.LineItemOptionSerializer.type


class AddressViewSet(ReadOnlyViewSet):
    """``/addresses``."""

    type = serializers.AddressSerializer.type


class CustomerViewSet(ReadOnlyViewSet):
    """``/customers``."""

    type = serializers.CustomerSerializer.type


class MarketViewSet(ReadOnlyViewSet):
    """``/markets``."""

    type = serializers.MarketSerializer.type


class SkuViewSet(ReadOnlyViewSet):
    """``/skus``."""

    type = serializers.SkuSerializer.type


class PaymentMethodViewSet(ReadOnlyViewSet):
    """``/payment_methods``."""

    type = serializers.PaymentMethodSerializer.type
