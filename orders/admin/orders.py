"""The admin of orders: list, page, actions and copies."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from order_copies.admin import CopyOrdersMixin
from order_copies.admin.pages import page_url
from order_copies.admin.subscriptions.order_subscriptions import status_badge_of
from order_copies.admin.subscriptions.words import frequency_words
from order_copies.models import OrderCopy, OrderFactory, OrderSubscription
from order_copies.templatetags.order_copies_admin import money
from orders.admin.actions import ArchivedFilter, OrderActionsMixin
from orders.admin.inlines import AddressInline, LineItemInline
from orders.admin.resources import EMPTY, FILED_UNDER, ResourceAdmin, badge_of
from orders.models import Customer, Order

#: The maximum number of subscriptions that the page of an order lists.
MAX_SUBSCRIPTIONS = 25

AMOUNTS = {
    "subtotal_amount_cents": _("subtotal"),
    "shipping_amount_cents": _("shipping"),
    "payment_method_amount_cents": _("payment fee"),
    "adjustment_amount_cents": _("adjustments"),
    "discount_amount_cents": _("discount"),
    "gift_card_amount_cents": _("gift card"),
    "total_tax_amount_cents": _("tax"),
    "total_amount_with_taxes_cents": _("total with taxes"),
}


@admin.register(Order)
class OrderAdmin(CopyOrdersMixin, OrderActionsMixin, ResourceAdmin):
    """The admin of orders. Checkouts and copies create them; staff read, change and copy them."""

    list_display = [
        "number",
        "status_badge",
        "payment_badge",
        "customer_email",
        "total",
        "placed_at",
        "lineage",
    ]
    list_filter = [
        "status",
        "payment_status",
        "fulfillment_status",
        ArchivedFilter,
        "market",
        "guest",
    ]
    list_per_page = 50
    ordering = ["-pk"]
    search_fields = ["=number", "customer_email", "=reference", "=coupon_code"]
    search_help_text = _("Search by number, customer email, reference or coupon")
    date_hierarchy = "placed_at"
    autocomplete_fields = ["payment_method", "payment_source"]
    copy_orders_display = ["status_badge", "customer_email", "placed_at"]
    copy_orders_counted = ["status"]
    inlines = [LineItemInline, AddressInline]
    fieldsets = [
        (
            None,
            {
                "fields": [
                    ("number", "market"),
                    ("status_badge", "payment_badge", "fulfillment_badge"),
                    ("customer_link", "customer_email", "guest"),
                    ("placed_at", "approved_at", "cancelled_at", "archived_at"),
                    "subscription_created_at",
                ]
            },
        ),
        (_("Amounts"), {"fields": ["amounts"]}),
        (_("Payment"), {"fields": [("payment_method", "payment_source"), "coupon_code"]}),
        (_("Copies"), {"fields": ["order_lineage", "subscriptions"]}),
        FILED_UNDER,
    ]
    readonly_fields = [
        *ResourceAdmin.readonly_fields,
        "number",
        "market",
        "status_badge",
        "payment_badge",
        "fulfillment_badge",
        "customer_link",
        "guest",
        "placed_at",
        "approved_at",
        "cancelled_at",
        "archived_at",
        "subscription_created_at",
        "amounts",
        "payment_method",
        "payment_source",
        "coupon_code",
        "order_lineage",
        "subscriptions",
    ]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Deny it to every user: checkouts and copies create orders."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Deny it to every user: orders are cancelled or archived, not deleted."""
        return False

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Order]":
        """Return the orders with the order that each is a copy of, and the number of its copies."""
        copies = OrderFactory.objects.filter(source_order=OuterRef("pk")).order_by()
        count = copies.values("source_order").annotate(count=Count("pk")).values("count")
        orders: QuerySet[Order] = super().get_queryset(request)
        return orders.select_related("source_order_factory__source_order").annotate(
            copies_count=Coalesce(Subquery(count), 0)
        )

    @admin.display(description=_("status"), ordering="status")
    def status_badge(self, order: Order) -> SafeString:
        """The status as a coloured badge."""
        return badge_of(order.status, order.get_status_display())

    @admin.display(description=_("payment"), ordering="payment_status")
    def payment_badge(self, order: Order) -> SafeString:
        """The payment status as a coloured badge."""
        return badge_of(order.payment_status, order.get_payment_status_display())

    @admin.display(description=_("fulfillment"), ordering="fulfillment_status")
    def fulfillment_badge(self, order: Order) -> SafeString:
        """The fulfillment status as a coloured badge."""
        return badge_of(order.fulfillment_status, order.get_fulfillment_status_display())

    @admin.display(description=_("customer"))
    def customer_link(self, order: Order) -> str:
        """A link to the customer."""
        if order.customer is None:
            return EMPTY
        url = page_url(self.admin_site, Customer, "change", order.customer.pk)
        return format_html('<a href="{}">{}</a>', url, order.customer)

    @admin.display(description=_("total"), ordering="total_amount_with_taxes_cents")
    def total(self, order: Order) -> str:
        """The total with taxes: what the customer pays."""
        return money(order.total_amount_with_taxes_cents, order.currency_code)

    @admin.display(description=_("amounts"))
    def amounts(self, order: Order) -> SafeString:
        """A table of the total and all other amounts that are not zero."""
        rows = (
            (label, money(getattr(order, name), order.currency_code))
            for name, label in AMOUNTS.items()
            if getattr(order, name) or name == "total_amount_with_taxes_cents"
        )
        table = '<table class="copies-amounts"><tbody>{}</tbody></table>'
        return format_html(
            table, format_html_join("", '<tr><th scope="row">{}</th><td>{}</td></tr>', rows)
        )

    @admin.display(description=_("copies"))
    def lineage(self, order: Any) -> str:
        """Links to the order that this is a copy of, and to its own copies."""
        parts: list[tuple[Any, SafeString]] = []
        source = _source_of(order)
        if source is not None:
            parts.append((_("copy of"), self._order_link(source)))
        if order.copies_count:
            parts.append(("", self._copies_link(order)))
        return format_html_join(mark_safe("<br>"), "{} {}", parts) or EMPTY

    @admin.display(description=_("subscriptions"))
    def subscriptions(self, order: Order) -> str:
        """The newest subscriptions to the order: status, number and frequency of each."""
        found = OrderSubscription.objects.filter(source_order=order).order_by("-pk")
        rows = (
            (
                status_badge_of(one),
                page_url(self.admin_site, OrderSubscription, "change", one.pk),
                one,
                frequency_words(one),
            )
            for one in found[:MAX_SUBSCRIPTIONS]
        )
        return format_html_join(mark_safe("<br>"), '{} <a href="{}">{}</a> {}', rows) or EMPTY

    def _order_link(self, order: Order) -> SafeString:
        url = page_url(self.admin_site, Order, "change", order.pk)
        return format_html('<a href="{}">{}</a>', url, order)

    def _copies_link(self, order: Any) -> SafeString:
        url = page_url(self.admin_site, OrderCopy, "changelist")
        count = order.copies_count
        text = ngettext("%(count)s copy", "%(count)s copies", count) % {"count": count}
        return format_html('<a href="{}?source_order__id__exact={}">{}</a>', url, order.pk, text)


def _source_of(order: Order) -> Order | None:
    order_copy = getattr(order, "source_order_factory", None)
    return order_copy.source_order if order_copy else None
