"""Order copies and their events in Django's admin.

Add :class:`CopyOrdersMixin` to the admin class of your orders.
"""

from order_copies.admin.copy_orders import CopyOrdersMixin
from order_copies.admin.events import EventAdmin
from order_copies.admin.order_copies import OrderCopyAdmin

__all__ = ["CopyOrdersMixin", "EventAdmin", "OrderCopyAdmin"]
