"""The customer and the addresses of a target: those of the source, or those that are requested."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from order_copies.changes import REQUESTED
from order_copies.exceptions import Refusal
from order_copies.models import OrderFactory
from order_copies.plans import Action, Outcome, Problem, Step
from orders.copying.fields import ADDRESS
from orders.copying.snapshot import Snapshot
from orders.models import Address, AddressRole, Order

Row = tuple[Any, ...]

#: The fields of an address that belong to its order or that no request has.
_OTHERS = frozenset({"role", "metadata"})


@dataclass(slots=True)
class Recipient:
    """Who gets a target, and where; what differs from the source is reported."""

    order: Order
    customer_id: int | None
    #: The email by which coupons count their customers, in lower case.
    buyer: str
    #: The addresses of the target.
    addresses: list[Row]
    #: The header fields of another customer; empty if the customer is that of the source.
    values: dict[str, Any] = field(default_factory=dict)
    outcomes: list[Outcome] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    @classmethod
    def of(cls, order_copy: OrderFactory, order: Order, snapshot: Snapshot) -> Self:
        """Return the recipient that the copy requests, or that of its source."""
        addresses = snapshot.addresses.get(order.pk, [])
        one = cls(order, order.customer_id, snapshot.buyers.get(order.pk, ""), addresses)
        if order_copy.changes:
            one._replace_customer(order_copy, snapshot)
            one._replace_addresses(order_copy.changes)
        return one

    @property
    def has_customer(self) -> bool:
        """Whether the target has a customer or the email of a guest."""
        return bool(self.values or self.order.customer_email or self.order.customer_id)

    def _replace_customer(self, order_copy: OrderFactory, snapshot: Snapshot) -> None:
        email = order_copy.customer_email
        if email is None:
            return
        customer = snapshot.customer_of(email)
        if customer is None:
            message = _("no customer has the requested email any more")
            problem = Problem(
                Step.WRITE, "customer_email", "customer_gone", message, skippable=False
            )
            self.problems.append(problem)
            return
        if customer.pk == self.order.customer_id:
            return
        self.customer_id, self.buyer = customer.pk, customer.email.lower()
        self.values = {"customer_id": customer.pk, "customer_email": customer.email, "guest": False}
        words = {"email": customer.email, "before": self.order.customer_email or "–"}
        outcome = Outcome(
            Action.CHANGED,
            "customer_email",
            code=REQUESTED,
            message=_("%(email)s instead of %(before)s, as requested") % words,
            before={"customer_email": self.order.customer_email},
            after={"customer_email": customer.email},
        )
        self.outcomes.append(outcome)

    def _replace_addresses(self, changes: Mapping[str, Any]) -> None:
        """Take the requested addresses. Those of the source are not for another customer."""
        old = {AddressRole(row[0]): row for row in self.addresses}
        self.addresses = []
        for role in dict.fromkeys([*old, *AddressRole]):
            row, requested = old.get(role), changes.get(f"{role}_address")
            if requested is not None:
                address = address_of(role, requested)
                self.addresses.append(tuple(getattr(address, name) for name in ADDRESS.copied))
                self._report(role, row, address)
            elif row is not None and self.values:
                message = _("it is that of another customer: request one for this customer")
                attribute, code = f"{role}_address", "address_not_copied"
                outcome = Outcome(Action.SKIPPED, attribute, code=code, message=message)
                self.outcomes.append(outcome)
            elif row is not None:
                self.addresses.append(row)

    def _report(self, role: str, row: Row | None, address: Address) -> None:
        outcome = Outcome(
            Action.ADDED if row is None else Action.CHANGED,
            f"{role}_address",
            code=REQUESTED,
            message=_("%(address)s, as requested") % {"address": address},
            before=None if row is None else _shown(dict(zip(ADDRESS.copied, row, strict=True))),
            after=_shown({name: getattr(address, name) for name in ADDRESS.copied}),
        )
        self.outcomes.append(outcome)


def refusals(order_copy: OrderFactory, snapshot: Snapshot) -> Iterator[Refusal]:
    """Yield why the copy cannot have the requested customer and addresses."""
    email = order_copy.customer_email
    if email is not None and snapshot.customer_of(email) is None:
        yield Refusal(("customer_email",), "invalid", _("is the email of no customer"))
    for role in AddressRole:
        name = f"{role}_address"
        requested = (order_copy.changes or {}).get(name)
        if requested is None:
            continue
        order = snapshot.orders.get(int(order_copy.source_order_id or 0))
        lock = order.shipping_country_code_lock if order and role == AddressRole.SHIPPING else ""
        if lock and requested["country_code"] != lock:
            message = _("must be %(country)s: the order is shipped there only") % {"country": lock}
            yield Refusal((name, "country_code"), "invalid", message)
        try:
            address_of(role, requested).clean_fields(exclude={"order", *_OTHERS})
        except ValidationError as error:
            for attribute, errors in error.error_dict.items():
                for one in errors:
                    key = "too_long" if one.code == "max_length" else "invalid"
                    yield Refusal((name, attribute), key, " ".join(one.messages))


def address_of(role: AddressRole, values: Mapping[str, Any]) -> Address:
    """Return an unsaved address with the requested attributes."""
    return Address(role=role, **values)


def _shown(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in _OTHERS}
