"""Permissions of staff on orders and copies in an admin site."""

from collections.abc import Sequence
from typing import Any

from django.contrib.admin.sites import AdminSite
from django.db.models import Model
from django.http import HttpRequest

from order_copies.models import OrderCopy
from order_copies.shops import get_shop


def may_view_copies(site: AdminSite, request: HttpRequest) -> bool:
    """Return whether the user may view copies; False if the site has no admin for them."""
    return may_view(site, request, OrderCopy)


def may_view(site: AdminSite, request: HttpRequest, model: type[Model]) -> bool:
    """Return whether the user may view rows of a model; False if the site has no admin for it."""
    return site.is_registered(model) and site.get_model_admin(model).has_view_permission(request)


def may_change_orders(site: AdminSite, request: HttpRequest, orders: Sequence[Any]) -> bool:
    """Return whether the user may change all of ``orders``, by the shop and by its order admin."""
    if not get_shop().may_change_orders(request, orders):
        return False
    known = [order for order in orders if site.is_registered(type(order))]
    return all(
        site.get_model_admin(type(order)).has_change_permission(request, order) for order in known
    )
