"""The lines that a copy takes because its request names them, out of those of the source order."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from order_copies.changes import REQUESTED
from order_copies.exceptions import Refusal
from order_copies.plans import Action, Problem, Step
from order_copies.shops.lines import Decision, LineReader, with_quantity


@dataclass(slots=True)
class RequestedLines:
    """The lines that ``line_items`` of a copy requests, each as it is or in another quantity."""

    shop: Any
    reader: LineReader
    line_items: Sequence[Mapping[str, Any]]
    currency: str
    problems: list[Problem] = field(default_factory=list)

    def decide(self, lines: Sequence[Any]) -> list[Decision]:
        """Return a decision for each line, as if everything were available; note problems."""
        requests = {one["id"]: one for one in self.line_items}
        by_id = {self.shop.line_id(line.pk): line for line in lines}
        if requests.keys() - by_id.keys():
            self._note("line_gone", _("a requested line does not exist any more"))
        made = {
            line.pk: self._decide(line, requests.get(key))
            for key, line in by_id.items()
            if self._sells(line)
        }
        is_whole = all(one.action == Action.COPIED for one in made.values())
        for line in lines:
            if line.pk not in made:
                made[line.pk] = self._decide_other(line, is_whole=is_whole)
        self._skip_with_parents(made)
        decisions = [made[line.pk] for line in lines]
        targets = [one.target for one in decisions if one.target is not None]
        if self.reader.has_pieces(lines) and not self.reader.has_pieces(targets):
            message = _("none of the requested lines has pieces")
            self._note("no_sellable_line", message, skippable=False)
        return decisions

    def refusals(self, lines: Sequence[Any]) -> Iterator[Refusal]:
        """Yield why an order with these lines cannot be copied as requested."""
        by_id = {self.shop.line_id(line.pk): line for line in lines}
        named = [by_id[one["id"]] for one in self.line_items if one["id"] in by_id]
        left_out = {line.pk: line for line in lines if self._sells(line) and line not in named}
        for index, request in enumerate(self.line_items):
            line = by_id.get(request["id"])
            for name, message in self._reasons(line, request, left_out):
                yield Refusal(("line_items", str(index), name), "invalid", message)
        if named and self.reader.has_pieces(lines) and not self.reader.has_pieces(named):
            yield Refusal(("line_items",), "invalid", _("needs a line that has pieces"))

    def _sells(self, line: Any) -> bool:
        """Return whether a line can be requested: shipping, fees and discounts cannot."""
        is_article = self.reader.product(line) is not None or self.reader.fields.needs_product
        return is_article and self.reader.amount(line, self.currency) >= 0

    def _decide(self, line: Any, request: Mapping[str, Any] | None) -> Decision:
        if request is None:
            return _left_out(line)
        before, quantity = self.reader.quantity(line), request.get("quantity")
        if not before or quantity in (None, before):
            return Decision(line, line)
        target = with_quantity(self.shop, self.reader, line, quantity, self.currency)
        words = {"quantity": quantity, "before": before}
        message = _("%(quantity)s instead of %(before)s, as requested") % words
        return Decision(line, target, Action.CHANGED, REQUESTED, message)

    def _decide_other(self, line: Any, *, is_whole: bool) -> Decision:
        """Keep a line that cannot be requested; a discount only if all others are as they were."""
        if is_whole or self.reader.amount(line, self.currency) >= 0:
            return Decision(line, line)
        message = _("given for lines that the copy does not take as they are")
        return Decision(line, None, Action.SKIPPED, "discount_left_out", message)

    def _skip_with_parents(self, made: dict[Any, Decision]) -> None:
        """Leave out what goes with lines that are left out."""
        left: list[Any] | None = None
        while left is None or left:
            left = [
                key
                for key, one in made.items()
                if one.target is not None
                and any(
                    parent in made and made[parent].target is None
                    for parent in (getattr(one.source, name) for name in self.reader.parents)
                )
            ]
            made |= {key: _left_out(made[key].source) for key in left}

    def _reasons(
        self, line: Any, request: Mapping[str, Any], left_out: Mapping[Any, Any]
    ) -> Iterator[tuple[str, str]]:
        """Yield the attributes of a line's request that are wrong, and why."""
        if line is None:
            yield "id", _("is no line item of the source order")
            return
        if not self._sells(line):
            message = _(
                "is no line item that sells something: the copy decides on it by the others"
            )
            yield "id", message
            return
        for key in (getattr(line, name) for name in self.reader.parents):
            if key in left_out:
                name = getattr(left_out[key], self.reader.fields.name)
                message = _("goes with %(name)s, which is left out: name both, or none")
                yield "id", message % {"name": name}
        if "quantity" in request and not self.reader.quantity(line):
            yield "quantity", _("is not possible: the line item has no pieces")
        elif not self._fits(self._decide(line, request).target):
            yield "quantity", _("is too large for this line item")

    def _fits(self, line: Any) -> bool:
        """Return whether the columns can hold the values of a line."""
        fields = self.reader.fields
        columns = {one.attname: one for one in fields.model._meta.concrete_fields}
        try:
            for name in filter(None, (fields.quantity, fields.total)):
                columns[name].run_validators(getattr(line, name))
        except ValidationError:
            return False
        return True

    def _note(self, code: str, message: str, *, skippable: bool = True) -> None:
        self.problems.append(Problem(Step.WRITE, "line_items", code, message, skippable))


def _left_out(line: Any) -> Decision:
    return Decision(line, None, Action.SKIPPED, REQUESTED, _("left out, as requested"))
