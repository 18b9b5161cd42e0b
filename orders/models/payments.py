from django.db import models
from django.db.models import Case, F, When
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from orders.lifecycle.gateways import MAX_TOKEN


class Authorization(models.Model):
    """An authorization of a payment for an order, or an attempt to get one.

    A placed order has one live authorization. Voided and declined ones are kept: their number is
    part of the next idempotency key, so the gateway treats the next attempt as a new one. A row
    with the status ``asked`` is written before the gateway is called and deleted once the outcome
    is known.
    """

    class Status(models.TextChoices):
        #: The gateway is being called, or the outcome of the call is unknown.
        ASKED = "asked", _("asked")
        #: Live: the gateway authorized the amount and the order is placed.
        AUTHORIZED = "authorized", _("authorized")
        #: Not needed any more; ``voided_at`` says when the gateway voided it.
        VOIDED = "voided", _("voided")
        #: The gateway declined the payment.
        DECLINED = "declined", _("declined")

    order = models.ForeignKey(
        "orders.Order", models.PROTECT, related_name="authorizations", verbose_name=_("order")
    )
    #: The token of the gateway; for ``asked`` and ``declined``, the idempotency key of the call.
    token = models.CharField(_("token"), max_length=MAX_TOKEN, unique=True)
    amount_cents = models.PositiveBigIntegerField(_("amount in cents"))
    status = models.CharField(
        _("status"), max_length=16, choices=Status.choices, default=Status.AUTHORIZED
    )
    created_at = models.DateTimeField(_("created at"), default=timezone.now)
    #: When the gateway voided it. A voided authorization without this time still has to be voided.
    voided_at = models.DateTimeField(_("voided at"), null=True, blank=True)
    #: The other arguments of the call, to repeat it.
    details = models.JSONField(_("details"), null=True, blank=True)
    #: The number of failed calls to the gateway since the authorization was due.
    failures = models.PositiveIntegerField(_("failures"), default=0)
    #: When the gateway is called next, to void the authorization or to learn its outcome.
    due_at = models.DateTimeField(_("due at"), default=timezone.now)
    #: The key of the order while the authorization is live, else NULL. MariaDB has no partial
    #: unique constraint, but a unique column may hold any number of NULLs.
    live_order = models.GeneratedField(
        expression=Case(When(status=Status.AUTHORIZED, then=F("order"))),
        output_field=models.BigIntegerField(null=True),
        db_persist=True,
    )

    class Meta:
        verbose_name = _("authorization")
        verbose_name_plural = _("authorizations")
        ordering = ["pk"]
        indexes = [models.Index(fields=["status", "voided_at"], name="authorization_to_be_voided")]
        constraints = [
            models.UniqueConstraint(fields=["live_order"], name="authorization_one_live_an_order")
        ]

    def __str__(self) -> str:
        return self.token
