"""Delete pages of the admin with a constant number of queries: counts, and the first names.

Django's own pages load and name every row that will be deleted.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.actions import delete_selected
from django.contrib.admin.sites import AdminSite
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.urls import NoReverseMatch
from django.utils.html import format_html
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from order_copies.admin.pages import page_url

if TYPE_CHECKING:
    Base = admin.ModelAdmin[Any]
else:
    Base = object

#: The largest number of rows of each model that a delete page names.
MAX_NAMED = 10
#: The largest number of rows that are deleted at once: Django accepts 1,000 fields in a form.
MAX_DELETED = 500

#: Decorates an action with the permission and the description of Django's own action.
deletes_selected = admin.action(
    permissions=["delete"], description=gettext_lazy("Delete selected %(verbose_name_plural)s")
)

PROTECTS = (models.PROTECT, models.RESTRICT)


@dataclass
class Deletion:
    """The rows that are deleted with some rows of one model, and the rows that protect them."""

    site: AdminSite
    request: HttpRequest
    #: Nested lists of the names of deleted rows, as Django's template expects them.
    names: list[Any] = field(default_factory=list)
    #: Number of deleted rows by plural name of the model.
    counts: dict[Any, int] = field(default_factory=dict)
    #: Names of the models that the user may not delete.
    forbidden: set[Any] = field(default_factory=set)
    #: Names of the rows that prevent the deletion.
    protected: list[str] = field(default_factory=list)

    def add(self, rows: Sequence[Any]) -> None:
        """Add ``rows``, and all rows that refer to them. Two queries per relation."""
        if not rows:
            return
        opts = rows[0]._meta
        self.counts[opts.verbose_name_plural] = len(rows)
        if not all(self._may_delete(type(row), row) for row in rows):
            self.forbidden.add(opts.verbose_name)
        self.names += self._named(rows, len(rows))
        related = self._related(type(rows[0]), rows)
        # In Django's nested lists the rows that refer to a single row are listed below it.
        self.names += [related] if related and len(rows) == 1 else related

    def _related(self, model: Any, rows: Any) -> list[Any]:
        names = []
        for relation in _relations(model):
            related = relation.related_model
            found = related._base_manager.filter(**{f"{relation.field.name}__in": rows})
            count = found.count()
            if count:
                links = _links(related)
                first = found.order_by("pk")
                first = first.select_related(*links) if links else first
                named = self._named(first[:MAX_NAMED], count)
                if relation.on_delete in PROTECTS:
                    self.protected += named
                else:
                    names += [*named, *self._cascaded(related, found, count)]
        return names

    def _cascaded(self, model: Any, rows: Any, count: int) -> list[Any]:
        opts = model._meta
        self.counts[opts.verbose_name_plural] = self.counts.get(opts.verbose_name_plural, 0) + count
        if not self._may_delete(model):
            self.forbidden.add(opts.verbose_name)
        related = self._related(model, rows)
        return [related] if related else []

    def _may_delete(self, model: Any, row: Any = None) -> bool:
        if not self.site.is_registered(model):
            return True
        return self.site.get_model_admin(model).has_delete_permission(self.request, row)

    def _named(self, rows: Iterable[Any], count: int) -> list[Any]:
        names: list[Any] = [self._name(row) for row in islice(rows, MAX_NAMED)]
        if count > MAX_NAMED:
            more = ngettext("… and %(more)d more", "… and %(more)d more", count - MAX_NAMED)
            names.append(more % {"more": count - MAX_NAMED})
        return names

    def _name(self, row: Any) -> str:
        label = capfirst(row._meta.verbose_name)
        if self.site.is_registered(type(row)):
            try:
                url = page_url(self.site, type(row), "change", row.pk)
            except NoReverseMatch:
                return f"{label}: {row}"
            return format_html('{}: <a href="{}">{}</a>', label, url, row)
        return f"{label}: {row}"


def _links(model: Any, depth: int = 2) -> list[str]:
    # The required foreign keys, which __str__ of a row may read, and those of their targets.
    links = []
    for link in model._meta.concrete_fields:
        if link.is_relation and not link.null:
            beyond = _links(link.related_model, depth - 1) if depth > 1 else []
            links += [link.name, *(f"{link.name}__{name}" for name in beyond)]
    return links


def _relations(model: Any) -> Iterator[Any]:
    # The foreign keys to the model that cascade a deletion or prevent it.
    for relation in model._meta.get_fields(include_hidden=True):
        is_reverse = relation.auto_created and not relation.concrete
        is_single = relation.one_to_one or relation.one_to_many
        if is_reverse and is_single and relation.on_delete in {models.CASCADE, *PROTECTS}:
            yield relation


class DeletionMixin(Base):
    """Delete pages whose number of queries does not grow with the number of deleted rows.

    List ``delete_selected`` in the ``actions`` of the admin class.
    """

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Return names, counts, models without permission and protecting rows for Django's page."""
        deletion = Deletion(self.admin_site, request)
        deletion.add(list(objs))
        return deletion.names, deletion.counts, deletion.forbidden, deletion.protected

    @deletes_selected
    def delete_selected(
        self, request: HttpRequest, queryset: "models.QuerySet[Any]"
    ) -> HttpResponse | None:
        """Run Django's action, for at most :data:`MAX_DELETED` rows."""
        keys = list(queryset.order_by().values_list("pk", flat=True)[: MAX_DELETED + 1])
        if len(keys) > MAX_DELETED:
            text = _("Only %(limit)s can be deleted at once: please select fewer.")
            self.message_user(request, text % {"limit": MAX_DELETED}, messages.ERROR)
            return None
        return delete_selected(self, request, queryset)
