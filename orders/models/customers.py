from datetime import datetime

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from orders.models.resources import Resource


class Customer(Resource):
    """A customer. One with a ``user`` can sign in to the API."""

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
    """A way to pay, such as by card, and its fee in cents."""

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
    """A queryset of payment sources."""

    def valid(self, now: datetime) -> "PaymentSourceQuerySet":
        """Return the payment sources that have not expired at ``now``."""
        return self.filter(models.Q(expires_at=None) | models.Q(expires_at__gt=now))


class PaymentSource(Resource):
    """A card or an account that pays orders. A copy reuses it only from the customer's wallet."""

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


class CustomerPaymentSource(Resource):
    """An entry of a customer's wallet: a saved payment source."""

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
