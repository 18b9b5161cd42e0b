"""Template filters and tags of the admin for amounts and statuses."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from django import template
from django.utils.formats import date_format, number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext_lazy

from order_copies.currencies import decimal_places
from order_copies.models import OrderFactory, Status

register = template.Library()

_counts = {
    Status.PENDING: ngettext_lazy("%(count)s pending", "%(count)s pending", "count"),
    Status.IN_PROGRESS: ngettext_lazy("%(count)s in progress", "%(count)s in progress", "count"),
    Status.ABORTED: ngettext_lazy("%(count)s aborted", "%(count)s aborted", "count"),
    Status.FAILED: ngettext_lazy("%(count)s failed", "%(count)s failed", "count"),
    Status.COMPLETED: ngettext_lazy("%(count)s completed", "%(count)s completed", "count"),
}


@register.filter
def amount(cents: int | None, currency_code: str = "") -> str:
    """Format an amount in minor units as a number, ``1,234.50``; None as an empty string."""
    if cents is None:
        return ""
    places = decimal_places(currency_code)
    value = Decimal(cents).scaleb(-places)
    return number_format(value, decimal_pos=places, force_grouping=True).replace("-", "\u2212")


@register.filter
def money(cents: int | None, currency_code: str = "") -> str:
    """Format an amount in minor units with its currency, ``1,234.50 EUR``."""
    return "\u00a0".join(filter(None, [amount(cents, currency_code), currency_code]))


@register.filter
def signed_money(cents: int, currency_code: str = "") -> str:
    """Format a difference in minor units with its sign, ``+12.00 EUR``."""
    return ("+" if cents > 0 else "") + money(cents, currency_code)


def count_of(status: Status, count: int) -> str:
    """Return a number of copies with their status, "2 failed"."""
    return str(_counts[status] % {"count": count})


@register.simple_tag
def badge(kind: str, label: Any) -> SafeString:
    """Render a coloured badge. The colour must not add information to the label."""
    return format_html('<span class="copies-badge copies-{}">{}</span>', kind, label)


@register.simple_tag
def status_badge(order_copy: OrderFactory) -> SafeString:
    """Render the status of a copy as a badge. The script of the page finds it by ``data-copy``."""
    kind, label = order_copy.status, order_copy.get_status_display()
    if order_copy.status == Status.COMPLETED and order_copy.errors_count:
        kind, label = "warning", _("completed with errors")
    return format_html(
        '<span class="copies-badge copies-{}" data-copy="{}">{}</span>',
        kind,
        order_copy.public_id,
        label,
    )


@register.filter
def instant(moment: datetime | None) -> str:
    """Render an instant to the second in the current time zone, with the ISO form as its title."""
    if moment is None:
        return ""
    local = localtime(moment)
    return format_html(
        '<time datetime="{0}" title="{0}">{1}, {2}</time>',
        local.isoformat(timespec="milliseconds"),
        date_format(local, "DATE_FORMAT"),
        local.strftime("%H:%M:%S"),
    )


#: The attributes that errors, outcomes and events name, as words.
_NAMED = (
    gettext_noop("Activate by source order"),
    gettext_noop("Adjustment"),
    gettext_noop("Allowed"),
    gettext_noop("Apply promotions"),
    gettext_noop("Auto activate"),
    gettext_noop("Auto cancel"),
    gettext_noop("Billing address"),
    gettext_noop("Bundle code"),
    gettext_noop("Cancel source order"),
    gettext_noop("Changes"),
    gettext_noop("Coupon code"),
    gettext_noop("Currency code"),
    gettext_noop("Customer"),
    gettext_noop("Customer email"),
    gettext_noop("Customer payment source"),
    gettext_noop("Discount"),
    gettext_noop("Due at"),
    gettext_noop("Expires at"),
    gettext_noop("Frequency"),
    gettext_noop("Fulfillment status"),
    gettext_noop("Gift card"),
    gettext_noop("Gift card code"),
    gettext_noop("Ignore invalid coupon"),
    gettext_noop("Line items"),
    gettext_noop("Market"),
    gettext_noop("Max price increase percent"),
    gettext_noop("Metadata"),
    gettext_noop("Name"),
    gettext_noop("Next run at"),
    gettext_noop("Options"),
    gettext_noop("Order subscription"),
    gettext_noop("Order subscription items"),
    gettext_noop("Payment method"),
    gettext_noop("Payment source"),
    gettext_noop("Payment status"),
    gettext_noop("Place target order"),
    gettext_noop("Plan changed"),
    gettext_noop("Price policy"),
    gettext_noop("Profile"),
    gettext_noop("Quantity"),
    gettext_noop("Reference"),
    gettext_noop("Reference origin"),
    gettext_noop("Renewal alert period"),
    gettext_noop("Resumes at"),
    gettext_noop("Retry at"),
    gettext_noop("Reuse wallet"),
    gettext_noop("Shipping"),
    gettext_noop("Shipping address"),
    gettext_noop("Skip errors"),
    gettext_noop("Sku code"),
    gettext_noop("Source order"),
    gettext_noop("Starts at"),
    gettext_noop("Status"),
    gettext_noop("Strategy"),
    gettext_noop("Subscription model"),
    gettext_noop("Subtotal"),
    gettext_noop("Target order"),
    gettext_noop("Total"),
    gettext_noop("Total amount with taxes"),
    gettext_noop("Total tax"),
    gettext_noop("Unit"),
)


def words(name: str) -> str:
    """Return the name of an attribute as words: "Source order" for ``source_order``.

    The words are translated for the attributes of the app; another has its own name.
    """
    if name == "base":
        return _("The copy")
    text = name.removesuffix("_cents").removesuffix("_amount").replace("_", " ")
    return _(text[:1].upper() + text[1:])
