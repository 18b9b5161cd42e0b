"""The laws of money hold for every order: plans, targets and outcomes, run in batches."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from functools import wraps
from typing import Any, NamedTuple

import pytest
from django.db import transaction
from hypothesis import Phase, given, note, settings

from order_copies import copying
from order_copies.models import OrderCopy, OrderFactory, Status
from order_copies.plans import CopyPlan
from order_copies.worker.run import run_batch
from orders.models import CouponUse, LineItem, Order
from tests import stories
from tests.audits import audited
from tests.factories import PROMOTION_TYPES, TOTAL_OF_TYPE, tax_of, totals_of
from tests.laws.orders import Builder, Description, batches
from tests.subscriptions import planned, renewed_now

pytestmark = pytest.mark.django_db

FREE_SHIPPING = "free_shipping_promotions"
#: Shrinking a batch takes minutes, and the first order that fails is named anyway.
unshrunk = settings(
    phases=[Phase.explicit, Phase.reuse, Phase.generate], report_multiple_bugs=False
)
PARTIAL_TOTALS = tuple(dict.fromkeys(TOTAL_OF_TYPE.values()))


class Case(NamedTuple):
    """A copy that ended, with its source and target and their lines."""

    description: Description
    order_copy: OrderFactory
    source: Order
    target: Order
    before: list[LineItem]
    after: list[LineItem]

    def outcomes(self, *codes: str) -> list[dict[str, Any]]:
        """Return the outcomes with these codes."""
        return [one for one in self.order_copy.outcomes if one["code"] in codes]

    @property
    def is_recalculated(self) -> bool:
        """Whether lines were left out or reduced, or promotions recalculated."""
        item_types = ("skus", "gift_cards")
        entries = (one for one in self.order_copy.outcomes if one["attribute"] == "line_items")
        return self.description.options["apply_promotions"] or any(
            one["action"] != "copied" and one["before"] and one["before"]["item_type"] in item_types
            for one in entries
        )

    @property
    def pairs(self) -> Iterable[tuple[LineItem, LineItem]]:
        """The lines of the source that have a counterpart in the target."""
        old = {line.public_id: line for line in self.before}
        new = {line.public_id: line for line in self.after}
        for one in self.order_copy.outcomes:
            if one["source_line_item"] and one["target_line_item"]:
                yield old[one["source_line_item"]], new[one["target_line_item"]]


def rolled_back(law: Callable[..., None]) -> Callable[..., None]:
    """Roll back each example, so that no example sees the rows of another."""

    @wraps(law)
    def example(**arguments: Any) -> None:
        with transaction.atomic():
            law(**arguments)
            transaction.set_rollback(True)

    return example


def lines_of(orders: Iterable[Order]) -> dict[int, list[LineItem]]:
    lines: dict[int, list[LineItem]] = defaultdict(list)
    for line in LineItem.objects.filter(order__in=orders).select_related("sku"):
        lines[line.order_id].append(line)
    return lines


def copied(descriptions: Sequence[Description]) -> list[Case]:
    """Run copies in one batch, compare them with their previews; return those with a target."""
    order_copies = Builder(descriptions).build()
    plans = copying.preview_copies(order_copies)
    copying.request_copies(order_copies, actor=stories.WHO)
    run_batch(worker="laws", limit=len(order_copies))
    keys = [order_copy.pk for order_copy in order_copies]
    found = OrderFactory.objects.select_related("source_order", "target_order").in_bulk(keys)
    ended = [(described, found[key]) for described, key in zip(descriptions, keys, strict=True)]
    for plan, (_, order_copy) in zip(plans, ended, strict=True):
        equals_its_preview(order_copy, plan)
    orders = {order for _, one in ended for order in (one.source_order, one.target_order) if order}
    lines = lines_of(orders)
    return [
        Case(
            described,
            one,
            one.source_order,
            one.target_order,
            lines[one.source_order_id],
            lines[one.target_order_id],
        )
        for described, one in ended
        if one.target_order
    ]


def equals_its_preview(order_copy: OrderFactory, plan: CopyPlan) -> None:
    """Fail unless a copy ended as its preview predicted."""
    outcomes = [one | {"target_line_item": None} for one in order_copy.outcomes]
    assert order_copy.has_ended
    assert (order_copy.status == Status.COMPLETED) == plan.will_complete
    assert (order_copy.target_order is not None) == plan.will_write
    assert outcomes == [one.as_json() for one in plan.outcomes]
    if order_copy.target_order:
        assert stories.amounts(order_copy.target_order) == plan.target_totals


def amount(lines: Iterable[LineItem], *item_types: str) -> int:
    return sum(line.total_amount_cents for line in lines if line.item_type in item_types)


def tax(lines: Iterable[LineItem], *item_types: str) -> int:
    return sum(line.tax_amount_cents for line in lines if line.item_type in item_types)


def items_base(lines: Sequence[LineItem]) -> int:
    """Return the maximum of all discounts on items together."""
    negative = [line for line in lines if line.total_amount_cents < 0]
    return max(0, amount(lines, "skus") + amount(negative, "adjustments"))


def head_only(order: Order, lines: Sequence[LineItem]) -> dict[str, int]:
    """Return the amounts in the totals of an order that are in no line."""
    totals = totals_of(
        lines,
        tax_included=order.tax_included,
        gift_card_amount_cents=order.gift_card_amount_cents,
    )
    return {name: cents - totals[name] for name, cents in stories.amounts(order).items()}


@pytest.mark.parametrize("half", ["first", "second"])
@unshrunk
@given(descriptions=batches)
@rolled_back
def test_money__laws_hold_for_random_orders(half: str, descriptions: list[Description]) -> None:
    """Two halves, so that two cores can run them in parallel."""
    for case in copied(descriptions):
        note(f"The order under test: {case.description}, {case.order_copy.outcomes}")
        adds_up(case)
        no_currency_crosses(case)
        never_below_zero(case)
        free_means_zero(case)
        resized_lines_keep_their_terms(case)
        fixed_discounts_do_not_grow(case)
        tax_follows_the_lines(case)
        shipping_is_waived_once(case)
        shipping_and_fees_stay_as_chosen(case)
        coupon_pays_or_stays(case)
        gift_cards_are_not_lost(case)
        items_without_sku_travel(case)
        recreated_skus_are_found(case)
        every_cent_has_an_outcome(case)


def adds_up(case: Case) -> None:
    """Check M1 of docs/money.md."""
    expected = head_only(case.source, case.before)
    dropped = {name for one in case.outcomes("amount_without_line") for name in one["before"]}
    actual = head_only(case.target, case.after)
    for name in [*PARTIAL_TOTALS, "total_tax_amount_cents"]:
        assert actual[name] == (0 if name in dropped else expected[name]), name
    totals = stories.amounts(case.target)
    assert totals["total_amount_cents"] == sum(totals[name] for name in PARTIAL_TOTALS)
    on_top = 0 if case.target.tax_included else totals["total_tax_amount_cents"]
    assert totals["total_amount_with_taxes_cents"] == totals["total_amount_cents"] + on_top


def no_currency_crosses(case: Case) -> None:
    """Check M2 of docs/money.md."""
    assert case.target.currency_code == case.source.currency_code
    assert case.target.tax_included == case.source.tax_included


def never_below_zero(case: Case) -> None:
    """Check M3 of docs/money.md."""
    before, after = stories.amounts(case.source), stories.amounts(case.target)
    for name in ("subtotal_amount_cents", "payment_method_amount_cents", "shipping_amount_cents"):
        assert after[name] >= min(0, before[name])
    discounts = [line for line in case.after if line.item_type in PROMOTION_TYPES]
    on_items = -sum(d.total_amount_cents for d in discounts if d.item_type != FREE_SHIPPING)
    if case.is_recalculated:
        assert on_items <= items_base(case.after)


def free_means_zero(case: Case) -> None:
    """Check M4 of docs/money.md."""
    due, status = case.target.total_amount_with_taxes_cents, case.target.payment_status
    if case.target.status == "placed":
        assert due >= 0
        assert (status == "free") == (due == 0)
        assert (status == "authorized") == (due > 0)
    if due < 0:
        assert case.source.status == ("placed" if case.description.placed else "pending")


def resized_lines_keep_their_terms(case: Case) -> None:
    """Check M5 and M6 of docs/money.md."""
    reduced = [(old, new) for old, new in case.pairs if old.quantity != new.quantity]
    for old, new in reduced:
        if old.item_type != "skus":
            continue
        assert new.unit_amount_cents == old.unit_amount_cents
        left = Fraction(new.quantity, old.quantity)
        stays = 0
        options = zip(old.line_item_options.all(), new.line_item_options.all(), strict=True)
        for was, now in options:
            shrinks = was.quantity % old.quantity == 0
            stays += 0 if shrinks else was.total_amount_cents
            assert now.quantity == (was.quantity * left if shrinks else was.quantity)
            assert now.unit_amount_cents == was.unit_amount_cents
        if stays > old.total_amount_cents:
            stays = 0
        exact = (old.total_amount_cents - stays) * left + stays
        assert abs(new.total_amount_cents - exact) < 1
        if old.total_amount_cents:
            exact_tax = Fraction(
                old.tax_amount_cents * new.total_amount_cents, old.total_amount_cents
            )
            assert abs(new.tax_amount_cents - exact_tax) < 1


def fixed_discounts_do_not_grow(case: Case) -> None:
    """Check M6 of docs/money.md: more pieces do not make a frozen fixed amount larger."""
    if not case.description.options["apply_promotions"]:
        kind = "fixed_amount_promotions"
        assert amount(case.after, kind) >= amount(case.before, kind)


def tax_follows_the_lines(case: Case) -> None:
    """Check M7 of docs/money.md."""
    if not case.is_recalculated:
        return
    reductions = [line for line in case.after if line.total_amount_cents < 0]
    if all(line.tax_amount_cents >= 0 for line in case.after if line not in reductions):
        on_items = tax(case.after, *PROMOTION_TYPES) - tax(case.after, FREE_SHIPPING)
        items = tax(case.after, "skus") + tax(reductions, "adjustments")
        assert -on_items <= max(0, items)
        assert -tax(case.after, FREE_SHIPPING) <= tax(case.after, "shipments")
    if case.description.options["apply_promotions"]:
        on_items = amount(case.after, *PROMOTION_TYPES) - amount(case.after, FREE_SHIPPING)
        if on_items == -amount(case.after, "skus"):
            taken = tax(case.after, *PROMOTION_TYPES) - tax(case.after, FREE_SHIPPING)
            assert taken == -tax(case.after, "skus")


def shipping_is_waived_once(case: Case) -> None:
    """Check M8 of docs/money.md."""
    waived, shipping = amount(case.after, FREE_SHIPPING), amount(case.after, "shipments")
    assert -waived <= max(
        shipping, -amount(case.before, FREE_SHIPPING) * (not case.is_recalculated)
    )


def shipping_and_fees_stay_as_chosen(case: Case) -> None:
    """Check M9 of docs/money.md."""
    for item_type in ("shipments", "payment_methods"):
        old = [line.total_amount_cents for line in case.before if line.item_type == item_type]
        new = [line.total_amount_cents for line in case.after if line.item_type == item_type]
        assert new in ([], old)
    if any(line.item_type == "skus" and line.quantity for line in case.after):
        assert not case.outcomes("shipping_not_needed")
    if case.outcomes("payment_not_needed"):
        assert case.target.total_amount_with_taxes_cents <= 0


def coupon_pays_or_stays(case: Case) -> None:
    """Check M10 of docs/money.md."""
    code = case.source.coupon_code.upper()
    given = [line.total_amount_cents for line in case.after if line.coupon_code == code]
    nameless = [
        line.total_amount_cents
        for line in case.after
        if line.item_type in PROMOTION_TYPES and not line.coupon_code and not line.promotion_id
    ]
    is_imported = head_only(case.target, case.after)["discount_amount_cents"] != 0
    if case.target.coupon_code:
        assert any(given or nameless) or is_imported
    elif code and not case.description.options["apply_promotions"]:
        assert not any(given)
    if case.description.coupon in {"expired", "unknown"}:
        assert case.target.coupon_code == ""
        assert not given
    uses = CouponUse.objects.filter(order=case.target).count()
    assert uses == (case.target.status == "placed" and bool(case.target.coupon_code))


def gift_cards_are_not_lost(case: Case) -> None:
    """Check M11 of docs/money.md."""
    assert case.target.gift_card_amount_cents == 0
    if case.description.placed and case.description.gift_card:
        assert case.source.status == "placed"


def items_without_sku_travel(case: Case) -> None:
    """Check M12 of docs/money.md, but for lines that the copy takes otherwise on request."""
    requested = {
        one[name]
        for one in case.outcomes("requested")
        for name in ("source_line_item", "target_line_item")
    }
    for item_type in ("skus", "gift_cards"):
        old, new = (
            [
                (line.name, line.quantity, line.total_amount_cents)
                for line in lines
                if line.item_type == item_type
                and not line.sku_code
                and line.public_id not in requested
            ]
            for lines in (case.before, case.after)
        )
        assert old == new


def recreated_skus_are_found(case: Case) -> None:
    """Check M13 of docs/money.md."""
    for line in case.after:
        if line.sku_code:
            assert line.sku is not None
            assert line.sku.code == line.sku_code


def every_cent_has_an_outcome(case: Case) -> None:
    """Check M14 of docs/money.md."""
    changes: dict[str, int] = defaultdict(int)
    for one in case.order_copy.outcomes:
        for sign, side in ((-1, one["before"]), (1, one["after"])):
            if side and one["attribute"] == "line_items":
                changes[TOTAL_OF_TYPE[side["item_type"]]] += sign * side["total_amount_cents"]
                changes["total_tax_amount_cents"] += sign * side["tax_amount_cents"]
            elif side:
                for name, cents in side.items():
                    changes[name] += sign * cents if name.endswith("_cents") else 0
    before, after = stories.amounts(case.source), stories.amounts(case.target)
    for name in [*PARTIAL_TOTALS, "gift_card_amount_cents", "total_tax_amount_cents"]:
        assert changes[name] == after[name] - before[name], name
    total = sum(changes[name] for name in PARTIAL_TOTALS)
    assert total == after["total_amount_cents"] - before["total_amount_cents"]


@settings(unshrunk, max_examples=10)
@given(descriptions=batches)
@rolled_back
def test_copy_of_a_frozen_copy__equals_the_copy(descriptions: list[Description]) -> None:
    first = Builder(descriptions).build()
    firsts = run_plainly([order_copy.source_order for order_copy in first])
    seconds = run_plainly([one.target_order for one in firsts])
    for one, other in zip(firsts, seconds, strict=True):
        assert stories.amounts(other.target_order) == stories.amounts(one.target_order)
        assert rows(other.target_order) == rows(one.target_order)


@settings(unshrunk, max_examples=5)
@given(descriptions=batches)
@rolled_back
def test_recurring_copies__laws_hold_for_random_subscriptions(
    descriptions: list[Description],
) -> None:
    builder = Builder(descriptions)
    order_copies = builder.build()
    described = dict(zip([one.source_order_id for one in order_copies], descriptions, strict=True))
    subscriptions = builder.subscribe([one.source_order for one in order_copies])
    plans = planned(*subscriptions)
    ended = renewed_now(*subscriptions)
    lines = lines_of(order for one in ended for order in (one.source_order, one.target_order))
    for one, plan in zip(ended, plans, strict=True):
        equals_its_preview(one, plan)
        if one.target_order:
            source, target = one.source_order, one.target_order
            after = lines[target.pk]
            case = Case(described[source.pk], one, source, target, lines[source.pk], after)
            note(f"The order under test: {case.description}, {one.outcomes}")
            assert stories.amounts(target) == totals_of(after, tax_included=target.tax_included)
            assert min(stories.amounts(target).values()) == 0
            no_currency_crosses(case)
            free_means_zero(case)
            recreated_skus_are_found(case)
            lines_are_those_of_the_items(case)
            every_cent_has_an_outcome(case)
    assert audited() == []


def lines_are_those_of_the_items(case: Case) -> None:
    """Check that a line costs its pieces, is taxed by its rate, and is no discount."""
    for line in case.after:
        assert line.item_type in {"skus", "shipments", "payment_methods"}
        assert line.total_amount_cents == line.quantity * line.unit_amount_cents
        included = case.target.tax_included
        expected = tax_of(line.total_amount_cents, line.tax_rate, included=included)
        assert line.tax_amount_cents == expected


def run_plainly(sources: Iterable[Order | None]) -> list[OrderFactory]:
    """Run plain copies of orders; return those with a target."""
    order_copies = [OrderCopy(source_order=source) for source in sources if source]
    if not order_copies:
        return []
    copying.request_copies(order_copies, actor=stories.WHO)
    run_batch(worker="laws", limit=len(order_copies))
    keys = [order_copy.pk for order_copy in order_copies]
    found = OrderFactory.objects.select_related("target_order").filter(pk__in=keys)
    return [one for one in found.order_by("pk") if one.target_order]


def rows(order: Order) -> list[dict[str, Any]]:
    return list(order.line_items.order_by("pk").values("total_amount_cents", "tax_amount_cents"))
