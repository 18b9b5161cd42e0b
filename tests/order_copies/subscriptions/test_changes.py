from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from order_copies import copying
from order_copies.exceptions import (
    SourceOrderGoneError,
    SubscriptionGoneError,
    SubscriptionModelGoneError,
    SubscriptionRefusedError,
    UnsupportedToggleError,
)
from order_copies.models import (
    Kind,
    OrderFactory,
    OrderSubscription,
    OrderSubscriptionItem,
    SubscriptionModel,
)
from order_copies.plans import Problem
from order_copies.subscriptions import changes
from order_copies.subscriptions.schedule import schedule_due
from order_copies.worker.run import run_batch
from orders.models import Order
from tests import stories
from tests.factories import pending_order, placed_order
from tests.order_copies.subscriptions.shops import PRICE, SubscribingShop
from tests.subscriptions import (
    DAY,
    FIRST,
    HOUR,
    Clock,
    copies_of,
    counters,
    events_of,
    fresh,
    last_copy,
    names_of,
    renewed,
    scheduled,
    subscribed,
    use,
)

pytestmark = pytest.mark.django_db

Change = Callable[..., list[list[Problem]]]


@pytest.fixture
def model(settings: LazySettings) -> SubscriptionModel:
    """The subscription model of every market."""
    use(settings, SHOP=SubscribingShop.PATH)
    return SubscriptionModel.objects.create(name="Coffee", frequencies=["weekly", "monthly"])


def codes(refusals: list[list[Problem]]) -> list[list[tuple[str, str]]]:
    return [[(one.attribute, one.code) for one in problems] for problems in refusals]


def act(change: Change, *subscriptions: OrderSubscription) -> list[list[tuple[str, str]]]:
    """Make a change; return attribute and code of each problem."""
    return codes(change(list(subscriptions), actor=stories.WHO))


def refused(change: Callable[..., Any], *arguments: Any, **values: Any) -> list[tuple[str, str]]:
    """Return attribute and code of each problem for which a change is refused."""
    before = stories.whole_database()
    with pytest.raises(SubscriptionRefusedError) as refusal:
        change(*arguments, **values, actor=stories.WHO)
    assert stories.whole_database() == before
    [found] = codes([refusal.value.problems])
    return found


def update(one: OrderSubscription, **values: Any) -> None:
    changes.update(one, values, actor=stories.WHO)


# Create


def test_create__manual_subscription_is_a_draft(clock: Clock) -> None:
    # when
    one = subscribed(active=False)

    # then
    assert (one.status, one.is_automatic, one.due_at, one.anchor_at) == ("draft", False, None, None)
    assert one.customer_email == one.source_order.customer_email
    [event] = events_of(one)
    assert (event.name, event.who) == ("order_subscriptions.create", stories.WHO)
    assert event.changes == {"status": {"from": None, "to": "draft"}}


def test_create__placed_source_activates_and_counts_as_the_first_run(
    clock: Clock, model: SubscriptionModel
) -> None:
    # when
    one = subscribed(
        placed_order(),
        frequency="weekly",
        activate_by_source_order=True,
        starts_at=None,
        active=False,
    )

    # then
    assert (one.status, one.subscription_model) == ("active", model)
    assert (one.anchor_at, one.next_run_at) == (clock.now, clock.now + 7 * DAY)
    assert names_of(one) == ["create", "activate"]
    items = one.order_subscription_items.values_list("sku_code", "quantity", "unit_amount_cents")
    assert list(items) == [("COFFEE", 2, 900)]


def test_create__source_that_is_not_placed_is_refused(
    clock: Clock, model: SubscriptionModel
) -> None:
    one = OrderSubscription(source_order=pending_order(), frequency="weekly")

    assert refused(changes.create, one) == [("source_order", "not_placed")]
    changes.create(one, actor=stories.WHO, waits_for_source=True)
    assert one.status == "draft"


def test_create__deleted_source_raises(clock: Clock) -> None:
    one = OrderSubscription(source_order_id=0, frequency="daily")

    with pytest.raises(SourceOrderGoneError):
        changes.create(one, actor=stories.WHO)


def test_create__model_that_is_deleted_meanwhile_raises(
    clock: Clock, model: SubscriptionModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    one = OrderSubscription(source_order=placed_order(), frequency="weekly")

    def delete_model(shop: SubscribingShop, orders: Any) -> list[list[OrderSubscriptionItem]]:
        model.delete()
        return [[item_of(one)]]

    monkeypatch.setattr(SubscribingShop, "subscription_items", delete_model)

    # then
    with pytest.raises(SubscriptionModelGoneError):
        changes.create(one, actor=stories.WHO)


def test_create__manual_subscription_has_no_items(clock: Clock) -> None:
    one = OrderSubscription(
        source_order=placed_order(),
        frequency="daily",
        starts_at=FIRST,
        activate_by_source_order=False,
    )
    items = [OrderSubscriptionItem(sku_code="A", quantity=1, unit_amount_cents=1)]

    assert refused(changes.create, one, items=items) == [("order_subscription", "manual")]


# Transitions

EVENTS: list[tuple[Change, str, str]] = [
    (changes.activate, "draft", "active"),
    (changes.activate, "inactive", "active"),
    (changes.deactivate, "active", "inactive"),
    (changes.deactivate, "running", "inactive"),
    (changes.cancel, "draft", "cancelled"),
    (changes.cancel, "inactive", "cancelled"),
    (changes.cancel, "active", "cancelled"),
    (changes.cancel, "running", "cancelled"),
]
FORBIDDEN: list[tuple[Change, str, str]] = [
    (changes.activate, "cancelled", "active"),
    (changes.deactivate, "draft", "inactive"),
    (changes.deactivate, "cancelled", "inactive"),
]
REPEATED: list[tuple[Change, str]] = [
    (changes.activate, "active"),
    (changes.activate, "running"),
    (changes.deactivate, "inactive"),
    (changes.cancel, "cancelled"),
]


def in_status(status: str, clock: Clock) -> OrderSubscription:
    """Return a subscription with this status."""
    one = subscribed(active=status != "draft")
    if status == "inactive":
        changes.deactivate([one], actor=stories.WHO)
    if status == "cancelled":
        changes.cancel([one], actor=stories.WHO)
    if status == "running":
        clock.now = FIRST
        scheduled(one)
    return fresh(one)


@pytest.mark.parametrize(("change", "before", "after"), EVENTS)
def test_transition__is_recorded_with_its_actor(
    clock: Clock, change: Change, before: str, after: str
) -> None:
    # given
    one = in_status(before, clock)

    # when
    refusals = act(change, one)

    # then
    assert (refusals, fresh(one).status) == ([[]], after)
    event = events_of(one)[-1]
    assert (event.name, event.who) == (f"order_subscriptions.{change.__name__}", stories.WHO)
    assert event.changes["status"] == {"from": before, "to": after}


@pytest.mark.parametrize(("change", "before", "after"), FORBIDDEN)
def test_transition__forbidden_one_is_refused(
    clock: Clock, change: Change, before: str, after: str
) -> None:
    # given
    one = in_status(before, clock)
    rows = stories.whole_database()

    # when
    refusals = change([one], actor=stories.WHO)

    # then
    assert codes(refusals) == [[("status", "cannot_transition")]]
    assert f"from {before} to {after}" in refusals[0][0].message
    assert stories.whole_database() == rows


@pytest.mark.parametrize(("change", "status"), REPEATED)
def test_transition__repeated_one_changes_nothing(
    clock: Clock, change: Change, status: str
) -> None:
    # given
    one = in_status(status, clock)
    rows = stories.whole_database()

    # when
    refusals = act(change, one)

    # then
    assert (refusals, stories.whole_database()) == ([[]], rows)


def test_transition__each_of_many_is_decided_on_its_own(clock: Clock) -> None:
    # given
    draft, cancelled, active = (in_status(it, clock) for it in ("draft", "cancelled", "active"))

    # when
    refusals = act(changes.deactivate, draft, cancelled, active)

    # then
    assert [len(problems) for problems in refusals] == [1, 1, 0]
    assert [fresh(it).status for it in (draft, cancelled, active)] == [
        "draft",
        "cancelled",
        "inactive",
    ]


@pytest.mark.parametrize("change", [changes.activate, changes.skip, changes.delete, copying.renew])
def test_transition__of_a_deleted_subscription_raises(clock: Clock, change: Change) -> None:
    # given
    one = subscribed()
    OrderSubscription.objects.all().delete()

    # then
    with pytest.raises(SubscriptionGoneError):
        act(change, one)


@pytest.mark.parametrize("change", [changes.activate, changes.cancel, changes.skip, copying.renew])
def test_transition__costs_the_same_for_one_and_for_many(clock: Clock, change: Change) -> None:
    # given
    source, costs = placed_order(), []
    is_active = change is not changes.activate

    # when
    for count in (1, 10):
        subscriptions = [subscribed(source, active=is_active) for _ in range(count)]
        with CaptureQueriesContext(connection) as queries:
            assert act(change, *subscriptions) == [[]] * count
        costs.append(len(queries))

    # then
    assert costs[0] == costs[1]


# Activation


def test_activate__first_slot_is_the_start(clock: Clock) -> None:
    one = subscribed()

    assert (one.anchor_at, one.next_run_at, one.due_at) == (FIRST, FIRST, FIRST - HOUR)


def test_activate__after_the_start_waits_for_the_first_slot_to_come(clock: Clock) -> None:
    # given
    one = subscribed(active=False)
    clock.now = FIRST + 5 * DAY + HOUR

    # when
    act(changes.activate, one)

    # then
    assert (fresh(one).next_run_at, fresh(one).anchor_at) == (FIRST + 6 * DAY, FIRST)


def test_activate__again_keeps_the_slots_of_the_anchor(clock: Clock) -> None:
    # given
    one = subscribed()
    act(changes.deactivate, one)
    clock.now = FIRST + 2 * DAY + HOUR

    # when
    act(changes.activate, one)

    # then
    assert fresh(one).next_run_at == FIRST + 3 * DAY


def test_activate__expired_subscription_is_refused(clock: Clock) -> None:
    # given
    one = subscribed(active=False, expires_at=FIRST + HOUR)
    clock.now = FIRST + HOUR

    # then
    assert act(changes.activate, one) == [[("expires_at", "expired")]]


def test_activate__without_a_slot_before_the_expiry_cancels(clock: Clock) -> None:
    # given
    one = subscribed(active=False, expires_at=FIRST + 2 * HOUR)
    clock.now = FIRST + HOUR

    # when
    refusals = act(changes.activate, one)

    # then
    assert (refusals, fresh(one).status, names_of(one)[-1]) == ([[]], "cancelled", "cancel")


def test_activate__source_that_is_not_placed_is_refused(
    clock: Clock, model: SubscriptionModel
) -> None:
    # given
    source = pending_order()
    one = OrderSubscription(source_order=source, frequency="weekly")
    changes.create(one, actor=stories.WHO, waits_for_source=True)

    # when
    refusals = act(changes.activate, one)
    Order.objects.filter(pk=source.pk).update(status="placed")

    # then
    assert refusals == [[("source_order", "not_placed")]]
    assert act(changes.activate, one) == [[]]


# Skip and unskip


def test_skip__passes_over_the_next_slot(clock: Clock) -> None:
    # given
    one = subscribed()

    # when
    act(changes.skip, one)
    clock.now = FIRST
    count = schedule_due("w1")

    # then
    one = fresh(one)
    assert (count, one.next_run_at, one.skipped_from) == (0, FIRST + DAY, FIRST)
    event = next(it for it in events_of(one) if "skipped_from" in it.changes)
    assert (event.name, event.changes.keys()) == ("", {"next_run_at", "skipped_from"})


def test_skip__stays_after_a_pause_that_ends_before_the_skipped_slot(clock: Clock) -> None:
    # given
    one = subscribed()
    for _ in range(2):
        act(changes.skip, one)

    # when
    act(changes.deactivate, one)
    act(changes.activate, one)

    # then
    one = fresh(one)
    assert (one.last_slot, one.next_run_at) == (FIRST + DAY, FIRST + 2 * DAY)
    clock.now = FIRST + DAY
    assert schedule_due("w1") == 0


def test_unskip__takes_all_skips_back(clock: Clock) -> None:
    # given
    one = subscribed()
    for _ in range(3):
        act(changes.skip, one)
    skipped = fresh(one).next_run_at

    # when
    act(changes.unskip, one)

    # then
    assert (skipped, fresh(one).next_run_at, fresh(one).skipped_from) == (
        FIRST + 3 * DAY,
        FIRST,
        None,
    )
    rows = stories.whole_database()
    assert act(changes.unskip, one) == [[]]
    assert stories.whole_database() == rows


def test_unskip__of_a_slot_in_the_past_is_refused(clock: Clock) -> None:
    # given
    one = subscribed()
    act(changes.skip, one)
    clock.now = FIRST

    # then
    assert act(changes.unskip, one) == [[("next_run_at", "past")]]


def test_skip__stays_after_a_change_of_frequency(clock: Clock) -> None:
    # given
    one = subscribed(frequency="weekly")
    for _ in range(2):
        act(changes.skip, one)

    # when
    update(one, frequency="daily")
    kept = fresh(one).next_run_at
    act(changes.unskip, one)

    # then
    assert (kept, fresh(one).next_run_at, fresh(one).skipped_from) == (
        FIRST + 8 * DAY,
        FIRST,
        None,
    )


def test_skip__of_slots_that_another_frequency_lacks_cannot_be_taken_back(clock: Clock) -> None:
    # given
    one = subscribed()
    clock.now = FIRST
    renewed(one)
    act(changes.skip, one)

    # when
    update(one, frequency="weekly")
    act(changes.unskip, one)

    # then
    assert (fresh(one).next_run_at, fresh(one).skipped_from) == (FIRST + 7 * DAY, None)


def test_skip__stays_if_the_subscription_expires_before_the_next_slot(clock: Clock) -> None:
    # given
    one = subscribed(frequency="weekly")
    act(changes.skip, one)

    # when
    update(one, frequency="monthly", expires_at=FIRST + DAY)
    expired = one.next_run_at
    update(one, frequency="daily", expires_at=None)

    # then
    assert (expired, one.next_run_at, one.skipped_from) == (None, FIRST + DAY, None)


def test_skip__without_a_slot_to_skip_to_is_refused(clock: Clock) -> None:
    one = subscribed(expires_at=FIRST + DAY)

    assert act(changes.skip, one) == [[("next_run_at", "no_slot")]]
    assert fresh(one).next_run_at == FIRST


@pytest.mark.parametrize("change", [changes.skip, changes.unskip])
@pytest.mark.parametrize("status", ["draft", "inactive", "cancelled"])
def test_skip__needs_an_active_subscription(clock: Clock, change: Change, status: str) -> None:
    one = in_status(status, clock)

    assert act(change, one) == [[("status", "not_active")]]


# Renew by hand


def test_renew__consumes_the_next_slot(clock: Clock, wake_ups: list[Any]) -> None:
    # given
    one = subscribed()

    # when
    refusals = act(copying.renew, one)
    order_copy = last_copy(one)
    run_batch("w1")
    clock.now = FIRST
    count = schedule_due("w1")

    # then
    assert (refusals, order_copy.scheduled_for, count) == ([[]], FIRST, 0)
    assert (counters(one), fresh(one).next_run_at) == (("active", 1, 0, True), FIRST + DAY)
    event = copying.events_of(order_copy)[0]
    assert (event.name, event.who) == ("order_copies.create", stories.WHO)


def test_renew__twice_is_refused_while_the_copy_runs(clock: Clock) -> None:
    # given
    one = subscribed()

    # when
    refusals = act(copying.renew, one, one)

    # then
    assert refusals == [[], [("status", "running")]]
    assert len(copies_of(one)) == 1


@pytest.mark.parametrize("status", ["draft", "inactive", "cancelled"])
def test_renew__needs_an_active_subscription(clock: Clock, status: str) -> None:
    assert act(copying.renew, in_status(status, clock)) == [[("status", "not_active")]]


@pytest.mark.parametrize(
    ("moment", "problem"),
    [
        (FIRST + HOUR, ("next_run_at", "no_slot")),
        (FIRST + 2 * HOUR, ("next_run_at", "no_slot")),
    ],
    ids=["no slot is left", "expired"],
)
def test_renew__is_refused_after_the_last_slot(
    clock: Clock, moment: Any, problem: tuple[str, str]
) -> None:
    # given
    one = subscribed(expires_at=FIRST + 2 * HOUR)
    if moment < FIRST + 2 * HOUR:
        clock.now = FIRST
        renewed(one)
    clock.now = moment

    # then
    assert act(copying.renew, one) == [[problem]]


def test_renew__of_a_deleted_source_is_refused(clock: Clock) -> None:
    # given
    one = subscribed(pending_order(lines=1))
    Order.objects.filter(pk=one.source_order_id).delete()

    # then
    assert act(copying.renew, one) == [[("source_order", "source_gone")]]


def recurring(one: OrderSubscription, **values: Any) -> OrderFactory:
    return OrderFactory(
        type=Kind.RECURRING_ORDER_COPIES,
        order_subscription=one,
        source_order_id=one.source_order_id,
        **values,
    )


def test_request_recurring__consumes_the_next_slot(clock: Clock, model: SubscriptionModel) -> None:
    # given
    one = subscribed(frequency="weekly")
    order_copy = recurring(one, place_target_order=True, reference="by hand")

    # when
    copying.request_recurring(order_copy, actor=stories.WHO)

    # then
    found = last_copy(one)
    assert (found.pk, found.scheduled_for, found.reference) == (order_copy.pk, FIRST, "by hand")
    assert (fresh(one).status, fresh(one).next_run_at) == ("running", FIRST + 7 * DAY)


def test_request_recurring__refusals(clock: Clock, model: SubscriptionModel) -> None:
    # given
    automatic = subscribed(frequency="weekly")
    other = recurring(automatic)
    other.source_order = placed_order()
    manual = subscribed(frequency="weekly")
    OrderSubscription.objects.filter(pk=manual.pk).update(subscription_model=None)

    # then
    request = copying.request_recurring
    assert refused(request, recurring(manual)) == [("order_subscription", "manual")]
    assert refused(request, other) == [("source_order", "invalid")]
    act(changes.deactivate, automatic)
    assert refused(request, recurring(automatic)) == [("status", "not_active")]


def test_request_recurring__unsupported_toggle_is_refused(
    clock: Clock, settings: LazySettings, model: SubscriptionModel
) -> None:
    # given
    one = subscribed(frequency="weekly")
    use(settings, SHOP="tests.acceptance.shops.CopyingShop")

    # then
    with pytest.raises(UnsupportedToggleError):
        copying.request_recurring(recurring(one, place_target_order=True), actor=stories.WHO)
    assert copies_of(one) == []


# Update


def test_update__records_what_changed(clock: Clock) -> None:
    # given
    one = subscribed()

    # when
    update(one, reference="ERP-1", metadata={"a": None}, renewal_alert_period=48)

    # then
    assert (one.reference, one.metadata, one.due_at) == (
        "ERP-1",
        {"a": None},
        FIRST - 2 * DAY,
    )
    event = events_of(one)[-1]
    assert (event.name, event.who) == ("", stories.WHO)
    assert event.changes == {
        "reference": {"from": None, "to": "ERP-1"},
        "metadata": {"from": {}, "to": {"a": None}},
        "renewal_alert_period": {"from": 1, "to": 48},
    }


def test_update__with_the_same_values_changes_nothing(clock: Clock) -> None:
    # given
    one = subscribed()
    rows = stories.whole_database()

    # when
    update(one, frequency="daily", reference=None, place_target_order=True, expires_at=None)

    # then
    assert stories.whole_database() == rows


def test_update__unknown_attribute_raises(clock: Clock) -> None:
    with pytest.raises(TypeError, match="Unknown: status"):
        update(subscribed(), status="cancelled")


def test_update__next_run_moves_the_slots_after_it(clock: Clock) -> None:
    # given
    one = subscribed(place_target_order=False)
    moved = FIRST + DAY + 3 * HOUR

    # when
    update(one, next_run_at=moved)
    clock.now = moved
    renewed(one)

    # then
    assert [order_copy.scheduled_for for order_copy in copies_of(one)] == [moved]
    assert fresh(one).next_run_at == moved + DAY


def test_update__frequency_is_counted_from_the_same_anchor(clock: Clock) -> None:
    # given
    one = subscribed(place_target_order=False)
    clock.now = FIRST
    renewed(one)

    # when
    update(one, frequency="weekly")

    # then
    assert (one.next_run_at, one.anchor_at) == (FIRST + 7 * DAY, FIRST)


def test_update__legacy_frequency_is_saved_in_its_normal_form(clock: Clock) -> None:
    one = subscribed()

    update(one, frequency="two-months")

    assert one.frequency == "two-month"


def test_update__earlier_expiry_drops_the_next_slot_and_a_later_one_brings_it_back(
    clock: Clock,
) -> None:
    # given
    one = subscribed()
    clock.now = FIRST
    renewed(one)

    # when
    slots = []
    for expires_at in (FIRST + DAY, FIRST + DAY + HOUR, None):
        update(one, expires_at=expires_at)
        slots.append(one.next_run_at)

    # then
    assert slots == [None, FIRST + DAY, FIRST + DAY]
    assert one.status == "active"


def test_update__skips_stay_when_an_earlier_expiry_is_moved_back(clock: Clock) -> None:
    # given
    one = subscribed()
    for _ in range(2):
        act(changes.skip, one)

    # when
    slots = []
    for expires_at in (FIRST + DAY + HOUR, None):
        update(one, expires_at=expires_at)
        slots.append((one.next_run_at, one.last_slot, one.skipped_from))

    # then
    assert slots == [(None, FIRST + DAY, None), (FIRST + 2 * DAY, FIRST + DAY, None)]
    clock.now = FIRST + DAY
    assert schedule_due("w1") == 0


def test_update__pause_of_a_running_subscription_aborts_its_copy(clock: Clock) -> None:
    # given
    one = subscribed()
    clock.now = FIRST
    order_copy = scheduled(one)

    # when
    update(one, resumes_at=FIRST + 2 * DAY)
    run_batch("w1")

    # then
    assert (one.status, one.resumes_at) == ("inactive", FIRST + 2 * DAY)
    assert stories.fresh(order_copy).status == "aborted"


def test_update__pause_can_be_moved(clock: Clock) -> None:
    # given
    one = subscribed()
    update(one, resumes_at=FIRST + 2 * DAY)

    # when
    update(one, resumes_at=FIRST + 5 * DAY)
    clock.now = FIRST + 5 * DAY
    schedule_due("w1")

    # then
    assert (last_copy(one).scheduled_for, fresh(one).next_run_at) == (clock.now, FIRST + 6 * DAY)


def test_update__cancelled_subscription_keeps_its_annotations_changeable(clock: Clock) -> None:
    # given
    one = in_status("cancelled", clock)

    # when
    update(one, reference="kept", metadata={"a": 1})

    # then
    assert (one.reference, one.metadata) == ("kept", {"a": 1})
    assert refused(changes.update, one, {"frequency": "weekly"}) == [("status", "cancelled")]


# Convert, items


def test_convert__makes_it_automatic_with_the_items_of_the_source(
    clock: Clock, settings: LazySettings
) -> None:
    # given
    one = subscribed(frequency="weekly")
    use(settings, SHOP=SubscribingShop.PATH)
    model = SubscriptionModel.objects.create(name="Coffee", frequencies=["weekly"])

    # when
    refusals = act(changes.convert, one)

    # then
    assert (refusals, fresh(one).subscription_model) == ([[]], model)
    assert one.order_subscription_items.count() == 1
    assert events_of(one)[-1].changes == {"subscription_model_id": {"from": None, "to": model.pk}}
    rows = stories.whole_database()
    assert act(changes.convert, one) == [[]]
    assert stories.whole_database() == rows


def test_convert__needs_a_subscription_model(clock: Clock) -> None:
    assert act(changes.convert, subscribed()) == [[("subscription_model", "blank")]]


def test_convert__frequency_must_be_allowed(clock: Clock, settings: LazySettings) -> None:
    # given
    one = subscribed(frequency="daily")
    use(settings, SHOP=SubscribingShop.PATH)
    SubscriptionModel.objects.create(name="Coffee", frequencies=["weekly"])

    # then
    assert act(changes.convert, one) == [[("frequency", "inclusion")]]


def item_of(one: OrderSubscription, **values: Any) -> OrderSubscriptionItem:
    defaults = {"sku_code": "TEA", "quantity": 1, "unit_amount_cents": 500, "currency_code": "EUR"}
    return OrderSubscriptionItem(order_subscription=one, **defaults | values)


def events_of_item(item: OrderSubscriptionItem, key: Any) -> list[dict[str, Any]]:
    events = changes.Event.objects.filter(resource_type="order_subscription_items")
    return [event.changes for event in events.filter(resource_id=str(key)).order_by("pk")]


def test_items__are_added_changed_and_deleted(clock: Clock, model: SubscriptionModel) -> None:
    # given
    one = subscribed(frequency="weekly")
    item = item_of(one)

    # when
    changes.add_item(item, actor=stories.WHO)
    changes.update_item(item, {"quantity": 3, "unit_amount_cents": 450}, actor=stories.WHO)
    changes.update_item(item, {"quantity": 3}, actor=stories.WHO)
    key, saved = item.pk, OrderSubscriptionItem.objects.get(pk=item.pk)
    changes.delete_item(item, actor=stories.WHO)

    # then
    assert (saved.quantity, saved.unit_amount_cents, saved.total_amount_cents) == (3, 450, 1350)
    assert [it.sku_code for it in one.order_subscription_items.all()] == ["COFFEE"]
    added, changed, deleted = events_of_item(item, key)
    assert added["sku_code"] == {"from": None, "to": "TEA"}
    assert changed == {
        "quantity": {"from": 1, "to": 3},
        "unit_amount_cents": {"from": 500, "to": 450},
    }
    assert deleted == {"quantity": {"from": 3, "to": None}}


def test_items__another_sku_is_priced_by_the_shop(clock: Clock, model: SubscriptionModel) -> None:
    # given
    one = subscribed(frequency="weekly")
    item = one.order_subscription_items.get()

    # when
    for values in (
        {"sku_code": "COFFEE", "quantity": 3},
        {"sku_code": "TEA"},
        {"sku_code": "COFFEE", "unit_amount_cents": 450},
    ):
        changes.update_item(item, values, actor=stories.WHO)

    # then
    assert events_of_item(item, item.pk) == [
        {"quantity": {"from": 2, "to": 3}},
        {
            "sku_code": {"from": "COFFEE", "to": "TEA"},
            "unit_amount_cents": {"from": 900, "to": PRICE},
            "name": {"from": "Coffee", "to": "Tea"},
        },
        {
            "sku_code": {"from": "TEA", "to": "COFFEE"},
            "unit_amount_cents": {"from": PRICE, "to": 450},
            "name": {"from": "Tea", "to": "Coffee"},
        },
    ]


def test_items__refusals(clock: Clock, model: SubscriptionModel) -> None:
    # given
    one = subscribed(frequency="weekly")
    item = one.order_subscription_items.get()

    # then
    add = changes.add_item
    assert refused(add, item_of(one, quantity=0)) == [("quantity", "greater_than")]
    assert refused(add, item_of(one, sku_code="GONE")) == [("sku_code", "not_sellable")]
    assert refused(add, item_of(one, unit_amount_cents=-1)) == [
        ("unit_amount_cents", "greater_than_or_equal_to")
    ]
    assert refused(add, item_of(one, quantity=2**31 - 1, unit_amount_cents=2**32)) == [
        ("quantity", "less_than")
    ]
    assert refused(changes.update_item, item, {"sku_code": "GONE"}) == [
        ("sku_code", "not_sellable")
    ]
    assert refused(changes.delete_item, item) == [("order_subscription_items", "blank")]
    with pytest.raises(TypeError, match="Unknown: id"):
        changes.update_item(item, {"id": 1}, actor=stories.WHO)


def test_items__of_a_cancelled_subscription_keep_their_annotations_changeable(
    clock: Clock, model: SubscriptionModel
) -> None:
    # given
    one = subscribed(frequency="weekly")
    item = one.order_subscription_items.get()
    act(changes.cancel, one)

    # when
    changes.update_item(item, {"reference": "kept"}, actor=stories.WHO)

    # then
    assert refused(changes.update_item, item, {"quantity": 2}) == [
        ("order_subscription", "cancelled")
    ]
    assert refused(changes.add_item, item_of(one)) == [("order_subscription", "cancelled")]
    assert refused(changes.delete_item, item) == [("order_subscription", "cancelled")]
    assert one.order_subscription_items.get().reference == "kept"


# Delete


def test_delete__is_recorded_and_keeps_the_copies(clock: Clock) -> None:
    # given
    one = subscribed()
    clock.now = FIRST
    order_copy = renewed(one)

    # when
    refusals = act(changes.delete, one)

    # then
    assert (refusals, OrderSubscription.objects.count()) == ([[]], 0)
    order_copy = stories.fresh(order_copy)
    assert (order_copy.status, order_copy.order_subscription_id) == ("completed", None)
    event = events_of(one)[-1]
    assert (event.name, event.who) == ("order_subscriptions.destroy", stories.WHO)
    assert event.changes == {"status": {"from": "active", "to": None}}


def test_delete__running_subscription_is_refused(clock: Clock) -> None:
    # given
    one, other = in_status("running", clock), subscribed(starts_at=FIRST + timedelta(days=9))

    # when
    refusals = act(changes.delete, one, other)

    # then
    assert refusals == [[("status", "running")], []]
    assert list(OrderSubscription.objects.all()) == [one]
