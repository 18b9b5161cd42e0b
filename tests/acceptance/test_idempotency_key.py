"""Story: a client that got no response repeats its request, and one copy is created."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.db.models import F
from django.http import HttpResponse

from order_copies import copying
from order_copies.models import IdempotentRequest, OrderFactory
from orders.models import Order
from tests import stories
from tests.acceptance.processes import rows, run
from tests.api import API, errors_in, request_of, shopper, staff, the_error_in, written
from tests.factories import CustomerFactory, placed_order

pytestmark = pytest.mark.django_db

KEY = {"Idempotency-Key": "5c1f8c5e-order-1271"}


@pytest.fixture
def api() -> API:
    return API(staff())


@pytest.fixture
def order() -> Order:
    return placed_order(lines=1)


def post(api: API, body: Any, query: str = "", **headers: str) -> HttpResponse:
    return api.post(f"/order_copies{query}", body, **KEY | headers)


def age_keys(seconds: float) -> None:
    """Make all keys older."""
    IdempotentRequest.objects.update(created_at=F("created_at") - timedelta(seconds=seconds))


# The same request


def test_replay__same_request_returns_the_first_response(api: API, order: Order) -> None:
    # when
    first = post(api, request_of(order, reference="R-1"))
    again = post(api, request_of(order, reference="R-1"))

    # then
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert again["Location"] == first["Location"]
    assert again["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first
    assert written() == (1, 1)


def test_replay__returns_the_first_response_after_the_copy_has_run(api: API, order: Order) -> None:
    # when
    first = post(api, request_of(order), "?include=source_order&fields[orders]=number")
    stories.run_all()
    again = post(api, request_of(order), "?include=source_order&fields[orders]=number")

    # then
    assert again.content == first.content
    assert OrderFactory.objects.get().status == "completed"


def test_replay__order_of_members_and_parameters_does_not_matter(api: API, order: Order) -> None:
    # given
    body = request_of(order, reference="R", metadata={"a": 1, "b": 2})
    reordered = {"data": dict(reversed(body["data"].items()))}

    # when
    first = post(api, body, "?include=source_order&fields[orders]=number")
    again = post(api, reordered, "?fields[orders]=number&include=source_order")

    # then
    assert again.content == first.content


def test_key__different_request_is_refused(api: API, order: Order) -> None:
    # given
    post(api, request_of(order))

    # when
    other_body = post(api, request_of(order, skip_errors=True))
    other_query = post(api, request_of(order), "?include=source_order")

    # then
    assert the_error_in(other_body) == (422, "IDEMPOTENCY_KEY_REUSED", None)
    assert the_error_in(other_query) == (422, "IDEMPOTENCY_KEY_REUSED", None)
    assert written() == (1, 1)


def test_key__compared_with_case(api: API, order: Order) -> None:
    for key in ("Key", "key", "keZ"):
        post(api, request_of(order), **{"Idempotency-Key": key})

    assert written() == (3, 3)


@pytest.mark.parametrize("key", ["", "a b", "ä", "x" * 256, "\x7f"])
def test_key__malformed_is_refused(api: API, order: Order, key: str) -> None:
    # when
    response = post(api, request_of(order), **{"Idempotency-Key": key})

    # then
    assert the_error_in(response) == (400, "INVALID_IDEMPOTENCY_KEY", None)
    assert written() == (0, 0)


@pytest.mark.parametrize("key", ["!", "~" * 255, '"8e03978e"'])
def test_key__any_visible_characters_are_accepted(api: API, order: Order, key: str) -> None:
    responses = [post(api, request_of(order), **{"Idempotency-Key": key}) for _ in range(2)]

    assert responses[0].content == responses[1].content


def test_key__unused_after_a_refused_request(api: API, order: Order) -> None:
    # when
    refused = post(api, request_of(order, skip_errors="yes"))
    accepted = post(api, request_of(order, skip_errors=True))

    # then
    assert (refused.status_code, accepted.status_code) == (422, 201)
    assert written() == (1, 1)


def test_key__unused_when_the_source_vanishes_during_the_request(
    api: API, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    lock_existing = copying.lock_existing

    def vanish_then_lock(sources: Any) -> list[Any]:
        Order.objects.filter(pk=order.pk).delete()
        return lock_existing(sources)

    order.authorizations.all().delete()
    monkeypatch.setattr(copying, "lock_existing", vanish_then_lock)

    # when
    response = post(api, request_of(order))

    # then
    assert the_error_in(response) == (404, "RECORD_NOT_FOUND", None)
    assert not IdempotentRequest.objects.exists()


def test_key__unused_after_a_dry_run(api: API, order: Order) -> None:
    # given
    key = {"Idempotency-Key": "first"}

    # when
    dry = post(api, request_of(order), "?dry_run=true", **key)
    real = post(api, request_of(order), **key)

    # then
    assert (dry.status_code, real.status_code) == (200, 201)


# Clients


def test_key__belongs_to_its_client(order: Order) -> None:
    # given
    mine, theirs = API(staff()), API(staff())

    # when
    responses = [post(api, request_of(order)) for api in (mine, theirs)]

    # then
    assert responses[0].json()["data"]["id"] != responses[1].json()["data"]["id"]
    assert written() == (2, 2)


def test_replay__not_found_once_the_client_may_not_view_the_copy(order: Order) -> None:
    # given
    order.customer = CustomerFactory()
    order.save()
    api = API(shopper(order.customer))
    first = post(api, request_of(order))
    order.customer = CustomerFactory()
    order.save()

    # when
    again = post(api, request_of(order))

    # then
    assert first.status_code == 201
    assert the_error_in(again) == (404, "RECORD_NOT_FOUND", None)
    assert written() == (1, 1)


def test_replay__unauthorized_once_the_client_may_not_copy(api: API, order: Order) -> None:
    # given
    post(api, request_of(order))
    api.user.user_permissions.clear()

    # then
    assert the_error_in(post(api, request_of(order))) == (401, "UNAUTHORIZED", None)


def test_replay__deleted_copy_is_not_created_again(api: API, order: Order) -> None:
    # given
    first = post(api, request_of(order))
    api.delete(f"/order_copies/{first.json()['data']['id']}")

    # when
    again = post(api, request_of(order))

    # then
    assert again.content == first.content
    assert not OrderFactory.objects.exists()


def test_replay__returns_the_first_response_after_the_source_is_deleted(
    api: API, order: Order
) -> None:
    # given
    body = request_of(order)
    first = post(api, body)
    order.authorizations.all().delete()
    order.delete()

    # when
    again = post(api, body)

    # then
    assert again.content == first.content


# Time


def test_key__reusable_after_the_retention_time(
    api: API, order: Order, settings: LazySettings
) -> None:
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"IDEMPOTENCY_RETENTION": 3600}
    post(api, request_of(order))

    # when
    age_keys(3590)
    refused = post(api, request_of(order, skip_errors=True))
    age_keys(11)
    accepted = post(api, request_of(order, skip_errors=True))

    # then
    assert (refused.status_code, accepted.status_code) == (422, 201)
    assert IdempotentRequest.objects.count() == 1


def test_waiting_request__replay_is_refused_with_retry_after(api: API, order: Order) -> None:
    # given
    first = post(api, request_of(order))
    IdempotentRequest.objects.update(is_waiting=True)

    # when
    age_keys(4)
    soon = post(api, request_of(order))
    age_keys(24)
    later = post(api, request_of(order))

    # then
    [error] = errors_in(soon)
    assert (soon.status_code, error["code"]) == (409, "IDEMPOTENCY_KEY_IN_USE")
    assert (soon["Retry-After"], later["Retry-After"]) == ("6", "1")
    assert first.status_code == 201


def test_waiting_request__replay_returns_the_current_copy_after_its_process_died(
    api: API, order: Order
) -> None:
    # given
    post(api, request_of(order))
    IdempotentRequest.objects.update(is_waiting=True)
    stories.run_all()

    # when
    age_keys(31)
    again = post(api, request_of(order))
    third = post(api, request_of(order))

    # then
    assert again.json()["data"]["attributes"]["status"] == "completed"
    assert (again.status_code, again["Idempotent-Replayed"]) == (201, "true")
    assert third.content == again.content


def test_waiting_request__replay_returns_the_first_response_when_the_copy_was_deleted(
    api: API, order: Order
) -> None:
    # given
    first = post(api, request_of(order))
    IdempotentRequest.objects.update(is_waiting=True)
    OrderFactory.objects.all().delete()

    # when
    age_keys(31)

    # then
    assert post(api, request_of(order)).content == first.content


# Concurrent requests

SHOP = """
import django
django.setup()
from tests.factories import placed_order
placed_order(lines=1)
"""

FIFTY = """
import json, threading
from collections import Counter
import django
django.setup()
from django.conf import settings
from django.db import connection
settings.ALLOWED_HOSTS = ["testserver"]
settings.ORDER_COPIES["RATE_LIMITS"] = None
from orders.models import Order
from tests.api import API, request_of, staff

api, order = API(staff()), Order.objects.get()
barrier, responses = threading.Barrier(50), []

def send():
    barrier.wait()
    try:
        responses.append(
            api.post("/order_copies", request_of(order), **{"Idempotency-Key": "the-one"})
        )
    finally:
        connection.close()

threads = [threading.Thread(target=send) for _ in range(50)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(json.dumps({
    "statuses": Counter(response.status_code for response in responses),
    "contents": len({response.content for response in responses}),
    "replayed": sum("Idempotent-Replayed" in response for response in responses),
}))
"""


def test_replay__fifty_concurrent_requests_create_one_copy(
    environment: dict[str, str],
) -> None:
    # when
    printed = run(environment, FIFTY)

    # then
    assert json.loads(printed) == {"statuses": {"201": 50}, "contents": 1, "replayed": 49}
    assert rows(environment, "SELECT COUNT(*) FROM order_copies_orderfactory") == [(1,)]
    assert rows(environment, "SELECT COUNT(*) FROM order_copies_events_event") == [(1,)]
