"""Laws that hold for copies of any order of the wine shop."""

from datetime import date
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from tests.wine_shop.conftest import add_line, copied, copy_of, make_order, run, total_up
from tests.wine_shop.documents import document
from tests.wine_shop.models import (
    Address,
    Card,
    Country,
    Discount,
    Doorbell,
    Engraving,
    Leaflet,
    Line,
    Option,
    Order,
    Parcel,
    Remark,
    Reply,
    Wine,
)

LINES = st.lists(
    st.fixed_dictionaries(
        {
            "wine": st.sampled_from(["red", "white", "rose", "gone", ""]),
            "quantity": st.integers(0, 5),
            "price": st.decimals(-2, 50, places=2).map(str),
            "case": st.integers(0, 9),
            "instead_of": st.integers(0, 9),
            "options": st.integers(0, 2),
            "card": st.booleans(),
            "remark": st.booleans(),
        }
    ),
    max_size=6,
)
ORDERS = st.fixed_dictionaries(
    {
        "currency": st.sampled_from(["EUR", "JPY", "KWD"]),
        "lines": LINES,
        "addresses": st.tuples(*[st.sampled_from([None, 0, 1])] * 3),
        "finest": st.integers(0, 9),
        "wanted_on": st.none() | st.dates(date(2000, 1, 1)),
        "data": st.dictionaries(st.sampled_from(["a", "invoice"]), st.none() | st.integers(0, 9)),
        "discounts": st.lists(st.integers(0, 9), max_size=2),
        "leaflets": st.integers(0, 2),
    }
)


class LawsTestCase(TestCase):
    """Tests of hypothesis need a transaction for each example."""

    @given(ORDERS)
    def test_copy__equals_its_source_and_so_does_its_copy(self, values: dict[str, Any]) -> None:
        # given
        order = drawn_order(values)
        Wine.objects.update(pieces=None)
        Line.objects.filter(wine_id="gone").update(wine="red")

        # when
        copy = copied(order)
        copy_of_copy = copied(copy)

        # then
        assert document(order) == document(copy) == document(copy_of_copy)

    @given(ORDERS)
    def test_outcomes__add_up_to_the_difference_of_the_totals(self, values: dict[str, Any]) -> None:
        # given
        order = drawn_order(values)
        before = document(order)
        order_copy = copy_of(order, skip_errors=True)

        # when
        run(order_copy)

        # then
        assert document(order) == before
        target = order_copy.target_order
        if target is None:
            assert order_copy.status == "failed"
            return
        amounts = [
            sum(
                outcome[side]["total_amount_cents"]
                for outcome in order_copy.outcomes
                if outcome[side]
            )
            for side in ("before", "after")
        ]
        assert amounts[1] - amounts[0] == target.subtotal_cents - order.subtotal_cents
        decimals = {"EUR": 2, "JPY": 0, "KWD": 3}[order.currency]
        assert [round(it.total * 10**decimals) for it in (order, target)] == amounts
        assert target.lines.count() == sum(it["after"] is not None for it in order_copy.outcomes)


def drawn_order(values: dict[str, Any]) -> Order:
    """Create the order that hypothesis has drawn."""
    for code, pieces in (("red", None), ("white", 3), ("rose", 0)):
        Wine.objects.create(code=code, pieces=pieces)
    country = Country.objects.create(code="FR")
    homes = [Address.objects.create(street=f"Rue {number}", country=country) for number in (1, 2)]
    Doorbell.objects.create(address=homes[0], label="Ann")
    shipping, billing, parcel = (None if it is None else homes[it] for it in values["addresses"])
    order = make_order(
        "W1",
        currency=values["currency"],
        shipping_address=shipping,
        billing_address=billing,
        parcel=parcel and Parcel.objects.create(address=parcel, weight=0.1),
        wanted_on=values["wanted_on"],
        data=values["data"],
    )
    lines: list[Line] = []
    for drawn in values["lines"]:
        lines.append(drawn_line(order, drawn, lines))
    for number in values["discounts"]:
        Discount.objects.create(order=order, line=at(lines, number), name=str(number))
    for number in range(values["leaflets"]):
        Leaflet.objects.create(order=order, title=str(number), text="x")
    order.finest_line = at(lines, values["finest"])
    total_up(order)
    order.refresh_from_db()
    return order


def drawn_line(order: Order, drawn: dict[str, Any], lines: list[Line]) -> Line:
    price = drawn["price"] if order.currency != "JPY" else drawn["price"].split(".")[0]
    line = add_line(
        order,
        drawn["wine"],
        drawn["quantity"],
        price,
        case=at(lines, drawn["case"]),
        instead_of=at(lines, drawn["instead_of"]),
        card=Card.objects.create(text="Joy") if drawn["card"] else None,
    )
    for _number in range(drawn["options"]):
        option = Option.objects.create(line=line, name="engraved")
        Engraving.objects.create(option=option, text="Hi")
    if drawn["remark"]:
        Reply.objects.create(remark=Remark.objects.create(line=line, text="?"), text="!")
    return line


def at(lines: list[Line], number: int) -> Line | None:
    """Return the line with this number, or None if there is none."""
    return lines[number] if number < len(lines) else None
