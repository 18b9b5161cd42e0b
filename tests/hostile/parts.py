"""The parts of hostile requests to the API: paths, queries, headers and bodies."""

from collections.abc import Callable
from random import Random
from typing import Any

from tests.hostile.values import ENCODED, NUMBERS, WORDS, Members, part, text, value, written
from tests.hostile.world import PREDICATES, World

MEDIA_TYPE = "application/vnd.api+json"
METHODS = [
    "GET", "GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "LINK",
    "PROPFIND", "get", "post", "QUERY", "PURGE", "X" * 20,
]  # fmt: skip
#: Headers with values that are wrong, strange, or right where nobody expects them.
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


def path(random: Random, world: World) -> str:
    """A path of the API, of the document or one that looks like those, and some way off."""
    return random.choice(_PATHS)(random, world)


def _known(random: Random, world: World) -> str:
    template = random.choice(world.paths)
    kind = template.split("/")[2]
    return template.replace("{public_id}", public_id(random, world, kind))


def _bent(random: Random, world: World) -> str:
    parts = _known(random, world).split("/")
    place = random.randrange(1, len(parts))
    match random.randrange(5):
        case 0:
            parts[place] = part(random)
        case 1:
            parts.insert(place, part(random))
        case 2:
            del parts[place]
        case 3:
            parts[place] += random.choice([*ENCODED, "/", "//", ".json", ";a=b", "?", "%2f"])
        case _:
            parts[place] = "".join(f"%{ord(sign):02x}" for sign in parts[place][:40])
    return "/api" + "/".join(parts).removeprefix("/api")


def _made_up(random: Random, world: World) -> str:
    parts = [
        random.choice([*world.types, "relationships", "schema", "docs", "orders", "..", ".", ""])
        if random.randrange(3)
        else part(random)
        for _ in range(random.randrange(1, 7))
    ]
    return "/api/" + "/".join(parts)


def _relationship(random: Random, world: World) -> str:
    kind = random.choice(world.types)
    name = random.choice(world.fields[random.choice(world.types)])
    between = random.choice(["", "relationships/"])
    return f"/api/{kind}/{public_id(random, world, kind)}/{between}{name}"


_PATHS = [_known, _known, _known, _known, _bent, _bent, _made_up, _relationship]


def public_id(random: Random, world: World, kind: str) -> str:
    """An id of this kind, mostly; or of another kind, or of none."""
    choice = random.randrange(10)
    if choice < 6 and world.ids.get(kind):
        return random.choice(world.ids[kind])
    return random.choice(world.all_ids) if choice < 8 else part(random)


def query(random: Random, world: World, kind: str) -> str:
    """Some parameters of lists of this kind, joined as they should be or otherwise."""
    count = random.choice([1, 1, 1, 1, 1, 2, 2, 3, 6])
    pairs = [random.choice(_PARAMETERS)(random, world, kind) for _ in range(count)]
    if random.randrange(8) == 0:
        pairs.append(random.choice(pairs))
    return random.choice(["&"] * 20 + [";", "&&", "?"]).join(pairs)[:7000]


def _page(random: Random, world: World, kind: str) -> str:
    name = random.choice(
        ["number", "size", "after", "before", "offset", "limit", "", "x", "number]["]
    )
    plain = random.choice([*NUMBERS, "1", "2", "25", "5"])
    return f"page[{name}]={_encoded(random, plain)}"


def _sort(random: Random, world: World, kind: str) -> str:
    names = _some(random, world.sorts.get(kind, []) + world.fields.get(kind, [])[:5])
    signs = (random.choice([""] * 20 + ["-", "--", "+", "%20"]) for _ in names)
    return "sort=" + ",".join(map("".join, zip(signs, names, strict=True)))


def _include(random: Random, world: World, kind: str) -> str:
    names = _some(random, world.includes.get(kind, []) * 3 + world.fields.get(kind, []))
    return "include=" + ",".join(names)


def _fields(random: Random, world: World, kind: str) -> str:
    of = random.choice([kind, kind, *world.types, part(random)])
    return f"fields[{of}]=" + ",".join(_some(random, world.fields.get(of, ["id"])))


def _filter_q(random: Random, world: World, kind: str) -> str:
    names = [name.lstrip("-") for name in world.sorts.get(kind, [])]
    if not names or random.randrange(5) == 0:
        names = world.fields.get(kind) or world.fields["orders"]
    count = random.choice([1] * 9 + [2, 3])
    chosen = [random.choice(names) for _ in range(count)]
    if random.randrange(10) == 0:
        related = random.choice(world.fields[random.choice(world.types)])
        chosen.append(f"{random.choice(names)}_{related}")
    if random.randrange(20) == 0:
        chosen.append(part(random))
    predicate = random.choice(PREDICATES)
    between = random.choice(["_or_", "_or_", "_and_", "_"])
    end = random.choice(["]"] * 16 + ["", "][]", "][a]"])
    return f"filter[q][{between.join(chosen)}_{predicate}{end}={_operand(random, world, kind)}"


def _filter(random: Random, world: World, kind: str) -> str:
    name = random.choice(world.fields.get(kind) or ["id"])
    suffix = random.choice(["", "", "_from", "_to", "_id", "s", "_eq", "]["])
    return f"filter[{name}{suffix}]={_operand(random, world, kind)}"


def _anything(random: Random, world: World, kind: str) -> str:
    names = [
        "filter",
        "filter[q]",
        "filter[q][]",
        "filter[]",
        "page",
        "sort[]",
        "include[]",
        "fields",
    ]
    more = [
        "dry_run",
        "format",
        "_method",
        "callback",
        "q",
        "fields[]",
        "page[number][]",
        "filter[q",
    ]
    name = random.choice([*names, *more, part(random)])
    return random.choice([name, f"{name}=", f"{name}={part(random)}", f"{name}=true"])


def _filter_texts(random: Random, world: World, kind: str) -> str:
    """What can be asked of every text and every JSON, so that the database is asked."""
    if random.randrange(5) == 0:
        return f"filter[q][metadata_jcont]={part(random)}"
    name = random.choice(["reference", "reference_origin", "reference_or_reference_origin"])
    predicate = random.choice(["eq", "not_eq", "cont", "not_cont", "matches", "start", "not_end"])
    suffix = random.choice(["", "", "", "_any", "_all", "_or_null"])
    return f"filter[q][{name}_{predicate}{suffix}]={_operand(random, world, kind)}"


_PARAMETERS = [
    _page, _sort, _include, _fields, _filter, _anything, *[_filter_q] * 5, *[_filter_texts] * 4,
]  # fmt: skip


def _some(random: Random, names: list[str]) -> list[str]:
    chosen = [random.choice(names or ["id"]) for _ in range(random.choice([1, 1, 2, 3, 30]))]
    if random.randrange(5) == 0:
        chosen[random.randrange(len(chosen))] = part(random)
    if random.randrange(10) == 0:
        chosen[0] = ".".join(random.choices(names or ["id"], k=random.randrange(2, 12)))
    return chosen


def _operand(random: Random, world: World, kind: str) -> str:
    match random.randrange(6):
        case 0:
            return ",".join(part(random) for _ in range(random.choice([2, 3, 100, 101])))
        case 1:
            return random.choice(["true", "false", "1", "pending", "EUR", "2024-01-01"])
        case 2:
            return public_id(random, world, kind)
        case _:
            return part(random)


def _encoded(random: Random, plain: str) -> str:
    return part(random) if random.randrange(4) == 0 else "".join(map(_escaped, plain))


def _escaped(sign: str) -> str:
    return (
        sign if sign.isascii() and sign.isalnum() else "".join(f"%{b:02x}" for b in sign.encode())
    )


def headers(random: Random, *, most: int = 3) -> list[tuple[bytes, bytes]]:
    """Some headers, one of them perhaps twice."""
    names = random.sample(list(HEADERS), k=random.randrange(most + 1))
    if names and random.randrange(5) == 0:
        names.append(names[0])
    return [(name.encode(), _header(random, name)) for name in names]


def _header(random: Random, name: str) -> bytes:
    plain = random.choice(HEADERS[name])
    if random.randrange(6) == 0:
        plain = text(random).replace("\0", "").replace("\r", " ").replace("\n", " ")[:3000]
    return plain.encode("utf-8" if random.randrange(2) else "latin-1", errors="replace")


def body(random: Random, world: World, kind: str, target_id: str | None) -> bytes:
    """A document that writes a resource of this kind, with something wrong about it."""
    sent: Any = {"data": _data(random, world, kind, target_id)}
    match random.randrange(12):
        case 0:
            sent = value(random)
        case 1:
            sent = {"data": value(random)}
        case 2:
            sent = {"data": [sent["data"]] * random.choice([1, 2, 20])}
        case 3:
            sent = Members([*sent.items(), ("data", value(random))])
        case 4:
            sent |= {random.choice(["meta", "included", "errors", "jsonapi", text(random)[:99]]): 1}
        case _:
            pass
    return spoilt(random, written(sent))[:1_000_000]


def _data(random: Random, world: World, kind: str, target_id: str | None) -> Any:
    attributes, relationships = world.bodies(kind)
    data: dict[str, Any] = {"type": kind}
    if target_id is not None:
        data["id"] = target_id
    data["attributes"] = _attributes(random, world, kind, attributes)
    if relationships or random.randrange(4) == 0:
        data["relationships"] = _relationships(random, world, relationships)
    if random.randrange(3) == 0:
        member = random.choice(["type", "id", "attributes", "relationships", "links", "meta", "x"])
        data[member] = value(random)
    if random.randrange(6) == 0:
        data.pop(random.choice(list(data)))
    return data


def _attributes(random: Random, world: World, kind: str, names: list[str]) -> Any:
    known = names or ["reference"]
    if random.randrange(4) == 0:
        known = known + world.fields.get(kind, [])
    chosen = [random.choice(known) for _ in range(random.choice([0, 1, 1, 1, 2, 4]))]
    members = [(name, value(random)) for name in chosen]
    if random.randrange(8) == 0:
        members.append((text(random)[:200], value(random)))
    if random.randrange(40) == 0:
        members += [(f"x{number}", 1) for number in range(3000)]
    return Members(members)


def _relationships(random: Random, world: World, names: list[str]) -> Any:
    known = names or ["source_order"]
    members = [(name, _linkage(random, world)) for name in dict.fromkeys(known)]
    if random.randrange(5) == 0:
        unknown = random.choice(["target_order", "events", "order_subscription", text(random)[:50]])
        members.append((unknown, _linkage(random, world)))
    if random.randrange(40) == 0:
        members += [(f"x{number}", _linkage(random, world)) for number in range(300)]
    return Members(members)


def _linkage(random: Random, world: World) -> Any:
    identifier = {"type": "orders", "id": public_id(random, world, "orders")}
    match random.randrange(8):
        case 0:
            return value(random)
        case 1:
            return {"data": value(random)}
        case 2:
            return {"data": [identifier] * random.choice([1, 2, 2, 2, 100])}
        case 3:
            return {"data": identifier | {random.choice(["type", "id", "x"]): value(random)}}
        case 4:
            return {"data": {"type": random.choice(world.types), "id": identifier["id"]}}
        case _:
            return {"data": identifier}


def spoilt(random: Random, json: str) -> bytes:
    """The JSON as bytes, cut off, doubled, or in no encoding at all, now and then."""
    sent = json.encode(errors="surrogatepass")
    place = random.randrange(len(sent) + 1)
    inserted = random.choice([b"\xff", b"\xed\xa0\x80", b"\0"])
    ways: list[Callable[[], bytes]] = [
        lambda: json.encode("utf-16", errors="surrogatepass"),
        lambda: b"\xef\xbb\xbf" + sent,
        lambda: sent[:place],
        lambda: sent + random.choice([b"}", b"\0", b"{}", b"\xff", b" " * 300000]),
        lambda: sent[:place] + inserted + sent[place:],
        lambda: random.choice([b"", b" ", b"null", b"\x1f\x8b\x08\x00", b"a=b&c=d", b"\0" * 50]),
        *[lambda: sent] * 18,
    ]
    return random.choice(ways)()


def fitting(random: Random, world: World) -> bytes:
    """What copies an order, with nothing wrong about it."""
    order = {"data": {"type": "orders", "id": random.choice(world.ids["orders"])}}
    attributes = {"reference": random.choice(WORDS[-40:])[:100].replace("\0", "")}
    if "\ud800" in attributes["reference"] or "\udfff" in attributes["reference"]:
        attributes = {}
    data = {
        "type": "order_copies",
        "attributes": attributes,
        "relationships": {"source_order": order},
    }
    return written({"data": data}).encode()
