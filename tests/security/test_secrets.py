"""No secret appears in a log, in a mail to the admins, or in a response."""

import json
import logging
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth import get_user_model
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.utils.log import AdminEmailHandler

from order_copies.events.models import Event
from order_copies.logs import JSONFormatter
from order_copies.models import OrderFactory
from orders.copying.shop import ReferenceShop
from tests import stories
from tests.api import API, application_of, request_of, staff, token_of
from tests.factories import PaymentSourceFactory, placed_order
from tests.gateway.modes import Mode
from tests.gateway.process import gateway_process

pytestmark = pytest.mark.django_db

SECRET = "the-secret-of-an-application"
PASSWORD = "a-password-of-somebody"
KEY = "the-key-of-a-request"


class RecordingHandler(AdminEmailHandler):
    """Record log lines, as text and as JSON, and mails to the admins."""

    def __init__(self) -> None:
        super().__init__()
        self.formatters = [JSONFormatter(), logging.Formatter("%(name)s %(message)s")]
        self.logged: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.logged += [formatter.format(record) for formatter in self.formatters]
        if record.levelno >= logging.ERROR:
            super().emit(record)

    def send_mail(self, subject: str, message: str, *args: Any, **kwargs: Any) -> None:
        self.logged += [subject, message]


@pytest.fixture(autouse=True)
def logged() -> Iterator[list[str]]:
    """All log lines from the level DEBUG, apart from loggers that the settings silence."""
    names = ("", "django", "django.request", "order_copies", "orders")
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    handler = RecordingHandler()
    logging.getLogger().addHandler(handler)
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
    yield handler.logged
    logging.getLogger().removeHandler(handler)
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


class BrokenShop(ReferenceShop):
    """A shop that raises an error when it lists orders."""

    def orders_for(self, request: HttpRequest) -> Any:
        message = "out of order"
        raise RuntimeError(message)


def break_shop(settings: LazySettings) -> None:
    path = f"{BrokenShop.__module__}.{BrokenShop.__qualname__}"
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"SHOP": path}


def found(secrets: list[str], logged: list[str], response: HttpResponse | None = None) -> list[str]:
    """Return the secrets that were logged or are in the response."""
    returned = [] if response is None else [response.content.decode(), str(response.headers)]
    return [secret for secret in secrets if any(secret in text for text in [*logged, *returned])]


def basic(client_id: str, secret: str) -> str:
    return b64encode(f"{client_id}:{secret}".encode()).decode()


def send_token_request(encoding: str, path: str, **body: str) -> HttpResponse:
    """Send credentials as JSON, form or header, with the token of the body if there is one."""
    client = Client(raise_request_exception=False)
    body = {"grant_type": "client_credentials"} | body
    if encoding == "header":
        header = basic(body.pop("client_id"), body.pop("client_secret"))
        return client.post(
            path, body, "application/json", headers={"Authorization": f"Basic {header}"}
        )
    if encoding == "form":
        return client.generic(
            "POST", path, "&".join(map("=".join, body.items())), "application/x-www-form-urlencoded"
        )
    return client.post(path, body, "application/json")


ENCODINGS = ["json", "form", "header"]
CREDENTIALS = {
    "right": (200, {}, {}),
    "wrong secret": (401, {"client_secret": f"{SECRET}-not"}, {}),
    "unknown": (401, {"client_id": "nobody"}, {}),
    "too much": (400, {"scope": "everything"}, {}),
    "crash": (500, {}, {"ORGANIZATION": {}}),
}


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("case", CREDENTIALS)
def test_token_request__secret_and_token_are_not_logged(
    case: str, encoding: str, logged: list[str], settings: LazySettings
) -> None:
    # given
    status, wrong, broken = CREDENTIALS[case]
    application = application_of(staff(), client_secret=SECRET)
    for name, value in broken.items():
        setattr(settings, name, value)
    sent = {"client_id": application.client_id, "client_secret": SECRET} | wrong

    # when
    response = send_token_request(encoding, "/oauth/token", **sent)

    # then
    secrets = [SECRET, basic(sent["client_id"], sent["client_secret"])]
    assert response.status_code == status
    assert logged or status == 200
    assert found(secrets, logged, response) == []
    assert status != 200 or found([response.json()["access_token"]], logged) == []


def test_oauthlib__would_log_the_token_without_our_settings(logged: list[str]) -> None:
    # given
    silenced = logging.getLogger("oauthlib")
    silenced.setLevel(logging.DEBUG)
    application = application_of(staff(), client_secret=SECRET)

    # when
    try:
        sent = {"client_id": application.client_id, "client_secret": SECRET}
        token = send_token_request("json", "/oauth/token", **sent).json()["access_token"]
    finally:
        silenced.setLevel(logging.INFO)

    # then
    assert found([token], logged) == [token]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("is_own", [True, False])
def test_revocation__token_is_not_logged(encoding: str, is_own: bool, logged: list[str]) -> None:
    # given
    application = application_of(staff(), client_secret=SECRET)
    token = token_of(application if is_own else application_of(staff()))
    sent = {"client_id": application.client_id, "client_secret": SECRET, "token": token}

    # when
    response = send_token_request(encoding, "/oauth/revoke", **sent)

    # then
    assert response.status_code == 200
    assert found([SECRET, token], logged, response) == []


REQUESTS = {
    "copied": (201, {}),
    "refused": (401, {"scopes": ["read"]}),
    "invalid": (422, {"reference": "x" * 256}),
    "garbage": (401, {"token": "a-token.that-was-never.issued"}),
    "crash": (500, {}),
}


@pytest.mark.parametrize("case", REQUESTS)
def test_api_request__token_and_idempotency_key_are_not_logged(
    case: str, logged: list[str], settings: LazySettings
) -> None:
    # given
    status, special = REQUESTS[case]
    order = placed_order(lines=1)
    token = special.get("token") or token_of(
        application_of(staff()), special.get("scopes", ["copy"])
    )
    attributes = {"reference": special["reference"]} if "reference" in special else {}
    if case == "crash":
        break_shop(settings)

    # when
    response = API().post(
        "/order_copies",
        request_of(order, **attributes),
        **{"Authorization": f"Bearer {token}", "Idempotency-Key": KEY},
    )

    # then
    assert response.status_code == status
    assert logged
    assert found([token, KEY], logged, response) == []


@pytest.mark.parametrize("path", ["/api/orders", "/oauth/token", "/admin/", "/api/nothing"])
def test_query__token_is_not_logged_or_returned(path: str, logged: list[str]) -> None:
    # given
    url = f"{path}?access_token={SECRET}"

    # when
    responses = [API(staff()).client.get(url), Client().post(url)]

    # then
    assert all(response.status_code >= 300 for response in responses)
    documents = [response for response in responses if response.status_code >= 400]
    assert not any(found([SECRET], logged, response) for response in documents)


@pytest.mark.parametrize(("sent", "status"), [(SECRET, 200), (f"{SECRET}-not", 401)])
def test_metrics__token_is_not_logged(
    sent: str, status: int, logged: list[str], settings: LazySettings
) -> None:
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"METRICS_TOKEN": SECRET}

    # when
    response = Client().get("/metrics", headers={"Authorization": f"Bearer {sent}"})

    # then
    assert response.status_code == status
    assert found([SECRET], logged, response) == []


def test_idempotency_key__invalid_one_is_not_logged_or_returned(logged: list[str]) -> None:
    # given
    order, key = placed_order(lines=1), f"{KEY} with blanks"

    # when
    response = API(staff()).post("/order_copies", request_of(order), **{"Idempotency-Key": key})

    # then
    assert response.status_code == 400
    assert found([KEY], logged, response) == []


LOGINS = {
    "right": (302, PASSWORD, {}),
    "wrong": (200, f"{PASSWORD}-not", {}),
    "crash": (500, PASSWORD, {"PASSWORD_HASHERS": ["there.is.NoHasher"]}),
}


@pytest.mark.parametrize("case", LOGINS)
def test_login__password_and_session_are_not_logged(
    case: str, logged: list[str], settings: LazySettings
) -> None:
    # given
    status, password, broken = LOGINS[case]
    get_user_model().objects.create_user("sam", password=PASSWORD, is_staff=True)
    client = Client(raise_request_exception=False)
    for name, value in broken.items():
        setattr(settings, name, value)

    # when
    response = client.post("/admin/login/", {"username": "sam", "password": password})
    client.get("/admin/orders/order/")

    # then
    session = client.cookies.get("sessionid")
    secrets = [password, *([session.value] if session else [])]
    assert response.status_code == status
    assert found(secrets, logged) == []
    assert password not in response.content.decode()


def test_admin_crash__session_is_not_logged(
    admin_client: Client, logged: list[str], settings: LazySettings
) -> None:
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"SHOP": "there.is.NoShop"}
    admin_client.raise_request_exception = False

    # when
    response = admin_client.get("/admin/order_copies/ordercopy/?q=abc")

    # then
    assert response.status_code == 500
    assert any("NoShop" in text or "there" in text for text in logged)
    assert found([admin_client.cookies["sessionid"].value], logged, response) == []


@pytest.mark.parametrize("mode", Mode)
def test_payment_source__token_is_not_logged_or_recorded(
    mode: Mode, logged: list[str], settings: LazySettings
) -> None:
    # given
    token = f"{mode}_of-a-payment-source"
    source = PaymentSourceFactory(token=token)
    order_copy = stories.requested(placed_order(payment_source=source), place_target_order=True)
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"RETRY_PAUSE": 0}

    # when
    with gateway_process() as gateway:
        settings.ORDERS_GATEWAY = "orders.lifecycle.gateways.HTTPGateway"
        settings.ORDERS_GATEWAY_URL = gateway.url
        stories.run_all()
        authorized = [one["token"] for one in gateway.ledger()["authorizations"]]

    # then
    recorded = [
        *OrderFactory.objects.values_list("errors_log", "outcomes"),
        *Event.objects.values_list("changes", "who"),
    ]
    assert OrderFactory.objects.get(pk=order_copy.pk).has_ended
    assert found([token, *authorized], [*logged, json.dumps(recorded)]) == []
