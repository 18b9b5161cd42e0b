from django.db import models
from django.db.models import Case, F, When
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

#: The longest token that an authorization can have.
MAX_TOKEN = 255


class Authorization(models.Model):
    """Money that a payment source promised to an order.

    An order has one live authorization while it is placed.
    """

    class Status(models.TextChoices):
        # Live: the order is placed with it.
        AUTHORIZED = "authorized", _("authorized")
        # The order was cancelled, or was not placed.
        VOIDED = "voided", _("voided")

    order = models.ForeignKey(
        "orders.Order", models.PROTECT, related_name="authorizations", verbose_name=_("order")
    )
    #: The gateway's name for it.
    token = models.CharField(_("token"), max_length=MAX_TOKEN, unique=True)
    amount_cents = models.PositiveBigIntegerField(_("amount in cents"))
    status = models.CharField(
        _("status"), max_length=16, choices=Status.choices, default=Status.AUTHORIZED
    )
    created_at = models.DateTimeField(_("created at"), default=timezone.now)
    #: When the gateway voided it. Null in a voided authorization: that is still due.
    voided_at = models.DateTimeField(_("voided at"), null=True, blank=True)
    #: The number of failed calls to void it, and when the gateway is called next.
    failures = models.PositiveIntegerField(_("failures"), default=0)
    due_at = models.DateTimeField(_("due at"), default=timezone.now)
    #: The key of the order while the authorization is live. MariaDB has no unique constraint with a
    #: condition, but several rows can have NULL in a unique column.
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
