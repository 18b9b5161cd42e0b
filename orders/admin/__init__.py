"""The reference shop in the admin."""

from orders.admin import shop
from orders.admin.orders import OrderAdmin

__all__ = ["OrderAdmin", "shop"]
