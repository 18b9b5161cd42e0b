"""Copies as CSV, from their list and from a batch."""

import csv
import io
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from order_copies import copying
from order_copies.models import CopyBatch, OrderCopy
from orders.models import Sku
from tests.factories import OrderCopyFactory, draft_order, placed_order
from tests.stories import run_all

pytestmark = pytest.mark.django_db

COPIES = reverse("admin:order_copies_ordercopy_changelist")


def exported(response: Any) -> list[dict[str, str]]:
    text = b"".join(response.streaming_content).decode()
    assert text.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))


def export(client: Client, *copies: Any) -> list[dict[str, str]]:
    selected = [order_copy.pk for order_copy in copies]
    data = {"action": "export_selected", "_selected_action": selected}
    response = client.post(COPIES, data)
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    return exported(response)


def test_export__has_a_row_for_each_copy(admin_client: Client) -> None:
    # given
    order = placed_order(lines=[{"quantity": 2, "unit_amount_cents": 1250}])
    gone = placed_order(lines=1)
    batch = CopyBatch(reason="for a fair")
    copies = copying.unsaved([order, gone], skip_errors=False, reference="R1")
    copying.request_copies(copies, actor="tests", batch=batch)
    Sku.objects.filter(code=gone.line_items.first().sku_code).delete()
    run_all()

    # when
    second, first = export(admin_client, *OrderCopy.objects.order_by("pk"))

    # then
    done = OrderCopy.objects.get(source_order=order)
    assert first["Copy"] == done.public_id
    assert (first["Status"], first["Original order"]) == ("completed", str(order))
    assert first["New order"] == str(done.target_order)
    assert (first["Batch"], first["Requested by"]) == (batch.public_id, "tests")
    assert (first["Reason"], first["Reference"]) == ("for a fair", "R1")
    assert first["Currency"] == "EUR"
    cents = sum(line.total_amount_cents for line in done.target_order.line_items.all())
    assert first["Lines of the copy"] == f"{cents / 100:.2f}"
    assert (first["Reuse wallet"], first["Skip errors"]) == ("yes", "no")
    assert first["Errors"] == ""
    assert second["Status"] == "failed"
    assert (second["New order"], second["Lines of the copy"]) == ("", "")
    assert second["Errors"]


@pytest.mark.parametrize("formula", ["=1+1", "+1+1", "-1+1", "@SUM(1)", "|calc", "%0A"])
def test_export__formulas_are_escaped(admin_client: Client, formula: str) -> None:
    # given
    order_copy = OrderCopyFactory(reference=formula)

    # when
    [row] = export(admin_client, order_copy)

    # then
    assert row["Reference"].startswith("'")


def test_export__number_of_statements_does_not_depend_on_the_copies(admin_client: Client) -> None:
    # given
    copies = [OrderCopyFactory(source_order=draft_order()) for _ in range(12)]
    costs = []

    # when
    for selected in (copies[:1], copies):
        with CaptureQueriesContext(connection) as queries:
            export(admin_client, *selected)
        costs.append(len(queries))

    # then
    assert costs[0] == costs[1]


def test_batch__exports_its_copies_and_no_others(admin_client: Client) -> None:
    # given
    batch = CopyBatch.objects.create(size=1)
    mine, _other = OrderCopyFactory(batch=batch), OrderCopyFactory()
    url = reverse("admin:order_copies_copybatch_export", args=[batch.pk])
    page = admin_client.get(reverse("admin:order_copies_copybatch_change", args=[batch.pk]))

    # when
    rows = exported(admin_client.get(url))

    # then
    assert url in page.content.decode()
    assert [row["Copy"] for row in rows] == [mine.public_id]
