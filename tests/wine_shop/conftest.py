"""Shared by the tests of the wine merchant: orders with every structure, and how to copy them."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.conf import LazySettings
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from order_copies.copying import request
from order_copies.currencies import decimal_places
from order_copies.models import OrderFactory
from order_copies.shops import Shop
from order_copies.worker.run import run_batch
from tests.wine_shop.models import (
    Address,
    Advice,
    Adviser,
    Card,
    Country,
    Discount,
    Doorbell,
    Engraving,
    Gift,
    Leaflet,
    Letter,
    Line,
    Occasion,
    Option,
    Order,
    Parcel,
    Region,
    Remark,
    Reminder,
    Reply,
    Wine,
)

hypothesis_settings.register_profile(
    "wine",
    deadline=None,
    max_examples=15,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
hypothesis_settings.load_profile("wine")


def make_order(number: str, *lines: tuple[str, int, str], **fields: Any) -> Order:
    """Create an order with lines of wine, quantity and price, and its totals."""
    order = Order.objects.create(number=number, **fields)
    for wine, quantity, price in lines:
        add_line(order, wine, quantity, price)
    total_up(order)
    return order


def add_line(order: Order, wine: str, quantity: int, price: str, **fields: Any) -> Line:
    """Add a line to an order. Its key is greater than those of all other lines."""
    key = UUID(int=max([line.pk.int for line in Line.objects.all()], default=0) + 1)
    return Line.objects.create(
        pk=key,
        order=order,
        wine_id=wine or None,
        name=wine or "service",
        quantity=quantity,
        price=Decimal(price),
        **fields,
    )


def total_up(order: Order) -> None:
    """Set the totals of an order to the sums of its lines."""
    order.total = sum((line.quantity * line.price for line in order.lines.all()), Decimal())
    order.subtotal_cents = round(order.total * 10 ** decimal_places(order.currency))
    order.save()


def full_order(number: str) -> Order:
    """Create an order with rows in every table."""
    country, _new = Country.objects.get_or_create(code="FR")
    region = Region.objects.create(name="Alsace")
    home = Address.objects.create(street="Rue 1", country=country, region=region)
    office = Address.objects.create(street="Rue 2", country=country)
    Doorbell.objects.create(address=home, label="Ann")
    order = make_order(
        number,
        note="fragile",
        wanted_on=date(2026, 12, 24),
        data={"gift": True, "invoice": 7},
        channel="phone",
        attempts=4,
        status="placed",
        placed_at=datetime(2026, 1, 1, tzinfo=UTC),
        shipping_address=home,
        billing_address=home,
        parcel=Parcel.objects.create(address=office, weight=2.5),
    )
    case = add_line(order, "red", 1, "10.50", data={"wood": "oak", "pallet": 3})
    bottle = add_line(order, "red", 6, "5", case=case, packed_at=datetime(2026, 1, 1, tzinfo=UTC))
    card = Card.objects.create(text="Joy")
    service = add_line(order, "", 1, "2.25", card=card, instead_of=case)
    for line in (case, bottle):
        option = Option.objects.create(line=line, name="engraved")
        engraving = Engraving.objects.create(option=option, text="Hi")
        for character in "Hi":
            Letter.objects.create(engraving=engraving, character=character)
    order.occasions.add(Occasion.objects.create(name="birthday"))
    Advice.objects.create(order=order, adviser=Adviser.objects.create(name="Bo"), text="cool it")
    both = Remark.objects.create(order=order, line=case, text="both")
    Reply.objects.create(remark=both, text="yes")
    Remark.objects.create(order=order, text="order")
    Remark.objects.create(line=bottle, text="line")
    Discount.objects.create(order=order, line=service, name="half")
    Discount.objects.create(order=order, name="all")
    Gift.objects.create(order=order)
    leaflet = Leaflet.objects.create(order=order, title="Wines", text="red and white")
    Leaflet.objects.create(order=order, title="More wines", text="rose", follows=leaflet)
    Reminder.objects.create(order=order)
    order.finest_line = bottle
    total_up(order)
    return order


def copy_of(order: Order, **toggles: bool) -> OrderFactory:
    """Request a copy of an order, and do not run it."""
    [order_copy] = copies_of([order], **toggles)
    return order_copy


def copies_of(orders: Sequence[Order], **toggles: bool) -> list[OrderFactory]:
    """Request copies of orders, and do not run them."""
    return [*request(orders, actor="staff", **toggles)]  # type: ignore[misc]


def run(*order_copies: OrderFactory) -> None:
    """Run all pending copies in one batch."""
    run_batch("worker")
    for order_copy in order_copies:
        order_copy.refresh_from_db()


def copied(order: Order, **toggles: bool) -> Order:
    """Copy an order, and return the target of a copy that completes."""
    order_copy = copy_of(order, **toggles)
    run(order_copy)
    assert (order_copy.status, order_copy.errors_log) == ("completed", {})
    target: Order = order_copy.target_order
    return target


@pytest.fixture
def cellar(db: None) -> None:
    """Three wines: any number of red, three of white, and no rose."""
    Wine.objects.create(code="red", pieces=None)
    Wine.objects.create(code="white", pieces=3)
    Wine.objects.create(code="rose", pieces=0)


@pytest.fixture
def use(settings: LazySettings) -> Callable[[type[Shop]], None]:
    """Return a function that makes a class of a test module the shop."""

    def use_shop(shop: type[Shop]) -> None:
        path = f"{shop.__module__}.{shop.__qualname__}"
        settings.ORDER_COPIES = {**settings.ORDER_COPIES, "SHOP": path}

    return use_shop
