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
def test_plan__places_and_cancels_only_on_request(plan: CopyPlan) -> None:
    assert not plan.will_place or plan.place
    assert not plan.will_cancel or plan.cancel


@given(plans)
def test_plan__places_and_cancels_only_with_a_target(plan: CopyPlan) -> None:
    assert plan.will_write or not (plan.will_place or plan.will_cancel)


@given(plans)
def test_plan__places_and_cancels_together_or_not_at_all(plan: CopyPlan) -> None:
    both = replace(plan, place=True, cancel=True)

    assert both.will_place == both.will_cancel


@given(plans)
def test_plan__completed_copy_has_a_target(plan: CopyPlan) -> None:
    assert not plan.will_complete or plan.will_write


@given(plans)
def test_plan__without_skip_errors_any_problem_fails_the_copy(plan: CopyPlan) -> None:
    strict = replace(plan, skip_errors=False)

    assert strict.will_complete == (not strict.problems)


@given(plans)
def test_skip_errors__never_prevents_a_step(plan: CopyPlan) -> None:
    strict, lenient = replace(plan, skip_errors=False), replace(plan, skip_errors=True)

    for name in ("will_write", "will_place", "will_cancel", "will_complete"):
        assert getattr(lenient, name) or not getattr(strict, name)


@given(st.lists(problems))
def test_errors_log__has_each_message_once_per_attribute(found: list[Problem]) -> None:
    # when
    log = errors_log(found)

    # then
    assert {(key, text) for key, texts in log.items() for text in texts} == {
        (one.attribute, one.message) for one in found
    }
    assert all(len(texts) == len(set(texts)) > 0 for texts in log.values())


def test_errors_log__keeps_the_order_of_the_problems() -> None:
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
    ("step", "expected"),
    [
        (Step.WRITE, (False, False, False, False)),
        (Step.PLACE, (True, False, False, False)),
        (Step.CANCEL, (True, False, False, False)),
    ],
)
def test_plan__problem_stops_its_step_and_the_later_ones(
    step: Step, expected: tuple[bool, ...]
) -> None:
    plan = CopyPlan(place=True, cancel=True, skip_errors=False, problems=[problem(step)])

    decisions = (plan.will_write, plan.will_place, plan.will_cancel, plan.will_complete)

    assert decisions == expected


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (Step.WRITE, (True, True, True, True)),
        (Step.PLACE, (True, False, False, True)),
        (Step.CANCEL, (True, False, False, True)),
    ],
)
def test_skip_errors__skips_line_problems_but_not_refused_placing_or_cancelling(
    step: Step, expected: tuple[bool, ...]
) -> None:
    plan = CopyPlan(place=True, cancel=True, skip_errors=True, problems=[problem(step)])

    decisions = (plan.will_write, plan.will_place, plan.will_cancel, plan.will_complete)

    assert decisions == expected


def test_skip_errors__copy_without_target_does_not_complete() -> None:
    plan = CopyPlan(
        place=True, cancel=True, skip_errors=True, problems=[problem(Step.WRITE, skippable=False)]
    )

    assert not any([plan.will_write, plan.will_place, plan.will_cancel, plan.will_complete])


def test_succeeds__only_if_all_problems_may_be_skipped() -> None:
    # given
    skippable, fatal = problem(Step.PLACE), problem(Step.WRITE, skippable=False)

    # when, then
    assert succeeds([], skip_errors=False)
    assert succeeds([skippable], skip_errors=True)
    assert not succeeds([skippable], skip_errors=False)
    assert not succeeds([skippable, fatal], skip_errors=True)


def test_lines__skipped_outcomes_are_left_out() -> None:
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


def test_outcome__as_json() -> None:
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
def test_digest__is_equal_for_plans_with_equal_content(same: dict[str, Any]) -> None:
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
def test_digest__differs_for_plans_with_different_content(other: dict[str, Any]) -> None:
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
def test_digest__is_equal_for_database_representations_of_a_value(one: Any, other: Any) -> None:
    digests = {planned(outcomes=[line(before={"a": value})]).digest for value in (one, other)}

    assert len(digests) == 1
