"""The lines and addresses on the page of an order."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy as _

from order_copies.templatetags.order_copies_admin import money
from orders.admin.resources import EMPTY, StackedInline, TabularInline
from orders.models import Address, LineItem


class LineItemInline(TabularInline):
    """The lines of an order with their options, read-only."""

    model = LineItem
    extra = 0
    can_delete = False
    fields = readonly_fields = (
        "name",
        "options",
        "quantity",
        "unit",
        "total",
        "tax",
        "item_type",
    )

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Deny it to every user: lines are read-only."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Deny it to every user: lines are read-only."""
        return False

    def get_queryset(self, request: HttpRequest) -> "QuerySet[LineItem]":
        """Return the lines with the order and options that their columns show."""
        lines = super().get_queryset(request)
        return lines.select_related("order").prefetch_related("line_item_options")

    @admin.display(description=_("options"))
    def options(self, line_item: LineItem) -> str:
        """The options that the customer chose, with their amounts."""
        currency = line_item.order.currency_code
        rows = (
            (option.name, money(option.total_amount_cents, currency))
            for option in line_item.line_item_options.all()
        )
        return format_html_join(mark_safe("<br>"), "{} ({})", rows) or EMPTY

    @admin.display(description=_("unit amount"))
    def unit(self, line_item: LineItem) -> str:
        """The price of one piece."""
        return money(line_item.unit_amount_cents, line_item.order.currency_code)

    @admin.display(description=_("total"))
    def total(self, line_item: LineItem) -> str:
        """The price of all pieces with their options."""
        return money(line_item.total_amount_cents, line_item.order.currency_code)

    @admin.display(description=_("tax"))
    def tax(self, line_item: LineItem) -> str:
        """The tax, included in the total or on top of it."""
        return money(line_item.tax_amount_cents, line_item.order.currency_code)


class AddressInline(StackedInline):
    """The addresses of an order; they can be changed while the order is editable."""

    model = Address
    extra = 0
    max_num = 2
    classes = ["collapse"]
    fields = [
        ("role", "business"),
        ("first_name", "last_name", "company"),
        ("line_1", "line_2"),
        ("zip_code", "city", "state_code", "country_code"),
        ("phone", "email"),
        "notes",
    ]

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Allow it only while the order is editable."""
        return _is_editable(obj) and super().has_add_permission(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Allow it only while the order is editable."""
        return _is_editable(obj) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Allow it only while the order is editable."""
        return _is_editable(obj) and super().has_delete_permission(request, obj)


def _is_editable(order: Any) -> bool:
    return order is not None and bool(order.editable)
