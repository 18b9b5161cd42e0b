"""How far some copies are, told to a page that asks again until all have ended."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Self

from django.contrib.admin.sites import AdminSite
from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _

from order_copies import public_ids
from order_copies.models import OrderCopy, Status

#: How many copies one page can watch.
MAX_WATCHED = 200

ended_statuses = (Status.COMPLETED, Status.FAILED, Status.ABORTED)


class Progress:
    """How many of some copies are in which status."""

    def __init__(self, statuses: Iterable[str], url: str = "") -> None:
        self.counts = Counter(statuses)
        self.url = url
        self.total = self.counts.total()
        self.ended = sum(self.counts[status] for status in ended_statuses)

    @classmethod
    def of(cls, site: AdminSite, order_copies: Sequence[OrderCopy]) -> Self:
        """The progress of these copies, with the address that tells it again."""
        statuses = (order_copy.status for order_copy in order_copies)
        return cls(statuses, _url(site, "status", order_copies))

    @property
    def is_running(self) -> bool:
        """Whether there is something to wait for."""
        return self.ended < self.total

    @property
    def version(self) -> str:
        """Differs whenever a copy has moved on: copies move one way, unless they are retried."""
        return "-".join(str(self.counts[status]) for status in Status)

    def __str__(self) -> str:
        text = _("%(ended)s of %(total)s ended") % {"ended": self.ended, "total": self.total}
        ends = [
            f"{self.counts[status]} {status.label}"
            for status in ended_statuses
            if self.counts[status]
        ]
        return f"{text}: {', '.join(ends)}" if ends else text

    def as_json(self) -> dict[str, Any]:
        """What the script of the page reads."""
        return {
            "text": str(self),
            "ended": self.ended,
            "total": self.total,
            "version": self.version,
            "is_running": self.is_running,
        }


def batch_url(site: AdminSite, order_copies: Iterable[OrderCopy]) -> str:
    """The page that watches these copies."""
    return _url(site, "batch", order_copies)


def watched(queryset: "QuerySet[OrderCopy]", ids: str) -> "QuerySet[OrderCopy]":
    """Those copies of ``queryset`` that a list of public ids names, as far as it names any."""
    texts = list(dict.fromkeys(ids[: MAX_WATCHED * (public_ids.LENGTH + 1)].split(",")))
    keys = [public_ids.decode("order_factories", text) for text in texts]
    return queryset.filter(pk__in=[key for key in keys if key is not None])


def _url(site: AdminSite, view: str, order_copies: Iterable[OrderCopy]) -> str:
    ids = ",".join(order_copy.public_id for order_copy in order_copies)
    path = reverse(f"admin:order_copies_ordercopy_{view}", current_app=site.name)
    return f"{path}?ids={ids}"
