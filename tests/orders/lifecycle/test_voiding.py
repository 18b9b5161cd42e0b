"""Unneeded authorizations are voided as soon as the gateway is reachable."""

from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.utils import timezone

from order_copies.models import OpenPayment
from order_copies.shops import get_shop
from order_copies.worker.payments import remember, void_unused
from orders.lifecycle import checkout
from orders.lifecycle.cancelling import cancel
from orders.lifecycle.gateways import Authorized, LocalGateway
from orders.lifecycle.voiding import void_due
from orders.models import Authorization
from tests import stories
from tests.bank import install_bank
from tests.factories import AuthorizationFactory, pending_order, placed_order

HOUR = timedelta(hours=1)


@pytest.fixture
def unreachable_gateway(settings: LazySettings) -> None:
    settings.ORDERS_GATEWAY = "orders.lifecycle.gateways.HTTPGateway"
    settings.ORDERS_GATEWAY_URL = "http://127.0.0.1:1"


@pytest.mark.django_db(transaction=True)
def test_cancel__succeeds_with_an_unreachable_gateway_and_voids_later(
    unreachable_gateway: None,
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
    bank = install_bank(monkeypatch)
    void_due()
    voided_early = [*bank.voided]
    make_due()
    void_due()

    # then
    assert voided_early == []
    assert bank.voided == [authorization.token]
    authorization.refresh_from_db()
    assert authorization.voided_at is not None


@pytest.mark.django_db(transaction=True)
def test_settle__succeeds_with_an_unreachable_gateway(
    unreachable_gateway: None, caplog: pytest.LogCaptureFixture
) -> None:
    # given
    order = pending_order()
    [payment] = remember({"orders/x": {"amount_cents": 5}}, until=timezone.now() + HOUR).values()
    payment.authorization = Authorized("token", 5)

    # when
    checkout.settle([checkout.Attempt(order.pk, payment)])

    # then
    assert "Error calling" in caplog.text
    authorization = Authorization.objects.get()
    assert (authorization.status, authorization.failures) == ("voided", 1)


@pytest.mark.django_db
def test_void_due__unreachable_gateway_is_retried_with_backoff(
    unreachable_gateway: None,
) -> None:
    # given
    authorizations_to_void(3)

    # when
    backoffs = []
    for _ in range(4):
        with pytest.raises(OSError, match="refused"):
            void_due()
        void_due()
        backoffs.append(sorted(seconds_until_due()))
        make_due()

    # then
    assert backoffs == [[2, 2, 2], [2, 2, 2], [2, 2, 2], [2, 2, 4]]
    assert sorted(Authorization.objects.values_list("failures", flat=True)) == [1, 1, 2]

    # when
    Authorization.objects.update(failures=30)
    with pytest.raises(OSError, match="refused"):
        void_due()

    # then
    assert sorted(seconds_until_due()) == [2, 2, 3600]


@pytest.mark.django_db
def test_void_due__refused_void_does_not_block_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # given
    tokens = authorizations_to_void(3)
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
        make_due()

    # then
    assert voided == tokens[1:]
    assert Authorization.objects.get(voided_at=None).token == tokens[0]


@pytest.mark.django_db(transaction=True)
def test_void_due__unknown_outcome_is_resolved_and_voided(
    unreachable_gateway: None, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    [attempt] = checkout.authorize_payments([pending_order().pk])
    make_due()

    # when
    void_unused(get_shop(), {})

    # then
    opened = OpenPayment.objects.get()
    assert attempt.payment.authorization is None
    assert (opened.key, opened.failures) == (attempt.payment.key, 1)

    # when
    settings.ORDERS_GATEWAY = "orders.lifecycle.gateways.LocalGateway"
    bank = install_bank(monkeypatch)
    make_due()
    void_unused(get_shop(), {})

    # then
    assert bank.requested_keys == [attempt.payment.key]
    assert bank.voided == ["auth_0"]
    assert bank.live == []
    assert not OpenPayment.objects.exists()


def authorizations_to_void(count: int) -> list[str]:
    """Create authorizations to void, unknown to the gateway, and return their tokens."""
    return [AuthorizationFactory(status="voided").token for _ in range(count)]


def seconds_until_due() -> list[int]:
    """Return the rounded seconds until each authorization is due."""
    now = timezone.now()
    dues = Authorization.objects.values_list("due_at", flat=True)
    return [round((due - now).total_seconds()) for due in dues]


def make_due() -> None:
    """Make all authorizations due."""
    Authorization.objects.update(due_at=timezone.now())
    OpenPayment.objects.update(due_at=timezone.now())
