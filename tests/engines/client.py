"""A process that asks for copies, as its input says: ``python -m tests.engines.client``.

Each line is the keywords of :func:`ask` in JSON; so is each line of the output what it returns.
"""

import json
import sys
import time

import django

django.setup()

from django.core.management import call_command  # noqa: E402

from order_copies import copying  # noqa: E402
from order_copies.models import OrderCopy  # noqa: E402
from orders.models import Order  # noqa: E402
from tests.factories import placed_order  # noqa: E402


def main() -> None:
    """Make a shop of one order, unless there is one, and ask."""
    call_command("migrate", verbosity=0)
    source = Order.objects.order_by("pk").first() or placed_order()
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        print(json.dumps(ask(source, **json.loads(line))), flush=True)


def ask(
    source: Order, requests: int = 1, copies: int = 1, reference: str | None = None
) -> list[float]:
    """Ask so many times for so many copies; the seconds that each request took."""
    return [_seconds(source, copies, reference) for _ in range(requests)]


def _seconds(source: Order, copies: int, reference: str | None) -> float:
    wanted = [OrderCopy(source_order=source, reference=reference) for _ in range(copies)]
    started = time.perf_counter()
    copying.request_copies(wanted, who={})
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
