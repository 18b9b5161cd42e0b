from django.contrib import admin

from order_copies.admin import CopyOrdersMixin
from tea.models import Order, OrderLine


class OrderLineInline(admin.TabularInline):
    model = OrderLine


@admin.register(Order)
class OrderAdmin(CopyOrdersMixin, admin.ModelAdmin):
    list_display = ["__str__", "total", "placed", "cancelled"]
    readonly_fields = ["total"]
    inlines = [OrderLineInline]

    def save_related(self, request, form, formsets, change):
        super().save_related(request, form, formsets, change)
        order = form.instance
        order.total = sum(line.quantity * line.price for line in order.lines.all())
        order.save(update_fields=["total"])
