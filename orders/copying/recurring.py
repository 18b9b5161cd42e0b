"""Build the lines of a recurring copy from the items of its subscription (contract 2.2).

The goods of the source order do not count: only the rate of a line's tax is that of the source line
that the item came from. There are no discounts, no gift cards and no options. The price policy
decides on shipping and payment fee as on items: those of the source order are the agreed ones.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from django.utils.translation import gettext as _

from order_copies.models import OrderSubscription, OrderSubscriptionItem
from order_copies.plans import Action, Problem, Step
from order_copies.shops import Agreement
from orders.copying.decisions import Decision, skipped
from orders.copying.fields import SourceLine
from orders.copying.lines import Lines, amounts_of, needs_shipping
from orders.money import formatted
from orders.totals import (
    GOODS,
    TOTALS,
    ItemType,
    amount_of_type,
    amounts_without_line,
)

PricePolicy = OrderSubscription.PricePolicy


@dataclass(slots=True)
class RecurringLines(Lines):
    """The lines of one recurring copy: a decision for each item, cost and source line; totals."""

    #: The totals at the agreed prices, shipping and fee, by name.
    agreed_totals: dict[str, int] = field(default_factory=dict)
    #: Whether the items are the goods of the source order, in any order.
    _is_as_ordered: bool = False

    def decide_items(self, agreement: Agreement) -> dict[str, int]:
        """Decide on all items, shipping and fee; return the totals of the target."""
        source = {line.id: line for line in self._source}
        left = dict(source)
        policy = agreement.order_subscription.price_policy
        agreed = [self._agreed(item, source) for item in agreement.items]
        self.decisions = [self._decide_item(line, old, policy, left) for line, old in agreed]
        goods, targets = [line for line, _old in agreed], self.targets
        self._require_goods(goods, self.decisions)
        self._is_as_ordered = _articles(goods) == _articles(self._source)
        costs = self._costs(goods, PricePolicy.FROZEN)
        agreed_costs = [line for line in costs if line.id]
        self.agreed_totals = self._add_up([*goods, *agreed_costs], {})
        if policy != PricePolicy.FROZEN or targets != goods:
            costs = self._costs(targets, policy)
        self.decisions += [_decide_cost(line, left) for line in costs]
        self.decisions += map(_not_subscribed, left.values())
        head = {name: getattr(self.order, name) for name in TOTALS}
        included = self.order.tax_included
        self.dropped = amounts_without_line(
            head, map(amounts_of, self._source), tax_included=included
        )
        return self._add_up(self.targets, {})

    def price_drift(
        self, order_subscription: OrderSubscription, totals: dict[str, int]
    ) -> Problem | None:
        """Return the problem of a target that costs too much more than agreed, or None."""
        percent = order_subscription.max_price_increase_percent
        agreed, now = (it["total_amount_with_taxes_cents"] for it in (self.agreed_totals, totals))
        if percent is None or now <= agreed or (now - agreed) * 100 <= percent * agreed:
            return None
        order = self.order
        message = _(
            "is %(now)s instead of the agreed %(agreed)s, an increase of more than %(percent)s %%: "
            "raise the limit, choose the agreed prices, or place the order by hand"
        ) % {
            "now": formatted(now, order.currency_code, order.language_code),
            "agreed": formatted(agreed, order.currency_code, order.language_code),
            "percent": format(percent.normalize(), "f"),
        }
        attribute = "total_amount_with_taxes_cents"
        return Problem(Step.PLACE, attribute, "price_drift", message, skippable=False)

    @property
    def _source(self) -> list[SourceLine]:
        return self.availability.snapshot.lines[self.order.pk]

    def _agreed(
        self, item: OrderSubscriptionItem, source: Mapping[int | None, SourceLine]
    ) -> tuple[SourceLine, SourceLine | None]:
        """Return the target line of an item at its agreed price, and the item's source line."""
        snapshot, code = self.availability.snapshot, item.sku_code or item.bundle_code
        sku_id = snapshot.sku_of_code.get(code)
        sku = snapshot.skus.get(sku_id or 0)
        old = _source_of(item, source)
        rate = self._rate(old)
        line = SourceLine(
            id=None,
            order_id=self.order.pk,
            item_type=ItemType.SKUS,
            sku_id=sku_id,
            sku_code=code,
            name=item.name or code,
            image_url=sku.image_url if sku else "",
            quantity=item.quantity,
            tax_rate=rate,
            **self._amounts(item.unit_amount_cents, item.quantity, rate),
        )
        return line, old

    def _decide_item(
        self,
        agreed: SourceLine,
        source: SourceLine | None,
        policy: str,
        left: dict[int | None, SourceLine],
    ) -> Decision:
        """Copy, change, reprice, reduce or skip the line of an item; remove its source of ``left``.

        An item without a source line is added, and so is a second one with the same source line.
        """
        prices = self.availability.snapshot.prices
        unit = agreed.unit_amount_cents
        current = prices.get((agreed.sku_id or 0, self.order.currency_code))
        if policy == PricePolicy.CURRENT:
            unit = current or 0
        elif policy == PricePolicy.LOWER:
            unit = min(unit, current or 0)
        line = agreed
        if unit != agreed.unit_amount_cents:
            line = agreed._replace(**self._amounts(unit, agreed.quantity, agreed.tax_rate))
        decision = self._decide_sku(line)
        if decision.target and policy != PricePolicy.FROZEN and current is None:
            message = _("%(name)s has no price in %(currency)s: enter one, or set price_policy")
            words = {"name": agreed.sku_code, "currency": self.order.currency_code}
            decision = self._skip(agreed, "no_price", message % words)
        source = left.pop(source.id, None) if source else None
        decision = replace(decision, source=source, name=agreed.name)
        return _explained(decision, is_repriced=unit != agreed.unit_amount_cents)

    def _costs(self, goods: Sequence[SourceLine], policy: str) -> list[SourceLine]:
        """Return the lines of shipping and fee of these goods; those of the source have keys."""
        costs: list[SourceLine] = []
        order, snapshot = self.order, self.availability.snapshot
        if needs_shipping(goods, snapshot.skus):
            subtotal = sum(line.total_amount_cents for line in goods)
            amount = order.market.shipping_amount_for(subtotal)
            costs += self._cost(ItemType.SHIPMENTS, amount, policy)
        if method := order.payment_method:
            fees = self._cost(ItemType.PAYMENT_METHODS, method.price_amount_cents, policy)
            fees = [fee for fee in fees if fee.total_amount_cents]
            lines = [*goods, *costs]
            if fees and self._add_up(lines, {})["total_amount_with_taxes_cents"] > 0:
                costs += fees
        return costs

    def _cost(self, kind: ItemType, amount: int, policy: str) -> list[SourceLine]:
        """Return the lines of a cost in the source order, or one line at its current amount."""
        order = self.order
        old = [line for line in self._source if line.item_type == kind]
        agreed = sum(line.total_amount_cents for line in old)
        # What the source order did not pay is agreed for its own goods only.
        is_free = self._is_as_ordered and not getattr(order, amount_of_type[kind])
        is_kept = policy == PricePolicy.FROZEN or (policy == PricePolicy.LOWER and agreed <= amount)
        if ((agreed or is_free) and is_kept) or order.market.currency_code != order.currency_code:
            # An amount in another currency is never used (docs/money.md, M2).
            return old
        first = old[0] if old else None
        rate = self._rate(first)
        line = SourceLine(
            id=None,
            order_id=order.pk,
            item_type=kind.value,
            name=first.name if first else self._name_of(kind),
            tax_rate=rate,
            **self._amounts(amount, 1, rate),
        )
        return [line]

    def _name_of(self, kind: ItemType) -> str:
        method = self.order.payment_method
        return method.name if method and kind != ItemType.SHIPMENTS else _("Shipping")


def _articles(lines: Iterable[SourceLine]) -> Counter[str]:
    """Return the pieces of the goods among lines, by SKU code."""
    pieces: Counter[str] = Counter()
    for line in lines:
        if line.item_type in GOODS and line.quantity:
            pieces[line.sku_code] += line.quantity
    return pieces


def _source_of(
    item: OrderSubscriptionItem, source: Mapping[int | None, SourceLine]
) -> SourceLine | None:
    """Return the source line that the item came from, if both have the same SKU."""
    key = item.source_line_item_key
    line = source.get(int(key)) if key.isdecimal() else None
    return line if line and line.sku_code == item.sku_code else None


def _explained(decision: Decision, *, is_repriced: bool) -> Decision:
    """Return a decision on an item that is available with the reason of its difference."""
    source, target = decision.source, decision.target
    if decision.action != Action.COPIED or target is None:
        return decision
    if source is None:
        message = _("added to the subscription")
        return replace(decision, action=Action.ADDED, code="subscribed", message=message)
    if _terms(source) == _terms(target):
        return decision
    if is_repriced:
        message = _("at the current price")
        return replace(decision, action=Action.REPRICED, code="current_price", message=message)
    message = _("as agreed in the subscription")
    return replace(decision, action=Action.CHANGED, code="subscribed", message=message)


def _decide_cost(line: SourceLine, left: dict[int | None, SourceLine]) -> Decision:
    """Decide on a cost; remove the source line that it replaces of ``left``."""
    kinds = (one for one in left.values() if one.item_type == line.item_type)
    source = next(kinds, None)
    if source is None:
        return Decision(None, line, Action.ADDED, "cost_added", _("costs this now"))
    del left[source.id]
    if _terms(source) == _terms(line):
        return Decision(source, line, Action.COPIED)
    message = _("recalculated for these lines")
    return Decision(source, line, Action.REPRICED, "cost_recomputed", message)


def _not_subscribed(line: SourceLine) -> Decision:
    if line.item_type in {ItemType.SHIPMENTS, ItemType.PAYMENT_METHODS}:
        return skipped(line, "cost_not_needed", _("not needed for these lines"))
    message = _("%(name)s is not in the subscription") % {"name": line.name}
    return skipped(line, "not_subscribed", message)


def _terms(line: SourceLine) -> tuple[int, ...]:
    """Return what counts for whether two lines of one article are equal."""
    return (
        line.quantity,
        line.unit_amount_cents,
        line.total_amount_cents,
        line.tax_amount_cents,
    )
