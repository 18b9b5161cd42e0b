from datetime import datetime

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from order_copies.models.order_factories import OrderFactory


class OpenPaymentQuerySet(models.QuerySet["OpenPayment"]):
    """Open payments by what must happen to them."""

    def orphaned(self, now: datetime) -> "OpenPaymentQuerySet":
        """Payments that no order will be placed with.

        Their copy has ended, was retried or deleted; or their time is up, if no copy is involved.
        """
        ongoing = OrderFactory.objects.ongoing()
        running = ongoing.filter(pk=OuterRef("order_factory"), retries=OuterRef("retries"))
        is_over = Q(due_at__lte=now) | Q(failures__gt=0)
        return self.filter(~Exists(running), Q(order_factory__isnull=False) | is_over)


class OpenPayment(models.Model):
    """A payment that a gateway may have authorized and that no order is placed with yet.

    The row is inserted before the gateway is called. It is deleted in the transaction that places
    an order with the payment, or once the payment is voided. So no crash leaves an authorization
    that the shop does not know.
    """

    #: The idempotency key of the payment.
    key = models.CharField(_("key"), max_length=100, unique=True)
    #: The copy that it is for, if there is one. Not enforced: the payment outlives the copy.
    order_factory = models.ForeignKey(
        OrderFactory,
        models.DO_NOTHING,
        null=True,
        db_constraint=False,
        related_name="open_payments",
        verbose_name=_("order factory"),
    )
    #: The value of ``retries`` of that copy: which of its runs the payment is for.
    retries = models.PositiveIntegerField(_("retries"), default=0)
    #: Type and public id of the resource that it is for, if there is no copy: ``orders/…``.
    subject = models.CharField(_("subject"), max_length=64, blank=True)
    #: The shop's arguments for the gateway, sufficient to repeat the call.
    details = models.JSONField(_("details"), default=dict, encoder=DjangoJSONEncoder)
    created_at = models.DateTimeField(_("created at"), default=timezone.now)
    #: How many times a worker began to void it.
    failures = models.PositiveIntegerField(_("failures"), default=0)
    #: When it can be voided, or voided again.
    due_at = models.DateTimeField(_("due at"), default=timezone.now)

    objects = OpenPaymentQuerySet.as_manager()

    class Meta:
        verbose_name = _("open payment")
        verbose_name_plural = _("open payments")
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.key
