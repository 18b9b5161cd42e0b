"""The orders that are to be copied, out of what a request names."""

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


@dataclass(slots=True)
class Selection:
    """The orders that a request names and its user may copy."""

    orders: list[Any] = field(default_factory=list)
    #: How many of the named ones were not found among those that the user may see.
    missing: int = 0


class SelectingMixin(Base):
    """Finds the orders that a page of a shop's order admin is to copy."""

    #: How many orders can be copied at once.
    copy_orders_limit: int = 100

    def copy_orders_selection(self, request: HttpRequest) -> Selection:
        """The orders that the URL names, as far as the user may see them."""
        ids = list(dict.fromkeys(filter(None, request.GET.get("ids", "").split(","))))
        ids = ids[: self.copy_orders_limit]
        keys = [key for key in map(self._order_key, ids) if key is not None]
        orders = self._orders(request).in_bulk(keys)
        seen = [
            orders[key]
            for key in keys
            if key in orders and self.has_view_permission(request, orders[key])
        ]
        return Selection(seen, len(ids) - len(seen))

    def _orders(self, request: HttpRequest) -> "models.QuerySet[Any]":
        orders = self.get_queryset(request)
        related = self.get_list_select_related(request)
        return orders if isinstance(related, bool) else orders.select_related(*related)

    def _order_key(self, text: str) -> Any:
        """The primary key that a piece of the URL stands for; None where it can be none."""
        key = self.model._meta.pk
        assert key is not None
        try:
            return None if "\0" in text else key.clean(unquote(text), None)
        except ValidationError:
            return None
