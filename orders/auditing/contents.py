"""Whether a target order has the header, lines, options and addresses that its copy wrote."""

from collections.abc import Iterator
from operator import itemgetter
from typing import Any

from django.utils.translation import gettext as _

from order_copies.models import OrderFactory
from order_copies.plans import Action
from order_copies.shops import Finding
from orders.auditing.facts import Facts, Head, Line

#: Header fields that may stay behind, named by an outcome; the target then has nothing there.
OPTIONAL = {"coupon_code": "", "payment_source_id": None}
#: What outcomes show of a line, in the order of ``Line``.
shown = itemgetter(*Line._fields[1:7])
shown_before_tax = itemgetter(*Line._fields[1:6])
#: Header fields that every copy has in common with its source.
SHARED = ("customer_id", "customer_email", "market_id", "currency_code", "tax_included")


def audit_contents(
    order_copy: OrderFactory, target: Head, source: Head | None, facts: Facts
) -> Iterator[Finding]:
    """Report where the target differs from what the copy wrote; where lines do, only those."""
    lines = facts.lines[target.pk]
    if not _are_as_planned(order_copy, lines, facts.line_ids[target.pk]):
        message = _("has other lines than copy %(copy)s planned: compare it with its outcomes")
        yield _of(target, "lines_differ", message % {"copy": order_copy.public_id})
        return
    # Staff and customers may change orders afterwards; then the two cannot be compared.
    if source and is_as_left(target, order_copy) and is_as_left(source, order_copy):
        yield from _header(order_copy, target, source)
        yield from _addresses(order_copy, target, source, facts)
        yield from _lines(order_copy, target, source, facts)


def is_as_left(order: Head, order_copy: OrderFactory) -> bool:
    """Return whether the order was not changed since the copy ended."""
    ended_at = order_copy.completed_at or order_copy.failed_at
    return ended_at is not None and order.updated_at <= ended_at


def line_outcomes(order_copy: OrderFactory) -> list[dict[str, Any]]:
    """Return the outcomes of lines."""
    return [one for one in order_copy.outcomes if one["attribute"] == "line_items"]


def _of(target: Head, code: str, message: str) -> Finding:
    return Finding(code, "orders", target.public_id, message)


def _are_as_planned(order_copy: OrderFactory, lines: list[Line], ids: list[str]) -> bool:
    written = [one for one in line_outcomes(order_copy) if one["action"] != Action.SKIPPED]
    if [one["target_line_item"] for one in written] != ids:
        return False
    if all("tax_amount_cents" in one["after"] for one in written):
        return [shown(one["after"]) for one in written] == [line[1:7] for line in lines]
    # Outcomes that were written by earlier versions do not show the tax.
    return [shown_before_tax(one["after"]) for one in written] == [line[1:6] for line in lines]


def _header(order_copy: OrderFactory, target: Head, source: Head) -> Iterator[Finding]:
    left = {one["attribute"] for one in order_copy.outcomes}
    expected = {name: getattr(source, name) for name in (*SHARED, *OPTIONAL)}
    expected |= {
        name: nothing for name, nothing in OPTIONAL.items() if name.removesuffix("_id") in left
    }
    for name, value in expected.items():
        if getattr(target, name) != value:
            message = _("has another %(what)s than copy %(copy)s planned: see its outcomes")
            words = {"what": name.removesuffix("_id"), "copy": order_copy.public_id}
            yield _of(target, "belongings_differ", message % words)


def _addresses(
    order_copy: OrderFactory, target: Head, source: Head, facts: Facts
) -> Iterator[Finding]:
    missing = facts.roles[source.pk] ^ facts.roles[target.pk]
    for role in sorted(missing):
        message = _("and source of copy %(copy)s do not both have a %(role)s address: restore it")
        words = {"copy": order_copy.public_id, "role": role}
        yield _of(target, "addresses_differ", message % words)


def _lines(order_copy: OrderFactory, target: Head, source: Head, facts: Facts) -> Iterator[Finding]:
    outcomes = [one for one in line_outcomes(order_copy) if one["source_line_item"]]
    if len(outcomes) != len(facts.lines[source.pk]):
        return
    written = iter(facts.lines[target.pk])
    for before, one in zip(facts.lines[source.pk], outcomes, strict=True):
        if one["action"] == Action.SKIPPED:
            continue
        after = next(written)
        words = {"name": one["name"], "copy": order_copy.public_id}
        if before.sku_id != after.sku_id and after.current_sku_code != before.sku_code:
            message = _("has another SKU for %(name)s than copy %(copy)s planned: set it right")
            yield _of(target, "skus_differ", message % words)
        if not _options_agree(before, after, facts):
            message = _("has other options of %(name)s than copy %(copy)s planned: restore them")
            yield _of(target, "options_differ", message % words)


def _options_agree(before: Line, after: Line, facts: Facts) -> bool:
    """Whether the target line has the options of the source line, for as many pieces."""
    old, new = facts.options.get(before.id, []), facts.options.get(after.id, [])
    if before.quantity == after.quantity:
        return old == new
    return [_shrunk(option.quantity, before, after) for option in old] == [
        option.quantity for option in new
    ]


def _shrunk(quantity: int, before: Line, after: Line) -> int:
    """The quantity of an option in a reduced line: those of each piece shrink with it."""
    if quantity % before.quantity:
        return quantity
    return quantity // before.quantity * after.quantity
