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


class SearchingMixin(Base):
    """Searches rows by public id, reference, and the search fields of their orders."""

    search_fields = ["=reference"]
    search_help_text = gettext_lazy("Search by id of a copy or an order, by reference, or by order")
    #: Fields of the shop's order model to search. None: the ``search_fields`` of the order admin.
    order_search_fields: Iterable[str] | None = None
    #: The resource type of the public ids, and the relations to orders.
    searched_type = "order_factories"
    searched_orders: tuple[str, ...] = ("source_order", "target_order")

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        """Return the search fields of the rows, and those of their orders."""
        names = self.order_search_fields
        if names is None:
            names = self._order_admin_search_fields(request)
        through = (_through(side, name) for side in self.searched_orders for name in names)
        return [*self.search_fields, *through]

    def _order_admin_search_fields(self, request: HttpRequest) -> Iterable[str]:
        model = get_shop().order_model
        if not self.admin_site.is_registered(model):
            return []
        order_admin = self.admin_site.get_model_admin(model)
        # A user who may not view orders must not learn their values by searching.
        may_view = order_admin.has_view_permission(request)
        return order_admin.get_search_fields(request) if may_view else []

    def get_search_results(
        self, request: HttpRequest, queryset: "QuerySet[Any]", search_term: str
    ) -> tuple["QuerySet[Any]", bool]:
        """Return Django's results, and the rows whose own or whose order's public id matches."""
        found, may_repeat = super().get_search_results(request, queryset, search_term)
        if search_term:
            found |= queryset.filter(self._named_by(search_term.strip()))
        return found, may_repeat

    def _named_by(self, term: str) -> Q:
        keys = dict.fromkeys(self.searched_orders, get_shop().order_key(term))
        keys["pk"] = public_ids.decode(self.searched_type, term)
        named = Q(pk__in=[])
        for name, key in keys.items():
            if key is not None:
                named |= Q(**{name: key})
        return named


def _through(relation: str, name: str) -> str:
    # A search field of an order as one of its copy: ``^number`` is ``^source_order__number``.
    prefix = name[0] if name[0] in "^=@" else ""
    return f"{prefix}{relation}__{name.removeprefix(prefix)}"
