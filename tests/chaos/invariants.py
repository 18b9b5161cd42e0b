"""The invariants of the shop, checked when all work is done."""

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from django.db.models import Count, F
from django.utils import timezone

from order_copies.events.models import Event
from order_copies.models import OpenPayment, OrderFactory, OrderSubscription, Status
from orders.models import Address, Authorization, LineItemOption, Order, StockItem
from tests.chaos.processes import Clients
from tests.chaos.sources import LEFT, SLOTS
from tests.gateway.process import ROOT, FakeGateway

HOUR = timedelta(hours=1)
AUDIT = ("manage.py", "audit_order_copies", "--final", "--json")


def is_over() -> bool:
    """Return whether no copy is running and no authorization is unsettled."""
    running = OrderFactory.objects.filter(status__in=[Status.PENDING, Status.IN_PROGRESS])
    unvoided = Authorization.objects.filter(status=Authorization.Status.VOIDED, voided_at=None)
    due = OrderSubscription.objects.due(timezone.now())
    renewing = OrderSubscription.objects.filter(status="running") | due
    return not any(one.exists() for one in (running, OpenPayment.objects.all(), unvoided, renewing))


def violations(sources: set[int], gateway: FakeGateway, log: Path) -> Iterator[str]:
    """Yield a message for each violated invariant."""
    yield from _audit()
    yield from _ledger(gateway)
    yield from _requests(log)
    yield from _orders(sources)
    yield from _addresses_and_options()
    yield from _last_pieces()
    yield from _reasons()
    yield from _subscriptions()


def _audit() -> Iterator[str]:
    process = subprocess.run(
        [sys.executable, *AUDIT], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False
    )
    for line in process.stdout.splitlines():
        yield "audit: {code}: {resource_type}/{resource_id} {message}".format(**json.loads(line))
    if process.returncode not in {0, 1}:
        yield f"audit: exit status {process.returncode}"


def _ledger(gateway: FakeGateway) -> Iterator[str]:
    """The live authorizations of the gateway are exactly those of the shop."""
    live = Authorization.objects.filter(status=Authorization.Status.AUTHORIZED)
    known, live_tokens = Counter(live.values_list("token", flat=True)), gateway.tokens()
    for token in known - live_tokens:
        yield f"gateway: {token} is not live, although an order has it"
    entries = {one["token"]: one["idempotency_key"] for one in gateway.ledger()["authorizations"]}
    for token in live_tokens - known:
        yield f"gateway: {token} of {entries[token]} is live, although no order has it"


def _requests(log: Path) -> Iterator[str]:
    """All copies of each committed request exist, and no request exists in part."""
    committed = set(re.findall(r"^(client-\d+/\d+)$", log.read_text(), re.MULTILINE))
    requested = OrderFactory.objects.exclude(reference=None).order_by().values_list("reference")
    counts = dict(requested.annotate(count=Count("pk")))
    for reference in committed - counts.keys():
        yield f"requests: {reference} was committed and is lost"
    destroyed = Event.objects.filter(name="order_copies.destroy").count()
    found = sum(counts.values())
    if found + destroyed != Clients.SIZE * len(counts):
        yield f"requests: {found} copies and {destroyed} deleted ones of {len(counts)} requests"


def _orders(sources: set[int]) -> Iterator[str]:
    """Every new order is the target of a copy."""
    orphans = Order.objects.filter(source_order_factory=None).exclude(pk__in=sources)
    for order in orphans:
        yield f"orders: {order.public_id} is the target of no copy"


def _addresses_and_options() -> Iterator[str]:
    """Targets have as many addresses and options as their sources."""
    for model, order in ((Address, "order"), (LineItemOption, "line_item__order")):
        rows = model._default_manager.order_by().values_list(order)
        counts = Counter(dict(rows.annotate(count=Count("pk"))))
        frozen = OrderFactory.objects.filter(
            status=Status.COMPLETED, errors_count=0, source_order__isnull=False
        )
        for source, target in frozen.values_list("source_order", "target_order"):
            if counts[source] != counts[target]:
                numbers = f"{counts[source]} of {source}, {counts[target]} of {target}"
                yield f"{model.__name__}: {numbers}"


def _last_pieces() -> Iterator[str]:
    """The SKUs with few pieces are sold out."""
    short = StockItem.objects.filter(sku__line_items__order__reference="short").distinct()
    for item in short.exclude(reserved=F("quantity")):
        yield f"stock: {item.sku.code}: {item.reserved} reserved of {item.quantity}"
    if short.count() and short.filter(quantity=LEFT + 1).count() != short.count():
        yield "stock: the number of pieces was changed"


def _reasons() -> Iterator[str]:
    """No copy was aborted for crashes: a kill is no crash of the copy, and is retried."""
    for order_copy in OrderFactory.objects.filter(status=Status.ABORTED):
        codes = {outcome["code"] for outcome in order_copy.outcomes}
        if codes & {"crashed", "shop_contract"}:
            yield f"copies: {order_copy} was aborted: {order_copy.errors_log}"


def _subscriptions() -> Iterator[str]:
    """Each slot up to the last one has one copy, and the counters are those of the events."""
    ours = OrderSubscription.objects.filter(source_order__reference_origin="chaos")
    for one in ours.order_by("pk"):
        copies = one.order_factories.order_by("scheduled_for")
        slots = list(copies.values_list("scheduled_for", flat=True))
        if one.status != "active" or len(slots) < SLOTS:
            yield f"subscription {one.pk}: is {one.status} after {len(slots)} slots"
        if slots != [one.anchor_at + number * HOUR for number in range(len(slots))]:
            yield f"subscription {one.pk}: has no copy of a slot"
        events = Event.objects.filter(resource_type="order_subscriptions", resource_id=str(one.pk))
        failed = events.filter(name="order_subscriptions.last_run_failed").count()
        if (one.occurrencies, one.errors_count) != (len(slots), failed):
            numbers = f"{one.occurrencies} runs and {one.errors_count} errors"
            yield f"subscription {one.pk}: counts {numbers} of {len(slots)} and {failed}"
