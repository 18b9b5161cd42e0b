"""``audit_order_copies``: arguments, output and exit."""

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


def audit_output(*words: str, **options: Any) -> tuple[list[str], str]:
    """Return the lines that the command prints, and its error message."""
    out = io.StringIO()
    try:
        call_command("audit_order_copies", *words, stdout=out, **options)
    except CommandError as error:
        return out.getvalue().splitlines(), str(error)
    return out.getvalue().splitlines(), ""


def test_audit__no_findings_print_a_summary() -> None:
    # given
    stories.copied(placed_order())

    # then
    assert audit_output("--final") == (["1 copy audited, no findings."], "")
    assert audit_output("--final", "--verbosity", "0") == ([], "")
    assert audit_output("--final", "--json") == ([], "")


def test_audit__findings_are_printed_and_fail_the_command() -> None:
    # given
    order_copy = stories.copied(placed_order())
    OrderFactory.objects.update(errors_count=1)
    message = "counts 1 errors and lists 0: correct the count"

    # when
    lines, error = audit_output()
    printed, _error = audit_output("--json")

    # then
    assert lines == [f"errors_miscounted: order_copies/{order_copy.public_id} {message}"]
    assert error == "1 copy audited, 1 finding."
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
    [
        ("2026-11-24", "2 copies"),
        ("2026-11-24T10:30", "1 copy"),
        ("2026-11-24T10:30+01:00", "2 copies"),
    ],
)
def test_audit__since_limits_the_copies(since: str, looked_at: str) -> None:
    # given
    for hour in (10, 11):
        stories.requested(placed_order())
        newest = OrderFactory.objects.latest("pk")
        instant = datetime(2026, 11, 24, hour, tzinfo=UTC)
        OrderFactory.objects.filter(pk=newest.pk).update(updated_at=instant, created_at=instant)

    # when
    [line], _error = audit_output("--since", since, "--patience", "1e8")

    # then
    assert line == f"{looked_at} audited, no findings."


def test_audit__patience_is_in_seconds() -> None:
    # given
    stories.requested(placed_order())
    OrderFactory.objects.update(updated_at=timezone.now() - timedelta(seconds=90))

    # then
    assert audit_output("--patience", "60")[1] == "1 copy audited, 1 finding."
    assert audit_output("--patience", "120")[1] == ""


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
def test_audit__invalid_arguments_are_refused(words: list[str]) -> None:
    with pytest.raises(CommandError, match=words[0]):
        call_command("audit_order_copies", *words)


def test_audit__only_reads_with_equal_query_counts_for_one_and_many_copies() -> None:
    """SELECTs only. For each chunk: copies, the oldest event, events; of the shop: orders, lines,
    lines of lost targets, stock, payments, uses of coupons, coupons, events of orders, copies that
    cancelled. And once: five queries about stock, coupons and payments, the next chunk.
    """
    # given
    toggles = {"place_target_order": True, "cancel_source_order": True}
    stories.copied(placed_order(), **toggles)

    # when
    of_one = queries()
    more = [OrderCopy(source_order=placed_order(lines=3), **toggles) for _ in range(20)]
    copying.request_copies(more, actor=stories.WHO)
    stories.run_all()
    before = stories.whole_database()
    of_many = queries()

    # then
    assert len(of_one) == len(of_many)
    assert {sql.split()[0] for sql in of_one + of_many} <= {"SELECT", "DECLARE"}
    assert stories.whole_database() == before


def queries() -> list[str]:
    with CaptureQueriesContext(connection) as captured:
        audit_output("--final")
    return [query["sql"] for query in captured.captured_queries]
