"""Search copies and subscriptions by id, by reference and by their orders."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from order_copies import public_ids
from order_copies.shops import get_shop

if TYPE_CHECKING:
    Base = admin.ModelAdmin[Any]
else:
    Base = object


#: The largest number of orders, the newest first, whose rows a search shows.
MAX_ORDERS = 100


class SearchingMixin(Base):
    """Searches rows by public id, reference, and the search fields of their orders."""

    search_fields = ["=reference"]
    search_help_text = gettext_lazy("Search by id of a copy or an order, by reference, or by order")
    #: Fields of the shop's order model to search. None: the ``search_fields`` of the order admin.
    order_search_fields: Iterable[str] | None = None
    #: The resource type of the public ids, and the relations to orders.
    searched_type = "order_factories"
    searched_orders: tuple[str, ...] = ("source_order", "target_order")

    def get_search_results(
        self, request: HttpRequest, queryset: "QuerySet[Any]", search_term: str
    ) -> tuple["QuerySet[Any]", bool]:
        """Return Django's results, and the rows of the id, or of the orders that are found.

        The orders are looked for first, so that each condition is one of keys that have an index.
        """
        found, may_repeat = super().get_search_results(request, queryset, search_term)
        if search_term:
            found |= queryset.filter(self._named_by(request, search_term))
        return found, may_repeat

    def _named_by(self, request: HttpRequest, term: str) -> Q:
        named = Q(pk__in=[])
        if (key := public_ids.decode(self.searched_type, term.strip())) is not None:
            named |= Q(pk=key)
        orders = self._orders(request, term)
        if (key := get_shop().order_key(term.strip())) is not None:
            orders.append(key)
        for relation in self.searched_orders if orders else ():
            named |= Q(**{f"{relation}__in": orders})
        return named

    def _orders(self, request: HttpRequest, term: str) -> list[Any]:
        """Return the keys of the first orders that the search of their own list finds."""
        model = get_shop().order_model
        orders = model._default_manager.order_by("-pk")
        if self.order_search_fields is not None:
            order_admin: Any = admin.ModelAdmin(model, self.admin_site)
            order_admin.search_fields = self.order_search_fields
        elif self.admin_site.is_registered(model):
            order_admin = self.admin_site.get_model_admin(model)
            # A user who may not view orders must not learn their values by searching.
            if not order_admin.has_view_permission(request):
                return []
        else:
            return []
        if not order_admin.get_search_fields(request):
            return []
        found, _may_repeat = order_admin.get_search_results(request, orders, term)
        return list(found.values_list("pk", flat=True)[:MAX_ORDERS])
