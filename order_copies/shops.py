"""The one border between order copies and a shop: what a shop must be able to do."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import models
from django.http import HttpRequest
from django.utils.module_loading import import_string

from order_copies.conf import settings
from order_copies.fields import CopiedModel
from order_copies.plans import CopyPlan, Problem

if TYPE_CHECKING:
    from order_copies.models import OrderFactory


@dataclass(slots=True)
class CopyRun:
    """One copy on its way: its plan, and what has come of it so far."""

    order_copy: "OrderFactory"
    plan: CopyPlan
    problems: list[Problem] = field(default_factory=list)
    #: What :meth:`Shop.authorize` gave back for this copy. Only the shop looks inside.
    authorization: Any = None
    #: The key of the target order, once written.
    target_order: Any = None
    #: The public ids of the target's lines, in the order of ``plan.lines``, once written.
    target_line_items: Sequence[str] = ()


class Shop(ABC):
    """A shop's side of the border. Name yours in ``ORDER_COPIES["SHOP"]``.

    Every method takes a whole batch and should cost the same number of queries for one copy of
    one line as for a hundred copies of hundreds. Lists that come back are in the order of those
    that went in.
    """

    #: What a copy does with each field of the shop's models; ``manage.py check`` reports fields
    #: that nobody declared.
    copied_models: Sequence[CopiedModel] = ()

    @property
    def order_model(self) -> type[models.Model]:
        """The model that ``ORDER_COPIES["ORDER_MODEL"]`` names."""
        return apps.get_model(settings.ORDER_MODEL)

    @abstractmethod
    def orders_for(self, request: HttpRequest) -> "models.QuerySet[Any]":
        """The orders that the client behind ``request`` may see, and so may copy."""

    def order_copies_for(
        self, request: HttpRequest, order_copies: "models.QuerySet[Any]"
    ) -> "models.QuerySet[Any]":
        """Those of ``order_copies`` that the client may see: copies of the orders it may see."""
        return order_copies.filter(source_order__in=self.orders_for(request))

    def acts_for_itself(self, request: HttpRequest) -> bool:
        """Whether the client sees, and so may copy, only orders of its own.

        Such a client, a customer say, needs no permission of staff to ask for copies of them, to
        change and to delete these. By default there is none.
        """
        return False

    def order_id(self, key: Any) -> str:
        """The public id of the order with the primary key ``key``."""
        return str(key)

    def order_key(self, order_id: str) -> Any:
        """The primary key that a public id stands for, or None where it stands for none."""
        try:
            key = self.order_model._meta.pk.to_python(order_id)
        except (ValueError, ValidationError):
            return None
        return None if "\0" in order_id else key

    def find_order(self, text: str) -> Any:
        """The primary key of the order that staff call ``text``, or None; by default its id."""
        return self.order_key(text)

    @abstractmethod
    def plan(self, order_copies: "Sequence[OrderFactory]") -> list[CopyPlan]:
        """Decide all that these copies will do. Reads, and writes nothing.

        The copies may be unsaved (a preview). Their ``source_order`` exists.
        """

    def authorize(self, runs: Sequence[CopyRun]) -> list[Any]:
        """Authorize the payment of each target that is about to be placed.

        Called outside any transaction, and again with the same copies after a crash: derive the
        idempotency key of the payment from the copy. What comes back for each run is kept as its
        ``authorization`` for :meth:`place`, which refuses what was not paid for, and for
        :meth:`void`. By default a shop needs none.
        """
        return [None] * len(runs)

    def void(self, runs: Sequence[CopyRun]) -> None:  # noqa: B027
        """Give back the authorizations of runs whose target was not placed after all.

        Called after the copies have ended, outside any transaction. By default there are none.
        """

    @abstractmethod
    def write(self, runs: Sequence[CopyRun]) -> None:
        """Write the planned target orders and set each run's target_order and target_line_items.

        Called inside the transaction that also ends the copies.
        """

    @abstractmethod
    def place(self, runs: Sequence[CopyRun]) -> list[list[Problem]]:
        """Place the target orders; what comes back for each are the reasons why it was not.

        Where ``run.plan.cancel`` is set, placing and cancelling are one swap: the source's
        stock and coupon use go over to the target, and a source that cannot be cancelled is a
        reason not to place. A refused target is left as it was.
        """

    @abstractmethod
    def cancel(self, runs: Sequence[CopyRun]) -> list[list[Problem]]:
        """Cancel the source orders; what comes back for each are the reasons why it was not."""


def get_shop() -> Shop:
    """The shop that ``ORDER_COPIES["SHOP"]`` names."""
    shop = import_string(settings.SHOP)()
    assert isinstance(shop, Shop)
    return shop
