"""Look at all copies, and at all that came of them, for what must never be.

What the database itself makes sure of, by its constraints, is not asked again.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.utils import timezone

from order_copies.auditing.histories import Histories
from order_copies.auditing.payments import open_payments
from order_copies.auditing.states import look_at, why_not_over
from order_copies.db.snapshots import one_moment
from order_copies.models import OrderFactory
from order_copies.shops import Finding, Shop, get_shop

__all__ = ["Audit"]

#: How many copies are looked at together. Each has an outcome for every line of its source.
CHUNK = 500
PATIENCE = timedelta(minutes=15)


class Audit:
    """One look at everything, in constant memory and, but for what looks wrong, a constant number
    of queries a chunk.

    It reads only, each chunk of copies as of one moment, so it can run beside the workers.

    ``final``: every copy must have ended; otherwise one may wait for a worker, and a payment for
    being given back, as long as ``patience`` says. ``since``: copies that have not changed since
    then are not looked at.
    """

    def __init__(
        self,
        *,
        final: bool = False,
        since: datetime | None = None,
        patience: timedelta = PATIENCE,
    ) -> None:
        self.final = final
        #: What waits since before then is overdue.
        self.before = timezone.now() - (timedelta(0) if final else patience)
        self.since = since
        #: How many copies were looked at, and how many findings there were, so far.
        self.copies = self.findings = 0

    def run(self) -> Iterator[Finding]:
        """What is wrong, copy by copy, and then with the shop as a whole."""
        for finding in self._run():
            self.findings += 1
            yield finding

    def _run(self) -> Iterator[Finding]:
        shop, last = get_shop(), 0
        while True:
            with one_moment():
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
