"""Generate hostile requests: one function for each kind."""

import base64
from collections.abc import Callable, Iterable
from random import Random
from urllib.parse import quote

from tests.hostile.admin_pages import FORM, admin_request
from tests.hostile.bodies import corrupt, draw_body, valid_copy_document
from tests.hostile.headers import MEDIA_TYPE, METHODS, draw_headers
from tests.hostile.paths import draw_path, draw_public_id
from tests.hostile.queries import draw_query
from tests.hostile.requests import HostileRequest
from tests.hostile.values import (
    ENCODED,
    ObjectMembers,
    draw_text,
    draw_url_part,
    draw_value,
    to_json,
)
from tests.hostile.vocabulary import Vocabulary

JSON_API = MEDIA_TYPE.encode()
ACTORS = ["integration"] * 15 + ["reader", "reader", "sales_channel", "none", "broken"]
OTHER_PATHS = [
    "/", "/metrics", "/healthz", "/favicon.ico", "/static/", "/static/favicon.ico", "/oauth/",
    "/static/admin/css/base.css", "/static/../manage.py", "/static/%2e%2e/%2e%2e/etc/passwd",
    "/static/..%2f..%2fmanage.py", "/static//etc/passwd", "/static/%00", "/static/%ff", "/api",
    "/static/admin", "/static/staticfiles.json", "/admin", "/admin/login/", "//", "///api/orders",
    "/admin/jsi18n/", "/healthz/", "/metrics/", "/.env", "/oauth/authorize/", "*", "http://a/b",
    "/oauth/applications/", "/oauth/tokens", "/api/docs", "/api/schema", "/admin/../api/orders",
    "/\\", "/%5c", "/;", "/.git/config", "/static/" + "a" * 3000, "/static/" + "../" * 300,
]  # fmt: skip


def generate_request(seed: int, number: int, vocabulary: Vocabulary) -> HostileRequest:
    """Return the request that the seed and the number determine."""
    random = Random(f"{seed} {number}")
    [draw_request] = random.choices(list(WEIGHTS), weights=list(WEIGHTS.values()))
    return draw_request(random, vocabulary)


def list_request(random: Random, vocabulary: Vocabulary) -> HostileRequest:
    """Draw a request for a list, with hostile query parameters."""
    resource_type = random.choice(vocabulary.types)
    path = f"/api/{resource_type}"
    if random.randrange(4) == 0:
        path = draw_path(random, vocabulary)
    query = draw_query(random, vocabulary, resource_type)
    method = random.choice(["GET"] * 12 + ["HEAD"])
    return _api_request(
        random, vocabulary, method, f"{path}?{query}", headers=draw_headers(random, most=1)
    )


def unknown_path_request(random: Random, vocabulary: Vocabulary) -> HostileRequest:
    """Draw a request to any path, existing or not, with any method."""
    method = random.choice([*METHODS, "GET", "GET", "GET"])
    path = draw_path(random, vocabulary)
    document = draw_value(random) if method in {"POST", "PUT"} else None
    body = b"" if document is None else to_json(document).encode(errors="replace")[:200000]
    query = f"?{draw_url_part(random)}" if random.randrange(5) == 0 else ""
    return _api_request(
        random, vocabulary, method, path + query, body, draw_headers(random, most=2)
    )


def header_request(random: Random, vocabulary: Vocabulary) -> HostileRequest:
    """Draw a request to an existing path, with up to six hostile header fields."""
    resource_type = random.choice(vocabulary.types)
    method = random.choice(["GET", "GET", "POST", "PATCH", "DELETE", "HEAD", "OPTIONS"])
    public_id = "" if method == "POST" else f"/{draw_public_id(random, vocabulary, resource_type)}"
    body = b"" if method in {"GET", "HEAD"} else draw_body(random, vocabulary, resource_type, None)
    return _api_request(
        random,
        vocabulary,
        method,
        f"/api/{resource_type}{public_id}",
        body,
        draw_headers(random, most=6),
    )


def write_request(random: Random, vocabulary: Vocabulary) -> HostileRequest:
    """Draw a POST, PATCH or DELETE with a faulty document."""
    creatable = ["order_copies"] * 4 + ["recurring_order_copies"]
    resource_type = random.choice([*creatable, *vocabulary.types, "orders", "orders"])
    is_new = resource_type in creatable and random.randrange(3) > 0
    target_id = None if is_new else draw_public_id(random, vocabulary, resource_type)
    path = f"/api/{resource_type}" if is_new else f"/api/{resource_type}/{target_id}"
    if random.randrange(8) == 0:
        path += random.choice(["?dry_run=true", "?dry_run=x", "?include=source_order", "?sort=id"])
    body = draw_body(random, vocabulary, resource_type, target_id)
    method = "POST" if is_new else random.choice(["PATCH"] * 9 + ["DELETE"])
    return _api_request(random, vocabulary, method, path, body, draw_headers(random, most=1))


def valid_copy_request(random: Random, vocabulary: Vocabulary) -> HostileRequest:
    """Draw a valid POST of a copy, so that rows are written during the run."""
    key = [(b"Idempotency-Key", random.choice([b"one", b"two", b"x" * 255]))]
    request = _api_request(
        random, vocabulary, "POST", "/api/order_copies", valid_copy_document(random, vocabulary)
    )
    request.headers += random.choice([[], [], key])
    return request


def token_request(random: Random, vocabulary: Vocabulary) -> HostileRequest:
    """Draw a faulty request that issues or revokes a token."""
    path = random.choice(["/oauth/token"] * 6 + ["/oauth/revoke"])
    headers = draw_headers(random, most=1)
    application = dict(random.choice(list(vocabulary.applications.values())))
    grants = ["client_credentials"] * 4 + ["password", "refresh_token", "authorization_code"]
    fields: dict[str, object] = {
        "grant_type": random.choice(grants),
        **application,
        "scope": "market:all",
    }
    for _ in range(random.randrange(1, 4)):
        names = [*fields, "scope", "token", "token_type_hint", "code", "redirect_uri", "x"]
        fields[random.choice(names)] = _draw_field(random)
    if random.randrange(5) == 0:
        pair = f"{fields.get('client_id')}:{draw_text(random)}".encode(errors="replace")
        basic = random.choice([base64.b64encode(pair), b"%%%", b"", pair.hex().encode()])
        headers.append((b"Authorization", b"Basic " + basic))
    if random.randrange(2):
        body = corrupt(random, to_json(ObjectMembers(fields.items())))
        content_type = b"application/json"
    else:
        body = "&".join(f"{name}={_encode_field(fields[name])}" for name in fields).encode()
        content_type = FORM
    if random.randrange(12) == 0:
        path += f"?{draw_url_part(random)}"
    if not any(name == b"Content-Type" for name, _value in headers):
        headers.append((b"Content-Type", content_type))
    method = random.choice(["POST"] * 12 + METHODS)
    return HostileRequest(method, path.encode(), headers, body)


def other_page_request(random: Random, vocabulary: Vocabulary) -> HostileRequest:
    """Draw a request to a page outside the API and the admin."""
    path = random.choice(OTHER_PATHS)
    if random.randrange(4) == 0:
        path += random.choice([*ENCODED, "/", "?a=%00"])
    method = random.choice(["GET", "GET", "GET", *METHODS])
    return HostileRequest(method, path.encode(), draw_headers(random, most=3))


def malformed_http_request(random: Random, vocabulary: Vocabulary) -> HostileRequest:
    """Draw bytes that violate HTTP, or that a server may take for a violation."""
    target = random.choice([b"/api/orders", b"/api/order_copies", b"/oauth/token", b"/healthz"])
    body = valid_copy_document(random, vocabulary)
    token = vocabulary.tokens["reader"].encode()
    head = b"POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: %s\r\n" % (target, JSON_API)
    head += b"Authorization: Bearer %s\r\n" % token
    length = random.choice(
        [b"-1", b"+5", b"a", b"", b"5, 6", b"9" * 40, b"0x5", b"1_0", b" 5", b"\xb2"]
    )
    raw = random.choice(
        [
            head + b"Content-Length: %s\r\n\r\n" % length + body,
            head + b"Content-Length: %d\r\n\r\n" % (len(body) + 100) + body,
            head + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n" + body,
            head + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            head + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + body,
            head + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % (len(body) + 9) + body,
            head + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n" + body,
            head + b"Transfer-Encoding: chunked\r\n\r\n5\r\n" + body,
            head + b"Transfer-Encoding: chunked\r\n\r\n-5\r\n" + body,
            head + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
            head + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(body), body),
            head + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n{}",
            head + b"Expect: x\r\nContent-Length: 2\r\n\r\n{}",
            b"GET %s HTTP/1.1\r\n\r\n" % target,
            b"GET %s HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n" % target,
            b"GET %s HTTP/9.9\r\nHost: a\r\n\r\n" % target,
            b"GET %s\r\n\r\n" % target,
            b"GET  %s  HTTP/1.1\r\n\r\n" % target,
            b"GET %s\0 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" % target,
            b"GET %s\xff\xfe HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" % target,
            b"GET %s?a=b c HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" % target,
            b"GET %s#a HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" % target,
            b"GET %s?%s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" % (target, b"a" * 9000),
            b"GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nA: %s\r\n\r\n" % (target, b"a" * 9000),
            b"GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n%s\r\n" % (target, b"A: b\r\n" * 120),
            b"GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nA: b\r\n c\r\n\r\n" % target,
            b"GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nA b: c\r\n\r\n" % target,
            b"GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nA: b\0c\r\n\r\n" % target,
            b"GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n: b\r\n\r\n" % target,
            b"GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nA_B: c\r\n\r\n" % target,
            b"GET %s HTTP/1.1\nHost: 127.0.0.1\n\n" % target,
            b"GET http://%%zz%s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" % target,
            b"GET //[ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 60,
            b"\r\n\r\n\r\n",
            b"\0" * 300,
            b"",
        ]
    )
    method = "POST" if raw.startswith(b"POST") else "GET"
    return HostileRequest(method, target if target in raw else b"", is_broken=True, raw=raw)


#: Expected number of each kind in a thousand requests.
WEIGHTS: dict[Callable[[Random, Vocabulary], HostileRequest], int] = {
    list_request: 350,
    write_request: 230,
    unknown_path_request: 120,
    header_request: 90,
    token_request: 60,
    admin_request: 80,
    other_page_request: 35,
    malformed_http_request: 25,
    valid_copy_request: 10,
}


def _api_request(  # noqa: PLR0917
    random: Random,
    vocabulary: Vocabulary,
    method: str,
    target: str,
    body: bytes = b"",
    headers: Iterable[tuple[bytes, bytes]] = (),
) -> HostileRequest:
    headers = list(headers)
    names = {name for name, _value in headers}
    actor = "broken" if b"Authorization" in names else random.choice(ACTORS)
    if actor in vocabulary.tokens:
        headers.append((b"Authorization", b"Bearer " + vocabulary.tokens[actor].encode()))
    elif actor == "broken" and b"Authorization" not in names:
        token = vocabulary.tokens["integration"]
        broken = random.choice([token[:-2], token[1:], token.swapcase(), token.split(".")[1], "x"])
        headers.append((b"Authorization", b"Bearer " + broken.encode()))
    if body and b"Content-Type" not in names:
        headers.append((b"Content-Type", JSON_API))
    return HostileRequest(method, target.encode()[:8000], headers, body, actor)


def _draw_field(random: Random) -> object:
    return draw_value(random) if random.randrange(3) == 0 else draw_text(random)


def _encode_field(value: object) -> str:
    plain = value if isinstance(value, str) else repr(value)
    return quote(plain.encode(errors="surrogatepass"))[:9000]
