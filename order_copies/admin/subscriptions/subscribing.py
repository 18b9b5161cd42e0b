"""Subscribe to an order from a shop's own order admin: a page and a button."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from django import forms
from django.contrib import messages
from django.contrib.admin.models import ADDITION, LogEntry
from django.contrib.admin.utils import quote
from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from order_copies.admin.pages import page_url
from order_copies.admin.permissions import may, may_turn_on
from order_copies.admin.selections import SelectingMixin
from order_copies.admin.subscriptions.detail import resumed, upcoming
from order_copies.admin.subscriptions.forms import LocalDateTimeField, frequency_field
from order_copies.admin.subscriptions.words import add_problems, distance, frequency_words
from order_copies.conf import settings
from order_copies.db.transactions import limited_wait
from order_copies.events.recording import user_actor
from order_copies.exceptions import OrderCopiesError
from order_copies.models import (
    OrderSubscription,
    OrderSubscriptionItem,
    SubscriptionModel,
)
from order_copies.shops import Capability, get_shop
from order_copies.subscriptions import changes

#: The values of the field ``start``.
BY_ORDER, BY_DATE = "order", "date"


class SubscribeForm(forms.Form):
    """The terms of a new subscription to one order.

    ``place_target_order`` is absent if the shop cannot place orders, and without ``may_place``.
    """

    start = forms.ChoiceField(
        label=gettext_lazy("Start"),
        widget=forms.RadioSelect,
        choices=[
            (BY_ORDER, gettext_lazy("with the order, which counts as the first run")),
            (BY_DATE, gettext_lazy("on a date")),
        ],
    )
    starts_at = LocalDateTimeField(label=gettext_lazy("First run"), required=False)
    expires_at = LocalDateTimeField(label=gettext_lazy("End"), required=False)
    place_target_order = forms.BooleanField(
        label=gettext_lazy("Place each new order"),
        required=False,
        initial=True,
        help_text=gettext_lazy("It is paid from the customer's wallet. Otherwise it is a draft."),
    )

    field_order = ["frequency", "start", "starts_at", "expires_at", "place_target_order"]

    def __init__(
        self,
        data: Any = None,
        *,
        order: Any,
        model: SubscriptionModel | None,
        may_place: bool,
    ) -> None:
        # An order that is not placed can only be subscribed to with a date.
        super().__init__(data, initial={"start": BY_DATE})
        self._order = order
        self._may_place = may_place
        self.fields["frequency"] = frequency_field(model)
        self.order_fields(self.field_order)
        if Capability.PLACE not in get_shop().capabilities or not may_place:
            del self.fields["place_target_order"]

    def clean(self) -> dict[str, Any]:
        """Demand the date that the start is at, and refuse a forged value of an absent field."""
        cleaned = self.cleaned_data
        if cleaned.get("start") == BY_DATE and "starts_at" in cleaned and not cleaned["starts_at"]:
            self.add_error("starts_at", _("Enter the date of the first run."))
        if not self._may_place and self.data.get("place_target_order"):
            self.add_error(None, _("You do not have permission to have new orders placed."))
        return cleaned

    def order_subscription(self) -> OrderSubscription:
        """Return the unsaved subscription with the valid values of the form."""
        cleaned = self.cleaned_data
        by_date = cleaned["start"] == BY_DATE
        return OrderSubscription(
            source_order=self._order,
            frequency=cleaned["frequency"],
            activate_by_source_order=not by_date,
            starts_at=cleaned["starts_at"] if by_date else None,
            expires_at=cleaned["expires_at"],
            place_target_order=cleaned.get("place_target_order", False),
        )


class Expected:
    """What a submit would create: items, first runs."""

    def __init__(
        self, order_subscription: OrderSubscription, items: Sequence[OrderSubscriptionItem]
    ) -> None:
        now = timezone.now()
        self.order_subscription = resumed(order_subscription, now)
        self.items = items
        self.frequency = frequency_words(self.order_subscription)
        self.slots: list[tuple[datetime, str]] = [
            (slot, distance(slot, now)) for slot in upcoming(self.order_subscription)
        ]
        order = order_subscription.source_order
        self.currency_code = get_shop().currency_of(order) if order else ""
        #: The amount of all items, in cents.
        self.total = sum(item.total_amount_cents for item in items)


class SubscribeMixin(SelectingMixin):
    """Lets staff subscribe to an order: :class:`~order_copies.admin.CopyOrdersMixin` has it.

    Users need the permission ``order_copies.add_ordersubscription``, and permission to change the
    order if the new orders must be placed.
    """

    def has_subscribe_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may subscribe to orders."""
        may_add = request.user.has_perm("order_copies.add_ordersubscription")
        has_page = self.admin_site.is_registered(OrderSubscription)
        return may_add and has_page and self.has_view_permission(request)

    def subscribe_url(self, key: Any) -> str:
        """Return the URL of a new page that subscribes to the order with this primary key."""
        page = page_url(self.admin_site, self.model, "subscribe")
        return f"{page}?ids={quote(str(key))}"

    def get_urls(self) -> list[URLPattern]:
        """Return Django's URLs and that of the page."""
        name = f"{self.opts.app_label}_{self.opts.model_name}_subscribe"
        view = self.admin_site.admin_view(self.subscribe_view)
        return [path("subscribe/", view, name=name), *super().get_urls()]

    def subscribe_view(self, request: HttpRequest) -> HttpResponse:
        """Show what a subscription to one order would do; create it on submit.

        The address contains the key of the submit, so that a second one creates nothing. Raises
        PermissionDenied.
        """
        if not self.has_subscribe_permission(request):
            raise PermissionDenied
        orders = self.named_orders(request).orders
        if len(orders) != 1:
            self.message_user(request, _("Select one order to subscribe to."), messages.ERROR)
            return HttpResponseRedirect(page_url(self.admin_site, self.model, "changelist"))
        [order] = orders
        key = _key_of(request)
        if key is None:
            return HttpResponseRedirect(f"{self.subscribe_url(order.pk)}&request_key={uuid4()}")
        if before := _subscribed(request.user, key):
            text = _("This was submitted already. Nothing was created twice.")
            return self._subscribed(request, before, text, messages.WARNING)
        try:
            return self._subscribe(request, order, key)
        except OrderCopiesError as error:
            self.message_user(request, str(error), messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())

    def _subscribe(self, request: HttpRequest, order: Any, key: UUID) -> HttpResponse:
        may_place = may(request, "add") and may_turn_on(
            self.admin_site, request, ["place_target_order"], [order]
        )
        [subscriber] = get_shop().subscribers([order])
        key_of_model = subscriber.subscription_model
        model = SubscriptionModel.objects.get(pk=key_of_model) if key_of_model else None
        data: Any = request.POST
        if request.method != "POST":
            data = _first_terms(model, is_placed=subscriber.is_placed, may_place=may_place)
        form = SubscribeForm(data, order=order, model=model, may_place=may_place)
        expected = None
        if form.is_valid():
            one = form.order_subscription()
            found = changes.preview(one)
            add_problems(form, found.problems, source_order="start")
            if not found.problems:
                expected = Expected(one, found.items)
                if not expected.slots:
                    text = _("No run follows before the end: choose a later one.")
                    form.add_error("expires_at", text)
                    expected = None
                elif "_subscribe" in request.POST and _is_as_shown(request, form):
                    return self._create(request, form, key)
        return self._subscribe_page(request, order, form, model, expected)

    def _create(self, request: HttpRequest, form: SubscribeForm, key: UUID) -> HttpResponse:
        user: Any = request.user
        with limited_wait(settings.LOCK_TIMEOUT):
            # Serializes concurrent submits of the user.
            get_user_model()._default_manager.select_for_update().get(pk=user.pk)
            one = _subscribed(user, key) or _create(form.order_subscription(), user, key)
        text = _("The customer is subscribed.")
        return self._subscribed(request, one, text, messages.SUCCESS)

    def _subscribed(
        self, request: HttpRequest, one: OrderSubscription, text: str, level: int
    ) -> HttpResponse:
        self.message_user(request, text, level)
        subscriptions = self.admin_site.get_model_admin(OrderSubscription)
        if subscriptions.has_view_permission(request, one):
            page = page_url(self.admin_site, OrderSubscription, "change", one.pk)
        else:
            page = page_url(self.admin_site, self.model, "changelist")
        return HttpResponseRedirect(page)

    def _subscribe_page(
        self,
        request: HttpRequest,
        order: Any,
        form: SubscribeForm,
        model: SubscriptionModel | None,
        expected: Expected | None,
    ) -> TemplateResponse:
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Subscribe to order %(order)s") % {"order": order},
            "order": order,
            "form": form,
            "subscription_model": model,
            "expected": expected,
            "terms": _terms(form) if expected else "",
            "has_changed": "_subscribe" in request.POST and expected is not None,
            "changelist_url": page_url(self.admin_site, self.model, "changelist"),
            "order_url": page_url(self.admin_site, self.model, "change", order.pk),
            "media": self.media,
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "admin/order_copies/subscribe.html", context)


def _create(one: OrderSubscription, user: Any, key: UUID) -> OrderSubscription:
    """Create a subscription, and activate one that begins on a date too."""
    actor = user_actor(user)
    changes.create(one, actor=actor)
    if not one.activate_by_source_order:
        changes.activate([one], actor=actor)
    LogEntry.objects.log_actions(user.pk, [one], ADDITION, _message(key))
    return one


def _first_terms(
    model: SubscriptionModel | None, *, is_placed: bool, may_place: bool
) -> dict[str, str] | None:
    """Return the terms that the page opens with; None: the user must enter a date first."""
    if not is_placed:
        return None
    named = {"frequency_name": "monthly"} if model is None else {"frequency": model.frequencies[0]}
    return {**named, "start": BY_ORDER, **({"place_target_order": "on"} if may_place else {})}


def _terms(form: SubscribeForm) -> str:
    """Return the submitted terms as one text: the page shows what they lead to."""
    names = ("frequency", "start", "starts_at", "expires_at", "place_target_order")
    return "|".join(str(form.cleaned_data.get(name)) for name in names)


def _is_as_shown(request: HttpRequest, form: SubscribeForm) -> bool:
    return request.POST.get("shown_terms") == _terms(form)


def _key_of(request: HttpRequest) -> UUID | None:
    try:
        return UUID(request.GET.get("request_key", ""))
    except ValueError:
        return None


def _message(key: UUID) -> list[dict[str, Any]]:
    return [{"added": {}, "request_key": str(key)}]


def _subscribed(user: Any, key: UUID) -> OrderSubscription | None:
    """Return the subscription that the user created with this key, if there is one."""
    content_type = ContentType.objects.get_for_model(OrderSubscription, for_concrete_model=False)
    logged = LogEntry.objects.filter(user=user, content_type=content_type)
    entries = logged.filter(change_message=json.dumps(_message(key)))
    keys = [entry for entry in entries.values_list("object_id", flat=True) if entry]
    return OrderSubscription.objects.filter(pk__in=keys).first()
