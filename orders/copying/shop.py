"""The reference shop's adapter for ``order_copies``: read it before you write your own."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest

from order_copies import public_ids
from order_copies.events.recording import Actor, worker_actor
from order_copies.exceptions import Refusal
from order_copies.jsonapi.scopes import is_sales_channel
from order_copies.models import OrderFactory, OrderSubscription, OrderSubscriptionItem
from order_copies.plans import CopyPlan, Problem
from order_copies.shops import (
    Capability,
    CopyRun,
    Finding,
    OrderDescription,
    Payment,
    Planner,
    Shop,
    Subscriber,
)
from orders import auditing
from orders.auditing.facts import reports_cancelled
from orders.copying import recipients, requested, writing
from orders.copying.descriptions import describe
from orders.copying.fields import COPIED_MODELS
from orders.copying.plan import TargetOrder, plan_copies
from orders.copying.snapshot import Availability, take_snapshot
from orders.copying.writing import check_unchanged
from orders.lifecycle import cancelling, gateways, placing, subscribing, undoing, voiding
from orders.lifecycle.gateways import Authorized, Declined, get_gateway
from orders.lifecycle.locks import locked
from orders.models import Authorization, CouponUse, Customer, Order, StockReservation

#: The statuses of the orders that sales channels may read (contract 3.1).
FOR_SALES_CHANNELS = [Order.Status.DRAFT, Order.Status.PENDING, Order.Status.PLACED]


class ReferenceShop(Shop):
    """The Shop adapter for the models of the ``orders`` app."""

    copied_models = COPIED_MODELS
    left_behind = (Authorization, CouponUse, StockReservation)
    price_policies = frozenset(OrderSubscription.PricePolicy)

    @property
    def capabilities(self) -> frozenset[Capability]:
        """Return all capabilities."""
        return frozenset(Capability)

    def orders_for(self, request: HttpRequest) -> QuerySet[Order]:
        """Return all orders to staff with the permission to view orders, else the customer's own.

        Sales channels get only drafts, pending and placed orders (contract 3.1).
        """
        if is_sales_channel(request):
            return self._own_or_all(request).filter(status__in=FOR_SALES_CHANNELS)
        return self._own_or_all(request)

    def _own_or_all(self, request: HttpRequest) -> QuerySet[Order]:
        if request.user.has_perm("orders.view_order"):
            return Order.objects.all()
        if not request.user.is_authenticated:
            return Order.objects.none()
        return Order.objects.filter(customer__user=request.user)

    def order_copies_for(
        self, request: HttpRequest, order_copies: "QuerySet[Any]"
    ) -> "QuerySet[Any]":
        """Return the copies of the orders that the client may see; none to sales channels.

        The token of a sales channel is public (contract 5.8). A client that may see all orders also
        gets copies whose source order was deleted, and those for other customers: these name the
        other customer.
        """
        if is_sales_channel(request):
            return order_copies.none()
        if not self.orders_for(request).query.has_filters():
            return order_copies
        visible = super().order_copies_for(request, order_copies)
        return visible.filter(changes__customer_email__isnull=True)

    def order_subscriptions_for(
        self, request: HttpRequest, order_subscriptions: "QuerySet[Any]"
    ) -> "QuerySet[Any]":
        """Return the subscriptions to the orders that the client may see; none to sales channels.

        A client that may see all orders also gets subscriptions whose source order was deleted.
        """
        if is_sales_channel(request):
            return order_subscriptions.none()
        if not self.orders_for(request).query.has_filters():
            return order_subscriptions
        return super().order_subscriptions_for(request, order_subscriptions)

    def acts_for_itself(self, request: HttpRequest) -> bool:
        """Return whether the client is a customer who may not view all orders."""
        user = request.user
        if not user.is_authenticated or user.has_perm("orders.view_order"):
            return False
        return Customer.objects.filter(user=user).exists()

    def order_id(self, key: Any) -> str:
        """Return the ten-letter id of an order."""
        return public_ids.encode("orders", key)

    def order_key(self, order_id: str) -> int | None:
        """Return the key of a ten-letter id; None if it is not the id of an order."""
        return public_ids.decode("orders", order_id)

    def describe(self, orders: Sequence[Order]) -> list[OrderDescription | None]:
        """Return lines, totals, statuses, customers, addresses and payments, in three queries."""
        return describe(orders)

    def find_order(self, text: str) -> int | None:
        """Return the key of an order by its id, or by its number with or without ``#``."""
        if "\0" in text:
            return None
        key = self.order_key(text)
        numbered = Order.objects.filter(number=text.removeprefix("#"))
        return key if key is not None else numbered.values_list("pk", flat=True).first()

    def subscribers(self, orders: Sequence[Order]) -> list[Subscriber]:
        """Return the customers, and the subscription models of the markets, in one query."""
        return subscribing.subscribers(orders)

    def subscription_items(self, orders: Sequence[Order]) -> list[list[OrderSubscriptionItem]]:
        """Return the unsaved items of all SKU lines of each order, in one query."""
        lines = subscribing.lines_of(orders)
        return [[*map(subscribing.item_of, lines[order.pk])] for order in orders]

    def complete_item(self, item: OrderSubscriptionItem) -> list[Problem]:
        """Set name, currency and current price by the SKU; return why it cannot be sold."""
        return subscribing.complete_item(item)

    def refuse_changes(self, order_copies: Sequence[OrderFactory]) -> list[list[Refusal]]:
        """Return why orders cannot be copied with these changes, from one snapshot of the shop."""
        snapshot = take_snapshot(order_copies)
        return [
            [*requested.refusals(one, snapshot), *recipients.refusals(one, snapshot)]
            for one in order_copies
        ]

    def plan(self, order_copies: Sequence[OrderFactory]) -> list[CopyPlan]:
        """Plan copies in order from one snapshot of the shop."""
        return plan_copies(order_copies, Availability(take_snapshot(order_copies)))

    def planner(self) -> Planner:
        """Return a function that plans like :meth:`plan`, and remembers what its plans took."""
        if type(self).plan is not ReferenceShop.plan:
            return self.plan
        taken: list[Availability] = []

        def plan(order_copies: Sequence[OrderFactory]) -> list[CopyPlan]:
            snapshot = take_snapshot(order_copies)
            availability = taken.pop() if taken else Availability(snapshot)
            availability.snapshot = snapshot
            taken.append(availability)
            return plan_copies(order_copies, availability)

        return plan

    def payments(self, runs: Sequence[CopyRun]) -> list[Mapping[str, Any] | None]:
        """Return the amount and payment source of each target; None if nothing is due."""
        return [_payment(run) for run in runs]

    def authorize(self, payments: Sequence[Payment]) -> Iterator[Authorized | Declined]:
        """Authorize payments at the gateway, one after the other."""
        for payment in payments:
            yield _authorize(payment)

    def void(self, payments: Sequence[Payment]) -> None:
        """Void payments at the gateway.

        If the outcome of an authorization is unknown, repeat the call to learn its token: it has
        the same idempotency key.
        """
        for payment in payments:
            answer = payment.authorization or _authorize(payment)
            if isinstance(answer, Authorized):
                get_gateway().void(answer.token)

    def catch_up(self) -> None:
        """Void the authorizations that the gateway could not void when they became unused."""
        voiding.void_due()

    def write(self, runs: Sequence[CopyRun]) -> None:
        """Write orders, lines, options and addresses, one statement for each table.

        All sources that the copies cancel are locked first, in the order of their keys: placing
        and cancelling then need no further locks on them. Raises :class:`SourceChangedError` if
        such a source was changed since the plan: the target would lack the change.
        """
        if sources := [_source(run.order_copy) for run in runs if run.plan.cancel]:
            current = locked(Order.objects.all(), sources)
            check_unchanged([run.plan.row for run in runs if run.plan.will_cancel], current)
        writing.write(runs, who=worker_actor(runs[0].order_copy.worker))

    def place(self, runs: Sequence[CopyRun]) -> list[list[Problem]]:
        """Place the targets; a target that replaces its source gets its stock and coupon use."""
        requests = [
            placing.Request(
                run.target_order,
                replaces=_source(run.order_copy) if run.plan.cancel else None,
                order_copy=run.order_copy.public_id,
                authorization=run.payment.authorization if run.payment else None,
            )
            for run in runs
        ]
        return placing.place(requests, who=worker_actor(runs[0].order_copy.worker))

    def cancel(self, runs: Sequence[CopyRun]) -> list[list[Problem]]:
        """Cancel the source orders."""
        return cancelling.cancel_sources(
            [_source(run.order_copy) for run in runs],
            who=worker_actor(runs[0].order_copy.worker),
            order_copies=[run.order_copy.public_id for run in runs],
        )

    def why_not_undone(self, order_copy: OrderFactory) -> list[Problem]:
        """Return why the target cannot be cancelled, or its source cannot be sold again."""
        return undoing.rehearse(*_undone(order_copy))

    def undo(self, order_copy: OrderFactory, *, who: Actor) -> list[Problem]:
        """Cancel the target; the source that the copy cancelled is pending again, without payment.

        The authorization of the source was voided, so that it must be placed again.
        """
        return undoing.undo(*_undone(order_copy), who=who)

    def audit_copies(self, order_copies: Sequence[OrderFactory]) -> Iterator[Finding]:
        """Report targets that differ from their plan, and sources that differ from the request."""
        return auditing.audit_copies(order_copies)

    def audit_shop(self, before: datetime) -> Iterator[Finding]:
        """Report wrong counts of stock and coupons, and unpaid or doubled orders."""
        yield from auditing.audit_holdings(before)
        yield from auditing.audit_placed()


def _source(order_copy: OrderFactory) -> int:
    key = order_copy.source_order_id
    assert key is not None, "the app plans no copy whose source was deleted"
    return int(key)


def _undone(order_copy: OrderFactory) -> tuple[int, int | None]:
    """Return the target of a copy that is undone, and the source if the copy cancelled it."""
    key = order_copy.target_order_id
    assert key is not None, "the app undoes no copy whose target was deleted"
    return int(key), _source(order_copy) if reports_cancelled(order_copy) else None


def _payment(run: CopyRun) -> dict[str, Any] | None:
    target: TargetOrder = run.plan.row
    due = target.values["total_amount_with_taxes_cents"]
    if due <= 0 or target.payment_source is None:
        return None
    return {
        "payment_source_token": target.payment_source.token,
        "amount_cents": due,
        "currency": target.source.currency_code,
    }


def _authorize(payment: Payment) -> Authorized | Declined:
    return gateways.authorize(idempotency_key=payment.key, **payment.details)
