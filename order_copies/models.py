"""Order copies: one table, two kinds, and the states that a copy goes through."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from order_copies import public_ids
from order_copies.conf import settings
from order_copies.plans import Problem, errors_count, errors_log


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


class OrderFactoryQuerySet(models.QuerySet["OrderFactory"]):
    """Queries that the whole app shares."""

    def pending(self) -> "OrderFactoryQuerySet":
        """Copies that nobody has taken yet."""
        return self.filter(status=Status.PENDING)

    def expired(self, now: datetime) -> "OrderFactoryQuerySet":
        """Copies whose worker died or handed them back: their lease ran out."""
        return self.filter(status=Status.IN_PROGRESS, lease_expires_at__lt=now)

    def claimable(self, now: datetime) -> "OrderFactoryQuerySet":
        """Copies that a worker may take."""
        return self.pending() | self.expired(now)

    def start(self, now: datetime, *, worker: str, lease_expires_at: datetime) -> int:
        """A worker takes the copies, first or again: one more attempt, under a lease."""
        return self.claimable(now).update(
            status=Status.IN_PROGRESS,
            started_at=Coalesce("started_at", now),
            attempt=F("attempt") + 1,
            worker=worker,
            lease_expires_at=lease_expires_at,
            updated_at=now,
        )


class OrderCopyManager(models.Manager["OrderFactory"]):
    """Only copies asked for once."""

    def get_queryset(self) -> OrderFactoryQuerySet:
        return OrderFactoryQuerySet(self.model, using=self._db).filter(type=Kind.ORDER_COPIES)


class RecurringOrderCopyManager(models.Manager["OrderFactory"]):
    """Only copies made by subscriptions."""

    def get_queryset(self) -> OrderFactoryQuerySet:
        recurring = Kind.RECURRING_ORDER_COPIES
        return OrderFactoryQuerySet(self.model, using=self._db).filter(type=recurring)


class OrderFactory(models.Model):
    """A request to make one order out of another, and what came of it.

    ``OrderFactoryQuerySet.start``, and here ``complete``, ``fail`` and ``abort``, together are the
    state diagram. The latter change the object; :mod:`order_copies.transitions` writes the change
    with its event.
    """

    type = models.CharField(
        _("type"), max_length=32, choices=Kind.choices, default=Kind.ORDER_COPIES
    )
    status = models.CharField(
        _("status"), max_length=16, choices=Status.choices, default=Status.PENDING
    )
    source_order = models.ForeignKey(
        settings.ORDER_MODEL,
        models.SET_NULL,
        null=True,
        related_name="order_factories",
        verbose_name=_("source order"),
    )
    target_order = models.OneToOneField(
        settings.ORDER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="source_order_factory",
        verbose_name=_("target order"),
    )

    started_at = models.DateTimeField(_("started at"), null=True, blank=True)
    completed_at = models.DateTimeField(_("completed at"), null=True, blank=True)
    failed_at = models.DateTimeField(_("failed at"), null=True, blank=True)
    errors_log = models.JSONField(_("errors log"), default=dict, blank=True)
    errors_count = models.PositiveIntegerField(_("errors count"), default=0)
    outcomes = models.JSONField(_("outcomes"), default=list, blank=True, encoder=DjangoJSONEncoder)

    place_target_order = models.BooleanField(
        _("place target order"),
        default=False,
        help_text=_("Place the new order once it is complete."),
    )
    reuse_wallet = models.BooleanField(
        _("reuse wallet"),
        default=True,
        help_text=_("Pay with the same payment source, if it stands in the customer's wallet."),
    )
    cancel_source_order = models.BooleanField(
        _("cancel source order"),
        default=False,
        help_text=_("Cancel the original at the end, if all else succeeded."),
    )
    apply_promotions = models.BooleanField(
        _("apply promotions"),
        default=False,
        help_text=_("Drop the old discounts and apply the promotions valid now."),
    )
    skip_errors = models.BooleanField(
        _("skip errors"),
        default=False,
        help_text=_("Leave out what cannot be had and complete the copy all the same."),
    )
    ignore_invalid_coupon = models.BooleanField(
        _("ignore invalid coupon"),
        default=False,
        help_text=_("Leave out a coupon that is no longer valid."),
    )
    reference = models.CharField(_("reference"), max_length=255, null=True, blank=True)  # noqa: DJ001
    reference_origin = models.CharField(  # noqa: DJ001
        _("reference origin"), max_length=255, null=True, blank=True
    )
    metadata = models.JSONField(_("metadata"), default=dict, blank=True)

    attempt = models.PositiveIntegerField(_("attempt"), default=0, editable=False)
    lease_expires_at = models.DateTimeField(_("lease expires at"), null=True, editable=False)
    worker = models.CharField(_("worker"), max_length=128, blank=True, editable=False)

    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)

    objects = OrderFactoryQuerySet.as_manager()

    class Meta:
        verbose_name = _("order factory")
        verbose_name_plural = _("order factories")
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(type__in=Kind.values), name="order_factory_type_known"
            ),
            models.CheckConstraint(
                condition=Q(status__in=Status.values), name="order_factory_status_known"
            ),
            models.CheckConstraint(
                condition=~Q(status=Status.COMPLETED)
                | Q(completed_at__isnull=False, failed_at__isnull=True),
                name="order_factory_completed_has_its_instant",
            ),
            models.CheckConstraint(
                condition=~Q(status=Status.FAILED)
                | Q(failed_at__isnull=False, completed_at__isnull=True),
                name="order_factory_failed_has_its_instant",
            ),
            models.CheckConstraint(
                condition=Q(
                    status=Status.IN_PROGRESS,
                    lease_expires_at__isnull=False,
                    started_at__isnull=False,
                    attempt__gt=0,
                )
                | (~Q(status=Status.IN_PROGRESS) & Q(lease_expires_at__isnull=True)),
                name="order_factory_lease_only_in_progress",
            ),
            models.CheckConstraint(
                condition=Q(target_order__isnull=True)
                | Q(source_order__isnull=True)
                | ~Q(source_order=F("target_order")),
                name="order_factory_target_is_another_order",
            ),
        ]
        indexes = [
            # Whole, not partial: SQLite and MariaDB could not use a partial one to claim.
            models.Index(fields=["status", "id"], name="order_factory_status")
        ]

    def __str__(self) -> str:
        return self.public_id if self.pk else str(_("new copy"))

    @property
    def public_id(self) -> str:
        """The ten-letter id of the copy on the wire."""
        return public_ids.encode("order_factories", self.pk)

    @property
    def has_ended(self) -> bool:
        """Whether the copy is in a final state."""
        return self.status in FINAL

    def complete(self, now: datetime, problems: Sequence[Problem] = ()) -> None:
        """The copy did what was asked for; ``problems`` are those that ``skip_errors`` skipped."""
        self._end(Status.COMPLETED, problems)
        self.completed_at = now

    def fail(self, now: datetime, problems: Sequence[Problem]) -> None:
        """The copy could not do what was asked for, and says why."""
        self._end(Status.FAILED, problems)
        self.failed_at = now

    def abort(self, problems: Sequence[Problem]) -> None:
        """The copy was given up: by a person, for a vanished source, or for crashing too often."""
        self._end(Status.ABORTED, problems)

    def _end(self, status: Status, problems: Sequence[Problem]) -> None:
        self.status = status
        self.lease_expires_at = self.completed_at = self.failed_at = None
        self.errors_log = errors_log(problems)
        self.errors_count = errors_count(self.errors_log)

    def ending(self) -> dict[str, Any]:
        """What an event tells of the copy's end."""
        return {
            "status": str(self.status),
            "completed_at": self.completed_at,
            "failed_at": self.failed_at,
            "errors_log": self.errors_log,
            "errors_count": self.errors_count,
        }


class OrderCopy(OrderFactory):
    """A copy of one order, asked for once."""

    objects = OrderCopyManager()  # type: ignore[misc,assignment]

    class Meta:
        proxy = True
        verbose_name = _("order copy")
        verbose_name_plural = _("order copies")


class RecurringOrderCopy(OrderFactory):
    """A copy made by a subscription."""

    objects = RecurringOrderCopyManager()  # type: ignore[misc,assignment]

    class Meta:
        proxy = True
        verbose_name = _("recurring order copy")
        verbose_name_plural = _("recurring order copies")
