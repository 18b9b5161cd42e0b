"""Story: two processes place one order at the same instant."""

from pathlib import Path

from tests.acceptance.processes import rows, start

SHOP = """
import django
django.setup()
from django.db import transaction
from tests.factories import SkuFactory, pending_order
with transaction.atomic():
    pending_order(lines=[{"sku": SkuFactory(stock=5), "quantity": 1}])
"""

#: Each process waits inside the gateway until the other one has reached it too.
PLACE = """
import sys, time
from pathlib import Path
import django
django.setup()
from orders.lifecycle.gateways import LocalGateway
from orders.models import Order
from orders.lifecycle.triggers import ORDER_ACTIONS, run_action
arrived, me = Path(sys.argv[1]), sys.argv[2]
authorize = LocalGateway.authorize

def authorize_together(self, **parameters):
    (arrived / me).touch()
    deadline = time.monotonic() + 120
    while len(list(arrived.iterdir())) < 2 and time.monotonic() < deadline:
        time.sleep(0.001)
    response = authorize(self, **parameters)
    print("authorized", response.token)
    return response

LocalGateway.authorize = authorize_together
LocalGateway.void = lambda self, token: print("voided", token)
problems = run_action(ORDER_ACTIONS["_place"], [Order.objects.get().pk], who={"process": me})
print("problems", problems)
"""


def test_place__two_concurrent_requests_place_the_order_once(
    environment: dict[str, str], tmp_path: Path
) -> None:
    # given
    arrived = tmp_path / "arrived"
    arrived.mkdir()

    # when
    processes = [start(environment, "-c", PLACE, str(arrived), me) for me in ("one", "other")]
    output = [process.communicate(timeout=120)[0] for process in processes]

    # then
    assert output[0] == output[1]
    authorized, problems = output[0].splitlines()
    assert problems == "problems [[]]"
    assert rows(environment, "SELECT status, payment_status FROM orders_order") == [
        ("placed", "authorized")
    ]
    assert rows(environment, "SELECT token, status FROM orders_authorization") == [
        (authorized.split()[1], "authorized")
    ]
    assert rows(environment, "SELECT reserved FROM orders_stockitem") == [(1,)]
    assert rows(environment, "SELECT name FROM order_copies_events_event") == [("orders.place",)]
