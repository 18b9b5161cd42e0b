"""The copy page of a draft in numbers: sums, filters, one page of its orders, and progress."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import BooleanField, Case, Count, Q, QuerySet, Sum, When
from django.utils.formats import number_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from order_copies.admin.consequences import Consequences
from order_copies.admin.display import Filter
from order_copies.models import TICKED, BatchDraft, Result, SelectedOrder
from order_copies.templatetags.order_copies_admin import money, signed_money

#: The number of orders on one page.
PER_PAGE = 50

#: The filters of the page, worst first: a name, its label, and what is true of its orders.
FILTERS: dict[str, tuple[Promise, dict[str, Any]]] = {
    "cannot": (gettext_lazy("Cannot be copied"), {"result": Result.CANNOT}),
    "changes": (gettext_lazy("With changes"), {"result": Result.CHANGES}),
    "as_is": (gettext_lazy("As they are"), {"result": Result.AS_IS}),
    "before": (gettext_lazy("Copied before"), {"is_before": True}),
    "left_out": (gettext_lazy("Left out"), {"is_chosen": False}),
}


class Overview:
    """The numbers of a previewed draft, from one query, and the orders that a filter shows."""

    def __init__(self, draft: BatchDraft, shown: str = "") -> None:
        self.show = shown if shown in FILTERS else ""
        self._rows = _with_facts(draft.selected_orders.all())
        self._groups = _groups(self._rows)
        self._chosen = [group for group in self._groups if group["is_chosen"]]
        self.count = _count(self._groups)
        self.ticked = _count(self._chosen)
        self.left_out = self.count - self.ticked
        self.cannot = self._count_of("cannot")
        self.consequences = _consequences(self._chosen)

    @property
    def is_chosen_by_hand(self) -> bool:
        """Whether staff ticked or unticked any order."""
        return any(group["is_by_hand"] for group in self._groups)

    @property
    def totals(self) -> list[str]:
        """The totals of the ticked orders and of their copies, in each currency."""
        sums: dict[str, Counter[str]] = {}
        for group in self._chosen:
            of_currency = sums.setdefault(group["currency_code"], Counter())
            of_currency["before"] += group["source"] or 0
            of_currency["after"] += group["target"] or 0
        return [_total(currency, **of_currency) for currency, of_currency in sorted(sums.items())]

    @property
    def filters(self) -> Iterator[Filter]:
        """The filters that show any order."""
        yield Filter("", _("All"), self.count, not self.show)
        for name, (label, _facts) in FILTERS.items():
            if name == "left_out" and not self.is_chosen_by_hand and name != self.show:
                # The same as those that cannot be copied.
                continue
            if count := self._count_of(name):
                yield Filter(name, str(label), count, name == self.show)

    def _count_of(self, name: str) -> int:
        _label, facts = FILTERS[name]
        return _count(group for group in self._groups if facts.items() <= group.items())

    @property
    def shown(self) -> "QuerySet[SelectedOrder]":
        """The orders that the filter shows, worst first."""
        rows = self._rows.order_by("result", "position")
        return rows.filter(**FILTERS[self.show][1]) if self.show else rows

    def page(self, number: Any) -> "Page[SelectedOrder]":
        """Return one page of the orders that the filter shows."""
        return Paginator(self.shown, PER_PAGE).get_page(number)


def _with_facts(rows: "QuerySet[SelectedOrder]") -> "QuerySet[SelectedOrder]":
    """Annotate the facts that the filters compare."""
    return rows.annotate(
        is_chosen=_is(TICKED), is_before=_is(Q(earlier__gt=0)), is_by_hand=_is(~Q(choice=None))
    )


def _is(condition: Q) -> Case:
    return Case(When(condition, then=True), default=False, output_field=BooleanField())


def _groups(rows: "QuerySet[SelectedOrder]") -> list[dict[str, Any]]:
    names = ("result", "currency_code", "is_chosen", "is_before", "is_by_hand")
    counted = rows.order_by().values(*names)
    return list(
        counted.annotate(
            count=Count("pk"),
            source=Sum("source_cents"),
            target=Sum("target_cents"),
            placed=Count("charged_cents"),
            charged=Sum("charged_cents"),
            cancelled=Count("voided_cents"),
            voided=Sum("voided_cents"),
        )
    )


def _count(groups: Iterable[Mapping[str, Any]]) -> int:
    return sum(group["count"] for group in groups)


def _consequences(groups: Sequence[Mapping[str, Any]]) -> Consequences:
    charged: Counter[str] = Counter()
    voided: Counter[str] = Counter()
    for group in groups:
        charged[group["currency_code"]] += group["charged"] or 0
        voided[group["currency_code"]] += group["voided"] or 0
    placed = sum(group["placed"] for group in groups)
    return Consequences(placed, charged, sum(group["cancelled"] for group in groups), voided)


def _total(currency: str, before: int, after: int) -> str:
    text = f"{money(before, currency)} → {money(after, currency)}"
    return f"{text} ({signed_money(after - before)})" if after != before else text


class PreviewProgress:
    """The progress of the preview of a large draft, in the form that the script reads."""

    def __init__(self, draft: BatchDraft, url: str, *, has_workers: bool) -> None:
        self.url = url
        self.is_running = draft.preview_due_at is not None
        self._rows = draft.selected_orders.order_by()
        self._has_workers = has_workers

    @cached_property
    def total(self) -> int:
        """The number of selected orders."""
        return int(self._rows.count())

    @cached_property
    def ended(self) -> int:
        """The number of those that were previewed."""
        return int(self._rows.exclude(result=None).count())

    @property
    def version(self) -> str:
        """A string that changes when the preview ends."""
        return "running" if self.is_running else "ended"

    def __str__(self) -> str:
        numbers = {"ended": number_format(self.ended), "total": number_format(self.total)}
        text = _("%(ended)s of %(total)s orders previewed") % numbers
        if self.is_running and not self._has_workers:
            return f"{text} – {_('waiting: no worker is running')}"
        return text

    def as_json(self) -> dict[str, Any]:
        """Return the JSON object that the script of the page reads."""
        names = ("ended", "total", "version", "is_running")
        return {"text": str(self), **{name: getattr(self, name) for name in names}}
