"""``audit_order_copies``: what an operator types, and gets to read."""

import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from order_copies import copying
from order_copies.models import OrderCopy, OrderFactory
from tests import stories
from tests.factories import placed_order

pytestmark = pytest.mark.django_db


def told(*words: str, **options: Any) -> tuple[list[str], str]:
    """The lines that the command prints, and what it fails with."""
    out = io.StringIO()
    try:
        call_command("audit_order_copies", *words, stdout=out, **options)
    except CommandError as error:
        return out.getvalue().splitlines(), str(error)
    return out.getvalue().splitlines(), ""


def test_it_says_that_nothing_was_found() -> None:
    # given
    stories.copied(placed_order())

    # then
    assert told("--final") == (["1 copies looked at, nothing found."], "")
    assert told("--final", "--verbosity", "0") == ([], "")
    assert told("--final", "--json") == ([], "")


def test_it_tells_each_finding_and_fails() -> None:
    # given
    order_copy = stories.copied(placed_order())
    OrderFactory.objects.update(errors_count=1)
    message = "counts 1 errors and lists 0: set the count right"

    # when
    lines, error = told()
    printed, _error = told("--json")

    # then
    assert lines == [f"errors_miscounted: order_copies/{order_copy.public_id} {message}"]
    assert error == "1 copies looked at, 1 findings."
    assert [json.loads(line) for line in printed] == [
        {
            "code": "errors_miscounted",
            "resource_type": "order_copies",
            "resource_id": order_copy.public_id,
            "message": message,
        }
    ]


@pytest.mark.parametrize(
    ("since", "looked_at"),
    [("2026-11-24", 2), ("2026-11-24T10:30", 1), ("2026-11-24T10:30+01:00", 2)],
)
def test_it_looks_at_what_changed_since(since: str, looked_at: int) -> None:
    # given
    for hour in (10, 11):
        stories.requested(placed_order())
        newest = OrderFactory.objects.latest("pk")
        instant = datetime(2026, 11, 24, hour, tzinfo=UTC)
        OrderFactory.objects.filter(pk=newest.pk).update(updated_at=instant, created_at=instant)

    # when
    [line], _error = told("--since", since, "--patience", "1e8")

    # then
    assert line == f"{looked_at} copies looked at, nothing found."


def test_its_patience_is_told_in_seconds() -> None:
    # given
    stories.requested(placed_order())
    OrderFactory.objects.update(updated_at=timezone.now() - timedelta(seconds=90))

    # then
    assert told("--patience", "60")[1] == "1 copies looked at, 1 findings."
    assert told("--patience", "120")[1] == ""


@pytest.mark.parametrize(
    "words",
    [
        ["--since", "yesterday"],
        ["--since", "2026-13-01"],
        ["--patience", "-1"],
        ["--patience", "nan"],
        ["--patience", "long"],
    ],
)
def test_it_refuses_what_it_does_not_understand(words: list[str]) -> None:
    with pytest.raises(CommandError, match=words[0]):
        call_command("audit_order_copies", *words)


def test_it_asks_as_much_of_one_copy_as_of_many_and_writes_nothing() -> None:
    """SELECTs only, for a chunk: copies, the oldest event, events; of the shop: orders, lines,
    lines of lost targets, stock, payments, uses of coupons, coupons, events of orders, copies that
    cancelled. And once: five questions about stock, coupons and payments, the next chunk.
    """
    # given
    toggles = {"place_target_order": True, "cancel_source_order": True}
    stories.copied(placed_order(), **toggles)

    # when
    of_one = queries()
    more = [OrderCopy(source_order=placed_order(lines=3), **toggles) for _ in range(20)]
    copying.request_copies(more, who=stories.WHO)
    stories.run_all()
    before = stories.whole_database()
    of_many = queries()

    # then
    assert len(of_one) == len(of_many)
    assert {sql.split()[0] for sql in of_one + of_many} <= {"SELECT", "DECLARE"}
    assert stories.whole_database() == before


def queries() -> list[str]:
    with CaptureQueriesContext(connection) as captured:
        told("--final")
    return [query["sql"] for query in captured.captured_queries]
