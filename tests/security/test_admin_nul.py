"""URLs of the admin with values that databases refuse, such as U+0000 on PostgreSQL."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client, RequestFactory
from django.urls import reverse

from order_copies.models import OrderCopy
from orders.models import Customer
from tests.factories import CustomerFactory, OrderCopyFactory
from tests.security.world import World

pytestmark = pytest.mark.django_db

APPS = {"orders", "order_copies", "order_copies_events"}
ADMINS = list(admin.site._registry.values())
OURS = [one for one in ADMINS if one.opts.app_label in APPS]
MIDDLEWARE = "project.admin_parameters.AdminParametersMiddleware"
STOCK = ["o", "p", "all", "e", "_popup", "_to_field", "_facets", "_changelist_filters", "x"]
REMOVED = "Parameters with the character U+0000 were removed from the address."


def name_of(model_admin: Any) -> str:
    return f"admin:{model_admin.opts.app_label}_{model_admin.opts.model_name}"


def parameters(model_admin: Any) -> Iterator[str]:
    """Yield the parameters of filters, search, date hierarchy and popups of a list."""
    request = RequestFactory().get("/")
    request.user = User.objects.get(username="admin")
    for spec in model_admin.get_changelist_instance(request).filter_specs:
        yield from spec.expected_parameters()
    for field in model_admin.opts.concrete_fields:
        yield from (field.name, f"{field.name}__contains")
    if model_admin.date_hierarchy:
        yield from (f"{model_admin.date_hierarchy}__{part}" for part in ("year", "day", "gte"))
    yield from STOCK


@pytest.fixture(params=[True, False], ids=["project", "app"])
def has_middleware(request: pytest.FixtureRequest, settings: LazySettings) -> bool:
    """Whether the project's middleware is installed; the app's own admins must work without it."""
    if not request.param:
        settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if name != MIDDLEWARE]
    return bool(request.param)


@pytest.mark.parametrize("model_admin", ADMINS, ids=lambda one: one.opts.model_name)
def test_list__parameter_with_nul_is_removed(
    admin_client: Client, model_admin: Any, has_middleware: bool
) -> None:
    # given
    if not has_middleware and model_admin not in OURS:
        pytest.skip("stock admins have no mixin")
    url = reverse(f"{name_of(model_admin)}_changelist")

    # when
    locations = {
        parameter: admin_client.get(url, {parameter: "a\0", "y": "1"}).headers.get("Location")
        for parameter in parameters(model_admin)
    }

    # then
    assert locations == dict.fromkeys(locations, f"{url}?y=1")


@pytest.mark.parametrize("model_admin", OURS, ids=lambda one: one.opts.model_name)
def test_add_page__invalid_initial_value_is_removed(
    admin_client: Client, model_admin: Any, has_middleware: bool
) -> None:
    # given
    World()
    url = reverse(f"{name_of(model_admin)}_add")
    names = [field.name for field in model_admin.opts.concrete_fields]
    can_add = model_admin.has_add_permission(request_of_admin())

    # when
    answers = {
        f"{name}={value!r}": admin_client.get(url, {name: value}, follow=True).status_code
        # A page that is refused reads no parameter.
        for name in (names if can_add else names[:1])
        # Of these the middleware handles U+0000 only.
        for value in (["\0"] if has_middleware else ["a", "\0", "2024-99-99"])
    }

    # then
    assert answers == dict.fromkeys(answers, 200 if can_add else 403)


def request_of_admin() -> Any:
    request = RequestFactory().get("/")
    request.user = User.objects.get(username="admin")
    return request


def test_list__message_names_the_removed_parameters(
    admin_client: Client, has_middleware: bool
) -> None:
    response = admin_client.get("/admin/orders/order/?status__exact=%00", follow=True)

    assert [str(message) for message in response.context["messages"]] == [REMOVED]


def test_list__action_with_nul_in_the_url_is_refused(
    admin_client: Client, has_middleware: bool
) -> None:
    # given
    copy = OrderCopyFactory(completed=True)

    # when
    form = {"action": "delete_selected", "_selected_action": copy.pk, "select_across": "1"}
    url = "/admin/order_copies/ordercopy/?status__exact=%00"
    response = admin_client.post(url, form | {"post": "yes"})

    # then
    assert response.status_code == 400
    assert OrderCopy.objects.filter(pk=copy.pk).exists()


@pytest.mark.parametrize("model_admin", OURS, ids=lambda one: one.opts.model_name)
@pytest.mark.parametrize("key", ["\0", "1\0", "abc", ""])
def test_action__invalid_key_does_nothing(admin_client: Client, model_admin: Any, key: str) -> None:
    # given
    World()
    action = "delete_selected"
    url = reverse(f"{name_of(model_admin)}_changelist")

    # when
    response = admin_client.post(url, {"action": action, "_selected_action": key}, follow=True)

    # then
    assert response.status_code == 200
    assert [str(message) for message in response.context["messages"]] in (
        ["Nothing was done: select the rows again."],
        [],  # A list without actions.
        ["No action selected."],
    )


@pytest.mark.parametrize(
    ("model", "field"),
    [("customer", "user"), ("coupon", "promotion"), ("order", "payment_source")],
)
def test_autocomplete__nul_finds_nothing_or_is_removed(
    admin_client: Client, model: str, field: str, has_middleware: bool
) -> None:
    # given
    if not has_middleware and field == "user":
        pytest.skip("stock admins have no mixin")
    CustomerFactory()
    target = {"app_label": "orders", "model_name": model, "field_name": field}

    # when
    response = admin_client.get("/admin/autocomplete/", target | {"term": "a\0"}, follow=True)

    # then
    assert response.status_code == 200
    assert has_middleware or response.json()["results"] == []


def test_page__nul_in_a_key_is_not_found(admin_client: Client, has_middleware: bool) -> None:
    # given
    customer: Customer = CustomerFactory()

    # when
    url = reverse("admin:orders_customer_change", args=[customer.pk])
    response = admin_client.get(url.replace("/change", "%00/change"), follow=True)

    # then
    assert response.status_code == (404 if has_middleware else 200)


@pytest.mark.parametrize("model_admin", ADMINS, ids=lambda one: one.opts.model_name)
def test_list__nul_in_the_search_term_is_accepted(admin_client: Client, model_admin: Any) -> None:
    # when
    page = admin_client.get(reverse(f"{name_of(model_admin)}_changelist"), {"q": "a\0b"})

    # then
    assert page.status_code == 200
