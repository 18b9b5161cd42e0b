"""Story: the coupon code is copied; a coupon that is invalid now is an error, unless ignored."""

from collections.abc import Callable

import pytest

from order_copies.models import Status
from orders.models import Coupon, CouponUse, Order
from tests import stories
from tests.factories import (
    CouponFactory,
    CustomerFactory,
    PromotionFactory,
    pending_order,
    placed_order,
    yesterday,
)

pytestmark = pytest.mark.django_db


def an_order_with_a_coupon(**coupon: object) -> Order:
    return placed_order(coupon=CouponFactory(**coupon))


def unknown() -> Order:
    source = an_order_with_a_coupon()
    Coupon.objects.all().delete()
    return source


def expired() -> Order:
    source = an_order_with_a_coupon()
    Coupon.objects.update(expires_at=yesterday())
    return source


def of_an_expired_promotion() -> Order:
    source = an_order_with_a_coupon()
    Coupon.objects.get().promotion.__class__.objects.update(expires_at=yesterday())
    return source


def of_an_inactive_promotion() -> Order:
    source = an_order_with_a_coupon()
    Coupon.objects.get().promotion.__class__.objects.update(active=False)
    return source


def used_up_by_the_source_itself() -> Order:
    return an_order_with_a_coupon(usage_limit=1)


def used_up_by_others() -> Order:
    coupon = CouponFactory(usage_limit=2)
    placed_order(coupon=coupon)
    return placed_order(coupon=coupon)


def used_before_by_this_customer() -> Order:
    return an_order_with_a_coupon(customer_single_use=True)


INVALID = [
    unknown,
    expired,
    of_an_expired_promotion,
    of_an_inactive_promotion,
    used_up_by_the_source_itself,
    used_up_by_others,
    used_before_by_this_customer,
]


def discounts(order: Order) -> list[int]:
    """Return the amounts of the promotion lines of an order."""
    lines = order.line_items.filter(item_type__endswith="_promotions").order_by("pk")
    return list(lines.values_list("total_amount_cents", flat=True))


@pytest.mark.parametrize("apply_promotions", [False, True])
def test_coupon__valid_code_is_copied(apply_promotions: bool) -> None:
    # given
    source = an_order_with_a_coupon(usage_limit=2, expires_at=None)

    # when
    order_copy = stories.copied(source, apply_promotions=apply_promotions)

    # then
    target = stories.target_of(order_copy)
    assert stories.ending(order_copy) == (Status.COMPLETED, {}, 0)
    assert target.coupon_code == source.coupon_code
    assert stories.contents(target) == stories.contents(source)


@pytest.mark.parametrize("make", INVALID)
@pytest.mark.parametrize("skip_errors", [False])
@pytest.mark.parametrize("apply_promotions", [False, True])
def test_coupon__invalid_fails_the_copy_without_a_target(
    make: Callable[[], Order], skip_errors: bool, apply_promotions: bool
) -> None:
    # given
    source = make()
    orders = Order.objects.count()

    # when
    order_copy = stories.copied(source, skip_errors=skip_errors, apply_promotions=apply_promotions)

    # then
    assert stories.ending(order_copy) == (Status.FAILED, {"coupon_code": 1}, 1)
    assert source.coupon_code in order_copy.errors_log["coupon_code"][0]
    assert order_copy.target_order is None
    assert Order.objects.count() == orders


@pytest.mark.parametrize("make", INVALID)
def test_ignored_invalid_coupon__left_out_with_the_discount_that_it_gave(
    make: Callable[[], Order],
) -> None:
    # given
    source = make()

    # when
    order_copy = stories.copied(source, ignore_invalid_coupon=True)

    # then
    target = stories.target_of(order_copy)
    assert stories.ending(order_copy) == (Status.COMPLETED, {}, 0)
    assert target.coupon_code == ""
    assert [action for action, _ in stories.actions(order_copy, "coupon_code")] == ["skipped"]
    assert all(code for _, code in stories.actions(order_copy, "coupon_code"))
    assert stories.actions(order_copy)[-1] == ("skipped", "coupon_left_out")
    assert discounts(target) == [] != discounts(source)
    assert target.total_amount_cents == source.total_amount_cents - sum(discounts(source))


@pytest.mark.parametrize("make", INVALID)
def test_ignored_invalid_coupon__left_out_with_its_discount_when_promotions_are_applied(
    make: Callable[[], Order],
) -> None:
    # given
    source = make()

    # when
    order_copy = stories.copied(source, ignore_invalid_coupon=True, apply_promotions=True)

    # then
    target = stories.target_of(order_copy)
    assert stories.ending(order_copy) == (Status.COMPLETED, {}, 0)
    assert target.coupon_code == ""
    assert discounts(target) == []
    assert target.total_amount_cents == source.total_amount_cents - sum(discounts(source))


def test_coupon__invalid_under_skip_errors_is_skipped_with_an_error() -> None:
    # given
    source = expired()

    # when
    order_copy = stories.copied(source, skip_errors=True)

    # then
    assert stories.ending(order_copy) == (Status.COMPLETED, {"coupon_code": 1}, 1)
    assert stories.target_of(order_copy).coupon_code == ""


def test_coupon__valid_is_kept_with_ignore_invalid_coupon() -> None:
    # given
    source = an_order_with_a_coupon()

    # when
    order_copy = stories.copied(source, ignore_invalid_coupon=True)

    # then
    assert stories.target_of(order_copy).coupon_code == source.coupon_code
    assert stories.actions(order_copy, "coupon_code") == []


def test_coupon__none_on_the_order_is_no_error() -> None:
    # given
    source = placed_order(promotions=[PromotionFactory(expired=True)])

    # when
    order_copy = stories.copied(source)

    # then
    assert stories.ending(order_copy) == (Status.COMPLETED, {}, 0)
    assert stories.contents(stories.target_of(order_copy)) == stories.contents(source)


def test_single_use_coupon__counted_per_customer() -> None:
    # given
    coupon = CouponFactory(customer_single_use=True)
    placed_order(coupon=coupon)
    source = placed_order(coupon=coupon, customer=CustomerFactory())
    CouponUse.objects.filter(order=source).delete()

    # when
    order_copy = stories.copied(source, place_target_order=True)

    # then
    assert stories.ending(order_copy) == (Status.COMPLETED, {}, 0)
    assert coupon.coupon_uses.count() == 2


def test_single_use_coupon__email_addresses_compare_without_case() -> None:
    # given
    coupon = CouponFactory(customer_single_use=True)
    customer = CustomerFactory(email="ada@example.com")
    upper_case = pending_order(coupon=coupon, customer=customer, customer_email="ADA@EXAMPLE.COM")
    source = pending_order(coupon=coupon, customer=customer)

    # when
    first, second = (
        stories.copied(order, place_target_order=True) for order in (upper_case, source)
    )

    # then
    assert stories.ending(first) == (Status.COMPLETED, {}, 0)
    assert stories.ending(second) == (Status.FAILED, {"coupon_code": 1}, 1)


def test_single_use_coupon__counted_per_customer_and_not_per_email_address() -> None:
    # given
    coupon = CouponFactory(customer_single_use=True)
    ada, bob = CustomerFactory(), CustomerFactory()

    # when
    first, second, third = (
        stories.copied(
            pending_order(coupon=coupon, customer=customer, customer_email=email),
            place_target_order=True,
        )
        for customer, email in [(ada, "one@example.com"), (ada, "two@example.com"), (bob, "")]
    )

    # then
    assert stories.ending(first) == (Status.COMPLETED, {}, 0)
    assert stories.ending(second) == (Status.FAILED, {"coupon_code": 1}, 1)
    assert stories.ending(third) == (Status.COMPLETED, {}, 0)


@pytest.mark.parametrize("coupon", [{"usage_limit": 1}, {"customer_single_use": True}])
def test_single_use_coupon__transferred_by_a_swap_only(coupon: dict[str, object]) -> None:
    # given
    source = an_order_with_a_coupon(**coupon)

    # when
    placed = stories.copied(source, place_target_order=True)
    swapped = stories.copied(source, place_target_order=True, cancel_source_order=True)

    # then
    assert stories.ending(placed) == (Status.FAILED, {"coupon_code": 1}, 1)
    assert stories.ending(swapped) == (Status.COMPLETED, {}, 0)
    assert stories.target_of(swapped).coupon_code == source.coupon_code
    assert CouponUse.objects.get().order == stories.target_of(swapped)
