import secrets
from decimal import Decimal

from django.db import models
from django.utils.translation import gettext_lazy as _

from orders.models.customers import Customer, PaymentMethod, PaymentSource
from orders.models.markets import Market
from orders.models.resources import Resource


def new_number() -> str:
    """Return a random order number of twelve digits."""
    return f"{secrets.randbelow(10**12):012}"


def new_token() -> str:
    """Return a random order token of 32 hexadecimal digits."""
    return secrets.token_hex(16)


class Order(Resource):
    """An order with the three statuses of the contract (3.1). Amounts are integer cents.

    :mod:`orders.lifecycle.transitions` holds all transitions of ``status``.
    """

    resource_type = "orders"

    class Status(models.TextChoices):
        #: A cart without a customer or without goods; it cannot be placed.
        DRAFT = "draft", _("draft")
        #: A cart with a customer and goods; it can be placed.
        PENDING = "pending", _("pending")
        #: An asynchronous placement that met errors; it can be placed again.
        PLACING = "placing", _("placing")
        #: Ordered: stock is reserved and the payment authorized.
        PLACED = "placed", _("placed")
        #: A placed order that is being edited; it keeps its stock and authorization.
        EDITING = "editing", _("editing")
        #: Approved for fulfillment.
        APPROVED = "approved", _("approved")
        #: Stock and coupon use are released, the authorization is voided. Final, unless the copy
        #: that cancelled the order is undone.
        CANCELLED = "cancelled", _("cancelled")

    class PaymentStatus(models.TextChoices):
        #: No payment was authorized yet.
        UNPAID = "unpaid", _("unpaid")
        #: The payment gateway authorized the total.
        AUTHORIZED = "authorized", _("authorized")
        #: The authorized amount was captured.
        PAID = "paid", _("paid")
        #: The order was cancelled before the authorized amount was captured.
        VOIDED = "voided", _("voided")
        #: The captured amount was paid back.
        REFUNDED = "refunded", _("refunded")
        #: The order was placed with a total of exactly zero.
        FREE = "free", _("free")

    class FulfillmentStatus(models.TextChoices):
        #: Nothing was shipped yet.
        UNFULFILLED = "unfulfilled", _("unfulfilled")
        #: The shipment is being prepared.
        IN_PROGRESS = "in_progress", _("in progress")
        #: Everything was shipped.
        FULFILLED = "fulfilled", _("fulfilled")
        #: No line needs shipping.
        NOT_REQUIRED = "not_required", _("not required")

    number = models.CharField(_("number"), max_length=32, unique=True, default=new_number)
    token = models.CharField(
        _("token"), max_length=32, unique=True, default=new_token, editable=False
    )
    status = models.CharField(
        _("status"), max_length=16, choices=Status.choices, default=Status.DRAFT
    )
    payment_status = models.CharField(
        _("payment status"),
        max_length=16,
        choices=PaymentStatus.choices,
        default=PaymentStatus.UNPAID,
    )
    fulfillment_status = models.CharField(
        _("fulfillment status"),
        max_length=16,
        choices=FulfillmentStatus.choices,
        default=FulfillmentStatus.UNFULFILLED,
    )

    market = models.ForeignKey(
        Market, models.PROTECT, related_name="orders", verbose_name=_("market")
    )
    customer = models.ForeignKey(
        Customer,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="orders",
        verbose_name=_("customer"),
    )
    customer_email = models.EmailField(_("customer email"), blank=True)
    guest = models.BooleanField(_("guest"), default=False)
    language_code = models.CharField(_("language code"), max_length=10, default="en")
    currency_code = models.CharField(_("currency code"), max_length=3)
    tax_included = models.BooleanField(_("tax included"), default=True)
    tax_rate = models.DecimalField(
        _("tax rate"), max_digits=5, decimal_places=4, default=Decimal(0)
    )
    country_code = models.CharField(_("country code"), max_length=2, blank=True)
    shipping_country_code_lock = models.CharField(
        _("shipping country code lock"), max_length=2, blank=True
    )

    coupon_code = models.CharField(_("coupon code"), max_length=40, blank=True)
    gift_card_code = models.CharField(_("gift card code"), max_length=40, blank=True)
    affiliate_code = models.CharField(_("affiliate code"), max_length=64, blank=True)
    cart_url = models.URLField(_("cart URL"), blank=True)
    return_url = models.URLField(_("return URL"), blank=True)
    terms_url = models.URLField(_("terms URL"), blank=True)
    privacy_url = models.URLField(_("privacy URL"), blank=True)

    payment_method = models.ForeignKey(
        PaymentMethod,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="orders",
        verbose_name=_("payment method"),
    )
    payment_source = models.ForeignKey(
        PaymentSource,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="orders",
        verbose_name=_("payment source"),
    )

    subtotal_amount_cents = models.BigIntegerField(_("subtotal in cents"), default=0)
    shipping_amount_cents = models.BigIntegerField(_("shipping in cents"), default=0)
    payment_method_amount_cents = models.BigIntegerField(_("payment fee in cents"), default=0)
    adjustment_amount_cents = models.BigIntegerField(_("adjustments in cents"), default=0)
    discount_amount_cents = models.BigIntegerField(_("discount in cents"), default=0)
    gift_card_amount_cents = models.BigIntegerField(_("gift card in cents"), default=0)
    total_tax_amount_cents = models.BigIntegerField(_("tax in cents"), default=0)
    total_amount_cents = models.BigIntegerField(_("total in cents"), default=0)
    total_amount_with_taxes_cents = models.BigIntegerField(
        _("total with taxes in cents"), default=0
    )

    placed_at = models.DateTimeField(_("placed at"), null=True, blank=True)
    approved_at = models.DateTimeField(_("approved at"), null=True, blank=True)
    cancelled_at = models.DateTimeField(_("cancelled at"), null=True, blank=True)
    archived_at = models.DateTimeField(_("archived at"), null=True, blank=True)
    #: When subscriptions to lines of the order were created first.
    subscription_created_at = models.DateTimeField(
        _("subscription created at"), null=True, blank=True
    )

    class Meta(Resource.Meta):
        verbose_name = _("order")
        verbose_name_plural = _("orders")

    def __str__(self) -> str:
        return f"#{self.number}"

    @property
    def editable(self) -> bool:
        """Whether the content of the order can be changed in its present status."""
        return self.status in {self.Status.DRAFT, self.Status.PENDING, self.Status.EDITING}
