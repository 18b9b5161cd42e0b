"""What a shop can do beyond copying: most capabilities stand for one toggle of a copy."""

from enum import StrEnum

from django.utils.translation import gettext_lazy as _


class Capability(StrEnum):
    """An optional ability of a shop.

    A toggle or a change whose capability the shop lacks is refused. ``skip_errors`` needs no
    capability. Nor do payments: a shop has them if it overrides :meth:`Shop.payments`.
    """

    #: Place target orders.
    PLACE = "place"
    #: Cancel source orders.
    CANCEL = "cancel"
    #: Pay a target with a payment source from the customer's wallet.
    WALLET = "wallet"
    #: Replace the discounts of the source by the promotions valid now.
    PROMOTIONS = "promotions"
    #: Copy coupons, and find out that one is invalid.
    COUPONS = "coupons"
    #: Build the copies of automatic subscriptions from their items.
    RECURRING = "recurring"
    #: Copy some of the lines only, in other quantities.
    LINES = "lines"
    #: Replace the SKU of a line by another one.
    REPLACEMENTS = "replacements"
    #: Give the target another customer.
    CUSTOMER = "customer"
    #: Give the target other addresses.
    ADDRESSES = "addresses"
    #: Undo copies: cancel their targets, and reinstate the sources that they cancelled.
    UNDO = "undo"

    @property
    def toggle(self) -> str | None:
        """The attribute of a copy that needs the capability, if there is one."""
        return _TOGGLES.get(self)

    @property
    def changes(self) -> tuple[str, ...]:
        """The changes of a copy that need the capability (:mod:`order_copies.changes`)."""
        return _CHANGES.get(self, ())

    @property
    def absence(self) -> str:
        """Why a shop without the capability refuses what needs it: a translated text for people."""
        return str(_ABSENCES[self])


_TOGGLES = {
    Capability.PLACE: "place_target_order",
    Capability.CANCEL: "cancel_source_order",
    Capability.WALLET: "reuse_wallet",
    Capability.PROMOTIONS: "apply_promotions",
    Capability.COUPONS: "ignore_invalid_coupon",
}
_CHANGES = {
    Capability.LINES: ("line_items",),
    Capability.CUSTOMER: ("customer_email",),
    Capability.ADDRESSES: ("shipping_address", "billing_address"),
}
_ABSENCES = {
    Capability.PLACE: _("this shop cannot place orders"),
    Capability.CANCEL: _("this shop cannot cancel orders"),
    Capability.WALLET: _("this shop has no wallet"),
    Capability.PROMOTIONS: _("this shop has no promotions"),
    Capability.COUPONS: _("this shop has no coupons"),
    Capability.RECURRING: _("this shop cannot build orders from the items of subscriptions"),
    Capability.LINES: _("this shop can only copy all lines of an order, as they are"),
    Capability.REPLACEMENTS: _("this shop cannot replace the article of a line"),
    Capability.CUSTOMER: _("this shop cannot copy an order for another customer"),
    Capability.ADDRESSES: _("this shop cannot change the addresses of a copy"),
    Capability.UNDO: _("this shop cannot undo copies: cancel or change the orders by hand"),
}
