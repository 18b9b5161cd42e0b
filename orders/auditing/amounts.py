"""Audit the amounts of target orders by the rules of ``docs/money.md`` (M3, M8, M14)."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from django.utils.translation import gettext as _

from order_copies.models import OrderFactory
from order_copies.plans import Action
from order_copies.shops import Finding
from orders.auditing.contents import is_as_left, is_recurring, line_outcomes
from orders.auditing.facts import Facts, Head, Line
from orders.totals import GOODS, PARTIAL_TOTALS, PROMOTIONS, ItemType, amount_of_type

FREE_SHIPPING = ItemType.FREE_SHIPPING_PROMOTIONS
TAX = "total_tax_amount_cents"


def audit_amounts(
    order_copy: OrderFactory, target: Head, source: Head | None, facts: Facts
) -> Iterator[Finding]:
    """Report totals of the target that break a rule."""
    source = source if source and is_as_left(source, order_copy) else None
    if not _adds_up(order_copy, target, source, facts):
        message = _("has totals that differ from the sum of its lines: correct them")
        yield _of(target, "totals_differ", message)
    elif source and is_as_left(target, order_copy):
        yield from _unexplained(order_copy, target, source)
    if is_as_left(target, order_copy) and _is_recalculated(order_copy):
        yield from _discounts(target, facts.lines[target.pk])


def _of(target: Head, code: str, message: str) -> Finding:
    return Finding(code, "orders", target.public_id, message)


def _adds_up(order_copy: OrderFactory, target: Head, source: Head | None, facts: Facts) -> bool:
    """Return whether the totals are those of the lines plus amounts carried from the source.

    Totals of an imported source may contain amounts that no line explains.
    """
    if is_recurring(order_copy):
        return not facts.without_line(target)
    if source and _is_frozen(target, source, facts):
        return True
    extra = facts.without_line(target)
    if not extra:
        return True
    if any(outcome["action"] != Action.COPIED for outcome in line_outcomes(order_copy)):
        dropped = _dropped(order_copy)
        carried = facts.without_line(source) if source else extra
        return extra == {name: cents for name, cents in carried.items() if name not in dropped}
    return source is None or extra == facts.without_line(source)


def _is_frozen(target: Head, source: Head, facts: Facts) -> bool:
    """Return whether all amounts equal those of the source: most copies need no other check."""
    amounts, old = facts.lines[target.pk], facts.lines[source.pk]
    return (
        target.amounts == source.amounts
        and not source.gift_card_amount_cents
        and len(amounts) == len(old)
        and all(new[5:7] == was[5:7] for new, was in zip(amounts, old, strict=True))
    )


def _dropped(order_copy: OrderFactory) -> set[str]:
    outcomes = (
        outcome for outcome in order_copy.outcomes if outcome["code"] == "amount_without_line"
    )
    return {name for outcome in outcomes for name in outcome["before"]}


def _unexplained(order_copy: OrderFactory, target: Head, source: Head) -> Iterator[Finding]:
    """Report changes of totals that no outcome explains (M14)."""
    changes = _changes(order_copy)
    if changes is None or (not changes and target.amounts == source.amounts):
        return
    before, after = source.totals, target.totals
    names = [
        name
        for name in (*PARTIAL_TOTALS, "gift_card_amount_cents", TAX)
        if after[name] - before[name] != changes.get(name, 0)
    ]
    if names:
        message = _("has another %(names)s than copy %(copy)s explains: see its outcomes")
        words = {"names": ", ".join(names), "copy": order_copy.public_id}
        yield _of(target, "change_without_outcome", message % words)


def _changes(order_copy: OrderFactory) -> dict[str, int] | None:
    """Return the cents that the outcomes change, by total; None if they do not show the tax."""
    changes: dict[str, int] = defaultdict(int)
    for outcome in order_copy.outcomes:
        if outcome["action"] == Action.COPIED:
            continue
        for sign, side in ((-1, outcome["before"]), (1, outcome["after"])):
            if side and outcome["attribute"] == "line_items":
                if "tax_amount_cents" not in side:
                    return None
                changes[amount_of_type[side["item_type"]]] += sign * side["total_amount_cents"]
                changes[TAX] += sign * side["tax_amount_cents"]
            elif side:
                for name in side:
                    if name.endswith("_cents"):
                        changes[name] += sign * side[name]
    return changes


def _is_recalculated(order_copy: OrderFactory) -> bool:
    """Return whether goods changed or discounts were recalculated."""
    kinds = GOODS | PROMOTIONS
    return any(
        outcome["action"] != Action.COPIED
        and outcome["code"] != "coupon_left_out"
        and (outcome["before"] or outcome["after"])["item_type"] in kinds
        for outcome in line_outcomes(order_copy)
    )


def _discounts(target: Head, lines: Sequence[Line]) -> Iterator[Finding]:
    """Report discounts that exceed their base (M3), and shipping that is waived twice (M8)."""
    sums: dict[str, int] = defaultdict(int)
    reductions = 0
    for line in lines:
        sums[line.item_type] += line.total_amount_cents
        if line.item_type == ItemType.ADJUSTMENTS:
            reductions += min(0, line.total_amount_cents)
    on_goods = sum(sums[kind] for kind in PROMOTIONS - {FREE_SHIPPING})
    if -on_goods > max(0, sums[ItemType.SKUS] + reductions):
        message = _("has discounts that exceed its goods: reduce them")
        yield _of(target, "discount_exceeds_goods", message)
    if -sums[FREE_SHIPPING] > max(0, sums[ItemType.SHIPMENTS]):
        message = _("waives more shipping than it has: reduce its free-shipping discounts")
        yield _of(target, "shipping_waived_twice", message)
