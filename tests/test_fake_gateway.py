"""The fake gateway keeps a ledger as real gateways do."""

from collections.abc import Iterator

import pytest
from django.conf import LazySettings

from orders.lifecycle.gateways import Authorized, Declined, HTTPGateway, UnexpectedResponseError
from tests.gateway.moods import Mood, Moods
from tests.gateway.process import FakeGateway, gateway_process


@pytest.fixture
def gateway(settings: LazySettings) -> Iterator[FakeGateway]:
    with gateway_process() as gateway:
        settings.ORDERS_GATEWAY_URL = gateway.url
        yield gateway


def authorize(key: str, source: str = "tok", amount_cents: int = 5) -> Authorized | Declined:
    return HTTPGateway().authorize(
        idempotency_key=key,
        payment_source_token=source,
        amount_cents=amount_cents,
        currency="EUR",
    )


def test_authorize__one_key_is_one_authorization_even_if_voided(gateway: FakeGateway) -> None:
    # given
    first = authorize("a")
    assert isinstance(first, Authorized)

    # when
    HTTPGateway().void(first.token)
    HTTPGateway().void(first.token)

    # then
    assert authorize("a") == first
    assert authorize("b") != first
    [entry, other] = gateway.ledger()["authorizations"]
    assert (entry["status"], entry["asked"], entry["voided"]) == ("voided", 2, 2)
    assert (other["status"], other["asked"], other["voided"]) == ("live", 1, 0)


def test_authorize__key_reused_with_another_amount_is_a_conflict(gateway: FakeGateway) -> None:
    # given
    authorize("a", amount_cents=1)

    # then
    with pytest.raises(UnexpectedResponseError, match="409"):
        authorize("a", amount_cents=2)


def test_void__unknown_and_declined_tokens_change_nothing(gateway: FakeGateway) -> None:
    # given
    assert authorize("a", "declined") == Declined("the payment source was declined")
    [entry] = before = gateway.ledger()["authorizations"]

    # when
    for token in ("unknown", entry["token"]):
        HTTPGateway().void(token)

    # then
    assert gateway.ledger()["authorizations"] == before


@pytest.mark.parametrize(
    ("mood", "live"),
    [
        (Mood.FAILING, 0),
        (Mood.LYING, 1),
        (Mood.DYING, 1),
        (Mood.DOWN, 0),
    ],
)
def test_modes__outcome_is_unknown_to_the_client(
    gateway: FakeGateway, mood: Mood, live: int
) -> None:
    # when
    with pytest.raises(UnexpectedResponseError):
        authorize("a", f"{mood}_1")

    # then
    assert sum(gateway.tokens().values()) == live
    assert isinstance(authorize("a", f"{mood}_1"), Authorized)
    assert sum(gateway.tokens().values()) == 1


def test_modes__are_equal_for_the_same_seed() -> None:
    # given
    moods, same, other = Moods(1), Moods(1), Moods(2)

    # when
    for one in (moods, same, other):
        one.tell({"slow": 0.25, "dying": 0.25}, seconds=0)
    drawn, again, others = ([one.at_random() for _ in range(200)] for one in (moods, same, other))

    # then
    assert drawn == again != others
    assert set(drawn) == {Mood.SLOW, Mood.DYING, Mood.FINE}
