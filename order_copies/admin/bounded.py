"""Lists of tables with millions of rows: what is counted and searched is bounded.

A list counts its first rows only, so that it has a last page. A condition that no index serves is
looked for among the latest rows only; the list says so.
"""

from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import Max, QuerySet
from django.http import HttpRequest, HttpResponse

if TYPE_CHECKING:
    Base = admin.ModelAdmin[Any]
else:
    Base = object

#: The largest number of rows that a list counts and pages through.
MAX_LISTED = 10_000
#: The number of latest rows among which a condition without an index is looked for.
MAX_SEARCHED = 50_000


class BoundedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts and lists the first rows only, because counting a large table is slow."""

    @cached_property
    def count(self) -> int:
        """The number of rows, at most :data:`MAX_LISTED`."""
        return int(self.object_list[:MAX_LISTED].count())  # type: ignore[attr-defined]


class BoundedMixin(Base):
    """Lists the first rows, and says so if there are more; searches the latest rows."""

    paginator = BoundedPaginator
    show_full_result_count = False
    change_list_template = "admin/order_copies/bounded_change_list.html"
    #: The parameters whose conditions no index serves.
    unindexed: frozenset[str] = frozenset()

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Any]":
        """Return the rows, limited."""
        return self.limited(request, super().get_queryset(request))

    def limited(self, request: HttpRequest, rows: "QuerySet[Any]") -> "QuerySet[Any]":
        """Return the latest of these rows if the list filters without an index, otherwise all."""
        if not self._is_searched(request):
            return rows
        latest = self.model._base_manager.aggregate(latest=Max("pk"))["latest"] or 0
        return rows.filter(pk__gt=latest - MAX_SEARCHED)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Return Django's list, with a note if older rows are not listed."""
        context = {
            "max_listed": MAX_LISTED,
            "max_searched": MAX_SEARCHED if self._is_searched(request) else None,
        }
        return super().changelist_view(request, (extra_context or {}) | context)

    def _is_searched(self, request: HttpRequest) -> bool:
        return bool(self.unindexed & request.GET.keys())
