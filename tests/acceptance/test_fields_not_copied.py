"""Story: a target is a separate order: it has no identifier or payment of its source."""

from datetime import datetime
from typing import Any

import pytest
from django.utils import timezone

from order_copies.models import Status
from orders.models import Authorization, Order
from tests import stories
from tests.factories import (
    PLACED_AT,
    AuthorizationFactory,
    CouponFactory,
    placed_order,
    settle,
)

pytestmark = pytest.mark.django_db


def a_source_with_everything() -> Order:
    """Create an order with a value in every field that must not be copied."""
    source = placed_order(
        lines=[
            {"reference": "L1", "reference_origin": "erp", "options": [{"reference": "O1"}]},
            {"item_type": "gift_cards", "sku": None, "gift_card_code": "GIFT-1111"},
        ],
        coupon=CouponFactory(),
        reference="ERP-1",
        reference_origin="erp",
        gift_card_code="GIFT-2222",
        gift_card_amount_cents=-500,
        fulfillment_status=Order.FulfillmentStatus.UNFULFILLED,
        approved_at=PLACED_AT,
        archived_at=PLACED_AT,
        subscription_created_at=PLACED_AT,
        created_at=PLACED_AT,
    )
    source.addresses.update(reference="A1", reference_origin="crm")
    return source


def test_fields_not_copied__identity_statuses_and_timestamps() -> None:
    # given
    source = a_source_with_everything()
    before = timezone.now()

    # when
    target = stories.target_of(stories.copied(source))

    # then
    own = stories.ORDERS_OWN - {"id", "number", "token", "created_at", "updated_at"}
    assert {name: getattr(target, name) for name in own} == {
        "reference": None,
        "reference_origin": None,
        "status": "pending",
        "payment_status": "unpaid",
        "fulfillment_status": "unfulfilled",
        "gift_card_code": "",
        "gift_card_amount_cents": 0,
        "total_amount_with_taxes_cents": source.total_amount_cents,
        "placed_at": None,
        "approved_at": None,
        "cancelled_at": None,
        "archived_at": None,
        "subscription_created_at": None,
    }
    assert before <= target.created_at <= timezone.now()
    assert before <= target.updated_at <= timezone.now()
    assert target.number != source.number
    assert target.token != source.token
    assert len(target.token) == 32


def test_fields_not_copied__references_of_order_addresses_lines_and_options() -> None:
    # given
    source = a_source_with_everything()

    # when
    target = stories.target_of(stories.copied(source))

    # then
    parts = [target, *target.addresses.all(), *target.line_items.all()]
    for line_item in target.line_items.all():
        parts += line_item.line_item_options.all()
    assert {(part.reference, part.reference_origin) for part in parts} == {(None, None)}


def test_gift_card__neither_redeemed_nor_sold_twice() -> None:
    # given
    source = a_source_with_everything()

    # when
    order_copy = stories.copied(source)

    # then
    target = stories.target_of(order_copy)
    assert target.gift_card_code == ""
    assert stories.amounts(target) == stories.amounts(source) | {
        "gift_card_amount_cents": 0,
        "total_amount_with_taxes_cents": source.total_amount_with_taxes_cents + 500,
    }
    assert stories.lines(target, "gift_card_code") == [""] * source.line_items.count()
    assert stories.lines(source, "gift_card_code")[1] == "GIFT-1111"
    assert [action for action, _ in stories.actions(order_copy, "gift_card_code")] == ["skipped"]
    assert stories.ending(order_copy) == (Status.COMPLETED, {}, 0)


def test_fields_not_copied__authorizations_reservations_and_coupon_uses() -> None:
    # given
    source = a_source_with_everything()
    held = stories.every_byte(source)

    # when
    target = stories.target_of(stories.copied(source))

    # then
    nothing = {name: [] for name in stories.every_byte(target)}
    artefacts = ["orders_authorization", "orders_couponuse", "orders_stockreservation"]
    assert {name: stories.every_byte(target)[name] for name in artefacts} == {
        name: nothing[name] for name in artefacts
    }
    assert stories.every_byte(source) == held
    assert all(held[name] for name in artefacts)


def test_identifiers__source_and_target_share_none() -> None:
    # given
    source = a_source_with_everything()

    # when
    order_copy = stories.copied(source, place_target_order=True)

    # then
    target = stories.target_of(order_copy)
    assert target.status == "placed", order_copy.errors_log
    shared = identifiers(source) & identifiers(target)
    assert shared == set()
    assert identifiers(target)


def identifiers(order: Order) -> set[Any]:
    """Return keys, tokens and timestamps of an order, of its parts and its authorizations."""
    order = Order.objects.get(pk=order.pk)
    found = {("order", order.pk), ("number", order.number), ("token", order.token)}
    found |= {("stamp", order.created_at), ("stamp", order.updated_at), ("at", order.placed_at)}
    found |= {("address", address.pk) for address in order.addresses.all()}
    found |= {("line", line.pk) for line in order.line_items.all()}
    for line in order.line_items.all():
        found |= {("option", option.pk) for option in line.line_item_options.all()}
    found |= {("authorization", one.token) for one in order.authorizations.all()}
    return found


def test_authorization__voided_one_of_the_source_is_not_copied() -> None:
    # given
    source = settle(placed_order(authorized=False))
    AuthorizationFactory(order=source, status=Authorization.Status.VOIDED, voided_at=PLACED_AT)

    # when
    target = stories.target_of(stories.copied(source))

    # then
    assert not target.authorizations.exists()


def test_timestamps__target_of_an_old_order_has_current_ones() -> None:
    # given
    source = a_source_with_everything()

    # when
    target = stories.target_of(stories.copied(source, place_target_order=True))

    # then
    stamps = [target.created_at, target.updated_at, target.placed_at]
    for part in [*target.addresses.all(), *target.line_items.all()]:
        stamps += [part.created_at, part.updated_at]
    assert all(isinstance(stamp, datetime) and stamp.date() > PLACED_AT.date() for stamp in stamps)
