"""Story: two processes are told to place one order at the same instant."""

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

#: Each click waits inside the gateway until the other one is there too.
CLICK = """
import sys, time
from pathlib import Path
import django
django.setup()
from orders.lifecycle.gateways import LocalGateway
from orders.models import Order
from orders.lifecycle.triggers import ORDER_ACTIONS, run_action
counter, me = Path(sys.argv[1]), sys.argv[2]
authorize = LocalGateway.authorize

def together(self, **wanted):
    (counter / me).touch()
    deadline = time.monotonic() + 30
    while len(list(counter.iterdir())) < 2 and time.monotonic() < deadline:
        time.sleep(0.001)
    answer = authorize(self, **wanted)
    print("authorized", answer.token)
    return answer

LocalGateway.authorize = together
LocalGateway.void = lambda self, token: print("voided", token)
answers = run_action(ORDER_ACTIONS["_place"], [Order.objects.get().pk], who={"click": me})
print("answers", answers)
"""


def test_two_clicks_at_the_same_instant_place_the_order_once(
    environment: dict[str, str], tmp_path: Path
) -> None:
    counter = tmp_path / "counter"
    counter.mkdir()

    clicks = [start(environment, "-c", CLICK, str(counter), me) for me in ("one", "other")]
    output = [click.communicate(timeout=60)[0] for click in clicks]

    assert output[0] == output[1]
    authorized, answers = output[0].splitlines()
    assert answers == "answers [[]]"
    assert rows(environment, "SELECT status, payment_status FROM orders_order") == [
        ("placed", "authorized")
    ]
    assert rows(environment, "SELECT token, status FROM orders_authorization") == [
        (authorized.split()[1], "authorized")
    ]
    assert rows(environment, "SELECT reserved FROM orders_stockitem") == [(1,)]
    assert rows(environment, "SELECT name FROM order_copies_events_event") == [("orders.place",)]
