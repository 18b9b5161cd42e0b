"""Batches in the admin: list, progress and results of one, abort and retry."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from order_copies import copying
from order_copies.models import CopyBatch, OrderCopy, Status
from orders.models import Sku
from tests.api import staff
from tests.factories import OrderCopyFactory, SkuFactory, draft_order, placed_order
from tests.stories import run_all

pytestmark = pytest.mark.django_db

BATCHES = reverse("admin:order_copies_copybatch_changelist")


@pytest.fixture
def admin(admin_client: Client) -> Client:
    return admin_client


def batch_with(*statuses: str, **attributes: Any) -> CopyBatch:
    """Create a batch with a copy for each of these: completed, failed, aborted or pending."""
    batch: CopyBatch = CopyBatch.objects.create(size=len(statuses), **attributes)
    for status in statuses:
        ended = {status: True} if status in {"completed", "failed"} else {"status": status}
        OrderCopyFactory(source_order=draft_order(), batch=batch, **ended)
    return batch


def url_of(batch: CopyBatch, view: str = "change") -> str:
    return reverse(f"admin:order_copies_copybatch_{view}", args=[batch.pk])


def shown(response: Any) -> list[str]:
    return [detail.order_copy.status for detail in response.context["details"]]


def messages_of(response: Any) -> list[str]:
    return [str(message) for message in response.context["messages"]]


def test_list__shows_who_how_many_and_why(admin: Client) -> None:
    # given
    who = {"owner": {"type": "User", "id": "1", "name": "ann"}}
    batch_with("completed", "failed", "pending", who=who, reason="a storm", options=["skip_errors"])

    # when
    page = admin.get(BATCHES).content.decode()

    # then
    for text in ("ann", "a storm", "1 of 3 copied", "1 failed", "skip errors"):
        assert text in page


def test_list__query_count_is_equal_for_one_and_many(admin: Client) -> None:
    batch_with("completed")
    with CaptureQueriesContext(connection) as for_one:
        admin.get(BATCHES)
    for _ in range(4):
        batch_with("completed", "failed")
    with CaptureQueriesContext(connection) as for_many:
        admin.get(BATCHES)
    assert len(for_one) == len(for_many)


def test_page__failed_copies_come_first_and_can_be_filtered(admin: Client) -> None:
    # given
    batch = batch_with("completed", "pending", "failed", "aborted")

    # when
    response = admin.get(url_of(batch))
    failed = admin.get(url_of(batch), {"show": "failed"})

    # then
    assert shown(response) == [Status.FAILED, Status.ABORTED, Status.PENDING, Status.COMPLETED]
    assert shown(failed) == [Status.FAILED, Status.ABORTED]
    counts = [(one.label, one.count, one.is_chosen) for one in failed.context["filters"]]
    assert counts == [
        ("All", 4, False),
        ("Failed", 2, True),
        ("Not ended", 1, False),
        ("Copied", 1, False),
    ]


@pytest.mark.parametrize("query", [{"show": "x" * 100}, {"p": "-1"}, {"p": "9999999999999999999"}])
def test_page__wrong_parameters_show_the_whole_batch(admin: Client, query: dict[str, str]) -> None:
    assert shown(admin.get(url_of(batch_with("completed")), query)) == [Status.COMPLETED]


def test_page__has_pages_of_fifty_copies(admin: Client) -> None:
    # given
    batch = CopyBatch.objects.create(size=51)
    order = draft_order()
    for _ in range(51):
        OrderCopyFactory(source_order=order, batch=batch)

    # when
    first, second = (admin.get(url_of(batch), {"p": number}) for number in ("1", "2"))

    # then
    assert (len(shown(first)), len(shown(second))) == (50, 1)
    assert "Page 1 of 2" in first.content.decode()


def test_page__query_count_is_equal_for_one_and_many_copies(admin: Client) -> None:
    one, many = batch_with("failed"), batch_with(*["failed"] * 5)
    with CaptureQueriesContext(connection) as for_one:
        admin.get(url_of(one))
    with CaptureQueriesContext(connection) as for_many:
        admin.get(url_of(many))
    assert len(for_one) == len(for_many)


def test_page__deleted_batch_redirects_to_the_list(admin: Client) -> None:
    response = admin.get(reverse("admin:order_copies_copybatch_change", args=[7]), follow=True)
    assert response.redirect_chain == [(BATCHES, 302)]
    assert messages_of(response) == ["This batch does not exist any more."]


def test_progress__says_that_no_worker_is_running(admin: Client) -> None:
    progress = admin.get(url_of(batch_with("pending"), "status")).json()
    assert progress["text"] == "0 of 1 ended – waiting: no worker is running"
    assert progress["is_running"] is True


def test_progress__shows_rate_and_time_left(admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    batch = batch_with("completed", "completed", "pending")
    OrderCopy.objects.exclude(status=Status.PENDING).update(
        started_at=timezone.now() - timedelta(seconds=10)
    )
    workers = "order_copies.admin.batches.heartbeats.active"
    monkeypatch.setattr(workers, lambda now: OrderCopy.objects.all())

    # when
    text = admin.get(url_of(batch, "status")).json()["text"]

    # then
    assert text.startswith("2 of 3 ended: 2 completed – 0.2 a second, about ")


def test_abort__asks_first_and_aborts_those_that_have_not_ended(admin: Client) -> None:
    # given
    batch = batch_with("completed", "pending", "pending")

    # when
    asked = admin.get(url_of(batch, "abort"))
    before = sorted(OrderCopy.objects.values_list("status", flat=True))
    done = admin.post(url_of(batch, "abort"), follow=True)

    # then
    assert "2 copies have not ended. They will be aborted" in asked.content.decode()
    assert before == ["completed", "pending", "pending"]
    assert messages_of(done) == ["2 copies were aborted."]
    after = sorted(OrderCopy.objects.values_list("status", flat=True))
    assert after == ["aborted", "aborted", "completed"]


def test_retry__repeats_those_that_failed(admin: Client) -> None:
    # given
    batch = CopyBatch.objects.create(size=1)
    OrderCopyFactory(source_order=placed_order(), batch=batch, status=Status.ABORTED)

    # when
    done = admin.post(url_of(batch, "retry"), follow=True)
    run_all()

    # then
    assert messages_of(done) == ["1 copy will be retried."]
    assert OrderCopy.objects.get().status == Status.COMPLETED


def test_retry__can_change_what_the_copies_do(admin: Client) -> None:
    # given
    sku = SkuFactory()
    source = placed_order(lines=[{"sku": sku}, {}])
    Sku.objects.filter(pk=sku.pk).update(on_sale=False)
    [order_copy] = copying.unsaved([source])
    order_copy.plan_digest = copying.preview_copies([order_copy])[0].digest
    copying.request_copies([order_copy], actor="a test", batch=CopyBatch())
    run_all()
    failed = OrderCopy.objects.get()

    # when
    asked = admin.get(url_of(failed.batch, "retry"))
    chosen = {"skip_errors": "on", "reuse_wallet": "on", "place_target_order": "on"}
    admin.post(url_of(failed.batch, "retry"), chosen)
    run_all()

    # then
    assert failed.status == Status.FAILED
    assert [name for name, field in asked.context["form"].fields.items() if field] == [
        "reuse_wallet",
        "apply_promotions",
        "skip_errors",
        "ignore_invalid_coupon",
    ]
    retried = OrderCopy.objects.get()
    assert (retried.status, retried.skip_errors) == (Status.COMPLETED, True)
    assert retried.place_target_order is False
    changes = copying.events_of(retried).get(name="order_copies.retry").changes
    assert changes["skip_errors"] == {"from": False, "to": True}


def test_list__counts_the_copies_of_a_page_in_one_statement(admin: Client) -> None:
    # given
    batch_with("completed", "failed", "aborted", "pending")
    costs = []

    # when
    for _ in range(2):
        with CaptureQueriesContext(connection) as queries:
            page = admin.get(BATCHES)
        costs.append(len(queries))
        for _ in range(5):
            batch_with("completed")

    # then
    counts = [(batch.completed, batch.failed) for batch in page.context["cl"].result_list]
    assert counts == [*[(1, 0)] * 5, (1, 2)]
    assert costs[0] == costs[1]


def test_retry__of_copies_that_place_needs_the_permission_to_change_orders(
    client: Client,
) -> None:
    # given
    client.force_login(staff("view_ordercopy", "retry_ordercopy"))
    placing, plain = batch_with("failed", options=["place_target_order"]), batch_with("failed")

    # then
    assert client.post(url_of(placing, "retry")).status_code == 403
    assert client.post(url_of(plain, "retry")).status_code == 302
    assert url_of(placing, "retry") not in client.get(url_of(placing)).content.decode()
