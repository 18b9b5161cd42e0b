from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Authorization(models.Model):
    """Money that a payment source promised to a placed order."""

    class Status(models.TextChoices):
        AUTHORIZED = "authorized", _("authorized")
        VOIDED = "voided", _("voided")

    order = models.ForeignKey(
        "orders.Order", models.PROTECT, related_name="authorizations", verbose_name=_("order")
    )
    token = models.CharField(_("token"), max_length=100, unique=True)
    amount_cents = models.PositiveIntegerField(_("amount in cents"))
    status = models.CharField(
        _("status"), max_length=16, choices=Status.choices, default=Status.AUTHORIZED
    )
    created_at = models.DateTimeField(_("created at"), default=timezone.now)
    voided_at = models.DateTimeField(_("voided at"), null=True, blank=True)

    class Meta:
        verbose_name = _("authorization")
        verbose_name_plural = _("authorizations")
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["order"],
                condition=models.Q(status="authorized"),
                name="authorization_one_live_an_order",
            )
        ]

    def __str__(self) -> str:
        return self.token
