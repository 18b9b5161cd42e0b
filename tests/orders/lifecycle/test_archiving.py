"""Orders are archived and taken out of the archive."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from order_copies.events.models import Event
from orders.lifecycle.transitions import archive, unarchive
from orders.models import Order
from tests import stories
from tests.factories import placed_order

pytestmark = pytest.mark.django_db

WHO = stories.WHO


@pytest.mark.parametrize("status", ["placed", "editing", "approved", "cancelled"])
def test_archive_and_unarchive__repeated_calls_have_one_effect(status: str) -> None:
    # given
    order = placed_order(status=status)

    # when
    archived = [archive([order.pk], who=WHO) for _ in range(2)]
    order.refresh_from_db()
    archived_at = order.archived_at
    unarchived = [unarchive([order.pk], who=WHO) for _ in range(2)]
    order.refresh_from_db()

    # then
    assert archived == unarchived == [[[]], [[]]]
    assert archived_at is not None
    assert order.archived_at is None
    assert order.status == status
    archiving, unarchiving = Event.objects.filter(resource_type="orders", resource_id=str(order.pk))
    assert (archiving.name, archiving.who, archiving.changes["archived_at"]["from"]) == (
        "",
        WHO,
        None,
    )
    assert (unarchiving.name, unarchiving.changes["archived_at"]["to"]) == ("", None)


@pytest.mark.parametrize("status", ["draft", "pending", "placing"])
def test_archive__order_that_was_never_placed_is_refused(status: str) -> None:
    # given
    order, placed = placed_order(status=status), placed_order()
    before = stories.every_byte(order)

    # when
    answers = archive([order.pk, placed.pk], who=WHO)

    # then
    ((problem,), none) = answers
    assert (problem.attribute, problem.code, none) == ("status", "not_placed", [])
    assert problem.message == f"cannot be archived while it is {status}: place or cancel it first"
    assert stories.every_byte(order) == before
    assert Order.objects.filter(archived_at=None).get() == order


def test_archive_and_unarchive__query_count_is_equal_for_one_and_many_orders() -> None:
    """SAVEPOINT; SELECT orders; UPDATE orders; INSERT events; RELEASE; the same for both."""
    # given
    keys = [placed_order().pk for _ in range(6)]
    counts = set()

    # when
    for some in (keys[:1], keys[1:]):
        for act in (archive, unarchive):
            with CaptureQueriesContext(connection) as queries:
                act(some, who=WHO)
            counts.add(len(queries))

    # then
    assert counts == {5}
