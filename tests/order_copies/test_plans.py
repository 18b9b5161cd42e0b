from dataclasses import replace
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import pytest
from django.utils.translation import gettext_lazy
from hypothesis import given
from hypothesis import strategies as st

from order_copies.plans import (
    Action,
    CopyPlan,
    Outcome,
    Problem,
    Step,
    errors_log,
    plan_changed,
    succeeds,
)

problems = st.builds(
    Problem,
    step=st.sampled_from(Step),
    attribute=st.sampled_from(["status", "line_items", "coupon_code"]),
    code=st.sampled_from(["one", "two"]),
    message=st.sampled_from(["First.", "Second.", "Third."]),
    skippable=st.booleans(),
)
plans = st.builds(
    CopyPlan,
    place=st.booleans(),
    cancel=st.booleans(),
    skip_errors=st.booleans(),
    problems=st.lists(problems, max_size=4),
)


def problem(step: Step, *, skippable: bool = True) -> Problem:
    return Problem(step, "status", "forbidden", "Cannot.", skippable=skippable)


@given(plans)
def test_a_plan_places_and_cancels_only_what_was_asked_for(plan: CopyPlan) -> None:
    assert not plan.will_place or plan.place
    assert not plan.will_cancel or plan.cancel


@given(plans)
def test_a_plan_places_and_cancels_only_where_there_is_a_target(plan: CopyPlan) -> None:
    assert plan.will_write or not (plan.will_place or plan.will_cancel)


@given(plans)
def test_placing_and_cancelling_go_together_or_not_at_all(plan: CopyPlan) -> None:
    both = replace(plan, place=True, cancel=True)

    assert both.will_place == both.will_cancel


@given(plans)
def test_a_plan_that_completes_writes_a_target(plan: CopyPlan) -> None:
    assert not plan.will_complete or plan.will_write


@given(plans)
def test_a_plan_without_skip_errors_completes_only_without_problems(plan: CopyPlan) -> None:
    strict = replace(plan, skip_errors=False)

    assert strict.will_complete == (not strict.problems)


@given(plans)
def test_skip_errors_never_makes_less_of_a_plan(plan: CopyPlan) -> None:
    strict, lenient = replace(plan, skip_errors=False), replace(plan, skip_errors=True)

    for promise in ("will_write", "will_place", "will_cancel", "will_complete"):
        assert getattr(lenient, promise) or not getattr(strict, promise)


@given(st.lists(problems))
def test_an_errors_log_has_every_message_once_under_its_attribute(found: list[Problem]) -> None:
    # when
    log = errors_log(found)

    # then
    assert {(key, text) for key, texts in log.items() for text in texts} == {
        (one.attribute, one.message) for one in found
    }
    assert all(len(texts) == len(set(texts)) > 0 for texts in log.values())


def test_an_errors_log_keeps_the_order_in_which_problems_were_found() -> None:
    found = [
        Problem(Step.WRITE, "line_items", "a", "B is sold out."),
        Problem(Step.PLACE, "status", "b", "Cannot."),
        Problem(Step.WRITE, "line_items", "a", "A is sold out."),
    ]

    log = errors_log(found)

    assert list(log.items()) == [
        ("line_items", ["B is sold out.", "A is sold out."]),
        ("status", ["Cannot."]),
    ]


@pytest.mark.parametrize(
    ("step", "promises"),
    [
        (Step.WRITE, (False, False, False, False)),
        (Step.PLACE, (True, False, False, False)),
        (Step.CANCEL, (True, False, False, False)),
    ],
)
def test_a_problem_stops_its_step_and_those_after_it(
    step: Step, promises: tuple[bool, ...]
) -> None:
    plan = CopyPlan(place=True, cancel=True, skip_errors=False, problems=[problem(step)])

    made = (plan.will_write, plan.will_place, plan.will_cancel, plan.will_complete)

    assert made == promises


@pytest.mark.parametrize(
    ("step", "promises"),
    [
        (Step.WRITE, (True, True, True, True)),
        (Step.PLACE, (True, False, False, True)),
        (Step.CANCEL, (True, False, False, True)),
    ],
)
def test_skip_errors_gets_past_a_line_but_never_past_a_refused_placing_or_cancel(
    step: Step, promises: tuple[bool, ...]
) -> None:
    plan = CopyPlan(place=True, cancel=True, skip_errors=True, problems=[problem(step)])

    made = (plan.will_write, plan.will_place, plan.will_cancel, plan.will_complete)

    assert made == promises


def test_skip_errors_never_masks_that_there_is_no_target() -> None:
    plan = CopyPlan(
        place=True, cancel=True, skip_errors=True, problems=[problem(Step.WRITE, skippable=False)]
    )

    assert not any([plan.will_write, plan.will_place, plan.will_cancel, plan.will_complete])


def test_problems_end_a_copy_unless_all_may_be_skipped() -> None:
    # given
    skippable, fatal = problem(Step.PLACE), problem(Step.WRITE, skippable=False)

    # when, then
    assert succeeds([], skip_errors=False)
    assert succeeds([skippable], skip_errors=True)
    assert not succeeds([skippable], skip_errors=False)
    assert not succeeds([skippable, fatal], skip_errors=True)


def test_only_lines_that_are_not_skipped_become_lines_of_the_target() -> None:
    # given
    outcomes = [
        Outcome(Action.COPIED, source_line_item="a"),
        Outcome(Action.SKIPPED, source_line_item="b"),
        Outcome(Action.REDUCED, source_line_item="c"),
        Outcome(Action.REPRICED, source_line_item="d"),
        Outcome(Action.ADDED),
        Outcome(Action.SKIPPED, attribute="coupon_code"),
        Outcome(Action.COPIED, attribute="payment_source"),
    ]
    plan = CopyPlan(place=False, cancel=False, skip_errors=False, outcomes=outcomes)

    # when
    lines = plan.lines

    # then
    assert lines == [outcomes[0], outcomes[2], outcomes[3], outcomes[4]]


def test_an_outcome_is_an_entry_of_the_copy() -> None:
    # given
    bare = Outcome(Action.COPIED, source_line_item="abcdefghij", name="Shirt", row=object())
    full = replace(
        bare,
        action=Action.REDUCED,
        code="too_little_stock",
        message="Only 1 left.",
        before={"quantity": 2},
        after={"quantity": 1},
    )

    # when
    entries = [bare.as_json(), full.as_json("klmnopqrst")]

    # then
    assert entries == [
        {
            "attribute": "line_items",
            "source_line_item": "abcdefghij",
            "target_line_item": None,
            "name": "Shirt",
            "action": "copied",
            "code": None,
            "message": None,
            "before": None,
            "after": None,
        },
        {
            "attribute": "line_items",
            "source_line_item": "abcdefghij",
            "target_line_item": "klmnopqrst",
            "name": "Shirt",
            "action": "reduced",
            "code": "too_little_stock",
            "message": "Only 1 left.",
            "before": {"quantity": 2},
            "after": {"quantity": 1},
        },
    ]


# Digests


def line(**values: Any) -> Outcome:
    return Outcome(**{"action": Action.COPIED, "source_line_item": "abc"} | values)


def planned(**values: Any) -> CopyPlan:
    return CopyPlan(**{"place": False, "cancel": False, "skip_errors": False} | values)


PLAN = {
    "outcomes": [line(before={"quantity": 2, "total_amount_cents": 5})],
    "problems": [problem(Step.PLACE)],
    "currency_code": "EUR",
    "source_totals": {"total_amount_cents": 5},
    "target_totals": {"total_amount_cents": 5},
}


@pytest.mark.parametrize(
    "same",
    [
        {
            "outcomes": [
                line(before={"total_amount_cents": 5, "quantity": 2}, message="Nur", name="x")
            ]
        },
        {"problems": [replace(problem(Step.PLACE), message="Geht nicht.")]},
        {"problems": [plan_changed(), problem(Step.PLACE)]},
        {"source_totals": MappingProxyType({"total_amount_cents": 5})},
        {"row": object()},
    ],
    ids=range(5),
)
def test_plans_that_show_the_same_have_one_digest(same: dict[str, Any]) -> None:
    assert planned(**PLAN | same).digest == planned(**PLAN).digest


@pytest.mark.parametrize(
    "other",
    [
        {"place": True},
        {"cancel": True},
        {"skip_errors": True},
        {"currency_code": "USD"},
        {"source_totals": {"total_amount_cents": 6}},
        {"target_totals": {}},
        {"problems": []},
        {"problems": [replace(problem(Step.PLACE), code="another")]},
        {"problems": [problem(Step.PLACE, skippable=False)]},
        {"problems": [problem(Step.CANCEL)]},
        {"outcomes": []},
        {"outcomes": [line(before={"quantity": 3, "total_amount_cents": 5})]},
        {"outcomes": [line(after={"quantity": 2, "total_amount_cents": 5})]},
        {"outcomes": [replace(PLAN["outcomes"][0], action=Action.REDUCED)]},  # type: ignore[index]
        {"outcomes": [replace(PLAN["outcomes"][0], code="c")]},  # type: ignore[index]
        {"outcomes": [replace(PLAN["outcomes"][0], source_line_item="x")]},  # type: ignore[index]
        {"outcomes": [replace(PLAN["outcomes"][0], attribute="coupon_code")]},  # type: ignore[index]
    ],
    ids=range(17),
)
def test_plans_that_show_something_else_have_another_digest(other: dict[str, Any]) -> None:
    assert planned(**PLAN | other).digest != planned(**PLAN).digest


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Decimal("1.50"), Decimal("1.5")),
        (Decimal("1E+2"), Decimal(100)),
        (gettext_lazy("Total"), "Total"),
        (date(2024, 2, 29), "2024-02-29"),
    ],
    ids=str,
)
def test_a_value_has_one_digest_whatever_the_database_made_of_it(one: Any, other: Any) -> None:
    digests = {planned(outcomes=[line(before={"a": value})]).digest for value in (one, other)}

    assert len(digests) == 1
