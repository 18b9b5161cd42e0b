"""Find faults in responses: crashes, wrong media types, documents that are not JSON:API."""

import re
from urllib.parse import unquote_to_bytes

from tests.hostile.requests import ANONYMOUS, HostileRequest
from tests.hostile.responses import Response

JSON_API = "application/vnd.api+json"
TOKEN_PATHS = {b"/oauth/token", b"/oauth/revoke"}
#: Public paths of the API whose responses are not JSON:API documents.
PUBLIC_PAGES = {b"/api/docs", b"/api/schema"}
ERROR_MEMBERS = {"title", "detail", "code", "status", "source", "meta"}
DOCUMENT_MEMBERS = {"data", "included", "links", "meta"}
#: How gunicorn's own error pages begin.
GUNICORN_PAGE = b"<html>\n  <head>\n    <title>"
#: The length of a header value that gunicorn may refuse.
LONG_HEADER = 8000
UNUSUAL_METHOD = re.compile(r"[^A-Z]")
CONTROL_CHARACTER = re.compile(rb"[\0-\x08\x0a-\x1f\x7f]")


def fault(request: HostileRequest, response: Response) -> str:
    """Return what is wrong with the response, or an empty string."""
    if response.error:
        return "" if request.is_broken else f"no response: {response.error}"
    if _is_refused_by_gunicorn(request, response):
        return ""
    if response.status >= 500 or response.status < 200:
        return f"status {response.status}"
    if b"Traceback (most recent call last)" in response.body:
        return "a traceback in the body"
    path = unquote_to_bytes(request.target.partition(b"?")[0].partition(b"#")[0])
    try:
        if path in TOKEN_PATHS:
            _check_token_response(request, response)
        elif path.startswith(b"/api/"):
            _check_api_response(request, response, path)
    except (ValueError, AssertionError) as error:
        return f"invalid document: {error or 'see the body'}"
    return ""


def _is_refused_by_gunicorn(request: HostileRequest, response: Response) -> bool:
    names = [name.lower() for name, _value in request.headers]
    may_be_refused = (
        request.is_broken
        or UNUSUAL_METHOD.search(request.method)
        or len(names) > len(set(names))
        or any(
            len(value) > LONG_HEADER or CONTROL_CHARACTER.search(value)
            for _name, value in request.headers
        )
    )
    is_refused = 400 <= response.status < 500 or response.status in {501, 505}
    is_from_gunicorn = response.body.startswith(GUNICORN_PAGE) or (
        request.method == "HEAD" and response.media_type == "text/html"
    )
    return bool(may_be_refused and is_refused and is_from_gunicorn)


def _check_token_response(request: HostileRequest, response: Response) -> None:
    _check_media_type(response, "application/json")
    if request.method == "HEAD":
        return
    if response.status >= 400:
        _check_errors(response, int)
    else:
        assert isinstance(response.document, dict), "the document is not an object"


def _check_api_response(request: HostileRequest, response: Response, path: bytes) -> None:
    if path in PUBLIC_PAGES and response.status < 400:
        return
    is_public = path in PUBLIC_PAGES or request.method == "OPTIONS"
    if request.actor in ANONYMOUS and not request.is_broken:
        assert is_public or response.status >= 400, "success without authentication"
    if response.status == 204:
        assert not response.body, "204 with a body"
        return
    if request.method == "OPTIONS" and response.status == 200 and not response.body:
        return  # A preflight request (CORS).
    _check_media_type(response, JSON_API)
    if request.method == "HEAD":
        assert not response.body, "HEAD with a body"
        return
    if response.status >= 400:
        _check_errors(response, str)
        return
    document = response.document
    assert isinstance(document, dict), "the document is not an object"
    assert "data" in document or "meta" in document, "neither data nor meta"
    assert set(document) <= DOCUMENT_MEMBERS, f"members {sorted(document)}"
    data = document.get("data")
    primary = data if isinstance(data, list) else [data] if data else []
    for resource in [*primary, *document.get("included", [])]:
        assert isinstance(resource["id"], str), "id is not a string"
        assert isinstance(resource["type"], str), "type is not a string"


def _check_media_type(response: Response, expected: str) -> None:
    assert response.media_type == expected, f"Content-Type {response.media_type!r}"


def _check_errors(response: Response, status_type: type) -> None:
    document = response.document
    assert isinstance(document, dict), "the document is not an object"
    assert set(document) == {"errors"}, f"members {sorted(document)}"
    assert isinstance(document["errors"], list), "errors is not a list"
    assert document["errors"], "errors is empty"
    for error in document["errors"]:
        assert set(error) <= ERROR_MEMBERS, f"members {sorted(error)}"
        for name in ("title", "detail", "code"):
            assert isinstance(error[name], str), f"{name} is not a string"
            assert error[name], f"{name} is empty"
        assert re.fullmatch("[A-Z_]+", error["code"]), f"code {error['code']!r}"
        assert isinstance(error["status"], status_type), f"status is no {status_type.__name__}"
        pointer = error.get("source", {"pointer": "/data"})["pointer"]
        assert pointer.startswith("/"), f"pointer {pointer!r}"
    statuses = {int(error["status"]) for error in document["errors"]}
    assert response.status in statuses, f"status {response.status}, errors {statuses}"
