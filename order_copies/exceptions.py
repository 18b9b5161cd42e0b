"""What can go wrong. The docstring of each exception is its default message."""


class OrderCopiesError(Exception):
    """Something went wrong with an order copy."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or type(self).__doc__ or "")


class LeaseLostError(OrderCopiesError):
    """Another attempt owns the copy, or it was aborted, ended or deleted: all is rolled back."""


class RowsLockedError(OrderCopiesError):
    """Another transaction keeps rows locked that are needed here: try again in a moment."""


class ShopContractError(OrderCopiesError):
    """The shop's adapter broke its contract."""


class GoneError(OrderCopiesError):
    """It does not exist any more."""


class SourceOrderGoneError(GoneError):
    """A source order was deleted in the meantime: nothing was copied."""


class OrderCopyGoneError(GoneError):
    """The copy was deleted in the meantime."""


class NotDeletableError(OrderCopiesError):
    """A copy that is in progress cannot be deleted: wait until it has ended."""


class AlreadyAskedError(OrderCopiesError):
    """The same was asked for under the same name a moment ago."""


class UnsupportedDatabaseError(OrderCopiesError):
    """Order copies run on PostgreSQL, MariaDB and SQLite."""
