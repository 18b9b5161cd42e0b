"""Compress large documents of the API."""

from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware

#: Bytes. A smaller body fits into one packet, compressed or not.
MIN_SIZE = 1400


class APICompressionMiddleware(GZipMiddleware):
    """Compress responses under ``/api/`` for clients that accept gzip.

    Admin pages are not compressed: a browser sends cookies by itself, and the size of a compressed
    page that repeats a parameter reveals secrets of the page (BREACH). The API authenticates by
    bearer tokens, which no other site can make a browser send.
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> Any:
        """Return the response, compressed if it is a large API response."""
        is_large = response.streaming or len(getattr(response, "content", b"")) >= MIN_SIZE
        if not (is_large and request.path_info.startswith("/api/")):
            return response
        return super().process_response(request, response)
