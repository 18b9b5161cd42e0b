"""The admin class of events, which is read-only."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from order_copies.admin.bounded import BoundedMixin
from order_copies.admin.forms import pretty
from order_copies.admin.parameters import ParametersMixin
from order_copies.events.models import Event
from order_copies.events.recording import actor_name

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Event]
else:
    ModelAdmin = admin.ModelAdmin

#: The number of latest events whose values are the choices of the filters.
MAX_SAMPLED = 1_000


class RecentValueFilter(admin.SimpleListFilter):
    """Filters events by a value; the choices are the values of the latest events."""

    parameter_name: str

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the values of the latest events, because reading all events is slow."""
        values = Event.objects.order_by("-pk").values_list(self.parameter_name, flat=True)
        return [(value, value) for value in sorted(set(values[:MAX_SAMPLED])) if value]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Event]") -> "QuerySet[Event]":
        """Return the events with the chosen value; all events if none is chosen."""
        value = self.value()
        return queryset if value is None else queryset.filter(**{self.parameter_name: value})


class ResourceTypeFilter(RecentValueFilter):
    """Filters events by type of resource."""

    title = gettext_lazy("resource type")
    parameter_name = "resource_type"


class NameFilter(RecentValueFilter):
    """Filters events by name."""

    title = gettext_lazy("name")
    parameter_name = "name"


@admin.register(Event)
class EventAdmin(BoundedMixin, ParametersMixin, ModelAdmin):
    """Lists events, newest first. Events cannot be added, changed or deleted."""

    list_display = ["event_id", "__str__", "resource_type", "resource_id", "actor", "created_at"]
    list_filter = [ResourceTypeFilter, NameFilter, "created_at"]
    search_fields = ["=resource_id"]
    readonly_fields = fields = (
        "event_id",
        "name",
        "resource_type",
        "resource_id",
        "changed",
        "actor",
        "created_at",
    )
    ordering = ["-pk"]

    @admin.display(description=gettext_lazy("event"), ordering="pk")
    def event_id(self, event: Event) -> str:
        """Return the public id."""
        return event.public_id

    @admin.display(description=gettext_lazy("actor"), empty_value="–")
    def actor(self, event: Event) -> str:
        """Return the name of the actor."""
        return actor_name(event.who)

    @admin.display(description=gettext_lazy("changes"))
    def changed(self, event: Event) -> str:
        """Return the changes as JSON."""
        return pretty(event.changes)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return False: only the app records events."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Event | None = None) -> bool:
        """Return False: events are immutable."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Event | None = None) -> bool:
        """Return False: ``manage.py order_copies_prune`` deletes old events."""
        return False
