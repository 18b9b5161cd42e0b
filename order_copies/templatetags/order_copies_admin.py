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

from order_copies.currencies import decimal_places
from order_copies.models import OrderFactory, Status

register = template.Library()


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


def words(name: str) -> str:
    """Return the name of an attribute as words: "Source order" for ``source_order``."""
    if name == "base":
        return _("The copy")
    text = name.removesuffix("_cents").removesuffix("_amount").replace("_", " ")
    return text[:1].upper() + text[1:]
