"""Decide which orders staff may change, and whether they may view copies."""

from collections.abc import Sequence
from typing import Any

from django.contrib.admin.sites import AdminSite
from django.http import HttpRequest

from order_copies.models import OrderCopy
from order_copies.shops import get_shop


def may_view_copies(site: AdminSite, request: HttpRequest) -> bool:
    """Whether staff may see the copies on this site, if it shows them at all."""
    if not site.is_registered(OrderCopy):
        return False
    return site.get_model_admin(OrderCopy).has_view_permission(request)


def may_change_orders(site: AdminSite, request: HttpRequest, orders: Sequence[Any]) -> bool:
    """Whether staff may change all of these orders: the shop has a say, and its order admin."""
    if not get_shop().may_change_orders(request, orders):
        return False
    known = [order for order in orders if site.is_registered(type(order))]
    return all(
        site.get_model_admin(type(order)).has_change_permission(request, order) for order in known
    )
