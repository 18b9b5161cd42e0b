from decimal import Decimal

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from order_copies.models import SubscriptionModel
from orders.models.resources import Resource


class Market(Resource):
    """A country or region that the shop sells to, with its currency, tax rate and shipping."""

    resource_type = "markets"

    name = models.CharField(_("name"), max_length=100)
    code = models.SlugField(_("code"), unique=True)
    currency_code = models.CharField(_("currency code"), max_length=3)
    tax_included = models.BooleanField(_("tax included"), default=True)
    tax_rate = models.DecimalField(
        _("tax rate"),
        max_digits=5,
        decimal_places=4,
        default=Decimal(0),
        validators=[MinValueValidator(0), MaxValueValidator(1)],
    )
    shipping_amount_cents = models.PositiveBigIntegerField(_("shipping amount in cents"), default=0)
    shipping_cost_cutoff_cents = models.PositiveBigIntegerField(
        _("free shipping from, in cents"), null=True, blank=True
    )

    #: The rules by which the lines of an order become subscriptions. Null: only whole orders can be
    #: subscribed to.
    subscription_model = models.ForeignKey(
        SubscriptionModel,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="markets",
        verbose_name=_("subscription model"),
    )

    class Meta(Resource.Meta):
        verbose_name = _("market")
        verbose_name_plural = _("markets")

    def __str__(self) -> str:
        return self.name

    def shipping_amount_for(self, subtotal_amount_cents: int) -> int:
        """Return the shipping costs for goods of this amount, both in cents."""
        cutoff = self.shipping_cost_cutoff_cents
        if cutoff is not None and subtotal_amount_cents >= cutoff:
            return 0
        return self.shipping_amount_cents
