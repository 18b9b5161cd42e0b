"""Renderer and content negotiation for ``application/vnd.api+json`` (contract 5.7)."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.http import HttpRequest
from rest_framework import exceptions
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.utils.encoders import JSONEncoder
from rest_framework_json_api.parsers import JSONParser

MEDIA_TYPE: str = JSONParser.media_type

#: Media ranges that include ours: the most specific one in ``Accept`` decides (RFC 9110).
_RANGES = (MEDIA_TYPE, "application/*", "*/*")
#: Encodes what fields of a shop return: decimals, dates, UUIDs, lazy texts.
_encode = JSONEncoder().default
_UNWANTED = re.compile(r"q=0(\.0*)?")


class Renderer(BaseRenderer):
    """Renderer of documents as compact JSON in UTF-8."""

    media_type = MEDIA_TYPE
    format = "json"
    charset = None

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        """Return the document as bytes: empty if ``data`` is ``None``."""
        if data is None:
            return b""
        options: dict[str, Any] = {"ensure_ascii": False, "separators": (",", ":")}
        try:
            text = json.dumps(data, **options, default=_encode, allow_nan=False)
        except ValueError:
            # A field of a shop returned NaN or an infinite number, which JSON does not have.
            lenient = json.dumps(data, default=_encode)
            text = json.dumps(json.loads(lenient, parse_constant=lambda _name: None), **options)
        # An error may quote a lone surrogate, which UTF-8 cannot encode.
        return text.encode(errors="replace")


class Negotiation(BaseContentNegotiation):
    """Content negotiation that accepts only JSON:API without media type parameters."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser | None:
        """Return the only parser, or ``None`` unless the body is JSON:API without parameters."""
        is_ours = (request.content_type or "").strip().lower() == MEDIA_TYPE
        return next(iter(parsers)) if is_ours else None

    def select_renderer(  # type: ignore[override]
        self, request: HttpRequest, renderers: Sequence[BaseRenderer], format_suffix: Any = None
    ) -> tuple[BaseRenderer, str]:
        """Return the only renderer. Raise ``NotAcceptable`` if ``Accept`` excludes it."""
        if not _is_acceptable(request.META.get("HTTP_ACCEPT", "")):
            raise exceptions.NotAcceptable
        return renderers[0], MEDIA_TYPE


def _is_acceptable(accept: str) -> bool:
    wanted = dict(map(_read, accept.lower().replace(" ", "").split(",")))
    named = [media_range for media_range in _RANGES if media_range in wanted]
    return wanted[named[0]] if named else not accept.strip()


def _read(accepted: str) -> tuple[str, bool]:
    """Parse one media range: return it with its parameters, and whether its weight exceeds 0."""
    media_type, *parameters = accepted.split(";")
    rest = [parameter for parameter in parameters if not parameter.startswith("q=")]
    is_wanted = not any(map(_UNWANTED.fullmatch, parameters))
    return ";".join([media_type, *rest]), is_wanted
