"""The viewsets of subscriptions, their items and their models.

A shop may subclass them and route its subclasses instead.
"""

from collections.abc import Collection, Sequence
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from rest_framework.permissions import IsAuthenticated

from order_copies import copying
from order_copies.api import serializers
from order_copies.api.forecasts import ForecastMixin
from order_copies.api.permissions import (
    SubscriptionsPermission,
    check_gifts,
    check_prices,
    check_subscription,
)
from order_copies.events.recording import request_actor
from order_copies.exceptions import SubscriptionRefusedError
from order_copies.jsonapi.errors import Error, RequestRefusedError
from order_copies.jsonapi.views import CreateMixin, DestroyMixin, ReadOnlyViewSet, UpdateMixin
from order_copies.models import OrderSubscription, OrderSubscriptionItem, SubscriptionModel
from order_copies.plans import Problem
from order_copies.shops import get_shop
from order_copies.subscriptions import changes, subscription_models

_TRIGGERS = {
    "_activate": changes.activate,
    "_deactivate": changes.deactivate,
    "_cancel": changes.cancel,
    "_convert": changes.convert,
    "_skip": changes.skip,
    "_unskip": changes.unskip,
    "_run": copying.renew,
}
#: What a client may send that cannot make a subscription place orders.
_HARMLESS = frozenset({"_deactivate", "_cancel", "_skip", *changes.ANNOTATIONS})


class WritableViewSet(CreateMixin, UpdateMixin, DestroyMixin, ReadOnlyViewSet):
    """A resource that clients can create, change and delete."""


class OrderSubscriptionViewSet(ForecastMixin, WritableViewSet):
    """``/order_subscriptions``: create, change, run, stop and forecast subscriptions."""

    queryset: QuerySet[Any] = OrderSubscription.objects.all()
    serializer_class = serializers.OrderSubscriptionSerializer
    permission_classes = [IsAuthenticated, SubscriptionsPermission]
    filter_scopes = {
        "active": lambda rows: rows.active(),  # type: ignore[attr-defined]
        "expired": lambda rows: rows.expired(timezone.now()),  # type: ignore[attr-defined]
        "runnable": lambda rows: rows.runnable(timezone.now()),  # type: ignore[attr-defined]
    }

    def get_queryset(self) -> "QuerySet[Any]":
        """Return the subscriptions that the client may see."""
        return get_shop().order_subscriptions_for(self.request, super().get_queryset())

    def perform_create(self, serializer: Any) -> None:
        """Create a subscription, with its items. Raises :class:`SubscriptionRefusedError`."""
        values = self.values_of(serializer)
        check_prices(self.request, values)
        order_subscription = OrderSubscription(**values)
        check_subscription(self.request, order_subscription)
        actor = request_actor(self.request)
        serializer.instance = changes.create(order_subscription, actor=actor)

    def perform_update(self, serializer: Any) -> None:
        """Change attributes and run the trigger: all of it, or nothing.

        Raises :class:`SubscriptionRefusedError`.
        """
        one, trigger = serializer.instance, serializer.trigger
        values, actor = self.values_of(serializer), request_actor(self.request)
        check_prices(self.request, values)
        self._check_permitted(one, values, trigger)
        with transaction.atomic():
            if values or not trigger:
                changes.update(one, values, actor=actor)
            if trigger:
                [problems] = _TRIGGERS[trigger]([one], actor=actor)
                if problems:
                    raise SubscriptionRefusedError(problems)
        one.refresh_from_db()

    def perform_destroy(self, instance: OrderSubscription) -> None:
        """Delete a subscription, unless its copy runs. Its copies stay."""
        [problems] = changes.delete([instance], actor=request_actor(self.request))
        refuse_to_delete(problems)

    def values_of(self, serializer: Any) -> dict[str, Any]:
        """Return the attributes that a valid request sets, with those in its ``options``."""
        values = dict(serializer.changes)
        return {**values.pop("options", {}), **values}

    def _check_permitted(
        self, one: OrderSubscription, values: dict[str, Any], trigger: str
    ) -> None:
        sent: Collection[str] = {*values, *([trigger] if trigger else [])}
        places = values.get("place_target_order", one.place_target_order)
        if places and not _HARMLESS.issuperset(sent):
            wanted = OrderSubscription(source_order=one.source_order, place_target_order=True)
            check_subscription(self.request, wanted)


class OrderSubscriptionItemViewSet(WritableViewSet):
    """``/order_subscription_items``: what the copies of automatic subscriptions contain."""

    queryset: QuerySet[Any] = OrderSubscriptionItem.objects.all()
    serializer_class = serializers.OrderSubscriptionItemSerializer
    permission_classes = [IsAuthenticated, SubscriptionsPermission]

    def get_queryset(self) -> "QuerySet[Any]":
        """Return the items of the subscriptions that the client may see."""
        everything = OrderSubscription.objects.all()
        visible = get_shop().order_subscriptions_for(self.request, everything)
        rows = super().get_queryset()
        # A client that may see all subscriptions needs no subquery.
        if not visible.query.has_filters():
            return rows
        return rows.filter(order_subscription__in=visible)

    def perform_create(self, serializer: Any) -> None:
        """Add an item. Raises :class:`SubscriptionRefusedError`."""
        values = self.values_of(serializer)
        check_prices(self.request, values)
        item = OrderSubscriptionItem(**values)
        check_subscription(self.request, item.order_subscription)
        changes.add_item(item, actor=request_actor(self.request))
        serializer.instance = item

    def perform_update(self, serializer: Any) -> None:
        """Change an item. Raises :class:`SubscriptionRefusedError`."""
        item, values = serializer.instance, self.values_of(serializer)
        check_prices(self.request, values)
        if not _HARMLESS.issuperset(values):
            check_subscription(self.request, item.order_subscription)
            check_gifts(self.request, item)
        changes.update_item(item, values, actor=request_actor(self.request))
        item.refresh_from_db()

    def perform_destroy(self, instance: OrderSubscriptionItem) -> None:
        """Delete an item, unless it is the last one."""
        check_subscription(self.request, instance.order_subscription)
        check_gifts(self.request, instance, is_deleted=True)
        try:
            changes.delete_item(instance, actor=request_actor(self.request))
        except SubscriptionRefusedError as error:
            refuse_to_delete(error.problems)

    def values_of(self, serializer: Any) -> dict[str, Any]:
        """Return the attributes and relationships that a valid request sets."""
        return dict(serializer.changes)


class SubscriptionModelViewSet(WritableViewSet):
    """``/subscription_models``: every client reads them, staff write them."""

    queryset: QuerySet[Any] = SubscriptionModel.objects.all()
    serializer_class = serializers.SubscriptionModelSerializer

    def perform_create(self, serializer: Any) -> None:
        """Create a subscription model."""
        serializer.instance = SubscriptionModel(**serializer.changes)
        subscription_models.create(serializer.instance, actor=request_actor(self.request))

    def perform_update(self, serializer: Any) -> None:
        """Change a subscription model; subscriptions keep their frequencies."""
        actor = request_actor(self.request)
        subscription_models.update(serializer.instance, serializer.changes, actor=actor)

    def perform_destroy(self, instance: SubscriptionModel) -> None:
        """Delete a subscription model that nothing uses."""
        subscription_models.delete(instance, actor=request_actor(self.request))


def refuse_to_delete(problems: Sequence[Problem]) -> None:
    """Raise :class:`RequestRefusedError` with status 423 if there are reasons not to delete."""
    if problems:
        errors = (Error("LOCKED", f"{one.attribute} - {one.message}") for one in problems)
        raise RequestRefusedError(*errors)
