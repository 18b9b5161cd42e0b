"""Subscriptions: orders that are copied at regular times, and what their copies contain."""

import secrets
from datetime import datetime
from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from order_copies import public_ids
from order_copies.models.order_model import order_model_label
from order_copies.models.statuses import SubscriptionStatus

#: The longest and shortest ``renewal_alert_period``, in hours (contract 2.3).
ALERT_PERIODS = (1, 720)


def new_number() -> str:
    """Return a random subscription number of twelve digits."""
    return f"{secrets.randbelow(10**12):012}"


class Annotated(models.Model):
    """A row with timestamps, and the references and metadata of other systems."""

    reference = models.CharField(_("reference"), max_length=255, null=True, blank=True)  # noqa: DJ001
    reference_origin = models.CharField(  # noqa: DJ001
        _("reference origin"), max_length=255, null=True, blank=True
    )
    metadata = models.JSONField(_("metadata"), default=dict, blank=True)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)

    #: The JSON:API type of the resource; public ids differ between types.
    resource_type: str

    class Meta:
        abstract = True
        ordering = ["pk"]

    @property
    def public_id(self) -> str:
        """The ten-letter id of the resource on the wire."""
        return public_ids.encode(self.resource_type, self.pk)


class SubscriptionModel(Annotated):
    """The rules by which the lines of an order become subscriptions (contract 2.5)."""

    resource_type = "subscription_models"

    class Strategy(models.TextChoices):
        # One subscription for all lines with the same frequency.
        BY_FREQUENCY = "by_frequency", _("one subscription for each frequency")
        # One subscription for each line with a frequency.
        BY_LINE_ITEMS = "by_line_items", _("one subscription for each line")

    name = models.CharField(_("name"), max_length=255)
    strategy = models.CharField(
        _("strategy"), max_length=16, choices=Strategy.choices, default=Strategy.BY_FREQUENCY
    )
    frequencies = models.JSONField(
        _("frequencies"),
        default=list,
        help_text=_("The frequencies that subscriptions may have."),
    )
    auto_activate = models.BooleanField(
        _("activate automatically"),
        default=True,
        help_text=_("Activate the subscriptions of an order when the order is placed."),
    )
    auto_cancel = models.BooleanField(
        _("cancel automatically"),
        default=False,
        help_text=_("Cancel the subscriptions of an order when the order is cancelled."),
    )

    class Meta(Annotated.Meta):
        verbose_name = _("subscription model")
        verbose_name_plural = _("subscription models")
        constraints = [
            models.CheckConstraint(
                condition=Q(strategy__in=["by_frequency", "by_line_items"]),
                name="subscription_model_strategy_known",
            )
        ]

    def __str__(self) -> str:
        return self.name


class OrderSubscriptionQuerySet(models.QuerySet["OrderSubscription"]):
    """Subscriptions, by the filter scopes of the contract (2.3)."""

    def active(self) -> "OrderSubscriptionQuerySet":
        """Subscriptions that renew."""
        return self.filter(status__in=[SubscriptionStatus.ACTIVE, SubscriptionStatus.RUNNING])

    def expired(self, now: datetime) -> "OrderSubscriptionQuerySet":
        """Subscriptions whose time is over at ``now``."""
        return self.filter(expires_at__lte=now)

    def runnable(self, now: datetime) -> "OrderSubscriptionQuerySet":
        """Active subscriptions whose next run is due at ``now``."""
        due = self.filter(status=SubscriptionStatus.ACTIVE, next_run_at__lte=now)
        return due.filter(Q(expires_at=None) | Q(expires_at__gt=now))

    def failing(self) -> "OrderSubscriptionQuerySet":
        """Subscriptions that need attention, by the index of ``attention``."""
        return self.filter(attention__gt="").exclude(status=SubscriptionStatus.CANCELLED)

    def due(self, now: datetime) -> "OrderSubscriptionQuerySet":
        """Subscriptions for which there is something to do at ``now``."""
        return self.filter(due_at__lte=now)


class OrderSubscription(Annotated):
    """An order that is copied at regular times (contract 2.3).

    An *automatic* subscription has a subscription model, and its copies are built from its items. A
    *manual* one has none, and its copies are frozen copies of its source order.

    A *slot* is an instant at which a copy is due, counted from ``anchor_at`` by ``frequency``. The
    status changes in :mod:`order_copies.subscriptions` only.
    """

    resource_type = "order_subscriptions"

    class PricePolicy(models.TextChoices):
        # The prices of the items.
        FROZEN = "frozen", _("the agreed prices")
        # The prices of the shop at the time of each run.
        CURRENT = "current", _("the current prices")
        # The lower one of both.
        LOWER = "lower", _("the lower prices")

    number = models.CharField(_("number"), max_length=32, unique=True, default=new_number)
    status = models.CharField(
        _("status"),
        max_length=16,
        choices=SubscriptionStatus.choices,
        default=SubscriptionStatus.DRAFT,
    )
    source_order = models.ForeignKey(
        order_model_label(),
        models.SET_NULL,
        null=True,
        related_name="order_subscriptions",
        verbose_name=_("source order"),
    )
    subscription_model = models.ForeignKey(
        SubscriptionModel,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="order_subscriptions",
        verbose_name=_("subscription model"),
    )
    frequency = models.CharField(
        _("frequency"),
        max_length=50,
        help_text=_("For example daily, weekly or monthly, or a crontab expression."),
    )
    activate_by_source_order = models.BooleanField(_("activate by source order"), default=True)
    place_target_order = models.BooleanField(
        _("place target order"),
        default=True,
        help_text=_("Place each new order, and pay it from the customer's wallet."),
    )
    renewal_alert_period = models.PositiveSmallIntegerField(
        _("renewal alert period"),
        default=1,
        validators=[MinValueValidator(ALERT_PERIODS[0]), MaxValueValidator(ALERT_PERIODS[1])],
        help_text=_("How many hours before the next run the renewal is announced."),
    )
    customer_email = models.CharField(_("customer email"), max_length=254, blank=True)
    #: The shop's key of the saved payment source that pays the copies. Empty: that of the source.
    customer_payment_source_key = models.CharField(
        _("customer payment source"), max_length=64, blank=True, editable=False
    )
    price_policy = models.CharField(
        _("price policy"), max_length=8, choices=PricePolicy.choices, default=PricePolicy.FROZEN
    )
    max_price_increase_percent = models.DecimalField(
        _("largest price increase in percent"),
        max_digits=6,
        decimal_places=2,
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text=_("A run fails if its order would cost more than agreed by more than this."),
    )

    starts_at = models.DateTimeField(_("starts at"), null=True, blank=True)
    expires_at = models.DateTimeField(_("expires at"), null=True, blank=True)
    #: Until when the subscription is paused. Null: it is not, or until a person activates it.
    resumes_at = models.DateTimeField(_("resumes at"), null=True, blank=True)
    #: The first slot. Null before the first activation.
    anchor_at = models.DateTimeField(_("anchor at"), null=True, editable=False)
    last_run_at = models.DateTimeField(_("last run at"), null=True, editable=False)
    #: The next slot. While a copy runs, the slot after that of the copy. Null: there is none.
    next_run_at = models.DateTimeField(_("next run at"), null=True, blank=True)

    #: The number of slots whose copy has ended, however it ended.
    occurrencies = models.PositiveIntegerField(_("occurrencies"), default=0, editable=False)
    #: The number of attempts that failed.
    errors_count = models.PositiveIntegerField(_("errors count"), default=0, editable=False)
    #: Null before the first run.
    succeeded_on_last_run = models.BooleanField(
        _("succeeded on last run"), null=True, editable=False
    )
    #: The code of the problem that a person must solve, or empty.
    attention = models.CharField(_("needs attention"), max_length=64, blank=True, editable=False)

    #: The slot whose copy runs now.
    running_for = models.DateTimeField(_("running for"), null=True, editable=False)
    #: The last slot whose copy was requested, or that was missed.
    last_slot = models.DateTimeField(_("last slot"), null=True, editable=False)
    #: The first of the slots that were skipped last, as long as they can be taken back.
    skipped_from = models.DateTimeField(_("skipped from"), null=True, editable=False)
    #: The slot for which the renewal was announced.
    alerted_for = models.DateTimeField(_("alerted for"), null=True, editable=False)
    #: When the failed copy of the last slot is retried, and how often it was.
    retry_at = models.DateTimeField(_("retry at"), null=True, editable=False)
    run_retries = models.PositiveSmallIntegerField(_("retries"), default=0, editable=False)
    #: The earliest instant at which there is something to do: all that the scheduler looks at.
    due_at = models.DateTimeField(_("due at"), null=True, editable=False)

    objects = OrderSubscriptionQuerySet.as_manager()

    class Meta(Annotated.Meta):
        verbose_name = _("order subscription")
        verbose_name_plural = _("order subscriptions")
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=SubscriptionStatus.values),
                name="order_subscription_status_known",
            ),
            models.CheckConstraint(
                condition=Q(status=SubscriptionStatus.RUNNING, running_for__isnull=False)
                | (~Q(status=SubscriptionStatus.RUNNING) & Q(running_for__isnull=True)),
                name="order_subscription_slot_only_while_running",
            ),
            models.CheckConstraint(
                condition=Q(starts_at__isnull=True)
                | Q(expires_at__isnull=True)
                | Q(expires_at__gt=F("starts_at")),
                name="order_subscription_starts_before_it_expires",
            ),
            models.CheckConstraint(
                condition=Q(next_run_at__isnull=True)
                | Q(last_slot__isnull=True)
                | Q(next_run_at__gt=F("last_slot")),
                name="order_subscription_slots_increase",
            ),
            models.CheckConstraint(
                condition=Q(renewal_alert_period__range=ALERT_PERIODS),
                name="order_subscription_alert_period_in_range",
            ),
        ]
        indexes = [
            models.Index(fields=["due_at"], name="order_subscription_due"),
            models.Index(fields=["status", "next_run_at"], name="order_subscription_next_run"),
            # Whole, not partial: SQLite would not use a partial one, and MariaDB has none.
            models.Index(fields=["attention"], name="order_subscription_attention"),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def is_automatic(self) -> bool:
        """Whether copies are built from the items, and not from the source order."""
        return self.subscription_model_id is not None


class OrderSubscriptionItem(Annotated):
    """What each copy of an automatic subscription contains (contract 2.4). Amounts are cents."""

    resource_type = "order_subscription_items"

    order_subscription = models.ForeignKey(
        OrderSubscription,
        models.CASCADE,
        related_name="order_subscription_items",
        verbose_name=_("order subscription"),
    )
    sku_code = models.CharField(_("SKU code"), max_length=64, blank=True)
    bundle_code = models.CharField(_("bundle code"), max_length=64, blank=True)
    name = models.CharField(_("name"), max_length=255, blank=True)
    quantity = models.PositiveIntegerField(_("quantity"), validators=[MinValueValidator(1)])
    unit_amount_cents = models.BigIntegerField(_("unit amount in cents"))
    #: ISO 4217 code of the amounts.
    currency_code = models.CharField(_("currency code"), max_length=3, blank=True)
    #: The shop's key of the line of the source order that the item came from, or empty.
    source_line_item_key = models.CharField(
        _("source line item"), max_length=64, blank=True, editable=False
    )

    class Meta(Annotated.Meta):
        verbose_name = _("order subscription item")
        verbose_name_plural = _("order subscription items")
        constraints = [
            models.CheckConstraint(
                condition=Q(quantity__gt=0), name="order_subscription_item_has_pieces"
            )
        ]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.name or self.sku_code or self.bundle_code}"

    @property
    def total_amount_cents(self) -> int:
        """The amount of all pieces, in cents."""
        return int(self.quantity * self.unit_amount_cents)


def items_by_subscription(keys: Any) -> dict[int, list[OrderSubscriptionItem]]:
    """Return the items of subscriptions by the key of the subscription, in one query.

    Their references and timestamps are read when they are used.
    """
    items: dict[int, list[OrderSubscriptionItem]] = {}
    found = OrderSubscriptionItem.objects.filter(order_subscription__in=keys).order_by("pk")
    for item in found.defer("reference", "reference_origin", "created_at", "updated_at"):
        items.setdefault(item.order_subscription_id, []).append(item)
    return items
