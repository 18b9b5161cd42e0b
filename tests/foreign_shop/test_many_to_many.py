"""Relationships to many rows are read by the database: their keys are no parameters."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from order_copies.jsonapi import includes
from order_copies.jsonapi.includes import MAX_INCLUDED
from tests.foreign_shop.conftest import Shopper
from tests.foreign_shop.models import Label, PurchaseLine, PurchaseOrder


@pytest.fixture
def labels(ann: Shopper) -> Shopper:
    """A buyer whose order has more labels than a document may include."""
    rows = [Label(code=f"l{number:04}", color="red") for number in range(MAX_INCLUDED)]
    PurchaseOrder.objects.get(pk=1).labels.add(*Label.objects.bulk_create(rows))
    return ann


@pytest.fixture
def queries() -> Iterator[CaptureQueriesContext]:
    """The queries of the test."""
    with CaptureQueriesContext(connection) as captured:
        yield captured


def texts(captured: CaptureQueriesContext) -> list[str]:
    """Return the queries about labels, quoted parameters included."""
    return [it["sql"] for it in captured.captured_queries if "foreign_shop_label" in it["sql"]]


@pytest.mark.parametrize("path", ["/orders/1/relationships/labels", "/orders/1/labels"])
def test_page__reads_only_its_rows(labels: Shopper, path: str) -> None:
    """A query for the count, and one for the page. Their length is independent of the labels."""
    # when
    with CaptureQueriesContext(connection) as captured:
        status, document = labels.get(f"{path}?page[size]=1")

    # then
    found = texts(captured)
    assert status == 200
    assert [it["id"] for it in document["data"]] == ["gift"]
    assert document["meta"] == {"record_count": 2001, "page_count": 2001}
    assert ["COUNT(*)" in it for it in found] == [True, False]
    assert "LIMIT 1" in found[1]
    assert all("l0001" not in it and len(it) < 2500 for it in found)


def test_include__more_than_the_maximum_is_refused(labels: Shopper) -> None:
    # when
    status, document = labels.get("/orders/1?include=labels")

    # then
    detail = (
        "labels leads to more than 2000 resources: "
        "ask for a smaller page[size], or for the list of them."
    )
    (error,) = document["errors"]
    assert (status, error["code"], error["detail"]) == (400, "INVALID_INCLUDE", detail)


def test_include__the_maximum_is_served(labels: Shopper) -> None:
    # given
    Label.objects.filter(code="gift").delete()

    # when
    status, document = labels.get("/orders/1?include=labels&fields[labels]=color")

    # then
    assert (status, len(document["included"])) == (200, MAX_INCLUDED)
    assert len(document["data"]["relationships"]["labels"]["data"]) == MAX_INCLUDED


def test_include__reverse_keys_beyond_the_maximum_are_refused(ann: Shopper) -> None:
    # given
    rows = [PurchaseLine(order_id=1, product="tea") for _ in range(MAX_INCLUDED)]
    PurchaseLine.objects.bulk_create(rows)

    # when
    status, document = ann.get("/orders/1?include=lines")

    # then
    assert (status, document["errors"][0]["code"]) == (400, "INVALID_INCLUDE")


def test_include__a_row_of_many_parents_is_included_once(ann: Shopper) -> None:
    # given
    order = PurchaseOrder.objects.create(pk=3, number="A3", buyer_id=1, total=1)
    order.labels.add("gift", "rush")

    # when
    _, document = ann.get("/orders?include=labels")

    # then
    linkages: dict[str, Any] = {
        it["id"]: [label["id"] for label in it["relationships"]["labels"]["data"]]
        for it in document["data"]
    }
    assert linkages == {"1": ["gift"], "3": ["gift", "rush"]}
    assert [it["id"] for it in document["included"]] == ["gift", "rush"]


def test_include__a_row_shared_beyond_the_maximum_is_refused(
    ann: Shopper, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Links are counted as well as rows: none is left out of a document silently."""
    # given
    monkeypatch.setattr(includes, "MAX_INCLUDED", 2)
    order = PurchaseOrder.objects.create(pk=3, number="A3", buyer_id=1, total=1)
    order.labels.add("gift", "rush")

    # when
    answers = [ann.get(f"/orders?include=labels&page[size]={size}") for size in (2, 1)]

    # then
    codes = [document["errors"][0]["code"] for _, document in answers if "errors" in document]
    assert [status for status, _ in answers] == [400, 200]
    assert codes == ["INVALID_INCLUDE"]
