"""The kinds of order factories, their states, and those of subscriptions."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Kind(models.TextChoices):
    """The kinds of order factories (contract 1.8)."""

    # A copy of one order, requested once.
    ORDER_COPIES = "order_copies", _("order copy")
    # A copy made by a subscription.
    RECURRING_ORDER_COPIES = "recurring_order_copies", _("recurring order copy")


class Status(models.TextChoices):
    """The states of a copy (contract 1.7); :mod:`order_copies.transitions` leads between them."""

    # Requested, or retried after its end: no worker has claimed it yet.
    PENDING = "pending", _("pending")
    # A worker runs it under a lease, or it waits for its next attempt.
    IN_PROGRESS = "in_progress", _("in progress")
    # A person aborted it, it crashed its worker too often, or its source order was deleted.
    ABORTED = "aborted", _("aborted")
    # It could not do what was requested; its errors log has the reasons.
    FAILED = "failed", _("failed")
    # It did what was requested, perhaps with errors that ``skip_errors`` skipped.
    COMPLETED = "completed", _("completed")


class SubscriptionStatus(models.TextChoices):
    """The states of a subscription (contract 2.3).

    :mod:`order_copies.subscriptions` leads between them.
    """

    # Made, and never activated: it does not renew.
    DRAFT = "draft", _("draft")
    # A person stopped it, or paused it; it can be activated again.
    INACTIVE = "inactive", _("inactive")
    # It waits for its next run.
    ACTIVE = "active", _("active")
    # A copy for one of its slots is requested, and has not ended.
    RUNNING = "running", _("running")
    # Final: a person or the shop cancelled it, or its time is over.
    CANCELLED = "cancelled", _("cancelled")


#: The states in which a copy has ended.
FINAL = frozenset({Status.COMPLETED, Status.FAILED, Status.ABORTED})
#: The states in which it has not.
ONGOING = frozenset(Status) - FINAL
