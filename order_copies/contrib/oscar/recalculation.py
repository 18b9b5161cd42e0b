"""Copies with today's prices and offers, through Oscar's strategy, offers and shipping methods.

Oscar calculates on a basket. The basket of a plan is in memory: it has a provisional key and its
lines, and nothing of it is saved.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cached_property
from itertools import count
from typing import Any

from django.db.models import prefetch_related_objects
from django.utils.translation import gettext as _
from oscar.core.loading import get_class, get_model
from oscar.core.prices import Price
from oscar.core.utils import round_half_up_two_dec as cents

from order_copies.contrib.oscar.changes import Rows
from order_copies.contrib.oscar.stock import read_records
from order_copies.contrib.oscar.vouchers import customer
from order_copies.plans import Action, Outcome, Problem, Step
from order_copies.shops.lines import Decision

Applicator = get_class("offer.applicator", "Applicator")
Basket = get_model("basket", "Basket")
BasketLine = get_model("basket", "Line")
BasketLineAttribute = get_model("basket", "LineAttribute")
LineAttribute = get_model("order", "LineAttribute")
LinePrice = get_model("order", "LinePrice")
OrderDiscount = get_model("order", "OrderDiscount")
OrderLineDiscount = get_model("order", "OrderLineDiscount")
OrderTotalCalculator = get_class("checkout.calculators", "OrderTotalCalculator")
Repository = get_class("shipping.repository", "Repository")
Selector = get_class("partner.strategy", "Selector")
Surcharge = get_model("order", "Surcharge")
SurchargeApplicator = get_class("checkout.applicator", "SurchargeApplicator")

#: The key of a basket in memory. Oscar takes a basket without a key for an empty one.
PROVISIONAL = -1


@dataclass
class Catalogue:
    """The products of a batch of source orders. They are read if a copy is recalculated."""

    #: The keys of the stock records of their lines.
    keys: Collection[Any]

    @cached_property
    def records(self) -> dict[Any, Any]:
        """The stock records by key, with all that strategies and offers read of products."""
        records = read_records(self.keys)
        related = ["product__stockrecords__partner", "product__images"]
        prefetch_related_objects(list(records.values()), *related)
        return records


@dataclass
class Recalculation:
    """Recalculates one target order. ``vouchers`` are those that are valid."""

    rows: Rows
    catalogue: Catalogue
    vouchers: Sequence[Any]
    keys: Iterator[int] = field(default_factory=lambda: count(PROVISIONAL, -1))

    def run(self) -> None:
        """Replace the prices, discounts, surcharges and totals of the draft, or note a problem."""
        draft = self.rows.draft
        user = customer(draft.order)
        basket = self._basket(user)
        if problem := self._problem(basket):
            draft.problems.append(problem)
            return
        Applicator().apply(basket, user)
        method, charge = self._shipping(basket, user)
        before = self.rows.of(OrderDiscount)
        discounts = list(self._discounts(basket, method))
        self._set_lines(basket, discounts)
        draft.rows[OrderDiscount] = discounts
        draft.outcomes += _discount_outcomes(before, discounts)
        surcharges = SurchargeApplicator().get_applicable_surcharges(basket)
        self._set_surcharges(surcharges)
        total = OrderTotalCalculator().calculate(basket, charge, surcharges)
        draft.values |= {
            "total_incl_tax": cents(total.incl_tax),
            "total_excl_tax": cents(total.excl_tax),
            "shipping_incl_tax": cents(charge.incl_tax),
            "shipping_excl_tax": cents(charge.excl_tax),
            "shipping_tax_code": charge.tax_code,
        }

    def _basket(self, user: Any) -> Any:
        """Return a basket in memory with the lines of the draft and the valid vouchers."""
        basket = Basket(pk=PROVISIONAL, owner=self.rows.draft.order.user)
        basket.strategy = Selector().strategy(user=user)
        attributes = self.rows.of(LineAttribute)
        lines = []
        for target in self.rows.draft.lines:
            record = self.catalogue.records[target.stockrecord_id]
            line = BasketLine(
                pk=target.pk,
                basket=basket,
                product=record.product,
                stockrecord=record,
                line_reference=str(target.pk),
                quantity=target.quantity,
                price_currency=self.rows.draft.currency,
            )
            options = [
                BasketLineAttribute(line=line, option_id=row.option_id, value=row.value)
                for row in attributes
                if row.line_id == target.pk and row.option_id is not None
            ]
            _remember(line, "attributes", BasketLineAttribute, options)
            lines.append(line)
        basket._lines = _remember(basket, "lines", BasketLine, lines)  # noqa: SLF001
        _remember(basket, "vouchers", get_model("voucher", "Voucher"), self.vouchers)
        return basket

    def _problem(self, basket: Any) -> Problem | None:
        """Return why Oscar cannot calculate this basket, or None."""
        for line in basket.all_lines():
            price, words = line.purchase_info.price, {"name": line.product.get_title()}
            if not price.exists:
                message = _("%(name)s has no price") % words
            elif not price.is_tax_known:
                message = _("the tax of %(name)s is known only at the checkout") % words
            elif price.currency != self.rows.draft.currency:
                message = _("the price of %(name)s is in another currency") % words
            else:
                continue
            return Problem(Step.WRITE, "line_items", "no_price", message, skippable=False)
        return None

    def _shipping(self, basket: Any, user: Any) -> tuple[Any, Any]:
        """Return the shipping method of the source and its charge for the basket.

        The charge of the source is kept if the method is not offered for this basket.
        """
        order = self.rows.draft.order
        methods = Repository().get_shipping_methods(
            basket=basket, user=user, shipping_addr=order.shipping_address
        )
        for method in methods:
            charge = method.calculate(basket) if method.code == order.shipping_code else None
            if charge is not None and charge.is_tax_known:
                return method, charge
        amounts = (order.shipping_excl_tax, order.shipping_incl_tax)
        return None, Price(order.currency, *amounts, tax_code=order.shipping_tax_code)

    def _discounts(self, basket: Any, method: Any) -> Iterator[Any]:
        """Yield the discounts of the order, as ``OrderCreator.place_order`` writes them."""
        for application in basket.offer_applications:
            offer, voucher, result = (application[it] for it in ("offer", "voucher", "result"))
            amount, category = application["discount"], OrderDiscount.BASKET
            if result.affects_shipping:
                category = OrderDiscount.SHIPPING
                amount = method.discount(basket) if method else Decimal(0)
                if amount <= 0:
                    continue
            elif result.affects_post_order:
                category = OrderDiscount.DEFERRED
            yield self.rows.new(
                OrderDiscount,
                next(self.keys),
                order_id=self.rows.draft.order.pk,
                category=category,
                offer_id=offer.pk,
                offer_name=offer.name,
                voucher_id=voucher.pk if voucher else None,
                voucher_code=voucher.code if voucher else "",
                frequency=application["freq"],
                amount=cents(amount),
            )

    def _set_lines(self, basket: Any, discounts: Sequence[Any]) -> None:
        """Set lines, their prices and their discounts from the lines of the basket."""
        draft = self.rows.draft
        by_offer = {row.offer_id: row for row in discounts}
        lines = {line.pk: line for line in basket.all_lines()}
        prices: list[Any] = []
        of_lines: list[Any] = []
        for index, one in enumerate(draft.decisions):
            if one.target is None:
                continue
            line = lines[one.target.pk]
            draft.decisions[index] = _recalculated(one, line)
            prices += self._prices(line)
            of_lines += [
                self.rows.new(
                    OrderLineDiscount,
                    next(self.keys),
                    line_id=line.pk,
                    order_discount_id=by_offer[discount.offer.pk].pk,
                    is_incl_tax=discount.incl_tax,
                    amount=cents(discount.amount),
                )
                for discount in line.discounts
                if discount.offer and discount.offer.pk in by_offer
            ]
        draft.rows |= {LinePrice: prices, OrderLineDiscount: of_lines}

    def _prices(self, line: Any) -> Iterator[Any]:
        for price_incl_tax, price_excl_tax, quantity in line.get_price_breakdown():
            yield self.rows.new(
                LinePrice,
                next(self.keys),
                order_id=self.rows.draft.order.pk,
                line_id=line.pk,
                quantity=quantity,
                price_incl_tax=cents(price_incl_tax),
                price_excl_tax=cents(price_excl_tax),
                tax_code=line.purchase_info.price.tax_code,
            )

    def _set_surcharges(self, surcharges: Any) -> None:
        self.rows.draft.rows[Surcharge] = [
            self.rows.new(
                Surcharge,
                next(self.keys),
                order_id=self.rows.draft.order.pk,
                name=charge.surcharge.name,
                code=charge.surcharge.code,
                excl_tax=charge.price.excl_tax,
                incl_tax=charge.price.incl_tax,
                tax_code=charge.price.tax_code,
            )
            for charge in surcharges or ()
        ]


def _remember(instance: Any, name: str, model: Any, rows: Sequence[Any]) -> Any:
    """Make a relation of an unsaved instance return these rows without a query."""
    found = model._base_manager.all()
    found._result_cache = list(rows)  # noqa: SLF001
    found._prefetch_done = True  # noqa: SLF001
    cache = instance.__dict__.setdefault("_prefetched_objects_cache", {})
    cache[name] = found
    return found


def _recalculated(one: Decision, line: Any) -> Decision:
    """Return the decision with the prices of the basket line."""
    price = line.purchase_info.price
    changes = {
        "line_price_excl_tax": line.line_price_excl_tax_incl_discounts,
        "line_price_incl_tax": line.line_price_incl_tax_incl_discounts,
        "line_price_before_discounts_excl_tax": line.line_price_excl_tax,
        "line_price_before_discounts_incl_tax": line.line_price_incl_tax,
        "unit_price_incl_tax": price.incl_tax,
        "unit_price_excl_tax": price.excl_tax,
    }
    target = one.target._replace(
        **{name: cents(amount) for name, amount in changes.items()}, tax_code=price.tax_code
    )
    if target == one.target:
        return one
    if one.action != Action.COPIED:
        return replace(one, target=target)
    message = _("recalculated with the prices and offers of today")
    return Decision(one.source, target, Action.REPRICED, "recalculated", message)


def _discount_outcomes(before: Sequence[Any], after: Sequence[Any]) -> Iterator[Outcome]:
    """Yield an outcome for each discount that the target lacks, has newly, or has otherwise."""
    old = {row.offer_id: row for row in before}
    new = {row.offer_id: row for row in after}
    for key in dict.fromkeys([*old, *new]):
        amounts = [it[key].amount if key in it else None for it in (old, new)]
        if amounts[0] == amounts[1]:
            continue
        row = new.get(key) or old[key]
        kind = {
            (True, False): (Action.ADDED, "promotion_applied", _("this offer is valid now")),
            (False, True): (
                Action.SKIPPED,
                "promotion_not_valid",
                _("this offer does not apply any more"),
            ),
            (False, False): (Action.REPRICED, "promotion_recomputed", _("recalculated")),
        }
        action, code, message = kind[(key not in old, key not in new)]
        shown = [None if it is None else {"amount_cents": int(it * 100)} for it in amounts]
        name = row.voucher_code or row.offer_name
        yield Outcome(action, "discounts", None, name, code, message, shown[0], shown[1])
