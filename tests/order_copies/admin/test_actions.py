"""Abort and retry of copies in the admin."""

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.http import HttpRequest
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import path, reverse

from order_copies.admin import OrderCopyAdmin
from order_copies.admin.actions import MAX_NAMED
from order_copies.events.models import Event
from order_copies.models import OrderCopy, Status
from orders.models import Order
from tests.api import staff
from tests.factories import OrderCopyFactory, OrderFactory, draft_order
from tests.stories import copied, fresh

pytestmark = pytest.mark.django_db

COPIES = reverse("admin:order_copies_ordercopy_changelist")


class LockedOrderAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """An order admin that lets no user change orders."""

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


sites = {name: admin.AdminSite(name) for name in ("locked", "bare")}
sites["locked"].register(Order, LockedOrderAdmin)
for site in sites.values():
    site.register(OrderCopy, OrderCopyAdmin)
urlpatterns = [path("admin/", admin.site.urls)]
urlpatterns += [path(f"{name}/", site.urls) for name, site in sites.items()]


@pytest.fixture
def order() -> Order:
    order: Order = OrderFactory()
    return order


def act(client: Client, action: str, *order_copies: Any) -> list[str]:
    """Run an action on these copies and return its messages."""
    keys = [order_copy.pk for order_copy in order_copies]
    response = client.post(COPIES, {"action": action, "_selected_action": keys}, follow=True)
    assert response.status_code == 200
    return [str(message) for message in response.context["messages"]]


def press(client: Client, verb: str, order_copy: Any) -> Any:
    url = reverse(f"admin:order_copies_ordercopy_{verb}", args=[order_copy.pk])
    return client.post(url, follow=True)


def buttons(client: Client, order_copy: Any) -> list[str]:
    """Return the actions that the page of a copy offers."""
    url = reverse("admin:order_copies_ordercopy_change", args=[order_copy.pk])
    page = client.get(url).content.decode()
    addresses = {
        verb: reverse(f"admin:order_copies_ordercopy_{verb}", args=[order_copy.pk])
        for verb in ("abort", "retry")
    }
    return [verb for verb, address in addresses.items() if f'formaction="{address}"' in page]


# Selected copies


def test_abort_selected__aborts_pending_and_running_copies(
    admin_client: Client, order: Order
) -> None:
    # given
    order_copies = [
        OrderCopyFactory(source_order=order),
        OrderCopyFactory(source_order=order, in_progress=True),
    ]

    # when
    messages = act(admin_client, "abort_selected", *order_copies)

    # then
    assert messages == ["2 copies were aborted."]
    assert set(OrderCopy.objects.values_list("status", flat=True)) == {Status.ABORTED}
    assert fresh(order_copies[0]).errors_log == {"base": ["aborted by hand"]}
    assert Event.objects.filter(name="order_copies.abort").count() == 2


def test_retry_selected__retries_failed_copies(admin_client: Client, order: Order) -> None:
    # given
    order_copy = OrderCopyFactory(source_order=order, failed=True)

    # when
    messages = act(admin_client, "retry_selected", order_copy)

    # then
    assert messages == ["1 copy will be retried."]
    assert fresh(order_copy).status == Status.PENDING


def test_retry_selected__refused_copies_are_named_and_others_are_retried(
    admin_client: Client, order: Order
) -> None:
    # given
    failed = OrderCopyFactory(source_order=order, failed=True)
    done = OrderCopyFactory(source_order=order, completed=True)
    left = copied(draft_order(), place_target_order=True)

    # when
    messages = act(admin_client, "retry_selected", failed, done, left)

    # then
    assert left.target_order
    public_id = left.target_order.public_id
    assert messages[0] == "1 copy will be retried."
    assert messages[1] == (
        f"2 copies could not be retried: {left} (left order {public_id} for repair: place it, "
        f"or cancel it and request a new copy), {done} "
        "(cannot transition from completed to pending)."
    )
    assert fresh(failed).status == Status.PENDING


def test_abort_selected__message_names_ten_copies_and_counts_the_others(
    admin_client: Client, order: Order
) -> None:
    # given
    order_copies = [
        OrderCopyFactory(source_order=order, completed=True) for _ in range(MAX_NAMED + 2)
    ]

    # when
    [message] = act(admin_client, "abort_selected", *order_copies)

    # then
    assert message.startswith("12 copies could not be aborted: ")
    assert message.count("cannot transition from completed to aborted") == MAX_NAMED
    assert message.endswith(", and 2 more.")


@pytest.mark.parametrize(("action", "trait"), [("abort", "in_progress"), ("retry", "failed")])
def test_selected_actions__query_count_is_equal_for_one_and_many_copies(
    admin_client: Client, order: Order, action: str, trait: str
) -> None:
    """Session, user; count of the list; the copies; their lock, one update, one insert of events;
    the list again."""
    # given
    one, many = (
        [OrderCopyFactory(source_order=order, **{trait: True}) for _ in range(count)]
        for count in (1, 15)
    )
    costs = []

    # when
    for order_copies in (one, many):
        with CaptureQueriesContext(connection) as queries:
            act(admin_client, f"{action}_selected", *order_copies)
        costs.append(len(queries))

    # then
    assert costs[0] == costs[1]
    assert Event.objects.count() == 16


def test_actions__user_with_view_permission_only_is_refused(client: Client, order: Order) -> None:
    # given
    user = User.objects.create_user("kim", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="view_ordercopy"))
    client.force_login(user)
    order_copy = OrderCopyFactory(source_order=order)

    # when
    act(client, "abort_selected", order_copy)
    pressed = press(client, "abort", order_copy)

    # then
    assert pressed.status_code == 403
    assert buttons(client, order_copy) == []
    assert fresh(order_copy).status == Status.PENDING


RETRIABLE = ["view_order", "view_ordercopy", "retry_ordercopy"]
CHANGING = ["change_order", "place_ordercopy", "cancel_source_ordercopy"]


@pytest.mark.parametrize("option", ["place_target_order", "cancel_source_order"])
def test_retry__placing_and_cancelling_copies_need_change_order(
    client: Client, order: Order, option: str
) -> None:
    # given
    plain = OrderCopyFactory(source_order=order, failed=True)
    changing = OrderCopyFactory(source_order=order, failed=True, **{option: True})
    client.force_login(staff(*RETRIABLE))

    # when
    messages = act(client, "retry_selected", plain, changing)
    pressed = press(client, "retry", changing)

    # then
    why = "You do not have permission for what these copies do when they are retried."
    assert messages == [why]
    assert pressed.status_code == 403
    assert (buttons(client, plain), buttons(client, changing)) == (["retry"], [])
    assert not OrderCopy.objects.exclude(status=Status.FAILED).exists()

    # when
    client.force_login(staff(*RETRIABLE, *CHANGING))
    offered = buttons(client, changing)
    press(client, "retry", changing)

    # then
    assert offered == ["retry"]
    assert fresh(changing).status == Status.PENDING


@pytest.mark.urls(__name__)
@pytest.mark.parametrize(("site", "status"), [("locked", Status.FAILED), ("bare", Status.PENDING)])
def test_retry__order_admin_of_the_site_decides_on_changing_orders(
    admin_client: Client, order: Order, site: str, status: Status
) -> None:
    order_copy = OrderCopyFactory(source_order=order, failed=True, cancel_source_order=True)

    admin_client.post(f"/{site}/order_copies/ordercopy/{order_copy.pk}/retry/")

    assert fresh(order_copy).status == status


# One copy


@pytest.mark.parametrize(
    ("traits", "offered"),
    [
        ({}, ["abort"]),
        ({"in_progress": True}, ["abort"]),
        ({"failed": True}, ["retry"]),
        ({"status": Status.ABORTED}, ["retry"]),
        ({"failed": True, "source_order": None}, []),
        ({"completed": True}, []),
    ],
    ids=str,
)
def test_buttons__depend_on_the_status_of_the_copy(
    admin_client: Client, order: Order, traits: dict[str, Any], offered: list[str]
) -> None:
    order_copy = OrderCopyFactory(**{"source_order": order} | traits)

    assert buttons(admin_client, order_copy) == offered


def test_buttons__copy_that_left_an_order_for_repair_has_none(admin_client: Client) -> None:
    order_copy = copied(draft_order(), place_target_order=True)

    assert buttons(admin_client, order_copy) == []


def test_buttons__redirect_to_the_page_of_the_copy(admin_client: Client, order: Order) -> None:
    # given
    order_copy = OrderCopyFactory(source_order=order)

    # when
    aborted = press(admin_client, "abort", order_copy)
    retried = press(admin_client, "retry", order_copy)

    # then
    url = reverse("admin:order_copies_ordercopy_change", args=[order_copy.pk])
    assert aborted.redirect_chain == retried.redirect_chain == [(url, 302)]
    assert [str(message) for message in aborted.context["messages"]] == ["1 copy was aborted."]
    labels = [happening.label for happening in retried.context["timeline"].entries]
    assert labels == ["Aborted", "Retry requested"]


def test_buttons__get_is_not_allowed(admin_client: Client, order: Order) -> None:
    # given
    order_copy = OrderCopyFactory(source_order=order)
    url = reverse("admin:order_copies_ordercopy_abort", args=[order_copy.pk])

    # when, then
    assert admin_client.get(url).status_code == 405
    assert fresh(order_copy).status == Status.PENDING


def test_buttons__deleted_copy_gives_a_message(admin_client: Client) -> None:
    # given
    url = reverse("admin:order_copies_ordercopy_retry", args=[4711])

    # when
    response = admin_client.post(url, follow=True)

    # then
    assert response.status_code == 200
    assert len(response.context["messages"]) == 1


def test_buttons__copy_deleted_meanwhile_records_no_event(
    admin_client: Client, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    order_copy = OrderCopyFactory(source_order=order)

    def found(*_arguments: object) -> OrderCopy:
        OrderCopy.objects.all().delete()
        return order_copy  # type: ignore[no-any-return]

    monkeypatch.setattr("order_copies.admin.OrderCopyAdmin.get_object", found)

    # when
    response = admin_client.post(
        reverse("admin:order_copies_ordercopy_abort", args=[order_copy.pk])
    )

    # then
    assert response.status_code == 302
    assert not Event.objects.exists()
