"""Viewsets of resources: DRF's generic viewsets, with documents of the dialect.

A viewset has the usual ``queryset`` or ``get_queryset()``, ``serializer_class``,
``permission_classes``, ``filter_backends`` and ``pagination_class``. The queryset decides which
rows a client may see: includes, filters and relationships of other resources use it too.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from http import HTTPStatus
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from rest_framework.exceptions import NotFound, PermissionDenied, ValidationError
from rest_framework.mixins import (
    CreateModelMixin,
    DestroyModelMixin,
    ListModelMixin,
    RetrieveModelMixin,
)
from rest_framework.permissions import SAFE_METHODS, IsAuthenticated
from rest_framework.request import Request, clone_request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet
from rest_framework_json_api.utils import get_resource_type_from_serializer

from order_copies.conf import settings
from order_copies.exceptions import SubscriptionRefusedError
from order_copies.jsonapi.base_views import JSONAPIView
from order_copies.jsonapi.documents import Documents
from order_copies.jsonapi.errors import Error, invalid, validation_errors
from order_copies.jsonapi.filtering.backends import PlainBackend, PredicateBackend, SortBackend
from order_copies.jsonapi.includes import Included
from order_copies.jsonapi.offers import Offer
from order_copies.jsonapi.pagination import NumberPagination, Pagination
from order_copies.jsonapi.parsers import missing_parameter
from order_copies.jsonapi.permissions import ModelPermissions
from order_copies.jsonapi.queries import Query, read_query
from order_copies.jsonapi.resources import Relationship, Resource, related_rows, resource_of
from order_copies.jsonapi.scopes import COPY, ScopesPermission, check_scopes
from order_copies.plans import Problem


class ResourceViewSet(JSONAPIView, GenericViewSet):  # type: ignore[type-arg]
    """The base class of the viewsets of resources."""

    permission_classes = [IsAuthenticated, ModelPermissions]
    lookup_url_kwarg = "public_id"
    filter_backends = [SortBackend, PredicateBackend, PlainBackend]
    pagination_class: type[Pagination] = NumberPagination

    #: The relationship of a route for one, set by the router.
    relation: str = ""
    #: The number of segments of the path that belong to the route, set by the router. The rest of
    #: the path is the URL of the API.
    segments: int = 1
    #: The families of query parameters of an action, in addition to those of its kind.
    extra_parameters: Mapping[str, Sequence[str]] = {}
    #: The filter scopes: named conditions. ``filter[name]=true`` selects the rows that the function
    #: returns of a queryset, ``filter[name]=false`` all others.
    filter_scopes: Mapping[str, Callable[[QuerySet[Any]], QuerySet[Any]]] = {}
    #: What actions offer in addition to their kind, for the OpenAPI document.
    offers: Mapping[str, Offer] = {}

    @classmethod
    def as_view(  # type: ignore[override]
        cls, actions: Mapping[str, str] | None = None, **kwargs: Any
    ) -> Callable[..., HttpResponse]:
        """Return the view of these actions by method."""
        return super().as_view(actions, **kwargs)

    @classmethod
    def resource_type(cls) -> str:
        """Return the type of the resource."""
        assert cls.serializer_class, f"{cls.__name__} needs a serializer_class."
        return str(get_resource_type_from_serializer(cls.serializer_class))

    @cached_property
    def resource(self) -> Resource:
        """The resource that the viewset serves."""
        return resource_of(self.resource_type())

    @property
    def relationship(self) -> Relationship:
        """The relationship of the route. Raises ``NotFound`` if no viewset serves its type."""
        relationship = self.resource.relationships_by_name.get(self.relation)
        if relationship is None:
            raise NotFound
        return relationship

    @property
    def url(self) -> str:
        """The URL of the request, without its query."""
        return f"{self._origin}{self.request.path}"

    @property
    def meta(self) -> dict[str, str]:
        """The ``meta`` of every resource of the response (contract 5.1)."""
        return {
            "mode": settings.MODE,
            "organization_id": settings.ORGANIZATION_ID,
            "trace_id": self.trace_id,
        }

    @property
    def writing_scopes(self) -> set[str]:
        """The scopes for writing, those of triggers included: the body decides which it needs."""
        triggers = self.resource.triggers if self.action == "update" else {}
        return {COPY, *(trigger.scope for trigger in triggers.values())}

    @cached_property
    def query(self) -> Query:
        """The parsed query. Raises :class:`RequestRefusedError`."""
        return read_query(self.request.query_params, self.resource, self.parameters(self.action))

    @classmethod
    def parameters(cls, action: str) -> list[str]:
        """Return the families of query parameters that an action accepts."""
        listing = ["sort", "filter"] if cls.filter_backends else []
        families = {
            "list": ["include", "fields", "page", *listing],
            "linkage": ["page"],
            "destroy": [],
        }
        extra = cls.extra_parameters.get(action, ())
        return [*families.get(action, ["include", "fields"]), *extra]

    def may_read(self) -> bool:
        """Return whether the permissions of the viewset let the client read its rows."""
        request = self.request
        if request.method not in SAFE_METHODS:
            # The response to a write includes rows of other resources.
            request = clone_request(request, "GET")
        own = [one for one in self.get_permissions() if not isinstance(one, ScopesPermission)]
        return all(one.has_permission(request, self) for one in own)

    def get_object(self) -> Any:
        """Return the row of the id in the URL. Raises :class:`RequestRefusedError`."""
        self.query  # noqa: B018 # An invalid query is refused first.
        return self.find()

    def find(self) -> Any:
        """Return the row of the id in the URL. The query is not read."""
        row = self.resource.find(self.request, self.kwargs[self.lookup_url_kwarg])
        self.check_object_permissions(self.request, row)
        return row

    def get_serializer(self, *args: Any, **kwargs: Any) -> Any:
        """Return the serializer of a body, or, for rows, a serialization by compiled functions."""
        if "data" in kwargs:
            if not kwargs["data"]:
                # DRF does not parse an empty body.
                raise missing_parameter("data", "/data")
            return super().get_serializer(*args, **kwargs)
        return Serialization(self, *args, **kwargs)

    def list_rows(self, queryset: Any) -> Response:
        """Return the response with the requested page of a queryset."""
        self.query  # noqa: B018
        page = self.paginate_queryset(self.filter_queryset(queryset))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    def documents(self, rows: Sequence[Any], query: Query) -> Documents:
        """Return a builder of documents with the included resources of ``rows``."""
        context = self.get_serializer_context()
        included = Included(context)
        included.load(self.resource, rows, query.include)
        prefix = self.request.path.rsplit("/", self.segments)[0]
        base_url = f"{self._origin}{prefix}"
        return Documents(base_url, self.meta, query, included, context)

    def errors_of(self, exception: Exception) -> Sequence[Error]:
        """Return the errors of an exception, with the fields of a validation error in order."""
        if isinstance(exception, SubscriptionRefusedError):
            return self.errors_of_problems(exception.problems)
        if not isinstance(exception, ValidationError):
            return super().errors_of(exception)
        resource = self.resource
        data = self.request.data if self.action in {"create", "update"} else {}
        sent = sorted(data, key=lambda name: name in resource.triggers)
        limits = {it.name: getattr(it.field, "max_length", None) for it in resource.attributes}
        related = resource.relationships_by_name
        errors = validation_errors(
            exception.detail,
            lambda name: "relationships" if name in related else "attributes",
            {name: sent.index(name) for name in sent},
            limits,
        )
        return list(errors)

    def errors_of_problems(self, problems: Sequence[Problem]) -> list[Error]:
        """Return the errors of problems, each at its attribute or relationship."""
        related = self.resource.relationships_by_name
        return [
            invalid(
                "relationships" if problem.attribute in related else "attributes",
                problem.attribute,
                problem.code,
                problem.message,
            )
            for problem in problems
        ]

    @property
    def _origin(self) -> str:
        return f"{self.request.scheme}://{self.request.get_host()}"


class Serialization:
    """The document of a row, or of many, in place of a DRF serializer for reading."""

    def __init__(self, view: ResourceViewSet, rows: Any, *, many: bool = False) -> None:
        self.view = view
        self.rows = rows
        self.many = many

    @property
    def data(self) -> dict[str, Any]:
        """The document."""
        view = self.view
        rows = self.rows if self.many else [] if self.rows is None else [self.rows]
        documents = view.documents(rows, view.query)
        if self.many:
            return documents.many(view.resource, rows)
        return documents.one(view.resource, self.rows)


class ListMixin(ListModelMixin, ResourceViewSet):
    """``GET /{type}``."""

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Return a page of the resources that the client may see."""
        return self.list_rows(self.get_queryset())


class RetrieveMixin(RetrieveModelMixin, ResourceViewSet):
    """``GET /{type}/{id}`` and the routes of its relationships."""

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Return one resource."""
        return super().retrieve(request, *args, **kwargs)

    def related(self, request: Request, public_id: str) -> Response:
        """Return the related resources of a relationship."""
        row, relationship = self.find(), self.relationship
        rows = related_rows(relationship, [row], self.get_serializer_context())
        view = self._related_view("list" if relationship.many else "retrieve")
        if relationship.many:
            return view.list_rows(rows)
        view.query  # noqa: B018
        return Response(view.get_serializer(rows.first()).data)

    def linkage(self, request: Request, public_id: str) -> Response:
        """Return the identifiers of the related resources of a relationship. Read-only."""
        row, relationship = self.find(), self.relationship
        view = self._related_view("linkage")
        query = read_query(
            request.query_params, view.resource, ["page"] if relationship.many else []
        )
        rows = related_rows(relationship, [row], self.get_serializer_context()).order_by("pk")
        page = view.paginate_queryset(rows) if relationship.many else list(rows[:1])
        documents = self.documents([], query)
        document = documents.linkage(self.resource, row, relationship, page or [])
        return view.get_paginated_response(document) if relationship.many else Response(document)

    def _related_view(self, action: str) -> ResourceViewSet:
        related = resource_of(self.relationship.type)
        view: ResourceViewSet = related.view(
            self.request, action=action, segments=self.segments, trace_id=self.trace_id
        )
        if not view.may_read():
            raise PermissionDenied
        return view


class CreateMixin(CreateModelMixin, ResourceViewSet):
    """``POST /{type}``."""

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Create a resource."""
        self.query  # noqa: B018
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        self.perform_create(serializer)
        # The queryset may annotate what the serializer needs.
        written = serializer.instance
        row = self.get_queryset().filter(pk=written.pk).first() or written
        return self.created(self.get_serializer(row).data)

    def perform_create(self, serializer: Any) -> None:
        """Write the valid data of ``serializer``, and set ``serializer.instance`` to the row."""
        raise NotImplementedError

    def created(self, document: dict[str, Any]) -> Response:
        """Return the response with the document of a new resource, and its URL."""
        headers = {"Location": document["data"]["links"]["self"]}
        return Response(document, status=HTTPStatus.CREATED, headers=headers)


class UpdateMixin(ResourceViewSet):
    """``PATCH /{type}/{id}``."""

    def update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Change attributes and run the action of a trigger: all of it, or nothing."""
        row = self.get_object()
        serializer = self.get_serializer(row, data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        sent = [name for name in self.resource.triggers if serializer.validated_data.get(name)]
        scopes = {self.resource.triggers[name].scope for name in sent}
        if not sent or set(serializer.validated_data) - set(self.resource.triggers):
            scopes.add(COPY)
        check_scopes(request, *scopes)
        self.perform_update(serializer)
        return Response(self.get_serializer(row).data)

    def perform_update(self, serializer: Any) -> None:
        """Write the valid data of ``serializer``, and update ``serializer.instance``."""
        raise NotImplementedError


class DestroyMixin(DestroyModelMixin, ResourceViewSet):
    """``DELETE /{type}/{id}``."""

    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Delete the resource."""
        return super().destroy(request, *args, **kwargs)


class ReadOnlyViewSet(ListMixin, RetrieveMixin):
    """A resource that clients can read, alone and in lists."""
