"""Permissions of staff on orders and copies in an admin site.

Each thing that staff do with copies has a permission of its own, which
:class:`~order_copies.models.OrderCopy` names. What changes orders also needs permission to change
the orders.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from django.contrib.admin.sites import AdminSite
from django.contrib.auth import get_permission_codename
from django.db.models import Model
from django.http import HttpRequest
from django.utils.translation import gettext as _

from order_copies.api.permissions import CHANGING_ORDERS, orders_changed_by
from order_copies.models import OrderCopy
from order_copies.shops import get_shop

#: The permission that each toggle needs, without the suffix ``_ordercopy``.
TOGGLES = {
    "place_target_order": "place",
    "cancel_source_order": "cancel_source",
    "reuse_wallet": "reuse_wallet",
}


def may_view_copies(site: AdminSite, request: HttpRequest) -> bool:
    """Return whether the user may view copies; False if the site has no admin for them."""
    return may_view(site, request, OrderCopy)


def may_view(site: AdminSite, request: HttpRequest, model: type[Model]) -> bool:
    """Return whether the user may view rows of a model; False if the site has no admin for it."""
    return site.is_registered(model) and site.get_model_admin(model).has_view_permission(request)


def may(request: HttpRequest, verb: str) -> bool:
    """Return whether the user has the permission to ``verb`` copies, as in ``abort_ordercopy``."""
    return request.user.has_perm(f"order_copies.{verb}_ordercopy")


def may_view_orders(site: AdminSite, request: HttpRequest, orders: Sequence[Any]) -> bool:
    """Return whether the user may view all of ``orders``, by the order admin of the site.

    Without such an admin it takes Django's permission to view orders.
    """
    model = get_shop().order_model
    if site.is_registered(model):
        order_admin = site.get_model_admin(model)
        return all(order_admin.has_view_permission(request, order) for order in orders)
    options = model._meta
    codename = get_permission_codename("view", options)
    return bool(request.user.has_perm(f"{options.app_label}.{codename}"))


def may_change_orders(site: AdminSite, request: HttpRequest, orders: Sequence[Any]) -> bool:
    """Return whether the user may change all of ``orders``, by the shop and by its order admin."""
    if not get_shop().may_change_orders(request, orders):
        return False
    known = [order for order in orders if site.is_registered(type(order))]
    return all(
        site.get_model_admin(type(order)).has_change_permission(request, order) for order in known
    )


def refused_toggles(site: AdminSite, request: HttpRequest, orders: Sequence[Any]) -> dict[str, str]:
    """Return the toggles that the user may not turn on for copies of ``orders``, with the reason.

    Without orders the answer holds for orders in general.
    """
    refused = {
        toggle: _("You do not have permission for this.")
        for toggle, verb in TOGGLES.items()
        if not may(request, verb)
    }
    if not may_change_orders(site, request, orders):
        text = _("You do not have permission to change these orders.")
        refused |= dict.fromkeys(CHANGING_ORDERS, text)
    return refused


def may_turn_on(
    site: AdminSite, request: HttpRequest, toggles: Iterable[str], orders: Sequence[Any]
) -> bool:
    """Return whether the user may have copies of ``orders`` do what these toggles say."""
    return not refused_toggles(site, request, orders).keys() & set(toggles)


def may_retry(site: AdminSite, request: HttpRequest, order_copies: Iterable[Any]) -> bool:
    """Return whether the user may retry these copies, and have them place and cancel again."""
    copies = list(order_copies)
    on = {name for one in copies for name in CHANGING_ORDERS if getattr(one, name)}
    orders = [order for one in copies for order in orders_changed_by(one)]
    return may(request, "retry") and may_turn_on(site, request, on, orders)
