"""The border between order copies and a shop: everything that an adapter needs."""

from order_copies.shops.adapter import CopyRun, Finding, Payment, Shop, get_shop
from order_copies.shops.copied_models import CopiedModel

__all__ = ["CopiedModel", "CopyRun", "Finding", "Payment", "Shop", "get_shop"]
