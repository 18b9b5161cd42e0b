"""The exceptions of the app. The docstring of each exception is its default message."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from django.utils.translation import gettext_noop

from order_copies.languages import translated


class OrderCopiesError(Exception):
    """The order copy failed: see the log."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or type(self).__doc__ or "")

    def __str__(self) -> str:
        """Return the message in the active language."""
        return translated(super().__str__())


class LeaseLostError(OrderCopiesError):
    """The lease was lost: another attempt owns the copy, or it was aborted, ended or deleted."""


class RowsLockedError(OrderCopiesError):
    """Another transaction keeps rows locked that are needed here: try again in a moment."""


class ShopContractError(OrderCopiesError):
    """The Shop adapter returned what order_copies.shops.Shop does not allow: fix the adapter."""


class UnsupportedToggleError(OrderCopiesError):
    """The shop cannot do what a toggle of the copy requests: turn the toggle off."""

    def __init__(self, reasons: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{toggle}: {reason}" for toggle, reason in reasons.items()))
        #: The reason by toggle.
        self.reasons = reasons


class Refusal(NamedTuple):
    """Why one value of the changes of a copy is refused."""

    #: The names that lead to the value, such as ``("line_items", "0", "quantity")``.
    path: tuple[str, ...]
    #: An error key of the contract (5.7).
    key: str
    #: Text for people; it continues a sentence that starts with the name of the value.
    message: str


class ChangesRefusedError(OrderCopiesError):
    """The order cannot be copied with these changes."""

    def __init__(self, refusals: Sequence[Refusal]) -> None:
        super().__init__("; ".join(f"{'/'.join(one.path)}: {one.message}" for one in refusals))
        #: The reasons, one for each value.
        self.refusals = refusals


class GoneError(OrderCopiesError):
    """The object does not exist any more: reload the page or the list."""


class SourceOrderGoneError(GoneError):
    """A source order was deleted in the meantime: nothing was copied."""


class DraftGoneError(GoneError):
    """The selection does not exist any more: select the orders again."""


class SourceChangedError(OrderCopiesError):
    """A source order that the copy must cancel was changed while it was copied."""


class OrderCopyGoneError(GoneError):
    """The copy was deleted in the meantime."""


class SubscriptionGoneError(GoneError):
    """The subscription was deleted in the meantime."""


class SubscriptionModelGoneError(GoneError):
    """The subscription model was deleted in the meantime."""


class SubscriptionModelInUseError(OrderCopiesError):
    """The subscription model is in use: it can be deleted once nothing refers to it."""


class SubscriptionRefusedError(OrderCopiesError):
    """The subscription cannot be changed like that."""

    def __init__(self, problems: Sequence[Any]) -> None:
        super().__init__("; ".join(f"{one.attribute}: {one.message}" for one in problems))
        #: The reasons, each a :class:`~order_copies.plans.Problem`.
        self.problems = problems


class DraftChangedError(OrderCopiesError):
    """The draft has changed since the page was shown: nothing was copied."""


class NotDeletableError(OrderCopiesError):
    """A copy that is in progress cannot be deleted: wait until it has ended."""


class DuplicateRequestError(OrderCopiesError):
    """Another request with the same Idempotency-Key was accepted first: return its response."""


class UnsupportedDatabaseError(OrderCopiesError):
    """Order copies run only on PostgreSQL, MariaDB and SQLite: use one of them."""


#: The default messages that staff may read, for the catalogues of translations.
MESSAGES = (
    gettext_noop(
        "Another transaction keeps rows locked that are needed here: try again in a moment."
    ),
    gettext_noop("The object does not exist any more: reload the page or the list."),
    gettext_noop("A source order was deleted in the meantime: nothing was copied."),
    gettext_noop("The copy was deleted in the meantime."),
    gettext_noop("The subscription was deleted in the meantime."),
    gettext_noop("The subscription model was deleted in the meantime."),
    gettext_noop("The subscription model is in use: it can be deleted once nothing refers to it."),
    gettext_noop("A copy that is in progress cannot be deleted: wait until it has ended."),
)
