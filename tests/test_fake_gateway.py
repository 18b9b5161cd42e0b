"""The gateway of the tests behaves as gateways do: idempotent, and with failure modes."""

from collections.abc import Iterator

import pytest
from django.conf import LazySettings

from orders.lifecycle.gateways import Authorized, Declined, HTTPGateway, UnexpectedResponseError
from tests.gateway.modes import Mode, ModeSelector
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


def test_authorize__one_authorization_per_key_even_if_voided(gateway: FakeGateway) -> None:
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
    assert (entry["status"], entry["authorize_calls"], entry["void_calls"]) == ("voided", 2, 2)
    assert (other["status"], other["authorize_calls"], other["void_calls"]) == ("live", 1, 0)


def test_authorize__different_request_under_one_key_is_a_conflict(gateway: FakeGateway) -> None:
    # given
    authorize("a", amount_cents=1)

    # then
    with pytest.raises(UnexpectedResponseError, match="409"):
        authorize("a", amount_cents=2)


def test_void__unknown_or_declined_token_changes_nothing(gateway: FakeGateway) -> None:
    # given
    assert authorize("a", "declined") == Declined("the payment source was declined")
    [entry] = before = gateway.ledger()["authorizations"]

    # when
    for token in ("unknown", entry["token"]):
        HTTPGateway().void(token)

    # then
    assert gateway.ledger()["authorizations"] == before


@pytest.mark.parametrize(
    ("mode", "live"),
    [
        (Mode.FAILING, 0),
        (Mode.FALSE_ERROR, 1),
        (Mode.NO_RESPONSE, 1),
        (Mode.DOWN, 0),
    ],
)
def test_mode__client_gets_no_usable_response(gateway: FakeGateway, mode: Mode, live: int) -> None:
    # when
    with pytest.raises(UnexpectedResponseError):
        authorize("a", f"{mode}_1")

    # then
    assert sum(gateway.tokens().values()) == live
    assert isinstance(authorize("a", f"{mode}_1"), Authorized)
    assert sum(gateway.tokens().values()) == 1


def test_modes__drawn_equally_for_one_seed() -> None:
    # given
    modes, same, other = ModeSelector(1), ModeSelector(1), ModeSelector(2)

    # when
    for one in (modes, same, other):
        one.set_weights({"slow": 0.25, "no_response": 0.25}, seconds=0)
    drawn, again, others = ([one.at_random() for _ in range(200)] for one in (modes, same, other))

    # then
    assert drawn == again != others
    assert set(drawn) == {Mode.SLOW, Mode.NO_RESPONSE, Mode.NORMAL}
