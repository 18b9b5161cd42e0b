"""Prepare, serve, copy one order, and stay until Ctrl-C: ``python -m project.demo``."""

import os
import signal
import sys
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
django.setup()

from django.conf import settings  # noqa: E402

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

ENDED = {"completed", "failed", "aborted"}
#: Seconds between two looks at a copy: the API counts how often it is asked.
POLITE = 0.5


def main() -> int:
    """Run the demo; the exit status is 0 for a demo that somebody stopped."""
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
    """The demo from the beginning, without end."""
    if settings.PRODUCTION:
        message = f"Everybody knows the demo's password, {PASSWORD}: PRODUCTION=1 runs no demo."
        raise DemoError(message)
    port = free_port()
    print(f"Preparing the demo shop in {settings.DATABASES['default']['NAME']} ...")
    prepare_shop()
    client = Client(f"http://{HOST}:{port}", prepare_application(prepare_admin()))
    start(processes, port)
    processes.wait_until(client.is_served, what="Starting the web server", seconds=30)
    sign_in(client)
    order_copy = copy_one_order(client, processes)
    print_addresses(client, order_copy)
    processes.watch()


def start(processes: Processes, port: int) -> None:
    """Start the web server and the worker."""
    # What access tokens name as their issuer.
    os.environ["ORGANIZATION_DOMAIN"] = os.environ.get("ORGANIZATION_DOMAIN") or f"localhost:{port}"
    processes.start("web server", *web_server(f"{HOST}:{port}"))
    processes.start("worker", "manage.py", "order_copies_worker", "--verbosity", "0")


def sign_in(client: Client) -> None:
    """Get an access token, and show how."""
    print("\nAn access token is good for two hours; every start of the demo makes a new secret:\n")
    print(client.curl_sign_in())
    client.sign_in()


def copy_one_order(client: Client, processes: Processes) -> dict[str, Any]:
    """Ask for a copy as everybody would, and wait for it; return its resource."""
    order = first_copy()
    if order is None:
        message = "The order that the demo copies was deleted. Start afresh: make clean demo"
        raise DemoError(message)
    print(f"\nCopying order {order}, {order.public_id}:\n")
    document = request_document(order)
    print(client.curl_post("/api/order_copies", document), end="\n\n")
    answer = client.post("/api/order_copies", document)
    print(answer, end="\n\n")
    return wait_for(client, processes, answer.data)


def request_document(order: Order) -> dict[str, Any]:
    """What to POST for a copy of the order."""
    source_order = {"data": {"type": "orders", "id": order.public_id}}
    return {"data": {"type": "order_copies", "relationships": {"source_order": source_order}}}


def wait_for(client: Client, processes: Processes, order_copy: dict[str, Any]) -> dict[str, Any]:
    """Watch the copy until it has ended, and show what became of it."""
    seen = [order_copy]

    def has_ended() -> bool:
        now = client.get(f"/api/order_copies/{order_copy['id']}").data
        if now["attributes"]["status"] != seen[-1]["attributes"]["status"]:
            seen.append(now)
        return now["attributes"]["status"] in ENDED

    processes.wait_until(has_ended, what="The copy", seconds=30, interval=POLITE)
    statuses = [resource["attributes"]["status"] for resource in seen]
    print(f"Order copy {order_copy['id']}: {' -> '.join(statuses)}")
    if statuses[-1] != "completed":
        message = f"The copy did not complete: {seen[-1]['attributes']['errors_log']}"
        raise DemoError(message)
    print_target_order(client, seen[-1])
    return seen[-1]


def print_target_order(client: Client, order_copy: dict[str, Any]) -> None:
    """Show the new order in one line."""
    links = order_copy["relationships"]["target_order"]["links"]
    target = client.get(links["related"]).data
    shown = [target["attributes"].get(name) for name in ("status", "formatted_total_amount")]
    number = target["attributes"].get("number")
    print(f"Target order {target['id']}: #{number}, {', '.join(filter(None, shown))}")


def print_addresses(client: Client, order_copy: dict[str, Any]) -> None:
    """Where to go from here."""
    path = f"/api/order_copies/{order_copy['id']}"
    print(f"\nAdmin: {client.address}/admin/ (user {USERNAME}, password {PASSWORD})")
    print(f"API:   {client.address}/api/order_copies")
    print(f"\nTry:\n\n{client.curl_get(path)}\n\nThe worker is running. Ctrl-C stops everything.")


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    sys.exit(main())
