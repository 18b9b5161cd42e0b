"""The two kinds of order factories, each as a model of its own over the one table."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from order_copies.models.order_factories import OrderFactory, OrderFactoryQuerySet
from order_copies.models.statuses import Kind


class OrderCopyManager(models.Manager["OrderFactory"]):
    """Only copies that were requested once."""

    def get_queryset(self) -> OrderFactoryQuerySet:
        return OrderFactoryQuerySet(self.model, using=self._db).filter(type=Kind.ORDER_COPIES)


class RecurringOrderCopyManager(models.Manager["OrderFactory"]):
    """Only copies made by subscriptions."""

    def get_queryset(self) -> OrderFactoryQuerySet:
        recurring = Kind.RECURRING_ORDER_COPIES
        return OrderFactoryQuerySet(self.model, using=self._db).filter(type=recurring)


class OrderCopy(OrderFactory):
    """A copy of one order, requested once."""

    objects = OrderCopyManager()  # type: ignore[misc,assignment]

    class Meta:
        proxy = True
        verbose_name = _("order copy")
        verbose_name_plural = _("order copies")
        permissions = [
            ("place_ordercopy", _("Can have copies placed")),
            ("cancel_source_ordercopy", _("Can have copies cancel their originals")),
            ("reuse_wallet_ordercopy", _("Can have copies paid with the same card")),
            ("change_lines_ordercopy", _("Can change the lines of a copy")),
            ("change_customer_ordercopy", _("Can change the customer and addresses of a copy")),
            ("abort_ordercopy", _("Can abort copies")),
            ("retry_ordercopy", _("Can retry copies")),
            ("undo_ordercopy", _("Can undo copies")),
            ("export_ordercopy", _("Can export copies")),
        ]


class RecurringOrderCopy(OrderFactory):
    """A copy made by a subscription."""

    objects = RecurringOrderCopyManager()  # type: ignore[misc,assignment]

    class Meta:
        proxy = True
        verbose_name = _("recurring order copy")
        verbose_name_plural = _("recurring order copies")
