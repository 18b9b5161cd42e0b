"""What a preview showed: a submit carries it, so that a page cannot do other than it showed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from django.utils.translation import gettext as _

from order_copies.admin.presenting import Preview
from order_copies.copying import OPTIONS
from order_copies.models import OrderCopy


@dataclass(frozen=True, slots=True)
class Previewed:
    """The options of a preview, and a digest of what it showed of the orders."""

    options: str
    digest: str

    @classmethod
    def of(cls, order_copies: Sequence[OrderCopy], previews: Sequence[Preview]) -> "Previewed":
        """What the page shows of these new copies, which all have the same options."""
        options = (name for name in OPTIONS if getattr(order_copies[0], name))
        shown = "\n".join(map(_shown, previews))
        return cls(",".join(options), sha256(shown.encode()).hexdigest())

    def why_stale(self, submitted: Mapping[str, str]) -> str:
        """Why what was submitted is not what would be done now; empty where it is the same."""
        if submitted.get("previewed_options") != self.options:
            reason = _("The options have changed since this preview.")
        elif submitted.get("previewed_digest") != self.digest:
            reason = _("These orders were changed or copied since this preview.")
        else:
            return ""
        return f"{reason} {_('Nothing was copied. Check the updated preview, then copy.')}"


def _shown(preview: Preview) -> str:
    earlier = preview.earlier
    copied = f"{earlier.count} {earlier.latest.pk}" if earlier else "0"
    return f"{preview.order.pk} {preview.plan.digest} {copied}"
