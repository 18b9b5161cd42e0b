"""The contract between the app and a shop, as tests."""

from order_copies.testing.availability import Availability
from order_copies.testing.declarations import Declarations, Ids, Permissions
from order_copies.testing.laws import Laws
from order_copies.testing.placements import Placements
from order_copies.testing.plans import Plans
from order_copies.testing.queries import Queries
from order_copies.testing.swaps import Swaps
from order_copies.testing.targets import Targets


class ShopContract(
    Declarations, Ids, Permissions, Plans, Targets, Queries, Placements, Swaps, Availability, Laws
):
    """The tests that every :class:`order_copies.shops.Shop` must pass. TODO."""
