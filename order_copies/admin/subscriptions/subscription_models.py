"""The admin class of subscription models."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db import models, transaction
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from order_copies.admin.deletion import DeletionMixin
from order_copies.admin.parameters import ParametersMixin
from order_copies.admin.subscriptions.forms import SubscriptionModelForm
from order_copies.admin.subscriptions.words import frequency_label
from order_copies.events.models import Event
from order_copies.events.recording import changes_of, record, user_actor
from order_copies.models import SubscriptionModel

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[SubscriptionModel]
else:
    ModelAdmin = admin.ModelAdmin

_RECORDED = ("name", "strategy", "frequencies", "auto_activate", "auto_cancel")


@admin.register(SubscriptionModel)
class SubscriptionModelAdmin(ParametersMixin, DeletionMixin, ModelAdmin):
    """Lists and edits subscription models. One that has subscriptions cannot be deleted."""

    form = SubscriptionModelForm
    list_display = ["name", "strategy", "allowed", "auto_activate", "auto_cancel"]
    search_fields = ["name", "=reference"]
    ordering = ["name", "pk"]
    actions = ["delete_selected"]
    fieldsets = [
        (None, {"fields": ["name", "strategy", "named", "crontabs"]}),
        (
            gettext_lazy("With the order"),
            {"fields": ["auto_activate", "auto_cancel"]},
        ),
        (
            gettext_lazy("Reference and metadata"),
            {"classes": ["collapse"], "fields": ["reference", "reference_origin", "metadata"]},
        ),
    ]

    class Media:
        css = {"all": ["order_copies/admin.css"]}

    @admin.display(description=gettext_lazy("frequencies"))
    def allowed(self, subscription_model: SubscriptionModel) -> str:
        """Return the frequencies as words."""
        return ", ".join(map(frequency_label, subscription_model.frequencies))

    def get_fieldsets(self, request: HttpRequest, obj: SubscriptionModel | None = None) -> Any:
        """Return the fields; for a user who may not change them, the frequencies as one text."""
        if self.has_change_permission(request, obj) or obj is None:
            return self.fieldsets
        names = ["name", "strategy", "allowed", "auto_activate", "auto_cancel"]
        return [(None, {"fields": names})]

    def get_readonly_fields(
        self, request: HttpRequest, obj: SubscriptionModel | None = None
    ) -> Any:
        """Return no field, or all for a user who may only view them."""
        return [] if self.has_change_permission(request, obj) or obj is None else ["allowed"]

    def save_model(
        self, request: HttpRequest, obj: SubscriptionModel, form: Any, change: bool
    ) -> None:
        """Save the model and record what changed."""
        before = _state(SubscriptionModel.objects.get(pk=obj.pk)) if change else {}
        super().save_model(request, obj, form, change)
        self._record(request, obj, changes_of(before, _state(obj)))

    def delete_model(self, request: HttpRequest, obj: SubscriptionModel) -> None:
        """Delete the model and record it."""
        gone = dict.fromkeys(_RECORDED)
        self._record(request, obj, changes_of(_state(obj), gone))
        super().delete_model(request, obj)

    @transaction.atomic
    def delete_queryset(
        self, request: HttpRequest, queryset: "models.QuerySet[SubscriptionModel]"
    ) -> None:
        """Delete the models and record it."""
        for subscription_model in queryset:
            self.delete_model(request, subscription_model)

    def _record(self, request: HttpRequest, obj: SubscriptionModel, changes: Any) -> None:
        if changes:
            event = Event(resource_type=obj.resource_type, resource_id=str(obj.pk), changes=changes)
            event.who = user_actor(request.user)
            record([event])


def _state(subscription_model: SubscriptionModel) -> dict[str, Any]:
    return {name: getattr(subscription_model, name) for name in _RECORDED}
