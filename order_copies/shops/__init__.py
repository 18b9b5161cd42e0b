"""The border between order copies and a shop: everything that an adapter needs."""

from order_copies.shops.adapter import (
    CopyRun,
    Finding,
    Payment,
    Planner,
    Shop,
    get_shop,
    unsupported_changes,
    unsupported_toggles,
)
from order_copies.shops.agreements import Agreement, Subscriber, agreements_of, payers_of
from order_copies.shops.capabilities import Capability
from order_copies.shops.complaints import Complaint
from order_copies.shops.copied_models import CopiedModel
from order_copies.shops.declared import Refused
from order_copies.shops.descriptions import DescribedLine, OrderDescription
from order_copies.shops.drafts import Draft, Placement
from order_copies.shops.frozen import FrozenShop
from order_copies.shops.lines import Available, LineFields

__all__ = [
    "Agreement",
    "Available",
    "Capability",
    "Complaint",
    "CopiedModel",
    "CopyRun",
    "DescribedLine",
    "Draft",
    "Finding",
    "FrozenShop",
    "LineFields",
    "OrderDescription",
    "Payment",
    "Placement",
    "Planner",
    "Refused",
    "Shop",
    "Subscriber",
    "agreements_of",
    "get_shop",
    "payers_of",
    "unsupported_changes",
    "unsupported_toggles",
]
