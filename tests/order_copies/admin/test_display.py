"""How the admin displays plans, amounts, durations and actors."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils.translation import override

from order_copies.admin.display import MAX_UNTOUCHED, Lines, Preview, Side, duration_of
from order_copies.events.recording import actor_name
from order_copies.models import OrderCopy
from order_copies.plans import Action, CopyPlan, Outcome, Problem, Step
from order_copies.templatetags.order_copies_admin import amount, money, signed_money
from tests.factories import PLACED_AT


def copied_line(**values: Any) -> dict[str, Any]:
    line = {"quantity": 1, "unit_amount_cents": 100, "total_amount_cents": 100} | values
    return Outcome(Action.COPIED, name="A line", before=line, after=line).as_json()


@pytest.mark.parametrize(
    ("cents", "currency_code", "text"),
    [
        (123456, "EUR", "1,234.56\u00a0EUR"),
        (123456, "JPY", "123,456\u00a0JPY"),
        (123456, "KWD", "123.456\u00a0KWD"),
        (-5, "USD", "\u22120.05\u00a0USD"),
        (0, "", "0.00"),
    ],
)
def test_money__has_the_decimals_of_its_currency(cents: int, currency_code: str, text: str) -> None:
    assert money(cents, currency_code) == text


def test_amount__none_is_empty() -> None:
    assert amount(None) == ""


def test_signed_money__has_a_sign() -> None:
    assert [signed_money(cents) for cents in (5, 0, -5)] == ["+0.05", "0.00", "\u22120.05"]


def test_side__extra_is_the_price_of_the_options() -> None:
    # given
    side = Side(quantity=2, unit=100, total=250)

    # when, then
    assert (side.extra, side.is_sum) == (50, True)
    assert (Side(total=250).extra, Side(total=250).is_sum) == (0, False)
    assert Side(quantity=1, unit=100, total=100).is_sum is False


def test_preview__summary_is_in_the_active_language() -> None:
    # given
    outcomes = [
        Outcome(Action.SKIPPED, name="Tea", message="Tea is out of stock"),
        Outcome(Action.COPIED, name="Milk"),
        Outcome(Action.SKIPPED, "coupon_code", message="SUMMER has expired"),
    ]
    missing = Problem(Step.PLACE, "customer_email", "blank", "can't be blank")
    changed = Preview("#1", [], CopyPlan(False, False, False, outcomes), is_open=False)
    failing = Preview("#2", [], CopyPlan(True, False, False, outcomes, [missing]), is_open=False)

    # when
    with override("it"):
        summaries = [changed.summary, failing.summary]

    # then
    assert [changed.summary, failing.summary] == [
        "Tea is out of stock (+1)",
        "Customer email can't be blank",
    ]
    assert summaries == ["Tea è esaurito (+1)", "Email del cliente non può essere vuoto"]


def test_lines__many_unchanged_ones_collapse_and_are_counted() -> None:
    # when
    lines = Lines([copied_line()] * (MAX_UNTOUCHED + 5))

    # then
    assert (lines.collapses, lines.more, lines.untouched_count) == (True, 5, MAX_UNTOUCHED + 5)
    assert lines.before == lines.after == 100 * (MAX_UNTOUCHED + 5)


def test_lines__few_unchanged_ones_do_not_collapse() -> None:
    lines = Lines([copied_line()])

    assert (lines.collapses, lines.more) == (False, 0)


def test_lines__note_is_named_by_its_attribute() -> None:
    note = Outcome(Action.SKIPPED, "coupon_code", message="has expired").as_json()

    [line] = Lines([note]).notes

    assert (line.name, line.label, line.before) == ("Coupon code", "skipped", None)


def test_preview__leaves_out_zero_totals() -> None:
    # given
    before = {"subtotal_amount_cents": 5, "total_amount_cents": 9, "of_our_own_cents": 7}
    totals = before | {"discount_amount_cents": 0, "total_amount_with_taxes_cents": 9}
    plan = CopyPlan(False, False, False, source_totals=totals, target_totals=totals)

    # when
    preview = Preview("#1", [], plan, is_open=False)

    # then
    assert [total.label for total in preview.totals] == [
        "Subtotal",
        "Of our own",
        "Total with taxes",
    ]
    assert preview.total
    assert (preview.total.after, preview.total.difference) == (9, 0)


def test_preview__shop_without_totals_has_none() -> None:
    preview = Preview("#1", [], CopyPlan(False, False, False), is_open=False)

    assert (preview.total, preview.totals, preview.is_open) == (None, [], False)


@pytest.mark.parametrize(
    ("milliseconds", "text"), [(31, "31 ms"), (2500, "2.5 s"), (600_000, "10 min")]
)
def test_duration_of__uses_the_fitting_unit(milliseconds: int, text: str) -> None:
    ended = PLACED_AT + timedelta(milliseconds=milliseconds)

    assert duration_of(OrderCopy(started_at=PLACED_AT, completed_at=ended)) == text


def test_duration_of__running_copy_has_none() -> None:
    assert duration_of(OrderCopy(started_at=PLACED_AT)) is None


@pytest.mark.parametrize(
    ("who", "text"),
    [
        ({}, ""),
        ({"owner": "somebody"}, ""),
        ({"owner": {"type": "users", "id": "1"}}, "1"),
        ({"owner": {"type": "users", "id": "1", "name": "sam"}}, "sam"),
        ({"worker": {"id": "w1"}}, "worker w1"),
    ],
)
def test_who_in_words__names_the_actor(who: dict[str, Any], text: str) -> None:
    assert actor_name(who) == text
