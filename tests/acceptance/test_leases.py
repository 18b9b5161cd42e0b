"""Story: a worker renews its leases while it works, and loses them when it hangs."""

import json

import pytest

from tests.acceptance.processes import run

SHOP = """
import django
django.setup()
from order_copies import copying
from order_copies.models import OrderCopy
from tests.factories import placed_order
copying.request_copies([OrderCopy(source_order=placed_order()) for _ in range(3)], actor={})
"""

SLOW = """
import json, threading, time
import django
django.setup()
from django.conf import settings
from django.db import connection
from order_copies import copying
from order_copies.models import OrderFactory
from order_copies.worker.run import run_batch
from orders.models import Order
from tests.acceptance.shops import PATH, InterferedShop

settings.ORDER_COPIES |= {"SHOP": PATH, "LEASE": 0.6, "BATCH_TIME_LIMIT": SECONDS}
claims = []

def claim():
    claims.append(run_batch("w2").claimed)
    connection.close()

def be_slow(_):
    InterferedShop.before.clear()
    for _ in range(4):
        time.sleep(0.5)
        thread = threading.Thread(target=claim)
        thread.start()
        thread.join()

InterferedShop.before["plan"] = be_slow
batch = run_batch("w1")
print(json.dumps([
    batch.ends,
    claims,
    list(OrderFactory.objects.order_by("pk").values_list("attempt", "status")),
    Order.objects.count(),
]))
"""

COMPLETED = [[1, "completed"]] * 3


def test_lease__renewed_while_a_long_batch_runs(
    environment: dict[str, str],
) -> None:
    printed = run(environment, SLOW.replace("SECONDS", "60"))

    assert json.loads(printed) == [{"completed": 3}, [0, 0, 0, 0], COMPLETED, 6]


def test_lease__lost_when_the_batch_exceeds_its_time_limit(
    environment: dict[str, str],
) -> None:
    # when
    printed = run(environment, SLOW.replace("SECONDS", "0.1"))

    # then
    ends, claims, copies, orders = json.loads(printed)
    assert ends == {"lost": 3}
    assert sorted(claims) == [0, 1, 1, 1]
    assert copies == [[2, "completed"]] * 3
    assert orders == 6


DEADLOCKING = """
import json
import django
django.setup()
from django.conf import settings
from django.db import OperationalError, connection
from order_copies import copying
from order_copies.models import OrderFactory
from order_copies.worker.run import run_batch
from tests.acceptance.shops import PATH, InterferedShop

settings.ORDER_COPIES |= {"SHOP": PATH, "LEASE": LEASE}
deadlocks = [OperationalError(1213, "Deadlock found")] * COUNT

def deadlock(_):
    if deadlocks:
        raise deadlocks.pop()

InterferedShop.before["write"] = deadlock
try:
    ends = run_batch("w1").ends
except OperationalError as error:
    ends = str(error)
print(json.dumps([ends, list(OrderFactory.objects.values_list("attempt", "status"))]))
"""


@pytest.mark.parametrize(
    ("lease", "count", "ends", "copy"),
    [
        ("60", "3", {"completed": 3}, [1, "completed"]),
        ("0.3", "100", {"to retry": 3}, [1, "in_progress"]),
    ],
)
def test_deadlocks__retried_without_another_attempt(
    environment: dict[str, str], lease: str, count: str, ends: object, copy: list[object]
) -> None:
    # given
    script = DEADLOCKING.replace('LEASE": LEASE', f'LEASE": {lease}').replace("COUNT", count)

    # when
    printed = run(environment, script)

    # then
    assert json.loads(printed) == [ends, [copy] * 3]
