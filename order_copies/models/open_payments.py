from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import Exists, OuterRef
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from order_copies.models.order_factories import OrderFactory
from order_copies.models.statuses import ONGOING


class OpenPaymentQuerySet(models.QuerySet["OpenPayment"]):
    """Queries that the whole app shares."""

    def orphaned(self) -> "OpenPaymentQuerySet":
        """Those of runs that are over: their copy has ended, starts afresh, or was deleted."""
        running = OrderFactory.objects.filter(
            pk=OuterRef("order_factory"), retries=OuterRef("retries"), status__in=ONGOING
        )
        return self.filter(~Exists(running))


class OpenPayment(models.Model):
    """A payment that may have been asked for, until it is known what became of it.

    The row is there before anybody asks, and goes with the transaction that places an order with
    the payment, or after the payment was given back. So no crash makes a payment forgotten.
    """

    #: The idempotency key of the payment.
    key = models.CharField(_("key"), max_length=100, unique=True)
    #: Not enforced: the payment outlives the copy.
    order_factory = models.ForeignKey(
        OrderFactory,
        models.DO_NOTHING,
        db_constraint=False,
        related_name="open_payments",
        verbose_name=_("order factory"),
    )
    #: Which run of the copy it is for.
    retries = models.PositiveIntegerField(_("retries"))
    #: What the shop needs to ask for the payment again. Only the shop looks inside.
    details = models.JSONField(_("details"), default=dict, encoder=DjangoJSONEncoder)
    created_at = models.DateTimeField(_("created at"), default=timezone.now)
    #: How often it could not be given back, and when that is tried next.
    failures = models.PositiveIntegerField(_("failures"), default=0)
    due_at = models.DateTimeField(_("due at"), default=timezone.now)

    objects = OpenPaymentQuerySet.as_manager()

    class Meta:
        verbose_name = _("open payment")
        verbose_name_plural = _("open payments")
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.key
