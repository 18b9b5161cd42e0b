"""Print the orders and copies of the database that the environment variables name:
``python -m tests.hostile.print_database_state``.
"""

import json
import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
django.setup()

from order_copies.models import OrderFactory  # noqa: E402
from orders.models import Address, LineItem, LineItemOption, Order  # noqa: E402


def main() -> None:
    """Print one line of JSON: the members of :class:`~.database_state.DatabaseState`."""
    copies = OrderFactory.objects.select_related("target_order")
    state = {
        "orders": [order.public_id for order in Order.objects.all()],
        "copies": {
            order_copy.public_id: (
                order_copy.status,
                order_copy.target_order and order_copy.target_order.public_id,
            )
            for order_copy in copies
        },
        "counts": {
            model.__name__: model.objects.count() for model in (LineItem, LineItemOption, Address)
        },
    }
    print(json.dumps(state))


if __name__ == "__main__":
    main()
