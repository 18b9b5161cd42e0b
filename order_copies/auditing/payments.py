"""Audit that no payment stays authorized for a copy that ended without using it."""

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Exists, OuterRef
from django.utils.translation import gettext as _

from order_copies import public_ids
from order_copies.models import Kind, OpenPayment, OrderFactory
from order_copies.shops import Finding


def open_payments(before: datetime) -> Iterator[Finding]:
    """Yield payments that have waited to be voided since before ``before``."""
    lately = OrderFactory.objects.filter(pk=OuterRef("order_factory"), updated_at__gte=before)
    forgotten = OpenPayment.objects.orphaned().filter(~Exists(lately), created_at__lt=before)
    message = _("ended, and its payment %(key)s was not voided: see the log of the worker")
    for order_copy, key in forgotten.values_list("order_factory", "key").iterator():
        public_id = public_ids.encode("order_factories", order_copy)
        yield Finding("payment_open", Kind.ORDER_COPIES.value, public_id, message % {"key": key})
