"""Rehearse the undo of a copy whose orders were deleted."""

import pytest

from orders.exceptions import OrderGoneError
from orders.lifecycle import undoing


@pytest.mark.django_db
def test_rehearse__deleted_order_is_reported() -> None:
    with pytest.raises(OrderGoneError):
        undoing.rehearse(1, 2)
