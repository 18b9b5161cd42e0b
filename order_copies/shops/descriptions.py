"""Orders in values for people, to show an original next to its copy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class DescribedLine:
    """One line of an order; amounts in minor units of the currency."""

    #: The public id, as the outcomes of copies name it.
    id: str
    name: str
    quantity: Any
    total_amount_cents: int
    #: None if the line has a total only.
    unit_amount_cents: int | None = None
    sku_code: str = ""
    #: Whether it sells something: a copy can leave it out, or take another quantity.
    is_goods: bool = True


@dataclass(frozen=True, slots=True)
class OrderDescription:
    """One order: its lines in order, its totals, and what else staff compare."""

    currency_code: str = ""
    lines: Sequence[DescribedLine] = ()
    #: Amounts by the contract's name, such as ``"total_amount_cents"``, the grand total last.
    totals: Mapping[str, int] = field(default_factory=dict)
    #: Values by label, both translated, such as the customer, the addresses and the payment.
    facts: Mapping[str, str] = field(default_factory=dict)
