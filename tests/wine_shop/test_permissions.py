"""Who may copy which orders: staff, the owner of an order, and other users."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser, Permission
from django.core.management import call_command
from django.test import Client, RequestFactory

from order_copies.models import OrderFactory
from order_copies.shops import get_shop
from order_copies.worker.run import run_batch
from tests.wine_shop.conftest import make_order
from tests.wine_shop.copies import WineShop
from tests.wine_shop.models import Customer, Order, Wine

MEDIA_TYPE = "application/vnd.api+json"


@pytest.fixture
def ann(cellar: None) -> Any:
    """A customer with one of two orders."""
    user = get_user_model().objects.create_user("ann")
    make_order("W1", ("white", 5, "2"), customer=Customer.objects.create(user=user))
    make_order("W2", ("red", 1, "1"))
    return user


@pytest.fixture
def staff(ann: Any) -> Any:
    return get_user_model().objects.create_superuser("staff", password="x")


def request_of(user: Any) -> Any:
    request = RequestFactory().get("/")
    request.user = user
    return request


def numbers(user: Any) -> list[str]:
    orders = get_shop().orders_for(request_of(user))
    return sorted(orders.values_list("number", flat=True))


def test_orders_for__owner_sees_own_orders(ann: Any) -> None:
    assert numbers(ann) == ["W1"]
    assert get_shop().acts_for_itself(request_of(ann))


def test_orders_for__permission_to_view_shows_all_orders(ann: Any) -> None:
    # given
    ann.user_permissions.add(Permission.objects.get(codename="view_order"))

    # then
    assert numbers(get_user_model().objects.get()) == ["W1", "W2"]
    assert not get_shop().acts_for_itself(request_of(get_user_model().objects.get()))


def test_orders_for__nobody_else_sees_an_order(ann: Any) -> None:
    assert numbers(AnonymousUser()) == []
    assert numbers(get_user_model().objects.create_user("bob")) == []
    assert not get_shop().acts_for_itself(request_of(AnonymousUser()))


class NoOwner(WineShop):
    owner = ""


def test_orders_for__shop_without_owners_is_for_staff(ann: Any, use: Callable[..., None]) -> None:
    use(NoOwner)

    assert numbers(ann) == []
    assert not get_shop().acts_for_itself(request_of(ann))


def post(user: Any, order: Order, **attributes: Any) -> Any:
    client = Client(headers={"Accept": MEDIA_TYPE})
    client.force_login(user)
    data = {
        "type": "order_copies",
        "attributes": attributes,
        "relationships": {"source_order": {"data": {"type": "orders", "id": str(order.pk)}}},
    }
    body = json.dumps({"data": data})
    return client.post("/api/order_copies", body, content_type=MEDIA_TYPE)


def test_api__owner_copies_an_order(ann: Any) -> None:
    # given
    own, other = Order.objects.order_by("number")

    # when
    response = post(ann, own, place_target_order=True, skip_errors=True)
    refused = post(ann, other)
    run_batch("worker")

    # then
    assert (response.status_code, refused.status_code) == (201, 404)
    order_copy = OrderFactory.objects.get()
    assert (order_copy.status, order_copy.target_order.status) == ("completed", "placed")
    assert order_copy.target_order.lines.get().quantity == 3
    assert Wine.objects.get(code="white").pieces == 0


def test_admin__staff_copies_orders_from_their_list(staff: Any) -> None:
    # given
    client = Client()
    client.force_login(staff)
    orders = Order.objects.order_by("number")
    selected = {
        "action": "copy_selected_orders",
        "_selected_action": [order.pk for order in orders],
    }

    # when
    page = client.post("/admin/wine_shop/order/", selected, follow=True)

    # then
    assert page.status_code == 200
    assert "only 3 of 5 white left" in page.content.decode()


def test_command__copies_an_order(ann: Any, capsys: Any) -> None:
    # given
    order = Order.objects.get(number="W2")

    # when
    call_command("copy_order", str(order.pk))
    run_batch("worker")

    # then
    order_copy = OrderFactory.objects.get()
    assert (order_copy.status, order_copy.target_order.number) == ("completed", "W3")
    assert f"copy of Order {order.pk} requested" in capsys.readouterr().out
