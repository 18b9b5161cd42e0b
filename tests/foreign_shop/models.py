from decimal import Decimal
from typing import Any

from django.conf import settings
from django.contrib.contenttypes.fields import GenericForeignKey
from django.contrib.contenttypes.models import ContentType
from django.core.validators import MaxValueValidator, MinLengthValidator, MinValueValidator
from django.db import models


class Model(models.Model):
    """A model with a name for people."""

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{type(self).__name__} {self.pk}"


class Celsius(models.Field):  # type: ignore[type-arg]
    """A kind of column that only the shop knows."""

    def get_internal_type(self) -> str:
        return "IntegerField"

    def value_to_string(self, obj: Any) -> str:
        return f"{self.value_from_object(obj)} °C"


class Buyer(Model):
    number = models.PositiveIntegerField(unique=True, null=True)
    email = models.EmailField()
    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, null=True)


class Label(Model):
    code = models.SlugField(primary_key=True)
    color = models.CharField(max_length=20)


class Warehouse(Model):
    secret_place = models.CharField(max_length=20)


class Product(Model):
    name = models.CharField(max_length=50)


class PurchaseOrder(Model):
    class Channel(models.IntegerChoices):
        WEB = 1, "web"
        PHONE = 2, "phone"

    number = models.CharField(max_length=20, unique=True)
    buyer = models.ForeignKey(Buyer, models.PROTECT, null=True)
    payer = models.ForeignKey(
        Buyer, models.PROTECT, to_field="number", null=True, related_name="paid_orders"
    )
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
    item = models.ForeignKey(Product, models.PROTECT, null=True)


class Voucher(Model):
    code = models.CharField(max_length=20)


class Remark(Model):
    """A remark about a row of any model."""

    text = models.CharField(max_length=50)
    content_type = models.ForeignKey(ContentType, models.CASCADE)
    object_id = models.PositiveIntegerField()
    subject = GenericForeignKey()


class Parcel(Model):
    """A row with columns that are rare."""

    order = models.ForeignKey(PurchaseOrder, models.CASCADE, null=True, related_name="parcels")
    url = models.CharField(max_length=50)
    address = models.CharField(max_length=50)
    seal = models.BinaryField()
    warmth = Celsius(default=4)
    size = models.IntegerField(default=10)

    @property
    def short_url(self) -> str:
        return self.url[:8]


class Review(Model):
    """What buyers write: a row with columns of all kinds, and their validators."""

    class Stars(models.IntegerChoices):
        BAD = 1, "bad"
        GOOD = 5, "good"

    order = models.ForeignKey(PurchaseOrder, models.CASCADE, null=True, related_name="reviews")
    slug = models.SlugField(unique=True)
    email = models.EmailField(default="ann@shop.example")
    title = models.CharField(max_length=20, validators=[MinLengthValidator(3)], default="Tea")
    nickname = models.CharField(max_length=20, default="Ann")
    stars = models.IntegerField(choices=Stars.choices, default=Stars.GOOD)
    age = models.IntegerField(
        validators=[MinValueValidator(18), MaxValueValidator(120)], default=30
    )
    helped = models.PositiveIntegerField(default=0)
    price = models.DecimalField(max_digits=5, decimal_places=2, null=True)
    weight = models.FloatField(null=True)
    bought_on = models.DateField(null=True)
    written_at = models.DateTimeField(null=True)
    token = models.UUIDField(null=True)
    place = models.JSONField(null=True)
