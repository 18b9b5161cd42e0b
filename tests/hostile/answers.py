"""Send requests, and judge what comes back."""

import gzip
import json
import re
import socket
import time
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from typing import Any
from urllib.parse import unquote_to_bytes

from tests.hostile.asked import NOBODY, Asked
from tests.serving import HOST

JSON_API = "application/vnd.api+json"
TOKEN_PATHS = {b"/oauth/token", b"/oauth/revoke"}
PAGES = {b"/api/docs", b"/api/schema"}
ERROR_MEMBERS = {"title", "detail", "code", "status", "source", "meta"}
DOCUMENT_MEMBERS = {"data", "included", "links", "meta"}
#: Seconds that an answer may take.
PATIENCE = 30
#: gunicorn closes a connection, without saying so, on which so much of a body was not read; until
#: the client closes it too, the worker answers nobody for up to two seconds.
UNREAD = 60_000
#: What gunicorn refuses before the project sees it, in its own words.
GUNICORN = b"<html>\n  <head>\n    <title>"
ODD_METHOD = re.compile(r"[^A-Z]")
ODD_HEADER = re.compile(rb"[\0-\x08\x0a-\x1f\x7f]")


@dataclass(frozen=True)
class Answer:
    """What came back; ``status`` is 0 where nothing did."""

    status: int
    media_type: str
    body: bytes
    seconds: float
    trouble: str = ""

    @property
    def document(self) -> Any:
        """The JSON of the body. Raises ``ValueError`` where it is none."""
        return json.loads(self.body.decode(), parse_constant=_refuse, object_pairs_hook=_members)


class Connection:
    """A connection to the server, which is kept for as long as the server keeps it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket: socket.socket | None = None

    def ask(self, asked: Asked) -> Answer:
        """The answer to a request; one that breaks HTTP gets a connection of its own."""
        if asked.is_broken:
            self.close()
        began = time.monotonic()
        try:
            status, media_type, body = self._exchange(asked)
        except (OSError, HTTPException) as error:
            self.close()
            return Answer(0, "", b"", time.monotonic() - began, repr(error))
        return Answer(status, media_type, body, time.monotonic() - began)

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _exchange(self, asked: Asked) -> tuple[int, str, bytes]:
        if self._socket is None:
            self._socket = socket.create_connection((HOST, self._port), timeout=PATIENCE)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self._socket.sendall(asked.as_bytes())
            if asked.is_broken:
                self._socket.shutdown(socket.SHUT_WR)
        except (BrokenPipeError, ConnectionResetError):
            # The server may refuse what it has not read to the end: the answer is there already.
            pass
        response = HTTPResponse(self._socket, method=asked.method)
        response.begin()
        body = response.read()
        if response.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        found = response.status, response.headers.get("Content-Type", ""), body
        if response.will_close or asked.is_broken or len(asked.body) > UNREAD:
            self.close()
        return found


def complaint(asked: Asked, answer: Answer) -> str:
    """What is wrong with the answer; nothing, where all is well."""
    if answer.trouble:
        return "" if asked.is_broken else f"no answer: {answer.trouble}"
    if _is_gunicorns(asked, answer):
        return ""
    if answer.status >= 500 or answer.status < 200:
        return f"status {answer.status}"
    if b"Traceback (most recent call last)" in answer.body:
        return "a traceback"
    path = unquote_to_bytes(asked.target.partition(b"?")[0].partition(b"#")[0])
    try:
        if path in TOKEN_PATHS:
            _check_token_answer(asked, answer)
        elif path.startswith(b"/api/"):
            _check_api_answer(asked, answer, path)
    except (ValueError, AssertionError) as error:
        return f"ill-formed: {error or 'see there'}"
    return ""


def _is_gunicorns(asked: Asked, answer: Answer) -> bool:
    """Whether the web server refused what it need not understand, in its own words."""
    names = [name.lower() for name, _value in asked.headers]
    is_odd = (
        asked.is_broken
        or ODD_METHOD.search(asked.method)
        or len(names) > len(set(names))
        or any(len(value) > 8000 or ODD_HEADER.search(value) for _name, value in asked.headers)
    )
    is_refusal = 400 <= answer.status < 500 or answer.status in {501, 505}
    is_theirs = answer.body.startswith(GUNICORN) or (
        asked.method == "HEAD" and answer.media_type == "text/html"
    )
    return bool(is_odd and is_refusal and is_theirs)


def _check_token_answer(asked: Asked, answer: Answer) -> None:
    _check_media_type(answer, "application/json")
    if asked.method == "HEAD":
        return
    if answer.status >= 400:
        _check_errors(answer, int)
    else:
        assert isinstance(answer.document, dict), "no object"


def _check_api_answer(asked: Asked, answer: Answer, path: bytes) -> None:
    if path in PAGES and answer.status < 400:
        return
    is_open = path in PAGES or asked.method == "OPTIONS"
    if asked.who in NOBODY and not asked.is_broken:
        assert is_open or answer.status >= 400, "nobody was let in"
    if answer.status == 204:
        assert not answer.body, "204 with a body"
        return
    if asked.method == "OPTIONS" and answer.status == 200 and not answer.body:
        return  # A preflight request (CORS).
    _check_media_type(answer, JSON_API)
    if asked.method == "HEAD":
        assert not answer.body, "HEAD with a body"
        return
    if answer.status >= 400:
        _check_errors(answer, str)
        return
    document = answer.document
    assert isinstance(document, dict), "no object"
    assert "data" in document or "meta" in document, "no data"
    assert set(document) <= DOCUMENT_MEMBERS, f"members {sorted(document)}"
    data = document.get("data")
    primary = data if isinstance(data, list) else [data] if data else []
    for resource in [*primary, *document.get("included", [])]:
        assert isinstance(resource["id"], str), "an id that is no text"
        assert isinstance(resource["type"], str), "a type that is no text"


def _check_media_type(answer: Answer, wanted: str) -> None:
    assert answer.media_type == wanted, f"Content-Type {answer.media_type!r}"


def _check_errors(answer: Answer, kind_of_status: type) -> None:
    document = answer.document
    assert isinstance(document, dict), "no object"
    assert set(document) == {"errors"}, f"members {sorted(document)}"
    assert isinstance(document["errors"], list), "errors is no list"
    assert document["errors"], "no errors"
    for error in document["errors"]:
        assert set(error) <= ERROR_MEMBERS, f"members {sorted(error)}"
        for name in ("title", "detail", "code"):
            assert isinstance(error[name], str), f"{name} is no text"
            assert error[name], f"{name} is empty"
        assert re.fullmatch("[A-Z_]+", error["code"]), f"code {error['code']!r}"
        assert isinstance(error["status"], kind_of_status), "status of the wrong type"
        pointer = error.get("source", {"pointer": "/data"})["pointer"]
        assert pointer.startswith("/"), f"pointer {pointer!r}"
    statuses = {int(error["status"]) for error in document["errors"]}
    assert answer.status in statuses, f"status {answer.status}, errors {statuses}"


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        message = "a member twice"
        raise ValueError(message)
    return members


def _refuse(constant: str) -> Any:
    message = f"{constant} is no JSON"
    raise ValueError(message)
