"""The items of automatic subscriptions: made from the lines of an order, and made lines again."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Field
from django.utils.translation import gettext as _

from order_copies.models import OrderSubscriptionItem
from order_copies.plans import Action, Problem, Step
from order_copies.shops.amounts import rounded
from order_copies.shops.lines import Decision, LineReader, with_quantity


def items_of(
    reader: LineReader, lines: Sequence[Any], currency: str
) -> Iterator[OrderSubscriptionItem]:
    """Yield an unsaved item for each line that a subscription repeats.

    Lines without pieces have none, nor have discounts: lines with a negative amount.
    """
    for line in lines:
        if reader.quantity(line) > 0 and reader.amount(line, currency) >= 0:
            yield _item_of(reader, line, currency)


def is_item_of(item: OrderSubscriptionItem, sold: OrderSubscriptionItem) -> bool:
    """Return whether an item is of the same article as ``sold``, an item of a line.

    An item without ``sku_code`` has the article of its line.
    """
    if item.bundle_code:
        return False
    if item.sku_code:
        return item.sku_code == sold.sku_code
    return item.source_line_item_key == sold.source_line_item_key


def _item_of(reader: LineReader, line: Any, currency: str) -> OrderSubscriptionItem:
    fields = reader.fields
    sku_code = getattr(line, fields.sku_code) if fields.sku_code else ""
    return OrderSubscriptionItem(
        name=_fitting("name", getattr(line, fields.name)),
        sku_code=_fitting("sku_code", sku_code),
        quantity=reader.quantity(line),
        unit_amount_cents=rounded(reader.price(line, currency)),
        currency_code=currency,
        source_line_item_key=str(line.pk),
    )


def _fitting(name: str, value: Any) -> str:
    """Return a value as the text of an item's field, cut to the length of the column."""
    column: Field[Any, Any] = OrderSubscriptionItem._meta.get_field(name)  # type: ignore[assignment]
    return str("" if value is None else value)[: column.max_length]


@dataclass(slots=True)
class AgreedLines:
    """The lines that the items of a subscription agree, out of the lines of the source order."""

    shop: Any
    reader: LineReader
    items: Sequence[OrderSubscriptionItem]
    currency: str
    problems: list[Problem] = field(default_factory=list)

    def decide(self, lines: Sequence[Any]) -> list[Decision]:
        """Return a decision for each line, as if everything were available; note problems.

        A line that an item names has the quantity and the price of the item. The others are
        skipped, which is no problem.
        """
        left = {str(line.pk): line for line in lines if self.reader.quantity(line) > 0}
        made: dict[Any, Decision] = {}
        for item in self.items:
            line = left.pop(item.source_line_item_key, None)
            if line is None:
                self._note_without_line(item)
            elif self._is_of(item, line):
                made[line.pk] = self._agreed(line, item)
        for line in [line for line in lines if line.pk in made]:
            if parent := self._parent_left_out(line, lines, made):
                made[line.pk] = self._skip_with(line, parent)
        if all(one.target is None for one in made.values()):
            message = _("no item of the subscription can be renewed: change its items")
            self._note("no_sellable_line", message, skippable=False)
        return [made.get(line.pk) or self._not_subscribed(line) for line in lines]

    def _note_without_line(self, item: OrderSubscriptionItem) -> None:
        words = {"name": str(item)}
        if item.source_line_item_key:
            message = _(
                "the source order has no line for %(name)s any more: "
                "delete the item from the subscription"
            )
            self._note("line_gone", message % words)
        else:
            message = _(
                "this shop can renew only lines of the source order, and %(name)s was none: "
                "delete the item from the subscription"
            )
            self._note("no_source_line", message % words)

    def _parent_left_out(
        self, line: Any, lines: Sequence[Any], made: Mapping[Any, Decision]
    ) -> Any:
        """Return the line that a line goes with, if no item names that one."""
        keys = {getattr(line, name) for name in self.reader.parents}
        return next((one for one in lines if one.pk in keys and one.pk not in made), None)

    def _skip_with(self, line: Any, parent: Any) -> Decision:
        name = self.reader.fields.name
        message = _(
            "%(name)s goes with %(parent)s, which is not in the subscription: delete its item too"
        ) % {"name": getattr(line, name), "parent": getattr(parent, name)}
        self._note("not_subscribed", message)
        return Decision(line, None, Action.SKIPPED, "not_subscribed", message)

    def _is_of(self, item: OrderSubscriptionItem, line: Any) -> bool:
        """Return whether an item agrees what its line sells, and note a problem if it does not."""
        is_same = is_item_of(item, _item_of(self.reader, line, self.currency))
        if is_same and item.currency_code in ("", self.currency):
            return True
        message = _(
            "%(name)s is another article, or in another currency, than its line of the source "
            "order: correct the item, or delete it"
        )
        self._note("line_differs", message % {"name": str(item)}, skippable=False)
        return False

    def _agreed(self, line: Any, item: OrderSubscriptionItem) -> Decision:
        before = _item_of(self.reader, line, self.currency)
        agreed = line
        if item.quantity != before.quantity:
            agreed = with_quantity(self.shop, self.reader, agreed, item.quantity, self.currency)
        if item.unit_amount_cents != before.unit_amount_cents:
            agreed = self._with_price(agreed, item.unit_amount_cents)
        if agreed is line:
            return Decision(line, line)
        message = _("as agreed in the subscription")
        return Decision(line, agreed, Action.CHANGED, "subscribed", message)

    def _with_price(self, line: Any, price: int) -> Any:
        changes = self.shop.reprice(line, price)
        if changes is None:
            changes = self.reader.repriced(line, price, self.currency)
        return line._replace(**changes)

    def _not_subscribed(self, line: Any) -> Decision:
        name = getattr(line, self.reader.fields.name)
        message = _("%(name)s is not in the subscription") % {"name": name}
        return Decision(line, None, Action.SKIPPED, "not_subscribed", message)

    def _note(self, code: str, message: str, *, skippable: bool = True) -> None:
        self.problems.append(Problem(Step.WRITE, "line_items", code, message, skippable))
