from django.conf import settings
from django.db import models


class Tea(models.Model):
    name = models.CharField(max_length=50, unique=True)
    stock = models.PositiveIntegerField()

    def __str__(self):
        return self.name


class Order(models.Model):
    number = models.CharField(max_length=20, unique=True, null=True, blank=True)
    customer = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True)
    email = models.EmailField()
    total = models.DecimalField(max_digits=9, decimal_places=2, default=0)
    placed = models.BooleanField(default=False)
    cancelled = models.BooleanField(default=False)

    def __str__(self):
        return f"#{self.number or self.pk} of {self.email}"


class OrderLine(models.Model):
    order = models.ForeignKey(Order, models.CASCADE, related_name="lines")
    product = models.CharField(max_length=50)
    quantity = models.PositiveIntegerField(default=1)
    price = models.DecimalField(max_digits=9, decimal_places=2)

    def __str__(self):
        return f"{self.quantity} × {self.product}"
