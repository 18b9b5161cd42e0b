"""The comparison of an original with its copy, and what to do about errors."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from order_copies.admin.advice import BY_CODE, reasons_of
from order_copies.admin.comparison import Comparison, compare
from order_copies.admin.display import MAX_UNTOUCHED
from order_copies.models import Status
from order_copies.shops import DescribedLine, OrderDescription
from orders.models import LineItem
from tests.factories import (
    CouponFactory,
    OrderCopyFactory,
    SkuFactory,
    pending_order,
    placed_order,
)
from tests.stories import copied, fresh, target_of

ERRORS = Path(__file__).parents[3] / "docs" / "reference" / "errors.md"


def line(
    key: str, quantity: int = 1, price: int = 100, *, name: str = "Mug", sku_code: str = ""
) -> DescribedLine:
    return DescribedLine(key, name, quantity, quantity * price, price, sku_code)


def described(*lines: DescribedLine, **values: Any) -> OrderDescription:
    return OrderDescription("EUR", lines, **values)


def copied_as(source: str, target: str | None, message: str = "") -> dict[str, Any]:
    return {
        "attribute": "line_items",
        "source_line_item": source,
        "target_line_item": target,
        "message": message,
    }


def shown(comparison: Comparison) -> list[tuple[str, str, int]]:
    return [(one.name, one.label, one.amount) for one in comparison.lines]


def page_of(order_copy: Any) -> str:
    return reverse("admin:order_copies_ordercopy_change", args=[order_copy.pk])


# Matching lines


def test_lines__are_matched_as_the_copy_recorded_them() -> None:
    # given
    original = described(line("a", 3), line("b", 1, 100), line("c"))
    copy = described(line("x", 1, 80), line("y", 2), line("z"))
    outcomes = [copied_as("a", "y", "only 2 of 3 left"), copied_as("b", "x"), copied_as("c", None)]

    # when
    comparison = Comparison(original, copy, outcomes)

    # then
    assert shown(comparison) == [
        ("Mug", "1 fewer", -100),
        ("Mug", "other price", -20),
        ("Mug", "same", 0),
    ]
    assert comparison.touched[0].message == "only 2 of 3 left"
    assert comparison.verdict == "2 lines differ."


def test_lines__without_records_are_matched_by_sku_code_then_by_name() -> None:
    # given
    original = described(
        line("a", name="Old name", sku_code="MUG"), line("b", name="Gift wrap"), line("c", name="X")
    )
    copy = described(
        line("x", name="Gift wrap"),
        line("y", 2, name="New name", sku_code="MUG"),
        line("z", name="Y"),
    )

    # when
    comparison = Comparison(original, copy)

    # then
    assert shown(comparison) == [
        ("Old name", "1 more", 100),
        ("Gift wrap", "same", 0),
        ("X", "left out", -100),
        ("Y", "added", 100),
    ]
    assert [one.kind for one in comparison.lines] == ["added", "same", "skipped", "added"]


def test_lines__original_alone_lists_those_with_a_reason_first() -> None:
    # given
    outcomes = [copied_as("a", None), copied_as("b", None, "Mug is out of stock")]

    # when
    comparison = Comparison(described(line("a"), line("b")), None, outcomes)

    # then
    assert not comparison.has_copy
    assert [one.message for one in comparison.touched] == ["Mug is out of stock"]
    assert len(comparison.untouched) == 1
    assert comparison.verdict == ""


def test_lines__many_that_are_the_same_are_folded_and_counted() -> None:
    # given
    lines = [line(str(number)) for number in range(MAX_UNTOUCHED + 5)]

    # when
    comparison = Comparison(described(*lines), described(*lines))

    # then
    assert (comparison.collapses, comparison.more) == (True, 5)
    assert comparison.untouched_count == MAX_UNTOUCHED + 5
    assert comparison.verdict == "All lines are the same."


def test_totals_and_facts__leave_out_what_neither_order_has() -> None:
    # given
    totals = {"shipping_amount_cents": 0, "total_tax_amount_cents": 5}
    before = {"discount_amount_cents": 0, **totals, "total_amount_cents": 0}
    facts = {"Customer": "a@b.org", "Coupon": ""}

    # when
    comparison = Comparison(
        described(totals=before),
        described(totals=before | {"discount_amount_cents": -3}, facts=facts),
    )

    # then
    assert [(one.label, one.difference) for one in comparison.totals] == [
        ("Discount", -3),
        ("Tax", 0),
        ("Total", 0),
    ]
    assert [(one.label, one.before, one.is_same) for one in comparison.facts] == [
        ("Customer", "", False)
    ]


# Copies


@pytest.mark.django_db
def test_compare__shows_both_orders_as_they_are_now() -> None:
    # given
    order_copy = copied(placed_order(lines=2))
    target = target_of(order_copy)
    [first, *_others] = target.line_items.order_by("pk")
    LineItem.objects.filter(pk=first.pk).update(quantity=first.quantity + 3)
    target.addresses.filter(role="billing").update(city="Elsewhere")

    # when
    comparison = compare(fresh(order_copy))

    # then
    assert [one.label for one in comparison.touched] == ["3 more"]
    differing = [fact.label for fact in comparison.facts if not fact.is_same]
    assert differing == ["Status", "Payment status", "Billing address"]
    assert "Elsewhere" in comparison.facts[3].after


@pytest.mark.django_db
def test_compare__deleted_orders_are_shown_as_the_copy_recorded_them() -> None:
    # given
    order_copy = copied(placed_order(lines=1, options=0))
    before = compare(order_copy)
    order_copy.source_order = order_copy.target_order = None

    # when
    comparison = compare(order_copy)

    # then
    assert shown(comparison) == shown(before)
    assert [str(one.label) for one in comparison.totals] == ["All lines"]


@pytest.mark.django_db
def test_page__failed_copy_shows_no_amounts_of_an_order_that_does_not_exist(
    admin_client: Client,
) -> None:
    # given
    sku = SkuFactory(stock=1)
    order = pending_order(lines=[{"sku": sku, "quantity": 7, "unit_amount_cents": 1234}], options=0)
    order_copy = copied(order)

    # when
    response = admin_client.get(page_of(order_copy))

    # then
    page = response.content.decode()
    assert order_copy.status == Status.FAILED
    assert "No order was made." in page
    assert "Original and copy" not in page
    assert page.count('data-label="Copy"') == 0
    assert "Refill the stock, then retry" in page


@pytest.mark.django_db
def test_page__query_count_is_equal_for_one_line_and_many(admin_client: Client) -> None:
    """Session, user; the copy with its orders; orders, lines and addresses; events; savepoints."""
    # given
    sku = SkuFactory(stock=1000)
    few, many = (
        copied(pending_order(lines=[{"sku": sku, "quantity": 1}] * count, options=0))
        for count in (1, 501)
    )
    admin_client.get(page_of(few))

    # when
    with CaptureQueriesContext(connection) as for_one:
        admin_client.get(page_of(few))
    with CaptureQueriesContext(connection) as for_many:
        response = admin_client.get(page_of(many))

    # then
    assert len(response.context["comparison"].lines) > 501
    assert len(for_one) == len(for_many)


# What to do


@pytest.mark.django_db
def test_reasons__say_what_to_do() -> None:
    # given
    unavailable = {"lines": [{"sku": SkuFactory(stock=1), "quantity": 9}, {}]}
    expired = copied(placed_order(coupon=CouponFactory(expired=True)))
    failed = copied(pending_order(**unavailable))
    skipping = copied(pending_order(**unavailable), skip_errors=True)
    crashed = OrderCopyFactory(
        status=Status.ABORTED,
        errors_log={"base": ["crashed"]},
        outcomes=[{"attribute": "base", "code": "crashed", "action": "skipped"}],
    )

    without_coupon = copied(placed_order(coupon=CouponFactory(expired=True)), skip_errors=True)
    nothing_left = copied(
        pending_order(lines=[{"sku": SkuFactory(on_sale=False)}]), skip_errors=True
    )
    left = OrderCopyFactory(
        failed=True,
        target_order=pending_order(),
        errors_log={"line_items": ["out of stock"], "of_our_own": ["unknown"]},
    )

    # when
    copies = (expired, failed, skipping, crashed, without_coupon, left, nothing_left)
    advice = [[one.advice for one in reasons_of(order_copy)] for order_copy in copies]

    # then
    assert advice == [
        ["Copy again with “ignore invalid coupon”: its discount is left out too."],
        ["Refill the stock, then retry; or copy again with “skip errors”."],
        ["The copy is complete without it: tell the customer, or add it by hand."],
        ["Read the log of the worker, correct the cause, then retry."],
        ["The copy is complete without it: tell the customer, or add it by hand."],
        ["Refill the stock, then place the order that was left.", ""],
        ["Refill the stock, then retry."],
    ]


def test_advice__is_that_of_the_documentation() -> None:
    # given
    rows = re.findall(r"^\| `(\w+)` \| .+? \| .+? \| (.+?) \|$", ERRORS.read_text(), re.MULTILINE)

    # when
    documented = {code: text for code, text in rows if code in BY_CODE}

    # then
    assert documented == {code: str(text) for code, text in BY_CODE.items()}
