"""Build the lines of a recurring copy from the items of its subscription (contract 2.2).

The lines of the source order do not count: only the rate of a line's tax is that of the source line
that the item came from. There are no discounts, no gift cards and no options. Shipping and payment
fee are those that the market and the payment method cost now.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from django.utils.translation import gettext as _

from order_copies.models import OrderSubscription, OrderSubscriptionItem
from order_copies.plans import Action, Problem, Step
from order_copies.shops import Agreement
from orders.copying.decisions import Decision, skipped
from orders.copying.fields import SourceLine
from orders.copying.lines import Lines, needs_shipping
from orders.money import formatted
from orders.totals import ItemType, tax_amount

PricePolicy = OrderSubscription.PricePolicy


@dataclass(slots=True)
class RecurringLines(Lines):
    """The lines of one recurring copy: a decision for each item and each cost, and the totals.

    The source of a decision is the line as it was agreed.
    """

    #: The totals at the agreed prices, by name.
    agreed_totals: dict[str, int] = field(default_factory=dict)

    def decide_items(self, agreement: Agreement) -> dict[str, int]:
        """Decide on all items, shipping and fee; return the totals of the target."""
        policy = agreement.order_subscription.price_policy
        agreed = [self._agreed(item) for item in agreement.items]
        self.decisions = [self._decide_item(line, policy) for line in agreed]
        self._require_goods(agreed, self.decisions)
        before, after = self._costs(agreed), self._costs(self.targets)
        self.agreed_totals = self._add_up([*agreed, *before.values()], {})
        self.decisions += _decide_costs(before, after)
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

    def _agreed(self, item: OrderSubscriptionItem) -> SourceLine:
        """Return the line of an item at its agreed price; its id is that of its source line."""
        snapshot, named = self.availability.snapshot, item.source_line_item_key
        key = int(named) if named.isdecimal() else None
        source = next((line for line in snapshot.lines[self.order.pk] if line.id == key), None)
        code = item.sku_code or item.bundle_code
        sku_id = snapshot.sku_of_code.get(code)
        sku = snapshot.skus.get(sku_id or 0)
        is_same = source is not None and source.sku_code == code
        line = SourceLine(
            id=key,
            order_id=self.order.pk,
            item_type=ItemType.SKUS,
            sku_id=sku_id,
            sku_code=code,
            name=item.name or code,
            image_url=sku.image_url if sku else "",
            quantity=item.quantity,
            tax_rate=self._rate(source if is_same else None),
        )
        return self._priced(line, item.unit_amount_cents)

    def _priced(self, line: SourceLine, unit_amount_cents: int) -> SourceLine:
        total = unit_amount_cents * line.quantity
        tax = tax_amount(total, line.tax_rate, included=self.order.tax_included)
        return line._replace(
            unit_amount_cents=unit_amount_cents, total_amount_cents=total, tax_amount_cents=tax
        )

    def _rate(self, source: SourceLine | None) -> Decimal:
        """Return the rate of a source line, 0 if it was exempt; without one, that of the order."""
        if source is None:
            return self.order.tax_rate
        is_exempt = source.total_amount_cents and not source.tax_amount_cents
        return Decimal(0) if is_exempt else source.tax_rate

    def _decide_item(self, agreed: SourceLine, policy: str) -> Decision:
        """Copy, reprice, reduce or skip the line of an item."""
        prices = self.availability.snapshot.prices
        unit = agreed.unit_amount_cents
        current = prices.get((agreed.sku_id or 0, self.order.currency_code))
        if policy == PricePolicy.CURRENT:
            unit = current or 0
        elif policy == PricePolicy.LOWER:
            unit = min(unit, current or 0)
        decision = self._decide_sku(self._priced(agreed, unit)._replace(id=None))
        if decision.target and policy != PricePolicy.FROZEN and current is None:
            message = _("%(name)s has no price in %(currency)s: enter one, or set price_policy")
            words = {"name": agreed.sku_code, "currency": self.order.currency_code}
            decision = self._skip(agreed, "no_price", message % words)
        if decision.action == Action.COPIED and unit != agreed.unit_amount_cents:
            message = _("at the current price")
            decision = replace(
                decision, action=Action.REPRICED, code="current_price", message=message
            )
        return replace(decision, source=agreed)

    def _costs(self, goods: Sequence[SourceLine]) -> dict[str, SourceLine]:
        """Return the lines of shipping and payment fee of these goods, by type."""
        costs = {}
        order, snapshot = self.order, self.availability.snapshot
        if needs_shipping(goods, snapshot.skus):
            subtotal = sum(line.total_amount_cents for line in goods)
            amount = order.market.shipping_amount_for(subtotal)
            costs[ItemType.SHIPMENTS.value] = self._cost(ItemType.SHIPMENTS, _("Shipping"), amount)
        if order.payment_method:
            method, kind = order.payment_method, ItemType.PAYMENT_METHODS
            fee = self._cost(kind, method.name, method.price_amount_cents)
            due = self._add_up([*goods, *costs.values()], {})["total_amount_with_taxes_cents"]
            if fee.total_amount_cents and due > 0:
                costs[kind.value] = fee
        return costs

    def _cost(self, kind: ItemType, name: str, amount: int) -> SourceLine:
        """Return a line of a cost that the market sets, named as in the source order."""
        order = self.order
        old = [
            line for line in self.availability.snapshot.lines[order.pk] if line.item_type == kind
        ]
        if order.market.currency_code != order.currency_code:
            # An amount in another currency is never used (docs/money.md, M2).
            amount = sum(line.total_amount_cents for line in old)
        first = old[0] if old else None
        line = SourceLine(
            id=None,
            order_id=order.pk,
            item_type=kind.value,
            name=first.name if first else name,
            tax_rate=self._rate(first),
        )
        return self._priced(line, amount)


def _decide_costs(
    before: dict[str, SourceLine], after: dict[str, SourceLine]
) -> Iterator[Decision]:
    for kind in sorted(before.keys() | after.keys(), reverse=True):
        old, new = before.get(kind), after.get(kind)
        if old is None:
            yield Decision(None, new, Action.ADDED, "cost_added", _("costs this now"))
        elif new is None:
            yield skipped(old, "cost_not_needed", _("not needed for the lines that are left"))
        elif old == new:
            yield Decision(old, old, Action.COPIED)
        else:
            message = _("recalculated for these lines")
            yield Decision(old, new, Action.REPRICED, "cost_recomputed", message)
