"""Filters: each predicate (contract 5.6), the plain names (1.3), and invalid filters."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import django_filters
import pytest

from order_copies.jsonapi.filtering.backends import filterset_of
from order_copies.jsonapi.filtering.predicates import PREDICATES
from order_copies.jsonapi.resources import resource_of
from order_copies.models import OrderFactory, Status
from orders.models import LineItem, Order
from tests.api import API, PERMISSIONS, shopper, staff, the_error_in
from tests.factories import (
    CouponFactory,
    CustomerFactory,
    OrderCopyFactory,
    PromotionFactory,
    draft_order,
    placed_order,
)

pytestmark = pytest.mark.django_db


def moment(day: int, microsecond: int = 0) -> datetime:
    return datetime(2024, 5, day, 12, 0, 0, microsecond, tzinfo=UTC)


#: The attributes of the copies in ``made``; tests compare their indexes.
COPIES: list[dict[str, Any]] = [
    {"reference": "Alpha-1", "errors_count": 0, "metadata": {"a": 1, "tags": ["x", "y"]}},
    {"reference": "alpha-2", "errors_count": 1, "metadata": {"a": {"b": True, "c": 2}}},
    {"reference": "Beta_1", "errors_count": 2, "metadata": {"a": True}, "reference_origin": "erp"},
    {"reference": "", "errors_count": 3, "metadata": {}},
    {"reference": None, "errors_count": 4, "metadata": {"tags": [{"k": "v"}, "z"]}},
]


@pytest.fixture
def made() -> list[OrderFactory]:
    """Five copies, created on five days; the last two are completed."""
    order = placed_order(lines=1)
    copies = [OrderCopyFactory(source_order=order, **attributes) for attributes in COPIES]
    for day, order_copy in enumerate(copies, start=1):
        created = moment(day, 123456)
        row = OrderFactory.objects.filter(pk=order_copy.pk)
        row.update(created_at=created)
        if day > 3:
            row.update(status=Status.COMPLETED, started_at=created, completed_at=created)
    return copies


def found(api: API, made: list[OrderFactory], **query: str) -> list[int]:
    """Return the indexes in ``made`` of the copies that match these filters."""
    filters = {f"filter[q][{name}]": value for name, value in query.items()}
    response = api.get(f"/order_copies?{urlencode(filters)}")
    numbers = {order_copy.public_id: number for number, order_copy in enumerate(made)}
    assert response.status_code == 200, response.json()
    return [numbers[data["id"]] for data in response.json()["data"]]


PREDICATE_CASES = [
    ("reference_eq", "alpha-2", [1]),
    ("reference_eq", "ALPHA-2", []),
    ("reference_eq_or_null", "alpha-2", [1, 4]),
    ("reference_not_eq", "alpha-2", [0, 2, 3]),
    ("reference_not_eq_or_null", "alpha-2", [0, 2, 3, 4]),
    ("reference_matches", "%PHA-_", [0, 1]),
    ("reference_matches", "a!%", []),
    ("reference_matches", "Beta\\_1", []),
    ("reference_does_not_match", "alpha%", [2, 3]),
    ("reference_matches_any", "%-1,beta%", [0, 2]),
    ("reference_matches_all", "alpha%,%-1", [0]),
    ("reference_does_not_match_any", "alpha%,%1", [1, 2, 3]),
    ("reference_does_not_match_all", "alpha%,%1", [3]),
    ("errors_count_lt", "2", [0, 1]),
    ("errors_count_lteq", "2", [0, 1, 2]),
    ("errors_count_gt", "2", [3, 4]),
    ("errors_count_gteq", "2", [2, 3, 4]),
    ("errors_count_lt_any", "1,3", [0, 1, 2]),
    ("errors_count_lteq_any", "1,3", [0, 1, 2, 3]),
    ("errors_count_gt_any", "1,3", [2, 3, 4]),
    ("errors_count_gteq_any", "1,3", [1, 2, 3, 4]),
    ("errors_count_lt_all", "1,3", [0]),
    ("errors_count_lteq_all", "1,3", [0, 1]),
    ("errors_count_gt_all", "1,3", [4]),
    ("errors_count_gteq_all", "1,3", [3, 4]),
    ("reference_gt", "alpha", [1]),
    ("reference_present", "true", [0, 1, 2]),
    ("reference_present", "false", [3, 4]),
    ("reference_blank", "true", [3, 4]),
    ("reference_blank", "false", [0, 1, 2]),
    ("reference_null", "true", [4]),
    ("reference_null", "false", [0, 1, 2, 3]),
    ("reference_not_null", "true", [0, 1, 2, 3]),
    ("reference_not_null", "false", [4]),
    ("completed_at_null", "false", [3, 4]),
    ("metadata_blank", "true", [3]),
    ("metadata_null", "true", []),
    ("status_in", "completed,failed", [3, 4]),
    ("status_not_in", "completed,failed", [0, 1, 2]),
    ("reference_in", "Alpha-1,Beta_1", [0, 2]),
    ("reference_in_or_null", "Alpha-1,Beta_1", [0, 2, 4]),
    ("reference_not_in", "Alpha-1,Beta_1", [1, 3]),
    ("reference_not_in_or_null", "Alpha-1,Beta_1", [1, 3, 4]),
    ("reference_not_eq_all", "Alpha-1,Beta_1", [1, 3]),
    ("reference_start", "alpha", [0, 1]),
    ("reference_start", "%", []),
    ("reference_not_start", "alpha", [2, 3]),
    ("reference_start_any", "alpha,beta", [0, 1, 2]),
    ("reference_start_all", "alpha,alpha-1", [0]),
    ("reference_not_start_any", "alpha,alpha-1", [1, 2, 3]),
    ("reference_not_start_all", "alpha,beta", [3]),
    ("reference_end", "-1", [0]),
    ("reference_not_end", "1", [1, 3]),
    ("reference_end_any", "-1,_1", [0, 2]),
    ("reference_end_all", "1,-1", [0]),
    ("reference_not_end_any", "1,-1", [1, 2, 3]),
    ("reference_not_end_all", "1,2", [3]),
    ("reference_cont", "TA_", [2]),
    ("reference_not_cont", "alpha", [2, 3]),
    ("reference_cont_any", "ha,ta", [0, 1, 2]),
    ("reference_cont_all", "ha,1", [0]),
    ("reference_not_cont_all", "ha,ta", [3]),
    ("reference_i_cont", "ALPHA", [0, 1]),
    ("metadata_jcont", '{"a": 1}', [0]),
    ("metadata_jcont", '{"a": true}', [2]),
    ("metadata_jcont", '{"a": {"b": true}}', [1]),
    ("metadata_jcont", '{"a": {"b": true, "c": 3}}', []),
    ("metadata_jcont", '{"tags": ["y"]}', [0]),
    ("metadata_jcont", '{"tags": ["z", {"k": "v"}]}', [4]),
    ("metadata_jcont", '{"tags": ["q"]}', []),
    ("metadata_jcont", '{"tags": {"0": "x"}}', []),
    ("metadata_jcont", "{}", [0, 1, 2, 3, 4]),
    ("metadata_jcont", json.dumps({"tags": ["y"] * 99}), [0]),
]

MOMENTS = [
    ("created_at_eq", "2024-05-02T12:00:00.123Z", [1]),
    ("created_at_in", "2024-05-02T12:00:00.123Z,2024-05-03T12:00:00.123Z", [1, 2]),
    ("created_at_not_eq", "2024-05-02T12:00:00.123Z", [0, 2, 3, 4]),
    ("created_at_lt", "2024-05-02T12:00:00.123Z", [0]),
    ("created_at_lteq", "2024-05-02T12:00:00.123Z", [0, 1]),
    ("created_at_gt", "2024-05-04T12:00:00.123Z", [4]),
    ("created_at_gteq", "2024-05-04T12:00:00.123Z", [3, 4]),
    ("created_at_gteq", "2024-05-05", [4]),
    ("created_at_lt", "2024-05-02T14:00:00+02:00", [0]),
    ("created_at_lt", "2024-05-02T12:00:00", [0]),
]


@pytest.mark.parametrize(("name", "value", "numbers"), PREDICATE_CASES + MOMENTS)
def test_predicate__finds_matching_copies(
    made: list[OrderFactory], name: str, value: str, numbers: list[int]
) -> None:
    assert found(API(staff()), made, **{name: value}) == numbers


@pytest.mark.parametrize(
    ("name", "value", "truth"),
    [
        ("exclusive_true", "true", True),
        ("exclusive_true", "false", False),
        ("exclusive_false", "true", False),
        ("exclusive_false", "false", True),
        ("exclusive_eq", "true", True),
        ("exclusive_in", "false", False),
    ],
)
def test_predicate__booleans_match_true_and_false(name: str, value: str, truth: bool) -> None:
    promotions = {truth: PromotionFactory(exclusive=truth) for truth in (True, False)}

    documents = API(staff()).get(f"/promotions?filter[q][{name}]={value}").json()["data"]

    assert [data["id"] for data in documents] == [promotions[truth].public_id]


def test_predicate__cases_cover_the_contract() -> None:
    # given
    names = [name for name, *_rest in PREDICATE_CASES]

    # when
    tried = {next(known for known in PREDICATES if name.endswith(f"_{known}")) for name in names}

    # then
    assert tried | {"true", "false"} == set(PREDICATES)
    assert len(PREDICATES) == 52


def test_filters__are_combined_with_and(made: list[OrderFactory]) -> None:
    assert found(API(staff()), made, reference_cont="alpha", errors_count_gt="0") == [1]


def test_filters__attributes_joined_by_or_match_if_one_does(made: list[OrderFactory]) -> None:
    # given
    api = API(staff())

    # when, then
    assert found(api, made, reference_or_reference_origin_cont="p") == [0, 1, 2]
    assert found(api, made, reference_or_errors_count_eq="3") == [3]
    assert found(api, made, reference_or_reference_origin_eq_or_null="erp") == [0, 1, 2, 3, 4]


def test_filters__id_takes_eq_in_and_not_in(made: list[OrderFactory]) -> None:
    # given
    api = API(staff())
    first, second = made[0].public_id, made[1].public_id

    # when, then
    assert found(api, made, id_eq=first) == [0]
    assert found(api, made, id_in=f"{first},{second}") == [0, 1]
    assert found(api, made, id_not_in=f"{first},{second}") == [2, 3, 4]


def test_filters__related_attributes_are_named_by_the_relationship() -> None:
    # given
    one, other = placed_order(lines=1), placed_order(lines=1)
    made = [OrderCopyFactory(source_order=order) for order in (one, other)]
    OrderFactory.objects.filter(pk=made[0].pk).update(target_order=draft_order())
    api = API(staff())

    # when, then
    assert found(api, made, source_order_id_eq=one.public_id) == [0]
    assert found(api, made, source_order_number_eq=other.number) == [1]
    assert found(api, made, source_order_customer_email_in=other.customer_email) == [1]
    assert found(api, made, source_order_customer_id_eq=one.customer.public_id) == [0]
    assert found(api, made, target_order_status_eq="draft") == [0]
    assert found(api, made, target_order_id_null="true") == [1]
    assert found(api, made, target_order_id_null="false") == [0]
    assert found(api, made, target_order_number_eq_or_null="none") == [1]
    assert found(api, made, source_order_line_items_sku_code_present="true") == [0, 1]


def test_filters__to_many_relationship_matches_if_one_row_does() -> None:
    # given
    cheap = placed_order(lines=[{"unit_amount_cents": 100}])
    dear = placed_order(lines=[{"unit_amount_cents": 90000}, {"unit_amount_cents": 100}])
    api = API(staff())

    # when
    def numbers(query: str) -> list[str]:
        documents = api.get(f"/orders?filter[q][{query}").json()["data"]
        return [data["attributes"]["number"] for data in documents]

    # then
    assert numbers("line_items_unit_amount_cents_gt]=1000") == [dear.number]
    assert numbers("line_items_unit_amount_cents_eq]=100") == [cheap.number, dear.number]
    assert numbers("shipping_address_city_eq]=Firenze") == [cheap.number, dear.number]
    assert numbers("tax_rate_eq]=0.22") == [cheap.number, dear.number]
    assert numbers("tax_rate_in]=0.22,5") == [cheap.number, dear.number]
    assert numbers("tax_rate_gt]=123456789.123456789") == []
    assert numbers("events_name_eq]=orders.place") == []


def test_filters__missing_related_row_is_null_and_false_inverts_a_predicate() -> None:
    # given
    copied, never_copied = placed_order(lines=1), placed_order(lines=1)
    OrderCopyFactory.create_batch(2, source_order=copied)
    OrderCopyFactory(source_order=copied, reference="R")
    api = API(staff())

    def numbers(name: str, text: str) -> list[str]:
        documents = api.get(f"/orders?filter[q][{name}]={text}").json()["data"]
        return [data["attributes"]["number"] for data in documents]

    # when
    answers = {
        name: (numbers(name, "true"), numbers(name, "false"))
        for path in ("order_copies_id", "order_copies_reference", "order_copies_source_order_id")
        for name in (f"{path}_null", f"{path}_blank", f"{path}_not_null", f"{path}_present")
    }

    # then
    copied_ones, others = [copied.number], [never_copied.number]
    for name, answer in answers.items():
        is_negative = name.endswith(("_not_null", "_present"))
        assert answer == ((copied_ones, others) if is_negative else (others, copied_ones)), name
    assert numbers("order_copies_reference_eq_or_null", "S") == [copied.number, never_copied.number]


def test_filters__invisible_related_rows_are_null() -> None:
    # given
    promotion, other = PromotionFactory(), PromotionFactory()
    CouponFactory(promotion=promotion)

    def found(api: API) -> list[list[str]]:
        path = "/promotions?filter[q][coupons_id_null]"
        answers = [api.get(f"{path}={text}").json()["data"] for text in ("true", "false")]
        return [[data["id"] for data in answer] for answer in answers]

    # when
    seen = found(API(staff(*PERMISSIONS, "view_coupon", "view_promotion")))
    unseen = found(API(staff(*PERMISSIONS, "view_promotion")))

    # then
    assert seen == [[other.public_id], [promotion.public_id]]
    assert unseen == [[promotion.public_id, other.public_id], []]


def test_filters__empty_text_that_documents_show_as_null_is_null() -> None:
    # given
    draft, placed = draft_order(), placed_order(lines=1, coupon_code="SPRING")
    api = API(staff())

    # when
    def numbers(query: str) -> list[str]:
        documents = api.get(f"/orders?filter[q][{query}").json()["data"]
        return [data["attributes"]["number"] for data in documents]

    # then
    assert numbers("coupon_code_null]=true") == [draft.number]
    assert numbers("coupon_code_eq_or_null]=SPRING") == [draft.number, placed.number]
    assert numbers("coupon_code_not_eq]=WINTER") == [placed.number]
    assert numbers("placed_at_blank]=true") == [draft.number]
    assert numbers("placed_at_present]=true") == [placed.number]


def test_filters__events_id_finds_the_copy_of_the_event(made: list[OrderFactory]) -> None:
    # given
    api = API(staff())
    body = {
        "type": "order_copies",
        "id": made[1].public_id,
        "attributes": {"reference_origin": "new"},
    }
    api.patch(f"/order_copies/{made[1].public_id}", {"data": body})
    api.delete(f"/order_copies/{made[0].public_id}")
    api.post("/order_copies", _request(made[2].source_order))

    # when
    (event,) = api.get("/events?filter[q][name_end]=create").json()["data"]
    documents = api.get(f"/order_copies?filter[events_id]={event['id']}").json()["data"]

    # then
    assert len(documents) == 1


def _request(order: Order | None) -> dict[str, Any]:
    assert order is not None
    linkage = {"data": {"type": "orders", "id": order.public_id}}
    return {"data": {"type": "order_copies", "relationships": {"source_order": linkage}}}


def test_filters__do_not_reveal_invisible_related_orders() -> None:
    # given
    own, secret = placed_order(lines=1), placed_order(lines=1, reference="secret")
    order_copy = OrderCopyFactory(source_order=own)
    OrderFactory.objects.filter(pk=order_copy.pk).update(target_order=secret)
    customer = API(shopper(own.customer))

    # when, then
    assert found(API(staff()), [order_copy], target_order_reference_start="sec") == [0]
    assert found(customer, [order_copy], target_order_reference_start="sec") == []
    assert found(customer, [order_copy], target_order_id_eq=secret.public_id) == []
    assert found(customer, [order_copy], target_order_id_null="true") == [0]


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("filter[status]=completed", [3, 4]),
        ("filter[status]=completed,pending", [0, 1, 2, 3, 4]),
        ("filter[type]=order_copies", [0, 1, 2, 3, 4]),
        ("filter[type]=recurring_order_copies", []),
        ("filter[errors_count]=1", [1]),
        ("filter[created_at_from]=2024-05-04T12:00:00.123Z", [3, 4]),
        ("filter[created_at_to]=2024-05-02T12:00:00.123Z", [0, 1]),
        ("filter[completed_at]=2024-05-04T12:00:00.123Z", [3]),
        ("filter[started_at_from]=2024-05-05&filter[started_at_to]=2024-05-06", [4]),
        ("filter[reference]=alpha-2", [1]),
        ("filter[reference_origin]=erp", [2]),
        ("filter[metadata]=%7B%22a%22%3A1%7D", [0]),
        ("filter[status]=pending&filter[q][reference_start]=beta", [2]),
    ],
)
def test_plain_filters__find_matching_copies(
    made: list[OrderFactory], query: str, numbers: list[int]
) -> None:
    # when
    response = API(staff()).get(f"/order_copies?{query}")

    # then
    documents = response.json()["data"]
    assert [data["id"] for data in documents] == [made[number].public_id for number in numbers]


def test_plain_filters__ids_match_the_resource_and_related_ones(
    made: list[OrderFactory],
) -> None:
    # given
    api = API(staff())
    ids = f"{made[0].public_id},{made[4].public_id}"
    assert made[0].source_order is not None

    # when
    lists = [
        api.get(f"/order_copies?{query}").json()["meta"]["record_count"]
        for query in (
            f"filter[ids]={ids}",
            f"filter[id]={made[1].public_id}",
            f"filter[source_order_id]={made[0].source_order.public_id}",
            f"filter[target_order_id]={made[0].source_order.public_id}",
        )
    ]

    # then
    assert lists == [2, 1, 5, 0]


def test_plain_filters__names_are_those_of_the_contract() -> None:
    assert set(filterset_of(resource_of("order_copies")).base_filters) == {
        *("id", "ids", "type", "status", "errors_count"),
        *("reference", "reference_origin", "metadata"),
        *("source_order_id", "target_order_id", "events_id"),
        # Contract 5.6; the list of 1.3 leaves it out.
        "order_subscription_id",
        *(
            f"{name}{suffix}"
            for name in ("started_at", "completed_at", "failed_at", "created_at", "updated_at")
            for suffix in ("", "_from", "_to")
        ),
    }


def test_filters__page_links_keep_the_filter(made: list[OrderFactory]) -> None:
    # when
    document = API(staff()).get("/order_copies?filter[status]=pending&page[size]=2").json()

    # then
    assert document["meta"] == {"record_count": 3, "page_count": 2}
    assert "filter%5Bstatus%5D=pending" in document["links"]["next"]


def test_filters__apply_to_related_lists(made: list[OrderFactory]) -> None:
    # given
    order = made[0].source_order
    assert order is not None
    path = f"/orders/{order.public_id}/order_copies"

    # when
    documents = API(staff()).get(f"{path}?filter[q][reference_eq]=alpha-2").json()["data"]

    # then
    assert [data["id"] for data in documents] == [made[1].public_id]


class LineItemFilterSet(django_filters.FilterSet):  # type: ignore[misc]
    """A filter that a shop adds to line items."""

    at_least = django_filters.NumberFilter("quantity", "gte")


@pytest.fixture
def line_items_viewset(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Let a test set attributes of the viewset of line items; the filter set is cached."""
    filterset_of.cache_clear()
    yield monkeypatch
    filterset_of.cache_clear()


@pytest.mark.parametrize(
    ("option", "value", "name"),
    [
        ("filterset_class", LineItemFilterSet, "at_least"),
        ("filterset_fields", {"quantity": ["gte"]}, "quantity__gte"),
    ],
)
def test_plain_filters__filter_set_of_the_viewset_adds_names(
    line_items_viewset: pytest.MonkeyPatch, option: str, value: Any, name: str
) -> None:
    # given
    order = placed_order(lines=[{"quantity": 1}, {"quantity": 5}])
    line_items_viewset.setattr(resource_of("line_items").viewset, option, value, raising=False)
    api = API(staff())

    # when
    found = api.get(f"/line_items?filter[{name}]=4").json()["data"]
    by_plain_name = api.get("/line_items?filter[quantity]=5").json()["data"]
    refused = api.get(f"/line_items?filter[{name}]=four")

    # then
    line = LineItem.objects.get(order=order, quantity=5)
    assert [data["id"] for data in found] == [line.public_id]
    assert [data["id"] for data in by_plain_name] == [line.public_id]
    assert the_error_in(refused) == (400, "INVALID_FILTER_VALUE", None)


REFUSED = [
    ("filter[q][errors_log_null]=true", "FILTER_NOT_ALLOWED"),
    ("filter[q][place_target_order_true]=true", "FILTER_NOT_ALLOWED"),
    ("filter[place_target_order]=true", "FILTER_NOT_ALLOWED"),
    ("filter[errors_log]=x", "FILTER_NOT_ALLOWED"),
    ("filter[nonsense]=x", "FILTER_NOT_ALLOWED"),
    ("filter[q][nonsense_eq]=x", "FILTER_NOT_ALLOWED"),
    ("filter[q][worker_eq]=x", "FILTER_NOT_ALLOWED"),
    ("filter[q][pk_eq]=1", "FILTER_NOT_ALLOWED"),
    ("filter[q][source_order__number_eq]=1", "FILTER_NOT_ALLOWED"),
    ("filter[q][source_order_payment_source_token_eq]=1", "FILTER_NOT_ALLOWED"),
    ("filter[q][event_stores_who_jcont]={}", "FILTER_NOT_ALLOWED"),
    ("filter[q][order_subscription_id_cont]=AbcdefghiJ", "FILTER_NOT_ALLOWED"),
    ("filter[q][reference_or_nonsense_eq]=x", "FILTER_NOT_ALLOWED"),
    ("filter[q][errors_count_cont]=1", "FILTER_NOT_ALLOWED"),
    ("filter[q][created_at_start]=2024", "FILTER_NOT_ALLOWED"),
    ("filter[q][metadata_eq]={}", "FILTER_NOT_ALLOWED"),
    ("filter[q][reference_jcont]={}", "FILTER_NOT_ALLOWED"),
    ("filter[q][reference_true]=true", "FILTER_NOT_ALLOWED"),
    ("filter[q][id_gt]=AbcdefghiJ", "FILTER_NOT_ALLOWED"),
    (
        "filter[q][source_order_order_copies_source_order_order_copies_id_eq]=AbcdefghiJ",
        "FILTER_NOT_ALLOWED",
    ),
    ("filter[q][reference_regex]=x", "INVALID_FILTERS_SYNTAX"),
    ("filter[q][reference]=x", "INVALID_FILTERS_SYNTAX"),
    ("filter[q]=x", "FILTER_NOT_ALLOWED"),
    ("filter=x", "PARAM_NOT_ALLOWED"),
    ("filter[]=x", "INVALID_FILTERS_SYNTAX"),
    ("filter[q][]=x", "INVALID_FILTERS_SYNTAX"),
    ("filter[q][a][b]=x", "INVALID_FILTERS_SYNTAX"),
    ("filter[p][reference_eq]=x", "INVALID_FILTERS_SYNTAX"),
    ("filter[q][reference_eq=x", "INVALID_FILTERS_SYNTAX"),
    ("&".join(f"filter[q][reference_eq{'x' * n}]=1" for n in range(101)), "INVALID_FILTERS_SYNTAX"),
    (
        "filter[q][reference_or_reference_origin_or_status_cont_any]=" + ",".join("a" * 99),
        "INVALID_FILTERS_SYNTAX",
    ),
    ("filter[q][errors_count_eq]=one", "INVALID_FILTER_VALUE"),
    (f"filter[q][metadata_jcont]={json.dumps({'a': [1] * 100})}", "INVALID_FILTER_VALUE"),
    (
        f"filter[metadata]={json.dumps({'a': {str(n): n for n in range(100)}})}",
        "INVALID_FILTER_VALUE",
    ),
    ("filter[q][errors_count_eq]=", "INVALID_FILTER_VALUE"),
    ("filter[q][errors_count_eq]=1.5", "INVALID_FILTER_VALUE"),
    ("filter[q][errors_count_eq]=99999999999999999999", "INVALID_FILTER_VALUE"),
    ("filter[q][errors_count_eq]=1000000000000000000", "INVALID_FILTER_VALUE"),
    ("filter[q][errors_count_in]=1,,2", "INVALID_FILTER_VALUE"),
    ("filter[q][errors_count_in]=" + ",".join("1" * 101), "INVALID_FILTER_VALUE"),
    ("filter[q][created_at_gt]=yesterday", "INVALID_FILTER_VALUE"),
    ("filter[q][created_at_gt]=2024-13-01", "INVALID_FILTER_VALUE"),
    ("filter[q][created_at_gt]=9999-12-31T23:59:59.999999Z", "INVALID_FILTER_VALUE"),
    ("filter[q][created_at_gt]=0001-01-01", "INVALID_FILTER_VALUE"),
    ("filter[q][created_at_gt]=2024-W01-1", "INVALID_FILTER_VALUE"),
    ("filter[q][created_at_gt]=20240101", "INVALID_FILTER_VALUE"),
    ("filter[q][source_order_tax_rate_eq]=%D9%A0.19", "INVALID_FILTER_VALUE"),
    ("filter[q][source_order_tax_rate_eq]=0_1", "INVALID_FILTER_VALUE"),
    ("filter[q][source_order_tax_rate_in]=0.19,+0.22", "INVALID_FILTER_VALUE"),
    ("filter[q][reference_null]=yes", "INVALID_FILTER_VALUE"),
    ("filter[q][metadata_jcont]=[]", "INVALID_FILTER_VALUE"),
    ("filter[q][metadata_jcont]=nonsense", "INVALID_FILTER_VALUE"),
    ("filter[q][metadata_jcont]=" + "[" * 5000, "INVALID_FILTER_VALUE"),
    ("filter[q][metadata_jcont]={%22a%22:%22%5Cu0000%22}", "INVALID_FILTER_VALUE"),
    ("filter[q][reference_eq]=%00", "INVALID_FILTER_VALUE"),
    ("filter[q][reference_matches]=" + "%25" * 256, "INVALID_FILTER_VALUE"),
    ("filter[q][id_eq]=nonsense", "INVALID_FILTER_VALUE"),
    ("filter[q][source_order_id_eq]=%00", "INVALID_FILTER_VALUE"),
    ("filter[created_at_from]=yesterday", "INVALID_FILTER_VALUE"),
    ("filter[errors_count]=one", "INVALID_FILTER_VALUE"),
    ("filter[status]=%00", "INVALID_FILTER_VALUE"),
    ("filter[ids]=1,2", "INVALID_FILTER_VALUE"),
]


@pytest.mark.parametrize(("query", "code"), REFUSED)
def test_filters__invalid_ones_are_refused(query: str, code: str) -> None:
    response = API(staff()).get(f"/order_copies?{query}")

    assert the_error_in(response) == (400, code, None)


@pytest.mark.parametrize(
    "query",
    [
        "filter[q][errors_count_eq]=999999999999999999",
        "filter[q][errors_count_in]=-999999999999999999,1",
        "filter[q][errors_count_lt]=-999999999999999999",
        "filter[q][created_at_lt]=1000-01-01T00:00:00%2B14:00",
        "filter[q][created_at_gt]=2999-12-31T23:59:59.999999999-14:00",
        "filter[q][reference_eq]=",
        "filter[q][reference_in]=,,",
        "filter[q][reference_cont]=%25_\\",
        "filter[q][reference_matches]=\\",
        "filter[q][reference_eq]=%F0%9F%98%80",
        "filter[q][reference_eq]=%ED%A0%80",
        "filter[q][metadata_jcont]={%22a%22:null}",
        "filter[q][events_name_cont]=x",
        f"filter[q][{'reference_or_' * 12}reference_cont_any]=" + ",".join("a" * 100),
    ],
)
def test_filters__extreme_values_find_nothing(query: str) -> None:
    # given
    OrderCopyFactory()

    # when
    response = API(staff()).get(f"/order_copies?{query}")

    # then
    assert response.status_code == 200
    assert response.json()["data"] == []


def test_filters__every_resource_type_answers() -> None:
    # given
    customer = CustomerFactory()
    placed_order(lines=1, customer=customer)
    api = API(staff(*PERMISSIONS, "view_coupon"))

    # when
    statuses = [
        api.get(f"/{path}").status_code
        for path in (
            "customers?filter[q][status_eq]=acquired",
            "customers?filter[q][total_orders_count_gteq]=1&sort=-status",
            "promotions?filter[q][coupons_count_gt]=0&filter[q][coupons_code_eq]=x",
            "coupons?filter[q][promotion_market_code_eq]=x",
            "customer_payment_sources?filter[q][payment_method_name_or_name_cont]=x",
            "line_items?filter[q][order_number_or_sku_code_start]=x",
            "line_item_options?filter[q][line_item_order_customer_email_cont]=x",
            "events?filter[q][name_matches]=order%25&sort=-created_at",
            "order_factories?filter[type]=order_copies&filter[events_id]=AbcdefghiJ",
        )
    ]

    # then
    assert set(statuses) == {200}
