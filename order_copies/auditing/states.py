"""Audit that the columns of a copy are consistent with each other."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise

from django.utils.translation import gettext as _

from order_copies.models import OrderFactory, Status
from order_copies.plans import Action, errors_count
from order_copies.shops import Finding, get_shop

#: Tolerated difference between the clocks of a shop's machines.
CLOCKS_DIFFER = timedelta(minutes=1)

#: Statuses of a copy that has started.
STARTED = frozenset({Status.IN_PROGRESS, Status.FAILED, Status.COMPLETED})


def finding(order_copy: OrderFactory, code: str, message: str) -> Finding:
    """Return a finding about ``order_copy``."""
    return Finding(code, order_copy.type, order_copy.public_id, message)


def why_not_over(order_copy: OrderFactory, before: datetime, *, final: bool) -> Iterator[Finding]:
    """Yield a finding if the copy has not ended, but should have.

    With ``final`` every copy must have ended; otherwise it may wait since ``before``, not longer.
    """
    if order_copy.has_ended:
        return
    waiting_since = order_copy.lease_expires_at or order_copy.updated_at
    if final:
        message = _("is %(status)s and must end before the audit: start a worker")
        yield finding(order_copy, "not_final", message % {"status": order_copy.status})
    elif waiting_since < before:
        message = _("is %(status)s and has waited for a worker since %(instant)s: start a worker")
        words = {"status": order_copy.status, "instant": f"{waiting_since:%Y-%m-%d %H:%M:%S %Z}"}
        yield finding(order_copy, "stuck", message % words)


def look_at(order_copy: OrderFactory) -> Iterator[Finding]:
    """Yield the inconsistencies between the columns of ``order_copy``. Runs no query."""
    yield from _target(order_copy)
    yield from _instants(order_copy)
    yield from _errors(order_copy)


def _target(order_copy: OrderFactory) -> Iterator[Finding]:
    if order_copy.status == Status.COMPLETED and _wrote_nothing(order_copy):
        message = _("completed, but wrote no target order: copy its source order again")
        yield finding(order_copy, "target_missing", message)
    if order_copy.target_order_id is not None and not _may_have_target(order_copy):
        message = _("is %(status)s and has the target order %(order)s: check whether to keep it")
        order = get_shop().order_id(order_copy.target_order_id)
        words = {"status": order_copy.status, "order": order}
        yield finding(order_copy, "target_unexpected", message % words)


def _wrote_nothing(order_copy: OrderFactory) -> bool:
    # If the target was deleted later, the outcomes still have the ids of its lines.
    lines = [
        outcome["target_line_item"]
        for outcome in order_copy.outcomes
        if outcome["attribute"] == "line_items" and outcome["action"] != Action.SKIPPED
    ]
    return order_copy.target_order_id is None and bool(lines) and not any(lines)


def _may_have_target(order_copy: OrderFactory) -> bool:
    # A failed copy keeps its target for repair if placing or cancelling was refused.
    is_kept = order_copy.place_target_order or order_copy.cancel_source_order
    return order_copy.status == Status.COMPLETED or (order_copy.status == Status.FAILED and is_kept)


def _instants(order_copy: OrderFactory) -> Iterator[Finding]:
    ended_at = [instant for instant in (order_copy.completed_at, order_copy.failed_at) if instant]
    if order_copy.status in STARTED and not (order_copy.started_at and order_copy.attempt):
        message = _("is %(status)s, but was never started: the row was changed by hand")
        yield finding(order_copy, "instants_disagree", message % {"status": order_copy.status})
    elif ended_at and order_copy.status not in {Status.COMPLETED, Status.FAILED}:
        message = _("is %(status)s, but has the time of its end: the row was changed by hand")
        yield finding(order_copy, "instants_disagree", message % {"status": order_copy.status})
    else:
        yield from _order_of_instants(order_copy, ended_at)


def _order_of_instants(order_copy: OrderFactory, ended_at: list[datetime]) -> Iterator[Finding]:
    started_at = [order_copy.started_at] if order_copy.started_at else []
    instants = [order_copy.created_at, *started_at, *ended_at]
    pairs = pairwise(instants)
    if any(later < earlier - CLOCKS_DIFFER for earlier, later in pairs):
        message = _("ended or started before it was created: set the clocks of your machines")
        yield finding(order_copy, "instants_disagree", message)


def _errors(order_copy: OrderFactory) -> Iterator[Finding]:
    log, has_failed = order_copy.errors_log, order_copy.status in {Status.FAILED, Status.ABORTED}
    words = {"status": order_copy.status, "counted": order_copy.errors_count}
    words["listed"] = errors_count(log)
    if words["counted"] != words["listed"]:
        message = _("counts %(counted)s errors and lists %(listed)s: correct the count")
        yield finding(order_copy, "errors_miscounted", message % words)
    if has_failed and not log:
        message = _("is %(status)s without a reason: see the log of the worker")
        yield finding(order_copy, "reason_missing", message % words)
    if log and not has_failed and not _may_have_errors(order_copy):
        message = _("is %(status)s although it has errors: check its target order")
        yield finding(order_copy, "errors_unexpected", message % words)


def _may_have_errors(order_copy: OrderFactory) -> bool:
    return order_copy.status == Status.COMPLETED and order_copy.skip_errors
