from django.db import models
from oscar.apps.order.abstract_models import AbstractLine, AbstractOrder


class Order(AbstractOrder):
    gift_message = models.CharField(max_length=100, blank=True)
    invoice_number = models.CharField(max_length=20, blank=True)


class Line(AbstractLine):
    wrapping = models.CharField(max_length=20, default="paper")


from oscar.apps.order.models import *  # noqa: E402, F403
