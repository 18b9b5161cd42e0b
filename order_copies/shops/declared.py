"""The declarations and hooks of a shop, and what follows from them alone."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import cache, cached_property
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import models, transaction
from django.http import HttpRequest
from django.utils.translation import gettext as _

from order_copies.exceptions import OrderCopiesError
from order_copies.models import Kind
from order_copies.plans import Problem, Step
from order_copies.shops.adapter import CopyRun, Shop
from order_copies.shops.agreements import Subscriber
from order_copies.shops.amounts import column_value, minor_units, rounded
from order_copies.shops.capabilities import Capability
from order_copies.shops.complaints import (
    Complaint,
    complaints_about_fields,
    complaints_about_models,
)
from order_copies.shops.copied_models import CopiedModel
from order_copies.shops.declarations import (
    can_renew,
    complaint_about_cancelling,
    complaint_about_missing,
    complaint_about_totals,
    complaints_about_owner,
    complaints_about_settings,
    complaints_about_tables,
    complaints_about_unique,
)
from order_copies.shops.drafts import Draft, Placement
from order_copies.shops.graph import AnyField, Model
from order_copies.shops.lines import Available, LineFields, LineReader
from order_copies.shops.tables import CopiedTables, concrete_fields

#: The totals that follow from the lines alone.
TOTALS_OF_LINES = ("subtotal_amount_cents", "total_amount_cents", "total_amount_with_taxes_cents")
#: The totals that recurring copies must not repeat (contract 2.2).
DISCOUNTS = ("discount_amount_cents", "gift_card_amount_cents")


class Refused(OrderCopiesError):  # noqa: N818
    """This shop refuses the step."""


class DeclaredShop(Shop):
    """The declarations and hooks of a :class:`~order_copies.shops.FrozenShop`."""

    #: The lines of an order.
    line: LineFields
    #: ISO 4217 code of the amounts, or the field of the order that holds it.
    currency: str = ""
    #: The totals of an order: the contract's name, such as ``"total_amount_cents"``, and the field
    #: of the order. Integers are cents, decimals are units of the currency.
    totals: Mapping[str, str] = {}
    #: The fields that make an order placed, with their values; a callable is called when an order
    #: is placed. Empty: this shop places orders in :meth:`place_order`, or not at all.
    placed: Mapping[str, Any] = {}
    #: The fields that make an order cancelled, as :attr:`placed`.
    cancelled: Mapping[str, Any] = {}
    #: The lookup from an order to the user whom it belongs to; such users may copy their orders.
    owner: str = ""
    #: The lookup from an order to the email of its customer, for subscriptions. Empty: the
    #: attribute ``customer_email`` or ``email`` of the order, if it has one.
    customer_email: str = ""

    # Hooks.

    def fresh(self, runs: Sequence[CopyRun]) -> Sequence[Mapping[str, Any]]:
        """Return first values of the target's reset fields, one mapping per run.

        Called inside the transaction that writes the targets: the place for order numbers.
        """
        return [{}] * len(runs)

    def available(self, products: set[Any]) -> Mapping[Any, Available] | None:
        """Return what is available of each product: pieces, None for any number, or a reason.

        A product without an entry does not exist any more. Default: None, everything is available.
        """
        return None

    def held(self, order: Any, line: Any) -> Any:
        """Return the pieces of a line that cancelling its order gives back to the stock.

        Default: all pieces of an order that has the values of :attr:`placed` and not those of
        :attr:`cancelled`. Override it if placed orders reach other statuses, such as "shipped".
        """
        is_holding = is_in(order, self.placed) and not is_in(order, self.cancelled)
        return self._reader.quantity(line) if is_holding else 0

    def reduce(self, line: Any, quantity: Any) -> Mapping[str, Any] | None:
        """Return the changed fields of a line with another quantity.

        There are fewer pieces if no more are available, and more if an item of a subscription says
        so. Override it if a line has more amounts than unit and total. Default: None, the total
        changes in proportion.
        """
        return None

    def reprice(self, line: Any, price: int) -> Mapping[str, Any] | None:
        """Return the changed fields of a line whose pieces cost ``price`` cents each.

        Called for lines of recurring copies whose item has another price, after :meth:`reduce`.
        Override it as that one. Default: None, unit and total change.
        """
        return None

    def recompute(self, order: Any, before: Sequence[Any], after: Sequence[Any]) -> dict[str, Any]:
        """Return the fields of a target whose lines differ from the source.

        ``before`` are the lines of the source ``order``, ``after`` those of the target. Raise
        :class:`Refused` if its amounts cannot be recalculated. Default: the totals change as the
        lines do; refused if the order has amounts that are in no line, such as shipping or taxes.
        """
        currency = self.currency_of(order)
        amounts = {name: self._total(order, name) for name in self.totals}
        known = self._sum_of(before, currency)
        parts = [amount for name, amount in amounts.items() if name not in TOTALS_OF_LINES]
        of_lines = [name for name in TOTALS_OF_LINES if name in amounts]
        if any(parts) or any(rounded(amounts[name]) != known for name in of_lines):
            raise Refused(_("the amounts of this order that are in no line cannot be recalculated"))
        new, fields = self._sum_of(after, currency), [self.totals[name] for name in of_lines]
        return {name: column_value(self._order_fields[name], new, currency) for name in fields}

    def _sum_of(self, lines: Sequence[Any], currency: str) -> Fraction:
        """Return the sum of the amounts of lines, each rounded as its outcome shows it."""
        return Fraction(sum(rounded(self._reader.amount(line, currency)) for line in lines))

    def context(self, orders: Mapping[Any, Any], rows: Mapping[Model, Any]) -> Any:
        """Return what :meth:`revise` needs to know, read once for a batch. Default: None."""

    def revise(self, draft: Draft) -> None:
        """Change the plan of one target. Must not write.

        Default: :meth:`recompute` the totals if lines changed. A recurring copy of an order with a
        discount or a gift card in :attr:`totals` is a problem.
        """
        if draft.order_copy.type == Kind.RECURRING_ORDER_COPIES:
            draft.problems += self._discounts_to_repeat(draft.order)
        if not draft.lines_changed:
            return
        try:
            draft.values |= self.recompute(draft.order, draft.source_lines, draft.lines)
        except Refused as refusal:
            problem = Problem(
                Step.WRITE, "line_items", "amount_without_line", str(refusal), skippable=False
            )
            draft.problems.append(problem)

    def _discounts_to_repeat(self, order: Any) -> Iterator[Problem]:
        """Yield a problem for each discount that is in no line, so that no item leaves it out."""
        for name in DISCOUNTS:
            if name in self.totals and self._total(order, name):
                message = _(
                    "the source order has a discount or a gift card, which a subscription must not "
                    "repeat: subscribe to an order without it"
                )
                attribute = name.removesuffix("_cents")
                yield Problem(
                    Step.WRITE, attribute, "discount_not_renewable", message, skippable=False
                )

    def refuse_cancel(self, order: Any) -> str:
        """Return why an order must not be cancelled; empty if it may.

        An order that has the values of :attr:`cancelled` is refused already.
        """
        return ""

    def place_order(self, order: Any) -> None:
        """Do what placing means in this shop, before the fields ``placed`` are written.

        Raise :class:`Refused` to leave the order unplaced: everything is rolled back.
        """

    def place_orders(self, placements: Sequence[Placement]) -> list[str]:
        """Place orders, and return for each why it was refused, or an empty string.

        The batch form of :meth:`place_order`, which it calls by default for each order. If one is
        refused, everything is rolled back, and the method is called again without that order.
        """
        if not self._overrides("place_order"):
            return [""] * len(placements)
        return [_refusal(self.place_order, placement.order) for placement in placements]

    def cancel_order(self, order: Any) -> None:
        """Do what cancelling means in this shop, before the fields ``cancelled`` are written.

        Raise :class:`Refused` to leave the order as it is: everything is rolled back.
        """

    def cancel_orders(self, orders: Sequence[Any]) -> list[str]:
        """Cancel orders, and return for each why it was refused, or an empty string.

        The batch form of :meth:`cancel_order`, as :meth:`place_orders`.
        """
        if not self._overrides("cancel_order"):
            return [""] * len(orders)
        return [_refusal(self.cancel_order, order) for order in orders]

    def after_write(self, runs: Sequence[CopyRun]) -> None:
        """Write what declarations cannot say, such as keys inside JSON. Default: nothing."""

    # What follows from the declarations.

    @property
    def capabilities(self) -> frozenset[Capability]:
        """Return PLACE and CANCEL if the shop has the fields or the hooks for them.

        The shop has RECURRING if the quantity of :attr:`line` is an integer, and its quantity and
        amounts are copied. It has LINES: a subclass whose lines cannot be copied in part, or with a
        plan of its own, takes it away.
        """
        able = {
            Capability.LINES: True,
            Capability.RECURRING: _can_renew(type(self)),
            Capability.PLACE: self.placed or self._overrides("place_order", "place_orders"),
            Capability.CANCEL: self.cancelled or self._overrides("cancel_order", "cancel_orders"),
            Capability.UNDO: type(self).undo is not Shop.undo,
        }
        return frozenset(capability for capability, is_able in able.items() if is_able)

    def _overrides(self, *hooks: str) -> bool:
        return any(getattr(type(self), hook) is not getattr(DeclaredShop, hook) for hook in hooks)

    def orders_for(self, request: HttpRequest) -> "models.QuerySet[Any]":
        """Return all orders for users with the permission to view them, else the user's own."""
        orders: models.QuerySet[Any] = self.order_model._default_manager.all()
        if self._has_permission(request, "view"):
            return orders
        if not self.owner or not request.user.is_authenticated:
            return orders.none()
        return orders.filter(**{self.owner: request.user})

    def acts_for_itself(self, request: HttpRequest) -> bool:
        """Return whether the client sees its own orders only."""
        is_user = bool(self.owner) and request.user.is_authenticated
        return is_user and not self._has_permission(request, "view")

    def facts(self, orders: Sequence[Any]) -> list[dict[str, str]]:
        """Return the values that the page of a copy adds to lines and totals, by their labels.

        Default: whether the order is placed or cancelled, and the email of its customer.
        """
        return [
            {_("Status"): self._status_of(order), _("Customer"): email}
            for order, email in zip(orders, self._emails_of(orders), strict=True)
        ]

    def _status_of(self, order: Any) -> str:
        if is_in(order, self.cancelled):
            return _("cancelled")
        return _("placed") if is_in(order, self.placed) else _("not placed")

    def subscribers(self, orders: Sequence[Any]) -> list[Subscriber]:
        """Return what subscriptions must know about these source orders.

        An order is placed if it has the values of :attr:`placed`. Override it if placed orders
        reach other statuses, or if there are customers without an account.
        """
        return [
            Subscriber(customer_email=email, is_placed=is_in(order, self.placed))
            for order, email in zip(orders, self._emails_of(orders), strict=True)
        ]

    def _emails_of(self, orders: Sequence[Any]) -> list[str]:
        if not self.customer_email:
            return [_email_of(order) for order in orders]
        found = self.order_model._base_manager.filter(pk__in=[order.pk for order in orders])
        emails = dict(found.values_list("pk", self.customer_email))
        return [str(emails.get(order.pk) or "") for order in orders]

    def line_id(self, key: Any) -> str:
        """Return the public id of the line with this primary key. Default: the key as text."""
        return str(key)

    def currency_of(self, order: Any) -> str:
        """Return the ISO 4217 code of the amounts of an order."""
        is_field = self.currency in self._order_fields
        code = getattr(order, self.currency) if is_field else self.currency
        return str(code or "").upper()

    @cached_property
    def tables(self) -> CopiedTables:
        """The copied models as tables."""
        return _tables(type(self))

    @cached_property
    def _reader(self) -> LineReader:
        return LineReader(self.line, self.tables)

    @cached_property
    def _order_fields(self) -> dict[str, AnyField]:
        return {one.attname: one for one in concrete_fields(self.order_model)}

    def _total(self, order: Any, name: str) -> Fraction:
        field = self.totals[name]
        return self._amount(field, getattr(order, field), self.currency_of(order))

    def _amount(self, name: str, value: Any, currency: str) -> Fraction:
        return minor_units(self._order_fields[name], value, currency)

    def declarations(self) -> list[CopiedModel]:
        """Return the declarations, with totals as recomputed fields of the order.

        Raises ImproperlyConfigured if there are none.
        """
        if not self.copied_models:
            name = type(self).__name__
            message = f"Set {name}.copied_models: a CopiedModel for the order, and for its lines."
            raise ImproperlyConfigured(message)
        order, *others = self.copied_models
        fields = {it.attname for it in concrete_fields(order.model) if not it.generated}
        names = dict.fromkeys(self.totals.values())
        missing = [name for name in names if name in fields - {*order.declared}]
        return [replace(order, recomputed=(*order.recomputed, *missing)), *others]

    def complaints(self) -> Iterator[Complaint]:
        """Yield the mistakes in the declarations, each with what to type."""
        if missing := complaint_about_missing(self):
            yield missing
            return
        declarations = self.declarations()
        fresh = self.order_model if self._overrides("fresh") else None
        about_fields = [*complaints_about_fields(declarations, fresh)]
        # A link that is not declared well leads nowhere either: that is no second mistake.
        yield from about_fields or complaints_about_tables(declarations)
        yield from complaints_about_models(declarations, self.left_behind)
        yield from complaints_about_settings(self, declarations)
        if self._cancels_twice:
            yield complaint_about_cancelling(self)
        if self._recomputes_nothing:
            yield complaint_about_totals(self, TOTALS_OF_LINES)
        if self.owner and not self._overrides("orders_for"):
            yield from complaints_about_owner(self)
        yield from complaints_about_unique(declarations, fresh)

    @property
    def _recomputes_nothing(self) -> bool:
        # Whether a line that is left out would leave all totals as they are.
        known = any(name in TOTALS_OF_LINES for name in self.totals)
        return bool(self.totals) and not known and not self._overrides("recompute", "revise")

    @property
    def _cancels_twice(self) -> bool:
        # Whether nothing refuses to cancel an order that is cancelled already.
        cancels = self._overrides("cancel_order", "cancel_orders")
        return cancels and not self.cancelled and not self._overrides("refuse_cancel")


def is_in(order: Any, state: Mapping[str, Any]) -> bool:
    """Return whether an order is in a declared state, such as :attr:`DeclaredShop.placed`.

    Callables, such as the time of placing, count only if the state has nothing else: the field then
    must not be empty.
    """
    constants = {name: value for name, value in state.items() if not callable(value)}
    if constants:
        return all(getattr(order, name) == value for name, value in constants.items())
    return bool(state) and all(getattr(order, name) is not None for name in state)


def _refusal(hook: Callable[[Any], None], order: Any) -> str:
    """Return why a hook refuses an order. What it did before is undone: others may need it."""
    try:
        with transaction.atomic():
            hook(order)
    except Refused as refusal:
        return str(refusal)
    return ""


def _email_of(order: Any) -> str:
    email = getattr(order, "customer_email", "") or getattr(order, "email", "")
    return str(email or "")


@cache
def _can_renew(shop: type[DeclaredShop]) -> bool:
    return can_renew(shop())


@cache
def _tables(shop: type[DeclaredShop]) -> CopiedTables:
    return CopiedTables(shop().declarations())
