"""The events in the admin: to be read only."""

from typing import TYPE_CHECKING

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from order_copies.events.models import Event
from order_copies.events.who import who_in_words
from order_copies.forms import pretty

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Event]
else:
    ModelAdmin = admin.ModelAdmin


@admin.register(Event)
class EventAdmin(ModelAdmin):
    """What happened, newest first. Nobody adds, changes or deletes what happened."""

    list_display = ["event_id", "__str__", "resource_type", "resource_id", "by", "created_at"]
    list_filter = ["resource_type", "name", "created_at"]
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
