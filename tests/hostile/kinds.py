"""Hostile requests of each kind, drawn by chance: :func:`request` is where they come from."""

import base64
from collections.abc import Callable, Iterable
from random import Random
from urllib.parse import quote

from tests.hostile import parts
from tests.hostile.asked import Asked
from tests.hostile.values import ENCODED, Members, part, text, value, written
from tests.hostile.world import World

JSON_API = parts.MEDIA_TYPE.encode()
FORM = b"application/x-www-form-urlencoded"
WHO = ["integration"] * 15 + ["reader", "reader", "sales_channel", "none", "broken"]
MODELS = [
    *(f"orders/{name}" for name in ("market", "customer", "paymentmethod", "paymentsource", "sku")),
    "orders/promotion", "orders/coupon", "orders/order", "orders/order", "orders/order",
    "order_copies/ordercopy", "order_copies/ordercopy", "order_copies_events/event",
]  # fmt: skip
STOCK_MODELS = [
    "auth/user", "auth/group", "oauth2_provider/application", "oauth2_provider/accesstoken",
    "oauth2_provider/grant", "oauth2_provider/idtoken", "oauth2_provider/refreshtoken", "a/b",
]  # fmt: skip
ADMIN_PARAMETERS = [
    "p", "o", "q", "e", "all", "_popup", "_to_field", "_facets", "_changelist_filters", "status",
    "status__exact", "status__in", "created_at__gte", "created_at__lt", "placed_at__year", "id",
    "placed_at__month", "placed_at__day", "market__id__exact", "market__isnull", "pk", "pk__in",
    "payment_method__id__exact", "type__exact", "active__exact", "on_sale__exact", "name", "toggle",
    "resource_type", "customer__email", "market__name__contains", "password", "user__password",
    "placed_at__gte", "placed_at__lt", "created_at__year", "archived_at__isnull", "number__regex",
    "status__isempty", "e__x", "ids", "request_key", "next", "line_items__sku__code", "app_label",
]  # fmt: skip
ACTIONS = [
    "delete_selected", "copy_selected_orders", "retry_selected", "abort_selected", "", "x", "\0",
    *(f"{verb}_selected_orders" for verb in ("place", "cancel", "approve", "archive", "unarchive")),
]  # fmt: skip
FIELDS = [
    "name", "code", "email", "reference", "tax_rate", "currency_code", "metadata", "percentage",
    "price_amount_cents", "fixed_amount_cents", "starts_at_0", "starts_at_1", "expires_at_0",
    "priority", "market", "customer", "payment_method", "promotion", "line_items-TOTAL_FORMS",
    "line_items-INITIAL_FORMS", "coupons-TOTAL_FORMS", "coupons-0-code", "coupons-0-id",
    "prices-TOTAL_FORMS", "prices-INITIAL_FORMS", "prices-0-amount_cents", "prices-0-id",
    "stock_item-TOTAL_FORMS", "stock_item-INITIAL_FORMS", "stock_item-0-quantity", "_save",
    "addresses-TOTAL_FORMS", "addresses-INITIAL_FORMS", "place_target_order", "_copy", "post",
    "request_key", "plan_digest", "previewed", "skip_errors", "_continue", "_saveasnew", "type",
    "customer_payment_sources-TOTAL_FORMS", "customer_payment_sources-INITIAL_FORMS", "active",
]  # fmt: skip
OTHERS = [
    "/", "/metrics", "/healthz", "/favicon.ico", "/static/", "/static/favicon.ico", "/oauth/",
    "/static/admin/css/base.css", "/static/../manage.py", "/static/%2e%2e/%2e%2e/etc/passwd",
    "/static/..%2f..%2fmanage.py", "/static//etc/passwd", "/static/%00", "/static/%ff", "/api",
    "/static/admin", "/static/staticfiles.json", "/admin", "/admin/login/", "//", "///api/orders",
    "/admin/jsi18n/", "/healthz/", "/metrics/", "/.env", "/oauth/authorize/", "*", "http://a/b",
    "/oauth/applications/", "/oauth/tokens", "/api/docs", "/api/schema", "/admin/../api/orders",
    "/\\", "/%5c", "/;", "/.git/config", "/static/" + "a" * 3000, "/static/" + "../" * 300,
]  # fmt: skip


def request(seed: int, number: int, world: World) -> Asked:
    """The request of this number."""
    random = Random(f"{seed} {number}")
    make: Callable[[Random, World], Asked] = random.choices(
        list(KINDS), weights=list(KINDS.values())
    )[0]
    return make(random, world)


def reading(random: Random, world: World) -> Asked:
    """A list, with hostile parameters."""
    kind = random.choice(world.types)
    path = f"/api/{kind}"
    if random.randrange(4) == 0:
        path = parts.path(random, world)
    query = parts.query(random, world, kind)
    method = random.choice(["GET"] * 12 + ["HEAD"])
    return _api(random, world, method, f"{path}?{query}", headers=parts.headers(random, most=1))


def going_astray(random: Random, world: World) -> Asked:
    """A path that may lead nowhere, by any method."""
    method = random.choice([*parts.METHODS, "GET", "GET", "GET"])
    path = parts.path(random, world)
    body = value(random) if method in {"POST", "PUT"} else None
    sent = b"" if body is None else written(body).encode(errors="replace")[:200000]
    query = f"?{part(random)}" if random.randrange(5) == 0 else ""
    return _api(random, world, method, path + query, sent, parts.headers(random, most=2))


def speaking_strangely(random: Random, world: World) -> Asked:
    """Headers that are wrong, for something that there is."""
    kind = random.choice(world.types)
    method = random.choice(["GET", "GET", "POST", "PATCH", "DELETE", "HEAD", "OPTIONS"])
    public_id = "" if method == "POST" else f"/{parts.public_id(random, world, kind)}"
    body = b"" if method in {"GET", "HEAD"} else parts.body(random, world, kind, None)
    return _api(
        random, world, method, f"/api/{kind}{public_id}", body, parts.headers(random, most=6)
    )


def writing(random: Random, world: World) -> Asked:
    """A resource that is to be made or changed, out of what is none."""
    creatable = ["order_copies"] * 4 + ["recurring_order_copies"]
    kind = random.choice([*creatable, *world.types, "orders", "orders"])
    is_new = kind in creatable and random.randrange(3) > 0
    target_id = None if is_new else parts.public_id(random, world, kind)
    path = f"/api/{kind}" if is_new else f"/api/{kind}/{target_id}"
    if random.randrange(8) == 0:
        path += random.choice(["?dry_run=true", "?dry_run=x", "?include=source_order", "?sort=id"])
    body = parts.body(random, world, kind, target_id)
    method = "POST" if is_new else random.choice(["PATCH"] * 9 + ["DELETE"])
    return _api(random, world, method, path, body, parts.headers(random, most=1))


def copying(random: Random, world: World) -> Asked:
    """A copy that nothing is wrong with, so that rows are written meanwhile."""
    key = [(b"Idempotency-Key", random.choice([b"one", b"two", b"x" * 255]))]
    asked = _api(random, world, "POST", "/api/order_copies", parts.fitting(random, world))
    asked.headers += random.choice([[], [], key])
    return asked


def asking_for_tokens(random: Random, world: World) -> Asked:
    """A request for a token, or for the end of one, as nobody should send it."""
    path = random.choice(["/oauth/token"] * 6 + ["/oauth/revoke"])
    headers = parts.headers(random, most=1)
    application = dict(random.choice(list(world.applications.values())))
    grants = ["client_credentials"] * 4 + ["password", "refresh_token", "authorization_code"]
    fields = {"grant_type": random.choice(grants), **application, "scope": "market:all"}
    for _ in range(random.randrange(1, 4)):
        names = [*fields, "scope", "token", "token_type_hint", "code", "redirect_uri", "x"]
        fields[random.choice(names)] = _strange(random)
    if random.randrange(5) == 0:
        pair = f"{fields.get('client_id')}:{text(random)}".encode(errors="replace")
        basic = random.choice([base64.b64encode(pair), b"%%%", b"", pair.hex().encode()])
        headers.append((b"Authorization", b"Basic " + basic))
    if random.randrange(2):
        body = parts.spoilt(random, written(Members(fields.items())))
        content_type = b"application/json"
    else:
        body = "&".join(f"{name}={_form(fields[name])}" for name in fields).encode()
        content_type = FORM
    if random.randrange(12) == 0:
        path += f"?{part(random)}"
    if not any(name == b"Content-Type" for name, _value in headers):
        headers.append((b"Content-Type", content_type))
    method = random.choice(["POST"] * 12 + parts.METHODS)
    return Asked(method, path.encode(), headers, body)


def administering(random: Random, world: World) -> Asked:
    """A page of the admin, for the superuser."""
    model = random.choice(MODELS)
    make = random.choice([_list_page, _list_page, _row_page, _special_page, _action, _form_page])
    asked = make(random, world, model)
    asked.who = "staff"
    asked.headers.append((b"Cookie", world.cookie.encode()))
    if random.randrange(15):
        asked.headers.append((b"X-CSRFToken", world.csrf.encode()))
    return asked


def wandering(random: Random, world: World) -> Asked:
    """A page that is neither of the API nor of the admin."""
    path = random.choice(OTHERS)
    if random.randrange(4) == 0:
        path += random.choice([*ENCODED, "/", "?a=%00"])
    method = random.choice(["GET", "GET", "GET", *parts.METHODS])
    return Asked(method, path.encode(), parts.headers(random, most=3))


def breaking_http(random: Random, world: World) -> Asked:
    """What is no HTTP."""
    target = random.choice([b"/api/orders", b"/api/order_copies", b"/oauth/token", b"/healthz"])
    body = parts.fitting(random, world)
    token = world.tokens["reader"].encode()
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
    return Asked(method, target if target in raw else b"", is_broken=True, raw=raw)


#: How many of a thousand requests are of each kind, more or less.
KINDS: dict[Callable[[Random, World], Asked], int] = {
    reading: 350,
    writing: 230,
    going_astray: 120,
    speaking_strangely: 90,
    asking_for_tokens: 60,
    administering: 80,
    wandering: 35,
    breaking_http: 25,
    copying: 10,
}


def _api(  # noqa: PLR0917
    random: Random,
    world: World,
    method: str,
    target: str,
    body: bytes = b"",
    headers: Iterable[tuple[bytes, bytes]] = (),
) -> Asked:
    headers = list(headers)
    names = {name for name, _value in headers}
    who = "broken" if b"Authorization" in names else random.choice(WHO)
    if who in world.tokens:
        headers.append((b"Authorization", b"Bearer " + world.tokens[who].encode()))
    elif who == "broken" and b"Authorization" not in names:
        token = world.tokens["integration"]
        broken = random.choice([token[:-2], token[1:], token.swapcase(), token.split(".")[1], "x"])
        headers.append((b"Authorization", b"Bearer " + broken.encode()))
    if body and b"Content-Type" not in names:
        headers.append((b"Content-Type", JSON_API))
    return Asked(method, target.encode()[:8000], headers, body, who)


def _strange(random: Random) -> object:
    return value(random) if random.randrange(3) == 0 else text(random)


def _form(value: object) -> str:
    plain = value if isinstance(value, str) else repr(value)
    return quote(plain.encode(errors="surrogatepass"))[:9000]


def _list_page(random: Random, world: World, model: str) -> Asked:
    model = random.choice([model] * 4 + STOCK_MODELS)
    names = [random.choice(ADMIN_PARAMETERS) for _ in range(random.choice([1, 1, 2, 3]))]
    query = "&".join(f"{name}={part(random)}" for name in names)
    return Asked("GET", f"/admin/{model}/?{query}".encode()[:8000])


def _row_page(random: Random, world: World, model: str) -> Asked:
    page = random.choice(
        ["change/", "history/", "delete/", "", "x/", "abort/", "retry/", "password/"]
    )
    query = f"?{random.choice(ADMIN_PARAMETERS)}={part(random)}"
    return Asked("GET", f"/admin/{model}/{_key(random)}/{page}{query}".encode()[:8000])


def _special_page(random: Random, world: World, model: str) -> Asked:
    copies, orders = "/admin/order_copies/ordercopy", "/admin/orders/order"
    page = random.choice(
        [
            f"{orders}/copy/?ids={_keys(random)}&request_key={part(random)}",
            f"{orders}/copy/?ids={_keys(random)}&ids={_keys(random)}",
            f"{orders}/copy/?{random.choice(ADMIN_PARAMETERS)}={part(random)}",
            f"{copies}/batch/?ids={_named(random, world)}",
            f"{copies}/status/?ids={_named(random, world)}",
            f"{copies}/{random.choice(['batch', 'status'])}/?{part(random)}",
            f"/admin/autocomplete/?app_label=orders&model_name={part(random)}&field_name=market",
            f"/admin/autocomplete/?app_label=orders&model_name=order&field_name={part(random)}&term=a",
            f"/admin/jsi18n/?{part(random)}",
            f"/admin/r/{part(random)}/{part(random)}/",
            f"/admin/{part(random)}/{part(random)}/",
            f"/admin/{model}/add/?{random.choice(FIELDS)}={part(random)}",
            f"/admin/login/?next={part(random)}",
        ]
    )
    method = random.choice(["GET"] * 9 + ["HEAD", "PUT", "DELETE", "OPTIONS"])
    return Asked(method, page.encode()[:8000])


def _action(random: Random, world: World, model: str) -> Asked:
    """An action on a list; none that deletes a row that there is."""
    query = f"?{random.choice(ADMIN_PARAMETERS)}={part(random)}" if random.randrange(3) == 0 else ""
    action = random.choice(ACTIONS)
    form = [("action", quote(action)), ("index", random.choice(["0", "0", "1", "-1", "x", ""]))]
    form += [("_selected_action", _key(random)) for _ in range(random.randrange(4))]
    form += random.choice(
        [[], [], [("select_across", "1")], [("_save", "1")], [("form-0-id", "x")]]
    )
    if action != "delete_selected":
        form += random.choice([[], [("post", "yes")], [("_confirmed", "1"), ("post", "yes")]])
    return _posted(random, f"/admin/{model}/{query}", form)


def _form_page(random: Random, world: World, model: str) -> Asked:
    pages = ["add/", f"{_key(random)}/change/", f"{_key(random)}/abort/", f"{_key(random)}/retry/"]
    path = f"/admin/{model}/{random.choice(pages)}"
    if model == "orders/order" and random.randrange(2):
        path = f"/admin/{model}/copy/?ids={_keys(random)}&request_key={part(random)}"
    names = [random.choice(FIELDS) for _ in range(random.choice([0, 1, 4, 12, 40]))]
    return _posted(random, path, [(name, part(random)) for name in names])


def _posted(random: Random, path: str, form: list[tuple[str, str]]) -> Asked:
    body = "&".join(f"{name}={value}" for name, value in form).encode()
    headers = [(b"Content-Type", FORM)]
    match random.randrange(16):
        case 0:
            headers = [(b"Content-Type", b"multipart/form-data; boundary=x")]
            body = b"--x\r\nContent-Disposition: form-data; name=action\r\n\r\nx\r\n" * 3
        case 1:
            body = body * 300 + b"&a=%ff"
        case 2:
            headers = [
                (b"Content-Type", random.choice([b"", b"text/plain", b"multipart/form-data"]))
            ]
        case _:
            pass
    return Asked("POST", path.encode()[:8000], headers, body[:2000000])


def _key(random: Random) -> str:
    choice = random.randrange(8)
    return str(random.randrange(1, 40)) if choice < 5 else part(random)


def _keys(random: Random) -> str:
    count = random.choice([0, 1, 1, 2, 3, 8, 150])
    return random.choice([",", ",", "%2C", ";"]).join(_key(random) for _ in range(count))


def _named(random: Random, world: World) -> str:
    count = random.choice([0, 1, 2, 10, 200])
    found = [parts.public_id(random, world, "order_copies") for _ in range(count)]
    return ",".join(found)
