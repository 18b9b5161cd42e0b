"""Subscriptions over the API (contract 2.3): documents, writes, triggers, filter scopes."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django.fixtures import DjangoAssertNumQueries

from order_copies.events.models import Event
from order_copies.jsonapi.fields import instant
from order_copies.jsonapi.resources import resource_of
from order_copies.models import Kind, OrderSubscription, SubscriptionStatus
from orders.models import Order
from tests.api import API, PERMISSIONS, errors_in, service, shopper, staff, the_error_in
from tests.factories import (
    PLACED_AT,
    CustomerFactory,
    CustomerPaymentSourceFactory,
    MarketFactory,
    OrderCopyFactory,
    OrderSubscriptionFactory,
    OrderSubscriptionItemFactory,
    SubscriptionModelFactory,
    pending_order,
    placed_order,
)

pytestmark = pytest.mark.django_db

#: Creatable, updatable, fetched, filterable, sortable: the table of contract 2.3, and additions.
ATTRIBUTES = {
    "number": "--FQS",
    "status": "--FQS",
    "frequency": "CUFQS",
    "activate_by_source_order": "CUF--",
    "place_target_order": "CUF--",
    "renewal_alert_period": "CUF--",
    "customer_email": "--FQ-",
    "starts_at": "C-FQS",
    "expires_at": "CUFQS",
    "last_run_at": "--FQS",
    "next_run_at": "-UFQS",
    "occurrencies": "--FQS",
    "errors_count": "--FQS",
    "succeeded_on_last_run": "--FQS",
    "options": "CUF--",
    "created_at": "--FQS",
    "updated_at": "--FQS",
    "reference": "CUFQS",
    "reference_origin": "CUFQS",
    "metadata": "CUFQ-",
}
ADDITIONS = {
    "resumes_at": "-UF--",
    "attention": "--FQ-",
    "price_policy": "CUF--",
    "max_price_increase_percent": "CUF--",
}
#: Creatable, updatable, filterable, includable.
RELATIONSHIPS = {
    "market": "C-QI",
    "subscription_model": "C-QI",
    "source_order": "C-QI",
    "customer": "--QI",
    "customer_payment_source": "-UQI",
    "order_subscription_items": "--QI",
    "order_factories": "--QI",
    "recurring_order_copies": "--QI",
    "order_copies": "--QI",
    "orders": "--QI",
    "events": "--QI",
    "event_stores": "----",
}
TRIGGERS = ["_activate", "_deactivate", "_cancel", "_convert", "_skip", "_unskip", "_run"]
ABILITIES = ["add_ordersubscription", "change_ordersubscription", "delete_ordersubscription"]


@pytest.fixture
def api() -> API:
    """A client that may do everything with subscriptions."""
    return API(staff(*PERMISSIONS, *ABILITIES))


def later(days: float) -> str:
    """Return an instant some days from now, as clients write it."""
    return instant(timezone.now() + timedelta(days=days))


def linkage(row: Any) -> dict[str, Any]:
    return {"data": {"type": row.resource_type, "id": row.public_id}}


def new(order: Any, *, related: dict[str, Any] | None = None, **attributes: Any) -> dict[str, Any]:
    """Return the body of a request to subscribe to an order, from tomorrow on."""
    values = {"frequency": "monthly", "activate_by_source_order": False, "starts_at": later(1)}
    relationships = {"source_order": linkage(order)} | {
        name: linkage(row) for name, row in (related or {}).items()
    }
    data = {
        "type": "order_subscriptions",
        "attributes": {name: it for name, it in (values | attributes).items() if it is not ...},
        "relationships": relationships,
    }
    return {"data": data}


def change(
    one: OrderSubscription, *, related: dict[str, Any] | None = None, **attributes: Any
) -> dict[str, Any]:
    """Return the body of a request to change a subscription."""
    data = {"type": "order_subscriptions", "id": one.public_id, "attributes": attributes}
    if related is not None:
        data["relationships"] = related
    return {"data": data}


def url(one: OrderSubscription) -> str:
    return f"/order_subscriptions/{one.public_id}"


def state() -> tuple[Any, ...]:
    """Return all subscriptions, their copies and the number of events."""
    subscriptions = list(OrderSubscription.objects.order_by("pk").values())
    copies = [one.order_factories.count() for one in OrderSubscription.objects.order_by("pk")]
    return subscriptions, copies, Event.objects.count()


def letters(found: Any, **options: str) -> str:
    return "".join(letter if getattr(found, name) else "-" for name, letter in options.items())


def test_attributes__are_those_of_the_contract_in_its_order() -> None:
    # given
    resource = resource_of("order_subscriptions")
    options = {"creatable": "C", "updatable": "U"}

    # when
    found = {
        it.name: letters(it, **options) + "F" + letters(it, filterable="Q", sortable="S")
        for it in resource.attributes
    }

    # then
    assert found == ATTRIBUTES | ADDITIONS
    assert list(found) == [*ATTRIBUTES, *ADDITIONS]
    assert {it.name for it in resource.attributes if it.on_request} == set(ADDITIONS)
    assert list(resource.triggers) == TRIGGERS


def test_relationships__are_those_of_the_contract_in_its_order() -> None:
    # given
    resource = resource_of("order_subscriptions")
    options = {"creatable": "C", "updatable": "U", "offers_filters": "Q", "includable": "I"}

    # when
    found = {it.name: letters(it, **options) for it in resource.relationships}

    # then
    assert found == RELATIONSHIPS
    assert list(found) == list(RELATIONSHIPS)
    assert [it.name for it in resource.relationships if it.required] == ["source_order"]


def test_create__answers_with_the_document_of_a_draft(api: API) -> None:
    # given
    order, starts_at = placed_order(lines=1), later(1)

    # when
    response = api.post("/order_subscriptions", new(order, starts_at=starts_at, reference="R"))

    # then
    one = OrderSubscription.objects.get()
    root = f"http://testserver/api/order_subscriptions/{one.public_id}"
    document = response.json()["data"]
    del document["meta"]["trace_id"]
    assert response.status_code == 201
    assert response["Location"] == root
    assert document == {
        "id": one.public_id,
        "type": "order_subscriptions",
        "links": {"self": root},
        "attributes": {
            "number": one.number,
            "status": "draft",
            "frequency": "monthly",
            "activate_by_source_order": False,
            "place_target_order": True,
            "renewal_alert_period": 1,
            "customer_email": order.customer_email,
            "starts_at": starts_at,
            "expires_at": None,
            "last_run_at": None,
            "next_run_at": None,
            "occurrencies": 0,
            "errors_count": 0,
            "succeeded_on_last_run": None,
            "options": {"activate_by_source_order": False, "place_target_order": True},
            "created_at": instant(one.created_at),
            "updated_at": instant(one.updated_at),
            "reference": "R",
            "reference_origin": None,
            "metadata": {},
        },
        "relationships": {
            name: {"links": {"self": f"{root}/relationships/{name}", "related": f"{root}/{name}"}}
            for name in RELATIONSHIPS
        },
        "meta": {"mode": "test", "organization_id": "xRRkjDFafe"},
    }
    assert list(document["attributes"]) == list(ATTRIBUTES)
    assert [event.name for event in Event.objects.all()] == ["order_subscriptions.create"]


def test_create__takes_all_attributes_and_the_market_of_the_order(api: API) -> None:
    # given
    order, expires_at = placed_order(lines=1), later(99)
    values = {
        "frequency": "two-months",
        "place_target_order": False,
        "renewal_alert_period": 720,
        "expires_at": expires_at,
        "price_policy": "frozen",
        "max_price_increase_percent": 12.5,
        "metadata": {"club": [1]},
    }

    # when
    body = new(order, related={"market": order.market}, **values)
    response = api.post("/order_subscriptions", body)

    # then
    assert response.status_code == 201
    public_id = response.json()["data"]["id"]
    names = ",".join(values)
    path = f"/order_subscriptions/{public_id}?fields[order_subscriptions]={names}"
    found = api.get(path).json()["data"]["attributes"]
    # The plural is a spelling of Commerce Layer's dashboard.
    assert found == values | {"frequency": "two-month"}


@pytest.mark.parametrize(
    ("attributes", "places"),
    [
        ({"options": {"place_target_order": False}}, False),
        ({"options": {"place_target_order": False}, "place_target_order": True}, True),
        ({"options": {}}, True),
        ({"options": None}, True),
    ],
)
def test_options__hold_attributes_that_have_precedence(
    api: API, attributes: dict[str, Any], places: bool
) -> None:
    # when
    response = api.post("/order_subscriptions", new(placed_order(), **attributes))

    # then
    found = response.json()["data"]["attributes"]
    assert found["place_target_order"] is places
    assert found["options"] == {"activate_by_source_order": False, "place_target_order": places}


def test_options__are_changed_too(api: API) -> None:
    # given
    one = OrderSubscriptionFactory()

    # when
    response = api.patch(url(one), change(one, options={"place_target_order": False}))

    # then
    assert response.json()["data"]["attributes"]["place_target_order"] is False
    assert OrderSubscription.objects.get().place_target_order is False


BAD_NEW: dict[str, tuple[dict[str, Any], str, str]] = {
    "no frequency": ({"frequency": ...}, "frequency", "blank"),
    "empty frequency": ({"frequency": ""}, "frequency", "blank"),
    "unknown frequency": ({"frequency": "fortnightly"}, "frequency", "invalid"),
    "frequency is a number": ({"frequency": 7}, "frequency", "invalid"),
    "finer than hourly": ({"frequency": "*/5 * * * *"}, "frequency", "invalid"),
    "two minutes": ({"frequency": "0,30 * * * *"}, "frequency", "invalid"),
    "six fields": ({"frequency": "0 0 1 1 * *"}, "frequency", "invalid"),
    "no such day": ({"frequency": "0 0 30 2 *"}, "frequency", "invalid"),
    "long crontab": ({"frequency": "0 " + "1," * 40 + "1 * * *"}, "frequency", "too_long"),
    "NUL": ({"frequency": "mon\0thly"}, "frequency", "invalid"),
    "no start": ({"starts_at": None}, "starts_at", "blank"),
    "start in the past": ({"starts_at": "2020-01-01T00:00:00.000Z"}, "starts_at", "greater_than"),
    "start is no instant": ({"starts_at": "tomorrow"}, "starts_at", "invalid"),
    "end in the past": ({"expires_at": "2020-01-01"}, "expires_at", "greater_than"),
    "no alert": ({"renewal_alert_period": 0}, "renewal_alert_period", "greater_than_or_equal_to"),
    "alert a month ahead": (
        {"renewal_alert_period": 721},
        "renewal_alert_period",
        "less_than_or_equal_to",
    ),
    "alert is a text": ({"renewal_alert_period": "1"}, "renewal_alert_period", "not_an_integer"),
    "alert is too large": (
        {"renewal_alert_period": 2**62},
        "renewal_alert_period",
        "less_than_or_equal_to",
    ),
    "flag is a text": ({"place_target_order": "yes"}, "place_target_order", "inclusion"),
    "flag is null": ({"activate_by_source_order": None}, "activate_by_source_order", "blank"),
    "options are a list": ({"options": [True]}, "options", "invalid"),
    "unknown option": ({"options": {"status": "active"}}, "options", "invalid"),
    "option is a text": ({"options": {"place_target_order": "no"}}, "options", "inclusion"),
    "unknown policy": ({"price_policy": "cheap"}, "price_policy", "inclusion"),
    "negative limit": (
        {"max_price_increase_percent": -1},
        "max_price_increase_percent",
        "greater_than_or_equal_to",
    ),
    "limit is too precise": (
        {"max_price_increase_percent": 0.001},
        "max_price_increase_percent",
        "invalid",
    ),
    "limit is too large": (
        {"max_price_increase_percent": 1e300},
        "max_price_increase_percent",
        "invalid",
    ),
}


@pytest.mark.parametrize(("attributes", "name", "key"), BAD_NEW.values(), ids=BAD_NEW)
def test_create__invalid_attribute_is_refused(
    api: API, attributes: dict[str, Any], name: str, key: str
) -> None:
    # given
    order = placed_order(lines=1)

    # when
    response = api.post("/order_subscriptions", new(order, **attributes))

    # then
    assert the_error_in(response) == (422, "VALIDATION_ERROR", f"/data/attributes/{name}")
    assert errors_in(response)[0]["meta"]["error"] == key
    assert state() == ([], [], 0)


def test_create__ends_after_it_starts(api: API) -> None:
    # when
    body = new(placed_order(), starts_at=later(5), expires_at=later(4))
    response = api.post("/order_subscriptions", body)

    # then
    assert the_error_in(response) == (422, "VALIDATION_ERROR", "/data/attributes/expires_at")
    assert state() == ([], [], 0)


def test_create__frequency_must_be_one_of_the_model(api: API) -> None:
    # given
    model = SubscriptionModelFactory(frequencies=["weekly", "0 8 * * 1"])

    # when
    related = {"subscription_model": model}
    response = api.post("/order_subscriptions", new(placed_order(), related=related))

    # then
    [error] = errors_in(response)
    assert error == {
        "title": "is not one of the subscription model: weekly, 0 8 * * 1",
        "detail": "frequency - is not one of the subscription model: weekly, 0 8 * * 1",
        "code": "VALIDATION_ERROR",
        "status": "422",
        "source": {"pointer": "/data/attributes/frequency"},
        "meta": {"error": "inclusion"},
    }
    assert state() == ([], [], 0)


def test_create__all_problems_are_listed(api: API) -> None:
    # when
    body = new(placed_order(), frequency="never", starts_at="2020-01-01", expires_at="2019-01-01")
    response = api.post("/order_subscriptions", body)

    # then
    assert [error["source"]["pointer"] for error in errors_in(response)] == [
        "/data/attributes/frequency",
        "/data/attributes/starts_at",
        "/data/attributes/expires_at",
    ]
    assert state() == ([], [], 0)


@pytest.mark.parametrize("order", [None, "missing"])
def test_create__needs_a_source_order(api: API, order: str | None) -> None:
    # given
    body = new(placed_order())
    relationships = {"source_order": {"data": None}} if order is None else {}
    body["data"]["relationships"] = relationships

    # when
    response = api.post("/order_subscriptions", body)

    # then
    assert the_error_in(response) == (
        422,
        "VALIDATION_ERROR",
        "/data/relationships/source_order",
    )
    assert state() == ([], [], 0)


def test_create__order_of_another_customer_is_not_found() -> None:
    # given
    api = API(shopper(CustomerFactory()))

    # when
    response = api.post("/order_subscriptions", new(placed_order()))

    # then
    assert the_error_in(response) == (404, "RECORD_NOT_FOUND", "/data/relationships/source_order")
    assert state() == ([], [], 0)


def test_create__market_must_be_that_of_the_order(api: API) -> None:
    # when
    body = new(placed_order(), related={"market": MarketFactory()})
    response = api.post("/order_subscriptions", body)

    # then
    assert the_error_in(response) == (422, "VALIDATION_ERROR", "/data/relationships/market")
    assert state() == ([], [], 0)


def test_create__unplaced_order_cannot_activate(api: API) -> None:
    # when
    body = new(pending_order(), activate_by_source_order=True, starts_at=None)
    response = api.post("/order_subscriptions", body)

    # then
    assert the_error_in(response) == (
        422,
        "VALIDATION_ERROR",
        "/data/relationships/source_order",
    )
    assert state() == ([], [], 0)


def test_create__placed_order_activates(api: API) -> None:
    # when
    body = new(placed_order(), activate_by_source_order=True, starts_at=None)
    response = api.post("/order_subscriptions", body)

    # then
    found = response.json()["data"]["attributes"]
    assert (response.status_code, found["status"]) == (201, "active")
    assert found["next_run_at"] > later(27)


@pytest.mark.parametrize(
    "name", ["status", "next_run_at", "resumes_at", "number", "occurrencies", "_activate", "tags"]
)
def test_create__other_attributes_are_not_allowed(api: API, name: str) -> None:
    response = api.post("/order_subscriptions", new(placed_order(), **{name: True}))

    assert the_error_in(response) == (400, "PARAM_NOT_ALLOWED", f"/data/attributes/{name}")
    assert state() == ([], [], 0)


@pytest.mark.parametrize("name", ["customer", "customer_payment_source", "orders", "tags"])
def test_create__other_relationships_are_not_allowed(api: API, name: str) -> None:
    # given
    body = new(placed_order())
    body["data"]["relationships"][name] = {"data": None}

    # when
    response = api.post("/order_subscriptions", body)

    # then
    assert the_error_in(response) == (400, "PARAM_NOT_ALLOWED", f"/data/relationships/{name}")
    assert state() == ([], [], 0)


def test_update__sets_attributes_and_records_them(api: API) -> None:
    # given
    one = OrderSubscriptionFactory()
    values = {
        "frequency": "0 8 1 * *",
        "place_target_order": False,
        "activate_by_source_order": False,
        "renewal_alert_period": 24,
        "expires_at": later(400),
        "reference": "R",
        "metadata": {"a": 1},
    }

    # when
    response = api.patch(url(one), change(one, **values))

    # then
    assert response.status_code == 200
    assert response.json()["data"]["attributes"].items() >= values.items()
    stores = api.get(f"{url(one)}/event_stores").json()["data"]
    changes = {
        name: change for store in stores for name, change in store["attributes"]["payload"].items()
    }
    assert set(values) <= set(changes)
    assert changes["frequency"] == {"from": "monthly", "to": "0 8 1 * *"}


def test_update__next_run_is_moved_into_the_future(api: API) -> None:
    # given
    one, moved = OrderSubscriptionFactory(), later(9)

    # when
    response = api.patch(url(one), change(one, next_run_at=moved))

    # then
    assert response.json()["data"]["attributes"]["next_run_at"] == moved


def test_update__resumes_at_pauses(api: API) -> None:
    # given
    one, until = OrderSubscriptionFactory(), later(9)
    fields = "fields[order_subscriptions]=status,resumes_at"

    # when
    response = api.patch(f"{url(one)}?{fields}", change(one, resumes_at=until))

    # then
    found = response.json()["data"]["attributes"]
    assert found == {"status": "inactive", "resumes_at": until}


def test_update__wallet_pays_the_next_copies(api: API) -> None:
    # given
    one = OrderSubscriptionFactory()
    wallet = CustomerPaymentSourceFactory(customer=one.source_order.customer)
    related = {"customer_payment_source": linkage(wallet)}

    # when
    path = f"{url(one)}?include=customer_payment_source"
    response = api.patch(path, change(one, related=related))
    removed = api.patch(path, change(one, related={"customer_payment_source": {"data": None}}))

    # then
    document = response.json()
    assert document["included"][0]["id"] == wallet.public_id
    assert document["data"]["relationships"]["customer_payment_source"]["data"] == {
        "type": "customer_payment_sources",
        "id": wallet.public_id,
    }
    assert removed.json()["data"]["relationships"]["customer_payment_source"]["data"] is None


def test_update__wallet_of_another_customer_is_refused(api: API) -> None:
    # given
    one = OrderSubscriptionFactory()
    other = placed_order().customer.customer_payment_sources.get()
    related = {"customer_payment_source": linkage(other)}
    before = state()

    # when
    response = api.patch(url(one), change(one, related=related))

    # then
    pointer = "/data/relationships/customer_payment_source"
    assert the_error_in(response) == (422, "VALIDATION_ERROR", pointer)
    assert state() == before


def test_update__customer_does_not_find_the_wallet_of_another() -> None:
    # given
    one = OrderSubscriptionFactory()
    api = API(shopper(one.source_order.customer))
    related = {"customer_payment_source": linkage(CustomerPaymentSourceFactory())}
    before = state()

    # when
    response = api.patch(url(one), change(one, related=related))

    # then
    pointer = "/data/relationships/customer_payment_source"
    assert the_error_in(response) == (404, "RECORD_NOT_FOUND", pointer)
    assert state() == before


BAD_CHANGES: dict[str, tuple[dict[str, Any], str]] = {
    "next run back": ({"next_run_at": later(0.5)}, "next_run_at"),
    "next run past": ({"next_run_at": "2020-01-01T00:00:00.000Z"}, "next_run_at"),
    "next run null": ({"next_run_at": None}, "next_run_at"),
    "next run after the end": ({"next_run_at": later(9), "expires_at": later(8)}, "next_run_at"),
    "frequency": ({"frequency": "often"}, "frequency"),
    "frequency null": ({"frequency": None}, "frequency"),
    "end past": ({"expires_at": "2020-01-01T00:00:00.000Z"}, "expires_at"),
    "pause until the past": ({"resumes_at": "2020-01-01"}, "resumes_at"),
    "pause until the end": ({"resumes_at": later(9), "expires_at": later(8)}, "resumes_at"),
    "alert": ({"renewal_alert_period": 1000}, "renewal_alert_period"),
    "trigger is a text": ({"_cancel": "yes"}, "_cancel"),
    "bad value with a trigger": ({"_skip": True, "next_run_at": None}, "next_run_at"),
    "two triggers": ({"_skip": True, "_cancel": True}, "_cancel"),
}


@pytest.mark.parametrize(("attributes", "name"), BAD_CHANGES.values(), ids=BAD_CHANGES)
def test_update__invalid_value_is_refused(api: API, attributes: dict[str, Any], name: str) -> None:
    # given
    one = OrderSubscriptionFactory()
    before = state()

    # when
    response = api.patch(url(one), change(one, **attributes))

    # then
    assert the_error_in(response) == (422, "VALIDATION_ERROR", f"/data/attributes/{name}")
    assert state() == before


@pytest.mark.parametrize("name", ["status", "starts_at", "number", "attention", "_add_tags"])
def test_update__other_attributes_are_not_allowed(api: API, name: str) -> None:
    one = OrderSubscriptionFactory()

    response = api.patch(url(one), change(one, **{name: "a"}))

    assert the_error_in(response) == (400, "PARAM_NOT_ALLOWED", f"/data/attributes/{name}")


@pytest.mark.parametrize("name", ["source_order", "subscription_model", "market"])
def test_update__other_relationships_are_not_allowed(api: API, name: str) -> None:
    one = OrderSubscriptionFactory()

    response = api.patch(url(one), change(one, related={name: {"data": None}}))

    assert the_error_in(response) == (400, "PARAM_NOT_ALLOWED", f"/data/relationships/{name}")


def test_update__cancelled_subscription_keeps_only_its_annotations_changeable(api: API) -> None:
    # given
    one = OrderSubscriptionFactory(status=SubscriptionStatus.CANCELLED)

    # when
    refused = api.patch(url(one), change(one, frequency="weekly"))
    done = api.patch(url(one), change(one, metadata={"why": "moved"}))

    # then
    assert the_error_in(refused) == (422, "VALIDATION_ERROR", "/data/attributes/status")
    assert done.json()["data"]["attributes"]["metadata"] == {"why": "moved"}


def test_triggers__follow_the_life_of_a_subscription(api: API) -> None:
    # given
    api.post("/order_subscriptions", new(placed_order(lines=1)))
    one = OrderSubscription.objects.get()

    # when
    statuses = []
    for trigger in ["_activate", "_activate", "_deactivate", "_activate", "_run", "_cancel"]:
        response = api.patch(url(one), change(one, **{trigger: True}))
        statuses.append((trigger, response.json()["data"]["attributes"]["status"]))

    # then
    assert statuses == [
        ("_activate", "active"),
        ("_activate", "active"),
        ("_deactivate", "inactive"),
        ("_activate", "active"),
        ("_run", "running"),
        ("_cancel", "cancelled"),
    ]
    events = api.get(f"{url(one)}/events?sort=id").json()["data"]
    assert [event["attributes"]["name"].partition(".")[2] for event in events] == [
        *("create", "activate", "deactivate", "activate", "cancel"),
    ]


def test_skip_and_unskip__move_the_next_run(api: API) -> None:
    # given
    one = OrderSubscriptionFactory(frequency="daily")
    first = instant(one.next_run_at)

    # when
    runs = [
        api.patch(url(one), change(one, **{trigger: True})).json()["data"]["attributes"]
        for trigger in ("_skip", "_skip", "_unskip")
    ]

    # then
    second = instant(one.next_run_at + timedelta(days=1))
    third = instant(one.next_run_at + timedelta(days=2))
    assert [it["next_run_at"] for it in runs] == [second, third, first]


def test_run__requests_the_copy_of_the_next_slot(api: API) -> None:
    # given
    one = OrderSubscriptionFactory()
    slot = one.next_run_at

    # when
    response = api.patch(f"{url(one)}?include=order_copies", change(one, _run=True))

    # then
    [copy] = response.json()["included"]
    assert (copy["type"], copy["attributes"]["status"]) == ("order_copies", "pending")
    assert one.order_factories.get().scheduled_for == slot


WRONG_STATUS = [
    ("_activate", "cancelled"),
    ("_deactivate", "draft"),
    ("_deactivate", "cancelled"),
    ("_skip", "draft"),
    ("_skip", "inactive"),
    ("_unskip", "cancelled"),
    ("_run", "draft"),
    ("_run", "inactive"),
    ("_run", "running"),
    ("_run", "cancelled"),
]


@pytest.mark.parametrize(("trigger", "status"), WRONG_STATUS)
def test_triggers__are_refused_in_a_wrong_status(api: API, trigger: str, status: str) -> None:
    # given
    running_for = PLACED_AT if status == "running" else None
    one = OrderSubscriptionFactory(status=status, running_for=running_for)
    before = state()

    # when
    response = api.patch(url(one), change(one, **{trigger: True, "reference": "R"}))

    # then
    assert the_error_in(response) == (422, "VALIDATION_ERROR", "/data/attributes/status")
    assert state() == before


def test_convert__needs_a_subscription_model(api: API) -> None:
    # given
    one = OrderSubscriptionFactory()
    before = state()

    # when
    response = api.patch(url(one), change(one, _convert=True))

    # then
    pointer = "/data/relationships/subscription_model"
    assert the_error_in(response) == (422, "VALIDATION_ERROR", pointer)
    assert state() == before


def test_triggers__that_are_false_or_null_do_nothing(api: API) -> None:
    # given
    one = OrderSubscriptionFactory()
    before = state()

    # when
    response = api.patch(url(one), change(one, _cancel=False, _run=None))

    # then
    assert response.json()["data"]["attributes"]["status"] == "active"
    assert state() == before


def test_delete__removes_the_subscription_and_keeps_its_copies(api: API) -> None:
    # given
    one = OrderSubscriptionFactory()
    order_copy = OrderCopyFactory(order_subscription=one, scheduled_for=PLACED_AT)

    # when
    response = api.delete(url(one))

    # then
    order_copy.refresh_from_db()
    assert (response.status_code, response.content) == (204, b"")
    assert order_copy.order_subscription is None
    assert the_error_in(api.get(url(one))) == (404, "RECORD_NOT_FOUND", None)
    assert [event.name for event in Event.objects.all()] == ["order_subscriptions.destroy"]


def test_delete__running_subscription_is_locked(api: API) -> None:
    # given
    one = OrderSubscriptionFactory(status="running", running_for=PLACED_AT)
    before = state()

    # when
    response = api.delete(url(one))

    # then
    assert the_error_in(response) == (423, "LOCKED", None)
    assert state() == before


@pytest.fixture
def five() -> dict[str, OrderSubscription]:
    """Subscriptions of which each is in other scopes."""
    past, future = timezone.now() - timedelta(days=1), timezone.now() + timedelta(days=1)
    return {
        "waits": OrderSubscriptionFactory(),
        "due": OrderSubscriptionFactory(next_run_at=past),
        "due and ends": OrderSubscriptionFactory(next_run_at=past, expires_at=future),
        "over": OrderSubscriptionFactory(next_run_at=past, expires_at=past),
        "running": OrderSubscriptionFactory(status="running", running_for=past),
        "draft": OrderSubscriptionFactory(status="draft", anchor_at=None),
    }


SCOPES = {
    "active": {"waits", "due", "due and ends", "over", "running"},
    "expired": {"over"},
    "runnable": {"due", "due and ends"},
}


@pytest.mark.parametrize("key", ["filter[{}]", "filter[q][{}]"])
@pytest.mark.parametrize("scope", SCOPES)
def test_filter_scopes__select_their_rows_or_the_others(
    api: API, five: dict[str, OrderSubscription], key: str, scope: str
) -> None:
    # given
    names = {one.public_id: name for name, one in five.items()}

    # when
    found = {
        flag: {
            names[data["id"]]
            for data in api.get(f"/order_subscriptions?{key.format(scope)}={flag}").json()["data"]
        }
        for flag in ("true", "false")
    }

    # then
    assert found == {"true": SCOPES[scope], "false": set(five) - SCOPES[scope]}


def test_filter_scopes__apply_to_related_lists_and_with_other_filters(api: API) -> None:
    # given
    one = OrderSubscriptionFactory()
    OrderSubscriptionFactory(source_order=one.source_order, status="draft")
    path = f"/orders/{one.source_order.public_id}/order_subscriptions"

    # when
    ids = [
        [data["id"] for data in api.get(f"{path}?filter[active]=true{more}").json()["data"]]
        for more in ("", "&filter[frequency]=monthly", "&filter[q][frequency_eq]=daily")
    ]

    # then
    assert ids == [[one.public_id], [one.public_id], []]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("filter[active]=", "INVALID_FILTER_VALUE"),
        ("filter[active]=1", "INVALID_FILTER_VALUE"),
        ("filter[q][active]=yes", "INVALID_FILTER_VALUE"),
        ("filter[q][active_eq]=true", "FILTER_NOT_ALLOWED"),
        ("filter[active]=true&filter[q][active]=false", "INVALID_FILTERS_SYNTAX"),
        ("filter[inactive]=true", "FILTER_NOT_ALLOWED"),
    ],
)
def test_filter_scopes__invalid_ones_are_refused(api: API, query: str, code: str) -> None:
    assert the_error_in(api.get(f"/order_subscriptions?{query}")) == (400, code, None)


def filters_of(one: OrderSubscription) -> Iterator[str]:
    """Yield filters that find this subscription, one for each relationship and kind of value."""
    source = one.source_order
    assert source is not None
    assert source.customer is not None
    yield f"filter[number]={one.number}"
    yield "filter[status]=active"
    yield "filter[q][frequency_eq]=monthly"
    yield f"filter[q][customer_email_eq]={one.customer_email}"
    yield f"filter[q][next_run_at_gteq]={later(0)}"
    yield "filter[q][occurrencies_eq]=0"
    yield "filter[q][succeeded_on_last_run_null]=true"
    yield "filter[q][attention_null]=true"
    yield f"filter[q][source_order_number_eq]={source.number}"
    yield f"filter[q][market_id_eq]={source.market.public_id}"
    yield f"filter[q][market_code_eq]={source.market.code}"
    yield f"filter[q][customer_id_in]={source.customer.public_id}"
    wallet = source.customer.customer_payment_sources.get()
    yield f"filter[q][customer_payment_source_id_eq]={wallet.public_id}"
    model = one.subscription_model
    assert model is not None
    yield f"filter[q][subscription_model_id_eq]={model.public_id}"
    item = one.order_subscription_items.get()
    yield f"filter[q][order_subscription_items_sku_code_eq]={item.sku_code}"
    copy = one.order_factories.get()
    yield f"filter[q][order_factories_id_eq]={copy.public_id}"
    yield f"filter[q][recurring_order_copies_id_eq]={copy.public_id}"
    yield f"filter[q][orders_id_eq]={copy.target_order.public_id}"


def subscribed(**values: Any) -> OrderSubscription:
    """Create an automatic subscription with a row in each of its relationships."""
    model = SubscriptionModelFactory()
    order = placed_order(lines=1, market=MarketFactory(subscription_model=model))
    assert order.customer is not None
    wallet = order.customer.customer_payment_sources.get()
    one = OrderSubscriptionFactory(
        subscription_model=model,
        source_order=order,
        customer_payment_source_key=str(wallet.pk),
        **values,
    )
    line = order.line_items.get(item_type="skus")
    OrderSubscriptionItemFactory(
        order_subscription=one, sku=line.sku, source_line_item_key=str(line.pk)
    )
    OrderCopyFactory(
        source_order=order,
        target_order=pending_order(customer=order.customer, wallet=False),
        order_subscription=one,
        scheduled_for=PLACED_AT,
        type=Kind.RECURRING_ORDER_COPIES,
    )
    found: OrderSubscription = one
    return found


def test_filters__find_a_subscription_by_each_relationship(api: API) -> None:
    # given
    one = subscribed()
    OrderSubscriptionFactory(status="draft", customer_payment_source_key="")
    filters = list(filters_of(one))

    # when
    found = {
        query: [data["id"] for data in api.get(f"/order_subscriptions?{query}").json()["data"]]
        for query in filters
    }

    # then
    ambiguous = {"status", "frequency", "next_run_at", "occurrencies", "last_run", "attention"}
    for query, ids in found.items():
        assert one.public_id in ids, query
        assert len(ids) == 1 or any(name in query for name in ambiguous), query


def test_relationships__lead_in_both_directions(api: API) -> None:
    # given
    one = subscribed()
    source = one.source_order
    copy, item = one.order_factories.get(), one.order_subscription_items.get()
    assert source is not None
    assert source.customer is not None
    target, model = copy.target_order, one.subscription_model
    assert isinstance(target, Order)
    assert model is not None
    own = url(one)

    # when
    def ids(path: str) -> list[str]:
        data = api.get(path).json()["data"]
        return [it["id"] for it in (data if isinstance(data, list) else [data])]

    # then
    assert ids(f"{own}/market") == [source.market.public_id]
    assert ids(f"{own}/source_order") == [source.public_id]
    assert ids(f"{own}/subscription_model") == [model.public_id]
    assert ids(f"/markets/{source.market.public_id}/subscription_model") == [model.public_id]
    assert ids(f"/subscription_models/{model.public_id}/markets") == [source.market.public_id]
    assert ids(f"{own}/customer") == [source.customer.public_id]
    assert ids(f"{own}/customer_payment_source") == [
        source.customer.customer_payment_sources.get().public_id
    ]
    assert ids(f"{own}/order_subscription_items") == [item.public_id]
    assert ids(f"{own}/order_factories") == [copy.public_id]
    assert ids(f"{own}/recurring_order_copies") == [copy.public_id]
    assert ids(f"{own}/order_copies") == []
    assert ids(f"{own}/orders") == [target.public_id]
    backwards = [
        f"/orders/{source.public_id}/order_subscriptions",
        f"/orders/{target.public_id}/order_subscription",
        f"/customers/{source.customer.public_id}/order_subscriptions",
        f"/subscription_models/{model.public_id}/order_subscriptions",
        f"/recurring_order_copies/{copy.public_id}/order_subscription",
        f"/order_subscription_items/{item.public_id}/order_subscription",
    ]
    assert [ids(path) for path in backwards] == [[one.public_id]] * 6


def test_relationships__to_a_deleted_source_order_are_null(api: API) -> None:
    # given
    one = OrderSubscriptionFactory(source_order=None, customer_email="")
    names = ["source_order", "market", "customer", "customer_payment_source"]

    # when
    document = api.get(f"{url(one)}?include={','.join(names)}").json()
    related = [api.get(f"{url(one)}/{name}").json() for name in names]

    # then
    linkages = [document["data"]["relationships"][name]["data"] for name in names]
    assert linkages == [None] * 4
    assert related == [{"data": None}] * 4


def test_create__in_a_market_with_a_model_is_automatic(api: API) -> None:
    # given
    market = MarketFactory(subscription_model=SubscriptionModelFactory())
    order = placed_order(lines=2, market=market)

    # when
    query = "include=subscription_model,order_subscription_items.sku"
    response = api.post(f"/order_subscriptions?{query}", new(order))

    # then
    document = response.json()
    model = {"type": "subscription_models", "id": market.subscription_model.public_id}
    assert document["data"]["relationships"]["subscription_model"]["data"] == model
    found = {
        it["attributes"]["sku_code"]: it["attributes"]["quantity"]
        for it in document["included"]
        if it["type"] == "order_subscription_items"
    }
    lines = order.line_items.filter(item_type="skus")
    assert found == {line.sku_code: line.quantity for line in lines}


def test_convert__makes_a_manual_subscription_automatic(api: API) -> None:
    # given
    one = OrderSubscriptionFactory()
    market = one.source_order.market
    market.subscription_model = SubscriptionModelFactory()
    market.save()

    # when
    path = f"{url(one)}?include=order_subscription_items,subscription_model"
    response = api.patch(path, change(one, _convert=True))

    # then
    types = {it["type"] for it in response.json()["included"]}
    assert types == {"order_subscription_items", "subscription_models"}


def test_order_copies__are_sorted_and_filtered_by_subscription(api: API) -> None:
    # given
    first, second = OrderSubscriptionFactory(), OrderSubscriptionFactory()
    copies = [
        OrderCopyFactory(order_subscription=one, scheduled_for=PLACED_AT) for one in (second, first)
    ]

    # when
    def ids(query: str) -> list[str]:
        return [data["id"] for data in api.get(f"/order_copies?{query}").json()["data"]]

    # then
    assert ids("sort=order_subscription") == [copies[1].public_id, copies[0].public_id]
    assert ids(f"filter[q][order_subscription_id_eq]={first.public_id}") == [copies[1].public_id]
    assert ids(f"filter[order_subscription_id]={second.public_id}") == [copies[0].public_id]


def test_visibility__customer_sees_its_own_subscriptions() -> None:
    # given
    own, other = OrderSubscriptionFactory(), OrderSubscriptionFactory()
    api = API(shopper(own.source_order.customer))

    # when
    listed = [data["id"] for data in api.get("/order_subscriptions").json()["data"]]
    answers = [
        api.get(url(other)),
        api.patch(url(other), change(other, _cancel=True)),
        api.delete(url(other)),
    ]

    # then
    assert listed == [own.public_id]
    assert [the_error_in(it) for it in answers] == [(404, "RECORD_NOT_FOUND", None)] * 3
    other.refresh_from_db()
    assert other.status == "active"


@pytest.mark.parametrize("scopes", [["read", "copy"], ["read", "copy", "place"]])
def test_permissions__placing_needs_its_scope_unless_switched_off(scopes: list[str]) -> None:
    # given
    one = OrderSubscriptionFactory()
    api = API(service("view_order", "change_order", *ABILITIES), scopes=scopes)
    allowed = "place" in scopes

    # when
    answers = {
        name: api.patch(url(one), change(one, **attributes)).status_code
        for name, attributes in {
            "harmless": {"metadata": {"a": 1}},
            "stopping": {"_skip": True},
            "more often": {"frequency": "weekly"},
            "no placing": {"frequency": "daily", "place_target_order": False},
        }.items()
    }

    # then
    assert answers == {
        "harmless": 200,
        "stopping": 200,
        "more often": 200 if allowed else 401,
        "no placing": 200,
    }


@pytest.mark.parametrize("verb", ["add", "change", "delete"])
def test_permissions__each_write_needs_that_of_the_model(verb: str) -> None:
    # given
    one = OrderSubscriptionFactory()
    others = [name for name in ABILITIES if not name.startswith(verb)]
    api = API(service("view_order", "change_order", *others))
    send: dict[str, Callable[[], Any]] = {
        "add": lambda: api.post("/order_subscriptions", new(one.source_order)),
        "change": lambda: api.patch(url(one), change(one, reference="R")),
        "delete": lambda: api.delete(url(one)),
    }
    before = state()

    # when
    response = send[verb]()

    # then
    assert the_error_in(response) == (401, "UNAUTHORIZED", None)
    assert state() == before


def test_list__query_count_is_that_of_one(
    api: API, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    """SELECT the token with its user, and the permissions of the user and of its groups; COUNT the
    rows, SELECT the page.
    """
    # given
    subscribed()
    api.get("/order_subscriptions")
    with django_assert_num_queries(5):
        api.get("/order_subscriptions")

    # when
    for _ in range(4):
        subscribed()

    # then
    with django_assert_num_queries(5):
        api.get("/order_subscriptions")
