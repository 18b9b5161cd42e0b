"""The border between order copies and a shop: everything that an adapter needs."""

from order_copies.shops.adapter import (
    CopyRun,
    Finding,
    Payment,
    Shop,
    get_shop,
    unsupported_toggles,
)
from order_copies.shops.capabilities import Capability
from order_copies.shops.copied_models import CopiedModel

__all__ = [
    "Capability",
    "CopiedModel",
    "CopyRun",
    "Finding",
    "Payment",
    "Shop",
    "get_shop",
    "unsupported_toggles",
]
