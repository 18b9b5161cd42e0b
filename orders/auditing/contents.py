"""Audit the header, lines, options and addresses of a target order against its copy."""

from collections.abc import Iterator
from operator import itemgetter
from typing import Any

from django.utils.translation import gettext as _

from order_copies.models import Kind, OrderFactory
from order_copies.plans import Action
from order_copies.shops import Finding
from orders.auditing.facts import Facts, Head, Line
from orders.models import AddressRole

#: Header fields that a copy may leave out, with an outcome, and the value that the target then has.
OPTIONAL = {"coupon_code": "", "payment_source_id": None}
#: The values of a line that outcomes show, in the order of ``Line``.
shown = itemgetter(*Line._fields[1:7])
shown_before_tax = itemgetter(*Line._fields[1:6])
#: Header fields that every target has in common with its source.
SHARED = ("customer_id", "customer_email", "market_id", "currency_code", "tax_included")


def audit_contents(
    order_copy: OrderFactory, target: Head, source: Head | None, facts: Facts
) -> Iterator[Finding]:
    """Report where the target differs from what the copy wrote.

    If the lines differ, report nothing else.
    """
    lines = facts.lines[target.pk]
    if not _are_as_planned(order_copy, lines, facts.line_ids[target.pk]):
        message = _("has other lines than copy %(copy)s planned: compare it with its outcomes")
        yield _of(target, "lines_differ", message % {"copy": order_copy.public_id})
        return
    # An order that staff or customers changed after the copy cannot be compared any more.
    if source and is_as_left(target, order_copy) and is_as_left(source, order_copy):
        yield from _header(order_copy, target, source)
        yield from _addresses(order_copy, target, source, facts)
        if not is_recurring(order_copy):
            yield from _lines(order_copy, target, source, facts)


def is_recurring(order_copy: OrderFactory) -> bool:
    """Return whether the lines are the items of a subscription, and not those of the source."""
    return order_copy.type == Kind.RECURRING_ORDER_COPIES


def is_as_left(order: Head, order_copy: OrderFactory) -> bool:
    """Return whether the order is unchanged since the copy ended."""
    ended_at = order_copy.completed_at or order_copy.failed_at
    return ended_at is not None and order.updated_at <= ended_at


def line_outcomes(order_copy: OrderFactory) -> list[dict[str, Any]]:
    """Return the outcomes that are about lines."""
    return [outcome for outcome in order_copy.outcomes if outcome["attribute"] == "line_items"]


def _of(target: Head, code: str, message: str) -> Finding:
    return Finding(code, "orders", target.public_id, message)


def _are_as_planned(order_copy: OrderFactory, lines: list[Line], ids: list[str]) -> bool:
    written = [
        outcome for outcome in line_outcomes(order_copy) if outcome["action"] != Action.SKIPPED
    ]
    if [outcome["target_line_item"] for outcome in written] != ids:
        return False
    if all("tax_amount_cents" in outcome["after"] for outcome in written):
        return [shown(outcome["after"]) for outcome in written] == [line[1:7] for line in lines]
    # Outcomes of earlier versions do not show the tax.
    return [shown_before_tax(outcome["after"]) for outcome in written] == [
        line[1:6] for line in lines
    ]


def _header(order_copy: OrderFactory, target: Head, source: Head) -> Iterator[Finding]:
    expected = {name: getattr(source, name) for name in SHARED} | _optional(order_copy, source)
    if outcome := _outcome_of(order_copy, "customer_email"):
        expected |= outcome["after"]
        # Outcomes do not show keys.
        del expected["customer_id"]
    for name, value in expected.items():
        if getattr(target, name) != value:
            message = _("has another %(what)s than copy %(copy)s planned: check its outcomes")
            words = {"what": name.removesuffix("_id"), "copy": order_copy.public_id}
            yield _of(target, "belongings_differ", message % words)


def _optional(order_copy: OrderFactory, source: Head) -> dict[str, Any]:
    left_out = {outcome["attribute"] for outcome in order_copy.outcomes}
    expected = {
        name: empty if name.removesuffix("_id") in left_out else getattr(source, name)
        for name, empty in OPTIONAL.items()
    }
    if is_recurring(order_copy):
        expected["coupon_code"] = ""
    if order_copy.scheduled_for and "payment_source" not in left_out:
        # The subscription may name another entry of the wallet, and name yet another one now.
        del expected["payment_source_id"]
    return expected


def _outcome_of(order_copy: OrderFactory, attribute: str) -> dict[str, Any] | None:
    if not order_copy.changes:
        return None
    found = (outcome for outcome in order_copy.outcomes if outcome["attribute"] == attribute)
    return next(found, None)


def _addresses(
    order_copy: OrderFactory, target: Head, source: Head, facts: Facts
) -> Iterator[Finding]:
    planned = set(facts.roles[source.pk])
    for role in AddressRole.values:
        if outcome := _outcome_of(order_copy, f"{role}_address"):
            planned = planned | {role} if outcome["after"] else planned - {role}
    unmatched = planned ^ facts.roles[target.pk]
    for role in sorted(unmatched):
        message = _("and source of copy %(copy)s do not both have a %(role)s address: restore it")
        words = {"copy": order_copy.public_id, "role": role}
        yield _of(target, "addresses_differ", message % words)


def _lines(order_copy: OrderFactory, target: Head, source: Head, facts: Facts) -> Iterator[Finding]:
    outcomes = [outcome for outcome in line_outcomes(order_copy) if outcome["source_line_item"]]
    if len(outcomes) != len(facts.lines[source.pk]):
        return
    replaced = {line["id"] for line in order_copy.line_items or () if "sku_code" in line}
    written = iter(facts.lines[target.pk])
    for before, outcome in zip(facts.lines[source.pk], outcomes, strict=True):
        if outcome["action"] == Action.SKIPPED:
            continue
        after = next(written)
        words = {"name": outcome["name"], "copy": order_copy.public_id}
        code = outcome["after"].get("sku_code", before.sku_code)
        if before.sku_id != after.sku_id and after.current_sku_code != code:
            message = _("has another SKU for %(name)s than copy %(copy)s planned: correct it")
            yield _of(target, "skus_differ", message % words)
        if outcome["source_line_item"] in replaced:
            # Another article has no options.
            options_agree = not facts.options.get(after.id)
        else:
            options_agree = _options_agree(before, after, facts)
        if not options_agree:
            message = _("has other options of %(name)s than copy %(copy)s planned: restore them")
            yield _of(target, "options_differ", message % words)


def _options_agree(before: Line, after: Line, facts: Facts) -> bool:
    """Return whether the target line has the options of the source line for its quantity."""
    old, new = facts.options.get(before.id, []), facts.options.get(after.id, [])
    if before.quantity == after.quantity:
        return old == new
    return [_scaled(option.quantity, before, after) for option in old] == [
        option.quantity for option in new
    ]


def _scaled(quantity: int, before: Line, after: Line) -> int:
    """Return the quantity of an option in a line of another quantity.

    An option chosen for each piece changes with the line; another one keeps its quantity.
    """
    if quantity % before.quantity:
        return quantity
    return quantity // before.quantity * after.quantity
