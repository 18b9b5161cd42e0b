from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import AnonymousUser, Permission, User
from django.db.models import Model, QuerySet
from django.test import RequestFactory

from order_copies import public_ids
from order_copies.models import OrderFactory as OrderCopyTable
from order_copies.models import OrderSubscription
from order_copies.shops import Shop, get_shop
from orders.copying.shop import ReferenceShop
from orders.models import Order
from tests import stories
from tests.factories import CustomerFactory, OrderCopyFactory, OrderFactory, placed_order
from tests.subscriptions import activated

pytestmark = pytest.mark.django_db


def request_of(user: Any) -> Any:
    request = RequestFactory().get("/")
    request.user = user
    return request


def staff() -> User:
    user = User.objects.create_user("staff")
    user.user_permissions.add(Permission.objects.get(codename="view_order"))
    return user


def a_customers() -> User:
    user = User.objects.create_user("ada")
    CustomerFactory(user=user)
    return user


def test_orders_for__staff_all_customer_own_anonymous_none() -> None:
    # given
    ada = a_customers()
    own, other = placed_order(customer=ada.customer), placed_order()
    shop = ReferenceShop()

    # when, then
    assert list(shop.orders_for(request_of(staff()))) == [own, other]
    assert list(shop.orders_for(request_of(ada))) == [own]
    assert list(shop.orders_for(request_of(User.objects.create_user("nobody")))) == []
    assert list(shop.orders_for(request_of(AnonymousUser()))) == []


def test_acts_for_itself__only_customers_without_view_order() -> None:
    # given
    ada, clerk = a_customers(), staff()
    CustomerFactory(user=clerk)
    users = [ada, clerk, User.objects.create_user("nobody"), AnonymousUser()]

    # when
    acting = [user for user in users if ReferenceShop().acts_for_itself(request_of(user))]

    # then
    assert acting == [ada]


def test_order_copies_for__visible_with_their_source() -> None:
    # given
    ada = a_customers()
    own = OrderCopyFactory(source_order=placed_order(customer=ada.customer))
    other, orphan = OrderCopyFactory(), OrderCopyFactory(source_order=None)
    shop, every = ReferenceShop(), OrderCopyTable.objects.order_by("pk")

    # when
    def seen(user: Any) -> list[int]:
        return [order_copy.pk for order_copy in shop.order_copies_for(request_of(user), every)]

    # then
    assert seen(staff()) == [own.pk, other.pk, orphan.pk]
    assert seen(ada) == [own.pk]
    assert seen(AnonymousUser()) == []


def test_order_subscriptions_for__visible_with_their_source() -> None:
    # given
    ada = a_customers()
    orders = placed_order(customer=ada.customer), placed_order(), placed_order()
    own, other, orphan = (activated(order) for order in orders)
    OrderSubscription.objects.filter(pk=orphan.pk).update(source_order=None)
    shop, every = ReferenceShop(), OrderSubscription.objects.order_by("pk")

    # when
    def seen(user: Any) -> list[int]:
        return [one.pk for one in shop.order_subscriptions_for(request_of(user), every)]

    # then
    assert seen(staff()) == [own.pk, other.pk, orphan.pk]
    assert seen(ada) == [own.pk]
    assert seen(AnonymousUser()) == []


def test_order_id__is_the_public_id() -> None:
    # given
    order, shop = OrderFactory(), ReferenceShop()

    # when, then
    assert shop.order_id(order.pk) == order.public_id == public_ids.encode("orders", order.pk)
    assert shop.order_key(order.public_id) == order.pk
    assert shop.order_key("nonsense") is None
    assert shop.order_key(str(order.pk)) is None


def test_find_order__by_id_or_number() -> None:
    order, shop = OrderFactory(number="000123"), ReferenceShop()

    found = [shop.find_order(text) for text in (order.public_id, "000123", "#000123", "999", "")]

    assert found == [order.pk, order.pk, order.pk, None, None]


class PlainShop(Shop):
    """A shop that implements only the required methods."""

    def orders_for(self, request: Any) -> QuerySet[Any]:
        return Order.objects.filter(pk=request.user.pk)

    def plan(self, order_copies: Any) -> Any:
        raise NotImplementedError

    def write(self, runs: Any) -> None:
        raise NotImplementedError


def test_shop__default_ids_are_keys_and_payments_are_none() -> None:
    # given
    order, shop = OrderFactory(), PlainShop()
    runs: list[Any] = [object(), object()]

    # when, then
    assert shop.order_model is Order
    assert issubclass(shop.order_model, Model)
    assert shop.order_id(order.pk) == str(order.pk)
    assert shop.order_key(str(order.pk)) == order.pk
    assert shop.find_order(str(order.pk)) == order.pk
    assert shop.order_key("nonsense") is None
    assert shop.order_key("1" * 5000) is None
    assert shop.payments(runs) == [None, None]


def test_get_shop__follows_the_setting(settings: LazySettings) -> None:
    # then
    assert type(get_shop()) is ReferenceShop

    # when
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"SHOP": f"{__name__}.PlainShop"}

    # then
    assert type(get_shop()).__name__ == "PlainShop"


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"payment_status": "paid"}, "paid"),
        ({"payment_status": "refunded"}, "refunded"),
        ({"fulfillment_status": "in_progress"}, "in progress"),
        ({"fulfillment_status": "fulfilled"}, "fulfilled"),
    ],
)
def test_cancel_source_order__paid_or_shipped_source_fails_the_copy(
    values: dict[str, str], code: str
) -> None:
    # given
    source = placed_order(**values)
    before = stories.every_byte(source)

    # when
    order_copy = stories.copied(source, cancel_source_order=True, place_target_order=True)

    # then
    [message] = order_copy.errors_log["source_order"]
    assert order_copy.status == "failed"
    assert code in message
    assert stories.target_of(order_copy).status == "pending"
    assert stories.every_byte(source) == before
