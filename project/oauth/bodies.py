"""Parsers for the request bodies of the endpoints."""

from collections.abc import Mapping
from typing import Any

from django.http import QueryDict
from rest_framework.parsers import BaseParser

from order_copies.jsonapi.parsers import MAX_BODY, read_json
from project.oauth.errors import OAuthError


class JSONBody(BaseParser):
    """JSON, which Commerce Layer's clients send."""

    media_type = "application/json"

    def parse(
        self,
        stream: Any,
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return the JSON value. Raises ``RequestRefusedError``."""
        return read_json(stream)


class FormBody(BaseParser):
    """A form, which OAuth specifies (RFC 6749)."""

    media_type = "application/x-www-form-urlencoded"

    def parse(
        self,
        stream: Any,
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> QueryDict:
        """Return the fields of the form. Raises ``OAuthError``."""
        body = stream.read(MAX_BODY + 1)
        if len(body) > MAX_BODY:
            raise OAuthError(413, "invalid_request", f"The body may have {MAX_BODY} bytes.")
        return QueryDict(body)
