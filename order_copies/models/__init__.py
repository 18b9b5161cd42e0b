"""The tables of the app: copies and their batches, subscriptions, and what workers need."""

from order_copies.models.batches import CopyBatch
from order_copies.models.drafts import (
    TICKED,
    BatchDraft,
    Result,
    SelectedOrder,
    SelectedOrderQuerySet,
)
from order_copies.models.heartbeats import Heartbeat
from order_copies.models.idempotent_requests import IdempotentRequest
from order_copies.models.leased import Leased, LeasedQuerySet, is_paused, is_running
from order_copies.models.open_payments import OpenPayment
from order_copies.models.order_copies import OrderCopy, RecurringOrderCopy
from order_copies.models.order_factories import OrderFactory, OrderFactoryQuerySet
from order_copies.models.statuses import FINAL, ONGOING, Kind, Status, SubscriptionStatus
from order_copies.models.subscriptions import (
    OrderSubscription,
    OrderSubscriptionItem,
    OrderSubscriptionQuerySet,
    SubscriptionModel,
    items_by_subscription,
)
from order_copies.models.toggles import OPTIONS, CopyProfile

__all__ = [
    "FINAL",
    "ONGOING",
    "OPTIONS",
    "TICKED",
    "BatchDraft",
    "CopyBatch",
    "CopyProfile",
    "Heartbeat",
    "IdempotentRequest",
    "Kind",
    "Leased",
    "LeasedQuerySet",
    "OpenPayment",
    "OrderCopy",
    "OrderFactory",
    "OrderFactoryQuerySet",
    "OrderSubscription",
    "OrderSubscriptionItem",
    "OrderSubscriptionQuerySet",
    "RecurringOrderCopy",
    "Result",
    "SelectedOrder",
    "SelectedOrderQuerySet",
    "Status",
    "SubscriptionModel",
    "SubscriptionStatus",
    "is_paused",
    "is_running",
    "items_by_subscription",
]
