from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import models


class Model(models.Model):
    """A model with a name for people."""

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{type(self).__name__} {self.pk}"


class Buyer(Model):
    email = models.EmailField()
    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, null=True)


class Label(Model):
    code = models.SlugField(primary_key=True)
    color = models.CharField(max_length=20)


class Warehouse(Model):
    secret_place = models.CharField(max_length=20)


class PurchaseOrder(Model):
    class Channel(models.IntegerChoices):
        WEB = 1, "web"
        PHONE = 2, "phone"

    number = models.CharField(max_length=20, unique=True)
    buyer = models.ForeignKey(Buyer, models.PROTECT, null=True)
    warehouse = models.ForeignKey(Warehouse, models.PROTECT, null=True)
    replaces = models.ForeignKey("self", models.SET_NULL, null=True)
    labels = models.ManyToManyField(Label)
    total = models.DecimalField(max_digits=9, decimal_places=2)
    ordered_on = models.DateField(null=True)
    shipped_at = models.DateTimeField(null=True)
    token = models.UUIDField(null=True)
    channel = models.IntegerField(choices=Channel.choices, default=Channel.WEB)
    note = models.TextField(blank=True)
    internal_margin = models.IntegerField(default=0)

    @property
    def short_note(self) -> str:
        return self.note[:5]

    @property
    def delivery(self) -> dict[str, Any]:
        return {"city": "Porto", "place": [Decimal("41.158"), Decimal("-8.629")]}

    def is_large(self) -> bool:
        return self.total >= 100


class PurchaseLine(Model):
    order = models.ForeignKey(PurchaseOrder, models.CASCADE, related_name="lines")
    product = models.CharField(max_length=50)
    quantity = models.PositiveIntegerField(default=1)


class Voucher(Model):
    code = models.CharField(max_length=20)
