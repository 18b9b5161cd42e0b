"""Findings of the audit about the orders of the reference shop."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.utils import timezone

from order_copies import copying
from order_copies.events.models import Event
from order_copies.models import OPTIONS, OpenPayment, OrderCopy, OrderFactory, Status
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
    """A copy that was placed and cancelled its source, with stock, coupon and payment."""

    order_copy: OrderFactory
    source: Order
    target: Order

    @property
    def names(self) -> dict[str, str]:
        """The names that the tests use for the subjects of findings."""
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


def update_order(order: Order, **values: Any) -> None:
    """Update the row of an order without an event."""
    Order.objects.filter(pk=order.pk).update(**values)


def update_copy_row(order_copy: OrderFactory, **values: Any) -> None:
    """Update the row of a copy without an event."""
    OrderFactory.objects.filter(pk=order_copy.pk).update(**values)


def lines_of(order: Order) -> Any:
    return LineItem.objects.filter(order=order)


def authorizations_of(order: Order) -> Any:
    return Authorization.objects.filter(order=order)


def set_errors(swap: Swap, *messages: str, **values: Any) -> None:
    """Set errors on the copy, as if it had skipped them."""
    log = {"status": list(messages)}
    values = {"errors_log": log, "errors_count": len(messages), "skip_errors": True} | values
    update_copy_row(swap.order_copy, **values)


def copy_again(swap: Swap) -> None:
    """Create another copy that claims to have cancelled the same source."""
    other = stories.copied(swap.target, **SWAP)
    update_copy_row(other, source_order=swap.source)


@pytest.mark.exhaustive
def test_audit__demo_shop_has_no_findings_after_copies_with_all_options() -> None:
    # given
    load_demo_shop()
    toggles: list[dict[str, bool]] = [
        {name: bool(number >> bit & 1) for bit, name in enumerate(OPTIONS)} for number in range(64)
    ]
    orders = list(Order.objects.exclude(reference="five-hundred-lines"))
    order_copies = [
        OrderCopy(source_order=order, **toggles[index % 64])
        for index, order in enumerate([*orders, *orders])
    ]

    # when
    before = audited(final=True)
    copying.request_copies(order_copies, actor=stories.WHO)
    stories.run_all()

    # then
    assert before == audited(final=True) == []


def test_audit__cancelled_swap_has_no_findings(swap: Swap) -> None:
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
            id="a line of the target has another quantity",
        ),
        pytest.param(
            lambda swap: lines_of(swap.target).filter(item_type="shipments").delete(),
            [("lines_differ", "target")],
            id="a line of the target is gone",
        ),
        pytest.param(
            lambda swap: update_order(
                swap.target, subtotal_amount_cents=F("subtotal_amount_cents") + 1
            ),
            [("totals_differ", "target")],
            id="a total of the target does not add up",
        ),
        pytest.param(
            lambda swap: update_order(swap.target, payment_source=PaymentSourceFactory()),
            [("belongings_differ", "target")],
            id="the target has another payment source",
        ),
        pytest.param(
            lambda swap: update_order(swap.target, coupon_code="OTHER"),
            [("belongings_differ", "target")],
            id="the target has another coupon",
        ),
        pytest.param(
            lambda swap: update_copy_row(swap.order_copy, target_order=None),
            [("target_unlinked", "copy")],
            id="the copy has no target",
        ),
        pytest.param(
            lambda swap: update_order(swap.target, placed_at=None),
            [("target_not_placed", "target")],
            id="the target was never placed",
        ),
        pytest.param(
            lambda swap: set_errors(swap, "cannot be placed", cancel_source_order=False),
            [("target_placed_unasked", "target")],
            id="the copy has an error about placing",
        ),
        pytest.param(
            lambda swap: set_errors(swap, "cannot be placed"),
            [("target_placed_unasked", "target"), ("source_cancelled_unasked", "source")],
            id="the copy has an error about the swap",
        ),
        pytest.param(
            lambda swap: update_order(swap.source, status="approved"),
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
            id="reserved stock is miscounted",
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
            lambda swap: authorizations_of(swap.target).update(
                status="voided", voided_at=timezone.now()
            ),
            [("payment_differs", "target")],
            id="the payment was voided",
        ),
        pytest.param(
            lambda swap: authorizations_of(swap.target).update(amount_cents=1),
            [("payment_differs", "target")],
            id="another amount was authorized",
        ),
        pytest.param(
            lambda swap: authorizations_of(swap.source).update(status="authorized"),
            [("authorization_kept", "source")],
            id="the cancelled source holds an authorization",
        ),
    ],
)
def test_audit__corrupted_swap_is_found(
    swap: Swap, corrupt: Callable[[Swap], Any], found: list[tuple[str, str]]
) -> None:
    # given
    names = swap.names

    # when
    corrupt(swap)

    # then
    codes = [(code, names.get(subject, "another")) for code, subject in audited(final=True)]
    assert sorted(codes) == sorted(found)


def test_audit__authorization_that_was_not_voided_is_found_if_final(swap: Swap) -> None:
    # when
    cancel([swap.target.pk], who=stories.WHO)

    # then
    overdue = ("authorization_not_voided", f"orders/{swap.target.public_id}")
    assert audited() == []
    assert audited(final=True) == [overdue]


@pytest.mark.parametrize(("minutes", "found"), [(30, True), (10, False)])
def test_audit__authorization_with_unknown_outcome_is_found_after_the_patience(
    swap: Swap, minutes: int, found: bool
) -> None:
    # when
    asked = timezone.now() - timedelta(minutes=minutes)
    subject = f"orders/{swap.source.public_id}"
    due_at = asked + timedelta(minutes=15)
    OpenPayment.objects.create(key="asked", subject=subject, created_at=asked, due_at=due_at)

    # then
    assert audited(final=True) == [("payment_open", subject)] * found


def test_audit__target_placed_twice_is_found(swap: Swap) -> None:
    # given
    event = Event.objects.get(name="orders.place", resource_id=str(swap.target.pk))

    # when
    event.pk = None
    event.save()

    # then
    assert audited() == [("target_placed_twice", f"orders/{swap.target.public_id}")]


def test_audit__recalculated_totals_must_add_up() -> None:
    # given
    sku = SkuFactory(stock=3)
    source = placed_order(lines=[{"sku": sku, "quantity": 2}])
    target = stories.target_of(stories.copied(source, skip_errors=True))

    # when
    update_order(target, total_amount_cents=0)

    # then
    assert audited() == [("totals_differ", f"orders/{target.public_id}")]


def test_audit__totals_equal_to_the_source_are_no_finding() -> None:
    # given
    source = placed_order()
    update_order(source, total_tax_amount_cents=F("total_tax_amount_cents") + 1)

    # when
    order_copy = stories.copied(source)

    # then
    assert stories.target_of(order_copy).total_tax_amount_cents == (
        Order.objects.get(pk=source.pk).total_tax_amount_cents
    )
    assert audited(final=True) == []


def test_audit__copies_with_a_deleted_source_have_no_findings() -> None:
    # given
    source = pending_order()
    order_copy = stories.copied(source, place_target_order=True, reuse_wallet=False)
    update_order(source, total_tax_amount_cents=1)

    # when
    source.delete()

    # then
    assert stories.fresh(order_copy).source_order is None
    assert audited(final=True) == []


def test_audit__coupon_created_after_the_order_is_no_finding(swap: Swap) -> None:
    # given
    code = swap.target.coupon_code
    Coupon.objects.get(code=code).delete()

    # when
    CouponFactory(code=code, created_at=timezone.now())

    # then
    assert audited(final=True) == []


def test_audit__refunded_order_needs_no_authorization(swap: Swap) -> None:
    # when
    authorizations_of(swap.target).update(status="voided", voided_at=timezone.now())
    update_order(swap.target, payment_status="refunded")

    # then
    assert audited(final=True) == []


@pytest.mark.parametrize("changed", ["target", "source"])
def test_audit__payment_source_changed_later_is_no_finding(changed: str) -> None:
    # given
    source = placed_order(payment_source=PaymentSourceFactory(token="declined_1"))
    order_copy = stories.copied(source, place_target_order=True)
    target = stories.target_of(order_copy)
    assert (order_copy.status, target.status) == (Status.FAILED, "pending")

    # when
    order = {"target": target, "source": source}[changed]
    change(order, {"payment_source_id": PaymentSourceFactory().pk}, who=stories.WHO)

    # then
    assert audited(final=True) == []


def swapped_and_refused(source: Order, **toggles: Any) -> tuple[OrderFactory, OrderFactory]:
    """Run two swaps of this order in one batch: one completes, the other is refused."""
    order_copies = [OrderCopy(source_order=source, **SWAP, **toggles) for _ in range(2)]
    copying.request_copies(order_copies, actor=stories.WHO)
    stories.run_all()
    swapped, refused = (stories.fresh(order_copy) for order_copy in order_copies)
    assert (swapped.errors_count, refused.errors_count > 0) == (0, True)
    return swapped, refused


@pytest.mark.parametrize("skip_errors", [False, True])
def test_audit__refused_swap_is_no_finding_if_the_other_copy_was_deleted(
    skip_errors: bool,
) -> None:
    # given
    swapped, refused = swapped_and_refused(placed_order(), skip_errors=skip_errors)
    later = stories.copied(Order.objects.get(pk=refused.source_order_id), **SWAP)
    copying.request_copies([OrderCopy(source_order=later.source_order, **SWAP)], actor=stories.WHO)
    run_batch(worker="another")

    # when
    copying.delete([swapped], actor=stories.WHO)

    # then
    assert later.errors_count > 0
    assert audited(final=True) == []


def test_audit__refused_swap_is_no_finding_if_the_other_copy_was_pruned() -> None:
    # given
    _swapped, refused = swapped_and_refused(placed_order())
    long_ago = timezone.now()
    copying.update(refused, reference="kept", actor=stories.WHO)

    # when
    list(prune(long_ago, limit=1))

    # then
    assert list(OrderFactory.objects.values_list("pk", flat=True)) == [refused.pk]
    assert audited(final=True) == []


def test_audit__stock_tracked_since_placement_is_no_finding() -> None:
    # given
    sku = SkuFactory(stock=5, do_not_track=True)
    stories.copied(placed_order(lines=[{"sku": sku}]), **SWAP)

    # when
    change(Sku.objects.get(pk=sku.pk), {"do_not_track": False}, who=stories.WHO)

    # then
    assert audited(final=True) == []
