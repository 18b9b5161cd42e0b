"""What an audit finds wrong with the orders of the reference shop."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.utils import timezone

from order_copies import copying
from order_copies.events.models import Event
from order_copies.models import OrderCopy, OrderFactory, Status
from order_copies.monitoring.pruning import prune
from order_copies.worker.run import run_batch
from orders.demo.loader import load_demo_shop
from orders.lifecycle.cancelling import cancel
from orders.lifecycle.changes import change
from orders.models import (
    Authorization,
    Coupon,
    CouponUse,
    LineItem,
    Order,
    Sku,
    StockItem,
    StockReservation,
)
from tests import stories
from tests.audits import audited
from tests.factories import (
    AuthorizationFactory,
    CouponFactory,
    PaymentSourceFactory,
    SkuFactory,
    pending_order,
    placed_order,
)

pytestmark = pytest.mark.django_db

SWAP = {"place_target_order": True, "cancel_source_order": True}


@dataclass
class Swap:
    """A copy that took the place of its source, with stock, a coupon and a payment."""

    order_copy: OrderFactory
    source: Order
    target: Order

    @property
    def names(self) -> dict[str, str]:
        """Who is who in what an audit says."""
        return {
            f"order_copies/{self.order_copy.public_id}": "copy",
            f"orders/{self.source.public_id}": "source",
            f"orders/{self.target.public_id}": "target",
            f"stock_items/{StockItem.objects.latest('pk').public_id}": "stock",
            f"coupons/{Coupon.objects.latest('pk').public_id}": "coupon",
        }


@pytest.fixture
def swap() -> Swap:
    source = placed_order(lines=[{"sku": SkuFactory(stock=5), "quantity": 2}], coupon=a_coupon())
    order_copy = stories.copied(source, **SWAP)
    source.refresh_from_db()
    return Swap(order_copy, source, stories.target_of(order_copy))


def a_coupon() -> Coupon:
    coupon: Coupon = CouponFactory(usage_limit=1)
    return coupon


def of_order(order: Order, **values: Any) -> None:
    """Change the row of an order behind everybody's back."""
    Order.objects.filter(pk=order.pk).update(**values)


def of_copy(order_copy: OrderFactory, **values: Any) -> None:
    """Change the row of a copy behind everybody's back."""
    OrderFactory.objects.filter(pk=order_copy.pk).update(**values)


def lines_of(order: Order) -> Any:
    return LineItem.objects.filter(order=order)


def money_of(order: Order) -> Any:
    return Authorization.objects.filter(order=order)


def deny(swap: Swap, *messages: str, **values: Any) -> None:
    """Let the copy say that it was refused, as if errors had been skipped."""
    log = {"status": list(messages)}
    values = {"errors_log": log, "errors_count": len(messages), "skip_errors": True} | values
    of_copy(swap.order_copy, **values)


def copy_again(swap: Swap) -> None:
    """Another copy that says that it cancelled the same source."""
    other = stories.copied(swap.target, **SWAP)
    of_copy(other, source_order=swap.source)


@pytest.mark.exhaustive
def test_nothing_is_found_in_the_demo_shop_whatever_is_copied() -> None:
    # given
    load_demo_shop()
    toggles: list[dict[str, bool]] = [
        {name: bool(number >> bit & 1) for bit, name in enumerate(copying.OPTIONS)}
        for number in range(64)
    ]
    orders = list(Order.objects.exclude(reference="five-hundred-lines"))
    order_copies = [
        OrderCopy(source_order=order, **toggles[index % 64])
        for index, order in enumerate([*orders, *orders])
    ]

    # when
    before = audited(final=True)
    copying.request_copies(order_copies, who=stories.WHO)
    stories.run_all()

    # then
    assert before == audited(final=True) == []


def test_nothing_is_found_after_a_swap_that_was_cancelled_in_turn(swap: Swap) -> None:
    assert audited(final=True) == []

    # when
    cancel([swap.target.pk], who=stories.WHO)
    stories.run_all()

    # then
    assert audited(final=True) == []


@pytest.mark.parametrize(
    ("corrupt", "found"),
    [
        pytest.param(
            lambda swap: lines_of(swap.target).filter(item_type="skus").update(quantity=1),
            [("stock_not_reserved", "target"), ("lines_differ", "target")],
            id="a line of the target has other pieces",
        ),
        pytest.param(
            lambda swap: lines_of(swap.target).filter(item_type="shipments").delete(),
            [("lines_differ", "target")],
            id="a line of the target is gone",
        ),
        pytest.param(
            lambda swap: of_order(
                swap.target, subtotal_amount_cents=F("subtotal_amount_cents") + 1
            ),
            [("totals_differ", "target")],
            id="a total of the target does not add up",
        ),
        pytest.param(
            lambda swap: of_order(swap.target, payment_source=PaymentSourceFactory()),
            [("belongings_differ", "target")],
            id="the target is paid from elsewhere",
        ),
        pytest.param(
            lambda swap: of_order(swap.target, coupon_code="OTHER"),
            [("belongings_differ", "target")],
            id="the target has another coupon",
        ),
        pytest.param(
            lambda swap: of_copy(swap.order_copy, target_order=None),
            [("target_unlinked", "copy")],
            id="the copy forgot its target",
        ),
        pytest.param(
            lambda swap: of_order(swap.target, placed_at=None),
            [("target_not_placed", "target")],
            id="the target was never placed",
        ),
        pytest.param(
            lambda swap: deny(swap, "cannot be placed", cancel_source_order=False),
            [("target_placed_unasked", "target")],
            id="the copy denies that it placed its target",
        ),
        pytest.param(
            lambda swap: deny(swap, "cannot be placed"),
            [("target_placed_unasked", "target"), ("source_cancelled_unasked", "source")],
            id="the copy denies that it swapped",
        ),
        pytest.param(
            lambda swap: of_order(swap.source, status="approved"),
            [("source_not_cancelled", "source")],
            id="the source is not cancelled",
        ),
        pytest.param(
            copy_again,
            [
                ("source_cancelled_twice", "source"),
                ("source_cancelled_twice", "source"),
                ("source_differs", "another"),
            ],
            id="two copies cancelled one source",
        ),
        pytest.param(
            lambda swap: StockReservation.objects.filter(line_item__order=swap.target).delete(),
            [("stock_not_reserved", "target"), ("stock_miscounted", "stock")],
            id="the target holds no stock",
        ),
        pytest.param(
            lambda swap: StockItem.objects.filter(reserved__gt=0).update(
                reserved=F("reserved") + 1
            ),
            [("stock_miscounted", "stock")],
            id="stock is counted wrong",
        ),
        pytest.param(
            lambda swap: StockReservation.objects.update(
                line_item=lines_of(swap.source).earliest("pk")
            ),
            [("stock_not_reserved", "target"), ("stock_kept", "source")],
            id="the cancelled source holds the stock",
        ),
        pytest.param(
            lambda swap: CouponUse.objects.filter(order=swap.target).delete(),
            [("coupon_use_missing", "target"), ("coupon_miscounted", "coupon")],
            id="the coupon was not used",
        ),
        pytest.param(
            lambda swap: Coupon.objects.update(usage_count=0),
            [("coupon_miscounted", "coupon")],
            id="the use of the coupon is not counted",
        ),
        pytest.param(
            lambda swap: CouponUse.objects.update(order=swap.source),
            [("coupon_use_missing", "target"), ("coupon_use_kept", "source")],
            id="the cancelled source holds the use of the coupon",
        ),
        pytest.param(
            lambda swap: money_of(swap.target).update(status="voided", voided_at=timezone.now()),
            [("payment_differs", "target")],
            id="the payment was given back",
        ),
        pytest.param(
            lambda swap: money_of(swap.target).update(amount_cents=1),
            [("payment_differs", "target")],
            id="another amount was authorized",
        ),
        pytest.param(
            lambda swap: money_of(swap.source).update(status="authorized"),
            [("authorization_kept", "source")],
            id="the cancelled source holds money",
        ),
    ],
)
def test_what_was_tampered_with_is_found(
    swap: Swap, corrupt: Callable[[Swap], Any], found: list[tuple[str, str]]
) -> None:
    # given
    names = swap.names

    # when
    corrupt(swap)

    # then
    told = [(code, names.get(subject, "another")) for code, subject in audited(final=True)]
    assert sorted(told) == sorted(found)


def test_a_payment_that_the_gateway_still_holds_is_found_in_time(swap: Swap) -> None:
    # when
    cancel([swap.target.pk], who=stories.WHO)

    # then
    overdue = ("authorization_not_voided", f"orders/{swap.target.public_id}")
    assert audited() == []
    assert audited(final=True) == [overdue]


@pytest.mark.parametrize(("minutes", "found"), [(30, True), (10, False)])
def test_a_payment_that_nobody_knows_of_is_found_in_time(
    swap: Swap, minutes: int, found: bool
) -> None:
    # when
    asked = timezone.now() - timedelta(minutes=minutes)
    AuthorizationFactory(order=swap.source, status="asked", created_at=asked)

    # then
    unknown = ("authorization_unknown", f"orders/{swap.source.public_id}")
    assert audited(final=True) == [unknown] * found


def test_a_target_that_was_placed_twice_is_found(swap: Swap) -> None:
    # given
    event = Event.objects.get(name="orders.place", resource_id=str(swap.target.pk))

    # when
    event.pk = None
    event.save()

    # then
    assert audited() == [("target_placed_twice", f"orders/{swap.target.public_id}")]


def test_totals_that_were_worked_out_must_add_up() -> None:
    # given
    sku = SkuFactory(stock=3)
    source = placed_order(lines=[{"sku": sku, "quantity": 2}])
    target = stories.target_of(stories.copied(source, skip_errors=True))

    # when
    of_order(target, total_amount_cents=0)

    # then
    assert audited() == [("totals_differ", f"orders/{target.public_id}")]


def test_totals_that_were_odd_in_the_source_are_no_finding() -> None:
    # given
    source = placed_order()
    of_order(source, total_tax_amount_cents=F("total_tax_amount_cents") + 1)

    # when
    order_copy = stories.copied(source)

    # then
    assert stories.target_of(order_copy).total_tax_amount_cents == (
        Order.objects.get(pk=source.pk).total_tax_amount_cents
    )
    assert audited(final=True) == []


def test_copies_whose_source_was_deleted_are_looked_at_too() -> None:
    # given
    source = pending_order()
    order_copy = stories.copied(source, place_target_order=True, reuse_wallet=False)
    of_order(source, total_tax_amount_cents=1)

    # when
    source.delete()

    # then
    assert stories.fresh(order_copy).source_order is None
    assert audited(final=True) == []


def test_a_coupon_that_came_after_the_order_was_not_used_by_it(swap: Swap) -> None:
    # given
    code = swap.target.coupon_code
    Coupon.objects.get(code=code).delete()

    # when
    CouponFactory(code=code, created_at=timezone.now())

    # then
    assert audited(final=True) == []


def test_a_refunded_order_needs_no_authorization(swap: Swap) -> None:
    # when
    money_of(swap.target).update(status="voided", voided_at=timezone.now())
    of_order(swap.target, payment_status="refunded")

    # then
    assert audited(final=True) == []


@pytest.mark.parametrize("whose", ["target", "source"])
def test_a_card_that_somebody_chose_afterwards_is_no_finding(whose: str) -> None:
    # given
    source = placed_order(payment_source=PaymentSourceFactory(token="declined_1"))
    order_copy = stories.copied(source, place_target_order=True)
    target = stories.target_of(order_copy)
    assert (order_copy.status, target.status) == (Status.FAILED, "pending")

    # when
    order = {"target": target, "source": source}[whose]
    change(order, {"payment_source_id": PaymentSourceFactory().pk}, who=stories.WHO)

    # then
    assert audited(final=True) == []


def swapped_and_refused(source: Order, **toggles: Any) -> tuple[OrderFactory, OrderFactory]:
    """A copy that took the place of this order, and one of the same batch that came too late."""
    order_copies = [OrderCopy(source_order=source, **SWAP, **toggles) for _ in range(2)]
    copying.request_copies(order_copies, who=stories.WHO)
    stories.run_all()
    swapped, refused = (stories.fresh(order_copy) for order_copy in order_copies)
    assert (swapped.errors_count, refused.errors_count > 0) == (0, True)
    return swapped, refused


@pytest.mark.parametrize("skip_errors", [False, True])
def test_a_copy_that_came_too_late_is_not_blamed_for_one_that_was_deleted(
    skip_errors: bool,
) -> None:
    # given
    swapped, refused = swapped_and_refused(placed_order(), skip_errors=skip_errors)
    later = stories.copied(Order.objects.get(pk=refused.source_order_id), **SWAP)
    copying.request_copies([OrderCopy(source_order=later.source_order, **SWAP)], who=stories.WHO)
    run_batch(worker="another")

    # when
    copying.delete_copy(swapped, who=stories.WHO)

    # then
    assert later.errors_count > 0
    assert audited(final=True) == []


def test_a_copy_that_came_too_late_is_not_blamed_for_one_that_was_pruned() -> None:
    # given
    _swapped, refused = swapped_and_refused(placed_order())
    long_ago = timezone.now()
    copying.update_copy(refused, {"reference": "kept"}, who=stories.WHO)

    # when
    list(prune(long_ago, limit=1))

    # then
    assert list(OrderFactory.objects.values_list("pk", flat=True)) == [refused.pk]
    assert audited(final=True) == []


def test_stock_that_is_tracked_only_since_the_order_was_placed_is_no_finding() -> None:
    # given
    sku = SkuFactory(stock=5, do_not_track=True)
    stories.copied(placed_order(lines=[{"sku": sku}]), **SWAP)

    # when
    change(Sku.objects.get(pk=sku.pk), {"do_not_track": False}, who=stories.WHO)

    # then
    assert audited(final=True) == []
