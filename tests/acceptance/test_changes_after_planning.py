"""Story: data changes between the plan of a copy and its execution.

If an item or the coupon is unavailable when the target is placed, the target stays pending, with
the same errors as if the plan had found it, and holds no stock, coupon or authorization.
"""

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import LazySettings
from django.db.models import F

from order_copies.models import OrderFactory, Status
from order_copies.worker.run import MAX_CHANGES, run_batch
from orders.models import (
    Address,
    Coupon,
    LineItem,
    LineItemOption,
    Order,
    Promotion,
    Sku,
    StockItem,
)
from tests import stories
from tests.acceptance.shops import InterferedShop
from tests.bank import install_bank
from tests.factories import (
    CouponFactory,
    PromotionFactory,
    SkuFactory,
    placed_order,
    yesterday,
)

pytestmark = pytest.mark.django_db

Shop = type[InterferedShop]
PENDING_TO_PLACED = "cannot transition from pending to placed"
TWICE = "cannot transition from cancelled to cancelled"


def run(
    shop: Shop, source: Order, change: Callable[[], Any], **toggles: Any
) -> tuple[OrderFactory, dict[str, Any]]:
    """Run a copy that calls ``change`` after its plan; return it, and the earlier source rows."""
    order_copy = stories.requested(source, place_target_order=True, **toggles)

    def interfere(_: Any) -> None:
        shop.before.clear()
        change()

    shop.before["authorize"] = interfere
    before = stories.every_byte(source)
    run_batch(worker="w1")
    return stories.fresh(order_copy), before


CHANGES_OF_SHOP: dict[str, tuple[Callable[[], Any], str]] = {
    "sold out": (lambda: StockItem.objects.update(quantity=StockItem.objects.get().reserved),
                 "line_items"),
    "off sale": (lambda: Sku.objects.update(on_sale=False), "line_items"),
    "coupon expired": (lambda: Coupon.objects.update(expires_at=yesterday()), "coupon_code"),
    "coupon used up": (lambda: Coupon.objects.update(usage_limit=1), "coupon_code"),
    "coupon deleted": (lambda: Coupon.objects.all().delete(), "coupon_code"),
    "promotion ended": (lambda: Promotion.objects.update(active=False), "coupon_code"),
}  # fmt: skip


@pytest.mark.parametrize("skip_errors", [False, True])
@pytest.mark.parametrize("change_name", CHANGES_OF_SHOP)
def test_place__item_or_coupon_unavailable_since_the_plan_leaves_the_target_pending(
    shop: Shop, change_name: str, skip_errors: bool
) -> None:
    # given
    change, attribute = CHANGES_OF_SHOP[change_name]
    source = placed_order(lines=[{"sku": SkuFactory()}], coupon=CouponFactory())

    # when
    order_copy, _ = run(shop, source, change, skip_errors=skip_errors)

    # then
    target = stories.target_of(order_copy)
    status = Status.COMPLETED if skip_errors else Status.FAILED
    assert stories.ending(order_copy) == (status, {"status": 1, attribute: 1}, 2)
    assert order_copy.errors_log["status"] == [PENDING_TO_PLACED]
    assert stories.statuses(target) == ("pending", "unpaid", "unfulfilled")
    assert not target.authorizations.exists()
    assert stories.every_byte(target)["orders_stockreservation"] == []
    assert shop.voided() == [order_copy.payment_key]


@pytest.mark.parametrize("change_name", ["off sale", "coupon expired", "promotion ended"])
def test_swap__source_is_unchanged_when_the_target_cannot_be_placed(
    shop: Shop, change_name: str
) -> None:
    # given
    change, attribute = CHANGES_OF_SHOP[change_name]
    source = placed_order(lines=[{"sku": SkuFactory()}], coupon=CouponFactory())

    # when
    order_copy, before = run(shop, source, change, cancel_source_order=True)

    # then
    assert stories.ending(order_copy) == (Status.FAILED, {"status": 1, attribute: 1}, 2)
    assert stories.target_of(order_copy).status == "pending"
    assert stories.every_byte(source) == before


def test_swap__target_is_not_placed_when_the_source_was_cancelled(
    shop: Shop,
) -> None:
    # given
    source = placed_order()

    # when
    order_copy, _ = run(
        shop,
        source,
        lambda: Order.objects.filter(pk=source.pk).update(status="cancelled"),
        cancel_source_order=True,
    )

    # then
    assert order_copy.status == Status.FAILED
    assert order_copy.errors_log["source_order"] == [
        "cannot transition from cancelled to cancelled"
    ]
    assert stories.statuses(stories.target_of(order_copy)) == ("pending", "unpaid", "unfulfilled")
    assert source.authorizations.get().status == "authorized"


def test_cancel__fails_the_copy_when_the_source_was_cancelled(shop: Shop) -> None:
    # given
    source = placed_order()
    order_copy = stories.requested(source, cancel_source_order=True)

    def cancel_source(runs: Any) -> None:
        shop.before.clear()
        Order.objects.filter(pk=source.pk).update(status="cancelled")

    shop.before["write"] = cancel_source

    # when
    run_batch(worker="w1")

    # then
    found = stories.fresh(order_copy)
    assert stories.ending(found) == (Status.FAILED, {"source_order": 1}, 1)
    assert stories.target_of(found).status == "pending"


def test_copy__has_the_source_as_planned(shop: Shop) -> None:
    # given
    source = placed_order()
    planned = stories.contents(source)

    # when
    order_copy, _ = run(
        shop, source, lambda: source.line_items.update(unit_amount_cents=1, total_amount_cents=1)
    )

    # then
    assert stories.contents(stories.target_of(order_copy))["lines"] == planned["lines"]
    assert order_copy.status == Status.COMPLETED


CHANGES_OF_SOURCE: dict[str, Callable[[], Any]] = {
    "address": lambda: Address.objects.filter(role="shipping").update(city="Torino"),
    "price of a line": lambda: LineItem.objects.filter(item_type="skus").update(
        unit_amount_cents=1, total_amount_cents=1
    ),
    "line added": lambda: LineItem.objects.create(
        order=Order.objects.get(), name="Thanks for waiting", item_type="adjustments"
    ),
    "option": lambda: LineItemOption.objects.update(options={"engraving": "Ada"}),
    "note": lambda: Order.objects.update(metadata={"note": "Leave it with the neighbour"}),
    "amounts": lambda: Order.objects.update(
        discount_amount_cents=-7, total_amount_with_taxes_cents=4321
    ),
}


@pytest.mark.parametrize("change", CHANGES_OF_SOURCE)
def test_swap__changed_source_is_planned_again_and_costs_no_attempt(
    shop: Shop, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    bank = install_bank(monkeypatch)
    source = placed_order(lines=[{"sku": SkuFactory(), "options": 1}])
    before = stories.contents(source)

    # when
    order_copy, _ = run(shop, source, CHANGES_OF_SOURCE[change], cancel_source_order=True)
    stories.run_all()

    # then
    found, target = stories.fresh(order_copy), stories.target_of(stories.fresh(order_copy))
    assert stories.ending(found) == (Status.COMPLETED, {}, 0)
    assert found.attempt == 1
    assert stories.contents(target) == stories.contents(source) != before
    assert stories.statuses(source)[:2] == ("cancelled", "voided")
    assert stories.statuses(target)[:2] == ("placed", "authorized")
    assert [one.token for one in target.authorizations.all()] == bank.live


def test_swap__changed_source_costs_other_copies_no_attempt(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    bank = install_bank(monkeypatch)
    sources = [placed_order(lines=1) for _ in range(3)]
    swap = {"place_target_order": True, "cancel_source_order": True}
    others = [stories.requested(source, **swap) for source in sources]

    # when
    order_copy, _ = run(shop, sources[0], lambda: sources[1].addresses.update(city="Torino"))

    # then
    ended = [stories.fresh(one) for one in [*others, order_copy]]
    assert [(one.status, one.attempt) for one in ended] == [(Status.COMPLETED, 1)] * 4
    assert {one.city for one in stories.target_of(ended[1]).addresses.all()} == {"Torino"}
    assert len(bank.live) == 4


def test_swap__aborted_when_the_source_changes_in_every_attempt(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, settings: LazySettings
) -> None:
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"MAX_ATTEMPTS": 3}
    bank, source = install_bank(monkeypatch), placed_order(lines=1)
    toggles = {"place_target_order": True, "cancel_source_order": True}
    order_copy = stories.requested(source, **toggles)
    more = F("total_amount_with_taxes_cents") + 1
    rows = Order.objects.filter(pk=source.pk)
    # Another amount is another payment, so every plan calls the gateway.
    shop.before["authorize"] = lambda _: rows.update(total_amount_with_taxes_cents=more)

    # when
    stories.run_all()

    # then
    found = stories.fresh(order_copy)
    assert stories.ending(found) == (Status.ABORTED, {"base": 1}, 1)
    assert "SourceChangedError" in found.errors_log["base"][0]
    assert (found.target_order, found.attempt, bank.live) == (None, 3, [])
    calls = [method for method, _ in shop.calls]
    assert calls.count("authorize") == 3 * (1 + MAX_CHANGES)
    assert stories.statuses(source) == ("placed", "authorized", "unfulfilled")
    assert Order.objects.count() == 1


def test_swap__aborted_when_the_source_is_deleted(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    bank, source = install_bank(monkeypatch), placed_order(lines=1, authorized=False)

    # when
    order_copy, _ = run(
        shop, source, Order.objects.filter(pk=source.pk).delete, cancel_source_order=True
    )
    stories.run_all()

    # then
    found = stories.fresh(order_copy)
    assert found.status == Status.ABORTED
    assert found.errors_log == {"source_order": ["does not exist any more"]}
    assert (Order.objects.exists(), bank.live) == (False, [])


def test_swap__fails_when_the_source_changed_since_the_preview(shop: Shop) -> None:
    # given
    source = placed_order(lines=1)
    digest = stories.previewed(source, place_target_order=True, cancel_source_order=True).digest

    # when
    order_copy, before = run(
        shop,
        source,
        CHANGES_OF_SOURCE["price of a line"],
        cancel_source_order=True,
        plan_digest=digest,
    )
    stories.run_all()

    # then
    found = stories.fresh(order_copy)
    assert (found.status, list(found.errors_log)) == (Status.FAILED, ["plan_changed"])
    assert stories.every_byte(source)["orders_order"] == before["orders_order"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("change_name", ["SKU", "promotion"])
def test_copy__planned_again_when_a_referenced_row_is_deleted(shop: Shop, change_name: str) -> None:
    # given
    promotion = PromotionFactory()
    source = placed_order(lines=[{"sku": SkuFactory()}, {}], promotions=[promotion])
    other = stories.requested(source, skip_errors=True, place_target_order=True)

    # when
    order_copy, _ = run(
        shop,
        source,
        Sku.objects.first().delete if change_name == "SKU" else promotion.delete,
        skip_errors=True,
    )
    stories.run_all()

    # then
    for found in (stories.fresh(order_copy), stories.fresh(other)):
        assert found.status == Status.COMPLETED
        assert set(found.errors_log) == ({"line_items"} if change_name == "SKU" else set())
        assert stories.lines(stories.target_of(found), "promotion_id")[-1] == (
            promotion.pk if change_name == "SKU" else None
        )
    assert Order.objects.count() == 3
