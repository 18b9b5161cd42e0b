"""The admin class of subscriptions: list, page, terms and items."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.sites import AdminSite
from django.db import models, transaction
from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from order_copies.admin.calendar import CalendarMixin
from order_copies.admin.pages import page_url
from order_copies.admin.parameters import ParametersMixin
from order_copies.admin.permissions import may_view
from order_copies.admin.refusals import RefusalsMixin
from order_copies.admin.search import SearchingMixin
from order_copies.admin.subscriptions.confirming import ConfirmingMixin
from order_copies.admin.subscriptions.detail import MAX_RUNS, SubscriptionDetail
from order_copies.admin.subscriptions.forms import ItemForm, ItemFormSet, TermsForm
from order_copies.admin.subscriptions.lists import (
    URGENCY,
    AttentionFilter,
    FrequencyFilter,
    KindFilter,
    LastResultFilter,
)
from order_copies.admin.subscriptions.words import (
    attention_words,
    distance,
    frequency_words,
    instant,
    needs_attention,
    status_kinds,
    status_label,
)
from order_copies.events.models import Event
from order_copies.events.recording import user_actor
from order_copies.exceptions import SubscriptionRefusedError
from order_copies.models import (
    OrderCopy,
    OrderSubscription,
    OrderSubscriptionItem,
    SubscriptionStatus,
)
from order_copies.shops import Capability, get_shop
from order_copies.subscriptions import changes
from order_copies.subscriptions.transitions import RENEWING
from order_copies.templatetags.order_copies_admin import badge, money

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[OrderSubscription]
    TabularInline = admin.TabularInline[OrderSubscriptionItem, OrderSubscription]
else:
    ModelAdmin = admin.ModelAdmin
    TabularInline = admin.TabularInline

_REFERENCE = ("reference", "reference_origin", "metadata")


class ItemInline(TabularInline):
    """The items of an automatic subscription. Who may change the subscription may change them."""

    model = OrderSubscriptionItem
    form = ItemForm
    formset: Any = ItemFormSet
    extra = 0
    verbose_name = gettext_lazy("item")
    verbose_name_plural = gettext_lazy("items of each copy")
    readonly_fields = ["item", "total"]

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        """Return the formset; a new item has the currency of the source order."""
        order = obj and obj.source_order
        code = get_shop().currency_of(order) if order else ""
        kwargs["form"] = type("ItemForm", (ItemForm,), {"currency_code": code})
        return super().get_formset(request, obj, **kwargs)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return the fields; a user who may only view them sees no field for the amount."""
        if self.has_change_permission(request, obj):
            return ["item", "sku_code", "quantity", "unit_amount", "total"]
        return ["item", "sku_code", "quantity", "unit", "total"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return the columns that are computed."""
        return ["item", "unit", "total"]

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether the user may view subscriptions."""
        return _may(self.admin_site, request, "view", obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether the user may change the subscription, and it is not cancelled."""
        is_over = obj is not None and obj.status == SubscriptionStatus.CANCELLED
        return not is_over and _may(self.admin_site, request, "change", obj)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether the user may change the subscription."""
        return self.has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether the user may change the subscription."""
        return self.has_change_permission(request, obj)

    @admin.display(description=gettext_lazy("item"), empty_value="–")
    def item(self, item: OrderSubscriptionItem) -> str:
        """Return the name."""
        return item.name or item.bundle_code or item.sku_code

    @admin.display(description=gettext_lazy("unit amount"))
    def unit(self, item: OrderSubscriptionItem) -> str:
        """Return the price of one piece."""
        return money(item.unit_amount_cents, item.currency_code)

    @admin.display(description=gettext_lazy("total"), empty_value="–")
    def total(self, item: OrderSubscriptionItem) -> str | None:
        """Return the price of all pieces."""
        return money(item.total_amount_cents, item.currency_code) if item.pk else None


def _may(site: AdminSite, request: HttpRequest, verb: str, obj: Any) -> bool:
    subscriptions = site.get_model_admin(OrderSubscription)
    return bool(getattr(subscriptions, f"has_{verb}_permission")(request, obj))


@admin.register(OrderSubscription)
class OrderSubscriptionAdmin(
    CalendarMixin, ParametersMixin, SearchingMixin, ConfirmingMixin, RefusalsMixin, ModelAdmin
):
    """Lists subscriptions and shows what they did and will do. Orders are subscribed to."""

    form = TermsForm
    inlines = [ItemInline]
    # Few columns: with the filters and the navigation they fit into 1280 pixels.
    list_display = ["subscription", "status_badge", "next_run", "last_result"]
    list_filter = [
        AttentionFilter,
        "status",
        LastResultFilter,
        KindFilter,
        "subscription_model",
        FrequencyFilter,
    ]
    date_hierarchy = "next_run_at"
    list_per_page = 50
    list_max_show_all = 200
    show_full_result_count = False
    search_fields = ["=number", "customer_email", "=reference"]
    search_help_text = gettext_lazy("Search by number, customer email, reference or source order")
    searched_type = "order_subscriptions"
    searched_orders = ("source_order",)

    class Media:
        css = {"all": ["order_copies/admin.css"]}

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return False: the page of an order has the button that subscribes."""
        return False

    def get_queryset(self, request: HttpRequest) -> "models.QuerySet[OrderSubscription]":
        """Return the subscriptions with their source orders and models."""
        found: models.QuerySet[OrderSubscription] = super().get_queryset(request)
        return found.select_related("source_order", "subscription_model")

    def get_ordering(self, request: HttpRequest) -> Any:
        """Return the order: first what needs attention, then what runs next."""
        return [URGENCY.asc(), F("next_run_at").asc(nulls_last=True), "-pk"]

    # Columns

    @admin.display(description=gettext_lazy("subscription"), ordering="customer_email")
    def subscription(self, order_subscription: OrderSubscription) -> SafeString:
        """Return the number and the email of the customer."""
        return _above(order_subscription.number, order_subscription.customer_email)

    @admin.display(description=gettext_lazy("status"), ordering="status")
    def status_badge(self, order_subscription: OrderSubscription) -> SafeString:
        """Return the status as a coloured badge, and the frequency in words."""
        badge_of = status_badge_of(order_subscription)
        return _above(badge_of, frequency_words(order_subscription))

    @admin.display(description=gettext_lazy("next run"), ordering="next_run_at", empty_value="–")
    def next_run(self, order_subscription: OrderSubscription) -> SafeString | None:
        """Return the next run, or the end of a pause, and how far it is."""
        one, now = order_subscription, timezone.now()
        if one.next_run_at:
            return _above(instant(one.next_run_at), distance(one.next_run_at, now))
        if one.resumes_at:
            text = _("paused until %(instant)s") % {"instant": instant(one.resumes_at)}
            return _above(text, distance(one.resumes_at, now))
        return None

    @admin.display(description=gettext_lazy("last result"), ordering=URGENCY, empty_value="–")
    def last_result(self, order_subscription: OrderSubscription) -> SafeString | None:
        """Return whether the last run succeeded, and what a person must do."""
        one, badges = order_subscription, []
        if one.succeeded_on_last_run is not None:
            results = {True: ("completed", _("succeeded")), False: ("failed", _("failed"))}
            badges.append(badge(*results[one.succeeded_on_last_run]))
        text = ""
        if needs_attention(one):
            badges.append(badge("warning", _("needs attention")))
            text = format_html("<br>{}", attention_words(one.attention))
        shown = format_html_join(" ", "{}", ((it,) for it in badges))
        return format_html("{}{}", shown, text) if badges else None

    # Page

    def get_inlines(self, request: HttpRequest, obj: OrderSubscription | None) -> Any:
        """Return the items of an automatic subscription; a manual one has none."""
        return self.inlines if obj and obj.is_automatic else []

    def get_fieldsets(self, request: HttpRequest, obj: OrderSubscription | None = None) -> Any:
        """Return the terms that the shop and the status of the subscription allow."""
        shop = get_shop()
        terms = ["frequency", "next_run_at", "expires_at"]
        if Capability.PLACE in shop.capabilities:
            terms.append("place_target_order")
        terms.append("renewal_alert_period")
        if len(shop.price_policies) > 1:
            terms += ["price_policy", "max_price_increase_percent"]
        return [
            (_("Terms"), {"fields": terms}),
            (_("Reference and metadata"), {"classes": ["collapse"], "fields": [*_REFERENCE]}),
        ]

    def get_readonly_fields(
        self, request: HttpRequest, obj: OrderSubscription | None = None
    ) -> Any:
        """Return the terms that the user, or the status of the subscription, keep as they are."""
        if obj is None or not self.has_change_permission(request, obj):
            return []
        if obj.status == SubscriptionStatus.CANCELLED:
            return self.get_fieldsets(request, obj)[0][1]["fields"]
        fixed = [] if obj.status in RENEWING else ["next_run_at"]
        return fixed if self._may_place(request, obj) else [*fixed, "place_target_order"]

    def _may_place(self, request: HttpRequest, one: OrderSubscription) -> bool:
        placing = OrderSubscription(source_order=one.source_order, place_target_order=True)
        return self.may_start(request, [placing])

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Render the page of one subscription with its runs, history and buttons."""
        one = kwargs["obj"]
        copies_page, events_page = self._lists_for(request, one)
        context |= {
            "title": _("Subscription %(number)s") % {"number": one},
            "subtitle": None,
            "detail": SubscriptionDetail(one),
            "verbs": self.verbs_for(request, one),
            "status": status_badge_of(one),
            "source": self._order_link(one.source_order),
            "max_runs": MAX_RUNS,
            "copies_page": copies_page,
            "events_page": events_page,
        }
        context["runs"] = [
            (run, self._order_link(run.order_copy.target_order))
            for run in context["detail"].shown_runs
        ]
        return super().render_change_form(request, context, *args, **kwargs)

    def _lists_for(self, request: HttpRequest, one: OrderSubscription) -> tuple[str, str]:
        """Return the addresses of all copies and all events, empty where the user may not look."""
        copies_page = events_page = ""
        if may_view(self.admin_site, request, OrderCopy):
            page = page_url(self.admin_site, OrderCopy, "changelist")
            copies_page = f"{page}?order_subscription__id__exact={one.pk}"
        if may_view(self.admin_site, request, Event):
            page = page_url(self.admin_site, Event, "changelist")
            events_page = f"{page}?resource_type={one.resource_type}&q={one.pk}"
        return copies_page, events_page

    def _order_link(self, order: Any) -> str:
        if order is None:
            return ""
        if not self.admin_site.is_registered(type(order)):
            return str(order)
        url = page_url(self.admin_site, type(order), "change", order.pk)
        return format_html('<a href="{}">{}</a>', url, order)

    def save_model(
        self, request: HttpRequest, obj: OrderSubscription, form: Any, change: bool
    ) -> None:
        """Change the terms that the user changed, by the rules of the API."""
        values = form.changed_values
        if values:
            changes.update(obj, values, actor=user_actor(request.user))

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """Add, change and delete items, each with its event. The last one is never deleted."""
        formset.save(commit=False)
        actor = user_actor(request.user)
        formset.new_objects, formset.changed_objects = [], []
        for item_form in formset.extra_forms:
            if item_form.has_changed() and item_form not in formset.deleted_forms:
                item_form.instance.order_subscription = form.instance
                changes.add_item(item_form.instance, actor=actor)
                formset.new_objects.append(item_form.instance)
        for item_form in formset.initial_forms:
            if item_form.has_changed() and item_form not in formset.deleted_forms:
                values = item_form.changed_values
                changes.update_item(item_form.instance, values, actor=actor)
                formset.changed_objects.append((item_form.instance, list(values)))
        for item in formset.deleted_objects:
            changes.delete_item(item, actor=actor)

    def delete_model(self, request: HttpRequest, obj: OrderSubscription) -> None:
        """Delete the subscription, and record it. Its copies and their orders stay."""
        self._delete(request, [obj])

    def delete_queryset(
        self, request: HttpRequest, queryset: "models.QuerySet[OrderSubscription]"
    ) -> None:
        """Delete the subscriptions, or none if the copy of one runs."""
        self._delete(request, list(queryset))

    @transaction.atomic
    def _delete(self, request: HttpRequest, order_subscriptions: Any) -> None:
        refusals = changes.delete(order_subscriptions, actor=user_actor(request.user))
        if problems := [problem for refusal in refusals for problem in refusal]:
            raise SubscriptionRefusedError(problems[:1])


def status_badge_of(order_subscription: OrderSubscription) -> SafeString:
    """Return the status of a subscription as a coloured badge."""
    kind = status_kinds[SubscriptionStatus(order_subscription.status)]
    return badge(kind, status_label(order_subscription))


def _above(text: str, small: str) -> SafeString:
    return format_html('{}<br><span class="copies-quiet">{}</span>', text, small)
