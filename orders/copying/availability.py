"""What is available to the copies of a batch, which are planned in order.

Every copy that will place its target takes stock and coupon uses from what the copies before it
left, as it will when the batch runs.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from orders.copying.snapshot import Snapshot
from orders.lifecycle.coupons import CouponState
from orders.models import Coupon, Order


@dataclass(slots=True)
class Availability:
    """The shop of a snapshot, less what earlier copies of the batch take."""

    snapshot: Snapshot
    #: The source orders that earlier copies cancel.
    cancelled: set[int] = field(default_factory=set)
    #: The pieces that earlier copies take, by SKU; negative where a swap gives some back.
    _pieces: Counter[int] = field(default_factory=Counter)
    #: The uses that earlier copies add to coupons, and to a coupon by a buyer.
    _uses: Counter[int] = field(default_factory=Counter)
    _uses_by_buyer: Counter[tuple[int, str]] = field(default_factory=Counter)

    def pieces(self, sku: int, source: int | None) -> int:
        """Return how many pieces of a tracked SKU are left, with those that ``source`` holds."""
        available = self.snapshot.skus[sku].available or 0
        held = self._held_by(source).get(sku, 0) if source is not None else 0
        return available + held - self._pieces[sku]

    def is_taken(self, sku: int) -> bool:
        """Return whether earlier copies take pieces of the SKU."""
        return self._pieces[sku] > 0

    def coupon_state(self, coupon: Coupon, order: Order, *, takes_over: bool) -> CouponState:
        """Return how often the coupon is used, without the use that the order transfers."""
        snapshot, buyer = self.snapshot, self.snapshot.buyers[order.pk]
        own = {order.pk} if takes_over and order.pk not in self.cancelled else set()
        users = snapshot.users[coupon.pk]
        by_buyer = snapshot.coupon_uses[coupon.pk, buyer]
        return CouponState(
            uses=coupon.usage_count - len(users & own) + self._uses[coupon.pk],
            uses_of_buyer=len(by_buyer - own) + self._uses_by_buyer[coupon.pk, buyer],
            is_contended=self._uses[coupon.pk] > 0 or self._uses_by_buyer[coupon.pk, buyer] > 0,
        )

    def take(
        self, order: Order, pieces: Mapping[int, int], coupon: Coupon | None, *, replaces: bool
    ) -> None:
        """Remember what the target of a copy of ``order`` takes when it is placed.

        ``replaces``: the target takes the place of its source, which gives back what it holds.
        """
        self._pieces.update(pieces)
        if coupon is not None:
            self._uses[coupon.pk] += 1
            self._uses_by_buyer[coupon.pk, self.snapshot.buyers[order.pk]] += 1
        if replaces:
            self._pieces.subtract(self._held_by(order.pk))
            self._release_coupons(order)

    def cancel(self, order: Order) -> None:
        """Remember that a copy cancels its source order."""
        self.cancelled.add(order.pk)

    def _release_coupons(self, order: Order) -> None:
        for (coupon, buyer), orders in self.snapshot.coupon_uses.items():
            if order.pk in orders:
                self._uses[coupon] -= 1
                self._uses_by_buyer[coupon, buyer] -= 1

    def _held_by(self, source: int) -> Mapping[int, int]:
        return {} if source in self.cancelled else self.snapshot.reserved.get(source, {})
