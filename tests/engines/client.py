"""A process that requests copies, as its input says: ``python -m tests.engines.client``.

Each input line has the arguments of :func:`request` as JSON; each output line has its result.
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
    """Create an order unless there is one, and execute the requests of the input."""
    call_command("migrate", verbosity=0)
    source = Order.objects.order_by("pk").first() or placed_order()
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        print(json.dumps(request(source, **json.loads(line))), flush=True)


def request(
    source: Order, requests: int = 1, copies: int = 1, reference: str | None = None
) -> list[float]:
    """Send ``requests`` requests for ``copies`` copies each; return the seconds of each."""
    return [_seconds(source, copies, reference) for _ in range(requests)]


def _seconds(source: Order, copies: int, reference: str | None) -> float:
    order_copies = [OrderCopy(source_order=source, reference=reference) for _ in range(copies)]
    started = time.perf_counter()
    copying.request_copies(order_copies, actor={})
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
