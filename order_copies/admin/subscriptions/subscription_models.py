"""The admin class of subscription models."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db import models, transaction
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from order_copies.admin.parameters import ParametersMixin
from order_copies.admin.refusals import RefusalsMixin
from order_copies.admin.subscriptions.forms import SubscriptionModelForm
from order_copies.admin.subscriptions.words import frequency_label
from order_copies.events.recording import user_actor
from order_copies.models import SubscriptionModel
from order_copies.subscriptions import subscription_models

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[SubscriptionModel]
else:
    ModelAdmin = admin.ModelAdmin


@admin.register(SubscriptionModel)
class SubscriptionModelAdmin(ParametersMixin, RefusalsMixin, ModelAdmin):
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
        """Create the model, or change what the user changed, as the API does."""
        actor = user_actor(request.user)
        if not change:
            subscription_models.create(obj, actor=actor)
        elif values := form.changed_values:
            subscription_models.update(obj, values, actor=actor)

    def delete_model(self, request: HttpRequest, obj: SubscriptionModel) -> None:
        """Delete the model, and record it. One that is in use stays."""
        subscription_models.delete(obj, actor=user_actor(request.user))

    @transaction.atomic
    def delete_queryset(
        self, request: HttpRequest, queryset: "models.QuerySet[SubscriptionModel]"
    ) -> None:
        """Delete the models, or none if one is in use."""
        for subscription_model in queryset.order_by("pk"):
            self.delete_model(request, subscription_model)
