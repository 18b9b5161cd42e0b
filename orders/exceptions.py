"""The exceptions of the reference shop. The docstring of each is its default message."""

from django.utils.translation import gettext_noop

from order_copies.exceptions import GoneError


class OrderGoneError(GoneError):
    """An order was deleted in the meantime."""


class ResourceGoneError(GoneError):
    """The resource was deleted in the meantime."""


#: The default messages, for the catalogues of translations.
MESSAGES = (
    gettext_noop("An order was deleted in the meantime."),
    gettext_noop("The resource was deleted in the meantime."),
)
