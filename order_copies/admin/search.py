"""Search copies by id, by reference and by their orders."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from order_copies import public_ids
from order_copies.models import OrderCopy
from order_copies.shops import get_shop

if TYPE_CHECKING:
    Base = admin.ModelAdmin[OrderCopy]
else:
    Base = object


class SearchingMixin(Base):
    """Searches copies by public id, reference, and the search fields of both of their orders."""

    search_fields = ["=reference"]
    search_help_text = gettext_lazy("Search by id of a copy or an order, by reference, or by order")
    #: Fields of the shop's order model to search. None: the ``search_fields`` of the order admin.
    order_search_fields: Iterable[str] | None = None

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        """Return the search fields of copies, and those of both orders."""
        names = self.order_search_fields
        if names is None:
            names = self._order_admin_search_fields(request)
        sides = ("source_order", "target_order")
        return [*self.search_fields, *(_through(side, name) for side in sides for name in names)]

    def _order_admin_search_fields(self, request: HttpRequest) -> Iterable[str]:
        model = get_shop().order_model
        if not self.admin_site.is_registered(model):
            return []
        order_admin = self.admin_site.get_model_admin(model)
        # A user who may not view orders must not learn their values by searching.
        may_view = order_admin.has_view_permission(request)
        return order_admin.get_search_fields(request) if may_view else []

    def get_search_results(
        self, request: HttpRequest, queryset: "QuerySet[OrderCopy]", search_term: str
    ) -> tuple["QuerySet[OrderCopy]", bool]:
        """Return Django's results, and the copies whose own or whose order's public id matches."""
        found, may_repeat = super().get_search_results(request, queryset, search_term)
        if search_term:
            found |= queryset.filter(_named_by(search_term.strip()))
        return found, may_repeat


def _through(relation: str, name: str) -> str:
    # A search field of an order as one of its copy: ``^number`` is ``^source_order__number``.
    prefix = name[0] if name[0] in "^=@" else ""
    return f"{prefix}{relation}__{name.removeprefix(prefix)}"


def _named_by(term: str) -> Q:
    keys = {"pk": public_ids.decode("order_factories", term)}
    keys["source_order"] = keys["target_order"] = get_shop().order_key(term)
    named = Q(pk__in=[])
    for name, key in keys.items():
        if key is not None:
            named |= Q(**{name: key})
    return named
