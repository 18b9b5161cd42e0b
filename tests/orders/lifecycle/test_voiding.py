"""What is not needed any more is given back, as soon as the gateway listens."""

import pytest
from django.conf import LazySettings
from django.utils import timezone

from orders.lifecycle import checkout
from orders.lifecycle.cancelling import cancel
from orders.lifecycle.gateways import Authorized, LocalGateway
from orders.lifecycle.payments import Payment
from orders.lifecycle.voiding import void_due
from orders.models import Authorization
from tests import stories
from tests.bank import open_bank
from tests.factories import AuthorizationFactory, pending_order, placed_order


@pytest.fixture
def nobody_listens(settings: LazySettings) -> None:
    settings.ORDERS_GATEWAY = "orders.lifecycle.gateways.HTTPGateway"
    settings.ORDERS_GATEWAY_URL = "http://127.0.0.1:1"


@pytest.mark.django_db(transaction=True)
def test_a_gateway_that_does_not_listen_is_no_obstacle_to_a_cancellation(
    nobody_listens: None,
    settings: LazySettings,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    # given
    order = placed_order()

    # when
    answers = cancel([order.pk], who=stories.WHO)

    # then
    assert answers == [[]]
    assert "Error calling" in caplog.text
    authorization = Authorization.objects.get()
    assert (authorization.status, authorization.voided_at) == ("voided", None)

    # when
    settings.ORDERS_GATEWAY = "orders.lifecycle.gateways.LocalGateway"
    bank = open_bank(monkeypatch)
    void_due()
    too_early = [*bank.voided]
    wait()
    void_due()

    # then
    assert too_early == []
    assert bank.voided == [authorization.token]
    authorization.refresh_from_db()
    assert authorization.voided_at is not None


@pytest.mark.django_db(transaction=True)
def test_a_gateway_that_does_not_listen_is_no_obstacle_to_settling(
    nobody_listens: None, caplog: pytest.LogCaptureFixture
) -> None:
    # given
    order = pending_order()
    payment = Payment(order.pk, "key", 5, Authorized("token", 5))

    # when
    checkout.settle([payment])

    # then
    assert "Error calling" in caplog.text
    authorization = Authorization.objects.get()
    assert (authorization.status, authorization.failures) == ("voided", 1)


@pytest.mark.django_db
def test_a_gateway_that_is_away_is_asked_once_at_a_time_after_growing_pauses(
    nobody_listens: None,
) -> None:
    # given
    to_be_voided(3)

    # when
    pauses = []
    for _ in range(4):
        with pytest.raises(OSError, match="refused"):
            void_due()
        void_due()
        pauses.append(sorted(waiting()))
        wait()

    # then
    assert pauses == [[2, 2, 2], [2, 2, 2], [2, 2, 2], [2, 2, 4]]
    assert sorted(Authorization.objects.values_list("failures", flat=True)) == [1, 1, 2]

    # when
    Authorization.objects.update(failures=30)
    with pytest.raises(OSError, match="refused"):
        void_due()

    # then
    assert sorted(waiting()) == [2, 2, 3600]


@pytest.mark.django_db
def test_one_that_is_refused_every_time_does_not_stand_in_the_way_of_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # given
    tokens = to_be_voided(3)
    voided = []

    def void(_gateway: LocalGateway, token: str) -> None:
        if token == tokens[0]:
            raise PermissionError
        voided.append(token)

    monkeypatch.setattr(LocalGateway, "void", void)

    # when
    for _ in range(2):
        with pytest.raises(PermissionError):
            void_due()
        wait()

    # then
    assert voided == tokens[1:]
    assert Authorization.objects.get(voided_at=None).token == tokens[0]


@pytest.mark.django_db(transaction=True)
def test_a_gateway_that_does_not_say_what_it_was_asked_for_is_asked_again_later(
    nobody_listens: None, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    [payment] = checkout.authorize([pending_order().pk])
    wait()

    # when
    with pytest.raises(OSError, match="refused"):
        void_due()

    # then
    asked = Authorization.objects.get()
    assert payment.answer is None
    assert (asked.status, asked.token, asked.failures) == ("asked", payment.key, 1)

    # when
    settings.ORDERS_GATEWAY = "orders.lifecycle.gateways.LocalGateway"
    bank = open_bank(monkeypatch)
    wait()
    void_due()
    void_due()

    # then
    assert bank.asked == [payment.key]
    assert bank.voided == ["auth_0"]
    assert bank.live == []
    voided = Authorization.objects.get()
    assert (voided.status, voided.token, voided.details) == ("voided", "auth_0", None)


def to_be_voided(count: int) -> list[str]:
    """The tokens of so many authorizations that no gateway has heard of."""
    return [AuthorizationFactory(status="voided").token for _ in range(count)]


def waiting() -> list[int]:
    """For how many seconds, about, each authorization waits."""
    now = timezone.now()
    dues = Authorization.objects.values_list("due_at", flat=True)
    return [round((due - now).total_seconds()) for due in dues]


def wait() -> None:
    """Let all pauses end."""
    Authorization.objects.update(due_at=timezone.now())
