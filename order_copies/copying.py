"""The story of the product: request copies, then run them batch by batch.

A copy is a row before it is anything else. ``run_batch`` claims rows under a lease, asks the shop
for their plans, authorizes payments, and writes, places, cancels and ends in one transaction.
"""

from collections.abc import Sequence
from typing import Any

from order_copies.models import OrderFactory
from order_copies.plans import CopyPlan


def request_copies(order_copies: Sequence[OrderFactory], *, who: dict[str, Any]) -> None:
    """Save these new copies as pending, with their ``create`` events, in one transaction.

    The one way into the table: API, admin and commands all come through here. The caller has
    checked that ``who`` may copy their source orders.
    """
    raise NotImplementedError


def preview(order_copies: Sequence[OrderFactory]) -> list[CopyPlan]:
    """What these (unsaved) copies would do if they ran now. Writes nothing."""
    raise NotImplementedError
