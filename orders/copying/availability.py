"""The stock and coupon uses that are available to each copy of a batch.

Copies are planned in order. Each copy that will place its target reserves stock and coupon uses, so
later copies of the batch find less, as they will when the batch runs.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from orders.copying.snapshot import Snapshot
from orders.lifecycle.coupons import CouponState
from orders.models import Coupon, Order


@dataclass(slots=True)
class Availability:
    """The stock and coupon uses of a snapshot, less those that earlier copies of the batch take."""

    snapshot: Snapshot
    #: The keys of the source orders that earlier copies cancel.
    cancelled: set[int] = field(default_factory=set)
    #: The pieces that earlier copies take, by SKU; negative if a swap releases more than it takes.
    _pieces: Counter[int] = field(default_factory=Counter)
    #: The uses that earlier copies add, by coupon.
    _uses: Counter[int] = field(default_factory=Counter)
    #: The uses that earlier copies add, by coupon and buyer.
    _uses_by_buyer: Counter[tuple[int, str]] = field(default_factory=Counter)

    def pieces(self, sku: int, source: int | None) -> int:
        """Return the number of available pieces of a tracked SKU.

        The pieces that the order ``source`` holds count as available.
        """
        available = self.snapshot.skus[sku].available or 0
        held = self._held_by(source).get(sku, 0) if source is not None else 0
        return available + held - self._pieces[sku]

    def is_taken(self, sku: int) -> bool:
        """Return whether earlier copies of the batch take pieces of the SKU."""
        return self._pieces[sku] > 0

    def coupon_state(self, coupon: Coupon, order: Order, *, takes_over: bool) -> CouponState:
        """Return the uses of the coupon that count against a copy of the order.

        With ``takes_over`` the use of the order itself is transferred and does not count.
        """
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
        """Subtract what the target of a copy of ``order`` takes when it is placed.

        With ``replaces`` the target replaces its source, whose stock and coupon use are released.
        """
        self._pieces.update(pieces)
        if coupon is not None:
            self._uses[coupon.pk] += 1
            self._uses_by_buyer[coupon.pk, self.snapshot.buyers[order.pk]] += 1
        if replaces:
            self._pieces.subtract(self._held_by(order.pk))
            self._release_coupons(order)

    def cancel(self, order: Order) -> None:
        """Note that a copy cancels its source order."""
        self.cancelled.add(order.pk)

    def _release_coupons(self, order: Order) -> None:
        for (coupon, buyer), orders in self.snapshot.coupon_uses.items():
            if order.pk in orders:
                self._uses[coupon] -= 1
                self._uses_by_buyer[coupon, buyer] -= 1

    def _held_by(self, source: int) -> Mapping[int, int]:
        return {} if source in self.cancelled else self.snapshot.reserved.get(source, {})
