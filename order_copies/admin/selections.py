"""The orders that an address of the admin names."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import ValidationError
from django.db import models
from django.http import HttpRequest

if TYPE_CHECKING:
    Base = admin.ModelAdmin[Any]
else:
    Base = object

#: The largest number of orders that an address names. The action of the list takes any number.
MAX_NAMED = 100


@dataclass(slots=True)
class Selection:
    """The orders that a request names and that its user may view."""

    orders: list[Any] = field(default_factory=list)
    #: The number of named orders that were not found or that the user may not view.
    missing: int = 0


class SelectingMixin(Base):
    """Selects the orders for the pages that copy orders and subscribe to them."""

    def named_orders(self, request: HttpRequest) -> Selection:
        """Return the orders that the parameter ``ids`` names and that the user may view."""
        ids = list(dict.fromkeys(filter(None, request.GET.get("ids", "").split(","))))[:MAX_NAMED]
        keys = [key for key in map(self._order_key, ids) if key is not None]
        orders = self.visible_orders(request).in_bulk(keys)
        seen = [
            orders[key]
            for key in keys
            if key in orders and self.has_view_permission(request, orders[key])
        ]
        return Selection(seen, len(ids) - len(seen))

    def visible_orders(self, request: HttpRequest) -> "models.QuerySet[Any]":
        """Return the orders of this admin, with what its list loads of them."""
        orders = self.get_queryset(request)
        related = self.get_list_select_related(request)
        return orders if isinstance(related, bool) else orders.select_related(*related)

    def _order_key(self, text: str) -> Any:
        # The primary key for one part of the parameter, or None if it is malformed.
        key = self.model._meta.pk
        assert key is not None
        try:
            return None if "\0" in text else key.clean(unquote(text), None)
        except ValidationError:
            return None
