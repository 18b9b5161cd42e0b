"""What copies will charge and void, in sums: shown before staff copy, and confirmed by them."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from order_copies.templatetags.order_copies_admin import money


@dataclass(frozen=True, slots=True)
class Consequences:
    """The numbers of orders that copies place and cancel, and their amounts in cents."""

    placed: int
    #: The amounts that will be authorized, by currency.
    charged: Mapping[str, int]
    cancelled: int
    #: The totals of the orders that will be cancelled, by currency.
    voided: Mapping[str, int]

    def __bool__(self) -> bool:
        return bool(self.placed or self.cancelled)

    @property
    def sentences(self) -> list[str]:
        """What will happen, in words. At least one sentence: that nothing is charged."""
        found = []
        if self.placed:
            text = ngettext(
                "%(count)s copy will be placed, which authorizes %(sum)s.",
                "%(count)s copies will be placed, which authorizes %(sum)s in all.",
                self.placed,
            )
            found.append(text % {"count": self.placed, "sum": _sum(self.charged)})
        if self.cancelled:
            text = ngettext(
                "%(count)s original will be cancelled, which voids its payment (%(sum)s).",
                "%(count)s originals will be cancelled, which voids their payments (%(sum)s).",
                self.cancelled,
            )
            found.append(text % {"count": self.cancelled, "sum": _sum(self.voided)})
        plain = _("Originals stay as they are. Copies are not placed, and nothing is charged.")
        return found or [plain]


def _sum(amounts: Mapping[str, int]) -> str:
    parts = [money(cents, currency) for currency, cents in sorted(amounts.items()) if cents]
    return " + ".join(parts) or _("nothing")
