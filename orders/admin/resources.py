"""What the admins of the shop's resources share."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

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
from order_copies.db.locks import limited_wait, locked
from order_copies.events.who import user_as_who
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

#: What stands where there is nothing.
EMPTY = "–"

FILED_UNDER: tuple[Any, Any] = (
    _("Filed under"),
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

#: What no page shows, and so no list can be filtered by.
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
    """A status of the shop on its colour."""
    return badge(badge_kinds.get(value, "neutral"), label)


class LockedInlineMixin(AutocompleteMixin, InlineModelAdmin):
    """Rows that are locked before they are read to be changed, as their resource is."""

    def get_queryset(self, request: HttpRequest) -> "models.QuerySet[Any]":
        """The rows on the page."""
        rows: models.QuerySet[Any] = super().get_queryset(request)
        return locked(rows) if request.method == "POST" else rows


class StackedInline(LockedInlineMixin, BaseStackedInline):
    """Rows below one another."""


class TabularInline(LockedInlineMixin, BaseTabularInline):
    """Rows in a table."""


class RecordingMixin(ModelAdmin):
    """Records what staff create, change and delete, in the transaction in which they do.

    Where another transaction keeps rows locked, a message says so and nothing is changed.
    """

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """The stock page, which waits for locked rows no longer than ``LOCK_TIMEOUT``."""
        return self._unless_locked(request, super().changeform_view, *args, **kwargs)

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """The stock page, which waits for locked rows no longer than ``LOCK_TIMEOUT``."""
        return self._unless_locked(request, super().delete_view, *args, **kwargs)

    def _unless_locked(
        self, request: HttpRequest, view: Callable[..., HttpResponse], *args: Any, **kwargs: Any
    ) -> HttpResponse:
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
        """The resource, locked before it is read if it is about to be changed.

        A form writes back all columns, so what it was read from must not change meanwhile.
        """
        if request.method == "POST":
            with suppress(ValidationError, ValueError):
                resources = self.model._base_manager.filter(**{from_field or "pk": object_id})
                list(locked(resources))
        return super().get_object(request, object_id, from_field)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save the resource and record what became different."""
        before = states_of([obj]) if change else {}
        super().save_model(request, obj, form, change)
        record_changes([_saved(obj, before)], who=user_as_who(request.user))

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """Save what stands on the page of the resource and record it too."""
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
        record_changes(changes, who=user_as_who(request.user))

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Delete the resource and record it."""
        before = states_of([obj])
        super().delete_model(request, obj)
        record_changes(_deleted(type(obj), before, before), who=user_as_who(request.user))

    @transaction.atomic
    def delete_queryset(self, request: HttpRequest, queryset: "models.QuerySet[Any]") -> None:
        """Delete the resources and record it."""
        before = states_of(queryset)
        super().delete_queryset(request, queryset)
        record_changes(_deleted(queryset.model, before, before), who=user_as_who(request.user))


def _saved(resource: Resource, before: dict[int, State]) -> Change:
    return Change(resource, resource.pk, before.get(resource.pk), state_of(resource))


def _deleted(model: Any, before: dict[int, State], keys: Iterable[int]) -> list[Change]:
    return [Change(model, key, before[key], None) for key in keys if key in before]


class ResourceAdmin(ParametersMixin, DeletionMixin, RecordingMixin):
    """A resource with a public id and metadata."""

    actions: Sequence[Any] = ["delete_selected"]
    readonly_fields = ["public_id", "created_at", "updated_at"]
    #: The fields of the model itself, above those that every resource has.
    own_fields: list[Any] = []

    class Media:
        css = {"all": ["order_copies/admin.css"]}

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Its own fields, and what it is filed under."""
        return self.fieldsets or [(None, {"fields": self.own_fields}), FILED_UNDER]

    @deletes_selected
    def delete_selected(
        self, request: HttpRequest, queryset: "models.QuerySet[Any]"
    ) -> HttpResponse | None:
        """The stock action, which waits for locked rows no longer than ``LOCK_TIMEOUT``."""
        try:
            with limited_wait(settings.LOCK_TIMEOUT):
                return super().delete_selected(request, queryset)
        except RowsLockedError as error:
            self.message_user(request, str(error), messages.ERROR)
            return None

    def formfield_for_dbfield(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        """Metadata is a JSON object; addresses on the web start with https."""
        if db_field.name == "metadata":
            kwargs["form_class"] = MetadataField
        if isinstance(db_field, models.URLField):
            kwargs["assume_scheme"] = "https"
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Not by what is hidden: letter by letter a list that is filtered would tell it."""
        is_hidden = lookup.partition("__")[0] in HIDDEN
        return not is_hidden and super().lookup_allowed(lookup, value, request)

    @admin.display(description=_("id"))
    def public_id(self, resource: Any) -> str:
        """The id on the wire."""
        return str(resource.public_id) if resource.pk else EMPTY
