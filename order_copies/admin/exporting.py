"""Export copies as CSV: the action of their list, and the rows."""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from defusedcsv import csv
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, StreamingHttpResponse
from django.utils.text import capfirst
from django.utils.timezone import localtime, now
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from order_copies.admin.display import Lines, readable
from order_copies.admin.permissions import may
from order_copies.currencies import decimal_places
from order_copies.events.recording import actor_name
from order_copies.models import OPTIONS, OrderCopy, OrderFactory
from order_copies.shops import get_shop

if TYPE_CHECKING:
    Base = admin.ModelAdmin[OrderCopy]
else:
    Base = object

#: The number of copies that one query reads.
CHUNK = 500
#: Excel reads a file as UTF-8 if it begins with this.
BYTE_ORDER_MARK = "\ufeff"


class _Echo:
    """A file that returns what is written instead of keeping it."""

    def write(self, row: str) -> str:
        return row


class ExportingMixin(Base):
    """Exports the selected copies."""

    def has_export_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may export copies."""
        return self.has_view_permission(request) and may(request, "export")

    @admin.action(
        permissions=["export"],
        description=gettext_lazy("Export selected %(verbose_name_plural)s as CSV"),
    )
    def export_selected(
        self, request: HttpRequest, queryset: "QuerySet[OrderCopy]"
    ) -> StreamingHttpResponse:
        """Return the selected copies as a CSV file."""
        return as_csv(queryset)


def as_csv(copies: "QuerySet[Any]") -> StreamingHttpResponse:
    """Return copies as a CSV file, which is read and sent in chunks.

    Cells that a spreadsheet would run as a formula are escaped. Times are local and amounts are in
    units of the currency, without separators for thousands.
    """
    selected = copies.select_related("source_order", "target_order", "batch")
    name = f"order-copies-{localtime(now()):%Y-%m-%d-%H%M}.csv"
    return StreamingHttpResponse(
        _lines(selected.iterator(chunk_size=CHUNK)),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _lines(copies: Iterable[OrderFactory]) -> Iterator[str]:
    writer = csv.writer(_Echo())
    yield BYTE_ORDER_MARK
    yield writer.writerow(_headings())
    for order_copy in copies:
        yield writer.writerow(_row(order_copy))


def _headings() -> list[str]:
    fields = [OrderFactory._meta.get_field(name) for name in OPTIONS]
    toggles = [capfirst(str(field.verbose_name)) for field in fields]  # type: ignore[union-attr]
    return [
        _("Copy"),
        _("Status"),
        _("Original order"),
        _("New order"),
        _("Requested"),
        _("Started"),
        _("Ended"),
        _("Batch"),
        _("Requested by"),
        _("Reason"),
        _("Currency"),
        _("Lines of the original"),
        _("Lines of the copy"),
        *toggles,
        _("Profile"),
        _("Reference"),
        _("Errors"),
    ]


def _row(order_copy: OrderFactory) -> list[Any]:
    source, target, batch = order_copy.source_order, order_copy.target_order, order_copy.batch
    order = source or target
    currency = get_shop().currency_of(order) if order else ""
    lines = Lines(order_copy.outcomes or [], currency)
    is_known = bool(order_copy.outcomes)
    ended_at = order_copy.completed_at or order_copy.failed_at
    return [
        order_copy.public_id,
        order_copy.get_status_display(),
        str(source or ""),
        str(target or ""),
        *(_local(moment) for moment in (order_copy.created_at, order_copy.started_at, ended_at)),
        batch.public_id if batch else "",
        actor_name(batch.who) if batch else "",
        batch.reason if batch else "",
        currency,
        _amount(lines.before, currency) if is_known else "",
        _amount(lines.after, currency) if is_known and target else "",
        *(_("yes") if getattr(order_copy, name) else _("no") for name in OPTIONS),
        order_copy.profile or "",
        order_copy.reference or "",
        "; ".join(
            f"{attribute}: {message}"
            for attribute, messages in readable(order_copy.errors_log or {})
            for message in messages
        ),
    ]


def _local(moment: Any) -> str:
    return f"{localtime(moment):%Y-%m-%d %H:%M:%S}" if moment else ""


def _amount(cents: int, currency: str) -> str:
    places = decimal_places(currency) if currency else 0
    return str(Decimal(cents).scaleb(-places))
