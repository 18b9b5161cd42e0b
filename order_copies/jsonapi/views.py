"""Views of any declared resource: each needs to know its type only."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSetMixin

from order_copies.conf import settings
from order_copies.jsonapi.api_views import JSONAPIView, non_atomic
from order_copies.jsonapi.documents import Documents
from order_copies.jsonapi.filtering.filtersets import filter_rows
from order_copies.jsonapi.includes import Included
from order_copies.jsonapi.openapi.offers import Offer
from order_copies.jsonapi.pagination import Page
from order_copies.jsonapi.payloads import Payload, read_changes
from order_copies.jsonapi.queries import Query, read_query, read_query_of_nothing
from order_copies.jsonapi.resources import Relationship, ResourceSerializer, resource_of
from order_copies.jsonapi.scopes import COPY, check_scopes


class ResourceViewSet(ViewSetMixin, JSONAPIView):
    """What the endpoints of one resource have in common. Names its resource by ``type``."""

    #: The type of the resource.
    type: str = ""
    #: The name of the relationship that a related route is for.
    relation: str = ""
    #: How many segments of the path belong to the endpoint; what stands before is the API's.
    segments: int = 1
    #: What actions offer besides what their kind does, for the OpenAPI document.
    offers: Mapping[str, Offer] = {}

    @classmethod
    def as_view(  # type: ignore[override]
        cls, *args: Any, **kwargs: Any
    ) -> Callable[..., HttpResponse]:
        """The view, as above: DRF's viewsets make it in their own way."""
        return non_atomic(super().as_view(*args, **kwargs))

    @property
    def resource(self) -> ResourceSerializer:
        """The resource that is served."""
        return resource_of(self.type)

    @property
    def relationship(self) -> Relationship:
        """The relationship that a related route is for."""
        return self.resource.relationships_by_name[self.relation]

    @property
    def url(self) -> str:
        """The address of the request, without its query."""
        return f"{self._origin}{self.request.path}"

    @property
    def meta(self) -> dict[str, str]:
        """The ``meta`` of every resource in the answer (contract 5.1)."""
        return {
            "mode": settings.MODE,
            "organization_id": settings.ORGANIZATION_ID,
            "trace_id": self.trace_id,
        }

    @property
    def writing_scopes(self) -> set[str]:
        """Those of the triggers too; which of them it takes, the body tells."""
        triggers = self.resource.triggers if self.action == "update" else ()
        return {COPY, *(trigger.scope for trigger in triggers)}

    def find(self, request: HttpRequest, public_id: str) -> Any:
        """The row with this id, if the client may see it."""
        return self.resource.find(request, public_id)

    def query(self, resource: ResourceSerializer, *offered: str) -> Query:
        """What the request asks for, of an endpoint that offers these parameters."""
        return read_query(self.request.query_params, resource, offered)

    def documents(self, query: Query, resource: ResourceSerializer, rows: list[Any]) -> Documents:
        """A builder of documents with these rows and what is to be included with them."""
        included = Included(self.request)
        included.load(resource, rows, query.include)
        prefix = self.request.path.rsplit("/", self.segments)[0]
        return Documents(f"{self._origin}{prefix}", self.meta, query, included)

    def answer(self, query: Query, resource: ResourceSerializer, row: Any | None) -> Response:
        """The answer with one resource, or with none."""
        documents = self.documents(query, resource, [] if row is None else [row])
        return Response(documents.one(resource, row))

    def page(self, rows: Any, query: Query, resource: ResourceSerializer) -> Page:
        """The page of ``rows`` that the request asks for."""
        pages = resource.pages(self.request, self.url, resource)
        return pages.cut(rows.order_by(*query.order_by))

    def answer_page(self, rows: Any, resource: ResourceSerializer) -> Response:
        """The answer with a page of these rows."""
        query = self.query(resource, *list_parameters(resource))
        filtered = filter_rows(rows, self.request.query_params, resource, self.request)
        page = self.page(filtered, query, resource)
        return Response(self.documents(query, resource, list(page.rows)).many(resource, page))

    @property
    def _origin(self) -> str:
        return f"{self.request.scheme}://{self.request.get_host()}"


class ListMixin(ResourceViewSet):
    """``GET /{type}``."""

    def list(self, request: Request) -> Response:
        """A page of the resources that the client may see."""
        return self.answer_page(self.resource.rows(request), self.resource)


class RetrieveMixin(ResourceViewSet):
    """``GET /{type}/{id}`` and the routes of its relationships."""

    def retrieve(self, request: Request, public_id: str) -> Response:
        """One resource."""
        query = self.query(self.resource, "include", "fields")
        return self.answer(query, self.resource, self.find(request, public_id))

    def related(self, request: Request, public_id: str) -> Response:
        """What a relationship leads to."""
        row, relationship = self.find(request, public_id), self.relationship
        if relationship.leads_nowhere:
            query = read_query_of_nothing(self.request.query_params)
            return self.answer(query, self.resource, None)
        related = resource_of(relationship.type)
        rows = relationship.rows(request, [row])
        if relationship.many:
            return self.answer_page(rows, related)
        return self.answer(self.query(related, "include", "fields"), related, rows.first())

    def linkage(self, request: Request, public_id: str) -> Response:
        """The identifiers of what a relationship leads to. Read-only."""
        row, relationship = self.find(request, public_id), self.relationship
        page, found = None, None
        if relationship.leads_nowhere:
            query = self.query(self.resource)
        else:
            related = resource_of(relationship.type)
            query = self.query(related, *(["page"] if relationship.many else []))
            rows = relationship.rows(request, [row])
            page = self.page(rows, query, related) if relationship.many else None
            found = None if relationship.many else rows.first()
        documents = self.documents(query, self.resource, [])
        return Response(documents.linkage(self.resource, row, self.relation, page, found))


class UpdateMixin(ResourceViewSet):
    """``PATCH /{type}/{id}``."""

    def update(self, request: Request, public_id: str) -> Response:
        """Change attributes, and do what a trigger starts: all of it, or nothing."""
        query = self.query(self.resource, "include", "fields")
        row = self.find(request, public_id)
        payload = read_changes(request.data, self.resource, public_id)
        check_scopes(request, *scopes_of(payload))
        self.change(row, payload)
        return self.answer(query, self.resource, row)

    def change(self, row: Any, payload: Payload) -> None:
        """Do what the payload says, and bring ``row`` up to date with it."""
        raise NotImplementedError


class ReadOnlyViewSet(ListMixin, RetrieveMixin):
    """A resource that can be read, alone and in lists."""


def scopes_of(payload: Payload) -> Iterator[str]:
    """The scopes that it takes to change so much."""
    if payload.trigger:
        yield payload.trigger.scope
    if payload.attributes or payload.relationships or not payload.trigger:
        yield COPY


def list_parameters(resource: ResourceSerializer) -> list[str]:
    """The families of parameters that a list of this resource offers."""
    sought = ["sort", "filter"] if resource.pages.sortable else []
    return ["include", "fields", "page", *sought]
