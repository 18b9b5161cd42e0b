"""The admin of subscription models."""

from typing import Any

import pytest
from django.contrib import admin
from django.http import HttpRequest
from django.test import Client
from django.urls import path, reverse

from order_copies.admin import SubscriptionModelAdmin
from order_copies.events.models import Event
from order_copies.models import SubscriptionModel
from order_copies.subscriptions import subscription_models
from tests.factories import OrderSubscriptionFactory, SubscriptionModelFactory
from tests.order_copies.admin.subscriptions.pages import messages_of, signed_in, words_of

pytestmark = pytest.mark.django_db

LIST = reverse("admin:order_copies_subscriptionmodel_changelist")
ADD = reverse("admin:order_copies_subscriptionmodel_add")
FORM = {"name": "Coffee club", "strategy": "by_frequency", "metadata": "{}"}


def page_of(model: SubscriptionModel, page: str = "change") -> str:
    return reverse(f"admin:order_copies_subscriptionmodel_{page}", args=[model.pk])


def events() -> list[dict[str, Any]]:
    found = Event.objects.filter(resource_type="subscription_models").order_by("pk")
    return list(found.values_list("changes", flat=True))


def names() -> list[str]:
    found = Event.objects.filter(resource_type="subscription_models").order_by("pk")
    return list(found.values_list("name", flat=True))


class RacingAdmin(SubscriptionModelAdmin):
    """An admin whose models are used, or deleted, after a request was checked."""

    is_used = True

    def delete_model(self, request: HttpRequest, obj: SubscriptionModel) -> None:
        self.race(obj)
        super().delete_model(request, obj)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        self.race(obj)
        super().save_model(request, obj, form, change)

    def race(self, model: SubscriptionModel) -> None:
        if self.is_used:
            OrderSubscriptionFactory(subscription_model=model)
        else:
            SubscriptionModel.objects.filter(pk=model.pk).delete()


class DeletingAdmin(RacingAdmin):
    is_used = False


using_site, deleting_site = admin.AdminSite("using"), admin.AdminSite("deleting")
using_site.register(SubscriptionModel, RacingAdmin)
deleting_site.register(SubscriptionModel, DeletingAdmin)
urlpatterns = [
    path("admin/", admin.site.urls),
    path("using/", using_site.urls),
    path("deleting/", deleting_site.urls),
]


def test_add__boxes_and_lines_are_the_frequencies(admin_client: Client) -> None:
    # when
    form = FORM | {"named": ["weekly", "monthly"], "crontabs": "0 9 * * mon\n\n0 9 1 * *\n"}
    admin_client.post(ADD, form | {"auto_activate": "on"})

    # then
    model = SubscriptionModel.objects.get()
    assert model.frequencies == ["weekly", "monthly", "0 9 * * MON", "0 9 1 * *"]
    assert (model.auto_activate, model.auto_cancel) == (True, False)
    assert events()[0]["name"] == {"from": None, "to": "Coffee club"}
    assert names() == ["subscription_models.create"]
    assert "every week, every month, by the crontab 0 9 * * MON" in words_of(admin_client.get(LIST))


def test_change__keeps_what_is_shown(admin_client: Client) -> None:
    # given
    model = SubscriptionModelFactory(frequencies=["weekly", "0 9 * * MON"])
    form = admin_client.get(page_of(model)).context["adminform"].form
    shown = {"named": form["named"].value(), "crontabs": form["crontabs"].value()}

    # when
    admin_client.post(page_of(model), FORM | {"name": model.name, "auto_activate": "on"} | shown)
    unchanged = events()
    admin_client.post(page_of(model), FORM | shown | {"crontabs": ""})

    # then
    assert shown == {"named": ["weekly"], "crontabs": "0 9 * * MON"}
    assert unchanged == []
    model.refresh_from_db()
    assert model.frequencies == ["weekly"]
    assert set(events()[0]) == {"name", "frequencies", "auto_activate"}
    assert names() == [""]


@pytest.mark.parametrize(
    ("values", "field", "text"),
    [
        ({}, "named", "Choose at least one frequency."),
        ({"crontabs": "* * * * *"}, "crontabs", "* * * * *: Nothing finer than hourly"),
        ({"crontabs": "0 9 * *"}, "crontabs", "0 9 * *: A crontab expression has five fields"),
        ({"named": "never"}, "named", "Select a valid choice."),
    ],
)
def test_add__refused_frequencies_are_errors_of_their_field(
    admin_client: Client, values: dict[str, str], field: str, text: str
) -> None:
    # when
    response = admin_client.post(ADD, FORM | values)

    # then
    [error] = response.context["adminform"].form.errors[field]
    assert error.startswith(text)
    assert not SubscriptionModel.objects.exists()


def test_delete__used_model_is_protected(admin_client: Client) -> None:
    # given
    used, unused = SubscriptionModelFactory(), SubscriptionModelFactory()
    OrderSubscriptionFactory(subscription_model=used)

    # when
    admin_client.post(page_of(used, "delete"), {"post": "yes"})
    form = {"action": "delete_selected", "_selected_action": [unused.pk], "post": "yes"}
    admin_client.post(LIST, form)

    # then
    assert list(SubscriptionModel.objects.all()) == [used]
    assert events()[0]["name"] == {"from": unused.name, "to": None}
    assert names() == ["subscription_models.destroy"]


@pytest.mark.urls(__name__)
@pytest.mark.parametrize("by_action", [True, False])
@pytest.mark.parametrize(
    ("site", "message"),
    [
        ("using", "The subscription model is in use: it can be deleted once nothing refers to it."),
        ("deleting", "The subscription model was deleted in the meantime."),
    ],
)
def test_delete__model_that_is_used_or_deleted_meanwhile_is_kept(
    admin_client: Client, site: str, message: str, by_action: bool
) -> None:
    # given
    model = SubscriptionModelFactory()
    form = {"action": "delete_selected", "_selected_action": [model.pk], "post": "yes"}
    url = (LIST if by_action else page_of(model, "delete")).replace("/admin/", f"/{site}/")

    # when
    response = admin_client.post(url, form, follow=True)

    # then
    assert messages_of(response) == [message]
    assert SubscriptionModel.objects.get() == model
    assert events() == []


@pytest.mark.urls(__name__)
def test_change__model_that_is_deleted_meanwhile_says_so(admin_client: Client) -> None:
    # given
    model = SubscriptionModelFactory()
    url = page_of(model).replace("/admin/", "/deleting/")

    # when
    response = admin_client.post(url, FORM | {"named": ["monthly"]}, follow=True)

    # then
    assert messages_of(response) == ["The subscription model was deleted in the meantime."]
    assert events() == []


def test_change__keeps_what_another_client_changed_meanwhile(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    model = SubscriptionModelFactory(name="Coffee club", frequencies=["weekly"])
    update = subscription_models.update

    def update_later(it: SubscriptionModel, values: Any, **keywords: Any) -> None:
        SubscriptionModel.objects.update(auto_cancel=True)
        update(it, values, **keywords)

    monkeypatch.setattr(subscription_models, "update", update_later)

    # when
    form = FORM | {"named": ["weekly"], "auto_activate": "on"}
    admin_client.post(page_of(model), form | {"name": "Tea club"})

    # then
    model.refresh_from_db()
    assert (model.name, model.auto_cancel) == ("Tea club", True)
    assert events() == [{"name": {"from": "Coffee club", "to": "Tea club"}}]


def test_page__of_a_viewer_shows_the_frequencies() -> None:
    # given
    model = SubscriptionModelFactory()

    # when
    words = words_of(signed_in("view_subscriptionmodel").get(page_of(model)))

    # then
    assert "every week, every month" in words
    assert "_save" not in words
