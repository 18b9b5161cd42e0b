"""The lineage of an order as a tree: the orders that it was copied from, and its copies."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.sites import AdminSite
from django.db.models import Count, F, Window
from django.db.models.functions import RowNumber
from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy

from order_copies.admin.pages import page_url
from order_copies.models import OrderCopy, OrderFactory

if TYPE_CHECKING:
    Base = admin.ModelAdmin[Any]
else:
    Base = object

#: The number of generations above and below an order that the tree shows.
MAX_DEPTH = 4
#: The number of copies of one order that the tree shows: the newest.
MAX_CHILDREN = 10
#: The number of orders of one generation whose copies the tree shows.
MAX_PARENTS = 10


@dataclass(slots=True)
class Node:
    """An order of the tree, or a copy that made none, and the copies of the order."""

    #: None: the copy made no order, or it was deleted.
    order: Any
    #: The copy that made the order; None for the oldest order of the tree.
    order_copy: OrderFactory | None = None
    #: Whether it is the order whose lineage this is.
    is_here: bool = False
    children: list["Node"] = field(default_factory=list)
    #: The number of copies that the tree does not show.
    more: int = 0
    #: Whether the tree does not show the older orders of its root, or the copies of another order.
    is_cut: bool = False
    url: str = ""
    copy_url: str = ""

    def walk(self) -> Iterator["Node"]:
        """Yield the node and all nodes below it."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass(frozen=True, slots=True)
class Lineage:
    """The tree of one order, from the oldest order that it goes back to."""

    root: Node
    here: Node

    @property
    def is_alone(self) -> bool:
        """Whether the order is no copy and has no copies."""
        return not self.here.order_copy and not self.here.children and not self.here.more


def lineage_of(order: Any) -> Lineage:
    """Return the lineage of an order, with at most one query for each generation and each end."""
    here = Node(order, is_here=True)
    root = _older(here)
    _younger(here)
    return Lineage(root, here)


def _older(here: Node) -> Node:
    """Add the orders that an order goes back to; return the oldest."""
    node = here
    for _generation in range(MAX_DEPTH):
        copies = OrderFactory.objects.filter(target_order=node.order)
        node.order_copy = copies.select_related("source_order").first()
        if node.order_copy is None or node.order_copy.source_order is None:
            return node
        node = Node(node.order_copy.source_order, children=[node])
    node.is_cut = OrderFactory.objects.filter(target_order=node.order).exists()
    return node


def _younger(here: Node) -> None:
    """Add the copies of an order, the copies of those, and so on."""
    parents = [here]
    for _generation in range(MAX_DEPTH):
        for node in parents[MAX_PARENTS:]:
            node.is_cut = True
        parents = parents[:MAX_PARENTS]
        copies = _copies_of([node.order for node in parents])
        if not copies:
            return
        for node in parents:
            found = copies[node.order.pk]
            node.children = [Node(one.target_order, one) for one in found]
            node.more = found[0].siblings - len(found) if found else 0
        parents = [child for node in parents for child in node.children if child.order]
        if not parents:
            return
    copied = OrderFactory.objects.filter(source_order__in=[node.order for node in parents])
    with_copies = set(copied.values_list("source_order", flat=True))
    for node in parents:
        node.is_cut = node.order.pk in with_copies


def _copies_of(orders: Sequence[Any]) -> dict[Any, list[Any]]:
    """Return the newest copies of each order by its key, each with their number, in one query."""
    newest_first, order = F("pk").desc(), F("source_order")
    ranked = (
        OrderFactory.objects.filter(source_order__in=orders)
        .annotate(
            rank=Window(RowNumber(), partition_by=order, order_by=newest_first),
            siblings=Window(Count("pk"), partition_by=order),
        )
        .filter(rank__lte=MAX_CHILDREN)
        .select_related("target_order")
        .order_by("-pk")
    )
    found: dict[Any, list[Any]] = defaultdict(list)
    for order_copy in ranked:
        found[order_copy.source_order_id].append(order_copy)
    return found


class LineageMixin(Base):
    """Shows the lineage of an order on its page.

    Name ``order_lineage`` in ``readonly_fields`` and ``fields`` of your order admin, which has this
    mixin already if it has :class:`~order_copies.admin.CopyOrdersMixin`.
    """

    @admin.display(description=gettext_lazy("lineage"))
    def order_lineage(self, order: Any) -> SafeString:
        """Return the tree of the order; a dash if it is no copy and has none."""
        lineage = lineage_of(order)
        if lineage.is_alone:
            return mark_safe("–")
        for node in lineage.root.walk():
            if node.order is not None:
                node.url = _url(self.admin_site, type(node.order), node.order.pk)
            if node.order_copy is not None:
                node.copy_url = _url(self.admin_site, OrderCopy, node.order_copy.pk)
        template = "admin/order_copies/parts/lineage.html"
        more = _url(self.admin_site, OrderCopy)
        return render_to_string(template, {"node": lineage.root, "copies_url": more})


def _url(site: AdminSite, model: Any, *keys: Any) -> str:
    """Return the page of a row, or the list without a key; empty if the site has none."""
    if not site.is_registered(model):
        return ""
    return page_url(site, model, "change" if keys else "changelist", *keys)
