"""Audit all copies, their events, payments, orders and subscriptions for inconsistencies.

Rules that constraints of the database enforce are not checked again.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from order_copies.auditing import subscriptions
from order_copies.auditing.histories import Histories
from order_copies.auditing.payments import open_payments
from order_copies.auditing.states import look_at, why_not_over
from order_copies.db.transactions import consistent_reads
from order_copies.models import OrderFactory, OrderSubscription
from order_copies.shops import Finding, Shop, get_shop

__all__ = ["Audit"]

#: The number of copies or subscriptions that are read together. A copy has one outcome per line.
CHUNK = 500
#: How long a copy or a payment may wait before that is a finding.
PATIENCE = timedelta(minutes=15)


class Audit:
    """One audit of everything.

    It uses constant memory and a constant number of queries per chunk of copies or subscriptions,
    plus some per suspect. It only reads, each chunk in one snapshot of the database, so it may run
    while workers run.

    ``final``: every copy must have ended. Otherwise a copy or a due subscription may wait for a
    worker, and a payment may wait to be voided, for ``patience``. ``since``: skip copies and
    subscriptions that have not changed since then.
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
        #: Numbers of copies and subscriptions checked, and of findings, so far.
        self.copies = self.order_subscriptions = self.findings = 0

    def run(self) -> Iterator[Finding]:
        """Yield the findings by copy, by subscription, then those about payments and the shop."""
        for finding in self._run():
            self.findings += 1
            yield finding

    def _run(self) -> Iterator[Finding]:
        shop, last = get_shop(), 0
        while True:
            with consistent_reads():
                order_copies = self._chunk_of(OrderFactory, last)
                found = list(self._look_at(order_copies, shop)) if order_copies else []
            yield from found
            if not order_copies:
                break
            self.copies += len(order_copies)
            last = order_copies[-1].pk
        yield from self._run_subscriptions()
        yield from open_payments(self.before)
        yield from shop.audit_shop(self.before)

    def _run_subscriptions(self) -> Iterator[Finding]:
        last = 0
        while True:
            with consistent_reads():
                chunk = self._chunk_of(OrderSubscription, last)
                found = list(subscriptions.look_at(chunk, self.before)) if chunk else []
            yield from found
            if not chunk:
                return
            self.order_subscriptions += len(chunk)
            last = chunk[-1].pk

    def _chunk_of(self, model: type[Any], last: int) -> list[Any]:
        rows = model.objects.filter(pk__gt=last).order_by("pk").defer("metadata")
        if self.since is not None:
            rows = rows.filter(updated_at__gte=self.since)
        return list(rows[:CHUNK])

    def _look_at(self, order_copies: list[OrderFactory], shop: Shop) -> Iterator[Finding]:
        histories = Histories(order_copies)
        for order_copy in order_copies:
            yield from why_not_over(order_copy, self.before, final=self.final)
            yield from look_at(order_copy)
            yield from histories.look_at(order_copy)
        yield from shop.audit_copies(order_copies)
