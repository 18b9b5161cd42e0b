"""The admin of subscription models."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from order_copies.events.models import Event
from order_copies.models import SubscriptionModel
from tests.factories import OrderSubscriptionFactory, SubscriptionModelFactory
from tests.order_copies.admin.subscriptions.pages import signed_in, words_of

pytestmark = pytest.mark.django_db

LIST = reverse("admin:order_copies_subscriptionmodel_changelist")
ADD = reverse("admin:order_copies_subscriptionmodel_add")
FORM = {"name": "Coffee club", "strategy": "by_frequency", "metadata": "{}"}


def page_of(model: SubscriptionModel, page: str = "change") -> str:
    return reverse(f"admin:order_copies_subscriptionmodel_{page}", args=[model.pk])


def events() -> list[dict[str, Any]]:
    found = Event.objects.filter(resource_type="subscription_models").order_by("pk")
    return list(found.values_list("changes", flat=True))


def test_add__boxes_and_lines_are_the_frequencies(admin_client: Client) -> None:
    # when
    form = FORM | {"named": ["weekly", "monthly"], "crontabs": "0 9 * * mon\n\n0 9 1 * *\n"}
    admin_client.post(ADD, form | {"auto_activate": "on"})

    # then
    model = SubscriptionModel.objects.get()
    assert model.frequencies == ["weekly", "monthly", "0 9 * * MON", "0 9 1 * *"]
    assert (model.auto_activate, model.auto_cancel) == (True, False)
    assert events()[0]["name"] == {"from": None, "to": "Coffee club"}
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


def test_page__of_a_viewer_shows_the_frequencies() -> None:
    # given
    model = SubscriptionModelFactory()

    # when
    words = words_of(signed_in("view_subscriptionmodel").get(page_of(model)))

    # then
    assert "every week, every month" in words
    assert "_save" not in words
