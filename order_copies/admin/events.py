"""The events in the admin: to be read only."""

from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy

from order_copies.admin.forms import pretty
from order_copies.admin.parameters import ParametersMixin
from order_copies.events.models import Event
from order_copies.events.who import who_in_words

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Event]
else:
    ModelAdmin = admin.ModelAdmin

#: How many events the list has at most, and how many it looks at for the choices of its filters.
MAX_LISTED = 10_000
MAX_LOOKED_AT = 1_000


class BoundedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts and lists the first rows only: to count a large table takes long."""

    @cached_property
    def count(self) -> int:
        """How many rows there are, up to the limit."""
        return int(self.object_list[:MAX_LISTED].count())  # type: ignore[attr-defined]


class RecentValueFilter(admin.SimpleListFilter):
    """Events with a value that one of the latest events has."""

    parameter_name: str

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The values of the latest events: to look at all events takes long."""
        values = Event.objects.order_by("-pk").values_list(self.parameter_name, flat=True)
        return [(value, value) for value in sorted(set(values[:MAX_LOOKED_AT])) if value]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Event]") -> "QuerySet[Event]":
        """Those with the chosen value; all, where none is chosen."""
        value = self.value()
        return queryset if value is None else queryset.filter(**{self.parameter_name: value})


class ResourceTypeFilter(RecentValueFilter):
    """Events of one type of resource."""

    title = gettext_lazy("resource type")
    parameter_name = "resource_type"


class NameFilter(RecentValueFilter):
    """Events of one name."""

    title = gettext_lazy("name")
    parameter_name = "name"


@admin.register(Event)
class EventAdmin(ParametersMixin, ModelAdmin):
    """What happened, newest first. Nobody adds, changes or deletes what happened."""

    paginator = BoundedPaginator
    show_full_result_count = False

    list_display = ["event_id", "__str__", "resource_type", "resource_id", "by", "created_at"]
    list_filter = [ResourceTypeFilter, NameFilter, "created_at"]
    search_fields = ["=resource_id"]
    readonly_fields = fields = (
        "event_id",
        "name",
        "resource_type",
        "resource_id",
        "changed",
        "by",
        "created_at",
    )
    ordering = ["-pk"]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The stock list, which says so where it does not go back to the first event."""
        context = (extra_context or {}) | {"max_listed": MAX_LISTED}
        return super().changelist_view(request, context)

    @admin.display(description=gettext_lazy("event"), ordering="pk")
    def event_id(self, event: Event) -> str:
        """The public id."""
        return event.public_id

    @admin.display(description=gettext_lazy("by"), empty_value="–")
    def by(self, event: Event) -> str:
        """Who did it."""
        return who_in_words(event.who)

    @admin.display(description=gettext_lazy("changes"))
    def changed(self, event: Event) -> str:
        """From and to, as JSON."""
        return pretty(event.changes)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Event | None = None) -> bool:
        """Nobody."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Event | None = None) -> bool:
        """Nobody."""
        return False
