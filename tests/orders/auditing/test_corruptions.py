"""Each corruption of copies and placed orders gives exactly the findings with its codes."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from order_copies import copying
from order_copies.auditing import Audit
from order_copies.events.models import Event
from order_copies.models import OrderCopy, OrderFactory
from orders.lifecycle.changes import change
from orders.models import Address, Authorization, LineItem, LineItemOption, Order, Sku
from tests import stories
from tests.audits import audited
from tests.factories import (
    CustomerFactory,
    LineItemFactory,
    MarketFactory,
    PaymentSourceFactory,
    PromotionFactory,
    SkuFactory,
    pending_order,
    placed_order,
    settle,
)

pytestmark = pytest.mark.django_db

Corrupt = Callable[[OrderFactory], Any]


def placed_copy() -> OrderFactory:
    """Create a placed copy with a skipped line, a discount and free shipping."""
    gone = SkuFactory()
    source = placed_order(
        lines=[{"quantity": 2}, {"sku": gone}],
        promotions=[PromotionFactory(percentage=10), PromotionFactory(free_shipping=True)],
    )
    Sku.objects.filter(pk=gone.pk).update(on_sale=False)
    return stories.copied(source, place_target_order=True, skip_errors=True)


def target(order_copy: OrderFactory, **values: Any) -> None:
    """Update the row of the target."""
    Order.objects.filter(pk=order_copy.target_order_id).update(**values)


def lines(order_copy: OrderFactory, **filters: Any) -> Any:
    return LineItem.objects.filter(order=order_copy.target_order_id, **filters)


def options(order_copy: OrderFactory) -> Any:
    return LineItemOption.objects.filter(line_item__order=order_copy.target_order_id)


def doubled(order_copy: OrderFactory) -> None:
    """Create a second target, as if the copy had been written twice."""
    order = Order.objects.get(pk=order_copy.target_order_id)
    event = Event.objects.get(name="orders.create", resource_id=str(order.pk))
    order.pk, order.number, order.token, order.status = None, "twice", "twice", "pending"
    order.save()
    event.pk, event.resource_id = None, str(order.pk)
    event.save()


def doubled_without_reference(order_copy: OrderFactory) -> None:
    doubled(order_copy)
    Event.objects.filter(pk=Event.objects.latest("pk").pk).update(who={"worker": {"id": "w1"}})


def source_swapped(order_copy: OrderFactory) -> None:
    other = pending_order()
    OrderFactory.objects.filter(pk=order_copy.pk).update(source_order=other)


def authorization_lost(order_copy: OrderFactory) -> None:
    order = placed_order(payment_fee=False)
    Authorization.objects.filter(order=order).delete()


def placed_by_hand_and_lost(order_copy: OrderFactory) -> None:
    order = pending_order()
    assert stories.placed_by_hand(order) == [[]]
    Authorization.objects.filter(order=order).delete()


def free_by_mistake(order_copy: OrderFactory) -> None:
    placed_order(payment_status="free", authorized=False)


def placed_below_zero(order_copy: OrderFactory) -> None:
    order = pending_order()
    assert stories.placed_by_hand(order) == [[]]
    Authorization.objects.filter(order=order).delete()
    Order.objects.filter(pk=order.pk).update(total_amount_with_taxes_cents=-1)


CORRUPTIONS: list[tuple[Corrupt, list[str]]] = [
    (doubled, ["order_doubled"]),
    (doubled_without_reference, ["order_doubled"]),
    (source_swapped, ["source_differs"]),
    (lambda one: target(one, customer=CustomerFactory()), ["belongings_differ"]),
    (lambda one: target(one, customer_email="other@example.com"), ["belongings_differ"]),
    (lambda one: target(one, currency_code="USD"), ["belongings_differ"]),
    (lambda one: target(one, market=MarketFactory()), ["belongings_differ"]),
    (lambda one: target(one, payment_source=PaymentSourceFactory()), ["belongings_differ"]),
    (lambda one: target(one, coupon_code="OTHER"), ["belongings_differ"]),
    (
        lambda one: Address.objects.filter(order=one.target_order_id).delete(),
        ["addresses_differ", "addresses_differ"],
    ),
    (
        lambda one: Address.objects.filter(order=one.target_order_id, role="billing").delete(),
        ["addresses_differ"],
    ),
    (lambda one: options(one).delete(), ["options_differ"]),
    (lambda one: options(one).update(quantity=9), ["options_differ"]),
    (lambda one: options(one).update(total_amount_cents=1), ["options_differ"]),
    (
        lambda one: lines(one, item_type="skus").update(sku=SkuFactory(stock=99)),
        ["skus_differ"],
    ),
    (lambda one: lines(one, item_type="skus").update(quantity=5), ["lines_differ", "stock"]),
    (lambda one: lines(one, item_type="skus").update(unit_amount_cents=1), ["lines_differ"]),
    (lambda one: lines(one, item_type="skus").update(tax_amount_cents=1), ["lines_differ"]),
    (lambda one: lines(one, item_type="shipments").delete(), ["lines_differ"]),
    (
        lambda one: LineItemFactory(order_id=one.target_order_id, item_type="adjustments"),
        ["lines_differ"],
    ),
    (lambda one: target(one, subtotal_amount_cents=1), ["totals_differ"]),
    (lambda one: target(one, total_tax_amount_cents=1), ["totals_differ"]),
    (lambda one: target(one, shipping_amount_cents=1), ["totals_differ"]),
    (
        lambda one: target(one, total_amount_with_taxes_cents=1),
        ["totals_differ", "payment_differs"],
    ),
    (
        lambda one: Authorization.objects.filter(order=one.target_order_id).delete(),
        ["payment_differs"],
    ),
    (authorization_lost, ["authorization_missing"]),
    (placed_by_hand_and_lost, ["authorization_missing"]),
    (free_by_mistake, ["free_but_due"]),
    (placed_below_zero, ["negative_total"]),
    (
        lambda one: OrderFactory.objects.filter(pk=one.pk).update(target_order=None),
        ["target_unlinked"],
    ),
]


@pytest.mark.parametrize(("corrupt", "codes"), CORRUPTIONS)
def test_audit__corruption_is_found(corrupt: Corrupt, codes: list[str]) -> None:
    # given
    order_copy = placed_copy()
    before = audited(final=True)

    # when
    corrupt(order_copy)

    # then
    found = [code for code, _ in audited(final=True)]
    expected = ["stock_not_reserved" if code == "stock" else code for code in codes]
    assert before == []
    assert sorted(found) == sorted(expected)


def draft_copy() -> OrderFactory:
    """Create a copy, which is not placed, with a skipped line, a discount and free shipping."""
    gone = SkuFactory()
    source = placed_order(
        lines=[{"quantity": 2}, {"sku": gone}],
        promotions=[PromotionFactory(percentage=10), PromotionFactory(free_shipping=True)],
    )
    Sku.objects.filter(pk=gone.pk).update(on_sale=False)
    return stories.copied(source, skip_errors=True)


def rewrite(order_copy: OrderFactory, item_type: str, cents: int) -> None:
    """Change the amount of a line, and its outcome and the totals accordingly."""
    line = lines(order_copy, item_type=item_type).get()
    amounts = {"unit_amount_cents": cents, "total_amount_cents": cents}
    lines(order_copy, item_type=item_type).update(**amounts)
    for one in order_copy.outcomes:
        if one["target_line_item"] == line.public_id:
            one["after"].update(amounts)
            one["action"] = "repriced"
    OrderFactory.objects.filter(pk=order_copy.pk).update(outcomes=order_copy.outcomes)
    order = Order.objects.get(pk=order_copy.target_order_id)
    updated_at = order.updated_at
    settle(order)
    target(order_copy, updated_at=updated_at)


@pytest.mark.parametrize(
    ("item_type", "cents", "code"),
    [
        ("percentage_discount_promotions", -90000, "discount_exceeds_goods"),
        ("free_shipping_promotions", -701, "shipping_waived_twice"),
    ],
)
def test_audit__discount_above_its_base_is_found(item_type: str, cents: int, code: str) -> None:
    # given
    order_copy = draft_copy()
    before = audited(final=True)

    # when
    rewrite(order_copy, item_type, cents)

    # then
    assert before == []
    assert [found for found, _ in audited(final=True)] == [code]


def test_audit__change_without_outcome_is_found() -> None:
    # given
    order_copy = draft_copy()
    [scaled] = [one for one in order_copy.outcomes if one["code"] == "promotion_scaled"]

    # when
    scaled["before"]["total_amount_cents"] += 1
    OrderFactory.objects.filter(pk=order_copy.pk).update(outcomes=order_copy.outcomes)

    # then
    assert [found for found, _ in audited(final=True)] == ["change_without_outcome"]


def edited_by_staff(order_copy: OrderFactory) -> None:
    order = Order.objects.get(pk=order_copy.target_order_id)
    change(order, {"customer_email": "new@example.com"}, who=stories.WHO)
    order.addresses.all().delete()
    options(order_copy).delete()


def source_edited_by_staff(order_copy: OrderFactory) -> None:
    order = Order.objects.get(pk=order_copy.source_order_id)
    change(order, {"customer_email": "new@example.com"}, who=stories.WHO)
    order.addresses.all().delete()


def copy_deleted(order_copy: OrderFactory) -> None:
    copying.delete([order_copy], actor=stories.WHO)


def sku_created_again(order_copy: OrderFactory) -> None:
    sku = lines(order_copy, item_type="skus").get().sku
    code = sku.code
    sku.delete()
    again = SkuFactory(code=code)
    lines(order_copy, item_type="skus").update(sku=again)


def imported_order(order_copy: OrderFactory) -> None:
    source = pending_order()
    Order.objects.filter(pk=source.pk).update(shipping_amount_cents=1, total_tax_amount_cents=2)
    stories.copied(source)
    stories.copied(source, place_target_order=True, apply_promotions=True)


@pytest.mark.parametrize(
    "change_shop",
    [edited_by_staff, source_edited_by_staff, copy_deleted, sku_created_again, imported_order],
)
def test_audit__consistent_shop_has_no_finding(change_shop: Corrupt) -> None:
    # given
    order_copy = draft_copy()

    # when
    change_shop(order_copy)

    # then
    assert audited(final=True) == []


def test_audit__query_count_is_equal_for_few_and_many_copies() -> None:
    """Copies, events of copies; orders, lines, options, addresses, lines elsewhere, stock,
    authorizations, coupon uses, coupons, events, cancelling copies; and the totals of the shop."""
    # given
    swap = {"place_target_order": True, "cancel_source_order": True}

    def statements(count: int) -> int:
        order_copies = [OrderCopy(source_order=placed_order(), **swap) for _ in range(count)]
        copying.request_copies(order_copies, actor=stories.WHO)
        stories.run_all()
        # Sources whose swap was deleted once cost a query each.
        OrderFactory.objects.filter(pk__in=[one.pk for one in order_copies[::2]]).delete()
        with CaptureQueriesContext(connection) as queries:
            list(Audit(final=True).run())
        return len(queries)

    # when
    few = statements(2)
    many = statements(40)

    # then
    assert few == many
