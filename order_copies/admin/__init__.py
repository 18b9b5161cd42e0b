"""Order copies in Django's admin.

:class:`CopyOrdersMixin` goes into a shop's own order admin.
"""

from order_copies.admin.copy_orders import CopyOrdersMixin
from order_copies.admin.events import EventAdmin
from order_copies.admin.order_copies import OrderCopyAdmin

__all__ = ["CopyOrdersMixin", "EventAdmin", "OrderCopyAdmin"]
