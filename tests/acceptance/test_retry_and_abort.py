"""Story: users abort and retry copies, and no target or payment is lost or duplicated."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.utils import timezone

from order_copies import copying
from order_copies.events.models import Event
from order_copies.exceptions import LeaseLostError
from order_copies.models import OrderFactory, Status
from order_copies.worker.run import run_batch
from orders.models import Order
from tests import stories
from tests.acceptance.processes import run
from tests.acceptance.shops import InterferedShop
from tests.api import API, errors_in, shopper, staff, the_error_in
from tests.factories import OrderCopyFactory, SkuFactory, draft_order, placed_order

pytestmark = pytest.mark.django_db

Shop = type[InterferedShop]

RETRY = "/data/attributes/_retry"
ABORT = "/data/attributes/_abort"


@pytest.fixture
def api() -> API:
    return API(staff())


def patch(api: API, order_copy: OrderFactory, **attributes: Any) -> HttpResponse:
    data = {"type": "order_copies", "id": order_copy.public_id, "attributes": attributes}
    return api.patch(f"/order_copies/{order_copy.public_id}", {"data": data})


def unavailable_order() -> Order:
    """Create an order whose only line is unavailable."""
    return placed_order(lines=[{"sku": SkuFactory(on_sale=False)}])


def put_on_sale(order: Order) -> None:
    for line_item in order.line_items.exclude(sku=None):
        line_item.sku.on_sale = True
        line_item.sku.save()


# Aborting


@pytest.mark.parametrize("traits", [{}, {"in_progress": True}], ids=["pending", "in progress"])
def test_abort__pending_or_running_copy_is_aborted(api: API, traits: dict[str, Any]) -> None:
    # given
    order_copy = OrderCopyFactory(**traits)
    before = stories.row(order_copy)

    # when
    response = patch(api, order_copy, _abort=True)

    # then
    message = "aborted by hand"
    found = stories.fresh(order_copy)
    attributes = response.json()["data"]["attributes"]
    assert (response.status_code, attributes["status"]) == (200, "aborted")
    assert (attributes["errors_log"], attributes["errors_count"]) == ({"base": [message]}, 1)
    assert "_abort" not in attributes
    assert stories.row(found) == before | {
        "status": "aborted",
        "errors_log": {"base": [message]},
        "errors_count": 1,
        "lease_expires_at": None,
        "updated_at": found.updated_at,
    }


def test_abort__event_records_the_actor(api: API) -> None:
    # given
    order_copy = OrderCopyFactory(in_progress=True)

    # when
    patch(api, order_copy, _abort=True)

    # then
    event = Event.objects.get()
    assert event.name == "order_copies.abort"
    assert event.who["owner"]["id"] == str(api.user.pk)
    assert event.changes == {
        "status": {"from": "in_progress", "to": "aborted"},
        "errors_log": {"from": {}, "to": {"base": ["aborted by hand"]}},
        "errors_count": {"from": 0, "to": 1},
    }


def test_abort__copy_is_never_run() -> None:
    # given
    order_copy = stories.requested(placed_order())

    # when
    copying.abort([order_copy], actor=stories.WHO)
    claimed = run_batch("w1").claimed

    # then
    assert claimed == 0
    assert stories.fresh(order_copy).errors_log == {"base": ["aborted by hand"]}


def test_abort__actor_is_hidden_from_the_customer() -> None:
    # given
    order_copy = stories.requested(placed_order())
    copying.abort([order_copy], actor=stories.WHO)
    owner = API(shopper(order_copy.source_order.customer))

    # when
    response = owner.get(f"/order_copies/{order_copy.public_id}?include=events")

    # then
    document = response.content.decode()
    assert response.json()["data"]["attributes"]["status"] == "aborted"
    assert stories.WHO["owner"]["email"] not in document


def test_abort__repeated_has_no_effect(api: API) -> None:
    # given
    order_copy = OrderCopyFactory(status=Status.ABORTED, errors_log={"base": ["x"]}, errors_count=1)
    before = stories.row(stories.fresh(order_copy))

    # when
    response = patch(api, order_copy, _abort=True)

    # then
    assert response.status_code == 200
    assert stories.row(stories.fresh(order_copy)) == before
    assert not Event.objects.exists()


@pytest.mark.parametrize("status", ["completed", "failed"])
def test_abort__ended_copy_is_refused(api: API, status: str) -> None:
    # given
    order_copy = OrderCopyFactory(**{status: True})

    # when
    response = patch(api, order_copy, _abort=True)

    # then
    [error] = errors_in(response)
    assert the_error_in(response) == (422, "VALIDATION_ERROR", ABORT)
    assert error["title"] == f"cannot transition from {status} to aborted"
    assert error["meta"]["error"] == "cannot_transition"
    assert stories.fresh(order_copy).status == status


@pytest.mark.parametrize("step", ["plan", "authorize"])
def test_abort__during_the_run_leaves_no_target(shop: Shop, step: str) -> None:
    # given
    source = placed_order(lines=[{"sku": SkuFactory(stock=1)}])
    order_copy = stories.requested(source, place_target_order=True, cancel_source_order=True)
    before = stories.every_byte(source)
    shop.before[step] = lambda _: copying.abort([order_copy], actor=stories.WHO)

    # when
    batch = run_batch("w1")

    # then
    found = stories.fresh(order_copy)
    assert dict(batch.ends) == {"lost": 1}
    assert (found.status, found.target_order, found.outcomes) == (Status.ABORTED, None, [])
    assert stories.every_byte(source) == before
    assert Order.objects.count() == 1
    # A lease that is lost before the authorization leaves nothing to void.
    assert shop.voided() == ([order_copy.payment_key] if step == "authorize" else [])
    assert stories.events_of(order_copy)[-1] == "order_copies.abort"


def test_abort__other_copies_of_the_batch_complete(shop: Shop) -> None:
    # given
    aborted, *others = (stories.requested(placed_order()) for _ in range(5))

    def abort(_: Any) -> None:
        shop.before.clear()
        copying.abort([aborted], actor=stories.WHO)

    shop.before["plan"] = abort

    # when
    batch = run_batch("w1")

    # then
    assert dict(batch.ends) == {"completed": 4, "lost": 1}
    assert {stories.fresh(order_copy).status for order_copy in others} == {Status.COMPLETED}
    assert len([method for method, _ in shop.calls if method == "plan"]) == 2


def test_abort__of_a_whole_batch_loses_all_leases(shop: Shop) -> None:
    # given
    order_copies = [stories.requested(placed_order(), place_target_order=True) for _ in range(3)]
    shop.before["authorize"] = lambda _: copying.abort(order_copies, actor=stories.WHO)

    # when
    batch = run_batch("w1")

    # then
    assert dict(batch.ends) == {"lost": 3}
    assert sorted(shop.voided()) == sorted(order_copy.payment_key for order_copy in order_copies)


def test_lease_lost__batch_without_a_lost_copy_is_split(shop: Shop) -> None:
    # given
    order_copies = [stories.requested(placed_order()) for _ in range(3)]

    def lose_lease(_: Any) -> None:
        shop.before.clear()
        raise LeaseLostError

    shop.before["plan"] = lose_lease

    # when
    batch = run_batch("w1")

    # then
    assert dict(batch.ends) == {"completed": 3}
    assert {stories.fresh(order_copy).status for order_copy in order_copies} == {Status.COMPLETED}


def test_abort__payment_is_voided_when_the_run_crashes(shop: Shop) -> None:
    # given
    order_copy = stories.requested(placed_order(), place_target_order=True)

    def abort(_: Any) -> None:
        copying.abort([order_copy], actor=stories.WHO)

    def crash(_: Any) -> None:
        raise ZeroDivisionError

    shop.before |= {"authorize": abort, "write": crash}

    # when
    batch = run_batch("w1")

    # then
    assert dict(batch.ends) == {"lost": 1}
    assert shop.voided() == [order_copy.payment_key]


def test_abort__payment_is_voided_when_the_copy_is_deleted(
    shop: Shop,
) -> None:
    # given
    order_copy = stories.requested(placed_order(), place_target_order=True)
    key = order_copy.payment_key

    def abort_and_delete(_: Any) -> None:
        copying.abort([order_copy], actor=stories.WHO)
        copying.delete([order_copy], actor=stories.WHO)

    shop.before["authorize"] = abort_and_delete

    # when
    run_batch("w1")

    # then
    assert shop.voided() == [key]
    assert Order.objects.count() == 1


def test_delete__payment_of_a_target_placed_by_another_worker_is_kept(
    shop: Shop,
) -> None:
    # given
    order_copy = stories.requested(placed_order(), place_target_order=True)

    def another_worker_ends_it(_: Any) -> None:
        shop.before.clear()
        past = timezone.now() - timedelta(seconds=1)
        OrderFactory.objects.update(lease_expires_at=past)
        run_batch("w2")
        copying.delete([order_copy], actor=stories.WHO)

    shop.before["authorize"] = another_worker_ends_it

    # when
    run_batch("w1")

    # then
    assert shop.voided() == []
    assert Order.objects.count() == 2


# Retrying


def test_retry__failed_copy_is_reset_and_completes(api: API) -> None:
    # given
    source = unavailable_order()
    order_copy = stories.copied(source)
    put_on_sale(source)

    # when
    response = patch(api, order_copy, _retry=True)
    again = stories.row(stories.fresh(order_copy))
    stories.run_all()

    # then
    requested = OrderCopyFactory(source_order=source)
    own = {"id", "created_at", "updated_at", "queued_at", "retries"}
    found = stories.fresh(order_copy)
    assert response.json()["data"]["attributes"]["status"] == "pending"
    assert {name: again[name] for name in again if name not in own} == stories.row(requested, own)
    assert stories.ending(found) == (Status.COMPLETED, {}, 0)
    assert stories.events_of(order_copy) == [
        "order_copies.create",
        "order_copies.start",
        "order_copies.fail",
        "order_copies.retry",
        "order_copies.start",
        "order_copies.complete",
    ]


def test_retry__event_records_the_cleared_fields(api: API) -> None:
    # given
    order_copy = stories.copied(unavailable_order())

    # when
    patch(api, order_copy, _retry=True)

    # then
    event = Event.objects.get(name="order_copies.retry")
    assert event.who["owner"]["id"] == str(api.user.pk)
    assert {name: change["to"] for name, change in event.changes.items()} == {
        "status": "pending",
        "started_at": None,
        "failed_at": None,
        "errors_log": {},
        "errors_count": 0,
    }
    assert event.changes["status"]["from"] == "failed"
    assert event.changes["errors_log"]["from"] == order_copy.errors_log


def test_retry__aborted_copy_completes(api: API) -> None:
    # given
    order_copy = stories.requested(placed_order())
    patch(api, order_copy, _abort=True)

    # when
    patch(api, order_copy, _retry=True)
    stories.run_all()

    # then
    assert stories.fresh(order_copy).status == Status.COMPLETED


def test_retry__pending_copy_is_unchanged(api: API) -> None:
    # given
    order_copy = OrderCopyFactory()
    before = stories.row(stories.fresh(order_copy))

    # when
    response = patch(api, order_copy, _retry=True)

    # then
    assert response.status_code == 200
    assert stories.row(stories.fresh(order_copy)) == before
    assert not Event.objects.exists()


@pytest.mark.parametrize("status", ["in_progress", "completed"])
def test_retry__running_or_completed_copy_is_refused(api: API, status: str) -> None:
    # given
    order_copy = OrderCopyFactory(**{status: True})

    # when
    response = patch(api, order_copy, _retry=True)

    # then
    assert the_error_in(response) == (422, "VALIDATION_ERROR", RETRY)
    assert errors_in(response)[0]["title"] == f"cannot transition from {status} to pending"


def test_retry__refused_while_a_target_exists(api: API) -> None:
    # given
    order_copy = stories.copied(draft_order(), place_target_order=True)
    target = stories.target_of(order_copy)
    public_id = target.public_id

    # when
    refused = patch(api, order_copy, _retry=True)
    target.delete()
    accepted = patch(api, order_copy, _retry=True)

    # then
    [error] = errors_in(refused)
    assert the_error_in(refused) == (422, "VALIDATION_ERROR", RETRY)
    assert error["title"] == (
        f"left order {public_id} for repair: place it, or cancel it and request a new copy"
    )
    assert (refused.status_code, accepted.status_code) == (422, 200)


def test_retry__refused_without_a_source(api: API) -> None:
    # given
    order_copy = OrderCopyFactory(failed=True, source_order=None)

    # when
    response = patch(api, order_copy, _retry=True)

    # then
    assert errors_in(response)[0]["meta"]["error"] == "source_gone"
    assert stories.fresh(order_copy).status == Status.FAILED


def test_retry__has_an_authorization_of_its_own(shop: Shop) -> None:
    # given
    sku = SkuFactory(stock=2)
    order_copy = stories.requested(placed_order(lines=[{"sku": sku}]), place_target_order=True)

    def abort(_: Any) -> None:
        shop.before.clear()
        copying.abort([order_copy], actor=stories.WHO)

    shop.before["authorize"] = abort

    # when
    run_batch("w1")
    [[lost]] = [payments for method, payments in shop.calls if method == "void"]
    copying.retry([order_copy], actor=stories.WHO)
    stories.run_all()

    # then
    target = stories.target_of(stories.fresh(order_copy))
    assert target.authorizations.get().token != lost.authorization.token


@pytest.mark.parametrize("step", ["plan", "authorize"])
def test_retry__stale_worker_neither_ends_the_copy_nor_keeps_its_payment(
    shop: Shop, step: str
) -> None:
    # given
    order_copy = stories.requested(placed_order(), place_target_order=True)

    def abort_retry_and_run(_: Any) -> None:
        shop.before.clear()
        copying.abort([order_copy], actor=stories.WHO)
        copying.retry([order_copy], actor=stories.WHO)
        stories.start("w2", expires_at=timezone.now())

    shop.before[step] = abort_retry_and_run

    # when
    batch = run_batch("w1")

    # then
    found = stories.fresh(order_copy)
    assert dict(batch.ends) == {"lost": 1}
    assert (found.status, found.worker, found.attempt) == (Status.IN_PROGRESS, "w2", 1)
    assert shop.voided() == ([order_copy.payment_key] if step == "authorize" else [])
    assert Order.objects.count() == 1


# PATCH requests


def test_patch__attributes_and_trigger_are_applied_together(api: API) -> None:
    # given
    order_copy = OrderCopyFactory(failed=True)

    # when
    response = patch(api, order_copy, reference="R-2", _retry=True)

    # then
    attributes = response.json()["data"]["attributes"]
    assert (attributes["reference"], attributes["status"]) == ("R-2", "pending")
    assert list(Event.objects.values_list("name", flat=True)) == ["", "order_copies.retry"]


def test_patch__attributes_are_not_applied_when_the_trigger_is_refused(api: API) -> None:
    # given
    order_copy = OrderCopyFactory(completed=True)

    # when
    response = patch(api, order_copy, reference="R-2", _abort=True)

    # then
    assert response.status_code == 422
    assert stories.fresh(order_copy).reference is None
    assert not Event.objects.exists()


def test_patch__two_triggers_are_refused(api: API) -> None:
    # given
    order_copy = OrderCopyFactory(failed=True)

    # when
    response = patch(api, order_copy, _retry=True, _abort=True)

    # then
    assert the_error_in(response)[:2] == (422, "VALIDATION_ERROR")
    assert stories.fresh(order_copy).status == Status.FAILED


def test_patch__trigger_false_or_null_does_nothing(api: API) -> None:
    # given
    order_copy = OrderCopyFactory(failed=True)

    # when
    response = patch(api, order_copy, _retry=False, _abort=None)

    # then
    assert response.status_code == 200
    assert stories.fresh(order_copy).status == Status.FAILED


def test_patch__trigger_needs_permission_to_change_copies() -> None:
    order_copy = OrderCopyFactory(failed=True)

    response = patch(API(staff("view_order")), order_copy, _retry=True)

    assert the_error_in(response) == (401, "UNAUTHORIZED", None)


# A second connection

SHOP = """
import django
django.setup()
from order_copies import copying
from order_copies.models import OrderCopy
from tests.factories import placed_order
order_copies = [OrderCopy(source_order=placed_order(), place_target_order=True) for _ in range(3)]
copying.request_copies(order_copies, actor={})
"""

ABORTING = """
import json, threading
import django
django.setup()
from django.conf import settings
from django.db import connection
from order_copies import copying
from order_copies.exceptions import LeaseLostError
from order_copies.models import OrderFactory
from order_copies.worker.run import run_batch
from orders.models import Order
from tests.acceptance.shops import PATH, InterferedShop

settings.ORDER_COPIES["SHOP"] = PATH
first, second, third = OrderFactory.objects.order_by("pk")

def abort():
    try:
        copying.abort([second], actor={})
    finally:
        connection.close()

def abort_in_thread(_):
    InterferedShop.before.clear()
    thread = threading.Thread(target=abort)
    thread.start()
    thread.join()

InterferedShop.before["STEP"] = abort_in_thread
batch = run_batch("w1")
voided = [payments for method, payments in InterferedShop.calls if method == "void"]
keys = [order_copy.payment_key for order_copy in (first, second, third)]
print(json.dumps([
    batch.ends,
    list(OrderFactory.objects.order_by("pk").values_list("status", flat=True)),
    [[keys.index(payment.key.rpartition("/")[0]) for payment in payments] for payments in voided],
    Order.objects.count(),
]))
"""


@pytest.mark.parametrize("step", ["plan", "authorize", "write", "place"])
def test_abort__by_another_connection_during_the_run(
    environment: dict[str, str], step: str
) -> None:
    if connection.vendor == "sqlite" and step in {"write", "place"}:
        pytest.skip("one writer cannot abort while another writes")

    printed = run(environment, ABORTING.replace("STEP", step))

    assert json.loads(printed) == [
        {"completed": 2, "lost": 1},
        ["completed", "aborted", "completed"],
        [[1]] if step != "plan" else [],
        5,
    ]
