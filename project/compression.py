"""Compress large documents of the API."""

from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware

#: Bytes. A smaller body fits into one packet, compressed or not.
MIN_SIZE = 1400


class APICompressionMiddleware(GZipMiddleware):
    """Compress what lies under ``/api/``, for clients that accept gzip.

    Pages of the admin stay as they are: where a browser sends cookies by itself, the size of a
    compressed page that repeats a parameter reveals secrets of the page (BREACH). The API reads
    bearer tokens, which no foreign site can make a browser send.
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> Any:
        """Return the response, compressed where that is safe and worth it."""
        is_large = response.streaming or len(getattr(response, "content", b"")) >= MIN_SIZE
        if not (is_large and request.path_info.startswith("/api/")):
            return response
        return super().process_response(request, response)
