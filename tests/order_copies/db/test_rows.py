from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from django.db import DataError, IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from order_copies.db.rows import insert_rows, update_rows
from order_copies.events.models import Event
from order_copies.exceptions import UnsupportedDatabaseError
from orders.models import Address, LineItem, Order
from tests.factories import LineItemFactory, MarketFactory, OrderCopyFactory, OrderFactory

pytestmark = pytest.mark.django_db

NOW = datetime(2024, 2, 29, 23, 59, 59, 987654, tzinfo=UTC)

# No database takes a NUL in text, and UTF-8 has no lone surrogates.
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
jsons = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts,
    lambda children: st.lists(children, max_size=4) | st.dictionaries(texts, children, max_size=4),
    max_leaves=8,
)
instants = st.datetimes(
    datetime(1900, 1, 1),  # noqa: DTZ001
    datetime(2200, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
rates = st.decimals(0, 1, places=4)

ORDER_FIELDS = [
    "number", "token", "market_id", "currency_code", "customer_email", "affiliate_code", "guest",
    "tax_rate", "total_amount_cents", "placed_at", "reference", "metadata", "created_at",
    "updated_at",
]  # fmt: skip
ORDER_DEFAULTS = {
    "status": "draft", "payment_status": "unpaid", "fulfillment_status": "unfulfilled",
    "language_code": "en", "tax_included": True, "country_code": "",
    "shipping_country_code_lock": "", "coupon_code": "", "gift_card_code": "", "cart_url": "",
    "return_url": "", "terms_url": "", "privacy_url": "", "subtotal_amount_cents": 0,
    "shipping_amount_cents": 0, "payment_method_amount_cents": 0, "adjustment_amount_cents": 0,
    "discount_amount_cents": 0, "gift_card_amount_cents": 0, "total_tax_amount_cents": 0,
    "total_amount_with_taxes_cents": 0,
}  # fmt: skip


@st.composite
def order_values(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "currency_code": draw(st.sampled_from(["EUR", "€€€", "'''", '"\\"'])),
        "customer_email": draw(texts),
        "affiliate_code": draw(texts),
        "guest": draw(st.booleans()),
        "tax_rate": draw(rates),
        "total_amount_cents": draw(st.integers(-(2**63), 2**63 - 1)),
        "placed_at": draw(st.none() | instants),
        "reference": draw(st.none() | texts),
        "metadata": draw(jsons.filter(lambda value: value is not None)),
        "created_at": draw(instants),
        "updated_at": draw(instants),
    }


class Numbers:
    """Unique order numbers and tokens over all examples."""

    def __init__(self) -> None:
        self.last = 0

    def __iter__(self) -> Iterator[int]:
        return self

    def __next__(self) -> int:
        self.last += 1
        return self.last


@pytest.fixture
def unused() -> Numbers:
    return Numbers()


def event_rows(count: int) -> list[list[Any]]:
    return [
        ["orders", str(number), "orders.place", {"n": number}, {}, NOW] for number in range(count)
    ]


EVENT_FIELDS = ["resource_type", "resource_id", "name", "changes", "who", "created_at"]


@given(st.lists(order_values(), max_size=4))
def test_insert_rows__saves_the_given_values(unused: Numbers, values: list[dict[str, Any]]) -> None:
    # given
    market = MarketFactory()
    complete = [
        {"number": f"n{next(unused)}", "token": f"t{next(unused)}", "market_id": market.pk}
        | ORDER_DEFAULTS
        | value
        for value in values
    ]
    fields = [*ORDER_FIELDS, *ORDER_DEFAULTS]

    # when
    keys = insert_rows(Order, fields, [[row[field] for field in fields] for row in complete])

    # then
    found = Order.objects.in_bulk(keys)
    assert [{field: getattr(found[key], field) for field in fields} for key in keys] == complete


@given(order_values())
def test_update_rows__saves_the_given_values(values: dict[str, Any]) -> None:
    # given
    changed, other = OrderFactory(), OrderFactory()
    before = Order.objects.filter(pk=other.pk).values().get()

    # when
    count = update_rows(Order, list(values), [[changed.pk, *values.values()]])

    # then
    assert count == 1
    assert Order.objects.filter(pk=changed.pk).values(*values).get() == values
    assert Order.objects.filter(pk=other.pk).values().get() == before


@given(st.lists(rates, min_size=1, max_size=3))
def test_insert_rows__stores_values_as_the_orm_does(tax_rates: list[Decimal]) -> None:
    # given
    order = OrderFactory()
    models = [
        LineItemFactory.build(order=order, sku=None, tax_rate=tax_rate, metadata={"a": [None]})
        for tax_rate in tax_rates
    ]
    fields = [f.attname for f in LineItem._meta.concrete_fields if not f.primary_key]
    for model in models:
        model.created_at = model.updated_at = NOW

    # when
    keys = insert_rows(LineItem, fields, [[getattr(m, field) for field in fields] for m in models])

    # then
    LineItem.objects.bulk_create(models)
    LineItem.objects.filter(pk__in=[m.pk for m in models]).update(updated_at=NOW)
    table = LineItem._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table} ORDER BY id")
        raw = {row[0]: row[1:] for row in cursor.fetchall()}
    assert [raw[key] for key in keys] == [raw[m.pk] for m in models]


def test_insert_rows__returns_keys_in_the_order_of_the_rows() -> None:
    # given
    rows = [["orders", str(number), "", {}, {}, NOW] for number in [7, 3, 9, 1, 3]]

    # when
    keys = insert_rows(Event, EVENT_FIELDS, rows)

    # then
    found = Event.objects.in_bulk(keys)
    assert [found[key].resource_id for key in keys] == ["7", "3", "9", "1", "3"]
    assert keys == sorted(keys)


@pytest.mark.parametrize("count", [1, 5000])
def test_insert_rows__any_number_of_rows_costs_one_statement(count: int) -> None:
    # when
    with CaptureQueriesContext(connection) as queries:
        keys = insert_rows(Event, EVENT_FIELDS, event_rows(count))

    # then
    assert len(queries) == 1
    assert len(set(keys)) == count
    assert list(Event.objects.values_list("pk", "resource_id", "changes")) == [
        (key, str(number), {"n": number}) for number, key in enumerate(keys)
    ]


@pytest.mark.parametrize("count", [1, 5000])
def test_update_rows__any_number_of_rows_costs_one_statement(count: int) -> None:
    # given
    keys = insert_rows(Event, EVENT_FIELDS, event_rows(count))

    # when
    with CaptureQueriesContext(connection) as queries:
        updated = update_rows(Event, ["name"], [[key, f"orders.{key}"] for key in keys])

    # then
    assert (len(queries), updated) == (1, count)
    assert list(Event.objects.values_list("name", flat=True)) == [f"orders.{key}" for key in keys]


def test_rows__no_rows_cost_no_statement() -> None:
    with CaptureQueriesContext(connection) as queries:
        inserted = insert_rows(Event, EVENT_FIELDS, [])
        updated = update_rows(Event, ["name"], [])

    assert (inserted, updated, len(queries)) == ([], 0, 0)


def test_update_rows__match_fences_rows() -> None:
    # given
    mine, taken_over = OrderCopyFactory(in_progress=True), OrderCopyFactory(in_progress=True)
    model = type(mine)

    # when
    updated = update_rows(
        model,
        ["worker", "lease_expires_at"],
        [[mine.pk, 1, "me", NOW], [taken_over.pk, 2, "me", NOW], [10**9, 1, "me", NOW]],
        match=("id", "attempt"),
    )

    # then
    assert updated == 1
    assert list(model.objects.values_list("pk", "worker", "lease_expires_at")) == [
        (mine.pk, "me", NOW),
        (taken_over.pk, "a worker", taken_over.lease_expires_at),
    ]


def test_update_rows__where_applies_to_all_rows() -> None:
    # given
    running, ended = OrderCopyFactory(in_progress=True), OrderCopyFactory(completed=True)
    model = type(running)

    # when
    updated = update_rows(
        model,
        ["worker"],
        [[running.pk, 1, "me"], [ended.pk, 1, "me"]],
        match=("id", "attempt"),
        where={"status": "in_progress"},
    )

    # then
    assert updated == 1
    assert list(model.objects.values_list("worker", flat=True)) == ["me", ""]


def test_update_rows__values_may_be_none() -> None:
    # given
    order = OrderFactory(placed_at=NOW, reference="abc", metadata={"a": 1})

    # when
    update_rows(
        Order,
        ["placed_at", "reference", "customer_id", "metadata"],
        [[order.pk, None, None, None, [None, {"b": None}]]],
    )

    # then
    order.refresh_from_db()
    assert (order.placed_at, order.reference, order.customer_id, order.metadata) == (
        None,
        None,
        None,
        [None, {"b": None}],
    )


def test_insert_rows__text_like_numbers_and_json_stays_text() -> None:
    # given
    texts_like_values = [
        "007",
        "1e3",
        "null",
        "true",
        "[1]",
        '{"a": 1}',
        "$[0]",
        "%s",
        "'; --",
        "\\",
        "é😀\n",
    ]
    order = OrderFactory()
    fields = ["order_id", "role", "business", "line_1", "city", "country_code"]
    rest = [
        f.attname
        for f in Address._meta.concrete_fields
        if not f.primary_key and f.attname not in fields
    ]
    blank = Address(created_at=NOW, updated_at=NOW)
    rows = [
        [OrderFactory().pk, "billing", False, text, text, "IT", *(getattr(blank, f) for f in rest)]
        for text in texts_like_values
    ]

    # when
    keys = insert_rows(Address, [*fields, *rest], rows)

    # then
    found = Address.objects.in_bulk(keys)
    assert [(found[key].line_1, found[key].city) for key in keys] == [
        (t, t) for t in texts_like_values
    ]
    assert not order.addresses.exists()


def test_insert_rows__violated_constraint_inserts_nothing() -> None:
    rows = [*event_rows(1), ["orders", None, "", {}, {}, NOW]]

    with pytest.raises(IntegrityError), transaction.atomic():
        insert_rows(Event, EVENT_FIELDS, rows)

    assert not Event.objects.exists()


@pytest.mark.skipif(connection.vendor == "sqlite", reason="its columns have no limits")
@pytest.mark.parametrize(
    ("field", "value"),
    [("number", "x" * 256), ("total_amount_cents", 2**63), ("tax_rate", Decimal(10))],
)
def test_update_rows__too_large_values_are_refused(field: str, value: Any) -> None:
    order = OrderFactory()

    with pytest.raises(DataError), transaction.atomic():
        update_rows(Order, [field], [[order.pk, value]])

    assert getattr(Order.objects.get(pk=order.pk), field) == getattr(order, field)


def test_insert_rows__values_that_are_not_json_are_refused() -> None:
    with pytest.raises(TypeError):
        insert_rows(Event, EVENT_FIELDS, [["orders", "1", "", object(), {}, NOW]])


def test_insert_rows__rows_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="has 2"):
        insert_rows(Event, EVENT_FIELDS, [["orders", "1"]])


def test_insert_rows__unsupported_database_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "vendor", "oracle")

    with pytest.raises(UnsupportedDatabaseError, match="PostgreSQL, MariaDB and SQLite"):
        insert_rows(Event, EVENT_FIELDS, event_rows(1))


def test_update_rows__instants_keep_microseconds_and_time_zone() -> None:
    # given
    rome = timezone(timedelta(hours=2))
    order = OrderFactory()

    # when
    update_rows(Order, ["placed_at"], [[order.pk, NOW.astimezone(rome)]])

    # then
    order.refresh_from_db()
    assert order.placed_at == NOW
