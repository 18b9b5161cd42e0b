"""Order factories: one table for both kinds of copies."""

from datetime import datetime
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from order_copies import public_ids
from order_copies.models.batches import CopyBatch
from order_copies.models.leased import Leased, LeasedQuerySet
from order_copies.models.order_model import order_model_label
from order_copies.models.statuses import FINAL, ONGOING, Kind, Status
from order_copies.models.subscriptions import OrderSubscription
from order_copies.models.toggles import Toggled


class OrderFactoryQuerySet(LeasedQuerySet):
    """The copies of a queue."""

    def ongoing(self) -> "OrderFactoryQuerySet":
        """Copies that have not ended."""
        return self.filter(status__in=ONGOING)


class OrderFactory(Leased, Toggled):
    """A request to make one order out of another, and its result.

    Its status changes in :mod:`order_copies.transitions` only.
    """

    type = models.CharField(
        _("type"), max_length=32, choices=Kind.choices, default=Kind.ORDER_COPIES
    )
    status = models.CharField(
        _("status"), max_length=16, choices=Status.choices, default=Status.PENDING
    )
    source_order = models.ForeignKey(
        order_model_label(),
        models.SET_NULL,
        null=True,
        related_name="order_factories",
        verbose_name=_("source order"),
    )
    target_order = models.OneToOneField(
        order_model_label(),
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="source_order_factory",
        verbose_name=_("target order"),
    )
    #: The subscription that requested the copy, and for which of its slots. A slot has one copy.
    order_subscription = models.ForeignKey(
        OrderSubscription,
        models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="order_factories",
        verbose_name=_("order subscription"),
    )
    scheduled_for = models.DateTimeField(_("scheduled for"), null=True, blank=True, editable=False)

    batch = models.ForeignKey(
        CopyBatch,
        models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="order_factories",
        verbose_name=_("batch"),
    )

    started_at = models.DateTimeField(_("started at"), null=True, blank=True)
    completed_at = models.DateTimeField(_("completed at"), null=True, blank=True)
    failed_at = models.DateTimeField(_("failed at"), null=True, blank=True)
    errors_log = models.JSONField(_("errors log"), default=dict, blank=True)
    errors_count = models.PositiveIntegerField(_("errors count"), default=0)
    outcomes = models.JSONField(_("outcomes"), default=list, blank=True, encoder=DjangoJSONEncoder)

    reference = models.CharField(_("reference"), max_length=255, null=True, blank=True)  # noqa: DJ001
    reference_origin = models.CharField(  # noqa: DJ001
        _("reference origin"), max_length=255, null=True, blank=True
    )
    metadata = models.JSONField(_("metadata"), default=dict, blank=True)
    #: The name of the profile that the toggles came from, if they came from one.
    profile = models.CharField(  # noqa: DJ001
        _("profile"), max_length=63, null=True, blank=True, editable=False
    )
    #: What the copy takes otherwise than its source (:mod:`order_copies.changes`); None: nothing.
    changes = models.JSONField(_("changes"), null=True, blank=True, editable=False)
    #: The digest of the plan that was previewed: the copy does that, or nothing.
    plan_digest = models.CharField(_("plan digest"), max_length=64, blank=True, editable=False)

    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)

    #: The instant that the copy is planned for; None: the present. A forecast sets it.
    planned_for: datetime | None = None

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
            # NULLs are distinct in all three databases.
            models.UniqueConstraint(
                fields=["order_subscription", "scheduled_for"], name="order_factory_one_a_slot"
            ),
            models.CheckConstraint(
                condition=Q(order_subscription__isnull=True) | Q(scheduled_for__isnull=False),
                name="order_factory_of_a_subscription_has_its_slot",
            ),
        ]
        indexes = [
            # Whole, not partial: SQLite and MariaDB could not use a partial one to claim.
            models.Index(fields=["status", "id"], name="order_factory_status"),
            # What the lists of the admin filter and search by.
            models.Index(fields=["created_at"], name="order_factory_created"),
            models.Index(fields=["reference"], name="order_factory_reference"),
        ]

    def __str__(self) -> str:
        return self.public_id if self.pk else str(_("new copy"))

    @property
    def public_id(self) -> str:
        """The ten-letter id of the copy on the wire."""
        return public_ids.encode("order_factories", self.pk)

    @property
    def payment_key(self) -> str:
        """The prefix of the idempotency keys of payments for this copy.

        The same for every attempt, and another one after a retry: the payments of an ended run
        were voided, and would be voided again.
        """
        key = f"order_copies/{self.public_id}"
        return f"{key}/{self.retries}" if self.retries else key

    @property
    def line_items(self) -> list[dict[str, Any]] | None:
        """The lines that the copy takes, by the names of the API; None: all, as they are."""
        return (self.changes or {}).get("line_items")

    @property
    def customer_email(self) -> str | None:
        """The customer that the target gets; None: that of the source."""
        return (self.changes or {}).get("customer_email")

    @property
    def shipping_address(self) -> dict[str, Any] | None:
        """The shipping address that the target gets; None: that of the source."""
        return (self.changes or {}).get("shipping_address")

    @property
    def billing_address(self) -> dict[str, Any] | None:
        """The billing address that the target gets; None: that of the source."""
        return (self.changes or {}).get("billing_address")

    @property
    def has_ended(self) -> bool:
        """Whether the copy is in a final state."""
        return self.status in FINAL
