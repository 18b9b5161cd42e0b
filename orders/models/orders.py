import secrets
from decimal import Decimal

from django.db import models
from django.utils.translation import gettext_lazy as _

from orders.models.customers import Customer, PaymentMethod, PaymentSource
from orders.models.markets import Market
from orders.models.promotions import Promotion
from orders.models.resources import Resource
from orders.models.skus import Sku


def new_number() -> str:
    """A fresh order number: twelve digits."""
    return f"{secrets.randbelow(10**12):012}"


def new_token() -> str:
    """A fresh order token: 32 hexadecimal digits."""
    return secrets.token_hex(16)


class Order(Resource):
    """An order with the three statuses of the contract (3.1). Amounts are integer cents."""

    resource_type = "orders"

    class Status(models.TextChoices):
        DRAFT = "draft", _("draft")
        PENDING = "pending", _("pending")
        PLACING = "placing", _("placing")
        PLACED = "placed", _("placed")
        EDITING = "editing", _("editing")
        APPROVED = "approved", _("approved")
        CANCELLED = "cancelled", _("cancelled")

    class PaymentStatus(models.TextChoices):
        UNPAID = "unpaid", _("unpaid")
        AUTHORIZED = "authorized", _("authorized")
        PAID = "paid", _("paid")
        VOIDED = "voided", _("voided")
        REFUNDED = "refunded", _("refunded")
        FREE = "free", _("free")

    class FulfillmentStatus(models.TextChoices):
        UNFULFILLED = "unfulfilled", _("unfulfilled")
        IN_PROGRESS = "in_progress", _("in progress")
        FULFILLED = "fulfilled", _("fulfilled")
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

    subtotal_amount_cents = models.IntegerField(_("subtotal in cents"), default=0)
    shipping_amount_cents = models.IntegerField(_("shipping in cents"), default=0)
    payment_method_amount_cents = models.IntegerField(_("payment fee in cents"), default=0)
    adjustment_amount_cents = models.IntegerField(_("adjustments in cents"), default=0)
    discount_amount_cents = models.IntegerField(_("discount in cents"), default=0)
    gift_card_amount_cents = models.IntegerField(_("gift card in cents"), default=0)
    total_tax_amount_cents = models.IntegerField(_("tax in cents"), default=0)
    total_amount_cents = models.IntegerField(_("total in cents"), default=0)
    total_amount_with_taxes_cents = models.IntegerField(_("total with taxes in cents"), default=0)

    placed_at = models.DateTimeField(_("placed at"), null=True, blank=True)
    approved_at = models.DateTimeField(_("approved at"), null=True, blank=True)
    cancelled_at = models.DateTimeField(_("cancelled at"), null=True, blank=True)
    archived_at = models.DateTimeField(_("archived at"), null=True, blank=True)

    class Meta(Resource.Meta):
        verbose_name = _("order")
        verbose_name_plural = _("orders")

    def __str__(self) -> str:
        return f"#{self.number}"

    @property
    def editable(self) -> bool:
        """Whether the order can still be changed."""
        return self.status in {self.Status.DRAFT, self.Status.PENDING, self.Status.EDITING}


class AddressRole(models.TextChoices):
    """What an address of an order is for."""

    SHIPPING = "shipping", _("shipping")
    BILLING = "billing", _("billing")


class Address(Resource):
    """An address, owned by its order: no two orders share one."""

    resource_type = "addresses"

    order = models.ForeignKey(
        Order, models.CASCADE, related_name="addresses", verbose_name=_("order")
    )
    role = models.CharField(_("role"), max_length=8, choices=AddressRole.choices)
    business = models.BooleanField(_("business"), default=False)
    first_name = models.CharField(_("first name"), max_length=100, blank=True)
    last_name = models.CharField(_("last name"), max_length=100, blank=True)
    company = models.CharField(_("company"), max_length=100, blank=True)
    line_1 = models.CharField(_("line 1"), max_length=200)
    line_2 = models.CharField(_("line 2"), max_length=200, blank=True)
    city = models.CharField(_("city"), max_length=100)
    zip_code = models.CharField(_("zip code"), max_length=20, blank=True)
    state_code = models.CharField(_("state code"), max_length=10, blank=True)
    country_code = models.CharField(_("country code"), max_length=2)
    phone = models.CharField(_("phone"), max_length=50, blank=True)
    email = models.EmailField(_("email"), blank=True)
    notes = models.TextField(_("notes"), blank=True)

    class Meta(Resource.Meta):
        verbose_name = _("address")
        verbose_name_plural = _("addresses")
        constraints = [models.UniqueConstraint(fields=["order", "role"], name="address_one_a_role")]

    def __str__(self) -> str:
        return ", ".join(filter(None, [self.name, self.line_1, self.city, self.country_code]))

    @property
    def name(self) -> str:
        """Who lives there: the company, or the person."""
        if self.business:
            return self.company
        return f"{self.first_name} {self.last_name}".strip()


class LineItem(Resource):
    """A line of an order: goods, or what comes with them. Amounts are integer cents."""

    resource_type = "line_items"

    class ItemType(models.TextChoices):
        SKUS = "skus", _("SKU")
        GIFT_CARDS = "gift_cards", _("gift card")
        SHIPMENTS = "shipments", _("shipping")
        PAYMENT_METHODS = "payment_methods", _("payment method")
        ADJUSTMENTS = "adjustments", _("adjustment")
        PERCENTAGE_DISCOUNT_PROMOTIONS = "percentage_discount_promotions", _("percentage discount")
        FIXED_AMOUNT_PROMOTIONS = "fixed_amount_promotions", _("fixed amount discount")
        FREE_SHIPPING_PROMOTIONS = "free_shipping_promotions", _("free shipping")

    order = models.ForeignKey(
        Order, models.CASCADE, related_name="line_items", verbose_name=_("order")
    )
    item_type = models.CharField(
        _("item type"), max_length=40, choices=ItemType.choices, default=ItemType.SKUS
    )
    sku = models.ForeignKey(
        Sku,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="line_items",
        verbose_name=_("SKU"),
    )
    promotion = models.ForeignKey(
        Promotion,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="line_items",
        verbose_name=_("promotion"),
    )
    sku_code = models.CharField(_("SKU code"), max_length=64, blank=True)
    coupon_code = models.CharField(_("coupon code"), max_length=40, blank=True)
    #: The code of a gift card that this line sold. A copy sells another card.
    gift_card_code = models.CharField(_("gift card code"), max_length=40, blank=True)
    name = models.CharField(_("name"), max_length=200)
    image_url = models.URLField(_("image URL"), blank=True)
    quantity = models.PositiveIntegerField(_("quantity"), default=1)
    unit_amount_cents = models.IntegerField(_("unit amount in cents"), default=0)
    compare_at_amount_cents = models.IntegerField(
        _("compare-at amount in cents"), null=True, blank=True
    )
    options_amount_cents = models.IntegerField(_("options in cents"), default=0)
    total_amount_cents = models.IntegerField(_("total in cents"), default=0)
    tax_rate = models.DecimalField(
        _("tax rate"), max_digits=5, decimal_places=4, default=Decimal(0)
    )
    tax_amount_cents = models.IntegerField(_("tax in cents"), default=0)
    frequency = models.CharField(_("frequency"), max_length=50, blank=True)

    class Meta(Resource.Meta):
        verbose_name = _("line item")
        verbose_name_plural = _("line items")

    def __str__(self) -> str:
        return f"{self.quantity} × {self.name}"


class LineItemOption(Resource):
    """What a customer chose for a line: an engraving, a gift wrap."""

    resource_type = "line_item_options"

    line_item = models.ForeignKey(
        LineItem, models.CASCADE, related_name="line_item_options", verbose_name=_("line item")
    )
    name = models.CharField(_("name"), max_length=100)
    quantity = models.PositiveIntegerField(_("quantity"), default=1)
    unit_amount_cents = models.IntegerField(_("unit amount in cents"), default=0)
    total_amount_cents = models.IntegerField(_("total in cents"), default=0)
    delay_hours = models.PositiveIntegerField(_("delay in hours"), null=True, blank=True)
    options = models.JSONField(_("options"), default=dict, blank=True)

    class Meta(Resource.Meta):
        verbose_name = _("line item option")
        verbose_name_plural = _("line item options")

    def __str__(self) -> str:
        return self.name
