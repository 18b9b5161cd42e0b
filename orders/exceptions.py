"""What can go wrong in the shop. The docstring of each exception is its default message."""

from order_copies.exceptions import GoneError, OrderCopiesError


class OrderGoneError(GoneError):
    """An order was deleted in the meantime."""


class ResourceGoneError(GoneError):
    """The resource was deleted in the meantime."""


class SourceChangedError(OrderCopiesError):
    """A source order that is to be cancelled was changed while it was copied."""
