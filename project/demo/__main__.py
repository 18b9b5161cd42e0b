"""Prepare and serve the demo shop and copy one order, until Ctrl-C: ``python -m project.demo``."""

import os
import signal
import sys
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
django.setup()

from django.conf import settings  # noqa: E402

from order_copies.models import FINAL, OrderCopy  # noqa: E402
from order_copies.templatetags.order_copies_admin import money  # noqa: E402
from order_copies.transitions import RETRYABLE  # noqa: E402
from orders.demo.loader import first_copy  # noqa: E402
from orders.models import Order  # noqa: E402
from project.demo.client import Client  # noqa: E402
from project.demo.errors import DemoError  # noqa: E402
from project.demo.preparing import (  # noqa: E402
    HOST,
    PASSWORD,
    USERNAME,
    free_port,
    prepare_admin,
    prepare_application,
    prepare_shop,
)
from project.demo.processes import Processes, web_server  # noqa: E402

#: Seconds between two requests for the status of a copy, which stays below the rate limit.
POLL_INTERVAL = 0.5


def main() -> int:
    """Run the demo and return its exit status, which is 0 after Ctrl-C."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        with Processes() as processes:
            run(processes)
    except DemoError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.")
    return 0


def run(processes: Processes) -> None:
    """Run the whole demo. Never returns: Ctrl-C and errors end it with an exception."""
    if settings.PRODUCTION:
        message = (
            f"The demo's password, {PASSWORD}, is public: it does not start with PRODUCTION=1."
        )
        raise DemoError(message)
    port = free_port()
    prepare_shop()
    client = Client(f"http://{HOST}:{port}", prepare_application(prepare_admin()))
    print("Starting the web server and a worker ...")
    start(processes, port)
    processes.wait_until(client.is_served, what="Starting the web server", seconds=30)
    client.sign_in()
    show_copy(client, processes)
    print_addresses(client)
    processes.watch()


def start(processes: Processes, port: int) -> None:
    """Start the web server and the worker."""
    # The issuer of access tokens.
    os.environ["ORGANIZATION_DOMAIN"] = os.environ.get("ORGANIZATION_DOMAIN") or f"localhost:{port}"
    processes.start("web server", *web_server(f"{HOST}:{port}"))
    processes.start("worker", "manage.py", "order_copies_worker", "--verbosity", "0")


def show_copy(client: Client, processes: Processes) -> None:
    """Copy one order over HTTP, unless an earlier start has copied it, and print the result."""
    order = first_copy()
    if order is None:
        message = "The order that the demo copies was deleted. Start again with: make clean demo"
        raise DemoError(message)
    order_copy = earlier_copy(client, order)
    if order_copy is None:
        print(f"Copying order {order}: POST {client.address}/api/order_copies")
        order_copy = client.post("/api/order_copies", request_document(order)).data
    else:
        print(f"Order {order} was copied by an earlier start of the demo.")
    order_copy = wait_for(client, processes, order_copy)
    target_order = client.get(order_copy["relationships"]["target_order"]["links"]["related"]).data
    print(f"Order copy {order_copy['id']}: {in_words(target_order['attributes'])}")


def earlier_copy(client: Client, order: Order) -> dict[str, Any] | None:
    """Return the first copy of the order that can complete or has completed, if there is one."""
    order_copies = OrderCopy.objects.filter(source_order=order).exclude(status__in=RETRYABLE)
    # A copy that has ended without a target lost it: that order was deleted.
    order_copy = order_copies.exclude(status__in=FINAL, target_order=None).order_by("pk").first()
    return client.get(f"/api/order_copies/{order_copy.public_id}").data if order_copy else None


def request_document(order: Order) -> dict[str, Any]:
    """Return the document to POST for a copy of the order."""
    source_order = {"data": {"type": "orders", "id": order.public_id}}
    return {"data": {"type": "order_copies", "relationships": {"source_order": source_order}}}


def wait_for(client: Client, processes: Processes, order_copy: dict[str, Any]) -> dict[str, Any]:
    """Wait until the copy has ended, and return it. Raises ``DemoError`` unless it completed."""
    latest = order_copy

    def has_ended() -> bool:
        nonlocal latest
        latest = client.get(f"/api/order_copies/{order_copy['id']}").data
        return latest["attributes"]["status"] in FINAL

    processes.wait_until(has_ended, what="The copy", seconds=30, interval=POLL_INTERVAL)
    if latest["attributes"]["status"] != "completed":
        message = f"The copy did not complete: {latest['attributes']['errors_log']}"
        raise DemoError(message)
    return latest


def in_words(order: dict[str, Any]) -> str:
    """Return the outcome of a completed copy, with the amount as the admin shows it."""
    total = money(order["total_amount_with_taxes_cents"], order["currency_code"])
    return f"completed, target order #{order['number']}, {order['status']}, {total}"


def print_addresses(client: Client) -> None:
    """Print the addresses of the demo, how to get an access token, and how to stop."""
    print(f"""
The demo shop is running.

Admin:     {client.address}/admin/ (user {USERNAME}, password {PASSWORD})
API:       {client.address}/api/order_copies (access tokens are valid for two hours)

{client.curl_sign_in()}
{client.curl_get("/api/order_copies")}

API docs:  {client.address}/api/docs
Stop:      Ctrl-C stops everything.""")


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    sys.exit(main())
