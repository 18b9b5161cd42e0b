"""Oscar's vouchers and offers: whether a voucher is valid, and recording that orders use them."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.db.models import prefetch_related_objects
from django.utils.translation import gettext as _
from oscar.core.loading import get_class, get_model

from order_copies.db.transactions import locked
from order_copies.shops import Placement

ConditionalOffer = get_model("offer", "ConditionalOffer")
OrderCreator = get_class("order.utils", "OrderCreator")
Voucher = get_model("voucher", "Voucher")
VoucherApplication = get_model("voucher", "VoucherApplication")


def customer(order: Any) -> Any:
    """Return the user of an order, as Oscar's checkout has it: a guest is an anonymous user."""
    return order.user or AnonymousUser()


def refuse_voucher(voucher: Any, user: Any) -> str:
    """Return why a user cannot use a voucher now, in Oscar's words; empty if that is possible."""
    if not voucher.is_active():
        return _("The '%(code)s' voucher has expired") % {"code": voucher.code}
    is_available, reason = voucher.is_available_to_user(user=user)
    return "" if is_available else str(reason)


def voucher_gone(code: str) -> str:
    """Return the reason for a voucher that was deleted."""
    return _("No voucher found with code '%(code)s'") % {"code": code}


class Uses:
    """Records that placed orders use vouchers and offers, by the methods of Oscar's OrderCreator.

    Each voucher and each offer is locked, and saved once for the whole batch. A target that
    replaces its source takes over what the source uses.
    """

    def __init__(self, placements: Sequence[Placement]) -> None:
        self.creator = OrderCreator()
        prefetch_related_objects([it.order for it in placements], "discounts")
        discounts = [it for placement in placements for it in placement.order.discounts.all()]
        self.vouchers = _lock(Voucher, (discount.voucher_id for discount in discounts))
        self.offers = _lock(ConditionalOffer, (discount.offer_id for discount in discounts))
        if discounts:
            replaced = [it.replaces for it in placements if it.replaces is not None]
            prefetch_related_objects(replaced, "discounts", "voucherapplication_set")

    def record(self, placement: Placement) -> str:
        """Record the uses of one order; return why that is refused, or an empty string."""
        order, source = placement.order, placement.replaces
        discounts = list(order.discounts.all())
        if not discounts:
            return ""
        used = {it.voucher_id: it.voucher_code for it in discounts if it.voucher_id}
        given = {} if source is None else {it.voucher_id: it for it in _applications(source)}
        for key, code in used.items():
            reason = "" if key in given else self._record_voucher(key, code, order)
            if reason:
                return reason
        moved = [given[key].pk for key in used if key in given]
        VoucherApplication._base_manager.filter(pk__in=moved).update(order=order)
        recorded = set() if source is None else {it.offer_id for it in source.discounts.all()}
        for discount in discounts:
            if discount.offer_id not in recorded and discount.offer_id in self.offers:
                self._record_discount(discount)
        return ""

    def _record_voucher(self, key: int, code: str, order: Any) -> str:
        user, voucher = customer(order), self.vouchers.get(key)
        reason = voucher_gone(code) if voucher is None else refuse_voucher(voucher, user)
        if not reason:
            self.creator.record_voucher_usage(order, voucher, user)
        return reason

    def _record_discount(self, discount: Any) -> None:
        application = {
            "offer": self.offers[discount.offer_id],
            "voucher": self.vouchers.get(discount.voucher_id),
            "freq": discount.frequency or 0,
            "discount": discount.amount,
        }
        self.creator.record_discount(application)

    def save(self) -> None:
        """Save the vouchers and offers that have changed."""
        for instance in [*self.vouchers.values(), *self.offers.values()]:
            # From here on the instance has the method of its class again.
            if vars(instance).pop("save").is_called:
                instance.save()


class _LaterSave:
    """Takes the place of the method ``save`` of one instance, and notes that it was called."""

    is_called = False

    def __call__(self, *_args: Any, **_kwargs: Any) -> None:
        self.is_called = True


def _lock(model: Any, keys: Iterable[int | None]) -> dict[int, Any]:
    """Lock the rows with these keys, and return them; they are not saved before the end."""
    wanted = {key for key in keys if key is not None}
    if not wanted:
        return {}
    found = {it.pk: it for it in locked(model._base_manager.filter(pk__in=wanted).order_by("pk"))}
    for instance in found.values():
        instance.save = _LaterSave()
    return found


def _applications(order: Any) -> Iterable[Any]:
    applications: Iterable[Any] = order.voucherapplication_set.all()
    return applications
