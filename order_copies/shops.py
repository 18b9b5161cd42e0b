"""The one border between order copies and a shop: what a shop must be able to do."""

import json
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any

from django.apps import apps
from django.contrib.auth import get_permission_codename
from django.core.exceptions import ValidationError
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.http import HttpRequest
from django.utils.module_loading import import_string

from order_copies.conf import settings
from order_copies.models import OrderFactory
from order_copies.plans import CopyPlan, Problem


@dataclass(frozen=True)
class CopiedModel:
    """What a copy does with each field of one model of the shop.

    Fields are named by their attribute (``"order_id"`` for a foreign key ``order``). A field that
    is declared nowhere, twice, or does not exist is an error of ``manage.py check``.
    """

    model: type[models.Model]
    #: Travel as they are: values, and links to things that both orders share.
    copied: tuple[str, ...] = ()
    #: Start afresh: identity, stamps, statuses, what belongs to the source alone.
    reset: tuple[str, ...] = ()
    #: Worked out anew from what was copied.
    recomputed: tuple[str, ...] = ()
    #: Point at the new counterpart of what they pointed at.
    remapped: tuple[str, ...] = ()
    #: By copied JSON field, the keys of its objects that stay behind: what other systems know about
    #: one order only, such as ``{"metadata": ("_stripe_intent_id",)}``.
    left_behind_keys: Mapping[str, Collection[str]] = field(default_factory=dict)

    def travelling(self, name: str, value: Any) -> Any:
        """Return the value of a copied field without the keys that stay behind."""
        keys = self.left_behind_keys.get(name)
        if not keys or not isinstance(value, dict) or value.keys().isdisjoint(keys):
            return value
        return {key: item for key, item in value.items() if key not in keys}

    @property
    def declared(self) -> list[str]:
        """All declared names, with repetitions."""
        return [*self.copied, *self.reset, *self.recomputed, *self.remapped]

    def complaints(self) -> Iterator[str]:
        """What is wrong with the declaration, one sentence each."""
        label = self.model._meta.label
        names = {field.attname for field in self.model._meta.concrete_fields}
        declared = self.declared
        for name in sorted(names - set(declared)):
            yield f"{label}.{name} is not declared."
        for name in sorted(set(declared) - names):
            yield f"{label}.{name} is declared, but {label} has no such field."
        for name in sorted({name for name in declared if declared.count(name) > 1}):
            yield f"{label}.{name} is declared more than once."
        for name in sorted(set(self.left_behind_keys) - set(self.copied)):
            yield f"{label}.{name} has keys that stay behind, but is not declared as copied."


@dataclass(slots=True)
class Payment:
    """What is asked of a payment gateway, under a key that stands for all of it."""

    #: Of the copy, how often it was retried, and the details: the idempotency key. Whoever asks
    #: for the same gets the same, and whoever asks for something else gets something else.
    key: str
    #: What :meth:`Shop.payments` said.
    details: Mapping[str, Any] = field(repr=False)
    #: What :meth:`Shop.authorize` gave back; None where nobody knows. Only the shop looks inside.
    authorization: Any = field(default=None, repr=False)

    @classmethod
    def of(cls, order_copy: OrderFactory, details: Mapping[str, Any]) -> "Payment":
        """The payment of the target of this copy."""
        text = json.dumps(details, cls=DjangoJSONEncoder, sort_keys=True)
        digest = sha256(text.encode()).hexdigest()[:16]
        return cls(f"{order_copy.payment_key}/{digest}", details)


@dataclass(slots=True)
class CopyRun:
    """One copy on its way: its plan, and what has come of it so far."""

    order_copy: OrderFactory
    plan: CopyPlan
    problems: list[Problem] = field(default_factory=list)
    #: What the target has to be paid with, once that is known. None: nothing.
    payment: Payment | None = None
    #: The key of the target order, once written.
    target_order: Any = None
    #: The public ids of the target's lines, in the order of ``plan.lines``, once written.
    target_line_items: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it must be.

    ``code`` is for programs. ``message`` is for people and goes on where the resource was named:
    what is wrong with it, and what to do.
    """

    code: str
    resource_type: str
    #: The public id of the resource.
    resource_id: str
    message: str

    def __str__(self) -> str:
        return f"{self.code}: {self.resource_type}/{self.resource_id} {self.message}"


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

    def may_change_orders(self, request: HttpRequest, orders: Sequence[Any]) -> bool:
        """Whether the client may change all of these orders, which it sees.

        Copies that place or cancel take it, over the API and in the admin, of everybody but a
        client that acts for itself. By default it is Django's permission to change orders.
        """
        options = self.order_model._meta
        codename = get_permission_codename("change", options)
        return bool(request.user.has_perm(f"{options.app_label}.{codename}"))

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
    def plan(self, order_copies: Sequence[OrderFactory]) -> list[CopyPlan]:
        """Decide all that these copies will do. Reads, and writes nothing.

        The copies may be unsaved (a preview). Their ``source_order`` exists.
        """

    def payments(self, runs: Sequence[CopyRun]) -> list[Mapping[str, Any] | None]:
        """What placing each target has to ask a payment gateway for; None where nothing.

        JSON that holds all that :meth:`authorize` needs, and :meth:`void` of another process at
        another time. By default a shop asks for nothing, and the next two methods are not called.
        """
        return [None] * len(runs)

    def authorize(self, payments: Sequence[Payment]) -> Sequence[Any] | Iterator[Any]:
        """Authorize payments; what comes back for each is kept as its ``authorization``.

        Called outside any transaction, and again for the same payments after a crash: ``key`` is
        their idempotency key. Placing refuses what was not paid for. What was not answered is
        raised, and asked for again.

        Best a generator that yields each answer before it asks for the next: what it raises is
        then the trouble of one payment, and no other is asked for twice. After three in a row the
        others of the batch wait too. Where a call raises instead, halves of it are tried.
        """
        raise NotImplementedError

    def void(self, payments: Sequence[Payment]) -> None:
        """Give payments back whose copies have ended without using them.

        Called outside any transaction, again until it does not raise, and perhaps by two processes
        at a time. Where ``authorization`` is None the gateway may not even have been asked, or it
        may be answering some other process just now: asking once more with the same ``key`` tells
        what there is to give back, and what it tells must be given back for good.
        """
        raise NotImplementedError

    def catch_up(self) -> None:  # noqa: B027
        """Do what earlier transactions left to be done outside of them, such as telling a gateway.

        Called outside any transaction, after each batch and as long as there is nothing to do. An
        exception is logged, and the next call tries again. By default there is nothing left.
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

    def audit_copies(self, order_copies: Sequence[OrderFactory]) -> Iterable[Finding]:
        """What is wrong with the orders of these copies, for ``manage.py audit_order_copies``.

        Targets that are not what the copies' ``outcomes`` say, sources cancelled without their
        target, and the like. Reads as of one moment, and writes nothing. By default: nothing.
        """
        return ()

    def audit_shop(self, before: datetime) -> Iterable[Finding]:
        """What is wrong with what all orders hold together, say stock. By default: nothing.

        Called once an audit, outside any transaction. What waits to be done since ``before``, such
        as telling a gateway, waits too long.
        """
        return ()


def get_shop() -> Shop:
    """The shop that ``ORDER_COPIES["SHOP"]`` names."""
    shop = import_string(settings.SHOP)()
    assert isinstance(shop, Shop)
    return shop
