"""The models of the reference shop: just enough for every toggle of a copy to have an effect."""

from orders.models.addresses import Address, AddressRole
from orders.models.customers import Customer, CustomerPaymentSource, PaymentMethod, PaymentSource
from orders.models.line_items import LineItem, LineItemOption
from orders.models.markets import Market
from orders.models.orders import Order
from orders.models.payments import Authorization
from orders.models.promotions import Coupon, CouponUse, Promotion
from orders.models.skus import Price, Sku, StockItem, StockReservation

__all__ = [
    "Address",
    "AddressRole",
    "Authorization",
    "Coupon",
    "CouponUse",
    "Customer",
    "CustomerPaymentSource",
    "LineItem",
    "LineItemOption",
    "Market",
    "Order",
    "PaymentMethod",
    "PaymentSource",
    "Price",
    "Promotion",
    "Sku",
    "StockItem",
    "StockReservation",
]
