"""The adapter interface between order copies and a shop.

A shop subclasses :class:`Shop` and names the subclass in ``ORDER_COPIES["SHOP"]``. A copy calls it
in this order: :meth:`~Shop.plan`, :meth:`~Shop.payments`, :meth:`~Shop.authorize`,
:meth:`~Shop.write`, :meth:`~Shop.place`, :meth:`~Shop.cancel`.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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
from order_copies.events.recording import Actor
from order_copies.exceptions import Refusal
from order_copies.models import Kind, OrderFactory, OrderSubscription, OrderSubscriptionItem
from order_copies.plans import CopyPlan, Problem
from order_copies.shops.agreements import Subscriber
from order_copies.shops.capabilities import Capability
from order_copies.shops.complaints import (
    Complaint,
    complaints_about_fields,
    complaints_about_models,
)
from order_copies.shops.copied_models import CopiedModel
from order_copies.shops.descriptions import OrderDescription


@dataclass(slots=True)
class Payment:
    """The payment of one order, requested from a payment gateway."""

    #: Idempotency key. For a copy it is derived from its id, the number of retries by hand, and a
    #: digest of ``details``: another attempt with the same details has the same key, other details
    #: have another. For an order that a person places (:mod:`order_copies.worker.payments`) it is
    #: new for each attempt, unless the outcome of the last one is unknown.
    key: str
    #: The element that :meth:`Shop.payments` returned for the copy.
    details: Mapping[str, Any] = field(repr=False)
    #: The element that :meth:`Shop.authorize` returned, of any type that the shop chooses. None if
    #: the outcome of the request is unknown to this process.
    authorization: Any = field(default=None, repr=False)

    @classmethod
    def of(cls, order_copy: OrderFactory, details: Mapping[str, Any]) -> "Payment":
        """Return the payment of the target of ``order_copy``, not yet authorized."""
        text = json.dumps(details, cls=DjangoJSONEncoder, sort_keys=True)
        digest = sha256(text.encode()).hexdigest()[:16]
        return cls(f"{order_copy.payment_key}/{digest}", details)


@dataclass(slots=True)
class CopyRun:
    """One attempt of a copy: its plan, and the results of the steps that have run."""

    order_copy: OrderFactory
    plan: CopyPlan
    #: Problems found after the plan, by :meth:`Shop.place` and :meth:`Shop.cancel`.
    problems: list[Problem] = field(default_factory=list)
    #: The payment of the target. None if there is nothing to authorize, or before
    #: :meth:`Shop.payments` was called.
    payment: Payment | None = None
    #: Primary key of the target order. :meth:`Shop.write` sets it.
    target_order: Any = None
    #: Public ids of the target's lines, one per element of ``plan.lines`` and in that order.
    #: :meth:`Shop.write` sets them.
    target_line_items: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """One inconsistency that an audit found in one resource."""

    #: A stable identifier for programs.
    code: str
    #: JSON:API type of the resource, such as ``"orders"``.
    resource_type: str
    #: Public id of the resource.
    resource_id: str
    #: Text for people: what is wrong, and what to do. It continues a sentence that starts with the
    #: name of the resource.
    message: str

    def __str__(self) -> str:
        return f"{self.code}: {self.resource_type}/{self.resource_id} {self.message}"


#: Plans copies in order: :meth:`Shop.plan`.
Planner = Callable[[Sequence[OrderFactory]], list[CopyPlan]]


class Shop(ABC):
    """The adapter of one shop. Name your subclass in ``ORDER_COPIES["SHOP"]``.

    A subclass defines the abstract methods ``orders_for``, ``plan`` and ``write``; every other
    method has a default. :attr:`capabilities` names what the shop can do beyond copying, such as
    placing orders. The app creates an instance without arguments whenever it needs one, so an
    instance must not keep state from one call to the next.

    A method that takes a sequence gets a whole batch. It should run a constant number of queries,
    independent of the number of copies and of their lines. A method that returns a sequence
    returns one element per element of its argument, in the same order; a different number fails
    the copies with the problem ``shop_contract``.

    The worker treats an exception from ``plan``, ``payments``, ``authorize``, ``write``, ``place``
    or ``cancel`` as a crash: it rolls back, splits the batch to find the copy that causes it, and
    retries that copy with a backoff until ``MAX_ATTEMPTS``; then the copy is aborted. Transient
    errors of the database are retried at once, and a row lock that is not granted within
    ``LOCK_TIMEOUT`` counts as no attempt. To refuse a copy, return a
    :class:`~order_copies.plans.Problem` instead of raising.

    Where a method is said to be called once per attempt, it may be called again in that attempt,
    for a part of a batch that was rolled back.
    """

    #: One declaration per copied model, that of the order first. ``manage.py check`` reports fields
    #: that are not declared.
    copied_models: Sequence[CopiedModel] = ()
    #: Models that refer to copied models and whose rows stay with the source. ``manage.py check``
    #: reports models that are neither here nor in ``copied_models``.
    left_behind: Sequence[type[models.Model]] = ()
    #: The price policies of subscriptions that the shop can apply.
    price_policies: frozenset[str] = frozenset({OrderSubscription.PricePolicy.FROZEN})

    def complaints(self) -> Iterator[Complaint]:
        """Yield the mistakes in the declarations, each with what to type.

        Called by ``manage.py check``, which reports them as E004.
        """
        if self.copied_models:
            yield from complaints_about_fields(self.copied_models)
            yield from complaints_about_models(self.copied_models, self.left_behind)

    @property
    def order_model(self) -> type[models.Model]:
        """The model that ``ORDER_COPIES["ORDER_MODEL"]`` names."""
        return apps.get_model(settings.ORDER_MODEL)

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What the shop can do beyond copying. A toggle that needs anything else is refused.

        Default: ``PLACE``, ``CANCEL`` and ``UNDO`` if the class overrides :meth:`place`,
        :meth:`cancel` and :meth:`undo`.
        Override it to add others: ``super().capabilities | {Capability.WALLET}``.
        """
        overridden = {
            Capability.PLACE: type(self).place is not Shop.place,
            Capability.CANCEL: type(self).cancel is not Shop.cancel,
            Capability.UNDO: type(self).undo is not Shop.undo,
        }
        return frozenset(one for one, is_overridden in overridden.items() if is_overridden)

    @property
    def unsupported(self) -> dict[str, str]:
        """The toggles that :attr:`capabilities` exclude, each with a reason for people."""
        capabilities = self.capabilities
        return {
            one.toggle: one.absence for one in Capability if one.toggle and one not in capabilities
        }

    @property
    def unsupported_changes(self) -> dict[str, str]:
        """The changes that :attr:`capabilities` exclude, each with a reason for people."""
        capabilities = self.capabilities
        missing = [one for one in Capability if one not in capabilities]
        return {name: one.absence for one in missing for name in one.changes}

    def unsupported_in(self, order_copy: OrderFactory) -> dict[str, str]:
        """Return the unsupported toggles and changes of ``order_copy``, each with the reason.

        A toggle that is on by default, as ``reuse_wallet`` is, requests nothing. A recurring copy
        requests ``order_subscription``.
        """
        found = {
            toggle: reason
            for toggle, reason in self.unsupported.items()
            if getattr(order_copy, toggle) and not _is_on_by_default(toggle)
        }
        is_recurring = order_copy.type == Kind.RECURRING_ORDER_COPIES
        if is_recurring and Capability.RECURRING not in self.capabilities:
            found["order_subscription"] = Capability.RECURRING.absence
        return found | self._unsupported_changes_in(order_copy) if order_copy.changes else found

    def _unsupported_changes_in(self, order_copy: OrderFactory) -> dict[str, str]:
        changes = order_copy.changes or {}
        found = {name: text for name, text in self.unsupported_changes.items() if name in changes}
        replaces = any("sku_code" in line for line in order_copy.line_items or ())
        if replaces and Capability.REPLACEMENTS not in self.capabilities:
            found.setdefault("line_items", Capability.REPLACEMENTS.absence)
        return found

    def refuse_changes(self, order_copies: Sequence[OrderFactory]) -> list[list[Refusal]]:
        """Return, for each copy, why its source order cannot be copied with its ``changes``.

        Called before copies with changes are requested or previewed, with those that the shop can
        make by its :attr:`capabilities`. A source order may be deleted already. :meth:`plan` must
        expect that an order was changed since: a line that is gone is a problem of the plan.
        Default: no reasons.
        """
        return [[] for _one in order_copies]

    @abstractmethod
    def orders_for(self, request: HttpRequest) -> "models.QuerySet[Any]":
        """Return the orders that the client who sent ``request`` may see, and therefore may copy.

        Called once or more in each API request. Return a lazy queryset: the app filters it, and
        uses it as a subquery.
        """

    def order_copies_for(
        self, request: HttpRequest, order_copies: "models.QuerySet[Any]"
    ) -> "models.QuerySet[Any]":
        """Return the part of the queryset ``order_copies`` that the client may see.

        Called in each API request that reads copies. Default: the copies whose source order is in
        :meth:`orders_for`; a copy whose source order was deleted is then invisible.
        """
        return order_copies.filter(source_order__in=self.orders_for(request))

    def acts_for_itself(self, request: HttpRequest) -> bool:
        """Return whether the client is restricted to its own orders, as a customer is.

        Such a client needs no Django permissions to request, change and delete copies of the orders
        that it sees, and to place or cancel with them. Default: False for every client.
        """
        return False

    def may_change_orders(self, request: HttpRequest, orders: Sequence[Any]) -> bool:
        """Return whether the client may change all of ``orders``, which it may see.

        Called before a copy that places or cancels is accepted or changed, over the API and in the
        admin. Over the API a client for which :meth:`acts_for_itself` is true needs no such
        permission. Default: whether the user has Django's ``change`` permission on the order model.
        """
        return self._has_permission(request, "change")

    def _has_permission(self, request: HttpRequest, action: str) -> bool:
        """Return whether the user has Django's permission for this action on the order model."""
        options = self.order_model._meta
        codename = get_permission_codename(action, options)
        return bool(request.user.has_perm(f"{options.app_label}.{codename}"))

    def order_id(self, key: Any) -> str:
        """Return the public id of the order with the primary key ``key``. Should not query.

        Called once for each order in a response. Default: the key as a string.
        """
        return str(key)

    def currency_of(self, order: Any) -> str:
        """Return the ISO 4217 code of the amounts of an order, for people.

        Default: the attribute ``currency_code`` of the order, or an empty string.
        """
        return str(getattr(order, "currency_code", "") or "")

    def order_key(self, order_id: str) -> Any:
        """Return the primary key for a public id, or None if the id is malformed. Must not raise.

        The inverse of :meth:`order_id`. ``order_id`` comes from clients unchecked, and the order
        need not exist. Should not query.
        """
        try:
            key = self.order_model._meta.pk.to_python(order_id)
        except (ValueError, ValidationError):
            return None
        return None if "\0" in order_id else key

    def describe(self, orders: Sequence[Any]) -> list[OrderDescription | None]:
        """Return each order as the page of a copy shows it, next to the other order.

        Default: None, the page then shows what the copy recorded of the lines.
        """
        return [None] * len(orders)

    def find_order(self, text: str) -> Any:
        """Return the primary key of the order that staff identify by ``text``, or None.

        Called by ``manage.py copy_order``, once per argument. Override it to accept order numbers.
        Default: ``text`` is a public id.
        """
        return self.order_key(text)

    def order_subscriptions_for(
        self, request: HttpRequest, order_subscriptions: "models.QuerySet[Any]"
    ) -> "models.QuerySet[Any]":
        """Return the part of the queryset ``order_subscriptions`` that the client may see.

        Called in each API request that reads subscriptions. Default: those whose source order is in
        :meth:`orders_for`.
        """
        return order_subscriptions.filter(source_order__in=self.orders_for(request))

    def subscribers(self, orders: Sequence[Any]) -> list[Subscriber]:
        """Return what subscriptions must know about these source orders.

        Default: ``customer_email`` is the attribute of the order, if it has one; the customer has
        an account; and the order is not placed, so that a subscription needs its ``starts_at``.
        """
        return [Subscriber(str(getattr(order, "customer_email", "") or "")) for order in orders]

    def subscription_items(self, orders: Sequence[Any]) -> list[list[OrderSubscriptionItem]]:
        """Return, for each order, the unsaved items of an automatic subscription to all its lines.

        Only called in shops with :attr:`Capability.RECURRING`, before a subscription is saved.
        """
        raise NotImplementedError

    def complete_item(self, item: OrderSubscriptionItem) -> list[Problem]:
        """Complete a new or changed item of a subscription; return why the shop cannot sell it.

        Sets ``name``, ``currency_code``, and ``unit_amount_cents`` if that is None: the price of
        what ``sku_code`` or ``bundle_code`` names. Default: an item needs its unit amount.
        """
        return []

    @abstractmethod
    def plan(self, order_copies: Sequence[OrderFactory]) -> list[CopyPlan]:
        """Return a plan for each copy: everything that it will do. Must not write.

        A copy of the type ``recurring_order_copies`` is built from its agreement
        (:func:`~order_copies.shops.agreements_of`): header, addresses and payment method are those
        of the source order, the lines are the items, without promotions, coupon and gift card. Only
        shops with :attr:`Capability.RECURRING` get such copies. A shop with
        :attr:`Capability.WALLET` pays the copies of a subscription with the payment source that
        :func:`~order_copies.shops.payers_of` names. ``planned_for`` is the instant that a copy is
        planned for; None is the present.

        Called by each preview, where the copies may be unsaved, and once per attempt, outside any
        transaction. Each copy names a source order. Plan the copies in the order of the list: stock
        and coupon uses that one plan takes are unavailable to the plans after it. Raise any
        exception if a source order has been deleted in the meantime: a preview then reports the
        deletion, and a worker aborts the copy.
        """

    def planner(self) -> "Planner":
        """Return a function that plans like :meth:`plan`, with a memory of its earlier calls.

        What the plans of one call take, such as stock, is unavailable to those of the next. The
        preview of many orders calls it with some of them at a time. Default: :meth:`plan`, which
        does not remember, so that each call previews as if it were the first.
        """
        return self.plan

    def payments(self, runs: Sequence[CopyRun]) -> list[Mapping[str, Any] | None]:
        """Return what must be authorized to place each target; None if nothing is due.

        Each mapping must be serializable as JSON. It is stored, and must hold all that
        :meth:`authorize` needs now, and :meth:`void` needs in another process at a later time.

        Called once per attempt, outside any transaction, with the runs whose target will be placed.
        Must not call the gateway. Default: None for every run; the app then calls neither
        ``authorize`` nor ``void``.
        """
        return [None] * len(runs)

    def authorize(self, payments: Sequence[Payment]) -> Sequence[Any] | Iterator[Any]:
        """Authorize payments at the gateway; return the ``authorization`` of each.

        Called outside any transaction. Called again with the same payments after a crash, so send
        ``payment.key`` as the idempotency key. Return a refusal of the gateway as an
        authorization too, and refuse it in :meth:`place`. Raise if the outcome of a request is
        unknown: the payment is then requested again.

        Return a generator that yields each authorization before it sends the next request, if you
        can. An exception then concerns one payment, and the others are not requested again. After
        three exceptions in a row the other payments of the batch wait for their retry too. If the
        gateway is slow, the app abandons the generator after two seconds, commits the copies whose
        payments are authorized, and calls the method again for the others. If the method itself
        raises, it is called again with halves of the list.
        """
        raise NotImplementedError

    def void(self, payments: Sequence[Payment]) -> None:
        """Void payments that no order was placed with: their copies ended, or their time is up.

        Called after a batch with up to 100 payments, outside any transaction, possibly by two
        processes at once. If it raises, it is called again after a growing backoff, until it
        returns.

        If ``authorization`` is None, the outcome of the request is unknown to this process: the
        gateway may never have got it, or another process may be sending it now. Repeat the request
        with the same ``key`` to learn the outcome, and void what it returns, so that a request
        which arrives later cannot authorize the payment again.
        """
        raise NotImplementedError

    def catch_up(self) -> None:  # noqa: B027
        """Run the calls to other systems that earlier transactions left to do, such as voids.

        Called outside any transaction, after each batch, and each time a worker finds no copies:
        every ``POLL_INTERVAL`` seconds. It must be cheap if there is nothing to do. An exception is
        logged, and the next call is the retry. Default: do nothing.
        """

    @abstractmethod
    def write(self, runs: Sequence[CopyRun]) -> None:
        """Write the planned target orders; set ``target_order`` and ``target_line_items`` of runs.

        Called once per attempt, inside the transaction that also ends the copies, with the runs
        whose plan writes a target. Each target must be a new order. Lock the sources that
        ``run.plan.cancel`` will cancel, and raise
        :class:`~order_copies.exceptions.SourceChangedError` if one has changed since the plan: the
        copy is then planned again, which counts as no attempt.
        """

    def place(self, runs: Sequence[CopyRun]) -> list[list[Problem]]:
        """Place the target orders; return the problems that prevented each, or an empty list.

        Called after :meth:`write`, in the same transaction, with the runs whose plan places.
        ``run.payment.authorization`` is what :meth:`authorize` returned. A refused target must be
        left unplaced, without any change.

        If ``run.plan.cancel`` is set, placing and cancelling are one swap: the stock allocation and
        the coupon use of the source are transferred to the target, and a source that cannot be
        cancelled is a problem that prevents placing.

        A shop that does not override this method cannot place orders: the toggle
        ``place_target_order`` is refused, and the method is not called.
        """
        raise NotImplementedError

    def cancel(self, runs: Sequence[CopyRun]) -> list[list[Problem]]:
        """Cancel the source orders; return the problems that prevented each, or an empty list.

        Called after :meth:`place`, in the same transaction, with the runs whose plan cancels and
        that have no problems so far. A problem of a run that was placed fails the copy with
        ``shop_contract``, because ``place`` should have returned it. Leave calls to a gateway to
        :meth:`catch_up`.

        A shop that does not override this method cannot cancel orders: the toggle
        ``cancel_source_order`` is refused, and the method is not called.
        """
        raise NotImplementedError

    def why_not_undone(self, order_copy: OrderFactory) -> list[Problem]:
        """Return why :meth:`undo` would refuse a completed copy now. Must not write or lock.

        Only called in shops with :attr:`Capability.UNDO`. Default: no reasons.
        """
        return []

    def undo(self, order_copy: OrderFactory, *, who: Actor) -> list[Problem]:
        """Cancel the target of a completed copy, and reinstate the source if the copy cancelled it.

        ``who`` is the actor, for events of the shop. Returns why nothing was changed, or an empty
        list. Called in a transaction that has locked the copy, once for each copy. Leave calls to a
        gateway to :meth:`catch_up`.

        A shop that does not override this method cannot undo copies: the method is not called.
        """
        raise NotImplementedError

    def audit_copies(self, order_copies: Sequence[OrderFactory]) -> Iterable[Finding]:
        """Yield inconsistencies of the source and target orders of these copies. Must not write.

        Examples: a target that differs from the copy's ``outcomes``, or a source that was cancelled
        although its target was not placed.

        Called by ``manage.py audit_order_copies``, once per 500 copies, inside a transaction that
        sees one snapshot of the database. Default: no findings.
        """
        return ()

    def audit_shop(self, before: datetime) -> Iterable[Finding]:
        """Yield inconsistencies of the shop as a whole, such as stock counts. Must not write.

        Called once per audit, outside any transaction. Work that has been due since before
        ``before``, such as a void, is overdue. Default: no findings.
        """
        return ()


def _is_on_by_default(toggle: str) -> bool:
    return bool(OrderFactory._meta.get_field(toggle).get_default())  # type: ignore[union-attr]


def get_shop() -> Shop:
    """Return a new instance of the class that ``ORDER_COPIES["SHOP"]`` names.

    Raises ImproperlyConfigured if the setting is missing, and ImportError if there is no such
    class.
    """
    shop = import_string(settings.SHOP)()
    assert isinstance(shop, Shop)
    return shop


def unsupported_toggles() -> dict[str, str]:
    """Return :attr:`Shop.unsupported` of the shop; nothing if the setting names no usable shop.

    For code that runs before ``manage.py check`` can report such a setting as E002.
    """
    try:
        return get_shop().unsupported
    except Exception:
        return {}


def unsupported_changes() -> dict[str, str]:
    """Return :attr:`Shop.unsupported_changes`, as :func:`unsupported_toggles`."""
    try:
        return get_shop().unsupported_changes
    except Exception:
        return {}
