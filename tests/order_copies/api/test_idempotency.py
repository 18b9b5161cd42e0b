from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.http import HttpRequest
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from order_copies.api import idempotency
from order_copies.api.idempotency import Name, StillRunningError, answer_once
from order_copies.exceptions import DuplicateRequestError
from order_copies.jsonapi.errors import RequestRefusedError
from order_copies.models import IdempotentRequest
from tests.factories import OrderCopyFactory

pytestmark = pytest.mark.django_db

NAME = Name("identity", "fingerprint")
YESTERDAY = datetime(2024, 2, 29, tzinfo=UTC)


def claimed(name: Name = NAME) -> IdempotentRequest:
    name.claim()
    return IdempotentRequest.objects.get(identity=name.identity)


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


def test_claim__second_claim_of_a_key_is_refused() -> None:
    claimed()

    with pytest.raises(DuplicateRequestError):
        NAME.claim()

    assert IdempotentRequest.objects.count() == 1


def test_idempotent_request__str_is_its_identity() -> None:
    assert str(claimed()) == "identity"


def test_answer_once__returns_the_response_of_the_concurrent_request() -> None:
    def lose_the_race() -> Response:
        claimed()
        raise DuplicateRequestError

    response = answer_once(NAME, lose_the_race, lambda first: Response(first.identity))

    assert response.data == "identity"


def test_answer_once__concurrent_request_without_a_row_is_still_running() -> None:
    def lose_the_race() -> Response:
        raise DuplicateRequestError

    with pytest.raises(StillRunningError) as refused:
        answer_once(NAME, lose_the_race, lambda first: Response())

    assert refused.value.wait == 1


def test_conclude__only_the_first_response_is_saved() -> None:
    # given
    order_copy = OrderCopyFactory()
    claimed()
    NAME.remember(order_copy, {"a": 0}, is_waiting=True)

    # when
    for number in (1, 2):
        NAME.conclude({"a": number})

    # then
    found = IdempotentRequest.objects.get()
    assert (found.answer, found.is_waiting) == ('{"a": 1}', False)
    assert found.order_factory_key == order_copy.pk


def test_remember__deletes_old_requests_in_small_steps() -> None:
    """UPDATE the request, SELECT old requests, DELETE them."""
    # given
    young = timezone.now() - timedelta(hours=23)
    IdempotentRequest.objects.bulk_create(
        IdempotentRequest(identity=f"old {number}", created_at=YESTERDAY) for number in range(25)
    )
    IdempotentRequest.objects.create(identity="young", created_at=young)
    order_copy = OrderCopyFactory()
    left, costs = [], []

    # when
    for number in range(4):
        name = Name(f"new {number}", "")
        name.claim()
        with CaptureQueriesContext(connection) as queries:
            name.remember(order_copy, {}, is_waiting=False)
        left.append(IdempotentRequest.objects.filter(created_at=YESTERDAY).count())
        costs.append(len(queries))

    # then
    assert left == [15, 5, 0, 0]
    assert costs == [3, 3, 3, 2]
    assert IdempotentRequest.objects.filter(identity="young").exists()


def test_fingerprint__deeply_nested_body_is_refused() -> None:
    # given
    request = Request(HttpRequest())
    request._full_data = nested(200_000)

    # when, then
    with pytest.raises(RequestRefusedError, match="nested too deep"):
        idempotency._fingerprint(request)


def test_name__keys_are_separate_per_application() -> None:
    # given
    def named(client_id: str) -> Name | None:
        request = Request(HttpRequest())
        request._request.META["HTTP_IDEMPOTENCY_KEY"] = "key"
        request._full_data, request.user = {}, type("User", (), {"pk": 7})()
        request.auth = type("Token", (), {"client_id": client_id})()
        return Name.of(request)

    # when, then
    assert named("one") != named("other")
    assert named("one") == named("one")
