"""Audit that the events of a copy lead to its status."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from django.utils.translation import gettext as _

from order_copies.auditing.states import finding
from order_copies.events.models import Event
from order_copies.models import Kind, OrderFactory, Status
from order_copies.shops import Finding
from order_copies.transitions import TRANSITIONS


class Histories:
    """The events of a chunk of copies. The oldest ones may have been pruned."""

    def __init__(self, order_copies: Sequence[OrderFactory]) -> None:
        of_copies = Event.objects.filter(resource_type__in=Kind.values)
        oldest = of_copies.order_by("pk").values_list("created_at", flat=True).first()
        self._kept_since = oldest
        self._verbs: dict[str, list[str]] = defaultdict(list)
        keys = [str(order_copy.pk) for order_copy in order_copies]
        events = of_copies.filter(resource_id__in=keys).order_by("pk")
        for key, name in events.values_list("resource_id", "name"):
            verb = name.rpartition(".")[2]
            if verb in TRANSITIONS:
                self._verbs[key].append(verb)

    def look_at(self, order_copy: OrderFactory) -> Iterator[Finding]:
        """Yield a finding if the events of ``order_copy`` do not lead to its status."""
        verbs = self._verbs[str(order_copy.pk)]
        is_whole = self._kept_since is not None and order_copy.created_at >= self._kept_since
        if (verbs or is_whole) and _result(verbs, is_whole=is_whole) != order_copy.status:
            message = _("is %(status)s, but its events are: %(events)s. See the log of the worker")
            words = {"status": order_copy.status, "events": ", ".join(verbs) or _("nothing")}
            yield finding(order_copy, "events_disagree", message % words)


def _result(verbs: Sequence[str], *, is_whole: bool) -> Status | None:
    # The status that these events lead to, or None if they cannot follow one another.
    status: Status | None = None
    for index, verb in enumerate(verbs):
        transition = TRANSITIONS[verb]
        if status not in transition.sources and (is_whole or index):
            return None
        status = transition.target
    return status
