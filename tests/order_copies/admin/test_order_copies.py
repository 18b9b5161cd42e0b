"""Copies in the admin: list, page, progress, changes and deletion."""

from collections.abc import Sequence
from functools import reduce
from typing import Any

import pytest
from django.contrib.admin import site
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from order_copies import copying, public_ids
from order_copies.events.models import Event
from order_copies.models import CopyBatch, OrderCopy, Status
from order_copies.shops import OrderDescription, Shop
from orders.copying.shop import ReferenceShop
from orders.models import Order
from tests.api import API, request_of, staff
from tests.factories import PLACED_AT, OrderCopyFactory, OrderFactory, draft_order, placed_order
from tests.stories import WHO, copied, fresh, requested

pytestmark = pytest.mark.django_db

COPIES = reverse("admin:order_copies_ordercopy_changelist")


@pytest.fixture
def admin(admin_client: Client) -> Client:
    return admin_client


def page_of(order_copy: Any) -> str:
    return reverse("admin:order_copies_ordercopy_change", args=[order_copy.pk])


def bare_order(**attributes: Any) -> Order:
    order: Order = OrderFactory(**attributes)
    return order


class YenShop(ReferenceShop):
    """A shop whose orders do not hold their currency."""

    def currency_of(self, order: Any) -> str:
        return "JPY"

    def describe(self, orders: Sequence[Any]) -> list[OrderDescription | None]:
        return Shop.describe(self, orders)


def listed(client: Client, **query: str) -> list[OrderCopy]:
    response = client.get(COPIES, query)
    assert response.status_code == 200
    return list(response.context["cl"].result_list)


def messages_of(response: Any) -> list[str]:
    return [str(message) for message in response.context["messages"]]


# The list


def test_list__shows_orders_status_and_options_of_a_copy(admin: Client) -> None:
    # given
    order_copy = copied(placed_order(number="4711"), place_target_order=True)

    # when
    page = admin.get(COPIES).content.decode()

    # then
    assert order_copy.public_id in page
    assert (
        f'<span class="copies-badge copies-completed" data-copy="{order_copy.public_id}">' in page
    )
    assert reverse("admin:orders_order_change", args=[order_copy.source_order_id]) in page
    assert reverse("admin:orders_order_change", args=[order_copy.target_order_id]) in page
    assert '<span class="copies-badge copies-toggle">place</span>' in page


def test_list__marks_copies_completed_with_errors(admin: Client) -> None:
    # given
    order_copy = copied(draft_order(), place_target_order=True, skip_errors=True)

    # when
    page = admin.get(COPIES).content.decode()
    detail = admin.get(page_of(order_copy)).context["detail"]

    # then
    assert "completed with errors" in page
    assert (detail.kind, len(detail.errors) > 0) == ("warning", True)


def test_list__shows_copies_of_deleted_orders(admin: Client) -> None:
    # given
    order_copy = OrderCopyFactory(source_order=None, reuse_wallet=False)

    # when
    found, page = listed(admin), admin.get(page_of(order_copy))

    # then
    assert found == [order_copy]
    assert "a deleted order" in page.content.decode()


def test_list__query_count_is_equal_for_one_and_many_copies(admin: Client) -> None:
    """Session, user; count of the search and of all; the copies with both orders."""
    # given
    OrderCopyFactory(source_order=bare_order())
    admin.get(COPIES)

    # when
    with CaptureQueriesContext(connection) as for_one:
        admin.get(COPIES)
    for _ in range(10):
        OrderCopyFactory(source_order=bare_order(), target_order=bare_order(), completed=True)
    with CaptureQueriesContext(connection) as for_many:
        admin.get(COPIES)

    # then
    assert len(for_one) == len(for_many)


def test_search__finds_ids_references_and_order_fields(admin: Client) -> None:
    # given
    order = bare_order(number="4711", customer_email="ida@example.com")
    order_copy = OrderCopyFactory(source_order=order, reference="Zebra")
    OrderCopyFactory(source_order=bare_order())

    # when, then
    for term in [order_copy.public_id, order.public_id, "Zebra", "4711", "ida@example.com"]:
        assert listed(admin, q=term) == [order_copy], term
    for term in ["nothing", "9" * 40, public_ids.encode("order_factories", 52**10 - 1)]:
        assert listed(admin, q=term) == [], term
    assert len(listed(admin, q="a\0b")) == 2  # The stock form drops the term, with a message.


def test_search__order_fields_can_be_configured(
    admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    monkeypatch.setattr("order_copies.admin.OrderCopyAdmin.order_search_fields", ["^number"])
    order_copy = OrderCopyFactory(source_order=bare_order(number="4711", customer_email="i@e.org"))

    # when, then
    assert listed(admin, q="47") == [order_copy]
    assert listed(admin, q="i@e.org") == []


def test_list__is_filtered_by_option_and_source_order(admin: Client) -> None:
    # given
    placing = OrderCopyFactory(source_order=bare_order(), place_target_order=True)
    other = OrderCopyFactory(source_order=bare_order())

    # when, then
    assert listed(admin, toggle="place_target_order") == [placing]
    assert listed(admin, toggle="worker") == [other, placing]
    assert listed(admin, source_order__id__exact=str(other.source_order.pk)) == [other]


def test_list__is_filtered_by_reason_and_by_who_requested_the_batch(
    admin: Client, admin_user: Any
) -> None:
    # given
    batch = CopyBatch.objects.create(user=admin_user)
    log = {"line_items": ["is out of stock"]}
    failed = OrderCopyFactory(source_order=bare_order(), failed=True, errors_log=log)
    mine = OrderCopyFactory(source_order=bare_order(), batch=batch)

    # when, then
    assert listed(admin, reason="line_items") == [failed]
    assert listed(admin, reason="other") == []
    assert listed(admin, who=str(admin_user.pk)) == [mine]
    assert listed(admin, who="0") == [mine, failed]
    assert listed(admin, who="x") == [mine, failed]


def test_list__looks_for_toggles_and_reasons_among_the_latest_copies(
    admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    old, new = (OrderCopyFactory(source_order=bare_order(), skip_errors=True) for _ in range(2))
    monkeypatch.setattr("order_copies.admin.bounded.MAX_SEARCHED", 1)

    # when
    page = admin.get(COPIES, {"toggle": "skip_errors"})

    # then
    assert list(page.context["cl"].result_list) == [new]
    assert "These filters look at the newest 1 rows only." in page.content.decode()
    assert listed(admin) == [new, old]
    assert "look at the newest" not in admin.get(COPIES).content.decode()


def test_add_page__is_forbidden(admin: Client) -> None:
    response = admin.get(reverse("admin:order_copies_ordercopy_add"))

    assert response.status_code == 403


# One copy


def test_page__shows_events_steps_errors_and_totals(admin: Client) -> None:
    # given
    order_copy = copied(draft_order(), place_target_order=True)

    # when
    response = admin.get(page_of(order_copy))

    # then
    timeline, page = response.context["timeline"], response.content.decode()
    assert [entry.label for entry in timeline.entries] == ["Requested", "Started", "Failed"]
    assert [entry.who for entry in timeline.entries][:2] == ["staff@example.com", "worker w1"]
    assert timeline.entries[2].details == f"{order_copy.errors_count} errors"
    assert [step.state for step in timeline.steps] == ["done", "done", "current"]
    errors = response.context["detail"].errors
    assert ("Status", ["cannot transition from draft to placed"]) in errors
    assert "cannot transition from draft to placed" in page
    [*_others, total] = response.context["comparison"].totals
    due = order_copy.source_order.total_amount_with_taxes_cents
    assert (str(total.label), total.before, total.after) == ("Total with taxes", due, due)


def test_page__amounts_are_in_the_currency_that_the_shop_names(admin: Client, settings) -> None:
    # given
    order_copy = copied(placed_order(lines=1))
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"SHOP": f"{__name__}.YenShop"}

    # when
    comparison = admin.get(page_of(order_copy)).context["comparison"]

    # then
    assert comparison.currency_code == "JPY"


def test_page__pending_copy_is_polled(admin: Client) -> None:
    # given
    order_copy = requested(placed_order())

    # when
    response = admin.get(page_of(order_copy))

    # then
    states = [step.state for step in response.context["timeline"].steps]
    assert states == ["current", "ahead", "ahead"]
    assert "data-running" in response.content.decode()
    assert "once a worker has made it" in response.content.decode()
    assert not response.context["comparison"].has_copy


def test_page__copy_in_progress_is_at_the_second_step(admin: Client) -> None:
    # given
    order_copy = OrderCopyFactory(in_progress=True, attempt=2)

    # when
    response = admin.get(page_of(order_copy))

    # then
    states = [step.state for step in response.context["timeline"].steps]
    assert states == ["done", "current", "ahead"]
    assert "attempt 2" in response.content.decode()


def test_page__aborted_copy_shows_the_time_and_that_it_never_ran(admin: Client) -> None:
    # given
    order_copy = requested(placed_order())
    copying.abort([order_copy], actor=WHO)

    # when
    response = admin.get(page_of(order_copy))

    # then
    page = response.content.decode()
    event = Event.objects.get(name="order_copies.abort")
    steps = response.context["timeline"].steps
    assert [(str(step.label), step.state, step.at) for step in steps] == [
        ("pending", "done", order_copy.created_at),
        ("aborted", "current", event.created_at),
    ]
    assert "No order was made." in page


def test_page__abort_by_hand_is_no_error(admin: Client) -> None:
    # given
    order_copy = requested(placed_order())
    copying.abort([order_copy], actor=WHO)

    # when
    response = admin.get(page_of(order_copy))

    # then
    assert response.context["detail"].errors == []
    page = response.content.decode()
    assert "staff@example.com aborted the copy before it made an order." in page
    assert "copies-errors" not in page
    assert site.get_model_admin(OrderCopy).errors(fresh(order_copy)) is None


def test_page__copy_aborted_twice_shows_the_last_time(admin: Client) -> None:
    # given
    order_copy = requested(placed_order())
    copying.abort([order_copy], actor=WHO)
    copying.retry([order_copy], actor=WHO)
    Event.objects.update(created_at=PLACED_AT)
    copying.abort([order_copy], actor=WHO)

    # when
    ended_at = admin.get(page_of(order_copy)).context["timeline"].ended_at

    # then
    assert ended_at > PLACED_AT


def test_page__copy_that_cannot_be_retried_shows_the_reason(admin: Client) -> None:
    # given
    order_copy = copied(draft_order(), place_target_order=True)

    # when
    page = admin.get(page_of(order_copy)).content.decode()

    # then
    left = order_copy.target_order.public_id
    assert f"Cannot be retried: left order {left} for repair: place it, or cancel it" in page
    assert ">Retry<" not in page


def test_change__reference_and_metadata_are_saved_and_recorded(admin: Client) -> None:
    # given
    order_copy = copied(placed_order())
    data = {"reference": "R 2", "reference_origin": "desk", "metadata": '{"a": [1, null]}'}

    # when
    admin.post(page_of(order_copy), data)

    # then
    order_copy.refresh_from_db()
    assert (order_copy.reference, order_copy.metadata) == ("R 2", {"a": [1, None]})
    event = Event.objects.get(name="")
    assert event.changes == {
        "reference": {"from": None, "to": "R 2"},
        "reference_origin": {"from": None, "to": "desk"},
        "metadata": {"from": {}, "to": {"a": [1, None]}},
    }
    assert event.who["owner"]["name"] == "admin"
    changed = admin.get(page_of(order_copy)).context["timeline"].entries[-1].details
    assert set(changed.split(", ")) == {"Reference: R 2", "Reference origin: desk", "Metadata"}


def test_change__copy_deleted_meanwhile_gives_a_message(
    admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    order_copy = OrderCopyFactory(source_order=bare_order())
    update = copying.update

    def delete_then_update(deleted: Any, *arguments: Any, **keywords: Any) -> None:
        OrderCopy.objects.all().delete()
        update(deleted, *arguments, **keywords)

    monkeypatch.setattr(copying, "update", delete_then_update)

    # when
    response = admin.post(page_of(order_copy), {"reference": "R 2"}, follow=True)

    # then
    assert "The copy was deleted in the meantime." in messages_of(response)


def test_change__unchanged_form_records_no_event(admin: Client) -> None:
    order_copy = OrderCopyFactory(source_order=bare_order(), metadata={"a": 1})

    admin.post(page_of(order_copy), {"metadata": '{"a": 1}'})

    assert not Event.objects.exists()


def test_change__other_fields_are_ignored(admin: Client) -> None:
    # given
    order_copy = OrderCopyFactory(source_order=bare_order())

    # when
    admin.post(page_of(order_copy), {"status": "completed", "metadata": "{}", "attempt": "9"})

    # then
    order_copy.refresh_from_db()
    assert (order_copy.status, order_copy.attempt) == (Status.PENDING, 0)


@pytest.mark.parametrize(
    "metadata",
    [
        "[]",
        '"text"',
        "7",
        "{",
        '{"a": "\\u0000"}',
        '{"\\ud800": 1}',
        '{"a": NaN}',
        '{"a": 1e999}',
        '{"a": ' * 33 + "1" + "}" * 33,
        "[" * 100_000,
        '{"a": ' + "9" * 5000 + "}",
        '{"a": 9223372036854775808}',
        '{"a": "' + "x" * 65536 + '"}',
    ],
    ids=range(13),
)
def test_change__invalid_metadata_is_a_form_error(admin: Client, metadata: str) -> None:
    # given
    order_copy = OrderCopyFactory(source_order=bare_order(), metadata={"kept": True})

    # when
    response = admin.post(page_of(order_copy), {"metadata": metadata})

    # then
    assert response.status_code == 200
    assert list(response.context["errors"])
    order_copy.refresh_from_db()
    assert order_copy.metadata == {"kept": True}


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ("[]", "Enter a JSON object, for example {&quot;key&quot;: &quot;value&quot;}."),
        ('{"a": ' * 33 + "1" + "}" * 33, "Nest the object less deeply: 29 levels at most."),
        ('{"a": "' + "x" * 65536 + '"}', "Shorten the object: 65536 bytes of JSON at most."),
        ('{"a": "\\u0000"}', "Leave out the character U+0000 and unpaired surrogates."),
        ('{"a": NaN}', "Leave out numbers too large to be stored, NaN and Infinity."),
        ('{"a": 9223372036854775808}', "Leave out numbers too large to be stored, NaN"),
        ("{", "Enter a valid JSON."),
    ],
    ids=range(7),
)
def test_change__metadata_error_says_what_to_do(admin: Client, metadata: str, message: str) -> None:
    order_copy = OrderCopyFactory(source_order=bare_order())

    response = admin.post(page_of(order_copy), {"metadata": metadata})

    assert message in response.content.decode()


@pytest.mark.parametrize(
    "metadata",
    [
        {"a": reduce(lambda inner, _: [inner], range(28), 1)},
        {"a": 2**63 - 1, "b": -(2**63), "c": 1.5e-300},
        {"a": "x" * 65526},
        {"": "\r\n\t\u2028\x01 é 😀 </textarea>", "null": None, "list": [{}, [], True]},
    ],
    ids=range(4),
)
def test_change__metadata_accepted_by_the_api_can_be_saved_again(
    admin: Client, metadata: dict[str, Any]
) -> None:
    # given
    order = placed_order(lines=1)
    response = API(staff()).post("/order_copies", request_of(order, metadata=metadata))
    order_copy = OrderCopy.objects.get()

    # when
    shown = admin.get(page_of(order_copy)).context["adminform"].form["metadata"].value()
    answer = admin.post(page_of(order_copy), {"metadata": shown, "reference": "R-1"})

    # then
    assert (response.status_code, answer.status_code) == (201, 302)
    order_copy.refresh_from_db()
    assert (order_copy.metadata, order_copy.reference) == (metadata, "R-1")


def test_change__empty_metadata_is_an_empty_object(admin: Client) -> None:
    # given
    order_copy = OrderCopyFactory(source_order=bare_order(), metadata={"a": 1})

    # when
    admin.post(page_of(order_copy), {"metadata": ""})

    # then
    order_copy.refresh_from_db()
    assert order_copy.metadata == {}


def test_timeline__lists_the_newest_events_and_what_changed(
    admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    monkeypatch.setattr("order_copies.admin.timeline.MAX_EVENTS", 3)
    order_copy = requested(placed_order())
    copying.abort([order_copy], actor=WHO)
    copying.retry([order_copy], actor="import", skip_errors=True)
    copying.update(order_copy, actor=WHO, reference="R-1")
    copying.update(order_copy, actor=WHO, reference=None)

    # when
    response = admin.get(page_of(order_copy))

    # then
    entries = response.context["timeline"].entries
    assert [(entry.label, entry.details, entry.who) for entry in entries] == [
        ("Retry requested", "Skip errors: yes", "import"),
        ("Changed", "Reference: R-1", "staff@example.com"),
        ("Changed", "Reference removed", "staff@example.com"),
    ]
    page = response.content.decode()
    assert "Older events are not listed." in page
    at = entries[-1].event.created_at
    assert f'title="{at.isoformat(timespec="milliseconds")}"' in page
    assert f"{at:%H:%M:%S}</time>" in page


# Deleting


def delete(client: Client, order_copy: Any) -> Any:
    url = reverse("admin:order_copies_ordercopy_delete", args=[order_copy.pk])
    return client.post(url, {"post": "yes"}, follow=True)


def delete_together(client: Client, *order_copies: Any) -> Any:
    keys = [order_copy.pk for order_copy in order_copies]
    data = {"action": "delete_selected", "_selected_action": keys, "post": "yes"}
    return client.post(COPIES, data, follow=True)


def test_delete__target_order_stays(admin: Client) -> None:
    # given
    order_copy = copied(placed_order())

    # when
    delete(admin, order_copy)

    # then
    assert not OrderCopy.objects.exists()
    assert Order.objects.filter(pk=order_copy.target_order_id).exists()
    event = Event.objects.get(name="order_copies.destroy")
    assert event.who["owner"]["name"] == "admin"


def test_delete__copy_in_progress_is_refused(admin: Client) -> None:
    # given
    order_copy = OrderCopyFactory(in_progress=True)

    # when
    response = delete(admin, order_copy)

    # then
    assert response.redirect_chain == [(page_of(order_copy), 302)]
    assert messages_of(response) == [
        "A copy that is in progress cannot be deleted: wait until it has ended."
    ]
    assert OrderCopy.objects.exists()
    assert not LogEntry.objects.exists()


def test_delete_selected__deletes_copies_and_records_events(admin: Client) -> None:
    # given
    order_copies = [OrderCopyFactory(source_order=bare_order()) for _ in range(2)]

    # when
    response = delete_together(admin, *order_copies)

    # then
    assert messages_of(response) == ["Successfully deleted 2 order copies."]
    assert Event.objects.filter(name="order_copies.destroy").count() == 2


def test_delete_selected__one_copy_in_progress_refuses_all(admin: Client) -> None:
    # given
    resting = OrderCopyFactory(source_order=bare_order())
    running = OrderCopyFactory(source_order=bare_order(), in_progress=True)

    # when
    response = delete_together(admin, resting, running)

    # then
    assert OrderCopy.objects.count() == 2
    assert "in progress" in messages_of(response)[0]
    assert not Event.objects.exists()


def test_delete_selected__query_count_is_equal_for_one_and_many_copies(admin: Client) -> None:
    """Session, user, permissions; the copies; Django's queries to list and to log them; the lock
    on the copies, one delete, one insert of events."""
    # given
    first, one, many = (
        [OrderCopyFactory(source_order=bare_order()) for _ in range(n)] for n in (1, 1, 10)
    )
    delete_together(admin, *first)  # Fills Django's cache of content types.

    # when
    with CaptureQueriesContext(connection) as for_one:
        delete_together(admin, *one)
    with CaptureQueriesContext(connection) as for_many:
        delete_together(admin, *many)

    # then
    assert not OrderCopy.objects.exists()
    assert len(for_one) == len(for_many)


# Progress


def status_of(client: Client, *order_copies: Any) -> Any:
    ids = ",".join(order_copy.public_id for order_copy in order_copies)
    return client.get(reverse("admin:order_copies_ordercopy_status"), {"ids": ids})


def test_status_view__counts_ended_copies_by_status(admin: Client) -> None:
    # given
    order_copies = [
        OrderCopyFactory(source_order=bare_order()),
        OrderCopyFactory(source_order=bare_order(), failed=True),
        OrderCopyFactory(source_order=bare_order(), completed=True),
    ]

    # when
    response = status_of(admin, *order_copies)

    # then
    assert "no-store" in response["Cache-Control"]
    assert response.json() == {
        "text": "2 of 3 ended: 1 completed, 1 failed",
        "ended": 2,
        "total": 3,
        "version": "1-0-0-1-1",
        "is_running": True,
    }


def test_status_view__unknown_ids_are_not_running(admin: Client) -> None:
    url = reverse("admin:order_copies_ordercopy_status")

    for ids in ["", "garbage", "\0" * 10, "A" * 100_000]:
        assert admin.get(url, {"ids": ids}).json()["is_running"] is False


def test_list__polls_copies_that_have_not_ended(admin: Client) -> None:
    # given
    OrderCopyFactory(source_order=bare_order(), completed=True)
    pending = OrderCopyFactory(source_order=bare_order())

    # when
    response = admin.get(COPIES)

    # then
    assert response.context["progress"].url.endswith(f"?ids={pending.public_id}")
    assert "data-running" in response.content.decode()


def test_progress_views__need_the_permission_to_view_copies(client: Client) -> None:
    # given
    user = User.objects.create_user("eve", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="view_order"))
    client.force_login(user)

    # when, then
    for view in ("status", "changelist"):
        assert client.get(reverse(f"admin:order_copies_ordercopy_{view}")).status_code == 403


def test_page__is_read_only_with_the_view_permission(client: Client) -> None:
    # given
    user = User.objects.create_user("kim", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="view_ordercopy"))
    client.force_login(user)
    order_copy = OrderCopyFactory(source_order=bare_order())

    # when
    seen = client.get(page_of(order_copy))
    changed = client.post(page_of(order_copy), {"reference": "mine", "metadata": "{}"})

    # then
    assert (seen.status_code, changed.status_code) == (200, 403)


# Without an admin for orders, and events


def test_page__without_order_admin_orders_are_shown_to_those_who_may_view_them(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    monkeypatch.delitem(site._registry, Order)
    order_copy = copied(placed_order())
    users = [User.objects.create_user(name, is_staff=True) for name in ("kim", "lou")]
    codenames = [["view_ordercopy"], ["view_ordercopy", "view_order"]]

    # when
    facts = []
    for user, names in zip(users, codenames, strict=True):
        user.user_permissions.set(Permission.objects.filter(codename__in=names))
        client.force_login(user)
        facts.append(client.get(page_of(order_copy)).context["comparison"].facts)

    # then
    assert list(map(bool, facts)) == [False, True]


def test_list__without_order_admin_orders_have_no_links(
    admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    order = bare_order(number="4711")
    order_copy = OrderCopyFactory(source_order=order)
    monkeypatch.delitem(site._registry, Order)

    # when
    page = admin.get(COPIES).content.decode()

    # then
    assert "#4711" in page
    assert reverse("admin:orders_order_change", args=[order.pk]) not in page
    assert listed(admin, q=order_copy.public_id) == [order_copy]


def test_events__are_read_only(admin: Client) -> None:
    # given
    requested(placed_order())
    event = Event.objects.get()
    url = reverse("admin:order_copies_events_event_change", args=[event.pk])

    # when
    page = admin.get(url)
    changed = admin.post(url, {})
    names = admin.get(reverse("admin:order_copies_events_event_changelist")).content.decode()

    # then
    assert "staff@example.com" in page.content.decode()
    assert changed.status_code == 403
    assert "order_copies.create" in names
    for view, arguments in (("add", []), ("delete", [event.pk])):
        name = reverse(f"admin:order_copies_events_event_{view}", args=arguments)
        assert admin.get(name).status_code == 403
