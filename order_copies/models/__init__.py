"""What the app keeps: copies, requests that are answered once, and payments on their way."""

from order_copies.models.heartbeats import Heartbeat
from order_copies.models.idempotent_requests import IdempotentRequest
from order_copies.models.open_payments import OpenPayment
from order_copies.models.order_copies import OrderCopy, RecurringOrderCopy
from order_copies.models.order_factories import OrderFactory
from order_copies.models.querysets import (
    OrderFactoryQuerySet,
    blank_record,
    is_paused,
    is_running,
)
from order_copies.models.statuses import ABORTABLE, FINAL, RETRYABLE, Kind, Status

__all__ = [
    "ABORTABLE",
    "FINAL",
    "RETRYABLE",
    "Heartbeat",
    "IdempotentRequest",
    "Kind",
    "OpenPayment",
    "OrderCopy",
    "OrderFactory",
    "OrderFactoryQuerySet",
    "RecurringOrderCopy",
    "Status",
    "blank_record",
    "is_paused",
    "is_running",
]
