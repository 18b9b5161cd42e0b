"""Subscriptions of the wine merchant: items from lines, and recurring copies from items."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from order_copies.copying import preview_copies, renew
from order_copies.exceptions import SubscriptionRefusedError
from order_copies.models import (
    Kind,
    OrderFactory,
    OrderSubscription,
    OrderSubscriptionItem,
    SubscriptionModel,
)
from order_copies.plans import CopyPlan
from order_copies.shops import Capability, CopiedModel, Draft, FrozenShop, Subscriber, get_shop
from order_copies.subscriptions import changes
from order_copies.subscriptions.schedule import new_copy
from order_copies.testing.rows import belongings, differences
from tests.wine_shop.conftest import add_line, make_order, run, total_up
from tests.wine_shop.copies import WineShop
from tests.wine_shop.models import Customer, Line, Order, Wine


class ListShop(WineShop):
    """A shop whose lines have SKU codes."""

    line = replace(WineShop.line, sku_code="wine_id")


def subscribe(order: Order) -> OrderSubscription:
    """Subscribe to all lines of an order, and activate the subscription."""
    model, _new = SubscriptionModel.objects.get_or_create(name="cellar", frequencies=["monthly"])
    order_subscription = OrderSubscription(
        source_order=order,
        subscription_model=model,
        frequency="monthly",
        activate_by_source_order=False,
        starts_at=timezone.now() + timedelta(days=1),
        place_target_order=False,
    )
    changes.create(order_subscription, actor="staff")
    changes.activate([order_subscription], actor="staff")
    return order_subscription


def items_of(order_subscription: OrderSubscription) -> list[OrderSubscriptionItem]:
    return list(order_subscription.order_subscription_items.all())


def set_item(order_subscription: OrderSubscription, index: int, **values: Any) -> None:
    """Set values of an item, also those that the API does not change."""
    key = items_of(order_subscription)[index].pk
    OrderSubscriptionItem.objects.filter(pk=key).update(**values)


def renewal(order_subscription: OrderSubscription) -> OrderFactory:
    return OrderFactory(
        type=Kind.RECURRING_ORDER_COPIES,
        source_order_id=order_subscription.source_order_id,
        order_subscription=order_subscription,
    )


def plans(*order_subscriptions: OrderSubscription, **toggles: bool) -> list[CopyPlan]:
    copies = [renewal(one) for one in order_subscriptions]
    for order_copy in copies:
        for name, value in toggles.items():
            setattr(order_copy, name, value)
    return preview_copies(copies)


def shown(plan: CopyPlan) -> list[tuple[str, str, Any, Any]]:
    """Return name, action, quantity and amount of each line of the target."""
    return [
        (
            one.name,
            str(one.action),
            (one.after or {}).get("quantity"),
            (one.after or {}).get("total_amount_cents"),
        )
        for one in plan.outcomes
    ]


def problems(plan: CopyPlan) -> list[tuple[str, str, bool]]:
    return [(one.code, one.message, one.skippable) for one in plan.problems]


# Items


def test_subscription_items__lines_with_pieces_have_one(
    cellar: None, use: Callable[..., None]
) -> None:
    # given
    use(ListShop)
    first = make_order("W1", ("red", 2, "10.505"), ("", 1, "5"), ("white", 0, "1"), ("", 1, "-3"))
    second = make_order("W2", ("white", 1, "4"), currency="JPY")

    # when
    found = get_shop().subscription_items([second, first, make_order("W3")])

    # then
    keys = [str(line.pk) for line in Line.objects.order_by("pk")]
    fields = ("name", "sku_code", "quantity", "unit_amount_cents", "currency_code")
    assert [
        [(*(getattr(it, name) for name in fields), it.source_line_item_key) for it in items]
        for items in found
    ] == [
        [("white", "white", 1, 4, "JPY", keys[4])],
        [("red", "red", 2, 1051, "EUR", keys[0]), ("service", "", 1, 500, "EUR", keys[1])],
        [],
    ]
    assert all(it.pk is None for items in found for it in items)


def test_subscription_items__long_names_are_cut(cellar: None) -> None:
    # given
    order = make_order("W1", ("red", 1, "1"))
    name = OrderSubscriptionItem._meta.get_field("name")

    class LongShop(WineShop):
        line = replace(WineShop.line, name="order__note")

    Order.objects.update(note="x" * 300)

    # when
    [[item]] = LongShop().subscription_items([order])

    # then
    assert item.name == "x" * name.max_length  # type: ignore[operator]


# Plans


def test_renewal__lines_have_what_the_items_agree(cellar: None) -> None:
    # given
    order = make_order("W1", *[(wine, 3, "2.50") for wine in ("red", "red", "white", "red")])
    order_subscription = subscribe(order)
    set_item(order_subscription, 0, quantity=7)
    set_item(order_subscription, 1, quantity=1, unit_amount_cents=199)
    changes.delete_item(items_of(order_subscription)[3], actor="staff")

    # when
    [plan] = plans(order_subscription)

    # then
    assert shown(plan) == [
        ("red", "changed", 7, 1750),
        ("red", "changed", 1, 199),
        ("white", "copied", 3, 750),
        ("red", "skipped", None, None),
    ]
    assert [one.code for one in plan.outcomes] == ["subscribed", "subscribed", "", "not_subscribed"]
    assert plan.outcomes[0].message == "as agreed in the subscription"
    assert plan.outcomes[3].message == "red is not in the subscription"
    assert (plan.problems, plan.will_complete) == ([], True)
    assert plan.totals == [
        ("subtotal_amount_cents", 3000, 2699),
        ("total_amount_cents", 3000, 2699),
    ]


def test_renewal__run_writes_the_items_and_leaves_the_source(cellar: None) -> None:
    # given
    order = make_order("W1", ("red", 3, "2.50"), ("white", 1, "4"), ("", 1, "-1"), status="placed")
    order_subscription = subscribe(order)
    set_item(order_subscription, 0, quantity=2, unit_amount_cents=199)
    before = belongings(Order, order.pk)

    # when
    renew([order_subscription], actor="staff")
    order_copy = OrderFactory.objects.get(order_subscription=order_subscription)
    run(order_copy)

    # then
    assert (order_copy.status, order_copy.errors_log) == ("completed", {})
    target = order_copy.target_order
    assert list(target.lines.values_list("name", "quantity", "price")) == [
        ("red", 2, Decimal("1.990")),
        ("white", 1, Decimal(4)),
    ]
    assert (target.total, target.subtotal_cents, target.status) == (Decimal("7.98"), 798, "draft")
    assert differences(before, belongings(Order, order.pk)) == []


def test_renewal__edited_source_lines_change_nothing(cellar: None) -> None:
    # given
    order = make_order("W1", ("red", 3, "2.50"), ("white", 1, "4"))
    order_subscription = subscribe(order)
    order.lines.filter(name="red").update(quantity=1, price=Decimal(9))
    total_up(order)

    # when
    [plan] = plans(order_subscription)

    # then
    assert shown(plan) == [("red", "changed", 3, 750), ("white", "copied", 1, 400)]
    assert dict(plan.target_totals)["total_amount_cents"] == 1150


def test_renewal__stock_is_checked_for_the_quantity_of_the_item(cellar: None) -> None:
    # given
    first, second = (subscribe(make_order(f"W{it}", ("white", 1, "2"))) for it in (1, 2))
    set_item(first, 0, quantity=2)
    set_item(second, 0, quantity=4)

    # when
    [alone] = plans(second)
    enough, together = plans(first, second, place_target_order=True)

    # then
    assert problems(alone) == [("stock_too_low", "only 3 of 4 white left", True)]
    assert shown(alone) == [("white", "reduced", 3, 600)]
    assert (enough.problems, shown(enough)) == ([], [("white", "changed", 2, 400)])
    assert [it[:2] for it in problems(together)] == [("stock_too_low", "only 1 of 4 white left")]


def test_renewal__items_without_a_line_are_problems(cellar: None) -> None:
    # given
    order_subscription = subscribe(make_order("W1", *[("red", it, "1") for it in (1, 2, 3, 4)]))
    set_item(order_subscription, 0, source_line_item_key="")
    set_item(order_subscription, 1, source_line_item_key="gone")
    set_item(order_subscription, 2, currency_code="USD")

    # when
    [plan] = plans(order_subscription)

    # then
    gone = "delete the item from the subscription"
    never = f"this shop can renew only lines of the source order, and 1 × red was none: {gone}"
    differs = "3 × red is another article, or in another currency, than its line of the source"
    assert problems(plan) == [
        ("no_source_line", never, True),
        ("line_gone", f"the source order has no line for 2 × red any more: {gone}", True),
        ("line_differs", f"{differs} order: correct the item, or delete it", False),
    ]
    assert not plan.will_complete


def test_renewal__two_items_of_one_line_are_a_problem(cellar: None) -> None:
    # given
    order_subscription = subscribe(make_order("W1", ("red", 1, "1"), ("red", 2, "1")))
    key = items_of(order_subscription)[0].source_line_item_key
    set_item(order_subscription, 1, source_line_item_key=key)

    # when, then
    assert [it[0] for it in problems(plans(order_subscription)[0])] == ["line_gone"]


@pytest.mark.parametrize("values", [{"sku_code": "white"}, {"bundle_code": "red"}])
def test_renewal__item_of_another_article_is_a_problem(
    cellar: None, use: Callable[..., None], values: dict[str, str]
) -> None:
    # given
    use(ListShop)
    order_subscription = subscribe(make_order("W1", ("red", 1, "1"), ("red", 2, "1")))
    set_item(order_subscription, 0, **values)

    # when, then
    assert [it[0] for it in problems(plans(order_subscription)[0])] == ["line_differs"]


def test_renewal__item_without_code_has_the_article_of_its_line(
    cellar: None, use: Callable[..., None]
) -> None:
    # given
    order_subscription = subscribe(make_order("W1", ("red", 1, "1")))
    use(ListShop)

    # when, then
    assert shown(plans(order_subscription)[0]) == [("red", "copied", 1, 100)]


def test_renewal__unavailable_item_is_a_problem(cellar: None) -> None:
    # given
    order_subscription = subscribe(make_order("W1", ("rose", 1, "1"), ("red", 1, "1")))

    # when, then
    assert problems(plans(order_subscription)[0]) == [
        ("out_of_stock", "rose is out of stock", True)
    ]


def test_renewal__part_of_a_bundle_that_is_left_out_is_a_problem(cellar: None) -> None:
    # given
    order = make_order("W1", ("red", 1, "1"))
    case = add_line(order, "white", 1, "2")
    add_line(order, "red", 1, "3", case=case)
    total_up(order)
    order_subscription = subscribe(order)
    changes.delete_item(items_of(order_subscription)[1], actor="staff")

    # when
    [plan] = plans(order_subscription)

    # then
    message = "red goes with white, which is not in the subscription: delete its item too"
    assert problems(plan) == [("not_subscribed", message, True)]
    assert [it[1] for it in shown(plan)] == ["copied", "skipped", "skipped"]


@pytest.mark.parametrize("is_deleted", [True, False])
def test_renewal__nothing_agreed_is_no_copy(cellar: None, *, is_deleted: bool) -> None:
    # given
    order_subscription = subscribe(make_order("W1", ("red", 1, "1")))
    order_copy = renewal(order_subscription)
    if is_deleted:
        order_copy.order_subscription = None
    order_subscription.order_subscription_items.all().delete()

    # when
    [plan] = preview_copies([order_copy])

    # then
    message = "no item of the subscription can be renewed: change its items"
    assert problems(plan) == [("no_sellable_line", message, False)]


class DiscountShop(WineShop):
    """A shop whose orders have a discount of their own."""

    totals = {**WineShop.totals, "discount_amount_cents": "shipping"}


def test_renewal__discount_outside_the_lines_is_not_repeated(
    cellar: None, use: Callable[..., None]
) -> None:
    # given
    use(DiscountShop)
    without = subscribe(make_order("W1", ("red", 1, "1")))
    discounted = subscribe(make_order("W2", ("red", 1, "1"), shipping=Decimal(-1)))

    # when
    free, refused = plans(without, discounted)

    # then
    assert free.problems == []
    message = (
        "the source order has a discount or a gift card, which a subscription must not repeat: "
        "subscribe to an order without it"
    )
    assert problems(refused) == [("discount_not_renewable", message, False)]
    assert refused.problems[0].attribute == "discount_amount"


class TaxShop(WineShop):
    """A shop whose lines have an amount that is neither unit nor total: the data."""

    def reduce(self, line: Any, quantity: Any) -> Mapping[str, Any]:
        return {"quantity": quantity, "data": {"pieces": quantity}}

    def reprice(self, line: Any, price: int) -> Mapping[str, Any]:
        return {"price": Decimal(price) / 100, "data": {**line.data, "tax": price * 22 // 100}}

    def revise(self, draft: Draft) -> None:
        super().revise(draft)
        if draft.agreement:
            draft.values["note"] = str(draft.agreement.order_subscription)


def test_renewal__hooks_change_other_amounts(cellar: None, use: Callable[..., None]) -> None:
    # given
    use(TaxShop)
    order_subscription = subscribe(make_order("W1", ("red", 3, "1")))
    set_item(order_subscription, 0, quantity=5, unit_amount_cents=200)

    # when
    renew([order_subscription], actor="staff")
    order_copy = OrderFactory.objects.get(order_subscription=order_subscription)
    run(order_copy)

    # then
    assert (order_copy.status, order_copy.errors_log) == ("completed", {})
    target = order_copy.target_order
    assert target.note == order_subscription.number
    assert list(target.lines.values_list("quantity", "price", "data")) == [
        (5, Decimal(2), {"pieces": 5, "tax": 44})
    ]


class WalletShop(WineShop):
    """A shop with a wallet, which pays with the note of an order."""

    @property
    def capabilities(self) -> frozenset[Capability]:
        return super().capabilities | {Capability.WALLET}

    def revise(self, draft: Draft) -> None:
        super().revise(draft)
        draft.values["note"] = draft.customer_payment_source_key


def test_wallet__chosen_payment_source_is_known_to_shops_with_a_wallet(
    cellar: None, use: Callable[..., None]
) -> None:
    # given
    use(WalletShop)
    source = make_order("W1", ("red", 3, "1"))
    automatic, ordinary = subscribe(source), OrderFactory(source_order=source)
    manual = OrderSubscription.objects.create(source_order=source, frequency="monthly")
    for key, one in enumerate([automatic, manual]):
        changes.update(one, {"customer_payment_source_key": f"card {key}"}, actor="staff")

    # when
    order_copies = [new_copy(one, get_shop()) for one in (automatic, manual)]
    found = preview_copies([*order_copies, ordinary])

    # then
    assert [plan.row.values["note"] for plan in found] == ["card 0", "card 1", ""]


# New and changed items


def test_items__new_one_is_completed_by_its_line(cellar: None, use: Callable[..., None]) -> None:
    # given
    use(ListShop)
    order_subscription = subscribe(make_order("W1", ("red", 3, "1"), ("white", 2, "4.20")))
    key = items_of(order_subscription)[1].source_line_item_key
    changes.delete_item(items_of(order_subscription)[1], actor="staff")

    # when
    for price in (None, 399):
        item = OrderSubscriptionItem(
            order_subscription=order_subscription,
            sku_code="white",
            quantity=1,
            unit_amount_cents=price,
        )
        changes.add_item(item, actor="staff")

        # then
        assert (item.name, item.currency_code) == ("white", "EUR")
        assert (item.unit_amount_cents, item.source_line_item_key) == (price or 420, key)
        assert plans(order_subscription)[0].problems == []
        changes.delete_item(item, actor="staff")


@pytest.mark.parametrize("values", [{}, {"sku_code": "rose"}, {"bundle_code": "red"}])
def test_items__new_one_without_a_line_is_refused(
    cellar: None, use: Callable[..., None], values: dict[str, str]
) -> None:
    # given
    use(ListShop)
    order_subscription = subscribe(make_order("W1", ("red", 3, "1")))
    item = OrderSubscriptionItem(
        order_subscription=order_subscription, quantity=1, unit_amount_cents=1, **values
    )

    # when
    with pytest.raises(SubscriptionRefusedError) as refusal:
        changes.add_item(item, actor="staff")

    # then
    message = "no line of the source order sells this: name the SKU code of one of its lines"
    assert [(it.code, it.message) for it in refusal.value.problems] == [("no_source_line", message)]


def test_items__new_one_is_refused_if_the_source_is_gone(cellar: None) -> None:
    # given
    order_subscription = subscribe(make_order("W1", ("red", 3, "1")))
    [item] = items_of(order_subscription)
    OrderSubscription.objects.update(source_order=None)
    item.order_subscription.refresh_from_db()

    # when, then
    assert [it.code for it in get_shop().complete_item(item)] == ["no_source_line"]


def test_items__shop_without_codes_finds_the_line_by_its_key(cellar: None) -> None:
    # given
    order_subscription = subscribe(make_order("W1", ("red", 3, "1"), ("red", 1, "2")))
    item = items_of(order_subscription)[1]

    # when, then
    assert WineShop().complete_item(item) == []
    assert item.unit_amount_cents == 200


# Subscribers


class EmailShop(WineShop):
    customer_email = "customer__user__email"


def test_subscribers__have_what_is_declared(
    cellar: None, django_assert_num_queries: Callable[..., Any]
) -> None:
    # given
    customer = Customer.objects.create(user=User.objects.create_user("ann", "ann@example.com"))
    orders = [
        make_order("W1", customer=customer, status="placed"),
        make_order("W2", customer=customer, status="shipped"),
        make_order("W3"),
    ]

    # when
    with django_assert_num_queries(1):
        found = EmailShop().subscribers(orders)

    # then
    assert found == [
        Subscriber("ann@example.com", is_placed=True),
        Subscriber("ann@example.com"),
        Subscriber(),
    ]
    with django_assert_num_queries(0):
        assert WineShop().subscribers(orders)[0] == Subscriber(is_placed=True)


def test_subscribers__email_is_an_attribute_of_the_order(cellar: None) -> None:
    # given
    order: Any = make_order("W1")
    order.email = "ann@example.com"

    # when, then
    assert WineShop().subscribers([order]) == [Subscriber("ann@example.com")]


# Declarations


class WrongEmail(WineShop):
    customer_email = "customer__mail"


def test_check__reports_a_customer_email_that_is_no_lookup() -> None:
    # when
    [complaint] = WrongEmail().complaints()

    # then
    expected = 'WrongEmail.customer_email names "customer__mail", which wine_shop.Order does not'
    assert complaint.message.startswith(expected)


def with_line(*copied: str, **fields: str) -> type[FrozenShop]:
    """Return a shop whose lines are declared like that."""
    models: Sequence[CopiedModel] = [
        replace(one, copied=copied) if one.model is Line else one for one in WineShop.copied_models
    ]
    attributes = {"copied_models": models, "line": replace(WineShop.line, **fields)}
    return type("Shop", (WineShop,), attributes)


class Bare(FrozenShop):
    pass


@pytest.mark.parametrize(
    ("shop", "is_able"),
    [
        (WineShop, True),
        (with_line("quantity", "price", unit="", total="price"), True),
        (with_line("price"), False),
        (with_line("quantity"), False),
        (with_line("quantity", "price", quantity="price"), False),
        (with_line("quantity", "price", unit="", total=""), False),
        (with_line("quantity", "price", total="packed_at"), False),
        (with_line("quantity", "price", quantity="pieces"), False),
        (Bare, False),
    ],
)
def test_capabilities__recurring_needs_quantity_and_amounts(
    shop: type[FrozenShop], *, is_able: bool
) -> None:
    assert (Capability.RECURRING in shop().capabilities) == is_able


def test_subscription__to_a_shop_that_cannot_renew_is_refused(
    cellar: None, use: Callable[..., None]
) -> None:
    # given
    use(NoItems)

    # when
    with pytest.raises(SubscriptionRefusedError) as refusal:
        subscribe(make_order("W1", ("red", 1, "1")))

    # then
    [problem] = refusal.value.problems
    assert problem.attribute == "subscription_model"
    assert problem.message == "this shop cannot build orders from the items of subscriptions"


class NoItems(WineShop):
    @property
    def capabilities(self) -> frozenset[Capability]:
        return super().capabilities - {Capability.RECURRING}


def test_plan__query_count_is_the_same_for_any_number_of_renewals(
    cellar: None, django_assert_num_queries: Callable[..., Any], django_assert_max_num_queries: Any
) -> None:
    """The plans of recurring copies need two more queries than those of others: the items."""
    # given
    subscriptions = [subscribe(make_order(f"W{it}", ("red", it, "1"))) for it in range(1, 6)]
    shop = get_shop()
    copies = [renewal(one) for one in subscriptions]
    with django_assert_max_num_queries(1000) as ordinary:
        shop.plan([OrderFactory(source_order=one.source_order) for one in subscriptions])

    # when, then
    for part in (copies[:1], copies):
        with django_assert_num_queries(len(ordinary) + 2):
            shop.plan(part)
    assert Wine.objects.get(code="white").pieces == 3
