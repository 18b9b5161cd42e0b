"""Hostile methods and header fields."""

from random import Random

from tests.hostile.values import draw_text

MEDIA_TYPE = "application/vnd.api+json"
METHODS = [
    "GET", "GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "LINK",
    "PROPFIND", "get", "post", "QUERY", "PURGE", "X" * 20,
]  # fmt: skip
#: Malformed, oversized, contradictory and unusual values by header field.
HEADERS = {
    "Accept": [
        "", "*/*", "text/html", "application/json", MEDIA_TYPE, f"{MEDIA_TYPE};charset=utf-8",
        f'{MEDIA_TYPE}; ext="a"', f"{MEDIA_TYPE};q=0", "application/*;q=0.000", ",,,;;;", "a/b/c",
        "*/*;q=" + "9" * 500, ";", "q=0", "text/*, " * 200, "*", "\xff/\xff", f"{MEDIA_TYPE};q=x",
    ],
    "Content-Type": [
        "", "text/plain", "application/json", MEDIA_TYPE.upper(), f"{MEDIA_TYPE}; charset=utf-16",
        "multipart/form-data", "multipart/form-data; boundary=", "application/xml", "\xff", ";;;",
        "multipart/form-data; boundary=" + "x" * 300, "application/x-www-form-urlencoded",
        "application/vnd.api+json, application/vnd.api+json", "x/" + "y" * 3000,
    ],
    "Prefer": [
        "", "wait", "wait=", "wait=-1", "wait=1.5", "wait=0", "wait=٣", "wait=a", "wait=00000",
        'wait="0"', "respond-async", "wait=0, wait=0", "wait=0;x=" + "y" * 3000, "=,;=", "wait=1",
    ],
    "Idempotency-Key": [
        "", " ", "a", "a b", "x" * 255, "x" * 256, "x" * 4000, "\xe9", "\xff\xfe", "\t", "'", "%00",
        "key-1", "key-2", '"key-1"', "key-1, key-2", "٣",
    ],
    "Authorization": [
        "", "Bearer", "Bearer ", "bearer x", "Bearer x y", "Basic", "Basic YWRtaW46YWRtaW4=", "x",
        "Basic %%%", "Bearer \xff", "Bearer " + "x" * 5000, "Bearer eyJhbGciOiJub25lIn0.e30.",
        "Bearer eyJhbGciOiJIUzUxMiJ9.e30.AAAA", "Bearer ....", "Bearer null", "Digest a=b", "Token",
        "Bearer W10.W10.W10", "Bearer eyJhbGciOiJIUzUxMiJ9." + "W1tb" * 900 + ".AA", "Bearer \xa0",
        "Bearer eyJhbGciOjF9.e30.AA", "Bearer eyJhbGciOiJIUzUxMiIsImNyaXQiOlsiYiJdfQ.e30.AA",
    ],
    "X-HTTP-Method-Override": ["DELETE", "PATCH", "GET", "\xff", "TRACE"],
    "X-HTTP-Method": ["DELETE"],
    "Host": [
        "", "a", "evil.example", "127.0.0.1:99999", "[::1", "127.0.0.1, a", "\xff", "a/b", "a@b",
    ],
    "X-Forwarded-For": ["", "a", "127.0.0.1, " * 100, "::1", "\xff"],
    "X-Forwarded-Proto": ["https", "gopher"],
    "X-Forwarded-Host": ["evil.example"],
    "X-Request-Id": ["", "a\tb", "x" * 4000],
    "Cookie": [
        "", "sessionid=", "sessionid=\xff", "sessionid=" + "a" * 3000, "=;=;", "csrftoken=x",
    ],
    "Origin": ["null", "http://evil.example", "\xff"],
    "Referer": ["", "http://[", "\xff"],
    "Accept-Language": ["", "xx", "a" * 3000, "de;q=x", ",".join(["en"] * 300), "../../etc/passwd"],
    "Accept-Encoding": ["gzip", "identity;q=0", "\xff"],
    "Content-Encoding": ["gzip", "x"],
    "If-Modified-Since": ["x", "Sat, 01 Jan 0000 00:00:00 GMT", "Sun, 06 Nov 9999999 08:49:37 GMT"],
    "If-None-Match": ["*", '"', "W/", '"' + "x" * 3000],
    "Range": ["bytes=0-", "bytes=-1", "bytes=9999999999999999999999-", "bytes=a-b", "bytes=2-1"],
    "Upgrade": ["h2c", "websocket"],
    "Connection": ["close", "Upgrade", "\xff"],
}  # fmt: skip


def draw_headers(random: Random, *, most: int = 3) -> list[tuple[bytes, bytes]]:
    """Draw up to ``most`` header fields, in one of five cases one of them twice."""
    names = random.sample(list(HEADERS), k=random.randrange(most + 1))
    if names and random.randrange(5) == 0:
        names.append(names[0])
    return [(name.encode(), _draw_header_value(random, name)) for name in names]


def _draw_header_value(random: Random, name: str) -> bytes:
    value = random.choice(HEADERS[name])
    if random.randrange(6) == 0:
        value = draw_text(random).replace("\0", "").replace("\r", " ").replace("\n", " ")[:3000]
    return value.encode("utf-8" if random.randrange(2) else "latin-1", errors="replace")
