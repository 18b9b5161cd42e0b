from django.db import models
from django.db.models import Case, F, When
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from orders.lifecycle.gateways import MAX_TOKEN


class Authorization(models.Model):
    """Money that a payment source promised to an order, or was asked for in vain.

    An order has one live authorization while it is placed. Those of tries that came to nothing
    stay: they tell the next try apart, so that the gateway takes it for a new one. What is about to
    be asked for is there before anybody asks, and goes when it is known what came of it.
    """

    class Status(models.TextChoices):
        ASKED = "asked", _("asked")
        AUTHORIZED = "authorized", _("authorized")
        VOIDED = "voided", _("voided")
        DECLINED = "declined", _("declined")

    order = models.ForeignKey(
        "orders.Order", models.PROTECT, related_name="authorizations", verbose_name=_("order")
    )
    #: What the gateway calls it; of one asked or declined, what the gateway was asked with.
    token = models.CharField(_("token"), max_length=MAX_TOKEN, unique=True)
    amount_cents = models.PositiveBigIntegerField(_("amount in cents"))
    status = models.CharField(
        _("status"), max_length=16, choices=Status.choices, default=Status.AUTHORIZED
    )
    created_at = models.DateTimeField(_("created at"), default=timezone.now)
    #: When the gateway heard of it: a voided authorization without it is one to be voided yet.
    voided_at = models.DateTimeField(_("voided at"), null=True, blank=True)
    #: What else is needed to ask again.
    details = models.JSONField(_("details"), null=True, blank=True)
    #: How often the gateway did not listen, and when it is told or asked next.
    failures = models.PositiveIntegerField(_("failures"), default=0)
    due_at = models.DateTimeField(_("due at"), default=timezone.now)
    #: The key of the order while the authorization is live. MariaDB has no unique constraint with a
    #: condition, but several rows can have nothing in a unique column.
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
