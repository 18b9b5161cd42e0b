"""The admin class of order copies: list, results of one copy, and its reference and metadata."""

from datetime import datetime
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.utils.formats import date_format
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from order_copies import copying
from order_copies.admin.actions import InterveningMixin
from order_copies.admin.advice import is_aborted_by_hand
from order_copies.admin.bounded import BoundedMixin
from order_copies.admin.display import duration_of, toggle_labels
from order_copies.admin.exporting import ExportingMixin
from order_copies.admin.forms import OrderCopyForm
from order_copies.admin.pages import page_url
from order_copies.admin.parameters import ParametersMixin
from order_copies.admin.permissions import may_view
from order_copies.admin.progress import Progress, WatchingMixin
from order_copies.admin.refusals import RefusalsMixin
from order_copies.admin.search import SearchingMixin
from order_copies.admin.timeline import Timeline
from order_copies.admin.undoing import UndoingMixin
from order_copies.events.recording import user_actor
from order_copies.models import (
    CopyBatch,
    OrderCopy,
    OrderFactory,
    OrderFactoryQuerySet,
    OrderSubscription,
    Status,
)
from order_copies.shops import unsupported_toggles
from order_copies.templatetags.order_copies_admin import badge, status_badge, words

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[OrderCopy]
else:
    ModelAdmin = admin.ModelAdmin


#: The number of latest failed copies whose reasons are the choices of the filter.
MAX_SAMPLED = 500


class SubscriptionFilter(admin.SimpleListFilter):
    """Filters copies by whether a subscription requested them."""

    title = gettext_lazy("requested by")
    parameter_name = "subscription"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return the two choices."""
        return [("yes", _("A subscription")), ("no", _("A person or program"))]

    def queryset(
        self, request: HttpRequest, queryset: "models.QuerySet[Any]"
    ) -> "models.QuerySet[Any]":
        """Return the copies of the choice; all copies if it is unknown."""
        if self.value() not in {"yes", "no"}:
            return queryset
        return queryset.filter(order_subscription__isnull=self.value() == "no")


class ToggleFilter(admin.SimpleListFilter):
    """Filters copies by an option that is on."""

    title = gettext_lazy("toggle")
    parameter_name = "toggle"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return the options that the shop can do, with their full names."""
        fields = ((name, OrderCopy._meta.get_field(name)) for name in self._names())
        return [(name, field.verbose_name) for name, field in fields]  # type: ignore[union-attr]

    def queryset(
        self, request: HttpRequest, queryset: "models.QuerySet[Any]"
    ) -> "models.QuerySet[Any]":
        """Return the copies with the chosen option; all copies if the value is unknown."""
        name = self.value()
        return queryset.filter(**{name: True}) if name in self._names() else queryset

    def _names(self) -> list[str]:
        unsupported = unsupported_toggles()
        return [name for name in toggle_labels if name not in unsupported]


class RequesterFilter(admin.SimpleListFilter):
    """Filters copies by the user who requested them in a batch."""

    title = gettext_lazy("who")
    parameter_name = "who"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return the users of the latest batches."""
        latest = CopyBatch.objects.exclude(user=None).select_related("user").order_by("-pk")
        users = {batch.user_id: batch.user for batch in latest[:MAX_SAMPLED]}
        return sorted(((str(key), str(user)) for key, user in users.items()), key=itemgetter(1))

    def queryset(
        self, request: HttpRequest, queryset: "models.QuerySet[Any]"
    ) -> "models.QuerySet[Any]":
        """Return the copies of the chosen user; all copies if none is chosen or it is unknown."""
        chosen = self.value()
        known = chosen in {key for key, _name in self.lookup_choices}
        return queryset.filter(batch__user=chosen) if known else queryset


class ReasonFilter(admin.SimpleListFilter):
    """Filters copies by what an error is about; the choices are those of the latest failures."""

    title = gettext_lazy("reason")
    parameter_name = "reason"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return the attributes that errors of the latest failed copies name."""
        failed = OrderFactory.objects.filter(status=Status.FAILED).order_by("-pk")
        logs = failed.values_list("errors_log", flat=True)[:MAX_SAMPLED]
        return [(name, words(name)) for name in sorted({name for log in logs for name in log})]

    def queryset(
        self, request: HttpRequest, queryset: "models.QuerySet[Any]"
    ) -> "models.QuerySet[Any]":
        """Return the copies with such an error; all copies if none is chosen."""
        name = self.value()
        return queryset.filter(errors_log__has_key=name) if name else queryset


@admin.register(OrderCopy)
class OrderCopyAdmin(
    BoundedMixin,
    ParametersMixin,
    SearchingMixin,
    WatchingMixin,
    UndoingMixin,
    InterveningMixin,
    ExportingMixin,
    RefusalsMixin,
    ModelAdmin,
):
    """Lists copies and shows their results, also those of subscriptions.

    New copies are requested from the list of orders.
    """

    form = OrderCopyForm
    fieldsets = [(gettext_lazy("Reference and metadata"), {"fields": [*OrderCopyForm.Meta.fields]})]
    list_display = [
        "copy_id",
        "status_badge",
        "source",
        "target",
        "errors",
        "created",
        "duration",
        "toggles",
    ]
    list_filter = [
        "status",
        ReasonFilter,
        ToggleFilter,
        SubscriptionFilter,
        RequesterFilter,
        "created_at",
    ]
    search_fields = ["reference__exact"]
    unindexed = frozenset({"toggle", "reason"})
    list_select_related = ["source_order", "target_order"]
    list_per_page = 50
    list_max_show_all = 200
    ordering = ["-pk"]
    actions = ["retry_selected", "abort_selected", "export_selected", "delete_selected"]

    class Media:
        css = {"all": ["order_copies/admin.css"]}
        js = ["order_copies/progress.js"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return False: new copies are requested from the list of orders."""
        return False

    def get_queryset(self, request: HttpRequest) -> "models.QuerySet[OrderCopy]":
        """Return the copies of both kinds, with their orders and subscriptions selected."""
        of_both_kinds = OrderFactoryQuerySet(self.model).order_by(*self.ordering)
        copies = of_both_kinds.select_related("source_order", "target_order", "order_subscription")
        return self.limited(request, copies)

    # Columns

    @admin.display(description=gettext_lazy("order copy"), ordering="pk")
    def copy_id(self, order_copy: OrderCopy) -> str:
        """Return the public id."""
        return order_copy.public_id

    @admin.display(description=gettext_lazy("status"), ordering="status")
    def status_badge(self, order_copy: OrderCopy) -> SafeString:
        """Return the status as a coloured badge."""
        return status_badge(order_copy)

    @admin.display(description=gettext_lazy("source"), ordering="source_order", empty_value="–")
    def source(self, order_copy: OrderCopy) -> str | None:
        """Return the source order, as a link if it has a page."""
        return self.order_link(order_copy.source_order)

    @admin.display(description=gettext_lazy("target"), ordering="target_order", empty_value="–")
    def target(self, order_copy: OrderCopy) -> str | None:
        """Return the target order, as a link if it has a page."""
        return self.order_link(order_copy.target_order)

    @admin.display(description=gettext_lazy("toggles"), empty_value="–")
    def toggles(self, order_copy: OrderCopy) -> SafeString | None:
        """Return short labels of the options that are on."""
        on = [label for name, label in toggle_labels.items() if getattr(order_copy, name)]
        badges = ((badge("toggle", label),) for label in on)
        return format_html_join(" ", "{}", badges) or None

    @admin.display(description=gettext_lazy("errors"), ordering="errors_count", empty_value="–")
    def errors(self, order_copy: OrderCopy) -> int | None:
        """Return the number of errors, skipped ones included; None for 0 or an abort by hand."""
        return None if is_aborted_by_hand(order_copy) else order_copy.errors_count or None

    @admin.display(description=gettext_lazy("created"), ordering="created_at")
    def created(self, order_copy: OrderCopy) -> str | None:
        """Return the time of the request."""
        return _short(order_copy.created_at)

    @admin.display(description=gettext_lazy("duration"), empty_value="–")
    def duration(self, order_copy: OrderCopy) -> str | None:
        """Return the time from start to end."""
        return duration_of(order_copy)

    # Pages

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Render the page of one copy with its results, buttons and progress."""
        order_copy = kwargs["obj"]
        context["detail"] = self.detail_of(order_copy)
        context["timeline"] = Timeline(order_copy)
        context["comparison"] = self.comparison_of(request, order_copy)
        context |= self.undo_context(request, order_copy)
        context["is_aborted_by_hand"] = is_aborted_by_hand(order_copy)
        context["verbs"] = self.verbs_for(request, order_copy)
        context["subscription_url"] = self._subscription_url(request, order_copy)
        context["progress"] = Progress.of(self.admin_site, [order_copy])
        context["title"] = _("Order copy %(id)s") % {"id": order_copy.public_id}
        context["subtitle"] = None
        return super().render_change_form(request, context, *args, **kwargs)

    # Changes

    def _subscription_url(self, request: HttpRequest, order_copy: OrderCopy) -> str:
        """Return the page of the subscription that requested the copy, if the user may view it."""
        one = order_copy.order_subscription
        if one is None or not may_view(self.admin_site, request, OrderSubscription):
            return ""
        return page_url(self.admin_site, OrderSubscription, "change", one.pk)

    def save_model(
        self,
        request: HttpRequest,
        obj: OrderCopy,
        form: Any,
        change: bool,
    ) -> None:
        """Save the changed fields, and record an event."""
        changes = {name: form.cleaned_data[name] for name in form.changed_data}
        if changes:
            copying.update(obj, actor=user_actor(request.user), **changes)

    def delete_model(self, request: HttpRequest, obj: OrderCopy) -> None:
        """Delete the copy, and record an event. Its target order stays."""
        copying.delete([obj], actor=user_actor(request.user))

    def delete_queryset(self, request: HttpRequest, queryset: "models.QuerySet[OrderCopy]") -> None:
        """Delete the copies, or none if one of them is in progress."""
        copying.delete(list(queryset), actor=user_actor(request.user))


def _short(moment: datetime | None) -> str | None:
    return None if moment is None else date_format(localtime(moment), "SHORT_DATETIME_FORMAT")
