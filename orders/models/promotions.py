from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from orders.models.markets import Market
from orders.models.resources import Resource


class Promotion(Resource):
    """A discount that orders get automatically or with a coupon."""

    resource_type = "promotions"

    class Kind(models.TextChoices):
        #: ``percentage`` of the goods.
        PERCENTAGE_DISCOUNT = "percentage_discount_promotions", _("percentage discount")
        #: ``fixed_amount_cents``, at most the amount of the goods.
        FIXED_AMOUNT = "fixed_amount_promotions", _("fixed amount")
        #: The shipping costs.
        FREE_SHIPPING = "free_shipping_promotions", _("free shipping")

    type = models.CharField(_("type"), max_length=40, choices=Kind.choices)
    name = models.CharField(_("name"), max_length=100)
    market = models.ForeignKey(
        Market,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="promotions",
        verbose_name=_("market"),
        help_text=_("Leave empty for every market."),
    )
    currency_code = models.CharField(_("currency code"), max_length=3, blank=True)
    percentage = models.PositiveSmallIntegerField(_("percentage"), default=0)
    fixed_amount_cents = models.PositiveBigIntegerField(_("fixed amount in cents"), default=0)
    priority = models.PositiveSmallIntegerField(_("priority"), default=0)
    exclusive = models.BooleanField(_("exclusive"), default=False)
    coupon_only = models.BooleanField(_("only by coupon"), default=False)
    active = models.BooleanField(_("active"), default=True)
    starts_at = models.DateTimeField(_("starts at"), default=timezone.now)
    expires_at = models.DateTimeField(_("expires at"), null=True, blank=True)

    class Meta(Resource.Meta):
        verbose_name = _("promotion")
        verbose_name_plural = _("promotions")
        constraints = [
            models.CheckConstraint(
                condition=Q(percentage__lte=100), name="promotion_percentage_at_most_100"
            )
        ]

    def __str__(self) -> str:
        return self.name

    def is_valid(self, now: datetime) -> bool:
        """Return whether the promotion is active and neither pending nor expired at ``now``."""
        return (
            self.active
            and self.starts_at <= now
            and (self.expires_at is None or self.expires_at > now)
        )

    @property
    def amount_currency(self) -> str:
        """The currency of the orders that can get the promotion; empty for every currency.

        A fixed amount without a currency is in the currency of its market.
        """
        if self.type == self.Kind.FIXED_AMOUNT and self.market and not self.currency_code:
            return self.market.currency_code
        return self.currency_code

    @property
    def status(self) -> str:
        """``disabled``, ``expired``, ``active`` or ``pending`` (contract 3.8)."""
        now = timezone.now()
        if not self.active:
            return "disabled"
        if self.expires_at is not None and self.expires_at <= now:
            return "expired"
        return "active" if self.starts_at <= now else "pending"


class Coupon(Resource):
    """A code that gives an order its promotion."""

    resource_type = "coupons"

    code = models.CharField(_("code"), max_length=40, unique=True)
    #: Codes compare without case.
    code_key = models.GeneratedField(
        expression=Lower("code"), output_field=models.CharField(max_length=40), db_persist=True
    )
    promotion = models.ForeignKey(
        Promotion, models.CASCADE, related_name="coupons", verbose_name=_("promotion")
    )
    expires_at = models.DateTimeField(_("expires at"), null=True, blank=True)
    usage_limit = models.PositiveIntegerField(_("usage limit"), null=True, blank=True)
    usage_count = models.PositiveIntegerField(_("usage count"), default=0)
    customer_single_use = models.BooleanField(_("once a customer"), default=False)

    class Meta(Resource.Meta):
        verbose_name = _("coupon")
        verbose_name_plural = _("coupons")
        constraints = [
            models.CheckConstraint(
                condition=Q(usage_limit__isnull=True) | Q(usage_count__lte=F("usage_limit")),
                name="coupon_never_overused",
            ),
            models.UniqueConstraint(
                fields=["code_key"],
                name="coupon_code_once",
                violation_error_message=_("A coupon with this code already exists."),
            ),
        ]

    def __str__(self) -> str:
        return self.code

    def clean(self) -> None:
        """Raise ``ValidationError`` if the usage limit is below the usage count."""
        if self.usage_limit is not None and self.usage_limit < self.usage_count:
            message = _("Placed orders used it %(count)s times: enter at least that limit.")
            raise ValidationError(
                {"usage_limit": ValidationError(message, params={"count": self.usage_count})}
            )


class CouponUse(models.Model):
    """The use of a coupon by a placed order; ``customer_email`` is the buyer in lower case."""

    coupon = models.ForeignKey(
        Coupon, models.CASCADE, related_name="coupon_uses", verbose_name=_("coupon")
    )
    order = models.OneToOneField(
        "orders.Order", models.CASCADE, related_name="coupon_use", verbose_name=_("order")
    )
    customer_email = models.EmailField(_("customer email"))

    class Meta:
        verbose_name = _("coupon use")
        verbose_name_plural = _("coupon uses")
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.coupon}: {self.order}"
