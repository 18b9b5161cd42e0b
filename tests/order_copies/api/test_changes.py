"""Changes of a copy over the API: good ones, every kind of bad ones, and who may make them."""

from collections.abc import Callable
from typing import Any

import pytest

from order_copies.changes import MAX_QUANTITY, MAX_REFUSALS
from order_copies.models import OrderCopy
from orders.models import Order
from tests import stories
from tests.api import API, errors_in, request_of, shopper, staff, the_error_in, written
from tests.factories import CustomerFactory, SkuFactory, pending_order, placed_order

pytestmark = pytest.mark.django_db

ATTRIBUTES = "/data/attributes"
ADDRESS = {"line_1": "Via Roma 1", "city": "Firenze", "country_code": "IT"}


@pytest.fixture
def api() -> API:
    return API(staff())


def line_ids(order: Order) -> list[str]:
    goods = order.line_items.filter(item_type="skus").order_by("pk")
    return [line.public_id for line in goods]


def test_line_items__requested_and_returned_by_name(api: API) -> None:
    # given
    order = placed_order()
    line_items = [{"id": line_ids(order)[0], "quantity": 3}]

    # when
    response = api.post(
        "/order_copies?fields[order_copies]=status,line_items,customer_email",
        request_of(order, line_items=line_items, customer_email=None),
    )
    stories.run_all()

    # then
    assert response.status_code == 201
    assert response.json()["data"]["attributes"] == {
        "status": "pending",
        "line_items": line_items,
        "customer_email": None,
    }
    assert stories.lines(OrderCopy.objects.get().target_order, "quantity")[0] == 3


def test_line_items__not_in_documents_that_do_not_name_them(api: API) -> None:
    # given
    order = placed_order()

    # when
    document = api.post("/order_copies", request_of(order)).json()

    # then
    assert "line_items" not in document["data"]["attributes"]


def test_line_items__dry_run_shows_what_is_left_out(api: API) -> None:
    # given
    order = placed_order()
    body = request_of(order, line_items=[{"id": line_ids(order)[1]}])

    # when
    meta = api.post("/order_copies?dry_run=true", body).json()["meta"]

    # then
    outcomes = [(one["action"], one["code"]) for one in meta["outcomes"]]
    assert outcomes[:2] == [("skipped", "requested"), ("copied", None)]
    assert (meta["status"], meta["errors_log"]) == ("completed", {})
    assert written() == (0, 0)


def test_line_items__idempotency_key_is_of_one_selection(api: API) -> None:
    # given
    order = placed_order()
    first, second = line_ids(order)
    key = {"Idempotency-Key": "a-key"}

    # when
    responses = [
        api.post("/order_copies", request_of(order, line_items=[{"id": line}]), **key)
        for line in (first, first, second)
    ]

    # then
    assert [response.status_code for response in responses] == [201, 201, 422]
    assert OrderCopy.objects.count() == 1


Make = Callable[[list[str], str], Any]

BAD_LINES: dict[str, tuple[Make, str]] = {
    "no list": (lambda ids, other: {"id": ids[0]}, ""),
    "empty list": (lambda ids, other: [], ""),
    "no object": (lambda ids, other: ids[:1], "/0"),
    "no id": (lambda ids, other: [{"quantity": 1}], "/0/id"),
    "id is a number": (lambda ids, other: [{"id": 7}], "/0/id"),
    "unknown id": (lambda ids, other: [{"id": "unknown"}], "/0/id"),
    "line of another order": (lambda ids, other: [{"id": ids[0]}, {"id": other}], "/1/id"),
    "twice the same": (lambda ids, other: [{"id": ids[0]}, {"id": ids[0]}], "/1/id"),
    "unknown name": (lambda ids, other: [{"id": ids[0], "price": 1}], "/0/price"),
    **{
        f"quantity {value!r}": (
            lambda ids, other, value=value: [{"id": ids[0], "quantity": value}],  # type: ignore[misc]
            "/0/quantity",
        )
        for value in (0, -1, True, "2", 1.5, MAX_QUANTITY + 1, 10**30)
    },
    "unknown SKU": (lambda ids, other: [{"id": ids[0], "sku_code": "NONE"}], "/0/sku_code"),
    "SKU too long": (lambda ids, other: [{"id": ids[0], "sku_code": "x" * 256}], "/0/sku_code"),
    "too many lines": (lambda ids, other: [{"id": str(i)} for i in range(5001)], ""),
    "SKU is no text": (lambda ids, other: [{"id": ids[0], "sku_code": 7}], "/0/sku_code"),
    "NUL": (lambda ids, other: [{"id": ids[0], "sku_code": "a\0"}], "/0/sku_code"),
}


@pytest.mark.parametrize("case", BAD_LINES)
def test_line_items__bad_input_is_refused(api: API, case: str) -> None:
    # given
    order, other = pending_order(), pending_order(lines=1)
    make, place = BAD_LINES[case]
    line_items = make(line_ids(order), line_ids(other)[0])

    # when
    response = api.post("/order_copies", request_of(order, line_items=line_items))

    # then
    pointer = f"{ATTRIBUTES}/line_items{place}"
    assert the_error_in(response) == (422, "VALIDATION_ERROR", pointer)
    assert written() == (0, 0)


def test_line_items__all_mistakes_are_reported_at_once(api: API) -> None:
    # given
    order = pending_order()
    line_items = [{"id": "", "quantity": 0}, {"quantity": None}]

    # when
    response = api.post("/order_copies", request_of(order, line_items=line_items, reuse_wallet=1))

    # then
    pointers = {error["source"]["pointer"] for error in errors_in(response)}
    names = ("reuse_wallet", "line_items/0/id", "line_items/0/quantity", "line_items/1/id")
    assert pointers == {f"{ATTRIBUTES}/{name}" for name in names}


def test_line_items__number_of_reported_mistakes_is_limited(api: API) -> None:
    # given
    line_items: list[Any] = [{"id": ""}] * (MAX_REFUSALS + 5)

    # when
    response = api.post("/order_copies", request_of(pending_order(), line_items=line_items))

    # then
    assert len(errors_in(response)) == MAX_REFUSALS


def test_line_items__cannot_be_changed_later(api: API) -> None:
    # given
    order = placed_order()
    api.post("/order_copies", request_of(order))
    order_copy = OrderCopy.objects.get()
    attributes = {"line_items": [{"id": line_ids(order)[0]}]}
    data = {"type": "order_copies", "id": order_copy.public_id, "attributes": attributes}

    # when
    response = api.patch(f"/order_copies/{order_copy.public_id}", {"data": data})

    # then
    assert response.status_code == 400
    assert stories.fresh(order_copy).changes is None


def test_line_items__customer_selects_lines_of_its_own_order() -> None:
    # given
    order = placed_order()
    api = API(shopper(order.customer))

    # when
    response = api.post("/order_copies", request_of(order, line_items=[{"id": line_ids(order)[0]}]))

    # then
    assert response.status_code == 201


BAD_VALUES: dict[str, tuple[dict[str, Any], str]] = {
    "email of no customer": ({"customer_email": "no@example.com"}, "customer_email"),
    "no email": ({"customer_email": "bea"}, "customer_email"),
    "email is a number": ({"customer_email": 7}, "customer_email"),
    "address is a text": ({"shipping_address": "Via Roma 1"}, "shipping_address"),
    "address without city": (
        {"shipping_address": {"line_1": "Via Roma 1", "country_code": "IT"}},
        "shipping_address/city",
    ),
    "unknown attribute": (
        {"billing_address": ADDRESS | {"planet": "Mars"}},
        "billing_address/planet",
    ),
    "business is a text": (
        {"billing_address": ADDRESS | {"business": "yes"}},
        "billing_address/business",
    ),
    "too long for the shop": (
        {"billing_address": ADDRESS | {"country_code": "Italy"}},
        "billing_address/country_code",
    ),
}


@pytest.mark.parametrize("case", BAD_VALUES)
def test_customer_and_addresses__bad_input_is_refused(api: API, case: str) -> None:
    # given
    changes, place = BAD_VALUES[case]

    # when
    response = api.post("/order_copies", request_of(placed_order(), **changes))

    # then
    assert the_error_in(response) == (422, "VALIDATION_ERROR", f"{ATTRIBUTES}/{place}")
    assert written() == (0, 0)


def test_addresses__customer_replaces_those_of_its_own_order() -> None:
    # given
    order = placed_order()
    api = API(shopper(order.customer))

    # when
    response = api.post("/order_copies", request_of(order, shipping_address=ADDRESS))

    # then
    assert response.status_code == 201


@pytest.mark.parametrize("change", ["customer_email", "sku_code"])
def test_changes__customers_replace_neither_themselves_nor_articles(change: str) -> None:
    # given
    order, other, sku = placed_order(), CustomerFactory(), SkuFactory()
    api = API(shopper(order.customer))
    changes: dict[str, Any] = {"customer_email": other.email}
    if change == "sku_code":
        changes = {"line_items": [{"id": line_ids(order)[0], "sku_code": sku.code}]}

    # when
    response = api.post("/order_copies", request_of(order, **changes))

    # then
    assert (response.status_code, written()) == (401, (0, 0))


@pytest.mark.parametrize(
    ("paid", "gift", "status"),
    [(2, 1, 201), (None, 1, 401), (1, 1, 401), (2, 3, 401), (1, None, 201)],
)
def test_free_line__customers_get_it_with_all_that_was_paid_only(
    paid: int | None, gift: int | None, status: int
) -> None:
    # given
    order = placed_order(
        lines=[{"quantity": 2}, {"unit_amount_cents": 0, "options": 0, "quantity": 2}]
    )
    quantities = zip(line_ids(order), (paid, gift), strict=False)
    line_items = [{"id": key, "quantity": wanted} for key, wanted in quantities if wanted]
    body = request_of(order, line_items=line_items)

    # then
    assert API(shopper(order.customer)).post("/order_copies", body).status_code == status
    assert API(staff()).post("/order_copies", body).status_code == 201


def test_customer_email__copy_is_invisible_to_both_customers(api: API) -> None:
    # given
    order, other = placed_order(), CustomerFactory()
    response = api.post("/order_copies", request_of(order, customer_email=other.email))
    stories.run_all()
    path = f"/order_copies/{response.json()['data']['id']}"
    target = OrderCopy.objects.get().target_order

    # when
    of_staff = api.get(f"{path}?fields[order_copies]=customer_email").json()
    former, present = API(shopper(order.customer)), API(shopper(other))

    # then
    assert of_staff["data"]["attributes"] == {"customer_email": other.email}
    for client in (former, present):
        assert client.get(path).status_code == 404
        assert client.get("/order_copies").json()["data"] == []
    assert present.get(f"/orders/{target.public_id}").status_code == 200
    assert former.get(f"/orders/{target.public_id}").status_code == 404
