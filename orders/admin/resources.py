"""Base classes of the shop's admins: locking, recording of changes, common fields."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from order_copies.admin.deletion import DeletionMixin, deletes_selected
from order_copies.admin.forms import MetadataField
from order_copies.admin.parameters import AutocompleteMixin, ParametersMixin
from order_copies.conf import settings
from order_copies.db.transactions import limited_wait, locked
from order_copies.events.recording import user_actor
from order_copies.exceptions import RowsLockedError
from order_copies.templatetags.order_copies_admin import badge
from orders.lifecycle.changes import Change, State, record_changes, state_of, states_of
from orders.models.resources import Resource

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
    InlineModelAdmin = admin.options.InlineModelAdmin[Any, Any]
    BaseStackedInline = admin.StackedInline[Any, Any]
    BaseTabularInline = admin.TabularInline[Any, Any]
else:
    ModelAdmin = admin.ModelAdmin
    InlineModelAdmin = admin.options.InlineModelAdmin
    BaseStackedInline = admin.StackedInline
    BaseTabularInline = admin.TabularInline

Result = TypeVar("Result")

#: The text of an empty value.
EMPTY = "–"

FILED_UNDER: tuple[Any, Any] = (
    _("Reference and metadata"),
    {
        "classes": ["collapse"],
        "fields": [
            "public_id",
            "reference",
            "reference_origin",
            "metadata",
            "created_at",
            "updated_at",
        ],
    },
)

#: The secret fields: no page shows them, and no list can be filtered by them.
HIDDEN = frozenset({"token", "gift_card_code"})

badge_kinds = {
    "placed": "completed",
    "approved": "completed",
    "authorized": "completed",
    "paid": "completed",
    "fulfilled": "completed",
    "free": "completed",
    "placing": "in_progress",
    "editing": "in_progress",
    "in_progress": "in_progress",
    "pending": "warning",
    "cancelled": "failed",
    "voided": "failed",
    "refunded": "failed",
}


def badge_of(value: str, label: Any) -> SafeString:
    """Return a status of the shop as a coloured badge."""
    return badge(badge_kinds.get(value, "neutral"), label)


class LockedInlineMixin(AutocompleteMixin, InlineModelAdmin):
    """An inline that locks its rows before a POST changes them, as the admin of the page does."""

    def get_queryset(self, request: HttpRequest) -> "models.QuerySet[Any]":
        """Return the rows on the page; lock them for a POST."""
        rows: models.QuerySet[Any] = super().get_queryset(request)
        return locked(rows) if request.method == "POST" else rows


class StackedInline(LockedInlineMixin, BaseStackedInline):
    """A locking inline of stacked rows."""


class TabularInline(LockedInlineMixin, BaseTabularInline):
    """A locking inline of rows in a table."""


class RecordingMixin(ModelAdmin):
    """Record what staff create, change and delete, in the transaction that changes it.

    If another transaction keeps a row locked, change nothing and show a message.
    """

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Return Django's page; a POST waits at most ``LOCK_TIMEOUT`` for locked rows."""
        return self._unless_locked(request, super().changeform_view, *args, **kwargs)

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Return Django's page; a POST waits at most ``LOCK_TIMEOUT`` for locked rows."""
        return self._unless_locked(request, super().delete_view, *args, **kwargs)

    def _unless_locked(
        self, request: HttpRequest, view: Callable[..., Result], *args: Any, **kwargs: Any
    ) -> Result | HttpResponse:
        if request.method != "POST":
            return view(request, *args, **kwargs)
        try:
            with limited_wait(settings.LOCK_TIMEOUT):
                return view(request, *args, **kwargs)
        except RowsLockedError as error:
            self.message_user(request, str(error), messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any:
        """Return the resource; for a POST, lock it first.

        A form writes all columns, so another transaction must not change the row between the
        read and the write.
        """
        if request.method == "POST":
            with suppress(ValidationError, ValueError):
                resources = self.model._base_manager.filter(**{from_field or "pk": object_id})
                list(locked(resources))
        return super().get_object(request, object_id, from_field)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save the resource and record the fields that changed."""
        before = states_of([obj]) if change else {}
        super().save_model(request, obj, form, change)
        record_changes([_saved(obj, before)], who=user_actor(request.user))

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """Save the inline rows of the resource and record what changed."""
        deleted = {form.instance.pk for form in formset.deleted_forms}
        before = states_of(
            form.instance
            for form in formset.initial_forms
            if form.has_changed() or form.instance.pk in deleted
        )
        super().save_formset(request, form, formset, change)
        changed = [resource for resource, _fields in formset.changed_objects]
        changes = [_saved(resource, before) for resource in [*formset.new_objects, *changed]]
        changes += _deleted(formset.model, before, deleted)
        record_changes(changes, who=user_actor(request.user))

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Delete the resource and record the deletion."""
        before = states_of([obj])
        super().delete_model(request, obj)
        record_changes(_deleted(type(obj), before, before), who=user_actor(request.user))

    @transaction.atomic
    def delete_queryset(self, request: HttpRequest, queryset: "models.QuerySet[Any]") -> None:
        """Delete the resources and record the deletions."""
        before = states_of(queryset)
        super().delete_queryset(request, queryset)
        record_changes(_deleted(queryset.model, before, before), who=user_actor(request.user))


def _saved(resource: Resource, before: dict[int, State]) -> Change:
    return Change(resource, resource.pk, before.get(resource.pk), state_of(resource))


def _deleted(model: Any, before: dict[int, State], keys: Iterable[int]) -> list[Change]:
    return [Change(model, key, before[key], None) for key in keys if key in before]


class ResourceAdmin(ParametersMixin, DeletionMixin, RecordingMixin):
    """The base admin of a resource with a public id and metadata."""

    actions: Sequence[Any] = ["delete_selected"]
    readonly_fields = ["public_id", "created_at", "updated_at"]
    #: The fields of the model, shown above the fields that every resource has.
    own_fields: list[Any] = []

    class Media:
        css = {"all": ["order_copies/admin.css"]}

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return the fields of the model and those that every resource has."""
        return self.fieldsets or [(None, {"fields": self.own_fields}), FILED_UNDER]

    @deletes_selected
    def delete_selected(
        self, request: HttpRequest, queryset: "models.QuerySet[Any]"
    ) -> HttpResponse | None:
        """Run Django's action; it waits at most ``LOCK_TIMEOUT`` for locked rows."""
        return self._unless_locked(request, super().delete_selected, queryset)

    def formfield_for_dbfield(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        """Edit metadata as a JSON object; complete URLs with https."""
        if db_field.name == "metadata":
            kwargs["form_class"] = MetadataField
        if isinstance(db_field, models.URLField):
            kwargs["assume_scheme"] = "https"
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Forbid filters on secret fields: a filtered list reveals them letter by letter."""
        is_hidden = lookup.partition("__")[0] in HIDDEN
        return not is_hidden and super().lookup_allowed(lookup, value, request)

    @admin.display(description=_("id"))
    def public_id(self, resource: Any) -> str:
        """The id of the resource in the API."""
        return str(resource.public_id) if resource.pk else EMPTY
