"""The OpenAPI document: valid, committed, and accurate for every endpoint."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from django.conf import LazySettings
from django.core.cache import cache
from django.core.management import call_command
from django.test import Client, override_settings
from django.urls import include, path
from django_filters import BooleanFilter, FilterSet
from openapi_spec_validator import OpenAPIV31SpecValidator
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework_json_api import serializers

from order_copies import copying
from order_copies.jsonapi import resources
from order_copies.jsonapi.errors import RequestRefusedError
from order_copies.jsonapi.fields import (
    BooleanField,
    ChoiceField,
    IDField,
    InstantField,
    TriggerField,
)
from order_copies.jsonapi.filtering.backends import filterset_of
from order_copies.jsonapi.filtering.filters import parse_name
from order_copies.jsonapi.filtering.predicates import PREDICATES
from order_copies.jsonapi.offers import Offer, header
from order_copies.jsonapi.openapi.document import openapi_document, openapi_text
from order_copies.jsonapi.openapi.endpoints import ACTIONS, installed_endpoints
from order_copies.jsonapi.openapi.filters import predicates_schema
from order_copies.jsonapi.relations import ResourceRelatedField
from order_copies.jsonapi.resources import Resource
from order_copies.jsonapi.routers import Router
from order_copies.jsonapi.views import ReadOnlyViewSet, UpdateMixin
from order_copies.models import Kind, OrderCopy
from order_copies.worker.run import run_batch
from orders.models import Order
from tests.api import API, MEDIA_TYPE, PERMISSIONS, request_of, staff
from tests.factories import (
    CouponFactory,
    OrderCopyFactory,
    OrderSubscriptionFactory,
    OrderSubscriptionItemFactory,
    placed_order,
)
from tests.openapi import check, path_of, resolved, the_document, validator_of

COMMITTED = Path(__file__).resolve().parents[3] / "docs" / "openapi.json"

pytestmark = pytest.mark.django_db


@pytest.mark.exhaustive
def test_document__is_valid() -> None:
    OpenAPIV31SpecValidator(the_document()).validate()


def test_committed_file__is_current() -> None:
    is_current = COMMITTED.read_text(encoding="utf-8") == openapi_text()

    assert is_current, "docs/openapi.json is stale. Type: make schema"


def test_command__prints_the_document_or_writes_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # when
    call_command("order_copies_schema")
    call_command("order_copies_schema", str(tmp_path / "openapi.json"))

    # then
    assert capsys.readouterr().out == openapi_text()
    assert (tmp_path / "openapi.json").read_text(encoding="utf-8") == openapi_text()


@pytest.mark.parametrize("accept", ["application/json", "text/html", MEDIA_TYPE])
def test_schema_view__needs_no_token_and_ignores_accept(accept: str, client: Client) -> None:
    # when
    response = client.get("/api/schema", headers={"accept": accept})

    # then
    assert response.status_code == 200
    assert response["Content-Type"] == "application/json"
    assert response.json() == json.loads(openapi_text())


def test_schema_view__is_read_only(client: Client) -> None:
    # when
    response = client.delete("/api/schema")

    # then
    assert response.status_code == 405
    assert response.json()["errors"][0]["code"] == "METHOD_NOT_ALLOWED"


def test_schema_view__describes_the_current_urlconf(client: Client) -> None:
    """The cached document of one URLconf is not served for another."""
    # given
    client.get("/api/schema")

    # when
    with override_settings(ROOT_URLCONF="tests.order_copies.jsonapi.test_resources"):
        paths = client.get("/shop/orders/v1/api/schema").json()["paths"]

    # then
    assert "/shop/orders/v1/api/order_copies" in paths
    assert "/api/order_copies" not in paths


def test_document__describes_every_installed_endpoint() -> None:
    # when
    described = {
        (path, method) for path, item in the_document()["paths"].items() for method in item
    }

    # then
    assert described == {(it.path, it.method) for it in installed_endpoints()}
    assert ("/api/order_copies/{public_id}/relationships/target_order", "get") in described


def test_document__operation_ids_are_unique() -> None:
    ids = [
        operation["operationId"]
        for item in the_document()["paths"].values()
        for operation in item.values()
    ]

    assert len(ids) == len(set(ids))


def a_shop_with_everything() -> Order:
    """Create a row of every resource; return an order whose copy was placed."""
    order = placed_order(coupon=CouponFactory())
    order_copy = OrderCopy(source_order=order, place_target_order=True, reference="R")
    copying.request_copies([order_copy], actor={"owner": {"id": "1"}})
    run_batch("a worker")
    line = order.line_items.filter(sku__isnull=False).first()
    assert line is not None
    item = OrderSubscriptionItemFactory(
        sku=line.sku, order_subscription__source_order=order, source_line_item_key=str(line.pk)
    )
    OrderCopyFactory(
        source_order=order,
        type=Kind.RECURRING_ORDER_COPIES,
        order_subscription=item.order_subscription,
        scheduled_for=item.order_subscription.next_run_at,
    )
    return order


def links_in(document: Any) -> Iterator[str]:
    """Yield all links of a document, at any depth."""
    if isinstance(document, dict):
        yield from document.get("links", {}).values()
        for member in document.values():
            yield from links_in(member)
    if isinstance(document, list):
        for member in document:
            yield from links_in(member)


@pytest.mark.exhaustive
def test_responses__every_link_is_as_described() -> None:
    # given
    a_shop_with_everything()
    api = API(staff(*PERMISSIONS, "view_coupon"))
    waiting = {it.path for it in installed_endpoints() if it.action == "list"}
    answered: dict[str, Any] = {}

    # when every link is followed
    while waiting:
        url = waiting.pop()
        answered[url] = api.get(url.removeprefix("/api"))
        links = {link.removeprefix("http://testserver") for link in links_in(answered[url].json())}
        waiting |= links - set(answered)

    # then
    for response in answered.values():
        check(response)
    read = {it.path for it in installed_endpoints() if it.method == "get" and it.action in ACTIONS}
    assert {path_of(response) for response in answered.values()} == read


def values_of(schema: dict[str, Any]) -> list[str]:
    """Return values of a parameter that its schema allows."""
    if schema.get("type") == "array":
        names = schema["items"]["enum"]
        return [names[0], ",".join(names)]
    return [str(schema[limit]) for limit in ("minimum", "maximum") if limit in schema]


def queries() -> Iterator[tuple[str, str]]:
    """Yield path and query for each value of each parameter."""
    first = {
        parameter["$ref"]: template
        for template, item in reversed(the_document()["paths"].items())
        for parameter in item.get("get", {}).get("parameters", [])
        if "$ref" in parameter
    }
    for reference, template in first.items():
        parameter = resolved({"$ref": reference})
        if parameter["name"].startswith("filter"):
            continue
        for value in values_of(parameter["schema"]):
            yield template, urlencode({parameter["name"]: value})


def test_parameters__described_values_are_accepted() -> None:
    # given
    a_shop_with_everything()
    api = API(staff(*PERMISSIONS, "view_coupon"))
    lists = {it.path.removeprefix("/api") for it in installed_endpoints() if it.action == "list"}
    ids = {it["type"]: it["id"] for path in lists for it in api.get(path).json()["data"]}

    # when
    answers = []
    for template, query in queries():
        path = template.removeprefix("/api")
        public_id = ids[path.split("/")[1]]
        answers.append(api.get(f"{path.replace('{public_id}', public_id)}?{query}"))

    # then
    assert len(answers) > 80
    for response in answers:
        assert response.status_code == 200, response.request["QUERY_STRING"]
        check(response)


def is_accepted(name: str, resource: Resource) -> bool:
    """Return whether ``filter[q]`` accepts this name."""
    try:
        return bool(parse_name(name, name, resource))
    except RequestRefusedError:
        return False


def test_filter_patterns__match_exactly_the_accepted_names() -> None:
    for resource in resources.resources().values():
        # given
        patterns = predicates_schema(resource)["patternProperties"]
        attributes = ["id", *resource.attributes_by_name]
        names = [f"{name}_{predicate}" for name in attributes for predicate in PREDICATES]

        # when
        fitting = {name for name in names if any(re.search(it, name) for it in patterns)}

        # then
        assert fitting == {name for name in names if is_accepted(name, resource)}
        assert "id_in" in fitting


def test_plain_filters__are_all_described() -> None:
    # given
    parameter = the_document()["components"]["parameters"]["order_copies_filter"]

    # when
    filters = parameter["schema"]["properties"]

    # then
    assert set(filters) == set(filterset_of(resources.resource_of("order_copies")).base_filters)
    assert re.search(filters["created_at_from"]["pattern"], "2018-01-01T12:00:00.000Z")
    assert filters["metadata"]["description"] == "Short for `metadata_jcont`."


def test_responses__writes_are_as_described() -> None:
    # given
    api = API(staff())
    body = request_of(placed_order(), place_target_order=True)

    # when
    dry = api.post("/order_copies?dry_run=true", body)
    created = api.post("/order_copies?include=source_order", body)
    resource = created.json()["data"]
    path = f"/order_copies/{resource['id']}"
    named = {"type": "order_copies", "id": resource["id"]}
    changed = api.patch(path, {"data": {**named, "attributes": {"metadata": {"a": 1}}}})
    deleted = api.delete(path)

    # then
    answers = [dry, created, changed, deleted]
    assert [it.status_code for it in answers] == [200, 201, 200, 204]
    for response in answers:
        check(response)


def test_responses__idempotent_requests_are_as_described() -> None:
    # given
    api = API(staff())
    body = request_of(placed_order())
    once = {"Idempotency-Key": "once", "Prefer": "wait=1"}

    # when
    first = api.post("/order_copies", body, **once)
    again = api.post("/order_copies", body, **once)
    other = api.post("/order_copies", request_of(placed_order()), **once)

    # then
    answers = [first, again, other]
    assert [it.status_code for it in answers] == [201, 201, 422]
    assert again["Idempotent-Replayed"] == "true"
    for response in answers:
        check(response)


@pytest.mark.parametrize("is_one", [True, False])
def test_responses__forecasts_are_as_described(is_one: bool) -> None:
    # given
    api, one = API(staff()), OrderSubscriptionFactory(frequency="hourly")
    path = f"/order_subscriptions{f'/{one.public_id}' * is_one}/forecast"

    # when
    answers = [api.get(path), api.get(f"{path}?until=2001-01-01"), API().get(path)]
    missing = api.get("/order_subscriptions/AbcdefghiJ/forecast")

    # then
    assert [it.status_code for it in [*answers, missing]] == [200, 400, 401, 404]
    assert answers[0].json()["meta"]["renewals"]
    for response in [*answers, missing]:
        check(response)


def test_responses__rate_limits_are_as_described(settings: LazySettings) -> None:
    # given
    limits = {"average": (1, 60), "burst": (1, 60)}
    settings.ORDER_COPIES = {**settings.ORDER_COPIES, "RATE_LIMITS": {"others": limits}}
    cache.clear()
    api = API(staff())

    # when
    answers = [api.get("/order_copies"), api.get("/order_copies")]

    # then
    assert [it.status_code for it in answers] == [200, 429]
    for response in answers:
        check(response)
    assert api.client.get("/api/schema").status_code == 200


def test_security__operations_name_their_scopes() -> None:
    # given
    paths = the_document()["paths"]

    # when
    def scopes(path: str, method: str) -> Any:
        return paths[f"/api{path}"][method]["security"]

    # then
    assert scopes("/order_copies", "get") == [{"bearer": ["read"]}, {"oauth2": ["read"]}]
    assert scopes("/order_copies", "post") == [{"bearer": ["copy"]}, {"oauth2": ["copy"]}]
    assert {"oauth2": ["read", "place"]} in scopes("/orders/{public_id}", "patch")


def test_security__without_token_url_only_bearer_is_described(settings: LazySettings) -> None:
    # given
    settings.ORDER_COPIES = {**settings.ORDER_COPIES, "TOKEN_URL": ""}

    # when
    document = openapi_document()

    # then
    assert list(document["components"]["securitySchemes"]) == ["bearer"]
    assert document["paths"]["/api/orders"]["get"]["security"] == [{"bearer": ["read"]}]


def test_responses__errors_are_as_described() -> None:
    # given
    api = API(staff())
    running = OrderCopyFactory(in_progress=True).public_id

    # when
    answers = [
        api.get("/order_copies?include=nothing"),
        API().get("/order_copies"),
        api.get("/order_copies/AbcdefghiJ"),
        api.get("/order_copies", accept="text/html"),
        api.post("/order_copies", b" " * 300_000),
        api.client.post("/api/order_copies", "{}", content_type="application/json"),
        api.post("/order_copies", {"data": {"type": "order_copies"}}),
        api.delete(f"/order_copies/{running}"),
    ]

    # then
    assert [it.status_code for it in answers] == [400, 401, 404, 406, 413, 415, 422, 423]
    for response in answers:
        check(response)


def test_request_body__schema_refuses_invalid_bodies() -> None:
    """The schema of a body is as strict as the parser."""
    # given
    body = the_document()["paths"]["/api/order_copies"]["post"]["requestBody"]
    schema = body["content"][MEDIA_TYPE]["schema"]
    order = {"data": {"type": "orders", "id": "AbcdefghiJ"}}

    def fits(data: Any) -> bool:
        return validator_of(schema).is_valid({"data": data})

    def copy(**members: Any) -> dict[str, Any]:
        return {"type": "order_copies", "relationships": {"source_order": order}, **members}

    # when, then
    assert fits(copy())
    assert fits(copy(attributes={"place_target_order": None, "reference": None}))
    assert not fits(copy(attributes={"skip_errors": None}))
    assert not fits(copy(attributes={"skip_errors": 1}))
    assert not fits(copy(attributes={"status": "completed"}))
    assert not fits(copy(attributes={"reference": "a" * 256}))
    assert not fits(copy(attributes={"reference": "a\0"}))
    assert not fits(copy(id="AbcdefghiJ"))
    assert not fits(copy(type="orders"))
    assert not fits(copy(relationships={}))
    assert not fits(copy(relationships={"source_order": {"data": None}}))
    assert not fits({"type": "order_copies"})


class MugFilterSet(FilterSet):
    """A filter that no attribute implies."""

    is_clean = BooleanFilter()


class MugIDField(IDField):
    """The id of a mug."""

    pattern = "^mug-[0-9]$"
    example = "mug-7"


class MugSerializer(serializers.Serializer):
    """A mug (contract 9.9), with ``handle``."""

    id = MugIDField()
    colour = ChoiceField(choices=("red", "blue"), null=None)
    is_full = BooleanField(read_only=True, help_text="Whether to be careful.")
    washed_at = InstantField(read_only=True, example="2020-02-02")
    spoons = ResourceRelatedField(resource_name="mugs", many=True, lookup="spoon_id")
    saucer = ResourceRelatedField(resource_name="mugs", lookup="saucer_id")
    _fill = TriggerField(scope="copy", help_text="Fills it.")

    class Meta:
        resource_name = "mugs"
        updatable = ["colour"]
        filterable = ["colour"]
        on_request = ["washed_at"]


class MugViewSet(ReadOnlyViewSet, UpdateMixin):
    """``/mugs``."""

    serializer_class = MugSerializer
    filterset_class = MugFilterSet
    offers = {
        "update": Offer(
            parameters=[header("X-Spoon", {"type": "string"}, "What to stir with.")],
            responses={"202": {"description": "It is being filled."}},
            errors=[409],
        )
    }

    @action(detail=True)
    def polish(self, request: Request, public_id: str) -> Response:
        """An action that no offer describes."""
        raise NotImplementedError


@pytest.fixture
def mugs() -> dict[str, Any]:
    """The document of a shop with a resource of its own."""
    router = Router()
    router.register("mugs", MugViewSet)

    class URLs:
        urlpatterns = [path("shop/", include(router.urls))]

    return openapi_document(URLs)


def test_shop_resource__is_described(mugs: dict[str, Any]) -> None:
    assert list(mugs["paths"]) == [
        "/shop/mugs",
        "/shop/mugs/{public_id}",
        "/shop/mugs/{public_id}/relationships/saucer",
        "/shop/mugs/{public_id}/relationships/spoons",
        "/shop/mugs/{public_id}/saucer",
        "/shop/mugs/{public_id}/spoons",
    ]
    filters = mugs["components"]["parameters"]["mugs_filter"]["schema"]["properties"]
    assert filters["is_clean"] == {"type": "string"}
    assert mugs["tags"] == [{"name": "mugs", "description": "A mug, with `handle`."}]
    schemas = mugs["components"]["schemas"]
    assert schemas["mugs"]["properties"]["attributes"] == {
        "type": "object",
        "properties": {
            "colour": {"type": ["string", "null"], "enum": ["red", "blue", None]},
            "is_full": {
                "type": ["boolean", "null"],
                "examples": [True],
                "description": "Whether to be careful.",
            },
            "washed_at": {
                "type": ["string", "null"],
                "format": "date-time",
                "examples": ["2020-02-02"],
            },
        },
        "additionalProperties": False,
    }
    assert schemas["mugs_changes"]["properties"]["data"]["properties"]["attributes"] == {
        "type": "object",
        "properties": {
            "colour": {"type": ["string", "null"], "enum": ["red", "blue", None]},
            "_fill": {
                "type": ["boolean", "null"],
                "writeOnly": True,
                "description": "Fills it. Send true; one trigger at a time.",
            },
        },
        "additionalProperties": False,
    }


def test_shop_resource__offers_are_described(mugs: dict[str, Any]) -> None:
    # when
    operation = mugs["paths"]["/shop/mugs/{public_id}"]["patch"]

    # then
    assert operation["parameters"][-1] == {
        "name": "X-Spoon",
        "in": "header",
        "description": "What to stir with.",
        "schema": {"type": "string"},
    }
    assert {"200", "202", "409"} <= set(operation["responses"])
