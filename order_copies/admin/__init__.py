"""Order copies and their events in Django's admin.

Add :class:`CopyOrdersMixin` to the admin class of your orders. If you have an ``AdminSite`` of your
own, call :func:`register` with it.
"""

from django.contrib.admin.sites import AdminSite

from order_copies.admin.batches import CopyBatchAdmin
from order_copies.admin.copy_orders import CopyOrdersMixin
from order_copies.admin.events import EventAdmin
from order_copies.admin.order_copies import OrderCopyAdmin
from order_copies.events.models import Event
from order_copies.models import CopyBatch, OrderCopy

__all__ = ["CopyBatchAdmin", "CopyOrdersMixin", "EventAdmin", "OrderCopyAdmin", "register"]


def register(site: AdminSite) -> None:
    """Register copies, batches and events with ``site``, unless it has admin classes for them.

    Importing this module registers all with Django's default site.
    """
    if not site.is_registered(OrderCopy):
        site.register(OrderCopy, OrderCopyAdmin)
    if not site.is_registered(CopyBatch):
        site.register(CopyBatch, CopyBatchAdmin)
    if not site.is_registered(Event):
        site.register(Event, EventAdmin)
