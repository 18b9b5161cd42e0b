"""The exceptions of the reference shop. The docstring of each is its default message."""

from order_copies.exceptions import GoneError


class OrderGoneError(GoneError):
    """An order was deleted in the meantime."""


class ResourceGoneError(GoneError):
    """The resource was deleted in the meantime."""
