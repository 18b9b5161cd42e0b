"""The kinds of order factories, and the states that they go through."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Kind(models.TextChoices):
    """The kinds of order factories (contract 1.8)."""

    ORDER_COPIES = "order_copies", _("order copy")
    RECURRING_ORDER_COPIES = "recurring_order_copies", _("recurring order copy")


class Status(models.TextChoices):
    """The states of a copy (contract 1.7)."""

    PENDING = "pending", _("pending")
    IN_PROGRESS = "in_progress", _("in progress")
    ABORTED = "aborted", _("aborted")
    FAILED = "failed", _("failed")
    COMPLETED = "completed", _("completed")


#: The states that a copy ends in.
FINAL = frozenset({Status.COMPLETED, Status.FAILED, Status.ABORTED})

#: The states in which people can abort a copy, and those from which it can be tried once more.
ABORTABLE = frozenset({Status.PENDING, Status.IN_PROGRESS})
RETRYABLE = frozenset({Status.FAILED, Status.ABORTED})
