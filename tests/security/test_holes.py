"""Attacks: reading data of others, setting protected fields, and running scripts."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.db import models
from django.test import Client
from django.urls import reverse

from order_copies.jsonapi.resources import Relationship, Resource, resource_of
from order_copies.models import OrderCopy
from orders.models import Order, PaymentSource
from tests import stories
from tests.api import API, include_paths, service, shopper, staff
from tests.factories import (
    MarketFactory,
    OrderCopyFactory,
    PaymentSourceFactory,
    draft_order,
    pending_order,
    placed_order,
)
from tests.security import test_admin, test_api
from tests.security.tables import Case
from tests.security.world import World, writes

pytestmark = pytest.mark.django_db


# Reading data of others


class Neighbours:
    """Two customers of one shop, whose orders share market, payment method and source."""

    def __init__(self) -> None:
        self.other = World()
        self.own = World()
        Order.objects.filter(pk=self.own.order.pk).update(
            market=self.other.order.market,
            payment_method=self.other.order.payment_method,
            payment_source=self.other.order.payment_source,
        )
        # A copy of this customer's order whose target belongs to the other customer.
        self.stray = placed_order(customer=self.other.order.customer)
        OrderCopyFactory(source_order=self.own.order, completed=True, target_order=self.stray)
        self.api = API(shopper(self.own.order.customer))

    @property
    def secrets(self) -> list[str]:
        """Values that only the other customer may see."""
        others = set(self.other.secrets) - set(self.own.secrets)
        return [*others, self.stray.number, self.stray.token]


#: The types that any client with a token can list.
TYPES = [
    case.path.rpartition("/")[2]
    for case in test_api.CASES
    if case.method == "GET" and case.path.count("/") == 2 and case.takes["scope"]
]
PUBLIC = {"markets", "skus", "promotions", "payment_methods", "subscription_models"}


@pytest.mark.parametrize("resource_type", TYPES)
def test_include__reveals_no_data_of_others(resource_type: str) -> None:
    # given
    neighbours = Neighbours()
    paths = include_paths(resource_of(resource_type), depth=3)

    # when
    response = neighbours.api.get(f"/{resource_type}?include={','.join(paths)}")

    # then
    document = response.content.decode()
    assert response.status_code == 200
    assert [secret for secret in neighbours.secrets if secret in document] == []


def followed(resource: Resource) -> Iterator[tuple[str, Relationship]]:
    """Yield path and last relationship of each filter over one or two relationships."""
    for first in resource.relationships:
        if not first.offers_filters:
            continue
        yield first.name, first
        for second in resource_of(first.type).relationships:
            if second.offers_filters:
                yield f"{first.name}_{second.name}", second


@pytest.mark.parametrize("resource_type", TYPES)
def test_filters__reveal_no_data_of_others(resource_type: str) -> None:
    # given
    neighbours = Neighbours()
    rows = neighbours.other.rows | {"orders": neighbours.stray}
    paths = [
        f"/{resource_type}?filter[q][{name}_id_eq]={rows[relationship.type].public_id}"
        for name, relationship in followed(resource_of(resource_type))
        if relationship.type in rows and relationship.type not in PUBLIC
    ]

    # when
    answers = {path: neighbours.api.get(path).json() for path in paths}

    # then
    assert [path for path, answer in answers.items() if answer["data"]] == []


def test_session__is_no_authentication_for_the_api() -> None:
    # given
    world, api = World(), API()
    api.client.force_login(get_user_model().objects.create_superuser("root"))
    path = f"/orders/{world.order.public_id}"
    body = {
        "data": {"type": "orders", "id": world.order.public_id, "attributes": {"_cancel": True}}
    }

    # when
    with writes() as written:
        answers = [api.get(path), api.get("/order_copies"), api.patch(path, body)]

    # then
    assert [answer.status_code for answer in answers] == [401, 401, 401]
    assert not written


@pytest.mark.parametrize("header", ["X-Forwarded-Host", "X-Host", "Forwarded", "X-Original-URL"])
def test_links__forwarded_host_headers_are_ignored(header: str) -> None:
    # given
    MarketFactory()

    # when
    response = API(service()).get("/markets", **{header: "evil.example"})

    # then
    assert response.json()["data"][0]["links"]["self"].startswith("http://testserver/api/markets/")
    assert "evil.example" not in response.content.decode()


def test_host__unknown_one_is_refused() -> None:
    responses = [
        API(service()).get("/markets", Host="evil.example"),
        Client().get("/admin/login/", headers={"host": "evil.example"}),
    ]

    assert [response.status_code for response in responses] == [400, 400]


def test_admin_search__order_fields_need_view_order(client: Client) -> None:
    # given
    order = placed_order(lines=1)
    order_copy = OrderCopyFactory(source_order=order, reference="R-1")
    client.force_login(staff("view_ordercopy"))
    url = reverse("admin:order_copies_ordercopy_changelist")

    # when
    found = {
        term: len(client.get(url, {"q": term}).context["cl"].result_list)
        for term in (order.customer_email, order.number, "R-1", order_copy.public_id)
    }

    # then
    assert found == {order.customer_email: 0, order.number: 0, "R-1": 1, order_copy.public_id: 1}


@pytest.mark.parametrize(
    ("model", "field"),
    [("paymentsource", "token"), ("order", "token"), ("order", "gift_card_code")],
)
def test_admin_filters__secret_fields_are_refused(
    admin_client: Client, model: str, field: str
) -> None:
    # given
    PaymentSourceFactory(token="tok_secret")
    url = reverse(f"admin:orders_{model}_changelist")

    # when
    answers = [admin_client.get(url, {f"{field}{lookup}": "t"}) for lookup in ("", "__startswith")]

    # then
    assert [answer.status_code for answer in answers] == [400, 400]
    assert admin_client.get(url, {"reference__startswith": "t"}).status_code == 200


# Setting protected fields


def test_order_form__changes_only_editable_fields(
    admin_client: Client,
) -> None:
    # given
    order, other = pending_order(lines=1, addresses=False), placed_order(lines=1)
    before = stories.row(order)
    forged = {
        field.name: "1" for field in Order._meta.concrete_fields if field.name != "payment_method"
    }
    forged |= {"status": "placed", "number": "1", "customer": other.customer_id, "token": "x" * 32}
    form = forged | test_admin.FORM | {"customer_email": "new@example.com"}

    # when
    admin_client.post(reverse("admin:orders_order_change", args=[order.pk]), form)

    # then
    after = stories.row(Order.objects.get(pk=order.pk))
    changed = {name for name, value in after.items() if value != before[name]}
    assert changed == {"customer_email", "reference", "reference_origin", "updated_at"}


def test_copy_form__changes_only_editable_fields(
    admin_client: Client,
) -> None:
    # given
    order_copy = OrderCopyFactory(failed=True)
    before = stories.row(order_copy)
    forged = {field.name: "1" for field in OrderCopy._meta.concrete_fields}
    forged |= {"status": "completed", "metadata": "{}", "errors_log": "{}", "outcomes": "[]"}
    url = reverse("admin:order_copies_ordercopy_change", args=[order_copy.pk])

    # when
    admin_client.post(url, forged)

    # then
    after = stories.row(OrderCopy.objects.get(pk=order_copy.pk))
    changed = {name for name, value in after.items() if value != before[name]}
    assert changed == {"reference", "reference_origin", "updated_at"}


# Running scripts

SCRIPT = "<script>alert(1)</script>"
IMAGE = '"><img src=x onerror=alert(1)>'
#: No pages: forms of new rows, and files that no browser shows.
OTHERS = ("/add/", "/export/")
PAGES = [
    case
    for case in test_admin.CASES
    if case.method == "GET" and not any(part in case.path for part in OTHERS)
]


def inject_scripts() -> None:
    """Write scripts into each text and JSON column of all rows."""
    for label in ("orders", "order_copies", "order_copies_events"):
        for model in apps.get_app_config(label).get_models():
            for row in model._base_manager.all():
                model._base_manager.filter(pk=row.pk).update(**with_scripts(row))


def with_scripts(row: models.Model) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for field in row._meta.concrete_fields:
        if isinstance(field, models.JSONField):
            values[field.name] = JSON_WITH_SCRIPTS.get(field.name, {SCRIPT: [IMAGE, SCRIPT]})
        elif type(field) in {models.CharField, models.EmailField} and not field.choices:
            is_unique = field.unique or field.name in {
                "resource_type",
                "resource_id",
                "currency_code",
            }
            text = IMAGE if field.max_length < 40 else SCRIPT
            if field.unique and field.name == "name":
                values[field.name] = f"{text}{row.pk}"
            elif not is_unique and field.max_length >= len(text):
                values[field.name] = text
    return values


JSON_WITH_SCRIPTS = {
    "outcomes": [
        {
            "attribute": "line_items",
            "name": SCRIPT,
            "action": "skipped",
            "code": SCRIPT,
            "message": IMAGE,
            "before": {"quantity": 1, "unit_amount_cents": 1, "total_amount_cents": 1},
            "after": None,
        },
        {"attribute": SCRIPT, "action": "added", "name": "", "message": SCRIPT},
    ],
    "who": {"owner": {"name": SCRIPT, "email": IMAGE}},
    "changes": {SCRIPT: {"from": IMAGE, "to": SCRIPT}},
}


@pytest.mark.parametrize("case", PAGES, ids=str)
def test_admin_pages__escape_scripts(admin_client: Client, case: Case) -> None:
    # given
    World()
    row = test_admin.row_for(case)
    inject_scripts()

    # when
    response = admin_client.get(test_admin.path_for(case, row), follow=True)

    # then
    page = response.content.decode()
    assert SCRIPT not in page
    assert "<img src=x" not in page
    is_shown = "&lt;script&gt;" in page or "&lt;img src=x" in page
    assert is_shown or "/change/" not in case.path


def test_admin_messages__escape_scripts(admin_client: Client) -> None:
    # given
    order = draft_order(lines=[{"name": SCRIPT}], number=SCRIPT)
    order_copy = OrderCopyFactory(source_order=order, completed=True)
    url = reverse("admin:orders_order_changelist")
    copies = reverse("admin:order_copies_ordercopy_changelist")
    place = {"action": "place_selected_orders", "_selected_action": order.pk}

    # when
    pages = [
        admin_client.post(url, place),
        admin_client.post(url, place | {"_confirmed": "1"}, follow=True),
        admin_client.post(
            copies, {"action": "abort_selected", "_selected_action": order_copy.pk}, follow=True
        ),
        admin_client.get(f"{reverse('admin:orders_order_copy')}?ids={order.pk}", follow=True),
    ]

    # then
    for page in pages:
        assert page.status_code == 200
        assert "&lt;script&gt;" in page.content.decode() or "abort" in page.request["QUERY_STRING"]
        assert SCRIPT not in page.content.decode()


def test_login__does_not_redirect_to_other_sites() -> None:
    # given
    get_user_model().objects.create_superuser("root", password="a password of root")
    form = {"username": "root", "password": "a password of root"}

    # when
    locations = [
        Client().post(f"/admin/login/?next={place}", form | {"next": place})["Location"]
        for place in ("https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:0")
    ]

    # then
    assert set(locations) == {"/accounts/profile/"}


def test_payment_source__admin_pages_hide_the_token(admin_client: Client) -> None:
    # given
    source: PaymentSource = PaymentSourceFactory(token="tok_4242_secret")
    pages = [
        reverse("admin:orders_paymentsource_changelist"),
        reverse("admin:orders_paymentsource_change", args=[source.pk]),
        reverse("admin:orders_paymentsource_history", args=[source.pk]),
        reverse("admin:orders_paymentsource_delete", args=[source.pk]),
    ]

    # when, then
    assert not any("tok_4242" in admin_client.get(page).content.decode() for page in pages)
