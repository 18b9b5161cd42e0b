"""Story: the payment source is copied if it is saved in the customer's wallet and valid."""

import pytest

from order_copies.models import Status
from tests import stories
from tests.factories import (
    CustomerPaymentSourceFactory,
    PaymentSourceFactory,
    placed_order,
)

pytestmark = pytest.mark.django_db


def test_reuse_wallet__saved_payment_source_is_reused_by_default() -> None:
    # given
    source = placed_order()

    # when
    order_copy = stories.copied(source)

    # then
    target = stories.target_of(order_copy)
    assert target.payment_source == source.payment_source
    assert target.payment_method == source.payment_method
    assert stories.actions(order_copy, "payment_source") == []


def test_reuse_wallet__false_drops_the_payment_source() -> None:
    # given
    source = placed_order()

    # when
    order_copy = stories.copied(source, reuse_wallet=False)

    # then
    target = stories.target_of(order_copy)
    assert target.payment_source is None
    assert target.payment_method == source.payment_method
    assert stories.ending(order_copy) == (Status.COMPLETED, {}, 0)


@pytest.mark.parametrize(
    "case", ["not in the wallet", "in the wallet of another customer", "expired", "guest"]
)
def test_reuse_wallet__unusable_payment_source_is_dropped_with_an_outcome(case: str) -> None:
    # given
    arguments = {}
    if case == "expired":
        arguments = {"payment_source": PaymentSourceFactory(expired=True)}
    if case == "guest":
        arguments = {"customer": None, "customer_email": "guest@example.com"}
    source = placed_order(wallet=case == "expired", **arguments)
    if case in {"in the wallet of another customer", "guest"}:
        CustomerPaymentSourceFactory(payment_source=source.payment_source)

    # when
    order_copy = stories.copied(source)

    # then
    assert stories.target_of(order_copy).payment_source is None
    assert stories.ending(order_copy) == (Status.COMPLETED, {}, 0)
    assert [action for action, _ in stories.actions(order_copy, "payment_source")] == ["skipped"]


def test_reuse_wallet__order_without_a_payment_source_has_no_outcome() -> None:
    # given
    source = placed_order(payment_source=None)

    # when
    order_copy = stories.copied(source)

    # then
    assert stories.target_of(order_copy).payment_source is None
    assert stories.actions(order_copy, "payment_source") == []


@pytest.mark.parametrize("reuse_wallet", [True, False])
def test_reuse_wallet__required_for_placing(reuse_wallet: bool) -> None:
    source = placed_order()

    order_copy = stories.copied(source, reuse_wallet=reuse_wallet, place_target_order=True)

    if reuse_wallet:
        assert stories.ending(order_copy) == (Status.COMPLETED, {}, 0)
    else:
        assert stories.ending(order_copy) == (Status.FAILED, {"status": 1, "payment_source": 1}, 2)
