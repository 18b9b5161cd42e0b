"""Order actions of the admin: place, cancel, approve and archive."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from order_copies.events.models import Event
from orders.admin import actions
from orders.lifecycle import checkout
from orders.models import Order
from tests import stories
from tests.api import staff
from tests.bank import Bank, install_bank
from tests.factories import (
    SkuFactory,
    cancelled_order,
    draft_order,
    pending_order,
    placed_order,
)
from tests.subscriptions import subscription_market, subscriptions_of

pytestmark = pytest.mark.django_db

ORDERS = reverse("admin:orders_order_changelist")


SUBSCRIBING = ["add_ordersubscription", "add_ordercopy", "place_ordercopy"]


@pytest.fixture
def admin(client: Client) -> Client:
    """The client of a user who may only view, change and subscribe to orders."""
    client.force_login(staff("view_order", "change_order", *SUBSCRIBING))
    return client


@pytest.fixture
def bank(monkeypatch: pytest.MonkeyPatch) -> Bank:
    return install_bank(monkeypatch)


def act(admin: Client, verb: str, orders: Sequence[Order], **data: Any) -> HttpResponse:
    """Run an action on the orders and follow the redirect."""
    keys = [order.pk for order in orders]
    chosen = {"action": f"{verb}_selected_orders", "_selected_action": keys, "index": 0}
    return admin.post(ORDERS, chosen | data, follow=True)


def messages_of(response: HttpResponse) -> list[str]:
    return [str(message) for message in response.context["messages"]]


def statuses(orders: Sequence[Order]) -> list[str]:
    return [stories.statuses(order)[0] for order in orders]


def page_of(order: Order) -> str:
    return f'<a href="{reverse("admin:orders_order_change", args=[order.pk])}">{order}</a>'


def test_place__confirmation_page_shows_what_is_missing(admin: Client, bank: Bank) -> None:
    # given
    empty = draft_order(addresses=False)
    sold_out = pending_order(lines=[{"sku": SkuFactory(code="MUG", stock=0)}])
    orders = [empty, sold_out, pending_order()]

    # when
    page = act(admin, "place", orders)
    before, authorized = statuses(orders), list(bank.requested_keys)
    done = act(admin, "place", orders, _confirmed="1")

    # then
    assert (before, authorized) == (["draft", "pending", "pending"], [])
    text = page.content.decode()
    assert 'value="Place 1 order"' in text
    out_of_stock = "MUG is out of stock"
    missing = "missing: customer, billing address, shipping address, valid payment source"
    assert missing in text
    assert statuses(orders) == ["draft", "pending", "placed"]
    assert len(bank.requested_keys) == 1
    assert messages_of(done) == [
        "1 order is placed.",
        "<br>".join(
            [
                "2 orders were not placed:",
                f"{page_of(sold_out)} cannot transition from pending to placed; {out_of_stock}",
                f"{page_of(empty)} cannot transition from draft to placed; {missing}",
            ]
        ),
    ]


def test_create_subscriptions__needs_confirmation(admin: Client) -> None:
    # given
    lines = [{"frequency": "weekly"}]
    order = placed_order(lines=lines, market=subscription_market())
    guest = placed_order(lines=lines, guest=True)

    # when
    page = act(admin, "create_subscriptions", [order, guest])
    before = subscriptions_of(order)
    done = act(admin, "create_subscriptions", [order, guest], _confirmed="1")

    # then
    text = page.content.decode()
    assert 'value="Subscribe to 1 order"' in text
    assert "until the subscription is cancelled" in text
    assert before == []
    assert [one.status for one in subscriptions_of(order)] == ["active"]
    refused = f"{page_of(guest)} only customers with an account can subscribe"
    assert messages_of(done) == [
        "1 order has its subscriptions.",
        f"1 order has no subscriptions:<br>{refused}",
    ]


def test_cancel__needs_confirmation(admin: Client) -> None:
    # given
    orders = [placed_order(), placed_order(payment_status="paid"), cancelled_order()]

    # when
    page = act(admin, "cancel", orders)
    before = statuses(orders)
    done = act(admin, "cancel", orders, _confirmed="1")

    # then
    assert before == ["placed", "placed", "cancelled"]
    assert "A cancelled order cannot be reopened." in page.content.decode()
    assert 'value="Cancel 2 orders"' in page.content.decode()
    assert statuses(orders) == ["cancelled", "placed", "cancelled"]
    paid = (
        "cannot transition from placed to cancelled; "
        "cannot be cancelled once it is paid: refund it first"
    )
    assert messages_of(done) == [
        "2 orders are cancelled.",
        f"1 order was not cancelled:<br>{page_of(orders[1])} {paid}",
    ]
    assert [event.name for event in Event.objects.all()] == ["orders.cancel"]


def test_confirmation_page__without_eligible_orders_has_no_button(admin: Client) -> None:
    page = act(admin, "cancel", [draft_order()])

    assert 'type="submit" class="default"' not in page.content.decode()


def test_approve_archive_unarchive__change_eligible_orders(admin: Client) -> None:
    # given
    order, pending = placed_order(), pending_order()

    # when
    answers = [messages_of(act(admin, verb, [order, pending])) for verb in ("approve", "archive")]
    archived = Order.objects.filter(archived_at__isnull=False)
    in_it = list(archived)
    answers.append(messages_of(act(admin, "unarchive", [order])))

    # then
    assert [messages[0] for messages in answers] == [
        "1 order is approved.",
        "1 order is archived.",
        "1 order is out of the archive.",
    ]
    assert page_of(pending) in answers[0][1]
    assert page_of(pending) in answers[1][1]
    assert in_it == [order]
    assert not archived.all().exists()
    who = Event.objects.first().who["owner"]["name"]  # type: ignore[union-attr]
    assert who.startswith("staff")


def test_list__is_filtered_by_archived(admin: Client) -> None:
    archived, current = placed_order(archived_at="2024-03-02T00:00:00Z"), placed_order()

    shown = [
        set(admin.get(ORDERS + query).context["cl"].result_list)
        for query in ("", "?archived=yes", "?archived=no", "?archived=maybe")
    ]

    assert shown == [{archived, current}, {archived}, {current}, {archived, current}]


def test_messages__name_only_some_of_many_refused_orders(
    admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    monkeypatch.setattr(actions, "MAX_NAMED", 1)
    orders = [pending_order() for _ in range(3)]

    # when
    [message] = messages_of(act(admin, "approve", orders))

    # then
    assert message.startswith("3 orders were not approved:")
    assert message.count("<a ") == 1
    assert message.endswith("<br>and 2 more")


def test_actions__too_many_orders_are_refused(
    admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    monkeypatch.setattr(actions, "MAX_ORDERS", 1)
    orders = [placed_order(), placed_order()]

    # when
    [message] = messages_of(act(admin, "approve", orders))

    # then
    assert message == "Too many orders are selected: select at most 1."
    assert statuses(orders) == ["placed", "placed"]


def test_place__authorizations_beyond_the_time_limit_can_be_retried(
    admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    orders = [pending_order(), pending_order()]

    # when
    with monkeypatch.context() as patched:
        patched.setattr(checkout, "PATIENCE", 0)
        [refusal] = messages_of(act(admin, "place", orders, _confirmed="yes"))
    [done] = messages_of(act(admin, "place", orders, _confirmed="yes"))

    # then
    assert refusal.startswith("2 orders were not placed:")
    assert "the payment was not authorized" in refusal
    assert done == "2 orders are placed."
    assert statuses(orders) == ["placed", "placed"]


def test_actions__order_deleted_meanwhile_gives_a_message(
    admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    order = placed_order()
    run_action = actions.run_action

    def run_with_deleted_order(action: Any, keys: Sequence[int], **keywords: Any) -> Any:
        return run_action(action, [*keys, 0], **keywords)

    monkeypatch.setattr(actions, "run_action", run_with_deleted_order)

    # when
    messages = messages_of(act(admin, "approve", [order]))

    # then
    assert messages == ["An order was deleted in the meantime."]
    assert statuses([order]) == ["placed"]


@pytest.mark.parametrize("permissions", [["view_order"], ["view_order", "add_ordercopy"]])
def test_actions__need_change_order(client: Client, permissions: list[str]) -> None:
    # given
    client.force_login(staff(*permissions))
    order = placed_order()

    # when
    page = client.get(ORDERS).content.decode()
    act(client, "approve", [order])

    # then
    assert "_selected_orders" not in page.replace("copy_selected_orders", "")
    assert statuses([order]) == ["placed"]


@pytest.mark.parametrize(
    ("verb", "make"),
    [
        ("place", lambda: pending_order(lines=1)),
        ("cancel", placed_order),
        ("approve", placed_order),
        ("archive", placed_order),
    ],
)
def test_actions__query_count_is_equal_for_one_and_many_orders(
    admin: Client, verb: str, make: Callable[[], Order]
) -> None:
    # given
    orders = [make() for _ in range(6)]
    counts = []

    # when
    for some in (orders[:1], orders[1:]):
        with CaptureQueriesContext(connection) as queries:
            act(admin, verb, some)
            act(admin, verb, some, _confirmed="1")
        counts.append(len(queries))

    # then
    assert counts[0] == counts[1]
