"""Views that speak our dialect, for any declared resource.

Every option of DRF is set here, so that the shop's own ``REST_FRAMEWORK`` changes nothing.
"""

import logging
import secrets
from collections.abc import Callable
from functools import cached_property
from typing import Any

from django.core.signals import got_request_exception
from django.http import HttpRequest
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView, set_rollback
from rest_framework.viewsets import ViewSetMixin

from order_copies.conf import settings
from order_copies.jsonapi.documents import Documents
from order_copies.jsonapi.errors import document_of, errors_of, server_error
from order_copies.jsonapi.includes import Included
from order_copies.jsonapi.media import Negotiation, Parser, Renderer
from order_copies.jsonapi.pagination import Page
from order_copies.jsonapi.queries import Query, read_query
from order_copies.jsonapi.resources import Relationship, ResourceSerializer, resource_of

logger = logging.getLogger("order_copies.api")


class JSONAPIView(APIView):
    """A view whose every answer is a JSON:API document, its errors included."""

    parser_classes = [Parser]
    renderer_classes = [Renderer]
    content_negotiation_class = Negotiation
    permission_classes = [IsAuthenticated]
    throttle_classes = []
    versioning_class = None
    metadata_class = None

    @cached_property
    def trace_id(self) -> str:
        """What names this request in its answer and in the log."""
        return secrets.token_hex(32)

    def get_authenticators(self) -> list[BaseAuthentication]:
        """Those of the setting ``AUTHENTICATION_CLASSES``, or of the shop's DRF."""
        classes = settings.AUTHENTICATION_CLASSES
        return super().get_authenticators() if classes is None else [cls() for cls in classes]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Besides DRF's checks: what is written has to come as JSON:API."""
        super().initial(request, *args, **kwargs)
        negotiator = self.get_content_negotiator()
        if request.method in {"POST", "PATCH"} and not negotiator.select_parser(
            request, self.get_parsers()
        ):
            raise exceptions.UnsupportedMediaType(request.content_type)

    def get_exception_handler(self) -> Callable[[Exception, dict[str, Any]], Response]:
        """Every exception becomes a document, and what was written is rolled back."""
        return self._answer_to

    def _answer_to(self, exception: Exception, context: dict[str, Any]) -> Response:
        set_rollback()
        errors = errors_of(exception)
        if not errors:
            logger.error("trace_id=%s", self.trace_id, exc_info=exception)
            got_request_exception.send(type(self), request=self.request)
            errors = [server_error(self.trace_id)]
        response = Response(document_of(errors), status=errors[0].status)
        for header, attribute in (("WWW-Authenticate", "auth_header"), ("Retry-After", "wait")):
            value = getattr(exception, attribute, None)
            if value:
                response[header] = str(value)
        return response


class NotFoundView(JSONAPIView):
    """Answers for every path that is no endpoint."""

    permission_classes = []

    def get_authenticators(self) -> list[BaseAuthentication]:
        """Nobody needs to be known to be told that there is nothing."""
        return []

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """There is nothing here, whatever the method."""
        self.format_kwarg = None
        request.accepted_renderer, request.accepted_media_type = self.perform_content_negotiation(
            request, force=True
        )
        raise exceptions.NotFound


class ResourceViewSet(ViewSetMixin, JSONAPIView):
    """What the endpoints of one resource have in common. Names its resource by ``type``."""

    #: The type of the resource.
    type: str = ""
    #: The name of the relationship that a related route is for.
    relation: str = ""
    #: How many segments of the path belong to the endpoint; what stands before is the API's.
    segments: int = 1

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
        page = self.page(rows, query, resource)
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
            return self.answer(self.query(self.resource), self.resource, None)
        related = resource_of(relationship.type)
        rows = relationship.rows(request, [row])
        if relationship.many:
            return self.answer_page(rows, related)
        return self.answer(self.query(related, "include", "fields"), related, rows.first())

    def linkage(self, request: Request, public_id: str) -> Response:
        """The identifiers of what a relationship leads to. Read-only."""
        row, relationship = self.find(request, public_id), self.relationship
        page, found = None, None
        query = Query()
        if not relationship.leads_nowhere:
            related = resource_of(relationship.type)
            query = self.query(related, *(["page"] if relationship.many else []))
            rows = relationship.rows(request, [row])
            page = self.page(rows, query, related) if relationship.many else None
            found = None if relationship.many else rows.first()
        documents = self.documents(query, self.resource, [])
        return Response(documents.linkage(self.resource, row, self.relation, page, found))


class ReadOnlyViewSet(ListMixin, RetrieveMixin):
    """A resource that can be read, alone and in lists."""


def list_parameters(resource: ResourceSerializer) -> list[str]:
    """The families of parameters that a list of this resource offers."""
    sort = ["sort"] if resource.pages.sortable else []
    return ["include", "fields", "page", *sort]
