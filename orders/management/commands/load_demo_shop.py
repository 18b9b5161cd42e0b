from typing import Any

from django.core.management.base import BaseCommand

from orders.demo.loader import load_demo_shop
from orders.models import Customer, Order, Sku


class Command(BaseCommand):
    """Load the demo shop into an empty database. A repeated run changes nothing."""

    help = "Load a demo shop with a few hundred orders of every kind. Repeating it changes nothing."

    def handle(self, *args: Any, **options: Any) -> None:
        loaded = load_demo_shop()
        counts = f"{Order.objects.count()} orders, {Sku.objects.count()} SKUs, "
        counts += f"{Customer.objects.count()} customers"
        self.stdout.write(f"{'Loaded' if loaded else 'Kept'} the demo shop: {counts}.")
