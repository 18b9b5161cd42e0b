"""Our documents equal those of djangorestframework-jsonapi, apart from the differences below."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.http import QueryDict
from django.test import RequestFactory
from hypothesis import given, settings
from rest_framework.request import Request
from rest_framework_json_api import serializers

from order_copies import copying
from order_copies.api.serializers import OrderFactorySerializer
from order_copies.jsonapi.queries import IncludeTree, read_query
from order_copies.jsonapi.resources import Resource, resource_of, resources
from order_copies.models import Kind, OrderCopy, OrderFactory
from order_copies.worker.run import run_batch
from tests.api import API, PERMISSIONS, include_paths, staff
from tests.factories import (
    CouponFactory,
    OrderCopyFactory,
    OrderSubscriptionItemFactory,
    placed_order,
)
from tests.stock_renderer import stock_document, stock_serializers
from tests.strategies import Description, any_order, build

pytestmark = pytest.mark.django_db

TYPES = sorted(resources())
OF_ALL_TYPES = pytest.mark.parametrize("resource_type", TYPES)

Identity = tuple[str, str]


def a_shop() -> None:
    """Create rows of every resource, among them completed and pending copies."""
    order = placed_order(coupon=CouponFactory(), lines=1, metadata={"für": [None, 1.5]})
    copies = [OrderCopy(source_order=order), OrderCopy(source_order=placed_order(lines=1))]
    copying.request_copies(copies, actor={"owner": {"id": "1"}})
    run_batch("a worker")
    item = OrderSubscriptionItemFactory(order_subscription__source_order=order)
    OrderCopyFactory(
        source_order=order,
        type=Kind.RECURRING_ORDER_COPIES,
        order_subscription=item.order_subscription,
        scheduled_for=item.order_subscription.next_run_at,
    )


def ours(document: dict[str, Any]) -> dict[str, Any]:
    """Our document without links and meta, which the library does not render.

    Included resources are sorted, because JSON:API leaves their order open.
    """
    for resource in resources_in(document):
        del resource["links"], resource["meta"]
        for relationship in resource["relationships"].values():
            del relationship["links"]
    return sorted_by_identity(document)


def theirs(document: dict[str, Any], include: IncludeTree) -> dict[str, Any]:
    """The library's document without counts and unrequested linkage, which we do not render.

    Missing attributes and relationships become empty objects, as in ours.
    """
    included = {
        place
        for resource in primary_in(document)
        for place in followed(resource, include, document)
    }
    for resource in resources_in(document):
        resource.setdefault("attributes", {})
        for name, relationship in resource.setdefault("relationships", {}).items():
            relationship.pop("meta", None)
            if (identity(resource), name) not in included:
                del relationship["data"]
    return sorted_by_identity(document)


def followed(
    resource: dict[str, Any], include: IncludeTree, document: dict[str, Any]
) -> Iterator[tuple[Identity, str]]:
    """Yield resource and name of each relationship that the include tree follows."""
    found = {identity(one): one for one in resources_in(document)}
    for name, branches in include.items():
        yield identity(resource), name
        linkage = resource["relationships"][name]["data"]
        for related in linkage if isinstance(linkage, list) else [linkage]:
            if related is not None and branches:
                yield from followed(found[identity(related)], branches, document)


def primary_in(document: dict[str, Any]) -> list[dict[str, Any]]:
    data = document["data"]
    return data if isinstance(data, list) else [data]


def resources_in(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [*primary_in(document), *document.get("included", [])]


def identity(resource: dict[str, Any]) -> Identity:
    return resource["type"], resource["id"]


def sorted_by_identity(document: dict[str, Any]) -> dict[str, Any]:
    included = sorted(document.get("included", []), key=identity)
    rest = {"included": included} if "included" in document else {}
    return {"data": document["data"], **rest}


def queries(resource: Resource) -> Iterator[str]:
    """Yield queries with includes and fields for this resource."""
    paths = include_paths(resource)
    fields = [one.name for one in (*resource.attributes, *resource.relationships)]
    yield ""
    # One by one: the library does not follow a second path to one resource any further.
    for first in dict.fromkeys(path.partition(".")[0] for path in paths):
        yield f"include={','.join(path for path in paths if path.partition('.')[0] == first)}"
    if paths:
        yield f"include={paths[0]}&fields[{resource.type}]={fields[0]},{paths[0]}"
    yield f"fields[{resource.type}]={','.join(fields[::2])}"
    yield f"fields[{resource.type}]={fields[0]}"
    yield f"fields[{resource.type}]={fields[-1]}"
    yield "fields[markets]=code"


class Comparison:
    """Compares documents of our API with those of the library."""

    def __init__(self) -> None:
        self.user = staff(*PERMISSIONS, "view_coupon")
        self.api = API(self.user)
        self.serializers = stock_serializers()

    def request(self, query: str) -> Request:
        request = Request(RequestFactory().get(f"/?{query}"))
        request.user, request.auth = self.user, None
        return request

    def check(self, path: str, query: str, resource: Resource, rows: Any) -> None:
        """Assert that both documents of one row, or of a list of rows, are equal."""
        include = read_query(QueryDict(query), resource, ["include", "fields"]).include
        many = isinstance(rows, list)

        document = self.api.get(f"{path}{query}").json()
        stock = stock_document(
            self.serializers[resource.type], rows, self.request(query), many=many
        )

        assert primary_in(document)
        assert ours(document) == theirs(stock, include)


@OF_ALL_TYPES
def test_resource__equals_the_document_of_the_library(resource_type: str) -> None:
    # given
    a_shop()
    comparison, resource = Comparison(), resource_of(resource_type)
    row = resource.rows(comparison.request("")).order_by("pk").first()

    # when, then
    for query in queries(resource):
        comparison.check(f"/{resource_type}/{resource.id_field.id_of(row)}?", query, resource, row)


@pytest.mark.exhaustive
@OF_ALL_TYPES
def test_list__equals_the_document_of_the_library(resource_type: str) -> None:
    # given
    a_shop()
    comparison, resource = Comparison(), resource_of(resource_type)
    path, rows = f"/{resource_type}", resource.rows(comparison.request(""))
    if resource_type == "event_stores":
        # Event stores are listed only under the resource that changed.
        order_copy = OrderCopy.objects.first()
        assert order_copy is not None
        path = f"/order_copies/{order_copy.public_id}/event_stores"
        rows = rows.filter(resource_type="order_copies", resource_id=str(order_copy.pk))

    # when, then
    for query in queries(resource):
        comparison.check(f"{path}?page[size]=3&", query, resource, list(rows.order_by("pk")[:3]))


@pytest.mark.exhaustive
@settings(max_examples=10)
@given(any_order)
def test_any_order__equals_the_document_of_the_library(description: Description) -> None:
    # given
    order, comparison, orders = build(description), Comparison(), resource_of("orders")
    paths = "market,customer,billing_address,payment_method,line_items.sku,line_item_options"

    # when, then
    comparison.check(f"/orders/{order.public_id}?", f"include={paths}", orders, order)


class StockFactorySerializer(serializers.ModelSerializer):
    """What the library does with an attribute ``type``, which the contract has."""

    class Meta:
        model = OrderFactory
        fields = ["type"]


def test_attribute_named_type__is_rendered_by_the_library_too() -> None:
    """The library reserves the name; our serializers take it off the list of reserved names."""
    # given
    OrderCopyFactory()
    comparison, resource = Comparison(), resource_of("order_factories")
    query = "fields[order_factories]=type,errors_count"
    row = resource.rows(comparison.request("")).get()
    public_id = resource.id_field.id_of(row)

    # when
    document = comparison.api.get(f"/order_factories/{public_id}?{query}").json()
    stock = stock_document(OrderFactorySerializer, row, comparison.request(query), many=False)

    # then
    attributes = {"type": "order_copies", "errors_count": 0}
    identity = {"type": "order_factories", "id": public_id}
    expected = {"data": {**identity, "attributes": attributes, "relationships": {}}}
    assert (ours(document), theirs(stock, {})) == (expected, expected)
    with pytest.raises(AssertionError, match=r"reserved field name.*: type"):
        StockFactorySerializer().fields  # noqa: B018
