"""Subscriptions of the demo shop, in every status that needs no copy."""

from datetime import timedelta

from django.utils import timezone

from order_copies.events.recording import command_actor
from order_copies.models import OrderSubscription, SubscriptionModel
from order_copies.subscriptions import changes
from orders.demo.showcases import AWAITED, SUBSCRIBED, SUBSCRIBED_WHOLE
from orders.lifecycle.subscribing import create_subscriptions
from orders.models import Market, Order

WHO = command_actor("load_demo_shop")


def subscribe() -> None:
    """Give the market Deutschland a subscription model, and subscribe to its lines.

    The lines of one order have an active subscription and a paused one, that of a pending order is
    a draft. In the market Italia, which has no model, a whole order is subscribed to: one
    subscription is active, another one was cancelled.
    """
    club = SubscriptionModel.objects.create(
        name="Coffee club",
        frequencies=["weekly", "monthly", "two-month"],
        auto_cancel=True,
    )
    Market.objects.filter(code="de").update(subscription_model=club)
    order = {one.reference: one for one in Order.objects.filter(reference__startswith=SUBSCRIBED)}
    create_subscriptions([order[SUBSCRIBED].pk, order[AWAITED].pk], who=WHO)
    paused = order[SUBSCRIBED].order_subscriptions.get(frequency="two-month")
    changes.update(paused, {"resumes_at": timezone.now() + timedelta(days=21)}, actor=WHO)
    weekly, _monthly = (
        changes.create(
            OrderSubscription(source_order=order[SUBSCRIBED_WHOLE], frequency=frequency), actor=WHO
        )
        for frequency in ("weekly", "monthly")
    )
    changes.cancel([weekly], actor=WHO)
