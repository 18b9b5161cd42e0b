"""The page of one subscription: what it shows, its terms, its items."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.http import HttpRequest
from django.test import Client
from django.urls import path, reverse
from django.utils import timezone

from order_copies import copying
from order_copies.admin import OrderSubscriptionAdmin
from order_copies.admin.subscriptions import detail as details
from order_copies.admin.subscriptions.detail import SubscriptionDetail
from order_copies.admin.subscriptions.words import Entry
from order_copies.events.models import Event
from order_copies.models import OrderFactory, OrderSubscription
from order_copies.subscriptions import changes
from orders.models import Order, Sku
from tests.factories import (
    OrderCopyFactory,
    OrderSubscriptionFactory,
    OrderSubscriptionItemFactory,
    SkuFactory,
    placed_order,
)
from tests.forms import form_of
from tests.order_copies.admin.subscriptions.pages import (
    START,
    errors_of,
    in_days,
    messages_of,
    page_of,
    query_count,
    saved,
    signed_in,
    subscription,
    superuser,
    words_of,
)
from tests.order_copies.admin.subscriptions.shops import CLUB, COPYING, use
from tests.stories import WHO, run_all

pytestmark = pytest.mark.django_db


class DeletingAdmin(OrderSubscriptionAdmin):
    """An admin that deletes each subscription while the permission to change it is checked."""

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if obj is not None and request.method == "POST":
            OrderSubscription.objects.filter(pk=obj.pk).delete()
        return True


deleting_site = admin.AdminSite("deleting")
deleting_site.register(OrderSubscription, DeletingAdmin)
urlpatterns = [path("admin/", admin.site.urls), path("deleting/", deleting_site.urls)]


def entries(one: OrderSubscription) -> list[tuple[str, list[str]]]:
    """Return the history of a subscription, newest first."""
    return [(entry.label, entry.details) for entry in SubscriptionDetail(one).entries]


def automatic(*lines: tuple[int, int]) -> OrderSubscription:
    """Create an automatic subscription with items of these quantities and amounts."""
    one: OrderSubscription = OrderSubscriptionFactory(automatic=True)
    for quantity, cents in lines:
        values = {"quantity": quantity, "unit_amount_cents": cents}
        OrderSubscriptionItemFactory(order_subscription=one, **values)
    return one


def items_of(one: OrderSubscription) -> list[tuple[int, int]]:
    items = one.order_subscription_items.order_by("pk")
    return list(items.values_list("quantity", "unit_amount_cents"))


# What it shows


def test_page__shows_slots_runs_and_history(admin_client: Client) -> None:
    # given
    one = subscription()
    changes.skip([one], actor=WHO)
    changes.unskip([one], actor=WHO)
    copying.renew([one], actor=WHO)
    run_all()
    changes.update(one, {"frequency": "weekly"}, actor=superuser())

    # when
    response = admin_client.get(page_of(one))

    # then
    detail, words = response.context["detail"], words_of(response)
    order_copy = OrderFactory.objects.get(order_subscription=one)
    assert order_copy.target_order
    assert [slot for slot, _far in detail.slots] == [in_days(7 * week) for week in range(1, 6)]
    assert [run.order_copy for run in detail.shown_runs] == [order_copy]
    assert reverse("admin:order_copies_ordercopy_change", args=[order_copy.pk]) in words
    assert reverse("admin:orders_order_change", args=[order_copy.target_order_id]) in words
    assert [label for label, _details in entries(one)] == [
        *("Changed", "Changed", "Run succeeded", "Copy requested", "Skip taken back", "Skipped"),
        *("Activated", "Subscribed"),
    ]
    assert entries(one)[1][1][0] == "Frequency: every month → every week"


def test_history__names_actors_and_values() -> None:
    # given
    changed = {
        "next_run_at": {"from": START.isoformat(), "to": in_days(1).isoformat()},
        "place_target_order": {"from": True, "to": False},
        "reference": {"from": "", "to": "x"},
        "quantity": {"from": None, "to": 3},
        "expires_at": {"from": START.isoformat(), "to": None},
    }
    who = {"owner": {"name": "ada"}}
    missed = {"missed": {"from": None, "to": 2}}
    events = [
        Event(name="", changes=changed, who=who),
        Event(name="", changes=missed),
        Event(name="", changes={"status": {"from": "running", "to": "active"}}),
        Event(name="", resource_type="order_subscription_items", changes={}),
        Event(
            name="order_subscriptions.last_run_failed",
            changes={"attention": {"from": "", "to": "price_drift"}},
        ),
    ]

    # when
    shown = [Entry(event) for event in events]

    # then
    assert shown[0].who == "ada"
    assert shown[0].details == [
        "Next run at: 01/31/2031 9 a.m. → 02/01/2031 9 a.m.",
        "Place target order: yes → no",
        "Reference: – → x",
        "Quantity: 3",
        "Expires at: 01/31/2031 9 a.m. → –",
    ]
    assert shown[1].label == "2 runs missed"
    assert [entry.is_shown for entry in shown] == [True, True, False, True, True]
    assert shown[3].label == "Item changed"
    assert shown[4].details[0].startswith("The price rose beyond the limit")


def test_runs__failed_one_has_its_problems_in_words(admin_client: Client) -> None:
    # given
    one = subscription()
    Sku.objects.update(on_sale=False)
    copying.renew([one], actor=WHO)
    run_all()

    # when
    words = words_of(admin_client.get(page_of(one)))

    # then
    one.refresh_from_db()
    assert one.attention == "sku_not_on_sale"
    assert "<strong>Needs attention</strong> An item is not on sale any more." in words
    assert "<p>Line items: " in words
    assert "is not on sale any more" in words


def test_runs__retries_are_counted_and_older_ones_are_linked(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    monkeypatch.setattr(details, "MAX_RUNS", 1)
    one = subscription()
    for day in range(2):
        OrderCopyFactory(
            order_subscription=one, scheduled_for=in_days(day), completed=True, retries=2
        )

    # when
    response = admin_client.get(page_of(one))

    # then
    words = words_of(response)
    address = f"/admin/order_copies/ordercopy/?order_subscription__id__exact={one.pk}"
    assert "retried 2 times" in words
    assert "See all runs" in words
    assert len(admin_client.get(address).context["cl"].result_list) == 2
    assert [run.order_copy.scheduled_for for run in response.context["detail"].shown_runs] == [
        in_days(1)
    ]


def test_page__query_count_is_equal_for_one_and_many_runs(admin_client: Client) -> None:
    # given
    one = subscription()
    OrderCopyFactory(order_subscription=one, scheduled_for=START, completed=True)
    query_count(admin_client, page_of(one))
    for_one = query_count(admin_client, page_of(one))
    for day in range(1, 5):
        OrderCopyFactory(
            order_subscription=one,
            scheduled_for=in_days(day),
            completed=True,
            target_order=placed_order(),
        )
        changes.skip([one], actor=WHO)

    # when
    for_many = query_count(admin_client, page_of(one))

    # then
    assert for_many == for_one


def test_slots__of_paused_and_cancelled_subscriptions() -> None:
    # given
    paused, over = subscription(), subscription()
    changes.update(paused, {"resumes_at": in_days(40)}, actor=WHO)
    changes.cancel([over], actor=WHO)
    over.refresh_from_db()

    # when
    after_pause = SubscriptionDetail(paused).slots
    none = SubscriptionDetail(over).slots

    # then
    assert after_pause[0][0] == START.replace(month=3)
    assert none == []


def test_slots__end_before_the_subscription_expires() -> None:
    one = subscription(expires_at=in_days(59))

    assert [slot for slot, _far in SubscriptionDetail(one).slots] == [
        START,
        START.replace(month=2, day=28),
    ]


def test_page__of_a_viewer_has_no_form_no_button_and_no_hidden_page() -> None:
    # given
    one = automatic((2, 1250))
    client = signed_in("view_ordersubscription")

    # when
    response = client.get(page_of(one))

    # then
    words = words_of(response)
    assert response.context["verbs"] == []
    assert (response.context["copies_page"], response.context["events_page"]) == ("", "")
    assert "12.50 EUR" in words
    assert "_save" not in words


def test_page__deleted_source_order_is_named(admin_client: Client) -> None:
    # given
    one = subscription()
    OrderSubscription.objects.filter(pk=one.pk).update(source_order=None)

    # when
    words = words_of(admin_client.get(page_of(one)))

    # then
    assert "<dt>Source order</dt><dd>deleted</dd>" in words


def test_copy__of_a_subscription_names_it(admin_client: Client) -> None:
    # given
    one = subscription()
    order_copy = OrderCopyFactory(order_subscription=one, scheduled_for=START)
    url = reverse("admin:order_copies_ordercopy_change", args=[order_copy.pk])

    # when
    for_all = words_of(admin_client.get(url))
    for_some = words_of(signed_in("view_ordercopy").get(url))

    # then
    assert f'<a href="{page_of(one)}">{one.number}</a>' in for_all
    assert one.number in for_some
    assert page_of(one) not in for_some


@pytest.mark.parametrize(("value", "count"), [("yes", 1), ("no", 2), ("maybe", 3)])
def test_copies__are_filtered_by_who_requested_them(
    admin_client: Client, value: str, count: int
) -> None:
    # given
    OrderCopyFactory(order_subscription=subscription(), scheduled_for=START)
    OrderCopyFactory.create_batch(2)

    # when
    response = admin_client.get(f"/admin/order_copies/ordercopy/?subscription={value}")

    # then
    assert len(response.context["cl"].result_list) == count


# Terms


def test_terms__changed_ones_are_saved_with_an_event(admin_client: Client) -> None:
    # given
    one = subscription()

    # when
    response = saved(
        admin_client,
        one,
        frequency_name="crontab",
        frequency_crontab="0 9 * * mon",
        expires_at_0="2032-01-01",
        expires_at_1="00:00",
        renewal_alert_period="48",
        reference="crm-1",
    )

    # then
    one.refresh_from_db()
    assert response.redirect_chain
    assert (one.frequency, one.renewal_alert_period, one.reference) == ("0 9 * * MON", 48, "crm-1")
    assert one.expires_at
    assert one.expires_at.year == 2032
    assert entries(one)[0][0] == "Changed"


@pytest.mark.parametrize("frequency", ["monthly", "0 9 * * MON"])
def test_terms__unchanged_form_changes_nothing(admin_client: Client, frequency: str) -> None:
    # given
    one = subscription(frequency)
    before = list(OrderSubscription.objects.filter(pk=one.pk).values())
    events = Event.objects.count()

    # when
    saved(admin_client, one)

    # then
    assert list(OrderSubscription.objects.filter(pk=one.pk).values()) == before
    assert Event.objects.count() == events


def test_next_run__can_be_moved_later(admin_client: Client) -> None:
    # given
    one = subscription()

    # when
    saved(admin_client, one, next_run_at_0="2031-02-03", next_run_at_1="10:00:00")

    # then
    one.refresh_from_db()
    assert one.next_run_at == in_days(3) + timedelta(hours=1)


def test_next_run__that_moved_while_the_page_was_open_is_no_change(admin_client: Client) -> None:
    # given
    one = subscription()
    form = form_of(admin_client, page_of(one))
    changes.skip([one], actor=WHO)

    # when
    admin_client.post(page_of(one), form | {"reference": "crm-2"})

    # then
    one.refresh_from_db()
    assert one.reference == "crm-2"
    assert one.next_run_at == START.replace(month=2, day=28)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"frequency_name": "crontab", "frequency_crontab": "* * * * *"}, "frequency"),
        ({"frequency_name": "crontab"}, "frequency"),
        ({"frequency_name": "monthly", "frequency_crontab": "0 9 * * *"}, "frequency"),
        ({"frequency_name": "never"}, "frequency"),
        ({"frequency_name": ""}, "frequency"),
        ({"expires_at_0": "2001-01-01", "expires_at_1": "00:00"}, "expires_at"),
        ({"next_run_at_0": "2030-01-01", "next_run_at_1": "00:00"}, "next_run_at"),
        ({"renewal_alert_period": "721"}, "renewal_alert_period"),
        ({"metadata": "[]"}, "metadata"),
    ],
)
def test_terms__refused_value_is_an_error_of_its_field(
    admin_client: Client, values: dict[str, str], field: str
) -> None:
    # given
    one = subscription()
    before = list(OrderSubscription.objects.filter(pk=one.pk).values())

    # when
    response = saved(admin_client, one, **values)

    # then
    assert list(errors_of(response)) == [field]
    assert list(OrderSubscription.objects.filter(pk=one.pk).values()) == before


def test_terms__frequency_of_a_model_is_one_that_it_allows(admin_client: Client) -> None:
    # given
    one = automatic((1, 100))

    # when
    allowed = saved(admin_client, one, frequency="weekly")
    forbidden = saved(admin_client, one, frequency="daily")

    # then
    one.refresh_from_db()
    assert allowed.redirect_chain
    assert list(errors_of(forbidden)) == ["frequency"]
    assert one.frequency == "weekly"


def test_place_target_order__forged_without_permission_stays(client: Client) -> None:
    # given
    one = subscription(place_target_order=False)
    client = signed_in("change_ordersubscription")

    # when
    saved(client, one, place_target_order="on", reference="crm-3")

    # then
    one.refresh_from_db()
    assert (one.place_target_order, one.reference) == (False, "crm-3")


def test_cancelled__keeps_reference_and_metadata_changeable(admin_client: Client) -> None:
    # given
    one = automatic((1, 100))
    changes.cancel([one], actor=WHO)

    # when
    saved(admin_client, one, reference="crm-4", frequency="weekly")

    # then
    one.refresh_from_db()
    assert (one.reference, one.frequency) == ("crm-4", "monthly")


def test_save__of_a_subscription_that_was_cancelled_meanwhile_is_refused(
    admin_client: Client,
) -> None:
    # given
    one = subscription()
    form = form_of(admin_client, page_of(one)) | {"renewal_alert_period": "48"}
    changes.cancel([one], actor=WHO)

    # when
    response = admin_client.post(page_of(one), form, follow=True)

    # then
    one.refresh_from_db()
    assert response.status_code == 200
    assert one.renewal_alert_period == 1


def test_terms__price_policy_is_among_those_of_the_shop(
    admin_client: Client, settings: LazySettings
) -> None:
    # given
    use(settings, CLUB)
    one = automatic((1, 100))

    # when
    saved(admin_client, one, price_policy="lower", max_price_increase_percent="7.5")

    # then
    one.refresh_from_db()
    assert (one.price_policy, one.max_price_increase_percent) == ("lower", Decimal("7.5"))


def test_terms__of_a_shop_that_cannot_place_orders(
    admin_client: Client, settings: LazySettings
) -> None:
    # given
    one = subscription()
    use(settings, COPYING)

    # when
    form = admin_client.get(page_of(one)).context["adminform"].form

    # then
    assert "place_target_order" not in form.fields
    assert "price_policy" not in form.fields


def test_page__of_a_site_without_an_admin_of_orders_names_them(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    one = subscription()
    monkeypatch.delitem(admin.site._registry, Order)

    # when
    words = words_of(admin_client.get(page_of(one)))

    # then
    assert f"<dt>Source order</dt><dd>{one.source_order}</dd>" in words


@pytest.mark.urls(__name__)
@pytest.mark.parametrize("page", ["change", "skip", "pause"])
def test_page__of_a_subscription_that_is_deleted_meanwhile_says_so(
    admin_client: Client, page: str
) -> None:
    # given
    one = subscription()
    form = form_of(admin_client, page_of(one))
    url = page_of(one, page).replace("/admin/", "/deleting/")

    # when
    more = {"reference": "crm-6", "resumes_at": "2031-03-05T08:30"}
    response = admin_client.post(url, form | more, follow=True)

    # then
    assert messages_of(response)[0] == "The subscription was deleted in the meantime."


# Items


def test_items__are_changed_added_and_deleted_with_events(admin_client: Client) -> None:
    # given
    one = automatic((2, 1250), (1, 399))
    items = one.order_subscription_items.order_by("pk")
    sku = SkuFactory()
    prefix = "order_subscription_items"

    # when
    response = saved(
        admin_client,
        one,
        **{
            f"{prefix}-TOTAL_FORMS": "3",
            f"{prefix}-INITIAL_FORMS": "2",
            f"{prefix}-0-id": str(items[0].pk),
            f"{prefix}-0-quantity": "5",
            f"{prefix}-0-unit_amount": "11.00",
            f"{prefix}-1-id": str(items[1].pk),
            f"{prefix}-1-DELETE": "on",
            f"{prefix}-2-sku_code": sku.code,
            f"{prefix}-2-quantity": "3",
            f"{prefix}-2-unit_amount": "2.50",
        },
    )

    # then
    assert response.redirect_chain
    assert items_of(one) == [(5, 1100), (3, 250)]
    assert Event.objects.filter(resource_type="order_subscription_items").count() == 3
    assert [label for label, _details in entries(one)].count("Item changed") == 2


def test_item__new_one_without_amount_has_the_current_price(
    admin_client: Client, settings: LazySettings
) -> None:
    # given
    use(settings, CLUB)
    one, sku = automatic((2, 1250)), SkuFactory(price=777)
    new = {"TOTAL_FORMS": "3", "0-quantity": "4", "1-sku_code": sku.code, "1-quantity": "1"}
    prefix = "order_subscription_items"

    # when
    response = saved(admin_client, one, **{f"{prefix}-{name}": it for name, it in new.items()})

    # then
    assert response.redirect_chain
    assert items_of(one) == [(4, 1250), (1, 777)]
    assert one.order_subscription_items.latest("pk").name == sku.name


def test_item__unknown_sku_is_an_error_of_its_field(
    admin_client: Client, settings: LazySettings
) -> None:
    # given
    use(settings, CLUB)
    one = automatic((2, 1250))
    new = {"TOTAL_FORMS": "2", "1-sku_code": "NOTHING", "1-quantity": "1"}
    prefix = "order_subscription_items"

    # when
    response = saved(admin_client, one, **{f"{prefix}-{name}": it for name, it in new.items()})

    # then
    [formset] = response.context["inline_admin_formsets"]
    assert formset.formset.errors[1] == {"sku_code": ["Does not exist."]}
    assert items_of(one) == [(2, 1250)]


@pytest.mark.parametrize(
    ("values", "where"),
    [
        ({"0-quantity": "0"}, "quantity"),
        ({"0-unit_amount": "1.234"}, "unit_amount"),
        ({"0-unit_amount": "-1"}, "unit_amount"),
        ({"0-unit_amount": ""}, "unit_amount"),
        ({"0-quantity": "2147483647", "0-unit_amount": "99999999.00"}, "quantity"),
    ],
)
def test_item__refused_value_is_an_error_of_its_field(
    admin_client: Client, values: dict[str, str], where: str
) -> None:
    # given
    one = automatic((2, 1250))
    changed = {f"order_subscription_items-{name}": value for name, value in values.items()}

    # when
    response = saved(admin_client, one, **changed)

    # then
    [formset] = response.context["inline_admin_formsets"]
    assert where in formset.formset.errors[0]
    assert items_of(one) == [(2, 1250)]


def test_items__last_one_is_not_deleted(admin_client: Client) -> None:
    # given
    one = automatic((2, 1250))

    # when
    response = saved(admin_client, one, **{"order_subscription_items-0-DELETE": "on"})

    # then
    assert "At least one item must be left." in words_of(response)
    assert items_of(one) == [(2, 1250)]


def test_items__query_count_is_equal_for_one_and_many(admin_client: Client) -> None:
    # given
    few, many = automatic((1, 100)), automatic((1, 100), (2, 200), (3, 300))
    query_count(admin_client, page_of(few))

    # when
    counts = [query_count(admin_client, page_of(one)) for one in (few, many)]

    # then
    assert counts[0] == counts[1]


# Deletion


def test_delete__keeps_the_copies(admin_client: Client) -> None:
    # given
    one = subscription()
    order_copy = OrderCopyFactory(order_subscription=one, scheduled_for=START, completed=True)

    # when
    admin_client.post(page_of(one, "delete"), {"post": "yes"})

    # then
    assert not OrderSubscription.objects.exists()
    assert OrderFactory.objects.get().pk == order_copy.pk
    assert Event.objects.filter(name="order_subscriptions.destroy").exists()


@pytest.mark.parametrize("by_action", [True, False])
def test_delete__running_subscription_is_kept(admin_client: Client, by_action: bool) -> None:
    # given
    one, other = subscription(), subscription()
    copying.renew([one], actor=WHO)
    keys = [one.pk, other.pk]
    form = {"action": "delete_selected", "_selected_action": keys, "post": "yes"}
    url = page_of(one).rpartition(f"{one.pk}/")[0] if by_action else page_of(one, "delete")

    # when
    response = admin_client.post(url, form, follow=True)

    # then
    assert messages_of(response) == ["Nothing was changed: cannot be deleted while its copy runs."]
    assert OrderSubscription.objects.count() == 2


def test_save__is_in_the_log(admin_client: Client) -> None:
    # given
    one = subscription()

    # when
    saved(admin_client, one, reference="crm-5")

    # then
    assert LogEntry.objects.get().object_id == str(one.pk)


def test_order__lists_its_subscriptions(admin_client: Client) -> None:
    # given
    one = subscription()
    assert isinstance(one.source_order, Order)
    url = reverse("admin:orders_order_change", args=[one.source_order.pk])

    # when
    response: Any = admin_client.get(url)

    # then
    assert f'<a href="{page_of(one)}">{one.number}</a> every month' in words_of(response)
    assert timezone.now() < START
