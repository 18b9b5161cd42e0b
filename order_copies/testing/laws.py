"""Laws: what holds for every set of options, drawn by hypothesis."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from order_copies import copying, plans
from order_copies.models import OPTIONS, OrderCopy, OrderFactory, Status
from order_copies.plans import CopyPlan
from order_copies.shops import Capability, Shop
from order_copies.testing.base import Contract
from order_copies.testing.rows import differences
from order_copies.testing.steps import (
    copied,
    copied_together,
    ending,
    is_refused,
    rolled_back,
    unsaved,
)

#: How the tests draw examples: as the profile of the suite says, but at most 25.
examples = settings(
    deadline=None,
    max_examples=min(25, settings().max_examples),
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)


@st.composite
def toggles(draw: st.DrawFn, shop: Shop) -> dict[str, bool]:
    """Draw the toggles of a copy that the shop supports."""
    return {name: draw(st.booleans()) for name in OPTIONS if name not in shop.unsupported}


class Laws(Contract):
    """Tests of single copies and of batches with any options."""

    def _kinds(self) -> dict[str, Callable[[Any], Any]]:
        """Return the ways to change an order before it is copied, by name."""
        kinds: dict[str, Callable[[Any], Any]] = {
            Capability.CANCEL: partial(copied, cancel_source_order=True),
            "make_unavailable": self.make_unavailable,
            "leave_last_pieces": self.leave_last_pieces,
        }
        abilities = self.abilities()
        able = {name: change for name, change in kinds.items() if name in abilities}
        return {"unchanged": lambda order: None, **able}

    def _draw_copy(self, data: st.DataObject) -> OrderCopy:
        order, kinds = self.make_order(), self._kinds()
        kinds[data.draw(st.sampled_from(list(kinds)), label="kind of order")](order)
        return unsaved(order, **data.draw(toggles(self.shop()), label="toggles"))

    @examples
    @given(data=st.data())
    def test_any_copy__completes_or_fails_with_reasons(self, data: st.DataObject) -> None:
        """No copy crashes, breaks the contract, or fails without a reason."""
        with rolled_back():
            [order_copy] = copied_together(self._draw_copy(data))
            assert order_copy.status == Status.COMPLETED or is_refused(order_copy), (
                f"A copy {ending(order_copy)}, and neither completed nor failed with reasons of "
                f"the shop: {order_copy.outcomes}"
            )

    @examples
    @given(data=st.data())
    def test_any_copy__does_what_its_preview_shows(self, data: st.DataObject) -> None:
        """The run executes the plan that the preview shows."""
        with rolled_back():
            order_copy = self._draw_copy(data)
            [plan] = copying.preview_copies([order_copy])
            _compare(plan, *copied_together(order_copy))

    @examples
    @given(data=st.data())
    def test_any_copy__leaves_its_source_unchanged_unless_it_cancels(
        self, data: st.DataObject
    ) -> None:
        """Only a completed copy with ``cancel_source_order`` changes its source."""
        with rolled_back():
            drawn = self._draw_copy(data)
            before = self.belongings(drawn.source_order)
            [order_copy] = copied_together(drawn)
            changed = differences(before, self.belongings(drawn.source_order))
            if not (drawn.cancel_source_order and order_copy.status == Status.COMPLETED):
                assert not changed, f"A copy changed its source: {changed[0]}."

    @examples
    @given(data=st.data())
    def test_any_batch__does_what_its_preview_shows(self, data: st.DataObject) -> None:
        """Copies of a batch take from one another what the preview says."""
        with rolled_back():
            first = self._draw_copy(data)
            again = data.draw(toggles(self.shop()), label="toggles of another copy of the order")
            batch = [first, unsaved(first.source_order, **again), self._draw_copy(data)]
            planned = copying.preview_copies(batch)
            for plan, order_copy in zip(planned, copied_together(*batch), strict=True):
                _compare(plan, order_copy)


def _compare(plan: CopyPlan, order_copy: OrderFactory) -> None:
    will = "complete" if plan.will_complete else f"fail: {plans.errors_log(plan.problems)}"
    did_complete = order_copy.status == Status.COMPLETED
    assert plan.will_complete == did_complete, (
        f"The preview says that the copy will {will}, but it {ending(order_copy)}."
    )
    has_target = order_copy.target_order_id is not None
    assert plan.will_write == has_target, (
        f"The preview says {plan.will_write} to a target, the run {has_target}."
    )
    shown = as_stored(plan)
    ran = [outcome | {"target_line_item": None} for outcome in order_copy.outcomes]
    assert ran == shown, f"The outcomes of the run are {ran}, those of the preview {shown}."


def as_stored(plan: CopyPlan) -> list[dict[str, Any]]:
    """Return the outcomes of a plan as a copy stores them, as JSON."""
    entries = [outcome.as_json() for outcome in plan.outcomes]
    stored: list[dict[str, Any]] = json.loads(json.dumps(entries, cls=DjangoJSONEncoder))
    return stored
