"""Rows of every field are saved as ``Model.objects.create()`` saves them, on every database."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest
from django.db import DatabaseError, connection, models, transaction
from django.db.models.functions import Concat
from django.test.utils import CaptureQueriesContext

from order_copies.db.rows import insert_rows, update_rows
from tests.order_copies.db import fields
from tests.order_copies.db.fields import (
    CASES,
    KEY_CASES,
    KEYED_MODELS,
    KEYS,
    MODELS,
    Cinema,
    Composite,
    Empty,
    Filled,
    Generated,
    Measured,
    Nonces,
    Pharmacy,
    Place,
    Shop,
    ShopCinema,
    ShopProxy,
    WithDefault,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("tables")]


@pytest.fixture(scope="module")
def tables(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """The tables of the models of :mod:`tests.order_copies.db.fields`."""
    with django_db_blocker.unblock():
        with connection.schema_editor() as editor:
            for model in fields.tables():
                editor.create_model(model)
        yield
        with connection.schema_editor() as editor:
            for model in reversed(fields.tables()):
                editor.delete_model(model)


def raw(model: Any, keys: list[Any]) -> list[Any]:
    """Return the column ``value`` of these rows as the database holds it."""
    quote = connection.ops.quote_name
    column = quote(model._meta.get_field("value").column)
    text = {
        "sqlite": f"typeof({column}) || hex({column})",
        "postgresql": f"{column}::text",
        "mysql": f"HEX(CAST({column} AS BINARY))",
    }[connection.vendor]
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT id, {text} FROM {quote(model._meta.db_table)}")
        found = dict(cursor.fetchall())
    return [found[key] for key in keys]


def values(model: Any, keys: list[Any]) -> list[Any]:
    """Return the values of these rows as the ORM reads them, each with its type."""
    found = model.objects.in_bulk(keys)
    read = [getattr(found[key], model._meta.get_field("value").attname) for key in keys]
    return [(type(value), value) for value in read]


def saved(model: Any, keys: list[Any]) -> Any:
    """Return what the ORM reads and what the database holds."""
    return values(model, keys), raw(model, keys)


def saved_by_create(name: str) -> Any:
    """Return what ``create()`` saves of the values of a case. Its rows are deleted."""
    field, given = CASES[name]
    manager = MODELS[name].objects
    created = [manager.create(**{field.attname: value}).pk for value in given]
    found = saved(MODELS[name], created)
    manager.all().delete()
    return found


@pytest.mark.parametrize("name", CASES)
def test_insert_rows__saves_values_of_any_field_as_create_does(name: str) -> None:
    # given
    field, given = CASES[name]
    expected = saved_by_create(name)

    # when
    keys = insert_rows(MODELS[name], [field.attname], [[value] for value in given])

    # then
    assert saved(MODELS[name], keys) == expected


@pytest.mark.parametrize("name", CASES)
def test_update_rows__saves_values_of_any_field_as_create_does(name: str) -> None:
    # given
    field, given = CASES[name]
    expected = saved_by_create(name)
    before = [[uuid4() if field.unique else given[0]] for _ in given]
    keys = insert_rows(MODELS[name], [field.attname], before)

    # when
    updated = update_rows(MODELS[name], [field.attname], list(zip(keys, given, strict=True)))

    # then
    assert updated == len(given)
    assert saved(MODELS[name], keys) == expected


def test_cases__have_every_field_of_django() -> None:
    # given
    others = {
        *("Field", "ForeignObject", "ManyToManyField", "OrderWrt"),
        *("CompositePrimaryKey", "GeneratedField"),  # These have tests of their own.
        *(
            "CommaSeparatedIntegerField",
            "IPAddressField",
            "NullBooleanField",
        ),  # Django removed them.
    }

    # when
    classes = [it for it in vars(models).values() if isinstance(it, type)]
    names = {it.__name__ for it in classes if issubclass(it, models.Field)}

    # then
    assert names - others <= {*CASES, *KEY_CASES}


@pytest.mark.parametrize("name", KEY_CASES)
def test_insert_rows__returns_keys_as_a_query_does(name: str) -> None:
    # given
    field, given, expected = KEY_CASES[name]
    model = KEYED_MODELS[name]
    rows = [[key, position] for position, key in enumerate(given)]

    # when
    keys = insert_rows(model, [field.attname, "position"], rows)

    # then
    assert keys == expected
    assert keys == list(model.objects.order_by("position").values_list("pk", flat=True))
    assert list(map(type, keys)) == list(map(type, expected))


@pytest.mark.parametrize("name", KEY_CASES)
def test_update_rows__matches_keys_of_any_field(name: str) -> None:
    # given
    field, given, expected = KEY_CASES[name]
    model = KEYED_MODELS[name]
    insert_rows(model, [field.attname, "position"], [[key, 0] for key in given])

    # when
    updated = update_rows(model, ["position"], [[key, n] for n, key in enumerate(given)])

    # then
    assert updated == len(given)
    assert list(model.objects.order_by("position").values_list("pk", flat=True)) == expected


def test_insert_rows__keys_of_many_rows_are_in_the_order_of_the_rows() -> None:
    given = [uuid4() for _ in range(5000)]

    keys = insert_rows(KEYED_MODELS["UUIDField"], ["pk", "position"], [[key, 0] for key in given])

    assert keys == given


def test_insert_rows__composite_keys_are_tuples() -> None:
    # given
    rows = [[2, key, f"row {n}"] for n, key in enumerate(KEYS)]

    # when
    keys = insert_rows(Composite, ["pk", "name"], rows)

    # then
    assert keys == [(2, key) for key in KEYS]
    assert [Composite.objects.get(pk=key).name for key in keys] == [row[2] for row in rows]


def test_update_rows__composite_keys_match() -> None:
    # given
    insert_rows(Composite, ["tenant", "code", "name"], [[1, key, ""] for key in KEYS])

    # when
    updated = update_rows(Composite, ["name"], [[1, KEYS[0], "new"], [2, KEYS[1], "new"]])

    # then
    assert updated == 1
    assert Composite.objects.get(name="new").pk == (1, KEYS[0])


def test_insert_rows__equal_values_of_a_field_with_nonces_differ() -> None:
    keys = insert_rows(Nonces, ["value"], [["same"], ["same"]])

    first, second = raw(Nonces, keys)
    assert first != second


def test_insert_rows__naive_instants_are_saved_as_create_does(settings: Any) -> None:
    # given
    settings.USE_TZ = False
    instant = datetime(2024, 2, 29, 23, 59, 59, 987654)  # noqa: DTZ001
    model = MODELS["DateTimeField"]
    created = model.objects.create(value=instant)

    # when
    keys = insert_rows(model, ["value"], [[instant]])

    # then
    assert values(model, keys) == [(datetime, instant)]
    assert raw(model, keys) == raw(model, [created.pk])


def test_insert_rows__expressions_are_evaluated() -> None:
    model = MODELS["CharField"]

    keys = insert_rows(model, ["value"], [[Concat(models.Value("a"), models.Value("b"))], ["c"]])

    assert values(model, keys) == [(str, "ab"), (str, "c")]


@pytest.mark.parametrize("weight", [None, 0.5])
def test_insert_rows__none_is_null_of_json_in_a_column_that_is_not_nullable(weight: Any) -> None:
    # when
    keys = insert_rows(Measured, ["weight", "details"], [[weight, None], [weight, {"a": None}]])

    # then
    found = Measured.objects.in_bulk(keys)
    assert [found[key].details for key in keys] == [None, {"a": None}]


def test_update_rows__none_is_null_of_json_in_a_column_that_is_not_nullable() -> None:
    # given
    keys = insert_rows(Measured, ["weight", "details"], [[0.5, {}], [0.5, {}]])

    # when
    updated = update_rows(
        Measured, ["weight", "details"], [[keys[0], 1.5, None], [None, 1.5, None]], match=["id"]
    )

    # then
    assert updated == 1
    assert list(Measured.objects.order_by("pk").values_list("weight", "details")) == [
        (1.5, None),
        (0.5, {}),
    ]


@pytest.mark.parametrize("name", ["FloatField", "CharField"])
def test_update_rows__where_may_be_any_field(name: str) -> None:
    # given
    model = MODELS[name]
    _, given = CASES[name]
    key, other, unset = insert_rows(model, ["value"], [[given[0]], [given[1]], [None]])

    # when
    changed = update_rows(model, ["value"], [[key, given[1]]], where={"value": given[0]})
    fenced = update_rows(model, ["value"], [[other, given[0]]], where={"value": given[0]})
    filled = update_rows(
        model, ["value"], [[unset, given[0]], [key, given[0]]], where={"value": None}
    )

    # then
    assert (changed, fenced, filled) == (1, 0, 1)
    assert [value for _, value in values(model, [key, other, unset])] == [
        given[1],
        given[1],
        given[0],
    ]


def test_insert_rows__defaults_of_the_database_apply_to_fields_that_are_not_named() -> None:
    insert_rows(WithDefault, ["name"], [["a"], ["b"]])
    insert_rows(WithDefault, ["name", "number"], [["c", 7]])

    assert list(WithDefault.objects.order_by("name").values_list("number", flat=True)) == [5, 5, 7]


@pytest.mark.parametrize(
    ("model", "names", "message"),
    [
        (Generated, ["name", "upper"], "Generated.upper is computed by the database"),
        (Generated, ["name", "coded"], "Generated.coded has no column"),
        (Generated, ["name", "name"], "is named twice"),
    ],
)
def test_rows__fields_that_cannot_be_written_are_refused(
    model: Any, names: list[str], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        insert_rows(model, names, [["a", "A"]])
    with pytest.raises(ValueError, match=message):
        update_rows(model, names, [[1, "a", "A"]])


def test_insert_rows__generated_fields_are_computed() -> None:
    keys = insert_rows(Generated, ["name"], [["a"]])

    assert Generated.objects.get(pk=keys[0]).upper == "A"


@pytest.mark.skipif(connection.vendor != "sqlite", reason="other tests refuse it there")
def test_insert_rows__integers_beyond_64_bits_are_refused() -> None:
    model = MODELS["BigIntegerField"]

    with pytest.raises((OverflowError, DatabaseError)), transaction.atomic():
        insert_rows(model, ["value"], [[1], [2**63]])

    assert not model.objects.exists()


def test_insert_rows__parents_are_inserted_first() -> None:
    # given
    rows = [[f"shop {n}", {"n": n}, key] for n, key in enumerate(KEYS)]

    # when
    with CaptureQueriesContext(connection) as queries:
        keys = insert_rows(Shop, ["name", "details", "code"], rows)

    # then
    inserts = [query for query in queries if query["sql"].startswith("INSERT")]
    assert len(inserts) == 2
    found = Shop.objects.in_bulk(keys)
    assert [[found[it].name, found[it].details, found[it].code] for it in keys] == rows
    assert [found[key].place_ptr_id for key in keys] == keys


@pytest.mark.parametrize("key", ["pk", "place_ptr_id", "id"])
def test_insert_rows__keys_of_a_child_are_those_of_its_parent(key: str) -> None:
    # when
    keys = insert_rows(ShopProxy, [key, "name", "code"], [[7, "a", KEYS[0]], [3, "b", KEYS[1]]])

    # then
    assert keys == [7, 3]
    assert list(Shop.objects.order_by("pk").values_list("id", "name", "code")) == [
        (3, "b", KEYS[1]),
        (7, "a", KEYS[0]),
    ]


def test_insert_rows__grandchildren_and_fields_that_json_cannot_represent() -> None:
    # when
    keys = insert_rows(
        Pharmacy, ["rating", "name", "code"], [[0.1, "a", KEYS[0]], [2, "b", KEYS[1]]]
    )

    # then
    found = Pharmacy.objects.in_bulk(keys)
    assert [(found[key].rating, found[key].name, found[key].code) for key in keys] == [
        (0.1, "a", KEYS[0]),
        (2.0, "b", KEYS[1]),
    ]
    assert not Cinema.objects.exists()


def test_insert_rows__common_ancestor_is_inserted_once() -> None:
    # when
    keys = insert_rows(
        ShopCinema, ["name", "code", "seats"], [["a", KEYS[0], 5], ["b", KEYS[1], 6]]
    )

    # then
    found = ShopCinema.objects.in_bulk(keys)
    assert [(found[k].name, found[k].code, found[k].seats) for k in keys] == [
        ("a", KEYS[0], 5),
        ("b", KEYS[1], 6),
    ]
    assert Place.objects.count() == 2


def test_insert_rows__parent_without_named_fields() -> None:
    # when
    keys = insert_rows(Filled, ["text"], [["a"], ["b"]])

    # then
    assert list(Filled.objects.order_by("pk").values_list("pk", "text")) == [
        (keys[0], "a"),
        (keys[1], "b"),
    ]
    assert Empty.objects.count() == 2


def test_update_rows__fields_of_a_parent_are_refused() -> None:
    with pytest.raises(
        ValueError, match=r"name is in the table of fields.Place: update fields.Place"
    ):
        update_rows(Shop, ["name"], [[1, "a"]])


def test_update_rows__updates_the_table_of_a_child() -> None:
    # given
    keys = insert_rows(Shop, ["name", "code"], [["a", KEYS[0]], ["b", KEYS[1]]])

    # when
    updated = update_rows(ShopProxy, ["code"], [[keys[1], KEYS[2]]])

    # then
    assert updated == 1
    assert list(Shop.objects.order_by("pk").values_list("code", flat=True)) == [KEYS[0], KEYS[2]]


@pytest.mark.parametrize("count", [1, 700])
def test_insert_rows__values_that_json_cannot_represent_are_inserted_in_order(count: int) -> None:
    # given
    rows = [[n / 7, [n]] for n in range(count)]

    # when
    keys = insert_rows(Measured, ["weight", "details"], rows)

    # then
    found = Measured.objects.in_bulk(keys)
    assert [[found[key].weight, found[key].details] for key in keys] == rows
