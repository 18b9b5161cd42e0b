"""Whether the row of a copy agrees with itself."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise

from django.utils.translation import gettext as _

from order_copies.models import OrderFactory, Status
from order_copies.plans import Action, errors_count
from order_copies.shops import Finding, get_shop

#: By how much the clocks of the machines of a shop may differ.
CLOCKS_DIFFER = timedelta(minutes=1)

STARTED = frozenset({Status.IN_PROGRESS, Status.FAILED, Status.COMPLETED})


def finding(order_copy: OrderFactory, code: str, message: str) -> Finding:
    """Something that is wrong with this copy."""
    return Finding(code, order_copy.type, order_copy.public_id, message)


def why_not_over(order_copy: OrderFactory, before: datetime, *, final: bool) -> Iterator[Finding]:
    """A copy that has not ended: where all must have, or if it waits since before that instant."""
    if order_copy.has_ended:
        return
    waiting_since = order_copy.lease_expires_at or order_copy.updated_at
    if final:
        message = _("is %(status)s: it has to end before it can be audited; let a worker run it")
        yield finding(order_copy, "not_final", message % {"status": order_copy.status})
    elif waiting_since < before:
        message = _("is %(status)s and waits for a worker since %(instant)s: is one running?")
        words = {"status": order_copy.status, "instant": f"{waiting_since:%Y-%m-%d %H:%M:%S %Z}"}
        yield finding(order_copy, "stuck", message % words)


def look_at(order_copy: OrderFactory) -> Iterator[Finding]:
    """What is wrong with a copy by itself."""
    yield from _target(order_copy)
    yield from _instants(order_copy)
    yield from _errors(order_copy)


def _target(order_copy: OrderFactory) -> Iterator[Finding]:
    if order_copy.status == Status.COMPLETED and _wrote_nothing(order_copy):
        message = _("completed, but wrote no target order: ask for another copy of its source")
        yield finding(order_copy, "target_missing", message)
    if order_copy.target_order_id is not None and not _may_have_target(order_copy):
        message = _("is %(status)s and has the target order %(order)s: does anybody need it?")
        order = get_shop().order_id(order_copy.target_order_id)
        words = {"status": order_copy.status, "order": order}
        yield finding(order_copy, "target_unexpected", message % words)


def _wrote_nothing(order_copy: OrderFactory) -> bool:
    """Whether there is no target, and no line to tell of one that was deleted since."""
    lines = [
        outcome["target_line_item"]
        for outcome in order_copy.outcomes
        if outcome["attribute"] == "line_items" and outcome["action"] != Action.SKIPPED
    ]
    return order_copy.target_order_id is None and bool(lines) and not any(lines)


def _may_have_target(order_copy: OrderFactory) -> bool:
    """A failed copy keeps what it wrote for repair, where it was then not placed or swapped."""
    is_kept = order_copy.place_target_order or order_copy.cancel_source_order
    return order_copy.status == Status.COMPLETED or (order_copy.status == Status.FAILED and is_kept)


def _instants(order_copy: OrderFactory) -> Iterator[Finding]:
    ended_at = [instant for instant in (order_copy.completed_at, order_copy.failed_at) if instant]
    if order_copy.status in STARTED and not (order_copy.started_at and order_copy.attempt):
        message = _("is %(status)s, but was never started: somebody changed the row by hand")
        yield finding(order_copy, "instants_disagree", message % {"status": order_copy.status})
    elif ended_at and order_copy.status not in {Status.COMPLETED, Status.FAILED}:
        message = _("is %(status)s, but has an instant of its end: somebody changed it by hand")
        yield finding(order_copy, "instants_disagree", message % {"status": order_copy.status})
    else:
        yield from _order_of_instants(order_copy, ended_at)


def _order_of_instants(order_copy: OrderFactory, ended_at: list[datetime]) -> Iterator[Finding]:
    started_at = [order_copy.started_at] if order_copy.started_at else []
    instants = [order_copy.created_at, *started_at, *ended_at]
    pairs = pairwise(instants)
    if any(later < earlier - CLOCKS_DIFFER for earlier, later in pairs):
        message = _("ended or started before it was asked for: set the clocks of your machines")
        yield finding(order_copy, "instants_disagree", message)


def _errors(order_copy: OrderFactory) -> Iterator[Finding]:
    log, has_failed = order_copy.errors_log, order_copy.status in {Status.FAILED, Status.ABORTED}
    words = {"status": order_copy.status, "counted": order_copy.errors_count}
    words["listed"] = errors_count(log)
    if words["counted"] != words["listed"]:
        message = _("counts %(counted)s errors and lists %(listed)s: set the count right")
        yield finding(order_copy, "errors_miscounted", message % words)
    if has_failed and not log:
        message = _("is %(status)s and does not say why: see the log of the worker")
        yield finding(order_copy, "reason_missing", message % words)
    if log and not has_failed and not _may_have_errors(order_copy):
        message = _("is %(status)s in spite of errors: see whether its target is what was wanted")
        yield finding(order_copy, "errors_unexpected", message % words)


def _may_have_errors(order_copy: OrderFactory) -> bool:
    return order_copy.status == Status.COMPLETED and order_copy.skip_errors
