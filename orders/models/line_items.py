from decimal import Decimal

from django.db import models
from django.utils.translation import gettext_lazy as _

from orders.models.orders import Order
from orders.models.promotions import Promotion
from orders.models.resources import Resource
from orders.models.skus import Sku


class LineItem(Resource):
    """A line of an order: goods, shipping, a fee, an adjustment or a discount, in integer cents."""

    resource_type = "line_items"

    class ItemType(models.TextChoices):
        #: Pieces of a SKU, or a custom item without a SKU.
        SKUS = "skus", _("SKU")
        #: A gift card that the order sells.
        GIFT_CARDS = "gift_cards", _("gift card")
        #: Shipping costs.
        SHIPMENTS = "shipments", _("shipping")
        #: The fee of the payment method.
        PAYMENT_METHODS = "payment_methods", _("payment method")
        #: An amount that staff added or deducted.
        ADJUSTMENTS = "adjustments", _("adjustment")
        #: A discount by a percentage of the goods.
        PERCENTAGE_DISCOUNT_PROMOTIONS = "percentage_discount_promotions", _("percentage discount")
        #: A discount by a fixed amount.
        FIXED_AMOUNT_PROMOTIONS = "fixed_amount_promotions", _("fixed amount discount")
        #: A discount that waives the shipping costs.
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
    #: The code of the gift card that this line sold. A copy sells a new card.
    gift_card_code = models.CharField(_("gift card code"), max_length=40, blank=True)
    name = models.CharField(_("name"), max_length=200)
    image_url = models.URLField(_("image URL"), blank=True)
    quantity = models.PositiveIntegerField(_("quantity"), default=1)
    unit_amount_cents = models.BigIntegerField(_("unit amount in cents"), default=0)
    compare_at_amount_cents = models.BigIntegerField(
        _("compare-at amount in cents"), null=True, blank=True
    )
    options_amount_cents = models.BigIntegerField(_("options in cents"), default=0)
    total_amount_cents = models.BigIntegerField(_("total in cents"), default=0)
    tax_rate = models.DecimalField(
        _("tax rate"), max_digits=5, decimal_places=4, default=Decimal(0)
    )
    tax_amount_cents = models.BigIntegerField(_("tax in cents"), default=0)
    frequency = models.CharField(_("frequency"), max_length=50, blank=True)

    class Meta(Resource.Meta):
        verbose_name = _("line item")
        verbose_name_plural = _("line items")

    def __str__(self) -> str:
        return f"{self.quantity} × {self.name}"


class LineItemOption(Resource):
    """An option that the customer chose for a line, such as an engraving. Amounts are cents."""

    resource_type = "line_item_options"

    line_item = models.ForeignKey(
        LineItem, models.CASCADE, related_name="line_item_options", verbose_name=_("line item")
    )
    name = models.CharField(_("name"), max_length=100)
    quantity = models.PositiveIntegerField(_("quantity"), default=1)
    unit_amount_cents = models.BigIntegerField(_("unit amount in cents"), default=0)
    total_amount_cents = models.BigIntegerField(_("total in cents"), default=0)
    delay_hours = models.PositiveIntegerField(_("delay in hours"), null=True, blank=True)
    options = models.JSONField(_("options"), default=dict, blank=True)

    class Meta(Resource.Meta):
        verbose_name = _("line item option")
        verbose_name_plural = _("line item options")

    def __str__(self) -> str:
        return self.name
