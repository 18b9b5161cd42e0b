"""Staff copy Oscar's orders in the admin, from the dashboard, and over the API."""

import json
import re

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.core.management import call_command
from django.urls import reverse
from oscar.core.loading import get_model

from order_copies.contrib.oscar.admin import let_staff_copy_orders
from order_copies.copying import request
from order_copies.models import OrderCopy
from tests.oscar_shop.copies import run_batch
from tests.oscar_shop.shopping import Item, make_user, place_order

Order = get_model("order", "Order")
MEDIA_TYPE = "application/vnd.api+json"


@pytest.fixture
def order(ann, teapot):
    return place_order(ann, Item(teapot, 2))


@pytest.fixture
def staff(client, db):
    """A client of a superuser."""
    client.force_login(make_user("staff", is_staff=True, is_superuser=True))
    return client


def test_admin__copies_an_order_from_its_page(staff, order) -> None:
    # given
    page = staff.get(reverse("admin:order_order_change", args=[order.pk])).content.decode()
    url = re.search(r'href="(/admin/order/order/copy/\?ids=\d+)"', page).group(1)

    # when
    response = staff.get(url, follow=True)
    # The second "_copy" confirms what is charged.
    for button in ("_preview", "_copy", "_copy"):
        request = response.request
        fields = hidden_fields(response) | {"place_target_order": "on", button: "1"}
        address = f"{request['PATH_INFO']}?{request['QUERY_STRING']}"
        response = staff.post(address, fields, follow=True)
    run_batch("worker")

    # then
    order_copy = OrderCopy.objects.get()
    assert (order_copy.status, order_copy.target_order.status) == ("completed", "Pending")


def hidden_fields(response):
    """Return the values of the hidden fields of a page by name, and that of its tick."""
    page = response.content.decode()
    hidden = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page)
    return dict([*hidden, *re.findall(r'name="(ticked)" value="(\d+)"', page)])


def test_admin__list_has_the_action(staff, order) -> None:
    page = staff.get(reverse("admin:order_order_changelist")).content.decode()

    assert "copy_selected_orders" in page


def test_admin__mixin_is_added_once() -> None:
    # given
    before = admin.site.get_model_admin(Order)

    # when
    let_staff_copy_orders(admin.site)
    let_staff_copy_orders(admin.AdminSite())

    # then
    assert admin.site.get_model_admin(Order) is before


def test_dashboard__button_leads_to_the_copy_page(staff, order) -> None:
    # given
    page = staff.get(reverse("dashboard:order-detail", args=[order.number])).content.decode()

    # when
    url = re.search(r'class="btn btn-primary" href="([^"]+)">Copy…', page).group(1)

    # then
    assert url == f"/admin/order/order/copy/?ids={order.pk}"
    assert f"#{order.number}" in staff.get(url, follow=True).content.decode()


@pytest.mark.parametrize(
    ("permissions", "is_shown"),
    [([], False), (["view_order"], False), (["view_order", "add_ordercopy"], True)],
)
def test_dashboard__button_needs_the_permissions_of_the_page(
    client, order, permissions, is_shown
) -> None:
    # given
    user = make_user("clerk", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client.force_login(user)

    # when
    page = client.get(reverse("dashboard:order-detail", args=[order.number])).content.decode()

    # then
    assert ("Copy…" in page) == is_shown


def test_dashboard__partner_without_access_to_the_admin_sees_no_button(client, order) -> None:
    # given
    user = make_user("potter")
    user.user_permissions.add(Permission.objects.get(codename="dashboard_access"))
    order.lines.get().partner.users.add(user)
    client.force_login(user)

    # when
    response = client.get(reverse("dashboard:order-detail", args=[order.number]))

    # then
    assert response.status_code == 200
    assert "Copy…" not in response.content.decode()


def post(client, order_id, **attributes):
    """Request a copy over the API."""
    body = {
        "data": {
            "type": "order_copies",
            "attributes": attributes,
            "relationships": {
                "source_order": {"data": {"type": "orders", "id": str(order_id)}},
            },
        }
    }
    return client.post(
        "/api/order_copies",
        json.dumps(body),
        content_type=MEDIA_TYPE,
        headers={"accept": MEDIA_TYPE},
    )


def test_api__customer_copies_an_own_order(client, ann, order) -> None:
    # given
    client.force_login(ann)

    # when
    response = post(client, order.pk, place_target_order=True)
    run_batch("worker")

    # then
    assert response.status_code == 201
    url = f"/api/order_copies/{response.json()['data']['id']}"
    document = client.get(url, headers={"accept": MEDIA_TYPE}).json()
    assert document["data"]["attributes"]["status"] == "completed"
    assert Order.objects.filter(user=ann, status="Pending").count() == 2


def test_api__customer_cannot_copy_orders_of_others(client, order) -> None:
    # given
    client.force_login(make_user("bob"))

    # when
    response = post(client, order.pk)

    # then
    assert response.status_code == 404
    assert not OrderCopy.objects.exists()


def test_api__wallet_is_refused(staff, order) -> None:
    # when
    response = post(staff, order.pk, reuse_wallet=True)

    # then
    assert response.status_code == 422
    assert response.json()["errors"][0]["detail"].endswith("this shop has no wallet")


def test_commands__copy_an_order_by_its_number(order, capsys) -> None:
    # when
    call_command("copy_order", f"#{order.number}", "--place-target-order")
    call_command("order_copies_worker", "--drain")

    # then
    order_copy = OrderCopy.objects.get()
    assert (order_copy.source_order, order_copy.target_order.status) == (order, "Pending")


def test_admin__compares_original_and_copy(staff, order) -> None:
    # given
    [order_copy] = request([order], actor="staff")
    run_batch("worker")
    order_copy.refresh_from_db()

    # when
    page = staff.get(reverse("admin:order_copies_ordercopy_change", args=[order_copy.pk]))

    # then
    comparison = page.context["comparison"]
    assert [(line.label, line.amount) for line in comparison.lines] == [("same", 0)]
    facts = {fact.label: (fact.before, fact.after) for fact in comparison.facts}
    address = order.shipping_address.summary
    assert facts["Status"] == (order.status, "Draft")
    assert facts["Shipping address"] == (address, address)
    assert "Cannot be undone: this shop cannot undo copies" in page.content.decode()
