"""A shop out of declarations: plan, write, place and cancel frozen copies."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from order_copies.db.transactions import consistent_reads, locked
from order_copies.exceptions import (
    Refusal,
    ShopContractError,
    SourceChangedError,
    SourceOrderGoneError,
)
from order_copies.models import Kind, OrderFactory, OrderSubscriptionItem
from order_copies.plans import CopyPlan, Problem, Step, cannot_transition
from order_copies.shops.adapter import CopyRun, Planner
from order_copies.shops.agreements import Agreement, agreements_of, payers_of
from order_copies.shops.amounts import rounded
from order_copies.shops.capabilities import Capability
from order_copies.shops.contents import RowsByOrder, read_contents, without_lines
from order_copies.shops.declared import DeclaredShop, is_in
from order_copies.shops.descriptions import OrderDescription
from order_copies.shops.drafts import Draft, FrozenTarget, Placement
from order_copies.shops.graph import Model
from order_copies.shops.items import AgreedLines, is_item_of, items_of
from order_copies.shops.lines import Decision, LineDecisions, Stock
from order_copies.shops.requested import RequestedLines
from order_copies.shops.tables import concrete_fields, is_time_of_writing
from order_copies.shops.writer import Target, time_of_writing, write_targets


class FrozenShop(DeclaredShop):
    """A shop whose copies keep the amounts of their sources.

    Declare the models and what their fields mean; plans, previews, writing, swaps and refusals
    follow. All methods of :class:`DeclaredShop` are hooks with a default. Name the subclass in
    ``ORDER_COPIES["SHOP"]``.
    """

    def plan(self, order_copies: Sequence[OrderFactory]) -> list[CopyPlan]:
        """Plan copies in order, from one snapshot of the shop."""
        return self._plan_all(order_copies, Stock())

    def planner(self) -> Planner:
        """Return a function that plans like :meth:`plan`, and remembers what its plans took.

        That of a subclass with another ``plan`` does not remember.
        """
        if type(self).plan is not FrozenShop.plan:
            return self.plan
        return partial(self._plan_all, stock=Stock())

    def _plan_all(self, order_copies: Sequence[OrderFactory], stock: Stock) -> list[CopyPlan]:
        keys = {order_copy.source_order_id for order_copy in order_copies}
        with consistent_reads():
            agreements = agreements_of(order_copies)
            has_wallet = Capability.WALLET in self.capabilities
            payers = payers_of(order_copies, agreements) if has_wallet else {}
            orders = self.order_model._base_manager.in_bulk(keys)
            rows = self._read(orders)
            lines = [line for found in rows[self.line.model].values() for line in found]
            stock.available = self.available(
                {self._reader.product(line) for line in lines} - {None}
            )
            context = self.context(orders, rows)
        if len(orders) < len(keys):
            # Not inside: a transaction of the caller would be broken.
            raise SourceOrderGoneError
        batch = _Batch(rows, stock, context, agreements, payers)
        return [
            self._plan(order_copy, orders[order_copy.source_order_id], batch)
            for order_copy in order_copies
        ]

    def _read(self, orders: Mapping[Any, Any]) -> dict[Model, RowsByOrder]:
        """Read the rows of orders; those of lines have names."""
        model, reader = self.line.model, self._reader
        rows = read_contents(self.tables, orders, extra={model: reader.extra})
        named = {order: [*map(reader.line, found)] for order, found in rows[model].items()}
        return rows | {model: named}

    def describe(self, orders: Sequence[Any]) -> list[OrderDescription | None]:
        """Return lines and totals as declared, and :meth:`facts`."""
        with consistent_reads():
            lines = self._read({order.pk: order for order in orders})[self.line.model]
            facts = self._counted("facts", self.facts(orders), len(orders))
        return [
            self._described(order, lines.get(order.pk, ()), known)
            for order, known in zip(orders, facts, strict=True)
        ]

    def _described(
        self, order: Any, lines: Sequence[Any], facts: Mapping[str, str]
    ) -> OrderDescription:
        currency = self.currency_of(order)
        return OrderDescription(
            currency_code=currency,
            lines=[self._reader.described(line, currency, self.line_id) for line in lines],
            totals={name: rounded(self._total(order, name)) for name in self.totals},
            facts=facts,
        )

    def subscription_items(self, orders: Sequence[Any]) -> list[list[OrderSubscriptionItem]]:
        """Return, for each order, the items of its lines with pieces; discounts have none."""
        with consistent_reads():
            lines = self._read({order.pk: order for order in orders})[self.line.model]
        return [
            [*items_of(self._reader, lines.get(order.pk, ()), self.currency_of(order))]
            for order in orders
        ]

    def complete_item(self, item: OrderSubscriptionItem) -> list[Problem]:
        """Complete an item by its line of the source order; other items cannot be sold.

        The line has the item's ``sku_code``, or its ``source_line_item_key`` if it has no code.
        """
        order = item.order_subscription.source_order
        [offered] = self.subscription_items([order]) if order else [[]]
        for one in offered:
            if is_item_of(item, one):
                item.source_line_item_key = one.source_line_item_key
                item.name, item.currency_code = item.name or one.name, one.currency_code
                price: Any = item.unit_amount_cents
                item.unit_amount_cents = one.unit_amount_cents if price is None else price
                return []
        message = _("no line of the source order sells this: name the SKU code of one of its lines")
        return [Problem(Step.WRITE, "sku_code", "no_source_line", message, skippable=False)]

    def refuse_changes(self, order_copies: Sequence[OrderFactory]) -> list[list[Refusal]]:
        """Return why the lines of orders cannot be copied as requested."""
        with consistent_reads():
            keys = {order_copy.source_order_id for order_copy in order_copies}
            orders = self.order_model._base_manager.in_bulk(keys)
            lines = self._read(orders)[self.line.model]
        return [
            self._refusals(one, orders[one.source_order_id], lines)
            if one.source_order_id in orders
            else []
            for one in order_copies
        ]

    def _refusals(self, order_copy: OrderFactory, order: Any, lines: RowsByOrder) -> list[Refusal]:
        currency, line_items = self.currency_of(order), order_copy.line_items
        if line_items is None:
            return []
        requested = RequestedLines(self, self._reader, line_items, currency)
        return [*requested.refusals(lines.get(order.pk, ()))]

    def _plan(self, order_copy: OrderFactory, order: Any, batch: "_Batch") -> CopyPlan:
        stock = batch.stock
        own: dict[Model, Sequence[Any]] = {
            model: [*found.get(order.pk, ())] for model, found in batch.rows.items()
        }
        refusals = self._reasons_not_to_cancel(order_copy, order, stock)
        is_swap = order_copy.cancel_source_order and not refusals
        released = self._held_by(order, own[self.line.model]) if is_swap else Counter()
        currency = self.currency_of(order)
        lines = LineDecisions(self, self._reader, stock, currency, released)
        wanted, problems = self._wanted(order_copy, batch, own[self.line.model], currency)
        decisions = lines.decide(wanted)
        others = self._other_rows(order, own, decisions)
        draft = Draft(order_copy, order, currency, decisions, others, context=batch.context)
        draft.agreement = batch.agreement_of(order_copy)
        payer = batch.payers.get(order_copy.order_subscription_id or 0, "")
        draft.customer_payment_source_key = payer
        self.revise(draft)
        problems = [*draft.problems, *problems, *lines.problems]
        plan = self._plan_of(draft, own, [*problems, *self._reasons_not_to_place(draft), *refusals])
        needs_source = order_copy.cancel_source_order and order.pk in stock.cancelled
        plan.is_contended = lines.is_contended or needs_source
        stock.take(plan, order.pk, lines.taken, released)
        return plan

    def _wanted(
        self, order_copy: OrderFactory, batch: "_Batch", lines: Sequence[Any], currency: str
    ) -> tuple[list[Decision], list[Problem]]:
        """Return a decision for each line, as if everything were available, and problems."""
        if order_copy.line_items is not None:
            requested = RequestedLines(self, self._reader, order_copy.line_items, currency)
            return requested.decide(lines), requested.problems
        if order_copy.type != Kind.RECURRING_ORDER_COPIES:
            return [Decision(line, line) for line in lines], []
        # If the subscription was deleted in the meantime, nothing is agreed any more.
        agreement = batch.agreement_of(order_copy)
        agreed = AgreedLines(self, self._reader, agreement.items if agreement else (), currency)
        return agreed.decide(lines), agreed.problems

    def _other_rows(
        self, order: Any, own: Mapping[Model, Sequence[Any]], decisions: Sequence[Decision]
    ) -> dict[Model, Sequence[Any]]:
        """Return the rows of the target but its lines. Skipped lines take theirs along."""
        line = self.line.model
        skipped = {one.source.pk for one in decisions if one.target is None}
        rows = without_lines(self.tables, order, own, line, skipped) if skipped else own
        return {model: [*found] for model, found in rows.items() if model is not line}

    def _plan_of(
        self, draft: Draft, own: dict[Model, Sequence[Any]], problems: list[Problem]
    ) -> CopyPlan:
        order_copy, order, reader = draft.order_copy, draft.order, self._reader
        outcomes = [reader.outcome(one, draft.currency, self.line_id) for one in draft.decisions]
        before = {name: rounded(self._total(order, name)) for name in self.totals}
        return CopyPlan(
            place=order_copy.place_target_order,
            cancel=order_copy.cancel_source_order,
            skip_errors=order_copy.skip_errors,
            outcomes=[*outcomes, *draft.outcomes],
            problems=problems,
            currency_code=draft.currency,
            source_totals=before,
            target_totals={name: self._new_total(draft, name) for name in self.totals},
            row=FrozenTarget(order, own, draft.rows, draft.values),
        )

    def _new_total(self, draft: Draft, name: str) -> int:
        field = self.totals[name]
        if field not in draft.values:
            return rounded(self._total(draft.order, name))
        return rounded(self._amount(field, draft.values[field], draft.currency))

    def _held_by(self, order: Any, lines: Sequence[Any]) -> Counter[Any]:
        """Return the pieces that cancelling an order gives back, by product."""
        held: Counter[Any] = Counter()
        for line in lines:
            held[self._reader.product(line)] += self.held(order, line)
        return held

    def _reasons_not_to_cancel(
        self, order_copy: OrderFactory, order: Any, stock: Stock
    ) -> list[Problem]:
        if not order_copy.cancel_source_order:
            return []
        if order.pk in stock.cancelled or is_in(order, self.cancelled):
            problem = cannot_transition(Step.CANCEL, "cancelled", "cancelled")
            return [_about_source(problem.code, problem.message)]
        reason = self.refuse_cancel(order)
        return [_about_source("not_cancellable", str(reason))] if reason else []

    def _reasons_not_to_place(self, draft: Draft) -> list[Problem]:
        if not draft.order_copy.place_target_order or self._reader.has_pieces(draft.lines):
            return []
        message = _("can't be blank: placing needs at least one item")
        return _refused_placement(Problem(Step.PLACE, "line_items", "blank", message))

    def write(self, runs: Sequence[CopyRun]) -> None:
        """Write the targets, one statement for each table.

        The sources that copies cancel are locked first, in the order of their keys. Raises
        :class:`SourceChangedError` if one was changed since the plan.
        """
        self._check_unchanged([run.plan.row for run in runs if run.plan.cancel])
        fresh = self._counted("fresh", self.fresh(runs), len(runs))
        targets = [self._target(run, values) for run, values in zip(runs, fresh, strict=True)]
        write_targets(self.tables, targets, timezone.now())
        for run, target in zip(runs, targets, strict=True):
            run.target_order = target.key
            run.target_line_items = [self.line_id(key) for key in target.keys[self.line.model]]
        self.after_write(runs)

    def _target(self, run: CopyRun, fresh: Mapping[str, Any]) -> Target:
        planned, table = run.plan.row, self.tables.order
        copied = {
            name: table.declaration.copied_value(name, getattr(planned.order, name))
            for name in table.columns
        }
        lines = [outcome.row for outcome in run.plan.lines]
        return Target(
            source=planned.order.pk,
            order={**copied, **planned.values, **fresh},
            rows={**planned.rows, self.line.model: lines},
        )

    def _check_unchanged(self, targets: Sequence[FrozenTarget]) -> None:
        if not targets:
            return
        keys = {target.order.pk for target in targets}
        orders = {order.pk: order for order in locked(self._orders(keys))}
        rows = self._read(orders)
        fields = [one for one in concrete_fields(self.order_model) if not is_time_of_writing(one)]
        for target in targets:
            key = target.order.pk
            if key not in orders or any(
                getattr(orders[key], one.attname) != getattr(target.order, one.attname)
                for one in fields
            ):
                raise SourceChangedError
            own = {model: list(found.get(key, ())) for model, found in rows.items()}
            if own != {model: list(found) for model, found in target.source_rows.items()}:
                raise SourceChangedError

    def _orders(self, keys: Any) -> Any:
        return self.order_model._base_manager.filter(pk__in=keys).order_by("pk")

    def place(self, runs: Sequence[CopyRun]) -> list[list[Problem]]:
        """Place the targets; the sources that they replace are cancelled first.

        The last piece in stock is thus free for the target. A refusal of one undoes both.
        """
        return [
            _refused_placement(_about("target_order", Step.PLACE, reason)) if reason else []
            for reason in _until_accepted(runs, self._swap)
        ]

    def _swap(self, runs: Sequence[CopyRun]) -> list[str]:
        swaps = [run for run in runs if run.plan.cancel]
        refusals = dict(zip(map(id, swaps), self._cancel_sources(swaps), strict=True))
        if any(refusals.values()):
            return [refusals.get(id(run), "") for run in runs]
        keys = [run.order_copy.source_order_id for run in swaps]
        orders = self._by_key([*keys, *(run.target_order for run in runs)])
        placements = [
            Placement(
                order=orders[run.target_order],
                replaces=orders[run.order_copy.source_order_id] if run.plan.cancel else None,
                order_copy=run.order_copy,
            )
            for run in runs
        ]
        reasons: list[str] = self._counted("place_orders", self.place_orders(placements), len(runs))
        if not any(reasons):
            self._set([run.target_order for run in runs], self.placed)
        return reasons

    def cancel(self, runs: Sequence[CopyRun]) -> list[list[Problem]]:
        """Cancel the sources that no placed target has replaced."""
        alone = [run for run in runs if not run.plan.place]
        reasons = iter(_until_accepted(alone, self._cancel_sources))
        found = [next(reasons) if not run.plan.place else "" for run in runs]
        return [[_about("source_order", Step.CANCEL, reason)] if reason else [] for reason in found]

    def _cancel_sources(self, runs: Sequence[CopyRun]) -> list[str]:
        if not runs:
            return []
        keys = [run.order_copy.source_order_id for run in runs]
        orders = self._by_key(keys)
        found = self.cancel_orders([orders[key] for key in keys])
        reasons: list[str] = self._counted("cancel_orders", found, len(keys))
        if not any(reasons):
            self._set(keys, self.cancelled)
        return reasons

    def _counted(self, hook: str, answers: Any, count: int) -> Any:
        """Return the answers of a hook; raises ShopContractError unless there are ``count``."""
        if isinstance(answers, Sequence) and len(answers) == count:
            return answers
        found = len(answers) if isinstance(answers, Sequence) else type(answers).__name__
        message = _("%(shop)s.%(hook)s() must return a list of %(count)s, and returned %(found)s.")
        words = {"shop": type(self).__name__, "hook": hook, "count": count, "found": found}
        raise ShopContractError(message % words)

    def _by_key(self, keys: Sequence[Any]) -> dict[Any, Any]:
        return {order.pk: order for order in self._orders(keys)}

    def _set(self, keys: Sequence[Any], state: Mapping[str, Any]) -> None:
        """Write a declared state to orders, and the time to fields that hold it."""
        if not state:
            return
        values = {name: value() if callable(value) else value for name, value in state.items()}
        now = timezone.now()
        times = {
            one.attname: time_of_writing(one, now)
            for one in concrete_fields(self.order_model)
            if getattr(one, "auto_now", False)
        }
        self._orders(keys).update(**times | values)


@dataclass(frozen=True, slots=True)
class _Batch:
    """What the plans of one batch share."""

    rows: Mapping[Model, RowsByOrder]
    stock: Stock
    context: Any
    agreements: Mapping[int, Agreement]
    payers: Mapping[int, str]

    def agreement_of(self, order_copy: OrderFactory) -> Agreement | None:
        """Return the agreement of a recurring copy."""
        if order_copy.type != Kind.RECURRING_ORDER_COPIES:
            return None
        return self.agreements.get(order_copy.order_subscription_id or 0)


def _about(attribute: str, step: Step, reason: str) -> Problem:
    # Hooks may return lazy translations.
    return Problem(step, attribute, "refused", str(reason))


def _about_source(code: str, message: str) -> Problem:
    return Problem(Step.CANCEL, "source_order", code, message)


def _refused_placement(problem: Problem) -> list[Problem]:
    return [cannot_transition(Step.PLACE, "pending", "placed"), problem]


def _until_accepted(
    runs: Sequence[CopyRun], step: Callable[[Sequence[CopyRun]], list[str]]
) -> list[str]:
    """Run a step for all runs that it does not refuse; return the reasons of the others.

    What a step did together with refused runs is undone, and it is run again without them.
    """
    reasons: dict[int, str] = {}
    left = list(runs)
    while left:
        with transaction.atomic():
            found = step(left)
            if any(found):
                transaction.set_rollback(True)
        reasons |= {id(run): reason for run, reason in zip(left, found, strict=True) if reason}
        if not any(found):
            break
        left = [run for run in left if id(run) not in reasons]
    return [reasons.get(id(run), "") for run in runs]
