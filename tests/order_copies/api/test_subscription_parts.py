"""Items, subscription models and recurring copies over the API (contract 2.2, 2.4, 2.5)."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from order_copies.events.models import Event
from order_copies.jsonapi.resources import resource_of
from order_copies.models import (
    OrderFactory,
    OrderSubscription,
    OrderSubscriptionItem,
    RecurringOrderCopy,
    SubscriptionModel,
)
from tests.api import API, PERMISSIONS, errors_in, service, shopper, staff, the_error_in
from tests.factories import (
    PLACED_AT,
    CustomerFactory,
    OrderCopyFactory,
    OrderSubscriptionFactory,
    OrderSubscriptionItemFactory,
    SkuFactory,
    SubscriptionModelFactory,
    placed_order,
)

pytestmark = pytest.mark.django_db

#: Creatable, updatable, fetched, filterable, sortable: the tables of contract 2.2, 2.4 and 2.5.
COMMON = {
    "created_at": "--FQS",
    "updated_at": "--FQS",
    "reference": "CUFQS",
    "reference_origin": "CUFQS",
    "metadata": "CUFQ-",
}
ATTRIBUTES = {
    "order_subscription_items": {
        # A filter by the code of the SKU is one by this column.
        "sku_code": "CUFQ-",
        "bundle_code": "CUF--",
        "quantity": "CUFQS",
        "unit_amount_cents": "CUFQS",
        "unit_amount_float": "--F--",
        "formatted_unit_amount": "--F--",
        "total_amount_cents": "--F--",
        "total_amount_float": "--F--",
        "formatted_total_amount": "--F--",
        **COMMON,
        "name": "--F--",
        "currency_code": "--F--",
    },
    "subscription_models": {
        "name": "CUFQS",
        "strategy": "CUFQS",
        "frequencies": "CUF--",
        "auto_activate": "CUF--",
        "auto_cancel": "CUF--",
        **COMMON,
    },
    "recurring_order_copies": {
        "type": "--FQS",
        "status": "--FQS",
        "started_at": "--FQS",
        "completed_at": "--FQS",
        "failed_at": "--FQS",
        "errors_log": "--F--",
        "errors_count": "--FQS",
        "place_target_order": "C-F--",
        "reuse_wallet": "C-F--",
        **COMMON,
        "outcomes": "--F--",
    },
}
ON_REQUEST = {
    "order_subscription_items": {"name", "currency_code"},
    "subscription_models": set(),
    "recurring_order_copies": {"outcomes"},
}
#: Creatable, filterable, sortable, includable.
RELATIONSHIPS = {
    "order_subscription_items": {
        "order_subscription": "CQ-I",
        "item": "CQ-I",
        "sku": "CQ-I",
        "source_line_item": "-Q-I",
        "event_stores": "----",
    },
    "recurring_order_copies": {
        "source_order": "CQ-I",
        "target_order": "-Q-I",
        "events": "-Q-I",
        "event_stores": "----",
        "order_subscription": "CQSI",
    },
}
ABILITIES = [
    f"{verb}_{name}"
    for verb in ("add", "change", "delete")
    for name in ("ordersubscription", "ordersubscriptionitem", "subscriptionmodel")
]


@pytest.fixture
def api() -> API:
    """A client that may do everything with subscriptions."""
    return API(staff(*PERMISSIONS, *ABILITIES))


def linkage(row: Any) -> dict[str, Any]:
    return {"data": {"type": row.resource_type, "id": row.public_id}}


def body(row: Any, **attributes: Any) -> dict[str, Any]:
    """Return the body of a request to change a row."""
    data = {"type": row.resource_type, "id": row.public_id, "attributes": attributes}
    return {"data": data}


def new(resource_type: str, related: dict[str, Any], **attributes: Any) -> dict[str, Any]:
    """Return the body of a request for a new resource."""
    relationships = {name: linkage(row) for name, row in related.items()}
    data = {"type": resource_type, "attributes": attributes, "relationships": relationships}
    return {"data": data}


def url(row: Any) -> str:
    return f"/{row.resource_type}/{row.public_id}"


def state() -> tuple[Any, ...]:
    """Return all rows of subscriptions, and the number of copies and events."""
    models: list[Any] = [OrderSubscription, OrderSubscriptionItem, SubscriptionModel]
    rows = [list(model.objects.order_by("pk").values()) for model in models]
    return (*rows, OrderFactory.objects.count(), Event.objects.count())


@pytest.mark.parametrize("resource_type", ATTRIBUTES)
def test_attributes__are_those_of_the_contract_in_its_order(resource_type: str) -> None:
    # given
    resource, wanted = resource_of(resource_type), ATTRIBUTES[resource_type]
    options = {"creatable": "C", "updatable": "U", "name": "F", "filterable": "Q", "sortable": "S"}

    # when
    found = {
        it.name: "".join(letter if getattr(it, one) else "-" for one, letter in options.items())
        for it in resource.attributes
    }

    # then
    assert found == wanted
    assert list(found) == list(wanted)
    on_request = {it.name for it in resource.attributes if it.on_request}
    assert on_request == ON_REQUEST[resource_type]


@pytest.mark.parametrize("resource_type", RELATIONSHIPS)
def test_relationships__are_those_of_the_contract(resource_type: str) -> None:
    # given
    options = {"creatable": "C", "offers_filters": "Q", "sortable": "S", "includable": "I"}

    # when
    found = {
        it.name: "".join(letter if getattr(it, one) else "-" for one, letter in options.items())
        for it in resource_of(resource_type).relationships
    }

    # then
    assert found == RELATIONSHIPS[resource_type]


# Items


def test_item__is_created_for_a_sku(api: API) -> None:
    # given
    one, sku = OrderSubscriptionFactory(automatic=True), SkuFactory()
    request = new(
        "order_subscription_items",
        {"order_subscription": one, "item": sku},
        quantity=3,
        unit_amount_cents=1950,
        metadata={"gift": True},
    )

    # when
    response = api.post("/order_subscription_items?include=item,sku", request)

    # then
    item = OrderSubscriptionItem.objects.get()
    document = response.json()
    attributes = document["data"]["attributes"]
    assert response.status_code == 201
    assert {name: attributes[name] for name in list(attributes)[:9]} == {
        "sku_code": sku.code,
        "bundle_code": None,
        "quantity": 3,
        "unit_amount_cents": 1950,
        "unit_amount_float": 19.5,
        "formatted_unit_amount": "€19.50",
        "total_amount_cents": 5850,
        "total_amount_float": 58.5,
        "formatted_total_amount": "€58.50",
    }
    assert [it["id"] for it in document["included"]] == [sku.public_id]
    assert document["data"]["relationships"]["sku"]["data"]["id"] == sku.public_id
    assert (item.order_subscription, item.metadata) == (one, {"gift": True})
    [event] = Event.objects.all()
    assert (event.resource_type, event.resource_id) == ("order_subscription_items", str(item.pk))


@pytest.mark.parametrize("named", ["item", "sku", "sku_code"])
def test_item__gets_the_price_and_the_name_of_its_sku(api: API, named: str) -> None:
    # given
    one, sku = OrderSubscriptionFactory(automatic=True), SkuFactory(price=1234)
    related = {"order_subscription": one} | ({named: sku} if named != "sku_code" else {})
    attributes = {"sku_code": sku.code} if named == "sku_code" else {}
    request = new("order_subscription_items", related, quantity=1, **attributes)

    # when
    fields = "fields[order_subscription_items]=name,currency_code,unit_amount_cents"
    response = api.post(f"/order_subscription_items?{fields}", request)

    # then
    assert response.json()["data"]["attributes"] == {
        "unit_amount_cents": 1234,
        "name": sku.name,
        "currency_code": "EUR",
    }


BAD_ITEMS: dict[str, tuple[dict[str, Any], str]] = {
    "no quantity": ({}, "quantity"),
    "no pieces": ({"quantity": 0}, "quantity"),
    "negative": ({"quantity": -1}, "quantity"),
    "null": ({"quantity": None}, "quantity"),
    "half a piece": ({"quantity": 0.5}, "quantity"),
    "text": ({"quantity": "2"}, "quantity"),
    "too many": ({"quantity": 2**31}, "quantity"),
    "far too many": ({"quantity": 2**62}, "quantity"),
    "total too large": ({"quantity": 2**30, "unit_amount_cents": 2**40}, "quantity"),
    "negative amount": ({"quantity": 1, "unit_amount_cents": -1}, "unit_amount_cents"),
    "huge amount": ({"quantity": 1, "unit_amount_cents": 2**63}, "unit_amount_cents"),
    "float amount": ({"quantity": 1, "unit_amount_cents": 1.5}, "unit_amount_cents"),
    "long code": ({"quantity": 1, "sku_code": "x" * 65}, "sku_code"),
    "NUL": ({"quantity": 1, "bundle_code": "\0"}, "bundle_code"),
}


@pytest.mark.parametrize(("attributes", "name"), BAD_ITEMS.values(), ids=BAD_ITEMS)
def test_item__invalid_value_is_refused(api: API, attributes: dict[str, Any], name: str) -> None:
    # given
    one, sku = OrderSubscriptionFactory(automatic=True), SkuFactory()
    values = {"sku_code": sku.code, "unit_amount_cents": 100} | attributes
    request = new("order_subscription_items", {"order_subscription": one}, **values)
    before = state()

    # when
    response = api.post("/order_subscription_items", request)

    # then
    assert the_error_in(response) == (422, "VALIDATION_ERROR", f"/data/attributes/{name}")
    assert state() == before


@pytest.mark.parametrize("attributes", [{}, {"sku_code": None}, {"sku_code": ""}])
def test_item__needs_a_sku(api: API, attributes: dict[str, Any]) -> None:
    # given
    one = OrderSubscriptionFactory(automatic=True)
    request = new("order_subscription_items", {"order_subscription": one}, quantity=1, **attributes)

    # when
    response = api.post("/order_subscription_items", request)

    # then
    assert the_error_in(response) == (422, "VALIDATION_ERROR", "/data/relationships/item")
    assert errors_in(response)[0]["meta"] == {"error": "blank"}


def test_item__names_one_sku_only(api: API) -> None:
    # given
    related = {
        "order_subscription": OrderSubscriptionFactory(automatic=True),
        "item": SkuFactory(),
        "sku": SkuFactory(),
    }
    before = state()

    # when
    request = new("order_subscription_items", related, quantity=1, unit_amount_cents=1)
    response = api.post("/order_subscription_items", request)

    # then
    assert the_error_in(response) == (422, "VALIDATION_ERROR", "/data/relationships/item")
    assert state() == before


def test_item__unknown_sku_code_is_refused(api: API) -> None:
    # given
    one = OrderSubscriptionFactory(automatic=True)
    before = state()

    # when
    values = {"quantity": 1, "unit_amount_cents": 1, "sku_code": "no such thing"}
    request = new("order_subscription_items", {"order_subscription": one}, **values)
    response = api.post("/order_subscription_items", request)

    # then
    assert the_error_in(response) == (422, "VALIDATION_ERROR", "/data/attributes/sku_code")
    assert state() == before


@pytest.mark.parametrize("kind", ["manual", "cancelled"])
def test_item__only_of_an_automatic_subscription_that_goes_on(api: API, kind: str) -> None:
    # given
    status = "cancelled" if kind == "cancelled" else "active"
    one = OrderSubscriptionFactory(automatic=kind == "cancelled", status=status)
    before = state()

    # when
    related = {"order_subscription": one, "item": SkuFactory()}
    request = new("order_subscription_items", related, quantity=1, unit_amount_cents=1)
    response = api.post("/order_subscription_items", request)

    # then
    pointer = "/data/relationships/order_subscription"
    assert the_error_in(response) == (422, "VALIDATION_ERROR", pointer)
    assert errors_in(response)[0]["meta"] == {"error": kind}
    assert state() == before


def test_item__of_another_customers_subscription_is_not_found() -> None:
    # given
    item = OrderSubscriptionItemFactory()
    api = API(shopper(CustomerFactory()))
    related = {"order_subscription": item.order_subscription, "item": SkuFactory()}
    request = new("order_subscription_items", related, quantity=1, unit_amount_cents=1)
    before = state()

    # when
    answers = [
        api.post("/order_subscription_items", request),
        api.get(url(item)),
        api.patch(url(item), body(item, quantity=9)),
        api.delete(url(item)),
    ]

    # then
    pointer = "/data/relationships/order_subscription"
    assert the_error_in(answers[0]) == (404, "RECORD_NOT_FOUND", pointer)
    assert [the_error_in(it) for it in answers[1:]] == [(404, "RECORD_NOT_FOUND", None)] * 3
    assert state() == before


def test_item__is_changed_and_deleted_by_its_customer() -> None:
    # given
    item = OrderSubscriptionItemFactory()
    one = item.order_subscription
    OrderSubscriptionItemFactory(order_subscription=one)
    api = API(shopper(one.source_order.customer))

    # when
    changed = api.patch(url(item), body(item, quantity=5, reference="R"))
    deleted = api.delete(url(item))

    # then
    assert changed.json()["data"]["attributes"]["total_amount_cents"] == 5 * 1800
    assert deleted.status_code == 204
    assert one.order_subscription_items.count() == 1


def test_item__last_one_cannot_be_deleted(api: API) -> None:
    # given
    item = OrderSubscriptionItemFactory()
    before = state()

    # when
    response = api.delete(url(item))

    # then
    assert the_error_in(response) == (423, "LOCKED", None)
    assert state() == before


def test_item__changes_that_cost_need_the_scope_for_placing() -> None:
    # given
    item = OrderSubscriptionItemFactory()
    api = API(service("view_order", "change_order", *ABILITIES), scopes=["read", "copy"])

    # when
    statuses = [
        api.patch(url(item), body(item, **{name: 7 if name == "quantity" else "R"})).status_code
        for name in ("reference", "quantity")
    ]

    # then
    assert statuses == [200, 401]


@pytest.mark.parametrize("name", ["order_subscription", "item", "sku", "source_line_item"])
def test_item__relationships_are_not_changed(api: API, name: str) -> None:
    # given
    item = OrderSubscriptionItemFactory()
    request = body(item)
    request["data"]["relationships"] = {name: {"data": None}}

    # when
    response = api.patch(url(item), request)

    # then
    assert the_error_in(response) == (400, "PARAM_NOT_ALLOWED", f"/data/relationships/{name}")


def test_items__are_filtered_sorted_and_linked(api: API) -> None:
    # given
    first, second = OrderSubscriptionItemFactory(quantity=9), OrderSubscriptionItemFactory()
    line = placed_order(lines=1).line_items.get(item_type="skus")
    OrderSubscriptionItem.objects.filter(pk=second.pk).update(source_line_item_key=str(line.pk))

    # when
    def ids(query: str) -> list[str]:
        found = api.get(f"/order_subscription_items?{query}").json()["data"]
        return [data["id"] for data in found]

    # then
    assert ids("sort=-quantity") == [first.public_id, second.public_id]
    assert ids("filter[q][unit_amount_cents_gteq]=1800&sort=quantity")[0] == second.public_id
    assert ids(f"filter[q][sku_code_eq]={first.sku_code}") == [first.public_id]
    assert ids(f"filter[q][item_name_eq]=Article {second.sku_code}") == [second.public_id]
    assert ids(f"filter[q][source_line_item_id_eq]={line.public_id}") == [second.public_id]
    assert ids("filter[q][source_line_item_id_null]=true") == [first.public_id]
    own = first.order_subscription.public_id
    assert ids(f"filter[q][order_subscription_id_eq]={own}") == [first.public_id]
    related = api.get(f"{url(second)}/source_line_item").json()["data"]
    assert related["id"] == line.public_id
    assert api.get(f"{url(first)}/source_line_item").json() == {"data": None}


# Subscription models


def test_model__is_created_changed_and_deleted(api: API) -> None:
    # given
    frequencies = ["weekly", "two-months", "0 8 * * mon", "weekly"]
    request = new("subscription_models", {}, name="Club", frequencies=frequencies)

    # when
    created = api.post("/subscription_models", request)
    model = SubscriptionModel.objects.get()
    changed = api.patch(url(model), body(model, strategy="by_line_items", auto_cancel=True))
    deleted = api.delete(url(model))

    # then
    rules = {
        "name": "Club",
        "strategy": "by_frequency",
        "frequencies": ["weekly", "two-month", "0 8 * * MON"],
        "auto_activate": True,
        "auto_cancel": False,
    }
    assert created.status_code == 201
    assert created.json()["data"]["attributes"].items() >= rules.items()
    attributes = changed.json()["data"]["attributes"]
    assert (
        attributes.items() >= (rules | {"strategy": "by_line_items", "auto_cancel": True}).items()
    )
    assert deleted.status_code == 204
    assert not SubscriptionModel.objects.exists()
    kinds = [(event.kind, set(event.changes)) for event in Event.objects.order_by("pk")]
    assert kinds == [
        ("create", set(rules)),
        ("update", {"strategy", "auto_cancel"}),
        ("destroy", set(rules)),
    ]


BAD_MODELS: dict[str, tuple[dict[str, Any], str]] = {
    "no name": ({"name": None}, "name"),
    "empty name": ({"name": ""}, "name"),
    "long name": ({"name": "x" * 256}, "name"),
    "unknown strategy": ({"strategy": "by_chance"}, "strategy"),
    "flag": ({"auto_cancel": 1}, "auto_cancel"),
    "no frequencies": ({"frequencies": None}, "frequencies"),
    "empty list": ({"frequencies": []}, "frequencies"),
    "text": ({"frequencies": "weekly"}, "frequencies"),
    "numbers": ({"frequencies": [7]}, "frequencies"),
    "unknown": ({"frequencies": ["weekly", "often"]}, "frequencies"),
    "finer than hourly": ({"frequencies": ["*/30 * * * *"]}, "frequencies"),
    "NUL": ({"frequencies": ["week\0ly"]}, "frequencies"),
    "half a letter": ({"frequencies": ["\ud800"]}, "frequencies"),
    "too many": ({"frequencies": ["weekly"] * 101}, "frequencies"),
}


@pytest.mark.parametrize(("attributes", "name"), BAD_MODELS.values(), ids=BAD_MODELS)
def test_model__invalid_value_is_refused(api: API, attributes: dict[str, Any], name: str) -> None:
    # given
    model = SubscriptionModelFactory()
    values = {"name": "Club", "frequencies": ["weekly"]} | attributes
    before = state()

    # when
    answers = [
        api.post("/subscription_models", new("subscription_models", {}, **values)),
        api.patch(url(model), body(model, **attributes)),
    ]

    # then
    wanted = (422, "VALIDATION_ERROR", f"/data/attributes/{name}")
    assert [the_error_in(it) for it in answers] == [wanted] * 2
    assert state() == before


def test_model__name_and_frequencies_are_required(api: API) -> None:
    response = api.post("/subscription_models", new("subscription_models", {}))

    pointers = {error["source"]["pointer"] for error in errors_in(response)}
    assert pointers == {"/data/attributes/name", "/data/attributes/frequencies"}


def test_model__in_use_is_locked(api: API) -> None:
    # given
    model = OrderSubscriptionFactory(automatic=True).subscription_model
    before = state()

    # when
    response = api.delete(url(model))

    # then
    assert the_error_in(response) == (423, "LOCKED", None)
    assert state() == before


def test_model__is_read_by_every_client_and_written_by_staff() -> None:
    # given
    model = SubscriptionModelFactory()
    api = API(shopper(CustomerFactory()))
    before = state()

    # when
    read = api.get(url(model))
    answers = [
        api.post("/subscription_models", new("subscription_models", {}, name="Own")),
        api.patch(url(model), body(model, name="Own")),
        api.delete(url(model)),
    ]

    # then
    assert read.json()["data"]["id"] == model.public_id
    assert [the_error_in(it) for it in answers] == [(401, "UNAUTHORIZED", None)] * 3
    assert state() == before


# Recurring copies


def automatic(**values: Any) -> OrderSubscription:
    """Create an automatic subscription with an item."""
    item = OrderSubscriptionItemFactory(
        **{f"order_subscription__{name}": it for name, it in values.items()}
    )
    one: OrderSubscription = item.order_subscription
    return one


def request_for(one: OrderSubscription, **attributes: Any) -> dict[str, Any]:
    """Return the body of a request for the next copy of a subscription."""
    related = {"order_subscription": one, "source_order": one.source_order}
    return new("recurring_order_copies", related, **attributes)


def test_recurring_copy__is_that_of_the_next_slot(api: API) -> None:
    # given
    one = automatic()
    slot = one.next_run_at

    # when
    query = "include=order_subscription"
    request = request_for(one, reference="R", reuse_wallet=False)
    response = api.post(f"/recurring_order_copies?{query}", request)

    # then
    order_copy = RecurringOrderCopy.objects.get()
    document = response.json()
    assert response.status_code == 201
    assert response["Location"].endswith(f"/recurring_order_copies/{order_copy.public_id}")
    attributes = document["data"]["attributes"]
    assert (attributes["type"], attributes["status"]) == ("recurring_order_copies", "pending")
    # As the subscription wants it, unless the request says otherwise.
    assert attributes["place_target_order"] is True
    assert attributes["reuse_wallet"] is False
    [included] = document["included"]
    assert included["attributes"]["status"] == "running"
    assert (order_copy.scheduled_for, order_copy.order_subscription) == (slot, one)
    names = {event.name for event in Event.objects.all()}
    assert "recurring_order_copies.create" in names


def test_recurring_copy__is_refused_while_one_runs(api: API) -> None:
    # given
    one = automatic()
    api.post("/recurring_order_copies", request_for(one))
    before = state()

    # when
    response = api.post("/recurring_order_copies", request_for(one))

    # then
    assert the_error_in(response) == (422, "VALIDATION_ERROR", "/data/attributes/status")
    assert state() == before


def test_recurring_copy__is_requested_once_by_its_idempotency_key(api: API) -> None:
    # given
    one, headers = automatic(), {"Idempotency-Key": "once"}

    # when
    first = api.post("/recurring_order_copies", request_for(one), **headers)
    again = api.post("/recurring_order_copies", request_for(one), **headers)

    # then
    assert [first.status_code, again.status_code] == [201, 201]
    assert again["Idempotent-Replayed"] == "true"
    assert first.json() == again.json()
    assert OrderFactory.objects.count() == 1


@pytest.mark.parametrize("query", ["", "?dry_run=true"])
@pytest.mark.parametrize("status", ["draft", "inactive", "cancelled"])
def test_recurring_copy__needs_an_active_subscription(api: API, status: str, query: str) -> None:
    # given
    one = automatic(status=status)
    before = state()

    # when
    response = api.post(f"/recurring_order_copies{query}", request_for(one))

    # then
    assert the_error_in(response) == (422, "VALIDATION_ERROR", "/data/attributes/status")
    assert state() == before


def test_recurring_copy__needs_an_automatic_subscription(api: API) -> None:
    # given
    one = OrderSubscriptionFactory()
    before = state()

    # when
    response = api.post("/recurring_order_copies", request_for(one))

    # then
    pointer = "/data/relationships/order_subscription"
    assert the_error_in(response) == (422, "VALIDATION_ERROR", pointer)
    assert state() == before


def test_recurring_copy__source_must_be_that_of_the_subscription(api: API) -> None:
    # given
    one = automatic()
    related = {"order_subscription": one, "source_order": placed_order()}
    before = state()

    # when
    response = api.post("/recurring_order_copies", new("recurring_order_copies", related))

    # then
    pointer = "/data/relationships/source_order"
    assert the_error_in(response) == (422, "VALIDATION_ERROR", pointer)
    assert state() == before


def test_recurring_copy__of_another_customer_is_not_found() -> None:
    # given
    one, own = automatic(), placed_order()
    api = API(shopper(own.customer))
    related = {"order_subscription": one, "source_order": own}
    before = state()

    # when
    response = api.post("/recurring_order_copies", new("recurring_order_copies", related))

    # then
    pointer = "/data/relationships/order_subscription"
    assert the_error_in(response) == (404, "RECORD_NOT_FOUND", pointer)
    assert state() == before


@pytest.mark.parametrize(
    "name", ["cancel_source_order", "apply_promotions", "skip_errors", "plan_digest"]
)
def test_recurring_copy__options_of_order_copies_are_not_allowed(api: API, name: str) -> None:
    response = api.post("/recurring_order_copies", request_for(automatic(), **{name: True}))

    assert the_error_in(response) == (400, "PARAM_NOT_ALLOWED", f"/data/attributes/{name}")


def test_recurring_copy__dry_run_previews_the_items(api: API) -> None:
    # given
    one = automatic(next_run_at=timezone.now() + timedelta(days=2))
    before = state()

    # when
    request = request_for(one, place_target_order=False)
    response = api.post("/recurring_order_copies?dry_run=true", request)

    # then
    meta = response.json()["meta"]
    lines = [it for it in meta["outcomes"] if it["attribute"] == "line_items"]
    assert (response.status_code, meta["status"]) == (200, "completed")
    assert lines[0]["name"] == one.order_subscription_items.get().name
    assert state() == before


def test_recurring_copy__is_aborted_and_retried(api: API) -> None:
    # given
    one = automatic()
    order_copy = OrderCopyFactory(
        source_order=one.source_order,
        type="recurring_order_copies",
        order_subscription=one,
        scheduled_for=PLACED_AT,
        failed=True,
    )
    path = f"/recurring_order_copies/{order_copy.public_id}"
    data = {"type": "recurring_order_copies", "id": order_copy.public_id}

    # when
    answers = [
        api.patch(path, {"data": {**data, "attributes": {trigger: True}}}).json()["data"]
        for trigger in ("_retry", "_abort")
    ]

    # then
    assert [it["attributes"]["status"] for it in answers] == ["pending", "aborted"]
