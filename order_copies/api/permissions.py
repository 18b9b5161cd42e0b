"""Permissions of API clients on copies, subscriptions and events; the admin uses some of them."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.contrib.auth import get_permission_codename
from django.db.models import Model
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from order_copies.jsonapi.scopes import CANCEL, COPY, PLACE, check_scopes
from order_copies.models import OrderSubscription
from order_copies.shops import get_shop

#: The options of a copy that change orders, and the token scope that each requires.
CHANGING_ORDERS = {"place_target_order": PLACE, "cancel_source_order": CANCEL}

#: The attributes of subscriptions and items that decide what a copy costs: the shop sets them.
PRICES = frozenset({"unit_amount_cents", "price_policy"})

_VERBS = {"POST": "add", "PATCH": "change", "DELETE": "delete"}


class CopiesPermission(BasePermission):
    """Requires Django's permission on copies for every method that writes.

    The same permissions apply in the admin. A client that is restricted to its own orders
    (``Shop.acts_for_itself``) needs none. Which copies and orders a client sees is decided by
    ``Shop.orders_for`` and ``Shop.order_copies_for``.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        """Return whether the client may use the request's method on any copy."""
        verb = _VERBS.get(request.method or "")
        if verb is None or request.user.has_perm(f"order_copies.{verb}_ordercopy"):
            return True
        return get_shop().acts_for_itself(request)


class SubscriptionsPermission(BasePermission):
    """Requires Django's permission on the model of the view for every method that writes.

    A client that is restricted to its own orders (``Shop.acts_for_itself``) needs none. Which
    subscriptions and items a client sees is decided by ``Shop.order_subscriptions_for``.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        """Return whether the client may use the request's method on any subscription."""
        verb = _VERBS.get(request.method or "")
        return verb is None or _may_write(request, verb, view.resource.model)


class EventsPermission(BasePermission):
    """Requires Django's permission to change events for triggering one; reading needs none."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Return whether the client may use the request's method on any event."""
        is_read = request.method in SAFE_METHODS
        return is_read or request.user.has_perm("order_copies_events.change_event")


def orders_changed_by(order_copy: Any) -> list[Any]:
    """Return the orders that a user must be allowed to change to request ``order_copy``.

    That is the source order if the copy places or cancels, otherwise none.
    """
    changes = any(getattr(order_copy, name) for name in CHANGING_ORDERS)
    return [order_copy.source_order] if changes and order_copy.source_order else []


def check_copy(request: Request, order_copy: Any) -> None:
    """Raise PermissionDenied unless the client may do what ``order_copy`` requests.

    That is to place, to cancel, and to make its changes: a client that acts for itself may neither
    copy for another customer, nor get a frozen discount on an article that it was not given for,
    nor more gifts, nor gifts without all that they came with.
    """
    scopes = [scope for name, scope in CHANGING_ORDERS.items() if getattr(order_copy, name)]
    _check(request, scopes, orders_changed_by(order_copy))
    lines = order_copy.line_items or ()
    if not (lines or order_copy.customer_email) or not get_shop().acts_for_itself(request):
        return
    replaces = any("sku_code" in line for line in lines)
    if replaces or order_copy.customer_email or _takes_gifts(order_copy):
        raise PermissionDenied


def _takes_gifts(order_copy: Any) -> bool:
    """Return whether the copy takes more of a free line, or one without all that was paid."""
    source = order_copy.source_order
    described = get_shop().describe([source] if source else [])
    goods = [line for one in described if one for line in one.lines if line.is_goods]
    wanted = {line["id"]: line.get("quantity") for line in order_copy.line_items or ()}
    taken = {line.id: wanted[line.id] or line.quantity for line in goods if line.id in wanted}
    free = [line for line in goods if line.total_amount_cents <= 0 and taken.get(line.id)]
    paid = [line for line in goods if line.total_amount_cents > 0]
    has_less = any(taken.get(line.id, 0) < line.quantity for line in paid)
    return any(has_less or taken[line.id] > line.quantity for line in free)


def check_subscription(request: Request, order_subscription: Any) -> None:
    """Raise PermissionDenied unless the client may place what ``order_subscription`` places."""
    if order_subscription.place_target_order:
        source = order_subscription.source_order
        _check(request, [PLACE], [source] if source else [])


def check_new_subscriptions(request: Request, source_order: Any) -> None:
    """Raise PermissionDenied unless the client may create subscriptions that place orders.

    For endpoints of a shop that create them, with the rule of ``POST /order_subscriptions``.
    """
    check_scopes(request, COPY)
    if not _may_write(request, "add", OrderSubscription):
        raise PermissionDenied
    check_subscription(request, OrderSubscription(source_order=source_order))


def check_prices(request: Request, attributes: Iterable[str]) -> None:
    """Raise PermissionDenied if a client that acts for itself sets what it pays."""
    if PRICES.intersection(attributes) and get_shop().acts_for_itself(request):
        raise PermissionDenied


def check_gifts(request: Request, item: Any, *, is_deleted: bool = False) -> None:
    """Raise PermissionDenied if a client that acts for itself changes what comes with a gift.

    While a subscription has a free item, such a client may only delete that one: it would keep the
    gift without what was paid, or take more of it.
    """
    if not get_shop().acts_for_itself(request) or (is_deleted and item.unit_amount_cents <= 0):
        return
    items = item.order_subscription.order_subscription_items
    if items.filter(unit_amount_cents__lte=0).exists():
        raise PermissionDenied


def _may_write(request: Request, verb: str, model: type[Model]) -> bool:
    codename = get_permission_codename(verb, model._meta)
    if request.user.has_perm(f"{model._meta.app_label}.{codename}"):
        return True
    return get_shop().acts_for_itself(request)


def _check(request: Request, scopes: Sequence[str], orders: Sequence[Any]) -> None:
    check_scopes(request, *scopes)
    shop = get_shop()
    if orders and not (shop.may_change_orders(request, orders) or shop.acts_for_itself(request)):
        raise PermissionDenied
