"""Tests of subscriptions: their items, and the copies that are built from them."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from order_copies import copying
from order_copies.models import (
    Kind,
    OrderFactory,
    OrderSubscription,
    OrderSubscriptionItem,
    RecurringOrderCopy,
    SubscriptionModel,
)
from order_copies.plans import Action, CopyPlan, Outcome
from order_copies.shops import Capability, Subscriber
from order_copies.subscriptions import changes
from order_copies.testing.base import Contract, needs
from order_copies.testing.plans import assert_adds_up
from order_copies.testing.rows import database, differences
from order_copies.testing.steps import ACTOR, growth, previewed, queries_of, target_of, work


class Subscriptions(Contract):
    """Tests of automatic subscriptions to orders of ``make_order``."""

    def test_subscribers__is_one_per_order(self) -> None:
        """``subscribers`` describes each order, in order."""
        orders = [self.make_order() for _ in range(3)]
        found = self.shop().subscribers(orders)
        assert len(found) == 3, f"subscribers() returned {len(found)} answers for 3 orders."
        assert all(isinstance(one, Subscriber) for one in found), f"subscribers() returned {found}."
        alone = [self.shop().subscribers([order])[0] for order in orders]
        assert found == alone, "subscribers() mixes up orders."

    def test_subscribers__query_count_is_constant(self) -> None:
        """``subscribers`` runs no more queries for five orders than for one."""
        self._assert_constant_for_orders("subscribers", self.shop().subscribers)

    @needs(Capability.RECURRING)
    def test_subscription_items__are_valid(self) -> None:
        """An order has two or more items, which can be saved."""
        order = self.make_order()
        [items] = self.shop().subscription_items([order])
        assert len(items) > 1, f"subscription_items() returned {len(items)} items for an order."
        for item in items:
            item.clean_fields(exclude=["order_subscription"])
            assert item.unit_amount_cents >= 0, f"{item} has a negative price: it is a discount."
        currencies = {item.currency_code for item in items}
        expected = previewed(order).currency_code
        assert currencies == {expected}, f"Items in {currencies} of an order in {expected}."

    @needs(Capability.RECURRING)
    def test_subscription_items__are_those_of_each_order(self) -> None:
        """Each order of a list has its own items."""
        orders = [self.make_order() for _ in range(3)]
        alone = [self._values(self.shop().subscription_items([order])[0]) for order in orders]
        found = [self._values(items) for items in self.shop().subscription_items(orders)]
        assert found == alone, "subscription_items() mixes up orders."

    @needs(Capability.RECURRING)
    def test_subscription_items__query_count_is_constant(self) -> None:
        """``subscription_items`` runs no more queries for five orders than for one."""
        self._assert_constant_for_orders("subscription_items", self.shop().subscription_items)

    @needs(Capability.RECURRING)
    def test_renewal__of_all_items_has_the_lines_of_a_frozen_copy(self) -> None:
        """A recurring copy completes, and each of its lines is that of a frozen copy."""
        order = self.make_order()
        order_subscription = subscribed(order)
        plan = planned(order_subscription)
        _assert_completes(plan)
        frozen = {one.source_line_item: one.shown for one in previewed(order).outcomes}
        for line in plan.lines:
            assert line.shown == frozen.get(line.source_line_item), (
                f"{line.name} is {line.action} to {line.after} in a recurring copy."
            )
        count = order_subscription.order_subscription_items.count()
        assert len(plan.lines) >= count, f"{len(plan.lines)} lines of {count} items are copied."

    @needs(Capability.RECURRING)
    def test_renewal__adds_up(self) -> None:
        """The totals change by what the outcomes change."""
        assert_adds_up(planned(subscribed(self.make_order())))

    @needs(Capability.RECURRING)
    def test_renewal__has_the_quantities_of_the_items(self) -> None:
        """Another quantity of an item changes its line in proportion, and the totals with it."""
        order_subscription = subscribed(self.make_order())
        self._item(order_subscription, quantity=5)
        plan = planned(order_subscription)
        _assert_completes(plan)
        _assert_has_quantity(plan, 5)
        assert_adds_up(plan)

    @needs(Capability.RECURRING)
    def test_renewal__has_the_prices_of_the_items(self) -> None:
        """Another price of an item is that of its line, and the totals change with it."""
        order_subscription = subscribed(self.make_order())
        item = self._item(order_subscription, unit_amount_cents=1234)
        plan = planned(order_subscription)
        _assert_completes(plan)
        line = _changed_line(plan)
        total = (line.after or {}).get("total_amount_cents")
        assert total == item.total_amount_cents, (
            f"The line of an item of {item.total_amount_cents} cents amounts to {total}."
        )
        assert_adds_up(plan)

    @needs(Capability.RECURRING)
    def test_renewal__leaves_out_a_line_without_an_item(self) -> None:
        """A deleted item leaves its line out, with a reason, and is no problem."""
        order_subscription = subscribed(self.make_order())
        complete = planned(order_subscription)
        *_others, last = order_subscription.order_subscription_items.all()
        changes.delete_item(last, actor=ACTOR)
        plan = planned(order_subscription)
        _assert_completes(plan)
        assert len(plan.lines) < len(complete.lines), "A line without an item is copied."
        for outcome in plan.outcomes:
            is_explained = outcome.action == Action.COPIED or (outcome.code and outcome.message)
            assert is_explained, f"{outcome.name} is {outcome.action} without a reason."
        assert_adds_up(plan)

    @needs(Capability.RECURRING)
    def test_renewal__planning_writes_nothing(self) -> None:
        """A preview leaves every row of every table as it is."""
        order_subscription = subscribed(self.make_order())
        before = database()
        planned(order_subscription)
        written = differences(before, database())
        assert not written, f"plan() wrote: {written[0]}."

    @needs(Capability.RECURRING)
    def test_renewal__writes_what_was_planned(self) -> None:
        """The target has the totals and lines that the plan shows, those of changed items too."""
        order_subscription = subscribed(self.make_order())
        self._item(order_subscription, quantity=5)
        plan = planned(order_subscription)
        [order_copy] = renewed(order_subscription)
        written = previewed(target_of(order_copy))
        assert written.source_totals == plan.target_totals, (
            f"write() wrote the totals {written.source_totals}, the plan has {plan.target_totals}."
        )
        lines = [dict(line.before or {}) for line in written.outcomes]
        expected = [dict(line.after or {}) for line in plan.lines]
        assert lines == expected, f"write() wrote the lines {lines}, the plan has {expected}."

    @needs(Capability.RECURRING, Capability.PLACE)
    def test_renewal__is_placed(self) -> None:
        """A recurring copy that places completes, and its target is placed as the source is."""
        order = self.make_order()
        [order_copy] = renewed(subscribed(order, place_target_order=True))
        source, target = self.shop().subscribers([order, target_of(order_copy)])
        assert target.is_placed == source.is_placed, (
            f"subscribers() returned {source} for a placed order, {target} for its placed copy."
        )

    @needs(Capability.RECURRING)
    def test_renewal__leaves_the_source_unchanged(self) -> None:
        """A recurring copy changes no row that belongs to its source."""
        order = self.make_order()
        order_subscription = subscribed(order)
        self._item(order_subscription, quantity=5)
        before = self.belongings(order)
        target_of(*renewed(order_subscription))
        changed = differences(before, self.belongings(order))
        assert not changed, f"write() changed the source: {changed[0]}."

    @needs(Capability.RECURRING)
    def test_renewal__each_of_a_batch_has_its_own_items(self) -> None:
        """Recurring copies of one batch are built from the items of their own subscriptions."""
        order = self.make_order()
        subscriptions = [subscribed(order) for _ in range(3)]
        for quantity, one in enumerate(subscriptions, start=5):
            self._item(one, quantity=quantity)
        plans = copying.preview_copies([renewal(one) for one in subscriptions])
        for quantity, plan in enumerate(plans, start=5):
            _assert_has_quantity(plan, quantity)

    @needs(Capability.RECURRING)
    def test_renewal__plan_query_count_is_constant(self) -> None:
        """``plan`` runs no more queries for five recurring copies than for one."""
        self._assert_renewals_constant("plan")

    @needs(Capability.RECURRING)
    def test_renewal__write_query_count_is_constant(self) -> None:
        """``write`` runs no more queries for five recurring copies than for one."""
        self._assert_renewals_constant("write")

    def _item(self, order_subscription: OrderSubscription, **values: Any) -> OrderSubscriptionItem:
        """Return the first item of a subscription, after it was changed to these values."""
        item = order_subscription.order_subscription_items.all()[0]
        changes.update_item(item, values, actor=ACTOR)
        return item

    def _values(self, items: Sequence[OrderSubscriptionItem]) -> list[tuple[Any, ...]]:
        return [(str(it), it.unit_amount_cents, it.source_line_item_key) for it in items]

    def _assert_constant_for_orders(
        self, method: str, call: Callable[[Sequence[Any]], Any]
    ) -> None:
        call([self.make_order()])  # fills caches
        few, many = [self.make_order()], [self.make_order() for _ in range(5)]
        counts = []
        for orders in (few, many):
            with CaptureQueriesContext(connection) as queries:
                call(orders)
            counts.append([query["sql"] for query in queries.captured_queries])
        growing = growth(method, counts[0], counts[1], "order")
        assert not growing, growing

    def _assert_renewals_constant(self, method: str) -> None:
        subscriptions = [subscribed(self.make_order()) for _ in range(7)]
        renewed(subscriptions[0])  # fills caches
        counts = [
            queries_of(self.shop(), self._renewing(part))[method]
            for part in (subscriptions[1:2], subscriptions[2:])
        ]
        growing = growth(method, counts[0], counts[1], "copy")
        assert not growing, growing

    def _renewing(self, subscriptions: Sequence[OrderSubscription]) -> Callable[[], None]:
        def run() -> None:
            for order_copy in renewed(*subscriptions):
                target_of(order_copy)

        return run


def subscribed(order: Any, *, place_target_order: bool = False) -> OrderSubscription:
    """Create and activate an automatic subscription to all lines of an order."""
    model, _new = SubscriptionModel.objects.get_or_create(
        name="contract", defaults={"frequencies": ["monthly"]}
    )
    order_subscription = OrderSubscription(
        source_order_id=order.pk,
        subscription_model=model,
        frequency="monthly",
        activate_by_source_order=False,
        starts_at=timezone.now() + timedelta(days=1),
        place_target_order=place_target_order,
    )
    changes.create(order_subscription, actor=ACTOR)
    [refusals] = changes.activate([order_subscription], actor=ACTOR)
    assert not refusals, f"A subscription is not activated: {refusals}."
    return order_subscription


def renewal(order_subscription: OrderSubscription) -> OrderFactory:
    """Return a recurring copy that is not requested yet."""
    return RecurringOrderCopy(
        type=Kind.RECURRING_ORDER_COPIES,
        source_order_id=order_subscription.source_order_id,
        order_subscription=order_subscription,
    )


def planned(order_subscription: OrderSubscription) -> CopyPlan:
    """Return the plan of the next copy of a subscription."""
    [plan] = copying.preview_copies([renewal(order_subscription)])
    return plan


def renewed(*order_subscriptions: OrderSubscription) -> list[OrderFactory]:
    """Request and run a copy of each subscription; return them as they are in the database."""
    refusals = copying.renew(order_subscriptions, actor=ACTOR)
    assert not any(refusals), f"A subscription is not renewed: {refusals}."
    work()
    return list(OrderFactory.objects.filter(order_subscription__in=order_subscriptions))


def _assert_completes(plan: CopyPlan) -> None:
    messages = [f"{one.attribute}: {one.message}" for one in plan.problems]
    assert plan.will_complete, f"A recurring copy has problems: {messages}."


def _assert_has_quantity(plan: CopyPlan, quantity: int) -> None:
    line = _changed_line(plan)
    before, after = line.before or {}, line.after or {}
    assert after.get("quantity") == quantity, (
        f"The line of an item with {quantity} pieces has {after.get('quantity')}."
    )
    exact = before["total_amount_cents"] * quantity / before["quantity"]
    assert abs(after["total_amount_cents"] - exact) < 1, (
        f"{quantity} pieces amount to {after['total_amount_cents']} instead of {exact}."
    )


def _changed_line(plan: CopyPlan) -> Outcome:
    """Return the outcome of the only line that is written and not copied as it is."""
    changed = [line for line in plan.lines if line.before != line.after]
    assert len(changed) == 1, f"One item was changed, and {len(changed)} lines."
    return changed[0]
