from datetime import datetime

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from orders.models.resources import Resource


class Customer(Resource):
    """Somebody who buys. With a ``user``, somebody who can sign in to the API."""

    resource_type = "customers"

    email = models.EmailField(_("email"), unique=True)
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="customer",
        verbose_name=_("user"),
    )

    class Meta(Resource.Meta):
        verbose_name = _("customer")
        verbose_name_plural = _("customers")

    def __str__(self) -> str:
        return self.email


class PaymentMethod(Resource):
    """A way to pay, with its fee."""

    resource_type = "payment_methods"

    name = models.CharField(_("name"), max_length=100)
    payment_source_type = models.CharField(_("payment source type"), max_length=50)
    price_amount_cents = models.PositiveBigIntegerField(_("fee in cents"), default=0)

    class Meta(Resource.Meta):
        verbose_name = _("payment method")
        verbose_name_plural = _("payment methods")

    def __str__(self) -> str:
        return self.name


class PaymentSourceQuerySet(models.QuerySet["PaymentSource"]):
    """Payment sources, and questions that are asked of many at once."""

    def valid(self, now: datetime) -> "PaymentSourceQuerySet":
        """Those that can still pay."""
        return self.filter(models.Q(expires_at=None) | models.Q(expires_at__gt=now))


class PaymentSource(Resource):
    """What somebody pays with: a card, an account. Reusable only from a customer's wallet."""

    resource_type = "payment_sources"

    payment_method = models.ForeignKey(
        PaymentMethod,
        models.PROTECT,
        related_name="payment_sources",
        verbose_name=_("payment method"),
    )
    name = models.CharField(_("name"), max_length=100)
    token = models.CharField(_("token"), max_length=100)
    expires_at = models.DateTimeField(_("expires at"), null=True, blank=True)

    objects = PaymentSourceQuerySet.as_manager()

    class Meta(Resource.Meta):
        verbose_name = _("payment source")
        verbose_name_plural = _("payment sources")

    def __str__(self) -> str:
        return self.name

    def is_valid(self, now: datetime) -> bool:
        """Whether it can still pay."""
        return self.expires_at is None or self.expires_at > now


class CustomerPaymentSource(Resource):
    """A payment source in a customer's wallet."""

    resource_type = "customer_payment_sources"

    customer = models.ForeignKey(
        Customer,
        models.CASCADE,
        related_name="customer_payment_sources",
        verbose_name=_("customer"),
    )
    payment_source = models.ForeignKey(
        PaymentSource,
        models.CASCADE,
        related_name="customer_payment_sources",
        verbose_name=_("payment source"),
    )

    class Meta(Resource.Meta):
        verbose_name = _("customer payment source")
        verbose_name_plural = _("customer payment sources")
        constraints = [
            models.UniqueConstraint(
                fields=["customer", "payment_source"], name="customer_payment_source_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.customer}: {self.payment_source}"
