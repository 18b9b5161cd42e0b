"""Audit payments that no order was placed with and that were not voided."""

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from order_copies import public_ids
from order_copies.models import Kind, OpenPayment, OrderFactory
from order_copies.shops import Finding


def open_payments(before: datetime) -> Iterator[Finding]:
    """Yield payments that were due to be voided before that instant, and were not."""
    lately = OrderFactory.objects.filter(pk=OuterRef("order_factory"), updated_at__gte=before)
    of_copies = Q(order_factory__isnull=False, created_at__lt=before)
    # Until then an attempt to place the order may still use it; a failed void is due again later.
    of_orders = Q(failures=0, due_at__lt=before) | Q(failures__gt=0, created_at__lt=before)
    orphaned = OpenPayment.objects.orphaned(timezone.now()).filter(~Exists(lately))
    forgotten = orphaned.filter(of_copies | Q(of_orders, order_factory=None))
    message = _("has the payment %(key)s, which was not voided: see the log of the worker")
    columns = ("order_factory", "subject", "key")
    for order_copy, subject, key in forgotten.values_list(*columns).iterator():
        resource_type, _slash, resource_id = subject.partition("/")
        if order_copy is not None:
            resource_type = Kind.ORDER_COPIES.value
            resource_id = public_ids.encode("order_factories", order_copy)
        yield Finding("payment_open", resource_type, resource_id, message % {"key": key})
