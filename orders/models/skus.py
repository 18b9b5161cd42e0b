from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from orders.models.resources import Resource


class Sku(Resource):
    """A product that the shop sells, in pieces."""

    resource_type = "skus"

    code = models.CharField(_("code"), max_length=64, unique=True)
    name = models.CharField(_("name"), max_length=200)
    image_url = models.URLField(_("image URL"), blank=True)
    on_sale = models.BooleanField(_("on sale"), default=True)
    do_not_ship = models.BooleanField(_("needs no shipping"), default=False)
    do_not_track = models.BooleanField(_("stock is not tracked"), default=False)

    class Meta(Resource.Meta):
        verbose_name = _("SKU")
        verbose_name_plural = _("SKUs")

    def __str__(self) -> str:
        return self.code


class Price(Resource):
    """The present price of a SKU in one currency, in cents."""

    resource_type = "prices"

    sku = models.ForeignKey(Sku, models.CASCADE, related_name="prices", verbose_name=_("SKU"))
    currency_code = models.CharField(_("currency code"), max_length=3)
    amount_cents = models.PositiveBigIntegerField(_("amount in cents"))

    class Meta(Resource.Meta):
        verbose_name = _("price")
        verbose_name_plural = _("prices")
        constraints = [
            models.UniqueConstraint(fields=["sku", "currency_code"], name="price_one_a_currency")
        ]

    def __str__(self) -> str:
        return f"{self.sku} {self.currency_code}"


class StockItem(Resource):
    """The stock of a SKU: its pieces, and how many of them are reserved for placed orders."""

    resource_type = "stock_items"

    sku = models.OneToOneField(
        Sku, models.CASCADE, related_name="stock_item", verbose_name=_("SKU")
    )
    quantity = models.PositiveIntegerField(_("quantity"), default=0)
    reserved = models.PositiveIntegerField(_("reserved"), default=0)

    class Meta(Resource.Meta):
        verbose_name = _("stock item")
        verbose_name_plural = _("stock items")
        constraints = [
            models.CheckConstraint(
                condition=Q(reserved__lte=F("quantity")), name="stock_item_never_oversold"
            )
        ]

    def __str__(self) -> str:
        return f"{self.sku}: {self.available}"

    def clean(self) -> None:
        """Raise ``ValidationError`` if the quantity is below the reserved pieces."""
        if self.quantity is not None and self.quantity < self.reserved:
            message = _("Placed orders hold %(reserved)s pieces: enter at least that many.")
            raise ValidationError(
                {"quantity": ValidationError(message, params={"reserved": self.reserved})}
            )

    @property
    def available(self) -> int:
        """The number of pieces that are not reserved."""
        return self.quantity - self.reserved


class StockReservation(models.Model):
    """The pieces that are reserved for one line of a placed order."""

    line_item = models.OneToOneField(
        "orders.LineItem",
        models.CASCADE,
        related_name="stock_reservation",
        verbose_name=_("line item"),
    )
    stock_item = models.ForeignKey(
        StockItem,
        models.CASCADE,
        related_name="stock_reservations",
        verbose_name=_("stock item"),
    )
    quantity = models.PositiveIntegerField(_("quantity"), validators=[MinValueValidator(1)])

    class Meta:
        verbose_name = _("stock reservation")
        verbose_name_plural = _("stock reservations")
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.stock_item.sku}"
