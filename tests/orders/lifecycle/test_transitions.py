"""Transitions that change only the status of an order."""

import itertools

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from order_copies.events.models import Event
from orders.lifecycle.transitions import TRANSITIONS, transition
from orders.models import Authorization, Order, StockItem
from tests import stories
from tests.factories import OrderFactory, placed_order

pytestmark = pytest.mark.django_db

WHO = stories.WHO
ALLOWED = [
    ("draft", "pending", "pending"),
    ("placing", "pending", "pending"),
    ("pending", "placing", "placing"),
    ("placed", "approve", "approved"),
    ("placed", "start_editing", "editing"),
    ("editing", "stop_editing", "placed"),
]
STATUS_ONLY = [event for event, rule in TRANSITIONS.items() if rule.obstacles is not None]
FORBIDDEN = [
    (status, verb)
    for status, verb in itertools.product(Order.Status.values, STATUS_ONLY)
    if status != TRANSITIONS[verb].target
    and (status, verb) not in {(before, verb) for before, verb, _ in ALLOWED}
]


def order_in(status: str) -> Order:
    """Create a complete order with this status."""
    order = placed_order()
    Order.objects.filter(pk=order.pk).update(status=status)
    order.refresh_from_db()
    return order


def codes_of(answers: list) -> list[list[tuple[str, str]]]:
    return [[(problem.attribute, problem.code) for problem in problems] for problems in answers]


@pytest.mark.parametrize(("before", "verb", "after"), ALLOWED)
def test_transition__allowed_one_is_saved_and_recorded(before: str, verb: str, after: str) -> None:
    # given
    order = order_in(before)
    stock = list(StockItem.objects.values_list("reserved"))

    # when
    answers = transition(verb, [order.pk], who=WHO)

    # then
    order.refresh_from_db()
    assert answers == [[]]
    assert order.status == after
    assert (order.approved_at is not None) == (verb == "approve")
    event = Event.objects.get(resource_type="orders")
    assert (event.name, event.resource_id, event.who) == (f"orders.{verb}", str(order.pk), WHO)
    assert event.changes == {"status": {"from": before, "to": after}}
    assert list(StockItem.objects.values_list("reserved")) == stock
    assert Authorization.objects.get().status == "authorized"


@pytest.mark.parametrize(("status", "verb"), FORBIDDEN)
def test_transition__forbidden_one_changes_nothing(status: str, verb: str) -> None:
    # given
    order = order_in(status)
    before = stories.every_byte(order)

    # when
    ((problem,),) = transition(verb, [order.pk], who=WHO)

    # then
    target = TRANSITIONS[verb].target
    assert problem.message == f"cannot transition from {status} to {target}"
    assert stories.every_byte(order) == before
    assert not Event.objects.exists()


@pytest.mark.parametrize("verb", STATUS_ONLY)
def test_transition__repeated_one_has_no_effect(verb: str) -> None:
    # given
    order = order_in(TRANSITIONS[verb].target)
    before = stories.every_byte(order)

    # when
    refusals = transition(verb, [order.pk], who=WHO)

    # then
    assert refusals == [[]]
    assert stories.every_byte(order) == before
    assert not Event.objects.exists()


def test_transition__does_not_run_those_with_a_module_of_their_own() -> None:
    assert set(TRANSITIONS) - set(STATUS_ONLY) == {"place", "cancel", "reinstate"}
    for event in ("place", "cancel", "reinstate"):
        with pytest.raises(AssertionError, match=f"{event} has a module of its own"):
            transition(event, [placed_order().pk], who=WHO)


def test_pending__needs_customer_and_line_items() -> None:
    # given
    anonymous = order_in("draft")
    Order.objects.filter(pk=anonymous.pk).update(customer=None, customer_email="")
    empty = OrderFactory(status="draft")

    # when
    answers = transition("pending", [anonymous.pk, empty.pk], who=WHO)

    # then
    assert codes_of(answers) == [
        [("status", "cannot_transition"), ("customer_email", "blank")],
        [("status", "cannot_transition"), ("line_items", "blank")],
    ]
    assert set(Order.objects.values_list("status", flat=True)) == {"draft"}


def test_stop_editing__larger_total_is_refused() -> None:
    # given
    order = order_in("editing")
    Order.objects.update(total_amount_with_taxes_cents=order.total_amount_with_taxes_cents + 1)

    # when
    answers = transition("stop_editing", [order.pk], who=WHO)

    # then
    order.refresh_from_db()
    assert codes_of(answers) == [
        [("status", "cannot_transition"), ("total_amount_cents", "less_than_or_equal_to")]
    ]
    assert order.status == "editing"


@pytest.mark.parametrize("verb", STATUS_ONLY)
def test_transition__query_count_is_equal_for_one_and_many_orders(verb: str) -> None:
    # given
    status = min(TRANSITIONS[verb].sources)
    keys = [order_in(status).pk for _ in range(6)]

    # when
    with CaptureQueriesContext(connection) as one:
        transition(verb, keys[:1], who=WHO)
    with CaptureQueriesContext(connection) as many:
        transition(verb, keys[1:], who=WHO)

    # then
    assert len(one) == len(many)
