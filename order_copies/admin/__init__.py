"""Order copies, subscriptions and their events in Django's admin.

Add :class:`CopyOrdersMixin` to the admin class of your orders. If you have an ``AdminSite`` of your
own, call :func:`register` with it.
"""

from typing import Any

from django.contrib.admin.sites import AdminSite

from order_copies.admin.batches import CopyBatchAdmin
from order_copies.admin.copy_orders import CopyOrdersMixin
from order_copies.admin.events import EventAdmin
from order_copies.admin.lineage import LineageMixin
from order_copies.admin.order_copies import OrderCopyAdmin
from order_copies.admin.profiles import CopyProfileAdmin
from order_copies.admin.subscriptions.order_subscriptions import OrderSubscriptionAdmin
from order_copies.admin.subscriptions.subscription_models import SubscriptionModelAdmin
from order_copies.events.models import Event
from order_copies.models import (
    CopyBatch,
    CopyProfile,
    OrderCopy,
    OrderSubscription,
    SubscriptionModel,
)

__all__ = [
    "CopyBatchAdmin",
    "CopyOrdersMixin",
    "CopyProfileAdmin",
    "EventAdmin",
    "LineageMixin",
    "OrderCopyAdmin",
    "OrderSubscriptionAdmin",
    "SubscriptionModelAdmin",
    "register",
]

_admins: dict[Any, Any] = {
    OrderCopy: OrderCopyAdmin,
    CopyBatch: CopyBatchAdmin,
    CopyProfile: CopyProfileAdmin,
    OrderSubscription: OrderSubscriptionAdmin,
    SubscriptionModel: SubscriptionModelAdmin,
    Event: EventAdmin,
}


def register(site: AdminSite) -> None:
    """Register copies, subscriptions and events with ``site``, unless it has an admin class for it.

    Importing this module registers all of them with Django's default site.
    """
    for model, model_admin in _admins.items():
        if not site.is_registered(model):
            site.register(model, model_admin)
