"""The exceptions of the reference shop. The docstring of each is its default message."""

from order_copies.exceptions import GoneError, OrderCopiesError


class OrderGoneError(GoneError):
    """An order was deleted in the meantime."""


class ResourceGoneError(GoneError):
    """The resource was deleted in the meantime."""


class SourceChangedError(OrderCopiesError):
    """A source order that the copy must cancel was changed while it was copied."""
