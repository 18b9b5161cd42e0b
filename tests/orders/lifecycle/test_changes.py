"""Each change of the shop's resources is recorded, from code and from the admin."""

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse

from order_copies.events.models import Event
from orders.exceptions import ResourceGoneError
from orders.lifecycle.changes import change
from orders.models import Address, Coupon, Customer, Market, Promotion, Sku, StockItem
from tests.factories import (
    CouponFactory,
    CustomerFactory,
    MarketFactory,
    PromotionFactory,
    SkuFactory,
    pending_order,
)
from tests.forms import form_of
from tests.stories import WHO
from tests.subscriptions import subscription_model

pytestmark = pytest.mark.django_db


def recorded() -> list[tuple[str, str, dict[str, Any]]]:
    """Return resource type, name and changes of all events."""
    return list(Event.objects.values_list("resource_type", "name", "changes"))


def test_change__records_changed_values() -> None:
    # given
    market = MarketFactory(reference="1")

    # when
    change(market, {"reference": "1", "metadata": {"a": [1]}}, who=WHO)

    # then
    market.refresh_from_db()
    assert (market.reference, market.metadata) == ("1", {"a": [1]})
    event = Event.objects.get()
    assert (event.resource_type, event.resource_id) == ("markets", str(market.pk))
    assert (event.name, event.kind, event.who) == ("", "update", WHO)
    assert event.changes == {"metadata": {"from": {}, "to": {"a": [1]}}}


def test_change__equal_values_record_nothing() -> None:
    # given
    market = MarketFactory()
    updated_at = market.updated_at

    # when
    change(market, {"reference": None}, who=WHO)

    # then
    market.refresh_from_db()
    assert market.updated_at == updated_at
    assert not Event.objects.exists()


def test_change__deleted_resource_raises() -> None:
    # given
    market = MarketFactory()
    Market.objects.all().delete()

    # when, then
    with pytest.raises(ResourceGoneError):
        change(market, {"reference": "1"}, who=WHO)


def test_admin__create_is_recorded_without_secrets_and_empty_values(
    admin_client: Client,
) -> None:
    # given
    promotion = PromotionFactory()
    data = {"code": "SPRING", "promotion": promotion.pk, "usage_limit": "3", "metadata": "{}"}

    # when
    admin_client.post(reverse("admin:orders_coupon_add"), data)

    # then
    assert recorded() == [
        (
            "coupons",
            "coupons.create",
            {
                "code": {"from": None, "to": "SPRING"},
                "promotion_id": {"from": None, "to": promotion.public_id},
                "usage_limit": {"from": None, "to": 3},
                "usage_count": {"from": None, "to": 0},
                "customer_single_use": {"from": None, "to": False},
                "metadata": {"from": None, "to": {}},
            },
        )
    ]
    event = Event.objects.get()
    admin = get_user_model().objects.get(username="admin")
    assert event.resource_id == str(Coupon.objects.get().pk)
    assert (event.kind, event.who["owner"]["id"]) == ("create", str(admin.pk))


def test_admin__change_is_recorded_from_and_to(admin_client: Client) -> None:
    # given
    market = MarketFactory(tax_rate="0.2200")
    url = reverse("admin:orders_market_change", args=[market.pk])
    data = form_of(admin_client, url)

    # when
    unchanged = admin_client.post(url, data)
    nothing = recorded()
    admin_client.post(url, data | {"tax_rate": "0.2", "name": "Italy"})

    # then
    assert (unchanged.status_code, nothing) == (302, [])
    assert recorded() == [
        (
            "markets",
            "",
            {
                "name": {"from": market.name, "to": "Italy"},
                "tax_rate": {"from": "0.2200", "to": "0.2"},
            },
        )
    ]


def test_admin__subscription_model_of_a_market_is_recorded_by_its_id(
    admin_client: Client,
) -> None:
    # given
    market, model = MarketFactory(), subscription_model()
    url = reverse("admin:orders_market_change", args=[market.pk])

    # when
    admin_client.post(url, form_of(admin_client, url) | {"subscription_model": model.pk})

    # then
    changes = {"subscription_model_id": {"from": None, "to": model.public_id}}
    assert recorded() == [("markets", "", changes)]


def test_admin__dates_and_users_are_recorded_as_json(
    admin_client: Client, django_user_model: Any
) -> None:
    # given
    customer, user = CustomerFactory(), django_user_model.objects.create_user("ida")
    promotion = PromotionFactory()
    of_customer = reverse("admin:orders_customer_change", args=[customer.pk])
    of_promotion = reverse("admin:orders_promotion_change", args=[promotion.pk])

    # when
    admin_client.post(of_customer, form_of(admin_client, of_customer) | {"user": user.pk})
    expires = {"expires_at_0": "2030-01-01", "expires_at_1": "12:00:00"}
    admin_client.post(of_promotion, form_of(admin_client, of_promotion) | expires)

    # then
    assert recorded() == [
        ("customers", "", {"user_id": {"from": None, "to": user.pk}}),
        ("promotions", "", {"expires_at": {"from": None, "to": "2030-01-01T12:00:00Z"}}),
    ]


def test_admin__inline_changes_are_recorded(admin_client: Client) -> None:
    # given
    promotion = PromotionFactory()
    stays, changes, goes = (CouponFactory(promotion=promotion) for _ in range(3))
    url = reverse("admin:orders_promotion_change", args=[promotion.pk])
    data = form_of(admin_client, url) | {
        "coupons-TOTAL_FORMS": "4",
        "coupons-1-usage_limit": "7",
        "coupons-2-DELETE": "on",
        "coupons-3-code": "NEW",
    }

    # when
    admin_client.post(url, data)

    # then
    new = Coupon.objects.get(code="NEW")
    whole = {"code", "promotion_id", "usage_count", "customer_single_use", "metadata"}
    assert set(Coupon.objects.all()) == {stays, changes, new}
    assert [
        (event.name, event.resource_id, set(event.changes)) for event in Event.objects.all()
    ] == [
        ("coupons.create", str(new.pk), whole),
        ("", str(changes.pk), {"usage_limit"}),
        ("coupons.destroy", str(goes.pk), whole),
    ]
    assert Event.objects.get(name="coupons.destroy").changes["code"] == {
        "from": goes.code,
        "to": None,
    }


def test_admin__stock_and_addresses_are_recorded(admin_client: Client) -> None:
    # given
    sku, order = SkuFactory(stock=7), pending_order()
    of_sku = reverse("admin:orders_sku_change", args=[sku.pk])
    of_order = reverse("admin:orders_order_change", args=[order.pk])

    # when
    stock = form_of(admin_client, of_sku) | {"stock_item-0-quantity": "9"}
    admin_client.post(of_sku, stock)
    admin_client.post(of_order, form_of(admin_client, of_order) | {"addresses-0-city": "Roma"})

    # then
    assert StockItem.objects.get(sku=sku).quantity == 9
    assert Address.objects.filter(city="Roma").count() == 1
    assert recorded() == [
        ("stock_items", "", {"quantity": {"from": 7, "to": 9}}),
        ("addresses", "", {"city": {"from": "Firenze", "to": "Roma"}}),
    ]


def test_admin__deletions_are_recorded_one_by_one(admin_client: Client) -> None:
    # given
    one, *others = [SkuFactory(price=False, stock=False) for _ in range(3)]
    keys = [sku.pk for sku in others]

    # when
    admin_client.post(reverse("admin:orders_sku_delete", args=[one.pk]), {"post": "yes"})
    data = {"action": "delete_selected", "_selected_action": keys, "post": "yes"}
    admin_client.post(reverse("admin:orders_sku_changelist"), data)

    # then
    assert not Sku.objects.exists()
    assert [(name, changes["code"]) for _type, name, changes in recorded()] == [
        ("skus.destroy", {"from": sku.code, "to": None}) for sku in [one, *others]
    ]


def test_admin__refused_form_records_nothing(admin_client: Client) -> None:
    # given
    customer = CustomerFactory()
    url = reverse("admin:orders_customer_change", args=[customer.pk])

    # when
    admin_client.post(url, form_of(admin_client, url) | {"email": "nonsense"})

    # then
    assert Customer.objects.get().email == customer.email
    assert Promotion.objects.count() == Event.objects.count() == 0
