"""The models of a wine merchant: every way in which rows of an order can hang together."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F
from django.utils import timezone


class Model(models.Model):
    """A model with a name for people."""

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{type(self).__name__} {self.pk}"


# What orders share.


class Customer(Model):
    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE)


class Country(Model):
    code = models.CharField(max_length=2, primary_key=True)


class Wine(Model):
    code = models.SlugField(primary_key=True)
    #: None: any number.
    pieces = models.IntegerField(null=True)
    #: Why it cannot be sold now.
    embargo = models.CharField(max_length=50, blank=True)


class Occasion(Model):
    name = models.CharField(max_length=50)


class Adviser(Model):
    name = models.CharField(max_length=50)


# The rows of one order.


class Region(Model):
    """A row that an owned row owns."""

    name = models.CharField(max_length=50)


class Address(Model):
    """A row that orders and parcels refer to."""

    street = models.CharField(max_length=100)
    country = models.ForeignKey(Country, models.PROTECT)
    region = models.ForeignKey(Region, models.PROTECT, null=True)


class Doorbell(Model):
    """A row that refers to an owned row."""

    address = models.ForeignKey(Address, models.CASCADE)
    label = models.CharField(max_length=50)


class Parcel(Model):
    """A row that an order refers to, and that refers to another one of those."""

    address = models.ForeignKey(Address, models.PROTECT)
    weight = models.FloatField()


class Order(Model):
    number = models.CharField(max_length=20, unique=True)
    customer = models.ForeignKey(Customer, models.PROTECT, null=True)
    currency = models.CharField(max_length=3, db_column="iso_code", default="EUR")
    subtotal_cents = models.IntegerField(default=0)
    total = models.DecimalField(max_digits=15, decimal_places=3, default=0)
    shipping = models.DecimalField(max_digits=15, decimal_places=3, default=0)
    status = models.CharField(max_length=10, default="draft")
    placed_at = models.DateTimeField(null=True)
    cancelled_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    created_on = models.DateField(auto_now_add=True)
    created_time = models.TimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    seen_at = models.DateTimeField(default=timezone.now)
    token = models.UUIDField(default=uuid.uuid4, unique=True)
    attempts = models.IntegerField(default=0)
    channel = models.CharField(max_length=10, db_default="web")
    cost = models.GeneratedField(
        expression=F("total") + F("shipping"),
        output_field=models.DecimalField(max_digits=16, decimal_places=3),
        db_persist=True,
    )
    note = models.TextField(blank=True, db_column="remarks")
    wanted_on = models.DateField(null=True)
    data = models.JSONField(default=dict)
    shipping_address = models.ForeignKey(
        Address, models.PROTECT, null=True, related_name="shipped_orders"
    )
    billing_address = models.ForeignKey(
        Address, models.PROTECT, null=True, related_name="billed_orders"
    )
    parcel = models.ForeignKey(Parcel, models.PROTECT, null=True)
    finest_line = models.ForeignKey("Line", models.SET_NULL, null=True, related_name="+")
    replaces = models.ForeignKey("self", models.SET_NULL, null=True)
    occasions = models.ManyToManyField(Occasion)
    advisers = models.ManyToManyField(Adviser, through="Advice")


class Line(Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    order = models.ForeignKey(Order, models.CASCADE, related_name="lines")
    #: The case that holds the bottle.
    case = models.ForeignKey("self", models.CASCADE, null=True, related_name="bottles")
    #: The line that is offered if this one is out of stock.
    instead_of = models.ForeignKey("self", models.SET_NULL, null=True, related_name="+")
    wine = models.ForeignKey(Wine, models.DO_NOTHING, null=True, db_constraint=False)
    name = models.CharField(max_length=50, db_column="title")
    quantity = models.IntegerField(default=1)
    price = models.DecimalField(max_digits=12, decimal_places=3)
    packed_at = models.DateTimeField(null=True)
    data = models.JSONField(null=True)
    card = models.ForeignKey("Card", models.PROTECT, null=True)


class Card(Model):
    """A row that a line owns."""

    text = models.CharField(max_length=50)


class Option(Model):
    line = models.ForeignKey(Line, models.CASCADE)
    name = models.CharField(max_length=50)


class Engraving(Model):
    option = models.OneToOneField(Option, models.CASCADE, primary_key=True)
    text = models.CharField(max_length=50)


class Letter(Model):
    """The third generation below a line."""

    engraving = models.ForeignKey(Engraving, models.CASCADE)
    character = models.CharField(max_length=1)


class Advice(Model):
    order = models.ForeignKey(Order, models.CASCADE)
    adviser = models.ForeignKey(Adviser, models.CASCADE)
    text = models.CharField(max_length=50)


class Remark(Model):
    """A remark about an order or about a line."""

    order = models.ForeignKey(Order, models.CASCADE, null=True)
    line = models.ForeignKey(Line, models.CASCADE, null=True)
    text = models.CharField(max_length=50)


class Reply(Model):
    remark = models.ForeignKey(Remark, models.CASCADE)
    text = models.CharField(max_length=50)


class Discount(Model):
    """A discount of an order that may name a line."""

    order = models.ForeignKey(Order, models.CASCADE)
    line = models.ForeignKey(Line, models.SET_NULL, null=True)
    name = models.CharField(max_length=50)


class Gift(Model):
    """A one-to-one child whose code is new for each row."""

    order = models.OneToOneField(Order, models.CASCADE)
    code = models.UUIDField(default=uuid.uuid4)


class Enclosure(Model):
    """What every letter and leaflet in a parcel has."""

    order = models.ForeignKey(Order, models.CASCADE)
    title = models.CharField(max_length=50)
    follows = models.ForeignKey("self", models.SET_NULL, null=True)


class Leaflet(Enclosure):
    """A row in two tables."""

    text = models.CharField(max_length=50)


# What stays with the source.


class Reminder(Model):
    order = models.ForeignKey(Order, models.CASCADE)
