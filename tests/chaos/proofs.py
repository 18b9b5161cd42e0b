"""What must be so once all is over."""

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from django.db.models import Count, F

from order_copies.events.models import Event
from order_copies.models import OpenPayment, OrderFactory, Status
from orders.models import Address, Authorization, LineItemOption, Order, StockItem
from tests.chaos.crowd import Clients
from tests.chaos.sources import LEFT
from tests.gateway.process import ROOT, FakeGateway

AUDIT = ("manage.py", "audit_order_copies", "--final", "--json")


def is_over() -> bool:
    """Whether nothing is left to do, neither for copies nor for what they were promised."""
    running = OrderFactory.objects.filter(status__in=[Status.PENDING, Status.IN_PROGRESS])
    unheard = Authorization.objects.filter(status=Authorization.Status.VOIDED, voided_at=None)
    return not (running.exists() or OpenPayment.objects.exists() or unheard.exists())


def complaints(sources: set[int], gateway: FakeGateway, log: Path) -> Iterator[str]:
    """All that is not as it must be."""
    yield from _audit()
    yield from _ledger(gateway)
    yield from _requests(log)
    yield from _orders(sources)
    yield from _belongings()
    yield from _last_pieces()
    yield from _reasons()


def _audit() -> Iterator[str]:
    process = subprocess.run(
        [sys.executable, *AUDIT], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False
    )
    for line in process.stdout.splitlines():
        yield "audit: {code}: {resource_type}/{resource_id} {message}".format(**json.loads(line))
    if process.returncode not in {0, 1}:
        yield f"audit: exit status {process.returncode}"


def _ledger(gateway: FakeGateway) -> Iterator[str]:
    """Exactly one live authorization for each that the shop has, and none besides."""
    live = Authorization.objects.filter(status=Authorization.Status.AUTHORIZED)
    known, promised = Counter(live.values_list("token", flat=True)), gateway.tokens()
    for token in known - promised:
        yield f"gateway: {token} is not live, and an order counts on it"
    entries = {one["token"]: one["idempotency_key"] for one in gateway.ledger()["authorizations"]}
    for token in promised - known:
        yield f"gateway: {token} of {entries[token]} is live, and no order knows it"


def _requests(log: Path) -> Iterator[str]:
    """Whoever was told that copies were asked for finds all of them; nobody finds some."""
    told = set(re.findall(r"^(client-\d+/\d+)$", log.read_text(), re.MULTILINE))
    asked = OrderFactory.objects.exclude(reference=None).order_by().values_list("reference")
    counts = dict(asked.annotate(count=Count("pk")))
    for reference in told - counts.keys():
        yield f"requests: {reference} was asked for and is lost"
    destroyed = Event.objects.filter(name="order_copies.destroy").count()
    found = sum(counts.values())
    if found + destroyed != Clients.SIZE * len(counts):
        yield f"requests: {found} copies and {destroyed} deleted ones of {len(counts)} requests"


def _orders(sources: set[int]) -> Iterator[str]:
    """There are no orders but those that there were, and one target a copy."""
    orphans = Order.objects.filter(source_order_factory=None).exclude(pk__in=sources)
    for order in orphans:
        yield f"orders: {order.public_id} is the target of no copy"


def _belongings() -> Iterator[str]:
    """Targets have the addresses and options of their sources, no more and no less."""
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
    """What was short is sold out."""
    short = StockItem.objects.filter(sku__line_items__order__reference="short").distinct()
    for item in short.exclude(reserved=F("quantity")):
        yield f"stock: {item.sku.code}: {item.reserved} reserved of {item.quantity}"
    if short.count() and short.filter(quantity=LEFT + 1).count() != short.count():
        yield "stock: somebody changed how many pieces there are"


def _reasons() -> Iterator[str]:
    """Nothing was given up for crashing: each kill came once, and each copy was tried again."""
    for order_copy in OrderFactory.objects.filter(status=Status.ABORTED):
        codes = {outcome["code"] for outcome in order_copy.outcomes}
        if codes & {"crashed", "shop_contract"}:
            yield f"copies: {order_copy} was given up: {order_copy.errors_log}"
