"""The admin of the reference shop."""

from orders.admin import shop
from orders.admin.orders import OrderAdmin

__all__ = ["OrderAdmin", "shop"]
