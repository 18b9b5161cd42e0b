"""Complaints about declarations: each says what is wrong, and what to type."""

from collections.abc import Mapping
from copy import copy
from dataclasses import replace
from typing import Any

import pytest
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.db import models
from django.db.models import Q
from django.test.utils import isolate_apps
from django.utils import timezone

from order_copies.shops import CopiedModel, FrozenShop, LineFields
from order_copies.shops.complaints import complaints_about_fields
from order_copies.shops.declarations import complaints_about_unique
from order_copies.shops.tables import CopiedTables
from tests.wine_shop.copies import WineShop
from tests.wine_shop.models import Advice, Doorbell, Enclosure, Line, Model, Order

FIELDS_OF_ORDER = ", ".join(field.attname for field in Order._meta.concrete_fields)
FIELDS_OF_LINE = ", ".join(field.attname for field in Line._meta.concrete_fields)


def complaints(**changes: Any) -> list[tuple[str, str]]:
    """Return message and hint of each complaint about a wine shop with other attributes."""
    shop: Any = type("Shop", (WineShop,), changes)
    return [(one.message, one.hint) for one in shop().complaints()]


def with_changes(model: type[models.Model], **changes: Any) -> list[CopiedModel]:
    """Return the declarations of the wine shop with changes to that of one model."""
    return [
        replace(one, **changes) if one.model is model else one for one in WineShop.copied_models
    ]


def without(*models_: type[models.Model]) -> list[CopiedModel]:
    """Return the declarations of the wine shop without some models."""
    return [one for one in WineShop.copied_models if one.model not in models_]


def line(**changes: Any) -> LineFields:
    return replace(WineShop.line, **changes)


def copied_of(model: type[models.Model]) -> tuple[str, ...]:
    [found] = [one.copied for one in WineShop.copied_models if one.model is model]
    return found


def reset_of_order(*without_names: str) -> dict[str, Any]:
    reset = WineShop.copied_models[0].reset
    assert isinstance(reset, Mapping)
    return {name: value for name, value in reset.items() if name not in without_names}


def test_check__wine_shop_is_declared_well() -> None:
    assert complaints() == []
    assert [one for one in checks.run_checks() if one.id == "order_copies.E004"] == []


@pytest.mark.parametrize("declared", [[], WineShop.copied_models[1:]])
def test_copied_models__begin_with_the_order(declared: list[CopiedModel]) -> None:
    assert complaints(copied_models=declared) == [
        (
            "Shop does not declare the order model first.",
            "Begin Shop.copied_models with CopiedModel(Order, ...).",
        )
    ]


def test_copied_models__are_needed_to_copy() -> None:
    class Empty(FrozenShop):
        pass

    with pytest.raises(ImproperlyConfigured) as raised:
        _tables = Empty().tables

    assert str(raised.value) == (
        "Set Empty.copied_models: a CopiedModel for the order, and for its lines."
    )


@pytest.mark.parametrize(
    "changes", [{"line": None}, {"copied_models": without(Line)}, {"line": line(model=Enclosure)}]
)
def test_line__must_be_a_copied_model(changes: dict[str, Any]) -> None:
    assert complaints(**changes) == [
        (
            "Shop does not declare the lines of an order.",
            'Set Shop.line = LineFields(YourLine, name="...", quantity="...", ...).',
        )
    ]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"name": "titel"},
            [
                (
                    'Shop.line names "titel", which wine_shop.Line does not have.',
                    f"The fields are: {FIELDS_OF_LINE}.",
                )
            ],
        ),
        (
            {"product": "wine__colour"},
            [
                (
                    'Shop.line names "wine__colour", which wine_shop.Line does not have.',
                    f"The fields are: {FIELDS_OF_LINE}.",
                )
            ],
        ),
        (
            {"unit": "wine__pieces"},
            [
                (
                    'Shop.line names "wine__pieces", which wine_shop.Line does not have.',
                    f"The fields are: {FIELDS_OF_LINE}.",
                )
            ],
        ),
        (
            {"unit": ""},
            [
                (
                    "Shop.line does not name the amount of a line.",
                    'Add unit="..." or total="..." to LineFields.',
                )
            ],
        ),
        (
            {"quantity": "packed_at"},
            [
                (
                    'Shop.line names "packed_at", which is not copied.',
                    'Add "packed_at" to copied of CopiedModel(Line, ...).',
                )
            ],
        ),
        ({"product": "wine__code", "name": "wine__code", "extra": ("wine__pieces",)}, []),
    ],
)
def test_line__names_fields_and_lookups(
    changes: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    assert complaints(line=line(**changes)) == expected


@pytest.mark.parametrize(
    ("changes", "message", "hint"),
    [
        (
            {"currency": ""},
            "Shop does not declare the currency.",
            'Set Shop.currency = "EUR", or the field of the order that holds it.',
        ),
        (
            {"cancelled": {}},
            "Shop cancels orders, also those that are cancelled already.",
            "Set Shop.cancelled to the fields of a cancelled order, or override refuse_cancel().",
        ),
        (
            {"totals": ["sum"]},
            "Shop.totals is no dictionary.",
            'Type for example: totals = {"total_amount_cents": "total"}',
        ),
        (
            {"placed": ["status"]},
            "Shop.placed is no dictionary.",
            'Type for example: placed = {"placed": True}',
        ),
        (
            {"currency": "money"},
            'Shop.currency names "money", which wine_shop.Order does not have.',
            f"The fields are: {FIELDS_OF_ORDER}.",
        ),
        (
            {"currency": "customer"},
            'Shop.currency names "customer", which wine_shop.Order does not have.',
            'Write "customer_id".',
        ),
        (
            {"totals": {**WineShop.totals, "shipping_amount_cents": "sum"}},
            'Shop.totals names "sum", which wine_shop.Order does not have.',
            f"The fields are: {FIELDS_OF_ORDER}.",
        ),
        (
            {"placed": {"state": "placed"}},
            'Shop.placed names "state", which wine_shop.Order does not have.',
            f"The fields are: {FIELDS_OF_ORDER}.",
        ),
        (
            {"cancelled": {"replaces": None}},
            'Shop.cancelled names "replaces", which wine_shop.Order does not have.',
            'Write "replaces_id".',
        ),
        (
            {"fresh": FrozenShop.fresh},
            "wine_shop.Order.number is unique, but every copy would get the same value.",
            'Give a callable: reset={"number": ..., }, or override fresh().',
        ),
        (
            {
                "copied_models": with_changes(
                    Order,
                    copied=(*copied_of(Order), "token"),
                    reset=reset_of_order("token"),
                )
            },
            "wine_shop.Order.token is unique, but copied.",
            'Move "token" from copied to reset.',
        ),
        (
            {"placed": {"note": "placed"}},
            'Shop.placed names "note", which is copied: a copy would be placed.',
            'Move "note" from copied to reset.',
        ),
        (
            {"owner": "customer__person"},
            'Shop.owner names "customer__person", which wine_shop.Order does not have.',
            f"The fields are: {FIELDS_OF_ORDER}.",
        ),
        (
            {"owner": "customer"},
            'Shop.owner names "customer", which leads to no user.',
            "Name a lookup that ends with a foreign key to auth.User, or override orders_for().",
        ),
        (
            {"owner": "customer__user__username"},
            'Shop.owner names "customer__user__username", which leads to no user.',
            "Name a lookup that ends with a foreign key to auth.User, or override orders_for().",
        ),
        (
            {"owner": "customer__user__groups__user"},
            'Shop.owner names "customer__user__groups__user", which leads to several users.',
            "Name a lookup that ends with a foreign key to auth.User, or override orders_for().",
        ),
        (
            {"owner": "note"},
            'Shop.owner names "note", which leads to no user.',
            "Name a lookup that ends with a foreign key to auth.User, or override orders_for().",
        ),
        (
            {"owner": "data__user"},
            'Shop.owner names "data__user", which leads to no user.',
            "Name a lookup that ends with a foreign key to auth.User, or override orders_for().",
        ),
        (
            {"left_behind": [Enclosure]},
            "wine_shop.Reminder refers to wine_shop.Order, but is not declared.",
            (
                "Add CopiedModel(Reminder, ...) to copied_models, or Reminder to left_behind if "
                "its rows belong to the source only."
            ),
        ),
        (
            {"copied_models": without(Order.occasions.through)},
            "wine_shop.Order_occasions refers to wine_shop.Order, but is not declared.",
            (
                "Add CopiedModel(Order.occasions.through, ...) to copied_models, or "
                "Order.occasions.through to left_behind if its rows belong to the source only."
            ),
        ),
        (
            {"copied_models": [*WineShop.copied_models, CopiedModel(Enclosure, ("title",))]},
            "wine_shop.Leaflet and wine_shop.Enclosure have the same rows.",
            "Keep one of them in copied_models, and add the other to left_behind.",
        ),
        (
            {"copied_models": with_changes(Advice, copied=("adviser_id",))},
            "wine_shop.Advice.text is not declared.",
            'Add "text" to copied or to reset of CopiedModel(Advice, ...).',
        ),
        (
            {"copied_models": with_changes(Order, reset=reset_of_order("replaces_id"))},
            "wine_shop.Order.replaces_id is not declared.",
            'Add "replaces_id" to copied or to reset of CopiedModel(Order, ...).',
        ),
        (
            {"copied_models": with_changes(Advice, copied=("adviser", "adviser_id", "text"))},
            "wine_shop.Advice.adviser is declared, but wine_shop.Advice has no such field.",
            'Write "adviser_id".',
        ),
        (
            {"copied_models": with_changes(Advice, copied=("colour", "adviser_id", "text"))},
            "wine_shop.Advice.colour is declared, but wine_shop.Advice has no such field.",
            "The fields are: id, order_id, adviser_id, text.",
        ),
        (
            {"copied_models": with_changes(Advice, reset=("text",))},
            "wine_shop.Advice.text is declared more than once.",
            'Keep "text" in one of copied, reset, recomputed and remapped.',
        ),
        (
            {"copied_models": with_changes(Line, left_behind_keys={"packed_at": ("x",)})},
            "wine_shop.Line.packed_at has keys that stay behind, but is not declared as copied.",
            'Add "packed_at" to copied, or remove its keys.',
        ),
        (
            {"copied_models": with_changes(Order, copied=(*copied_of(Order), "cost"))},
            "wine_shop.Order.cost is computed by the database.",
            'Remove "cost" from the declaration.',
        ),
        (
            {"copied_models": with_changes(Order, copied=(*copied_of(Order), "finest_line_id"))},
            (
                "wine_shop.Order.finest_line_id is declared as copied, but leads to "
                "wine_shop.Line: the target would refer to rows of its source."
            ),
            'Remove "finest_line_id" from copied: it will lead to the copy of that row.',
        ),
        (
            {"copied_models": with_changes(Line, copied=(*copied_of(Line), "case_id"))},
            (
                "wine_shop.Line.case_id is declared as copied, but leads to wine_shop.Line: "
                "the target would refer to rows of its source."
            ),
            'Remove "case_id" from copied: it will lead to the copy of that row.',
        ),
        (
            {"copied_models": with_changes(Advice, copied=("order_id", "adviser_id", "text"))},
            (
                "wine_shop.Advice.order_id is declared as copied, but leads to wine_shop.Order: "
                "the target would refer to rows of its source."
            ),
            'Remove "order_id" from copied: it will lead to the copy of that row.',
        ),
        (
            {"copied_models": with_changes(Advice, copied=("text",), reset=("adviser_id",))},
            "wine_shop.Advice.adviser_id is reset, but has no default.",
            'Give its first value: reset={"adviser_id": ..., }.',
        ),
        (
            {"copied_models": with_changes(Doorbell, copied=("label",), reset={"address_id": 1})},
            (
                "wine_shop.Doorbell cannot be found: no foreign keys lead there from the order, or "
                "back."
            ),
            "Change the foreign keys, or add them to reset.",
        ),
    ],
)
def test_complaints__say_what_to_type(changes: dict[str, Any], message: str, hint: str) -> None:
    assert complaints(**changes) == [(message, hint)]


def test_copied_models__link_between_orders_is_copied_or_reset() -> None:
    # given
    copied = (*copied_of(Order), "replaces_id")

    # then
    declared = with_changes(Order, copied=copied, reset=reset_of_order("replaces_id"))
    assert complaints(copied_models=declared) == []


@isolate_apps("tests.wine_shop")
@pytest.mark.parametrize(
    ("field", "reset", "is_refused"),
    [
        (models.IntegerField(unique=True, null=True), ("code",), False),
        (models.IntegerField(unique=True, default=int), ("code",), False),
        (models.IntegerField(unique=True, default=1), ("code",), True),
        (models.CharField(unique=True, max_length=9), ("code",), True),
        (models.CharField(unique=True, max_length=9), {"code": str}, False),
        (models.IntegerField(unique=True, db_default=1), (), False),
    ],
)
def test_unique__first_value_must_not_be_the_same_for_all(
    field: Any, reset: Any, is_refused: bool
) -> None:
    # given
    class Sale(Model):
        code = copy(field)

    # when
    found = list(complaints_about_unique([CopiedModel(Sale, reset=reset)], None))

    # then
    assert bool(found) == is_refused


@isolate_apps("tests.wine_shop")
@pytest.mark.parametrize(
    ("field", "declared", "is_refused"),
    [
        (models.CharField(primary_key=True), {}, True),
        (models.CharField(primary_key=True), {"reset": ("code",)}, True),
        (models.IntegerField(primary_key=True), {}, True),
        (models.CharField(primary_key=True), {"reset": {"code": "x".upper}}, False),
        (models.CharField(primary_key=True, default="x".upper), {}, False),
        (models.CharField(primary_key=True, db_default="x"), {}, False),
        (models.BigAutoField(primary_key=True), {}, False),
    ],
)
def test_primary_key__must_be_generated(
    field: Any, declared: dict[str, Any], is_refused: bool
) -> None:
    # given
    class Sale(Model):
        code = copy(field)

    # when
    found = [one.message for one in complaints_about_unique([CopiedModel(Sale, **declared)], None)]
    by_hook = [*complaints_about_unique([CopiedModel(Sale, **declared)], Sale)]

    # then
    message = "wine_shop.Sale.code is the primary key, but nothing generates it."
    assert found == [message] * is_refused
    assert by_hook == []


@isolate_apps("tests.wine_shop")
def test_primary_key__may_be_that_of_a_copied_row_or_of_a_parent() -> None:
    # given
    class Sale(Model):
        pass

    class Receipt(Model):
        sale = models.OneToOneField(Sale, models.CASCADE, primary_key=True)

    class Export(Sale):
        pass

    # when
    found = complaints_about_unique([CopiedModel(one) for one in (Sale, Receipt)], None)
    of_child = complaints_about_unique([CopiedModel(Export)], None)

    # then
    assert [*found, *of_child] == []


class Alive(models.Manager[Any]):
    def get_queryset(self) -> "models.QuerySet[Any]":
        return super().get_queryset().filter(deleted=False)


class OfTenant(models.Manager[Any]):
    def get_queryset(self) -> "models.QuerySet[Any]":
        raise RuntimeError("no tenant")


@isolate_apps("tests.wine_shop")
@pytest.mark.parametrize("manager", [Alive(), OfTenant()])
def test_hidden_rows__must_be_declared(manager: models.Manager[Any]) -> None:
    # given
    class Sale(Model):
        deleted = models.BooleanField(default=False)
        objects = copy(manager)

    class Piece(Model):
        sale = models.ForeignKey(Sale, models.CASCADE)
        deleted = models.BooleanField(default=False)
        objects = copy(manager)

    def found(only: Q | None) -> list[tuple[str, str]]:
        pieces = CopiedModel(Piece, reset=("deleted",), only=only)
        declarations = [CopiedModel(Sale, reset=("deleted",)), pieces]
        return [(it.message, it.hint) for it in complaints_about_fields(declarations)]

    # then
    assert found(None) == [
        (
            "The default manager of wine_shop.Piece hides rows, which copies would contain.",
            "Add only=Q(...) to CopiedModel(Piece, ...): the rows that are copied. Q() is all.",
        )
    ]
    assert found(Q()) == found(Q(deleted=False)) == []


@isolate_apps("tests.wine_shop")
def test_unique__constraints_and_primary_keys_must_not_be_copied() -> None:
    # given
    class Sale(Model):
        code = models.CharField(primary_key=True)
        number = models.CharField()
        tenant = models.IntegerField()
        place = models.IntegerField()

        class Meta:
            unique_together = (("tenant", "number"), ("tenant", "place"))
            constraints = (
                models.UniqueConstraint(fields=["number"], name="one"),
                models.UniqueConstraint(fields=["place"], name="open", condition=Q(tenant=1)),
            )

    declaration = CopiedModel(Sale, copied=("code", "number", "tenant"), reset=("place",))

    # when
    found = complaints_about_unique([declaration], None)

    # then
    assert [(one.message, one.hint) for one in found] == [
        ("wine_shop.Sale.code is unique, but copied.", 'Move "code" from copied to reset.'),
        (
            "wine_shop.Sale is unique by number, but copied.",
            'Move "number" from copied to reset.',
        ),
        (
            "wine_shop.Sale is unique by number and tenant, but copied.",
            "Move number and tenant from copied to reset, or one of them.",
        ),
    ]


def test_placed__may_be_a_callable_or_nothing() -> None:
    without_cancel = {"cancelled": {}, "cancel_order": FrozenShop.cancel_order}
    assert complaints(placed={"placed_at": timezone.now}, **without_cancel) == []


def test_cancelled__is_not_needed_by_a_shop_that_refuses_itself() -> None:
    assert complaints(cancelled={}, refuse_cancel=lambda _shop, _order: "never") == []


def test_totals__may_be_computed_by_the_database() -> None:
    assert complaints(totals={"total_amount_cents": "total", "subtotal_amount_cents": "cost"}) == [
        (
            "wine_shop.Order.subtotal_cents is not declared.",
            'Add "subtotal_cents" to copied or to reset of CopiedModel(Order, ...).',
        )
    ]


@isolate_apps("tests.wine_shop")
def test_tables__required_links_must_not_form_a_cycle() -> None:
    # given
    class Sale(Model):
        first = models.ForeignKey("Item", models.CASCADE)

    class Item(Model):
        sale = models.ForeignKey(Sale, models.CASCADE)

    # when
    with pytest.raises(ImproperlyConfigured) as raised:
        CopiedTables([CopiedModel(Sale), CopiedModel(Item)])

    # then
    assert str(raised.value) == (
        "wine_shop.Item, wine_shop.Sale refer to one another: "
        "make one of the foreign keys nullable."
    )


@isolate_apps("tests.wine_shop")
def test_complaints__link_to_another_column_than_the_key() -> None:
    # given
    class Sale(Model):
        number = models.IntegerField(unique=True)

    class Item(Model):
        sale = models.ForeignKey(Sale, models.CASCADE, to_field="number")

    class ItemShop(WineShop):
        order_model = Sale  # type: ignore[assignment]
        copied_models = [CopiedModel(Sale, reset={"number": 0}), CopiedModel(Item)]
        line = LineFields(Item, name="pk", quantity="id", total="id")
        currency, totals, placed, owner = "EUR", {}, {}, ""
        cancelled, cancel_order = {}, FrozenShop.cancel_order  # type: ignore[assignment]

    # then
    assert [(one.message, one.hint) for one in ItemShop().complaints()] == [
        (
            "wine_shop.Item.sale_id refers to another column than the primary key.",
            'Add "sale_id" to reset, and set it in after_write().',
        ),
        *[
            (
                'ItemShop.line names "id", which is not copied.',
                'Add "id" to copied of CopiedModel(Item, ...).',
            )
        ]
        * 2,
    ]


@isolate_apps("tests.wine_shop")
def test_tables__shortest_path_that_always_leads_to_the_order() -> None:
    # given
    class Sale(Model):
        pass

    class Item(Model):
        sale = models.ForeignKey(Sale, models.CASCADE, null=True)

    class Batch(Model):
        sale = models.ForeignKey(Sale, models.CASCADE)

    class Piece(Model):
        item = models.ForeignKey(Item, models.CASCADE, null=True)
        batch = models.ForeignKey(Batch, models.CASCADE)

    # when
    tables = CopiedTables([CopiedModel(model) for model in (Sale, Item, Piece, Batch)])

    # then
    assert {table.model.__name__: (table.paths, table.owners) for table in tables} == {
        "Sale": (("",), frozenset()),
        "Item": (("sale",), frozenset({Piece})),
        "Batch": (("sale",), frozenset()),
        "Piece": (("batch__sale",), frozenset()),
    }
