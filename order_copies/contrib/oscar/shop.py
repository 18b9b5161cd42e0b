"""The Shop adapter for django-oscar."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _
from oscar.core.loading import get_class, get_model

from order_copies.contrib.oscar import cancelling, placing, stock
from order_copies.contrib.oscar.changes import Rows, reduced_line, shrink, update_totals
from order_copies.contrib.oscar.coupons import Coupons, find_invalid, leave_out
from order_copies.contrib.oscar.fields import left_behind, oscar_models
from order_copies.contrib.oscar.recalculation import Catalogue, Recalculation
from order_copies.shops import (
    Capability,
    Complaint,
    CopyRun,
    Draft,
    FrozenShop,
    LineFields,
    Placement,
    Subscriber,
)
from order_copies.shops.lines import Available

Basket = get_model("basket", "Basket")
Line = get_model("order", "Line")
Order = get_model("order", "Order")
OrderDiscount = get_model("order", "OrderDiscount")
OrderLineDiscount = get_model("order", "OrderLineDiscount")
OrderNumberGenerator = get_class("order.utils", "OrderNumberGenerator")


class Context(NamedTuple):
    """What the plans of a batch need to know."""

    coupons: Coupons
    catalogue: Catalogue
    #: The discounts of all lines, by the key of the order.
    line_discounts: Mapping[Any, Sequence[Any]]


class OscarShop(FrozenShop):
    """The adapter of a shop on django-oscar, forked or not.

    A target that is not placed has the status ``draft_status``. Both statuses must be in
    ``OSCAR_ORDER_STATUS_PIPELINE``, and ``manage.py check`` says so.
    """

    #: The status of a target that is not placed.
    draft_status = "Draft"
    #: The status of a cancelled order.
    cancelled_status = "Cancelled"

    copied_models = oscar_models()
    left_behind = left_behind()
    line = LineFields(
        Line,
        name="title",
        quantity="quantity",
        unit="unit_price_incl_tax",
        total="line_price_incl_tax",
        product="stockrecord_id",
        needs_product=True,
        sku_code="partner_sku",
        extra=("num_allocated", "allocation_cancelled"),
    )
    currency = "currency"
    totals = {
        "shipping_amount_cents": "shipping_incl_tax",
        "total_amount_cents": "total_excl_tax",
        "total_amount_with_taxes_cents": "total_incl_tax",
    }
    owner = "user"
    customer_email = "user__email"

    @property
    def placed(self) -> Mapping[str, Any]:  # type: ignore[override]
        """The status and the date that Oscar gives an order which is placed."""
        status = getattr(settings, "OSCAR_INITIAL_ORDER_STATUS", "")
        return {"status": status, "date_placed": timezone.now}

    @property
    def cancelled(self) -> Mapping[str, Any]:  # type: ignore[override]
        """The status of a cancelled order."""
        return {"status": self.cancelled_status}

    @property
    def capabilities(self) -> frozenset[Capability]:
        """Return what Oscar can do; cancelling needs the status in the pipeline.

        Subscriptions and other quantities are not supported: the price of an item does not
        determine the amounts of a line before and after discounts, with and without tax.
        """
        able = super().capabilities | {Capability.COUPONS, Capability.PROMOTIONS}
        able -= {Capability.RECURRING, Capability.LINES}
        reachable = {status for later in Order.pipeline.values() for status in later}
        return able if self.cancelled_status in reachable else able - {Capability.CANCEL}

    def subscribers(self, orders: Sequence[Any]) -> list[Subscriber]:
        """Return what subscriptions must know about orders; those of guests have no user."""
        unplaced = {self.draft_status, self.cancelled_status}
        return [
            replace(
                one, is_registered=order.user_id is not None, is_placed=order.status not in unplaced
            )
            for order, one in zip(orders, super().subscribers(orders), strict=True)
        ]

    def find_order(self, text: str) -> Any:
        """Return the key of an order by its number, with or without ``#``, else by its id."""
        if "\0" in text:
            return None
        numbered = Order._base_manager.filter(number=text.removeprefix("#"))
        key = numbered.values_list("pk", flat=True).first()
        return self.order_key(text) if key is None else key

    def facts(self, orders: Sequence[Any]) -> list[dict[str, str]]:
        """Return status, customer and addresses of orders; the addresses in one query."""
        related = ("shipping_address__country", "billing_address__country")
        found = Order._base_manager.select_related(*related).in_bulk([one.pk for one in orders])
        return [
            known
            | {
                _("Status"): order.status,
                _("Billing address"): _summary(found[order.pk].billing_address),
                _("Shipping address"): _summary(found[order.pk].shipping_address),
                _("Shipping method"): order.shipping_method,
            }
            for order, known in zip(orders, super().facts(orders), strict=True)
        ]

    def fresh(self, runs: Sequence[CopyRun]) -> list[dict[str, Any]]:
        """Return a number by Oscar's generator for each target, and a basket that reserves it.

        The basket is empty and submitted. Numbers of the generator follow from the keys of
        baskets, so no later checkout gets the same number.
        """
        now = timezone.now()
        baskets = Basket._base_manager.bulk_create(
            Basket(owner_id=run.plan.row.order.user_id, status=Basket.SUBMITTED, date_submitted=now)
            for run in runs
        )
        generator = OrderNumberGenerator()
        return [
            {
                "number": str(generator.order_number(basket)),
                "basket_id": basket.pk,
                "status": self.draft_status,
            }
            for basket in baskets
        ]

    def available(self, products: set[Any]) -> Mapping[Any, Available]:
        """Return what Oscar's strategy says of stock records and of their products."""
        return stock.available(products)

    def held(self, order: Any, line: Any) -> int:
        """Return the pieces that are allocated to a line, and not yet sent to the customer."""
        return int(line.num_allocated) if stock.is_holding(line) else 0

    def reduce(self, line: Any, quantity: Any) -> Mapping[str, Any]:
        """Return the amounts of a line with fewer pieces, in proportion."""
        return reduced_line(line, quantity)

    def context(self, orders: Mapping[Any, Any], rows: Mapping[Any, Any]) -> Context:
        """Return the vouchers and products of the source orders."""
        position = 1 + self.tables.of(OrderDiscount).columns.index("voucher_id")
        vouchers = {row[position] for own in rows[OrderDiscount].values() for row in own}
        records = {line.stockrecord_id for own in rows[Line].values() for line in own}
        coupons = Coupons(orders, vouchers - {None})
        return Context(coupons, Catalogue(records), rows[OrderLineDiscount])

    def revise(self, draft: Draft) -> None:
        """Adapt prices, discounts and totals to lines, vouchers, and the prices of today."""
        rows, context = Rows(draft, self.tables), draft.context
        invalid = find_invalid(rows, context.coupons)
        if draft.order_copy.apply_promotions and draft.lines:
            valid = context.coupons.valid(rows, invalid)
            Recalculation(rows, context.catalogue, valid).run()
            return
        if draft.lines_changed:
            shrink(rows, context.line_discounts.get(draft.order.pk, ()))
        if invalid and draft.order_copy.ignore_invalid_coupon:
            leave_out(rows, invalid)
        update_totals(draft)

    def complaints(self) -> Iterator[Complaint]:
        """Yield mistakes in the declarations, and statuses that the pipeline lacks."""
        yield from super().complaints()
        for status in (self.draft_status, self.cancelled_status):
            if Order.pipeline and status not in Order.pipeline:
                message = f"OSCAR_ORDER_STATUS_PIPELINE has no status {status!r}."
                hint = "Add it to the pipeline, or name another status in a subclass of OscarShop."
                yield Complaint(message, hint, Order)

    def refuse_cancel(self, order: Any) -> str:
        """Return why Oscar's pipeline does not let the order be cancelled."""
        return cancelling.refuse(order, self.cancelled_status)

    def after_write(self, runs: Sequence[CopyRun]) -> None:
        """Lock the stock of all orders that are placed or cancelled, in the order of the keys."""
        placed = [run.target_order for run in runs if run.plan.will_place]
        cancelled = [run.order_copy.source_order_id for run in runs if run.plan.will_cancel]
        if placed or cancelled:
            stock.lock_records([*placed, *cancelled])

    def place_orders(self, placements: Sequence[Placement]) -> list[str]:
        """Allocate stock, and record the uses of vouchers and offers."""
        return placing.place(placements)

    def cancel_orders(self, orders: Sequence[Any]) -> list[str]:
        """Cancel orders through the pipeline, and give their stock back."""
        return cancelling.cancel(orders, self.cancelled_status)


def _summary(address: Any) -> str:
    return address.summary if address is not None else ""
