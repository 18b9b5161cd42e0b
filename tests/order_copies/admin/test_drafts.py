"""Large drafts: any number of orders, previewed by a worker, started once."""

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from order_copies.admin import drafts, overviews
from order_copies.exceptions import DraftChangedError, DraftGoneError, SourceOrderGoneError
from order_copies.models import BatchDraft, CopyBatch, OrderCopy, SelectedOrder, Status
from order_copies.worker.previews import preview_due
from orders.models import Order, Sku
from tests.api import staff
from tests.factories import SkuFactory, draft_order, placed_order
from tests.forms import ticks_of
from tests.stories import run_all

pytestmark = pytest.mark.django_db

ORDERS = reverse("admin:orders_order_changelist")


@pytest.fixture(autouse=True)
def few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let requests preview two orders only, and show two on a page."""
    monkeypatch.setattr(drafts, "PREVIEWED_AT_ONCE", 2)
    monkeypatch.setattr(drafts, "CHUNK", 2)
    monkeypatch.setattr(overviews, "PER_PAGE", 2)


def select_all(client: Client) -> str:
    """Select all orders of the list, not only those of its page; return the copy page."""
    form = {"action": "copy_selected_orders", "select_across": "1", "index": "0"}
    one = Order.objects.values_list("pk", flat=True)[0]
    return str(client.post(ORDERS, form | {"_selected_action": one})["Location"])


def shown(response: Any) -> list[Order]:
    return [row.preview.order for row in response.context["rows"]]


def messages_of(response: Any) -> list[str]:
    return [str(message) for message in response.context["messages"]]


def test_select_all__orders_are_previewed_by_a_worker_and_copied_as_shown(
    admin_client: Client,
) -> None:
    # given
    orders = [placed_order() for _ in range(5)]

    # when
    address = select_all(admin_client)
    waiting = admin_client.get(address)
    progress = admin_client.get(f"{address}progress/").json()
    bounced = admin_client.post(address, {"_copy": "1", "reuse_wallet": "on", "version": "1"})
    run_all()
    page = admin_client.get(address)
    form = {"reuse_wallet": "on", "_copy": "1"} | ticks_of(page)
    batch = admin_client.post(address, form, follow=True)
    again = admin_client.post(address, form, follow=True)
    ended = admin_client.get(f"{address}progress/").json()
    run_all()

    # then
    assert "A worker previews the copies." in waiting.content.decode()
    assert "_copy" not in waiting.content.decode()
    assert progress == {
        "text": "0 of 5 orders previewed – waiting: no worker is running",
        "ended": 0,
        "total": 5,
        "version": "running",
        "is_running": True,
    }
    assert (ended["text"], ended["is_running"]) == ("5 of 5 orders previewed", False)
    assert bounced.context["draft"].previewed_at is None
    assert 'value="Copy 5 orders"' in page.content.decode()
    assert "5 placed · oldest" in page.content.decode()
    assert messages_of(batch) == ["5 copies were requested."]
    assert again.redirect_chain == batch.redirect_chain
    copies = OrderCopy.objects.order_by("pk")
    assert [copy.source_order for copy in copies] == sorted(orders, key=lambda one: -one.pk)
    assert {(copy.status, bool(copy.plan_digest)) for copy in copies} == {(Status.COMPLETED, True)}
    assert CopyBatch.objects.get().size == 5
    assert LogEntry.objects.count() == 1


def test_page__worst_orders_come_first_a_page_at_a_time(admin_client: Client) -> None:
    # given
    sku = SkuFactory()
    fine = [placed_order() for _ in range(2)]
    changed = placed_order(lines=[{"sku": sku}, {}])
    failing = placed_order(lines=[{"sku": sku}])
    Sku.objects.filter(pk=sku.pk).update(on_sale=False)
    options = {"skip_errors": "on", "reuse_wallet": "on"}
    address = select_all(admin_client)
    admin_client.post(address, options)
    run_all()

    # when
    first = admin_client.get(address)
    form = options | ticks_of(first)
    second = admin_client.post(address, form | {"_page": "2", "ticked": []}, follow=True)
    only = admin_client.post(address, options | {"_show": "changes"}, follow=True)
    filters = [(one.label, one.count) for one in only.context["overview"].filters]

    # then
    assert shown(first) == [failing, changed]
    assert second.redirect_chain == [(f"{address}?p=2", 302)]
    assert set(shown(second)) == set(fine)
    assert (shown(only), filters) == (
        [changed],
        [
            ("All", 4),
            ("Cannot be copied", 1),
            ("With changes", 1),
            ("As they are", 2),
            ("Left out", 2),
        ],
    )


def test_options__that_change_are_previewed_again(admin_client: Client) -> None:
    # given
    for _ in range(3):
        placed_order()
    address = select_all(admin_client)
    admin_client.get(address)
    run_all()
    form = {"reuse_wallet": "on"} | ticks_of(admin_client.get(address))

    # when
    stale = admin_client.post(address, form | {"_copy": "1", "skip_errors": "on"})
    run_all()
    late = admin_client.post(address, form | {"_copy": "1", "skip_errors": "on"})

    # then
    assert stale.context["stale"].startswith("The options have changed since this preview.")
    assert stale.context["progress"].is_running
    assert late.context["stale"].startswith("These orders were changed or copied")
    assert OrderCopy.objects.count() == 0


def test_preview_button__lets_a_worker_preview_again(admin_client: Client) -> None:
    # given
    for _ in range(3):
        placed_order()
    address = select_all(admin_client)
    admin_client.get(address)
    run_all()

    # when
    form = {"reuse_wallet": "on"} | ticks_of(admin_client.get(address))
    ticked = admin_client.post(address, form, follow=True)
    pressed = admin_client.post(address, form | {"_preview": "1"}, follow=True)

    # then
    assert not ticked.context["progress"].is_running
    assert pressed.context["progress"].is_running


def test_preview__that_failed_can_be_tried_again(admin_client: Client) -> None:
    # given
    for _ in range(3):
        placed_order()
    address = select_all(admin_client)
    admin_client.get(address)
    BatchDraft.objects.update(preview_due_at=None, preview_tries=5)

    # when
    failed = admin_client.get(address)
    again = admin_client.post(address, {"reuse_wallet": "on", "_preview": "1"}, follow=True)

    # then
    assert "The preview failed" in failed.content.decode()
    assert again.context["progress"].is_running


def test_start__placing_needs_permission_to_change_each_ticked_order() -> None:
    # given
    client = Client()
    user = staff("view_order", "change_order", "add_ordercopy", "cancel_source_ordercopy")
    client.force_login(user)
    for _ in range(3):
        placed_order()
    address = select_all(client)
    client.post(address, {"cancel_source_order": "on"})
    run_all()
    form = {"cancel_source_order": "on"} | ticks_of(client.get(address))
    asked = client.post(address, form | {"_copy": "1"})
    user.user_permissions.remove(user.user_permissions.get(codename="change_order"))

    # when
    yes = {"_copy": "1", "_confirmed": "1", "version": form["version"]}
    response = client.post(address, yes)

    # then
    assert asked.context["overview"].consequences.cancelled == 3
    why = "You do not have permission for these options on all of these orders."
    assert response.context["error"] == why
    assert OrderCopy.objects.count() == 0


def test_start__order_deleted_in_between_copies_nothing(admin_user: Any) -> None:
    # given
    orders = [draft_order() for _ in range(3)]
    draft = drafts.create([order.pk for order in orders], user=admin_user)
    drafts.preview_again(draft)
    preview_due()
    Order.objects.filter(pk=orders[2].pk).delete()

    # when
    with pytest.raises(SourceOrderGoneError):
        drafts.start(draft, version=draft.version, user=admin_user)

    # then
    assert (OrderCopy.objects.count(), CopyBatch.objects.count()) == (0, 0)


def test_start__another_version_is_refused(admin_user: Any) -> None:
    draft = drafts.create([draft_order().pk], user=admin_user)
    drafts.preview(draft)

    with pytest.raises(DraftChangedError):
        drafts.start(draft, version=draft.version + 1, user=admin_user)


def test_changes__deleted_draft_raises(admin_user: Any) -> None:
    draft = drafts.create([draft_order().pk], user=admin_user)
    BatchDraft.objects.all().delete()

    with pytest.raises(DraftGoneError):
        drafts.set_options(draft, options=[])


def test_create__order_that_is_named_twice_is_selected_once(admin_user: Any) -> None:
    draft = drafts.create([7, 8, 7], user=admin_user)

    assert [str(one) for one in SelectedOrder.objects.filter(draft=draft)] == ["7", "8"]


def test_page__query_count_is_equal_for_few_and_many_orders(admin_client: Client) -> None:
    """Session, user; draft; missing orders; sums, a page of rows and orders; facts; progress."""
    # given
    counts = []

    # when
    for _ in range(2):
        for _ in range(3):
            placed_order()
        address = select_all(admin_client)
        admin_client.get(address)
        run_all()
        with CaptureQueriesContext(connection) as captured:
            admin_client.get(address)
        counts.append(len(captured))

    # then
    assert counts[0] == counts[1]
