"""Audit all copies, their events, payments and orders for inconsistencies.

Rules that constraints of the database enforce are not checked again.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.utils import timezone

from order_copies.auditing.histories import Histories
from order_copies.auditing.payments import open_payments
from order_copies.auditing.states import look_at, why_not_over
from order_copies.db.transactions import consistent_reads
from order_copies.models import OrderFactory
from order_copies.shops import Finding, Shop, get_shop

__all__ = ["Audit"]

#: The number of copies that are read together. Each has one outcome per line of its source.
CHUNK = 500
#: How long a copy or a payment may wait before that is a finding.
PATIENCE = timedelta(minutes=15)


class Audit:
    """One audit of everything.

    It uses constant memory and a constant number of queries per chunk of copies, plus some per
    suspect. It only reads, each chunk in one snapshot of the database, so it may run while workers
    run.

    ``final``: every copy must have ended. Otherwise a copy may wait for a worker, and a payment may
    wait to be voided, for ``patience``. ``since``: skip copies that have not changed since then.
    """

    def __init__(
        self,
        *,
        final: bool = False,
        since: datetime | None = None,
        patience: timedelta = PATIENCE,
    ) -> None:
        self.final = final
        #: Copies and payments that have waited since before this instant are overdue.
        self.before = timezone.now() - (timedelta(0) if final else patience)
        self.since = since
        #: Numbers of copies checked and of findings so far.
        self.copies = self.findings = 0

    def run(self) -> Iterator[Finding]:
        """Yield the findings copy by copy, then those about payments and the shop as a whole."""
        for finding in self._run():
            self.findings += 1
            yield finding

    def _run(self) -> Iterator[Finding]:
        shop, last = get_shop(), 0
        while True:
            with consistent_reads():
                order_copies = self._chunk(last)
                found = list(self._look_at(order_copies, shop)) if order_copies else []
            yield from found
            if not order_copies:
                break
            self.copies += len(order_copies)
            last = order_copies[-1].pk
        yield from open_payments(self.before)
        yield from shop.audit_shop(self.before)

    def _chunk(self, last: int) -> list[OrderFactory]:
        order_copies = OrderFactory.objects.filter(pk__gt=last).order_by("pk").defer("metadata")
        if self.since is not None:
            order_copies = order_copies.filter(updated_at__gte=self.since)
        return list(order_copies[:CHUNK])

    def _look_at(self, order_copies: list[OrderFactory], shop: Shop) -> Iterator[Finding]:
        histories = Histories(order_copies)
        for order_copy in order_copies:
            yield from why_not_over(order_copy, self.before, final=self.final)
            yield from look_at(order_copy)
            yield from histories.look_at(order_copy)
        yield from shop.audit_copies(order_copies)
