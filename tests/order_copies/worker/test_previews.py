"""Previews of drafts: what they store, the stock they share, and workers that fail."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from order_copies.admin import drafts
from order_copies.conf import settings
from order_copies.exceptions import SourceOrderGoneError
from order_copies.models import BatchDraft, OrderFactory, Result, Status
from order_copies.worker import previews
from order_copies.worker.previews import preview_due
from orders.models import Order, Sku
from tests.acceptance.shops import PATH, InterferedShop
from tests.factories import SkuFactory, draft_order, placed_order
from tests.stories import copied, run_all

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a worker preview each draft, one order at a time."""
    monkeypatch.setattr(drafts, "PREVIEWED_AT_ONCE", 0)
    monkeypatch.setattr(previews, "CHUNK", 1)


def waiting_draft(user: Any, *orders: Order, options: Sequence[str] = ()) -> BatchDraft:
    """Create a draft that waits for its preview."""
    draft = drafts.create([order.pk for order in orders], user=user)
    drafts.set_options(draft, options=["reuse_wallet", *options])
    drafts.preview_again(draft)
    return draft


def results(draft: BatchDraft) -> list[int | None]:
    return list(draft.selected_orders.order_by("position").values_list("result", flat=True))


def test_preview_due__stores_a_result_for_each_order(admin_user: Any) -> None:
    # given
    sku = SkuFactory(stock=2)
    plain, without = placed_order(), placed_order(lines=[{"sku": sku}, {}])
    failing = placed_order(lines=[{"sku": sku}])
    copied(plain)
    Sku.objects.filter(pk=sku.pk).update(on_sale=False)
    options = ["skip_errors", "place_target_order"]
    draft = waiting_draft(admin_user, plain, without, failing, options=options)

    # when
    found = preview_due()

    # then
    draft.refresh_from_db()
    rows = list(draft.selected_orders.order_by("position"))
    assert found
    assert (draft.preview_due_at, draft.previewed_at is None) == (None, False)
    assert [row.earlier for row in rows] == [1, 0, 0]
    assert [row.result for row in rows] == [Result.AS_IS, Result.CHANGES, Result.CANNOT]
    assert [one["message"] for one in rows[1].plan["outcomes"]][:1] == [
        f"{sku.code} is not on sale any more"
    ]
    assert [row.charged_cents is None for row in rows] == [False, False, True]
    assert all(row.plan_digest for row in rows)
    assert rows[0].source_cents == plain.total_amount_with_taxes_cents


def test_preview_due__order_copied_as_it_is_stores_no_lines(admin_user: Any) -> None:
    draft = waiting_draft(admin_user, placed_order())

    preview_due()

    [row] = draft.selected_orders.all()
    assert (row.result, row.plan["outcomes"]) == (Result.AS_IS, [])


def test_preview_due__shares_the_stock_between_all_orders_as_the_run_does(
    admin_user: Any,
) -> None:
    # given
    sku = SkuFactory(stock=10)
    orders = [placed_order(lines=[{"sku": sku}]) for _ in range(3)]
    stock = Sku.objects.get(pk=sku.pk).stock_item
    stock.quantity = stock.reserved + 2
    stock.save()
    draft = waiting_draft(admin_user, *orders, options=["place_target_order"])

    # when
    preview_due()
    drafts.tick_all(draft, draft.selected_orders.all(), choice=True)
    drafts.start(draft, version=draft.version, user=admin_user)
    run_all()

    # then
    assert results(draft) == [Result.AS_IS, Result.AS_IS, Result.CANNOT]
    statuses = OrderFactory.objects.order_by("pk").values_list("status", flat=True)
    assert list(statuses) == [Status.COMPLETED, Status.COMPLETED, Status.FAILED]


def test_preview_due__order_that_is_left_out_by_hand_takes_nothing(admin_user: Any) -> None:
    # given
    sku = SkuFactory(stock=10)
    orders = [placed_order(lines=[{"sku": sku}]) for _ in range(2)]
    stock = Sku.objects.get(pk=sku.pk).stock_item
    stock.quantity = stock.reserved + 1
    stock.save()
    draft = waiting_draft(admin_user, *orders, options=["place_target_order"])
    first = draft.selected_orders.get(position=0)
    drafts.tick_all(draft, draft.selected_orders.filter(pk=first.pk), choice=False)

    # when
    preview_due()

    # then
    assert results(draft) == [Result.CANNOT, Result.AS_IS]


def test_preview_due__draft_that_changes_meanwhile_is_previewed_again(
    admin_user: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {
        "SHOP": "tests.acceptance.shops.InterferedShop"
    }
    draft = waiting_draft(admin_user, placed_order(), placed_order())

    def change(_order_copies: Sequence[Any]) -> None:
        InterferedShop.before.clear()
        drafts.set_options(BatchDraft.objects.get(), options=["reuse_wallet", "skip_errors"])

    monkeypatch.setattr(InterferedShop, "before", {"plan": change})

    # when
    preview_due()
    between = results(draft)
    preview_due()

    # then
    assert between == [None, None]
    assert results(draft) == [Result.AS_IS] * 2
    plans = draft.selected_orders.values_list("plan", flat=True)
    assert all(plan["skip_errors"] for plan in plans)


def test_preview_now__draft_that_changes_meanwhile_keeps_its_old_preview(
    admin_user: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"SHOP": PATH}
    draft = drafts.create([placed_order().pk], user=admin_user)

    def change(_order_copies: Sequence[Any]) -> None:
        BatchDraft.objects.update(version=9)

    monkeypatch.setattr(InterferedShop, "before", {"plan": change})

    # when
    previews.preview_now(draft)

    # then
    assert results(draft) == [None]
    assert BatchDraft.objects.get().previewed_at is None


def test_preview_now__order_that_is_deleted_meanwhile_raises(
    admin_user: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"SHOP": PATH}
    draft = drafts.create([draft_order().pk], user=admin_user)
    monkeypatch.setattr(InterferedShop, "before", {"plan": lambda _: Order.objects.all().delete()})

    # then
    with pytest.raises(SourceOrderGoneError):
        previews.preview_now(draft)


def test_preview_due__order_that_is_forgotten_meanwhile_does_not_stop_it(
    admin_user: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"SHOP": PATH}
    draft = waiting_draft(admin_user, placed_order(), placed_order(), placed_order())

    def forget(_order_copies: Sequence[Any]) -> None:
        InterferedShop.before.clear()
        drafts.forget(BatchDraft.objects.get(), draft.selected_orders.filter(position=1))

    monkeypatch.setattr(InterferedShop, "before", {"plan": forget})

    # when
    preview_due()

    # then
    draft.refresh_from_db()
    assert draft.previewed_at
    assert results(draft) == [Result.AS_IS] * 2


def test_preview_due__failing_shop_is_tried_again_and_then_given_up(
    admin_user: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    shop = {"SHOP": PATH, "MAX_ATTEMPTS": 2}
    settings.ORDER_COPIES = settings.ORDER_COPIES | shop

    def fail(_order_copies: Sequence[Any]) -> None:
        raise RuntimeError

    monkeypatch.setattr(InterferedShop, "before", {"plan": fail})
    draft = waiting_draft(admin_user, placed_order())

    # when
    preview_due()
    draft.refresh_from_db()
    put_off = draft.preview_due_at
    BatchDraft.objects.update(preview_due_at=timezone.now())
    preview_due()

    # then
    draft.refresh_from_db()
    assert put_off
    assert put_off > timezone.now()
    assert (draft.preview_due_at, draft.previewed_at, draft.preview_tries) == (None, None, 2)
    assert not preview_due()


def test_preview_due__draft_whose_workers_died_is_given_up(admin_user: Any) -> None:
    # given
    draft = waiting_draft(admin_user, placed_order())
    BatchDraft.objects.update(preview_tries=settings.MAX_ATTEMPTS)

    # when
    preview_due()

    # then
    draft.refresh_from_db()
    assert (draft.preview_due_at, draft.previewed_at) == (None, None)


def test_preview_due__draft_of_another_worker_waits_for_its_lease(admin_user: Any) -> None:
    # given
    draft = waiting_draft(admin_user, placed_order())
    BatchDraft.objects.update(preview_due_at=timezone.now() + timedelta(seconds=9))

    # then
    assert not preview_due()
    assert results(draft) == [None]


def test_preview_due__nothing_to_preview_takes_one_query() -> None:
    with CaptureQueriesContext(connection) as captured:
        assert not preview_due()

    assert len(captured) == 1


def test_preview_due__statements_depend_on_the_chunks_only(
    admin_user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Claim; keys; per chunk: rows, orders, plan, copies, lock, update; the end."""
    # given
    monkeypatch.setattr(previews, "CHUNK", 10)
    counts = []

    # when
    for size in (2, 6):
        waiting_draft(admin_user, *(placed_order() for _ in range(size)))
        with CaptureQueriesContext(connection) as captured:
            preview_due()
        counts.append(len(captured))

    # then
    assert counts[0] == counts[1]
