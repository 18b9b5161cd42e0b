"""Print what orders and copies the environment's database holds:
``python -m tests.hostile.printed_rows``.
"""

import json
import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
django.setup()

from order_copies.models import OrderFactory  # noqa: E402
from orders.models import Address, LineItem, LineItemOption, Order  # noqa: E402


def main() -> None:
    """The rows are the last line, as JSON."""
    copies = OrderFactory.objects.select_related("target_order")
    parts = (LineItem, LineItemOption, Address)
    found = {
        "orders": [order.public_id for order in Order.objects.all()],
        "copies": {
            copy.public_id: (copy.status, copy.target_order and copy.target_order.public_id)
            for copy in copies
        },
        "parts": {model.__name__: model.objects.count() for model in parts},
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
