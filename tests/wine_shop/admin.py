from django.contrib import admin

from order_copies.admin import CopyOrdersMixin
from tests.wine_shop.models import Order


@admin.register(Order)
class OrderAdmin(CopyOrdersMixin, admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ["number", "status"]
