"""A button that copies an order, for the templates of Oscar's dashboard."""

from typing import Any

from django import template
from django.contrib import admin

from order_copies.admin import CopyOrdersMixin

register = template.Library()


@register.inclusion_tag("order_copies_oscar/copy_button.html", takes_context=True)
def copy_order_button(context: Any, order: Any) -> dict[str, Any]:
    """Render a link to the copy page of an order, if the user may copy it there.

    The page belongs to the admin, so the user needs ``is_staff``, the permission to view orders
    and ``order_copies.add_ordercopy``. Nothing is rendered for other users.
    """
    request, site = context["request"], admin.site
    if not site.is_registered(type(order)) or not site.has_permission(request):
        return {}
    order_admin = site.get_model_admin(type(order))
    if isinstance(order_admin, CopyOrdersMixin) and order_admin.has_copy_permission(request):
        return {"copy_orders_url": order_admin.copy_orders_url([order.pk])}
    return {}
