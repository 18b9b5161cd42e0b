from django.contrib import admin

from order_copies.admin import CopyOrdersMixin
from tea.models import Order, OrderLine


class OrderLineInline(admin.TabularInline):
    model = OrderLine


@admin.register(Order)
class OrderAdmin(CopyOrdersMixin, admin.ModelAdmin):
    list_display = ["__str__", "total", "placed", "cancelled"]
    inlines = [OrderLineInline]
