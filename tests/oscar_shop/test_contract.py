"""The adapter keeps every promise of :class:`order_copies.shops.Shop`, with Oscar's own orders."""

from collections.abc import Iterator
from decimal import Decimal
from itertools import count
from typing import Any

import pytest
from django.db.models import F
from django.db.models.signals import post_save
from django.test import RequestFactory
from oscar.apps.customer.alerts.receivers import send_product_alerts
from oscar.apps.partner.receivers import update_stock_alerts
from oscar.core.loading import get_model

from order_copies.testing import ShopContract
from tests.oscar_shop.shopping import (
    Item,
    StockRecord,
    make_offer,
    make_product,
    make_user,
    place_order,
)

Line = get_model("order", "Line")
Order = get_model("order", "Order")

numbers = count(1)
ALERTS = (update_stock_alerts, send_product_alerts)


class TestOscarShop(ShopContract):
    @pytest.fixture(autouse=True)
    def _without_alerts(self) -> Iterator[None]:
        """Disconnect Oscar's receivers of stock records, which query for each record."""
        for receiver in ALERTS:
            post_save.disconnect(receiver, sender=StockRecord)
        yield
        for receiver in ALERTS:
            post_save.connect(receiver, sender=StockRecord)

    def make_order(self) -> Any:
        """Place an order of two engraved teapots and three cups, at ten percent off."""
        number = next(numbers)
        make_offer("10", max_basket_applications=1)
        teapot = make_product(f"Teapot {number}", price="19.99", stock=100)
        cup = make_product(f"Cup {number}", price="4.95", stock=100)
        items = [Item(teapot, 2, "Ada"), Item(cup, 3)]
        return place_order(make_user(f"user{number}"), *items, has_surcharge=True)

    def make_request(self, order: Any) -> Any:
        request = RequestFactory().get("/")
        request.user = make_user(f"staff{next(numbers)}", is_superuser=True)
        return request

    def add_line(self, order: Any) -> None:
        """Add a line with a price, as a back office would."""
        record = make_product(f"Saucer {next(numbers)}", price="2.49", stock=100).stockrecords.get()
        amounts = dict.fromkeys(
            [
                *("unit_price_incl_tax", "unit_price_excl_tax"),
                *("line_price_incl_tax", "line_price_excl_tax"),
                *("line_price_before_discounts_incl_tax", "line_price_before_discounts_excl_tax"),
            ],
            Decimal("2.49"),
        )
        line = Line.objects.create(
            order=order,
            partner=record.partner,
            partner_sku=record.partner_sku,
            stockrecord=record,
            product=record.product,
            title=record.product.title,
            num_allocated=1,
            status="Pending",
            **amounts,
        )
        prices = {name: Decimal("2.49") for name in ("price_incl_tax", "price_excl_tax")}
        line.prices.create(order=order, **prices)
        record.allocate(1)
        Order.objects.filter(pk=order.pk).update(
            total_incl_tax=F("total_incl_tax") + Decimal("2.49"),
            total_excl_tax=F("total_excl_tax") + Decimal("2.49"),
        )

    def make_unavailable(self, order: Any) -> None:
        order.lines.first().product.delete()

    def leave_last_pieces(self, order: Any) -> None:
        records = StockRecord.objects.filter(line__order=order)
        records.update(num_in_stock=F("num_allocated"))
