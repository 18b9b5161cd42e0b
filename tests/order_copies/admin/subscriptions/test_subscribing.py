"""Subscribe to an order from its page in the admin."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.conf import LazySettings
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.http import HttpRequest
from django.test import Client
from django.urls import path, reverse
from django.utils import timezone

from order_copies.admin import CopyOrdersMixin, register
from order_copies.models import OrderSubscription
from orders.models import Order
from tests.factories import SubscriptionModelFactory, draft_order, pending_order, placed_order
from tests.forms import terms_of
from tests.order_copies.admin.subscriptions.pages import (
    START,
    messages_of,
    page_of,
    signed_in,
    words_of,
)
from tests.order_copies.admin.subscriptions.shops import CLUB, COPYING, use

pytestmark = pytest.mark.django_db


class PlainOrderAdmin(CopyOrdersMixin, admin.ModelAdmin):  # type: ignore[type-arg]
    """The order admin of a site of a shop's own; orders with the number "secret" are hidden."""

    fields = ["reference"]

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj is None or obj.number != "secret"


class DeletingOrderAdmin(PlainOrderAdmin):
    """An order admin that deletes each order while the permission to change it is checked."""

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if obj is not None:
            Order.objects.filter(pk=obj.pk).delete()
        return True


sites = {name: admin.AdminSite(name) for name in ("own", "bare")}
for one_site in sites.values():
    one_site.register(Order, PlainOrderAdmin)
register(sites["own"])
sites["deleting"] = admin.AdminSite("deleting")
sites["deleting"].register(Order, DeletingOrderAdmin)
register(sites["deleting"])
urlpatterns = [path("admin/", admin.site.urls)]
urlpatterns += [path(f"{name}/", site.urls) for name, site in sites.items()]

PAGE = reverse("admin:orders_order_subscribe")
ORDERS = reverse("admin:orders_order_changelist")
TERMS = {"frequency_name": "monthly", "start": "date", "starts_at": "2031-01-31T09:00"}
MAY_SUBSCRIBE = ("view_order", "add_ordersubscription", "view_ordersubscription")


def page_for(order: Order, page: str = PAGE) -> str:
    """Return a new address of the page that subscribes to the order."""
    return f"{page}?ids={order.pk}&request_key={uuid4()}"


def submit(client: Client, url: str, **terms: str) -> Any:
    """Preview terms, then subscribe."""
    terms = TERMS | terms
    form = terms | {"shown_terms": terms_of(client, url, **terms), "_subscribe": "1"}
    return client.post(url, form, follow=True)


def test_subscribe__from_the_page_of_an_order(admin_client: Client) -> None:
    # given
    order = placed_order()
    button = f'<a href="{PAGE}?ids={order.pk}">Subscribe…</a>'
    order_page = words_of(admin_client.get(reverse("admin:orders_order_change", args=[order.pk])))

    # when
    opened = admin_client.get(f"{PAGE}?ids={order.pk}", follow=True)
    [(url, _status)] = opened.redirect_chain
    preview = admin_client.post(url, TERMS | {"place_target_order": "on"})
    response = submit(admin_client, url, place_target_order="on")

    # then
    assert button in order_page
    assert preview.context["expected"].slots[0][0] == START
    words = words_of(preview)
    assert "Every month on the 31st, or the last day" in words
    assert "a new order is placed and paid from the customer's wallet." in words
    one = OrderSubscription.objects.get()
    assert response.redirect_chain[-1][0] == page_of(one)
    assert messages_of(response) == ["The customer is subscribed."]
    assert (one.status, one.next_run_at, one.place_target_order) == ("active", START, True)
    assert one.source_order == order
    assert LogEntry.objects.get().object_id == str(one.pk)


def test_subscribe__twice_creates_one(admin_client: Client) -> None:
    # given
    url = page_for(placed_order())

    # when
    submit(admin_client, url)
    second = submit(admin_client, url)
    reopened = admin_client.get(url, follow=True)

    # then
    one = OrderSubscription.objects.get()
    text = "This was submitted already. Nothing was created twice."
    assert messages_of(second)[-1] == messages_of(reopened)[-1] == text
    assert second.redirect_chain[-1][0] == page_of(one)


def test_subscribe__changed_terms_are_previewed_first(admin_client: Client) -> None:
    # given
    url = page_for(placed_order())
    shown = {"shown_terms": terms_of(admin_client, url, **TERMS), "_subscribe": "1"}

    # when
    response = admin_client.post(url, TERMS | {"frequency_name": "daily"} | shown)

    # then
    assert "The terms have changed since this preview. Nothing was created." in words_of(response)
    assert not OrderSubscription.objects.exists()


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({"starts_at": ""}, "starts_at"),
        ({"starts_at": "2001-01-01T00:00"}, "starts_at"),
        ({"starts_at": "tomorrow"}, "starts_at"),
        ({"expires_at": "2030-01-01T00:00"}, "expires_at"),
        ({"frequency_name": "crontab", "frequency_crontab": "* * * * *"}, "frequency"),
        ({"start": "whenever"}, "start"),
    ],
)
def test_subscribe__refused_terms_are_errors_of_their_field(
    admin_client: Client, terms: dict[str, str], field: str
) -> None:
    # given
    url = page_for(placed_order())

    # when
    response = submit(admin_client, url, **terms)

    # then
    assert list(response.context["form"].errors) == [field]
    assert not OrderSubscription.objects.exists()


def test_subscribe__to_a_draft_starts_on_a_date(admin_client: Client) -> None:
    # given
    url = page_for(draft_order())

    # when
    opened = admin_client.get(url)
    refused = submit(admin_client, url, start="order")

    # then
    assert opened.context["expected"] is None
    assert 'name="_subscribe"' not in words_of(opened)
    assert list(refused.context["form"].errors) == ["start"]


def test_subscribe__no_run_before_the_end_creates_nothing(admin_client: Client) -> None:
    # given
    url = page_for(placed_order())
    terms = {"frequency_name": "crontab", "frequency_crontab": "0 9 1 6 *"}

    # when
    response = submit(admin_client, url, **terms, expires_at="2031-03-01T00:00")

    # then
    assert response.context["form"].errors == {
        "expires_at": ["No run follows before the end: choose a later one."]
    }
    assert not OrderSubscription.objects.exists()


def test_place_target_order__needs_permission_to_copy_and_change() -> None:
    # given
    client = signed_in(*MAY_SUBSCRIBE)
    url = page_for(placed_order())

    # when
    page = client.get(url)
    forged = submit(client, url, place_target_order="on")
    nothing = OrderSubscription.objects.exists()
    plain = submit(client, url)

    # then
    assert "place_target_order" not in page.context["form"].fields
    assert forged.context["form"].non_field_errors() == [
        "You do not have permission to have new orders placed."
    ]
    assert not nothing
    assert messages_of(plain) == ["The customer is subscribed."]
    assert not OrderSubscription.objects.get().place_target_order


def test_subscribe__without_permission_is_forbidden_and_not_offered() -> None:
    # given
    order = placed_order()
    client = signed_in("view_order", "add_ordercopy", "view_ordersubscription")
    order_page = client.get(reverse("admin:orders_order_change", args=[order.pk]))

    # when
    response = client.post(page_for(order), TERMS)

    # then
    assert "Subscribe…" not in words_of(order_page)
    assert "Copy…" in words_of(order_page)
    assert response.status_code == 403


def test_subscribe__button_alone_without_permission_to_copy() -> None:
    # given
    order = placed_order()

    # when
    url = reverse("admin:orders_order_change", args=[order.pk])
    words = words_of(signed_in(*MAY_SUBSCRIBE).get(url))

    # then
    assert "Subscribe…" in words
    assert "Copy…" not in words


def test_subscribe__who_may_not_view_subscriptions_returns_to_the_orders() -> None:
    # given
    client = signed_in("view_order", "add_ordersubscription")

    # when
    response = submit(client, page_for(placed_order()))

    # then
    assert response.redirect_chain[-1][0] == ORDERS
    assert OrderSubscription.objects.count() == 1


def test_subscribe__with_the_order_and_a_model_is_automatic(
    admin_client: Client, settings: LazySettings
) -> None:
    # given
    use(settings, CLUB)
    model = SubscriptionModelFactory(frequencies=["weekly", "0 9 * * MON"])
    url = page_for(placed_order())
    terms = {"frequency": "weekly", "start": "order", "place_target_order": "on"}

    # when
    opened = admin_client.get(url)
    response = submit(admin_client, url, **terms)

    # then
    expected, words = opened.context["expected"], words_of(opened)
    assert f"The subscription is automatic (model {model})" in words
    assert len(expected.slots) == 5
    one = OrderSubscription.objects.get()
    items = one.order_subscription_items.all()
    assert expected.total == sum(item.total_amount_cents for item in items) > 0
    assert (one.status, one.frequency, one.subscription_model) == ("active", "weekly", model)
    assert messages_of(response) == ["The customer is subscribed."]


def test_subscribe__of_a_viewer_of_orders_opens_with_drafts(settings: LazySettings) -> None:
    # given
    use(settings, CLUB)

    # when
    opened = signed_in(*MAY_SUBSCRIBE).get(page_for(placed_order()))

    # then
    assert "a new order is made as a draft. Nobody is charged." in words_of(opened)


def test_subscribe__in_a_shop_that_cannot_place_orders(
    admin_client: Client, settings: LazySettings
) -> None:
    # given
    use(settings, COPYING)
    url = page_for(placed_order())

    # when
    page = admin_client.get(url)
    submit(admin_client, url)

    # then
    assert "place_target_order" not in page.context["form"].fields
    assert not OrderSubscription.objects.get().place_target_order


@pytest.mark.parametrize("ids", ["", "0", "abc", "1,2"])
def test_subscribe__needs_one_order(admin_client: Client, ids: str) -> None:
    response = admin_client.get(f"{PAGE}?ids={ids}", follow=True)

    assert messages_of(response) == ["Select one order to subscribe to."]


@pytest.mark.urls(__name__)
def test_subscribe__on_a_site_of_ones_own(admin_client: Client) -> None:
    # given
    order, secret = placed_order(), placed_order()
    Order.objects.filter(pk=secret.pk).update(number="secret")

    # when
    shown = words_of(admin_client.get(f"/own/orders/order/{order.pk}/change/"))
    bare = words_of(admin_client.get(f"/bare/orders/order/{order.pk}/change/"))
    response = submit(admin_client, page_for(order, "/own/orders/order/subscribe/"))
    hidden = admin_client.get(page_for(secret, "/own/orders/order/subscribe/"), follow=True)

    # then
    one = OrderSubscription.objects.get()
    assert f'<a href="/own/orders/order/subscribe/?ids={order.pk}">Subscribe…</a>' in shown
    assert "Subscribe…" not in bare
    assert response.redirect_chain[-1][0] == f"/own/order_copies/ordersubscription/{one.pk}/change/"
    assert messages_of(hidden) == ["Select one order to subscribe to."]


@pytest.mark.urls(__name__)
def test_subscribe__to_an_order_that_is_deleted_meanwhile(admin_client: Client) -> None:
    # given
    url = page_for(pending_order(), "/deleting/orders/order/subscribe/")

    # when
    response = admin_client.post(url, TERMS, follow=True)

    # then
    assert messages_of(response)[0].startswith("A source order was deleted in the meantime")
    assert not OrderSubscription.objects.exists()


def test_subscribe__expiry_is_kept(admin_client: Client) -> None:
    # given
    url = page_for(placed_order())

    # when
    submit(admin_client, url, expires_at="2032-01-31T09:00")

    # then
    assert OrderSubscription.objects.get().expires_at == START + timedelta(days=365)
    assert timezone.now() < START
