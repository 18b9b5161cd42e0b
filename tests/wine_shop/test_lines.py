"""Decisions on lines: copied, reduced or skipped, and what goes with a skipped line."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from django.core.validators import MaxValueValidator
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy

from order_copies.copying import preview
from order_copies.exceptions import (
    ChangesRefusedError,
    SourceOrderGoneError,
    UnsupportedToggleError,
)
from order_copies.plans import Action, CopyPlan
from order_copies.shops import Capability, Draft, FrozenShop, LineFields, Refused, get_shop
from order_copies.shops.lines import Available
from order_copies.testing import rows
from tests.wine_shop.conftest import (
    add_line,
    copied,
    copy_of,
    full_order,
    make_order,
    run,
    total_up,
)
from tests.wine_shop.copies import WineShop
from tests.wine_shop.models import (
    Address,
    Card,
    Discount,
    Doorbell,
    Engraving,
    Leaflet,
    Letter,
    Line,
    Option,
    Order,
    Remark,
    Reply,
    Wine,
)


def plan(order: Order, **toggles: bool) -> CopyPlan:
    """Return the plan of a copy of the order."""
    [plan] = preview([order], **toggles)  # type: ignore[misc]
    return plan


def results(plan: CopyPlan) -> list[tuple[str, str, str]]:
    """Return action, code and message of each line."""
    return [(str(it.action), it.code, it.message) for it in plan.outcomes]


def problems(plan: CopyPlan) -> list[tuple[str, str, bool]]:
    """Return step, code, and whether it can be skipped, of each problem."""
    return [(str(it.step), it.code, it.skippable) for it in plan.problems]


def test_lines__each_is_copied_reduced_or_skipped_by_what_is_available(cellar: None) -> None:
    # given
    Wine.objects.create(code="old", embargo="old is not sold this year")
    order = make_order(
        "W1",
        *[("red", 900, "1"), ("white", 5, "2"), ("rose", 1, "4")],
        *[("old", 1, "8"), ("", 1, "16"), ("white", 1, "2")],
    )
    add_line(order, "gone", 1, "32")
    total_up(order)

    # when
    found = plan(order)

    # then
    assert results(found) == [
        ("copied", "", ""),
        ("reduced", "stock_too_low", "only 3 of 5 white left"),
        ("skipped", "out_of_stock", "rose is out of stock"),
        ("skipped", "not_available", "old is not sold this year"),
        ("copied", "", ""),
        ("skipped", "out_of_stock", "white is out of stock"),
        ("skipped", "product_gone", "gone does not exist any more"),
    ]
    assert found.outcomes[1].before == {
        "quantity": 5,
        "unit_amount_cents": 200,
        "total_amount_cents": 1000,
    }
    assert found.outcomes[1].after == {
        "quantity": 3,
        "unit_amount_cents": 200,
        "total_amount_cents": 600,
    }
    assert problems(found) == [
        ("write", code, True)
        for code in (
            *("stock_too_low", "out_of_stock", "not_available"),
            *("out_of_stock", "product_gone"),
        )
    ]
    assert found.totals == [
        ("subtotal_amount_cents", 97200, 92200),
        ("total_amount_cents", 97200, 92200),
    ]


def test_lines__target_is_what_was_planned(cellar: None) -> None:
    # given
    order = make_order("W1", ("white", 5, "2"), ("rose", 1, "4"), ("red", 1, "1"))
    order_copy = copy_of(order, skip_errors=True)

    # when
    run(order_copy)

    # then
    target = order_copy.target_order
    assert order_copy.status == "completed"
    assert list(target.lines.values_list("name", "quantity", "price")) == [
        ("white", 3, Decimal(2)),
        ("red", 1, Decimal(1)),
    ]
    assert (target.total, target.subtotal_cents) == (Decimal(7), 700)
    ids = [it["target_line_item"] for it in order_copy.outcomes]
    assert ids == [str(target.lines.first().pk), None, str(target.lines.last().pk)]


def test_lines__copy_fails_without_skip_errors(cellar: None) -> None:
    # given
    order_copy = copy_of(make_order("W1", ("white", 5, "2"), ("red", 1, "1")))

    # when
    run(order_copy)

    # then
    assert (order_copy.status, order_copy.target_order) == ("failed", None)
    assert order_copy.errors_log == {"line_items": ["only 3 of 5 white left"]}


def test_lines__order_of_which_nothing_is_left_is_not_copied(cellar: None) -> None:
    # given
    order = make_order("W1", ("rose", 1, "4"))
    add_line(order, "red", 0, "1")

    # when
    found = plan(order, skip_errors=True)

    # then
    assert problems(found) == [
        ("write", "out_of_stock", True),
        ("write", "no_sellable_line", False),
    ]


def test_lines__without_pieces_need_no_stock(cellar: None) -> None:
    # given
    order = make_order("W1", ("rose", 0, "4"), ("rose", -2, "4"), ("red", 1, "1"))

    # when
    target = copied(order)

    # then
    assert target.total == Decimal(-7)
    assert [it.quantity for it in target.lines.all()] == [0, -2, 1]


class WithoutPacked(WineShop):
    copied_models = [
        replace(it, only=Q(packed_at=None)) if it.model is Line else it
        for it in WineShop.copied_models
    ]


def test_only__rows_that_do_not_match_stay_with_what_belongs_to_them(
    cellar: None, use: Callable[..., None]
) -> None:
    # given
    use(WithoutPacked)
    order = make_order("W1", ("red", 1, "1"), ("white", 1, "2"))
    red, white = order.lines.order_by("wine")
    for line in (red, white):
        Option.objects.create(line=line, name=line.name)
    Line.objects.filter(pk=white.pk).update(packed_at=timezone.now())

    # when
    [outcome], target = plan(order).outcomes, copied(order)

    # then
    assert outcome.name == red.name
    assert [it.name for it in target.lines.all()] == [red.name]
    assert [*Option.objects.filter(line__order=target).values_list("name", flat=True)] == [red.name]
    contents = rows.contents(get_shop(), order.pk)
    assert [row["id"] for row in contents[Line]] == [red.pk]
    assert len(contents[Option]) == 1


def test_skipped_line__takes_its_rows_along(cellar: None) -> None:
    # given
    order = full_order("W1")
    case, bottle, service = order.lines.all()
    Line.objects.filter(pk=case.pk).update(wine="rose", name="case")
    Line.objects.filter(pk=bottle.pk).update(name="bottle")
    order_copy = copy_of(order, skip_errors=True)

    # when
    run(order_copy)

    # then
    assert [(it["name"], it["action"], it["message"]) for it in order_copy.outcomes] == [
        ("case", "skipped", "case is out of stock"),
        ("bottle", "skipped", "case is out of stock"),
        ("service", "copied", None),
    ]
    target = order_copy.target_order
    [line] = target.lines.all()
    assert (line.name, line.instead_of, line.card.text) == (service.name, None, "Joy")
    assert (target.finest_line, target.total) == (None, Decimal("2.25"))
    assert [Option.objects.count(), Engraving.objects.count(), Letter.objects.count()] == [2, 2, 4]
    assert list(Remark.objects.filter(order=target).values_list("text", flat=True)) == ["order"]
    assert (Remark.objects.count(), Reply.objects.count()) == (4, 1)
    discounts = Discount.objects.filter(order=target).values_list("name", "line")
    assert list(discounts) == [("half", line.pk), ("all", None)]


def test_skipped_line__leaves_rows_whose_link_may_be_empty(cellar: None) -> None:
    # given
    order = full_order("W1")
    service = order.lines.last()
    Line.objects.filter(pk=service.pk).update(wine="rose")  # type: ignore[union-attr]
    order_copy = copy_of(order, skip_errors=True)

    # when
    run(order_copy)

    # then
    target = order_copy.target_order
    discounts = Discount.objects.filter(order=target).values_list("name", "line")
    assert list(discounts) == [("half", None), ("all", None)]
    assert Card.objects.count() == 1
    assert (Address.objects.count(), Doorbell.objects.count()) == (4, 2)


def test_skipped_line__bundle_may_come_after_its_parts(cellar: None) -> None:
    # given
    order = make_order("W1", ("red", 1, "1"), ("red", 1, "1"), ("rose", 1, "4"))
    part, piece, bundle = order.lines.all()
    Line.objects.filter(pk=part.pk).update(case=bundle)
    Line.objects.filter(pk=piece.pk).update(case=part)
    add_line(order, "red", 1, "1")
    total_up(order)

    # when
    found = plan(order)

    # then
    assert [it.code for it in found.outcomes] == ["out_of_stock"] * 3 + [""]


def test_lines__that_go_with_one_another_are_copied(cellar: None) -> None:
    # given
    order = make_order("W1", ("red", 1, "1"), ("red", 2, "1"))
    first, second = order.lines.all()
    Line.objects.filter(pk=first.pk).update(case=second)
    Line.objects.filter(pk=second.pk).update(case=first)

    # when
    target = copied(order)

    # then
    one, two = target.lines.all()
    assert (one.case, two.case) == (two, one)


class AllSellable(WineShop):
    available = FrozenShop.available  # type: ignore[attr-defined]


class ByProduct(WineShop):
    line = LineFields(
        Line,
        name="name",
        quantity="quantity",
        unit="price",
        product="wine_id",
        needs_product=True,
        sku_code="wine__code",
        extra=("wine__pieces",),
    )

    def reduce(self, line: Any, quantity: Any) -> Mapping[str, Any]:
        return {"quantity": quantity, "price": line.price * 2, "name": str(line.wine__pieces)}


def test_available__default_sells_everything(cellar: None, use: Callable[..., None]) -> None:
    use(AllSellable)

    assert problems(plan(make_order("W1", ("rose", 4, "1"), ("gone", 4, "1")))) == []


class Lazy(WineShop):
    """A shop whose reasons are translated when they are shown."""

    def available(self, products: set[Any]) -> Mapping[Any, Available]:
        return dict.fromkeys(products, gettext_lazy("withdrawn"))

    def refuse_cancel(self, order: Any) -> Any:
        return gettext_lazy("too late")

    def place_orders(self, placements: Any) -> list[Any]:
        return [gettext_lazy("no courier")] * len(placements)


def test_reasons__may_be_lazy_translations(cellar: None, use: Callable[..., None]) -> None:
    # given
    use(Lazy)
    unavailable = copy_of(make_order("W1", ("red", 1, "1")), skip_errors=True)
    kept = copy_of(make_order("W2"), cancel_source_order=True)
    with_service = make_order("W3", ("", 1, "4"))
    unplaced = copy_of(with_service, place_target_order=True)

    # when
    run(unavailable, kept, unplaced)

    # then
    assert unavailable.errors_log["line_items"][0] == "withdrawn"
    assert kept.errors_log == {"source_order": ["too late"]}
    assert unplaced.errors_log["target_order"] == ["no courier"]


def test_lines__without_a_product_may_be_refused(cellar: None, use: Callable[..., None]) -> None:
    # given
    use(ByProduct)
    order = make_order("W1", ("", 1, "4"), ("red", 1, "1"))

    # when
    found = plan(order)

    # then
    assert results(found)[0] == (
        *("skipped", "product_gone"),
        "service does not exist any more",
    )


def test_reduce__changes_any_field_of_the_line(cellar: None, use: Callable[..., None]) -> None:
    # given
    use(ByProduct)
    order_copy = copy_of(make_order("W1", ("white", 5, "2")), skip_errors=True)

    # when
    run(order_copy)

    # then
    [outcome] = order_copy.outcomes
    assert outcome["after"] == {
        "sku_code": "white",
        "quantity": 3,
        "unit_amount_cents": 400,
        "total_amount_cents": 1200,
    }
    assert order_copy.target_order.lines.values_list("name", "price").get() == ("3", Decimal(4))


class Recomputed(WineShop):
    def recompute(self, order: Any, before: Any, after: Any) -> dict[str, Any]:
        if order.note == "refuse":
            raise Refused("this order is too old")
        return {"total": Decimal(len(after)), "subtotal_cents": len(before), "note": "recomputed"}


def test_recompute__sets_fields_of_the_target(cellar: None, use: Callable[..., None]) -> None:
    # given
    use(Recomputed)
    order = make_order("W1", ("rose", 1, "1"), ("red", 1, "1"))
    order_copy = copy_of(order, skip_errors=True)

    # when
    found = plan(order, skip_errors=True)
    run(order_copy)

    # then
    assert found.target_totals == {"subtotal_amount_cents": 2, "total_amount_cents": 100}
    target = order_copy.target_order
    assert (target.total, target.subtotal_cents, target.note) == (1, 2, "recomputed")


def test_recompute__may_refuse(cellar: None, use: Callable[..., None]) -> None:
    # given
    use(Recomputed)
    order = make_order("W1", ("rose", 1, "1"), ("red", 1, "1"), note="refuse")

    # when
    found = plan(order, skip_errors=True)

    # then
    [problem, _out_of_stock] = found.problems
    assert (problem.code, problem.message) == ("amount_without_line", "this order is too old")
    assert not found.will_write


class WithShipping(WineShop):
    totals = {**WineShop.totals, "shipping_amount_cents": "shipping"}


@pytest.mark.parametrize(
    "amounts", [{"total": Decimal(9)}, {"subtotal_cents": 1}, {"shipping": Decimal(1)}]
)
def test_recompute__amount_that_is_in_no_line_stops_the_copy(
    cellar: None, use: Callable[..., None], amounts: dict[str, Any]
) -> None:
    # given
    use(WithShipping)
    order = make_order("W1", ("rose", 1, "1"), ("red", 1, "1"))
    Order.objects.update(**amounts)

    # when
    found = plan(order, skip_errors=True)

    # then
    assert [it.code for it in found.problems] == ["amount_without_line", "out_of_stock"]
    assert not found.will_write


class Revised(WineShop):
    def context(self, orders: Mapping[Any, Any], rows: Mapping[Any, Any]) -> Any:
        return {"orders": len(orders), "cards": len(rows[Card])}

    def revise(self, draft: Draft) -> None:
        draft.values["note"] = str(draft.context)
        draft.rows[Remark] = [(-1, draft.order.pk, None, "new"), *draft.rows[Remark]]
        draft.rows[Reply] = [(None, -1, "reply"), *draft.rows[Reply]]
        # Primary key, links to the order and to the leaflet before it, title and text.
        draft.rows[Leaflet] = [
            *draft.rows[Leaflet],
            (None, draft.order.pk, None, "New", "sparkling"),
        ]


def test_revise__changes_rows_and_values_of_the_target(
    cellar: None, use: Callable[..., None]
) -> None:
    # given
    use(Revised)
    order = full_order("W1")

    # when
    targets = [copied(order), copied(order)]

    # then
    for target in targets:
        assert target.note == "{'orders': 1, 'cards': 1}"
        remark = Remark.objects.get(order=target, text="new")
        assert (remark.line, remark.reply_set.get().text) == (None, "reply")
        assert Remark.objects.filter(order=target).count() == 3
        leaflets = Leaflet.objects.filter(order=target).order_by("pk")
        assert list(leaflets.values_list("title", "follows__title")) == [
            ("Wines", None),
            ("More wines", "Wines"),
            ("New", None),
        ]


class LeavesOut(WineShop):
    """A shop that leaves out a line when it revises the plan."""

    def revise(self, draft: Draft) -> None:
        first, *others = draft.decisions
        draft.decisions = [replace(first, target=None, action=Action.SKIPPED), *others]
        super().revise(draft)


def test_revise__rows_of_a_line_that_it_leaves_out_are_not_written(
    cellar: None, use: Callable[..., None]
) -> None:
    # given
    use(LeavesOut)

    # when
    target = copied(full_order("W1"))

    # then
    bottle, _service = target.lines.all()
    assert (bottle.case, target.total) == (None, Decimal("32.25"))
    assert [Option.objects.count(), Engraving.objects.count(), Letter.objects.count()] == [3, 3, 6]


def test_tables__are_computed_once_for_each_class() -> None:
    assert get_shop().tables is get_shop().tables  # type: ignore[attr-defined]


def requested(order: Order, **quantities: int | None) -> list[dict[str, Any]]:
    """Return the request for the lines with these names, in these quantities."""
    return [
        {"id": str(line.pk), "quantity": quantities[line.name]}
        for line in order.lines.order_by("pk")
        if line.name in quantities
    ]


def test_line_items__others_are_left_out_with_what_belongs_to_them(cellar: None) -> None:
    # given
    order = make_order("W1", ("red", 2, "3.10"), ("white", 1, "2"), ("", 1, "5"))
    white = order.lines.get(name="white")
    Option.objects.create(line=white, name="gift")
    add_line(order, "", 1, "1", case=white)
    total_up(order)

    # when
    target = copied(order, line_items=requested(order, red=5))  # type: ignore[arg-type]

    # then
    lines = target.lines.order_by("pk").values_list("name", "quantity", "price")
    assert list(lines) == [("red", 5, Decimal("3.10")), ("service", 1, Decimal(5))]
    assert (target.total, target.subtotal_cents) == (Decimal("20.50"), 2050)
    assert not Option.objects.filter(line__order=target).exists()


def test_line_items__discount_stays_only_with_all_lines_as_they_are(cellar: None) -> None:
    # given
    order = make_order("W1", ("red", 1, "9"), ("white", 1, "2"), ("", 1, "-3"))

    # when
    [plain] = preview([order])
    [whole] = preview([order], line_items=requested(order, red=None, white=1))
    [part] = preview([order], line_items=requested(order, white=None))
    with pytest.raises(ChangesRefusedError) as refused:
        preview([order], line_items=requested(order, white=None, service=None))

    # then
    assert whole.digest == plain.digest
    assert results(part)[2][:2] == ("skipped", "discount_left_out")
    assert part.target_totals["total_amount_cents"] == 200
    assert [one.path for one in refused.value.refusals] == [("line_items", "1", "id")]


def test_line_items__availability_is_that_of_the_requested_quantity(cellar: None) -> None:
    # given
    order = make_order("W1", ("white", 1, "2"), ("red", 1, "1"))

    # when
    [found] = preview([order], line_items=requested(order, white=7))

    # then
    assert results(found) == [
        ("reduced", "stock_too_low", "only 3 of 7 white left"),
        ("skipped", "requested", "left out, as requested"),
    ]
    assert problems(found) == [("write", "stock_too_low", True)]


def test_line_items__amounts_in_no_line_prevent_the_copy_as_for_other_changed_lines(
    cellar: None,
) -> None:
    # given
    order = make_order("W1", ("red", 1, "1"), ("white", 1, "2"))
    Order.objects.filter(pk=order.pk).update(total=Decimal(9))

    # when
    [found] = preview([order], line_items=requested(order, red=None))

    # then
    assert problems(found) == [("write", "amount_without_line", False)]


def test_line_items__deleted_since_the_request_is_a_problem(cellar: None) -> None:
    # given
    order = make_order("W1", ("red", 1, "1"), ("white", 1, "2"))
    line_items = requested(order, red=None, white=None)
    order_copy = copy_of(order, line_items=line_items[:1])  # type: ignore[arg-type]
    order.lines.get(name="red").delete()
    total_up(order)

    # when
    run(order_copy)

    # then
    assert order_copy.status == "failed"
    assert order_copy.errors_log == {
        "line_items": [
            "a requested line does not exist any more",
            "none of the requested lines has pieces",
        ]
    }


def test_line_items__that_the_order_cannot_be_copied_with_are_refused(cellar: None) -> None:
    # given
    order = make_order("W1", ("red", 1, "1"), ("white", 0, "2"))
    case, bottle = order.lines.get(name="red"), add_line(order, "white", 1, "2")
    Line.objects.filter(pk=bottle.pk).update(case=case)
    empty = order.lines.get(quantity=0)
    line_items = [
        {"id": str(bottle.pk)},
        {"id": str(empty.pk), "quantity": 2},
        {"id": "unknown"},
    ]

    # when
    with pytest.raises(ChangesRefusedError) as refused:
        preview([order], line_items=line_items)
    with pytest.raises(ChangesRefusedError) as without_pieces:
        preview([order], line_items=[{"id": str(empty.pk)}])

    # then
    assert [(one.path, one.message) for one in refused.value.refusals] == [
        (("line_items", "0", "id"), "goes with red, which is left out: name both, or none"),
        (
            ("line_items", "1", "quantity"),
            "is not possible: the line item has no pieces",
        ),
        (("line_items", "2", "id"), "is no line item of the source order"),
    ]
    assert [one.path for one in without_pieces.value.refusals] == [("line_items",)]


def test_line_items__quantity_beyond_the_rules_of_the_column_is_refused(
    cellar: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    field: Any = Line._meta.get_field("quantity")
    monkeypatch.setattr(field, "_validators", [*field._validators, MaxValueValidator(9)])
    field.__dict__.pop("validators", None)
    order = make_order("W1", ("red", 1, "1"))

    # when
    with pytest.raises(ChangesRefusedError, match="too large"):
        preview([order], line_items=requested(order, red=10))

    # then
    field.__dict__.pop("validators", None)


class MovingShop(WineShop):
    """A shop that may change addresses."""

    @property
    def capabilities(self) -> frozenset[Capability]:
        return super().capabilities | {Capability.ADDRESSES}


def test_changes__of_shops_that_can_more_leave_lines_as_they_are(
    cellar: None, use: Callable[..., None]
) -> None:
    # given
    use(MovingShop)
    order = make_order("W1", ("red", 1, "1"))
    address = {"line_1": "Rue 1", "city": "Colmar", "country_code": "FR"}

    # when
    [found] = preview([order], shipping_address=address)

    # then
    assert results(found) == [("copied", "", "")]


def test_changes__of_a_deleted_order(cellar: None) -> None:
    # given
    order = make_order("W1", ("red", 1, "1"))
    line_items, key = requested(order, red=None), order.pk
    order.delete()

    # when, then
    with pytest.raises(SourceOrderGoneError):
        preview([key], line_items=line_items)


def test_changes__other_than_of_lines_are_refused(cellar: None) -> None:
    # given
    order = make_order("W1", ("red", 1, "1"))
    replaced = [{"id": str(order.lines.get().pk), "sku_code": "white"}]

    # when
    with pytest.raises(UnsupportedToggleError) as refused:
        preview([order], line_items=replaced, customer_email="bea@example.com")

    # then
    assert refused.value.reasons.keys() == {"line_items", "customer_email"}
