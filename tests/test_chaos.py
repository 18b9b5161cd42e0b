"""The kill points of the chaos suite are steps that workers and clients reach."""

from collections.abc import Iterator
from functools import partial
from random import Random

import pytest
from django.conf import LazySettings
from django.db.models import F
from django.utils import timezone

from order_copies.models import OrderCopy, OrderSubscription
from order_copies.worker.run import run_batch
from orders.models import Order, StockItem
from tests import stories
from tests.chaos import client, kill_points, shop
from tests.chaos.kill_points import CLIENT_STEPS, FREEZING, RARE, STEPS, KillPoint
from tests.factories import PaymentSourceFactory, SkuFactory, pending_order, placed_order
from tests.gateway.process import gateway_process

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def reached(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The steps that were reached, in order. No process is killed."""
    steps: list[str] = []
    for module in (client, shop):
        monkeypatch.setattr(module, "reached", steps.append)
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"SHOP": "tests.chaos.shop.KillPointShop"}
    with gateway_process() as gateway:
        settings.ORDERS_GATEWAY = "tests.chaos.shop.ShortTimeoutGateway"
        settings.ORDERS_GATEWAY_URL = gateway.url
        yield steps


def test_worker__reaches_every_kill_point(
    reached: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a subscription, a swap, and a copy whose last piece is sold after the authorization
    sku = SkuFactory(stock=1)

    def sell_out(step: str) -> None:
        reached.append(step)
        if step == "before place":
            StockItem.objects.filter(sku=sku).update(reserved=F("quantity"))

    monkeypatch.setattr(shop, "reached", sell_out)
    due = dict.fromkeys(("anchor_at", "next_run_at", "due_at"), timezone.now())
    OrderSubscription.objects.create(
        source_order=placed_order(), frequency="hourly", status="active", **due
    )
    stories.requested(placed_order(), place_target_order=True, cancel_source_order=True)
    stories.requested(pending_order(lines=[{"sku": sku}]), place_target_order=True)

    # when
    run_batch("w1")

    # then
    of_workers = [step for step in reached if step in STEPS]
    assert list(dict.fromkeys(of_workers)) == list(STEPS)
    assert set(FREEZING) < set(STEPS)


def test_client__reaches_every_kill_point(reached: list[str]) -> None:
    # given
    source = placed_order()
    placed = stories.copied(source, place_target_order=True)
    left = stories.copied(
        pending_order(payment_source=PaymentSourceFactory(token="declined_1")),
        place_target_order=True,
    )
    Order.objects.filter(pk=left.target_order_id).update(payment_source=PaymentSourceFactory())
    del reached[:]

    # when
    client.request("client-0/0", lambda: [OrderCopy(source_order=source, reference="client-0/0")])
    for act in (client._place, client._cancel):
        act(Random(0))

    # then
    assert sorted(set(reached)) == sorted(CLIENT_STEPS)
    assert set(RARE) < {*STEPS, *CLIENT_STEPS}
    statuses = {stories.target_of(stories.fresh(one)).status for one in (placed, left)}
    assert statuses == {"placed", "cancelled"}


def test_client__requests_each_reference_once(
    reached: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    # given
    source = placed_order()
    make_copies = partial(list, [OrderCopy(source_order=source, reference="client-0/0")])

    # when
    for _ in range(2):
        client.request("client-0/0", make_copies)

    # then
    assert OrderCopy.objects.count() == 1
    assert set(capsys.readouterr().out.split()) == {"client-0/0"}


def test_kill_point__triggers_at_its_visit(monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    triggered = []
    monkeypatch.setattr(KillPoint, "trigger", lambda kill_point: triggered.append(kill_point.step))
    kill_points.arm(KillPoint("before place", 2))

    # when
    for step in ("after plan", "before place", "after plan", "before place", "before place"):
        kill_points.reached(step)

    # then
    assert triggered == ["before place"]
    assert kill_points._armed == []
