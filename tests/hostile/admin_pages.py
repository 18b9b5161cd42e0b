"""Hostile requests to the admin."""

from random import Random
from urllib.parse import quote

from tests.hostile.paths import draw_public_id
from tests.hostile.requests import HostileRequest
from tests.hostile.values import draw_url_part
from tests.hostile.vocabulary import Vocabulary

FORM = b"application/x-www-form-urlencoded"
MODELS = [
    *(f"orders/{name}" for name in ("market", "customer", "paymentmethod", "paymentsource", "sku")),
    "orders/promotion", "orders/coupon", "orders/order", "orders/order", "orders/order",
    "order_copies/ordercopy", "order_copies/ordercopy", "order_copies_events/event",
]  # fmt: skip
OTHER_APPS_MODELS = [
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
FORM_FIELDS = [
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


def admin_request(random: Random, vocabulary: Vocabulary) -> HostileRequest:
    """Draw a request to an admin page, with a superuser's session and usually its CSRF token."""
    model = random.choice(MODELS)
    make = random.choice([_list_page, _list_page, _object_page, _other_page, _action, _form_page])
    request = make(random, vocabulary, model)
    request.actor = "staff"
    request.headers.append((b"Cookie", vocabulary.cookie.encode()))
    if random.randrange(15):
        request.headers.append((b"X-CSRFToken", vocabulary.csrf.encode()))
    return request


def _list_page(random: Random, vocabulary: Vocabulary, model: str) -> HostileRequest:
    model = random.choice([model] * 4 + OTHER_APPS_MODELS)
    names = [random.choice(ADMIN_PARAMETERS) for _ in range(random.choice([1, 1, 2, 3]))]
    query = "&".join(f"{name}={draw_url_part(random)}" for name in names)
    return HostileRequest("GET", f"/admin/{model}/?{query}".encode()[:8000])


def _object_page(random: Random, vocabulary: Vocabulary, model: str) -> HostileRequest:
    page = random.choice(
        ["change/", "history/", "delete/", "", "x/", "abort/", "retry/", "password/"]
    )
    query = f"?{random.choice(ADMIN_PARAMETERS)}={draw_url_part(random)}"
    return HostileRequest(
        "GET", f"/admin/{model}/{_draw_key(random)}/{page}{query}".encode()[:8000]
    )


def _other_page(random: Random, vocabulary: Vocabulary, model: str) -> HostileRequest:
    copies, orders = "/admin/order_copies/ordercopy", "/admin/orders/order"
    batches = "/admin/order_copies/copybatch"
    page = random.choice(
        [
            f"{orders}/copy/{draw_url_part(random)}/{random.choice(['', 'progress/'])}",
            f"{orders}/copy/?ids={_draw_keys(random)}&ids={_draw_keys(random)}",
            f"{orders}/copy/?{random.choice(ADMIN_PARAMETERS)}={draw_url_part(random)}",
            f"{batches}/{_draw_key(random)}/change/?show={draw_url_part(random)}&p={draw_url_part(random)}",
            f"{batches}/{_draw_key(random)}/{random.choice(['status', 'abort', 'retry'])}/",
            f"{copies}/status/?ids={_draw_copy_ids(random, vocabulary)}",
            f"{copies}/status/?{draw_url_part(random)}",
            f"/admin/autocomplete/?app_label=orders&model_name={draw_url_part(random)}&field_name=market",
            f"/admin/autocomplete/?app_label=orders&model_name=order&field_name={draw_url_part(random)}&term=a",
            f"/admin/jsi18n/?{draw_url_part(random)}",
            f"/admin/r/{draw_url_part(random)}/{draw_url_part(random)}/",
            f"/admin/{draw_url_part(random)}/{draw_url_part(random)}/",
            f"/admin/{model}/add/?{random.choice(FORM_FIELDS)}={draw_url_part(random)}",
            f"/admin/login/?next={draw_url_part(random)}",
        ]
    )
    method = random.choice(["GET"] * 9 + ["HEAD", "PUT", "DELETE", "OPTIONS"])
    return HostileRequest(method, page.encode()[:8000])


def _action(random: Random, vocabulary: Vocabulary, model: str) -> HostileRequest:
    # Never confirms delete_selected: the rows must survive the run.
    query = (
        f"?{random.choice(ADMIN_PARAMETERS)}={draw_url_part(random)}"
        if random.randrange(3) == 0
        else ""
    )
    action = random.choice(ACTIONS)
    form = [("action", quote(action)), ("index", random.choice(["0", "0", "1", "-1", "x", ""]))]
    form += [("_selected_action", _draw_key(random)) for _ in range(random.randrange(4))]
    form += random.choice(
        [[], [], [("select_across", "1")], [("_save", "1")], [("form-0-id", "x")]]
    )
    if action != "delete_selected":
        form += random.choice([[], [("post", "yes")], [("_confirmed", "1"), ("post", "yes")]])
    return _post_form(random, f"/admin/{model}/{query}", form)


def _form_page(random: Random, vocabulary: Vocabulary, model: str) -> HostileRequest:
    pages = [
        "add/",
        f"{_draw_key(random)}/change/",
        f"{_draw_key(random)}/abort/",
        f"{_draw_key(random)}/retry/",
    ]
    path = f"/admin/{model}/{random.choice(pages)}"
    if model == "orders/order" and random.randrange(2):
        named = f"?ids={_draw_keys(random)}"
        path = f"/admin/{model}/copy/{random.choice([named, draw_url_part(random)])}"
    names = [random.choice(FORM_FIELDS) for _ in range(random.choice([0, 1, 4, 12, 40]))]
    return _post_form(random, path, [(name, draw_url_part(random)) for name in names])


def _post_form(random: Random, path: str, form: list[tuple[str, str]]) -> HostileRequest:
    body = "&".join(f"{name}={content}" for name, content in form).encode()
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
    return HostileRequest("POST", path.encode()[:8000], headers, body[:2000000])


def _draw_key(random: Random) -> str:
    choice = random.randrange(8)
    return str(random.randrange(1, 40)) if choice < 5 else draw_url_part(random)


def _draw_keys(random: Random) -> str:
    count = random.choice([0, 1, 1, 2, 3, 8, 150])
    return random.choice([",", ",", "%2C", ";"]).join(_draw_key(random) for _ in range(count))


def _draw_copy_ids(random: Random, vocabulary: Vocabulary) -> str:
    count = random.choice([0, 1, 2, 10, 200])
    public_ids = [draw_public_id(random, vocabulary, "order_copies") for _ in range(count)]
    return ",".join(public_ids)
