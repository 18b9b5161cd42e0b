"""``POST /oauth/token`` and ``POST /oauth/revoke``, as Commerce Layer's clients send them."""

import json
from base64 import b64encode
from typing import Any

import jwt
import pytest
from django.conf import LazySettings
from django.core.cache import cache
from django.http import HttpResponse
from django.test import Client
from oauth2_provider.models import AccessToken, Application
from pytest_django import DjangoAssertNumQueries

from order_copies import public_ids
from orders.models import Customer
from project.oauth import tokens
from tests.api import API, application_of, shopper, staff, the_error_in
from tests.factories import CustomerFactory

pytestmark = pytest.mark.django_db

ALL = "read copy place cancel"
SECRET = "a secret of the application"


class OAuth:
    """A client of the token endpoint."""

    def __init__(self) -> None:
        self.client = Client(raise_request_exception=False)

    def post(
        self, path: str, body: Any, content_type: str = "application/json", **headers: str
    ) -> HttpResponse:
        data = body if isinstance(body, bytes | str) else json.dumps(body)
        return self.client.generic(
            "POST", f"/oauth/{path}", data, content_type=content_type, headers=headers
        )

    def token(self, body: Any, *args: Any, **headers: str) -> HttpResponse:
        return self.post("token", body, *args, **headers)


def integration(**fields: Any) -> Application:
    return application_of(staff(), client_secret=SECRET, **fields)


def credentials(application: Application, **more: Any) -> dict[str, Any]:
    return {
        "grant_type": "client_credentials",
        "client_id": application.client_id,
        "client_secret": SECRET,
    } | more


def error_in(response: HttpResponse) -> tuple[int, str, str]:
    """Return status, title and code of the only error of a response."""
    assert response["Content-Type"] == "application/json"
    assert response["Cache-Control"] == "no-store"
    (error,) = response.json()["errors"]
    assert set(error) == {"title", "detail", "code", "status"}
    assert error["status"] == response.status_code
    return response.status_code, error["title"], error["code"]


def test_token__response_equals_that_of_commerce_layer() -> None:
    # when
    response = OAuth().token(credentials(integration(), scope="market:all"))

    # then
    document = response.json()
    claims = tokens.read(document["access_token"])
    assert response.status_code == 200
    assert response["Cache-Control"] == "no-store"
    assert document == {
        "access_token": document["access_token"],
        "token_type": "bearer",
        "expires_in": 7200,
        "scope": f"market:all {ALL}",
        "created_at": claims["iat"],
    }


def test_token__claims_name_organization_application_and_owner(settings: LazySettings) -> None:
    # given
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"ORGANIZATION_ID": "abcdefghij"}
    settings.ORGANIZATION = {"slug": "acme", "domain": "example.com", "region": "eu"}
    application = integration()

    # when
    token = OAuth().token(credentials(application)).json()["access_token"]

    # then
    claims = tokens.read(token)
    assert claims == {
        "organization": {
            "id": "abcdefghij",
            "slug": "acme",
            "enterprise": False,
            "region": "eu",
        },
        "application": {
            "id": public_ids.encode("applications", application.pk),
            "client_id": application.client_id,
            "kind": "integration",
            "public": False,
            "confidential": True,
        },
        "owner": {"type": "User", "id": str(application.user.pk)},
        "scope": ALL,
        "exp": claims["iat"] + 7200,
        "iat": claims["iat"],
        "iss": "https://auth.example.com",
        "test": True,
        "rand": claims["rand"],
    }
    assert len(claims["rand"]) == 32


def test_token__owner_may_be_a_customer() -> None:
    # given
    customer: Customer = CustomerFactory()
    application = application_of(shopper(customer), client_secret=SECRET)

    # when
    token = OAuth().token(credentials(application)).json()["access_token"]

    # then
    assert tokens.read(token)["owner"] == {"type": "Customer", "id": customer.public_id}


def test_token__without_user_has_no_owner() -> None:
    assert "owner" not in tokens.read(tokens.mint(application_of(None), [], 60))


def test_sales_channel__needs_no_secret_and_gets_the_scope_read() -> None:
    # given
    application = application_of(staff(), "sales_channel")
    body = {"grant_type": "client_credentials", "client_id": application.client_id}

    # when
    granted = OAuth().token(body | {"scope": "market:id:AbcdefghiJ"})
    refused = OAuth().token(body | {"scope": "copy"})

    # then
    claims = tokens.read(granted.json()["access_token"])
    assert claims["scope"] == "market:id:AbcdefghiJ read"
    assert claims["application"]["kind"] == "sales_channel"
    assert error_in(refused) == (400, "invalid_scope", "BAD_REQUEST")


@pytest.mark.parametrize(
    ("requested", "granted"),
    [
        (None, ALL),
        ("", ALL),
        (" , ", ALL),
        ("read", "read"),
        ("copy  read read", "copy read"),
        ("read,place", "read place"),
        ("market:code:eu stock_location:id:abc read", "market:code:eu stock_location:id:abc read"),
        ("store:all,market:12", f"store:all market:12 {ALL}"),
    ],
)
def test_scope__requested_scopes_are_granted(requested: str | None, granted: str) -> None:
    # when
    response = OAuth().token(credentials(integration(), scope=requested))

    # then
    assert response.json()["scope"] == granted
    assert AccessToken.objects.get().scope == granted


@pytest.mark.parametrize(
    "scope", ["write", "read write", "market:", "market:a/b", "market:a " * 21]
)
def test_scope__unknown_scopes_are_refused(scope: str) -> None:
    # when
    response = OAuth().token(credentials(integration(), scope=scope))

    # then
    assert error_in(response) == (400, "invalid_scope", "BAD_REQUEST")
    assert not AccessToken.objects.exists()


@pytest.mark.parametrize("content_type", ["application/json", "application/JSON; charset=utf-8"])
def test_body__json_is_accepted(content_type: str) -> None:
    response = OAuth().token(credentials(integration()), content_type)

    assert response.status_code == 200


def test_body__form_is_accepted() -> None:
    response = Client().post("/oauth/token", data_of(credentials(integration())), FORM)

    assert response.status_code == 200


FORM = "application/x-www-form-urlencoded"


def data_of(body: dict[str, str]) -> str:
    return "&".join(f"{name}={value.replace(' ', '+')}" for name, value in body.items())


def basic(client_id: str, client_secret: str) -> str:
    return "Basic " + b64encode(f"{client_id}:{client_secret}".encode()).decode()


def test_authorization_header__credentials_are_accepted() -> None:
    # given
    application = integration()
    header = basic(application.client_id, SECRET.replace(" ", "+"))

    # when
    response = OAuth().token("grant_type=client_credentials", FORM, Authorization=header)

    # then
    assert response.status_code == 200


@pytest.mark.parametrize(
    "header", [basic("nobody", SECRET), "Basic", "Basic é", "Basic AAAA", "Basic /////w=="]
)
def test_authorization_header__wrong_credentials_are_refused(header: str) -> None:
    # when
    response = OAuth().token("grant_type=client_credentials", FORM, Authorization=header)

    # then
    assert error_in(response) == (401, "invalid_client", "UNAUTHORIZED")
    assert response["WWW-Authenticate"] == 'Bearer error="invalid_client"'


@pytest.mark.parametrize(
    "wrong",
    [
        {"client_secret": "wrong"},
        {"client_secret": ""},
        {"client_secret": None},
        {"client_id": "nobody"},
        {"client_id": ""},
        {"client_id": None},
    ],
)
def test_credentials__wrong_or_missing_ones_are_refused(wrong: dict[str, Any]) -> None:
    response = OAuth().token(credentials(integration(), **wrong))

    assert error_in(response) == (401, "invalid_client", "UNAUTHORIZED")


def test_credentials__empty_secret_is_refused() -> None:
    application = application_of(staff(), client_secret="")

    response = OAuth().token(credentials(application, client_secret=""))

    assert error_in(response) == (401, "invalid_client", "UNAUTHORIZED")


def test_sales_channel__wrong_secret_is_refused() -> None:
    application = application_of(staff(), "sales_channel", client_secret=SECRET)

    response = OAuth().token(credentials(application, client_secret="wrong"))

    assert error_in(response) == (401, "invalid_client", "UNAUTHORIZED")


@pytest.mark.parametrize("has_user", [True, False])
def test_application__without_active_user_is_refused(
    has_user: bool, caplog: pytest.LogCaptureFixture
) -> None:
    # given
    user = staff() if has_user else None
    application = application_of(user, client_secret=SECRET)
    if user:
        user.is_active = False
        user.save()

    # when
    response = OAuth().token(credentials(application))

    # then
    assert error_in(response) == (401, "invalid_client", "UNAUTHORIZED")
    assert (
        f"Application {application.client_id} gets no token: it has no active user." in caplog.text
    )


def test_client_secret__has_a_fast_hash() -> None:
    # given
    application = Application.objects.create(
        user=staff(),
        client_type=Application.CLIENT_CONFIDENTIAL,
        authorization_grant_type=Application.GRANT_CLIENT_CREDENTIALS,
        client_secret=SECRET,
    )

    # when
    response = OAuth().token(credentials(application))

    # then
    assert response.status_code == 200
    assert application.client_secret.startswith("client_secret$1$")


@pytest.mark.parametrize(
    ("grant_type", "title"),
    [
        (None, "invalid_request"),
        ("", "invalid_request"),
        ("password", "unsupported_grant_type"),
        ("authorization_code", "unsupported_grant_type"),
        ("refresh_token", "unsupported_grant_type"),
        ("urn:ietf:params:oauth:grant-type:device_code", "unsupported_grant_type"),
    ],
)
def test_grant_type__only_client_credentials_is_supported(
    grant_type: str | None, title: str
) -> None:
    response = OAuth().token(credentials(integration(), grant_type=grant_type))

    assert error_in(response) == (400, title, "BAD_REQUEST")


def test_grant_type__application_with_another_one_is_refused() -> None:
    # given
    application = integration()
    application.authorization_grant_type = Application.GRANT_PASSWORD
    application.save()

    # when
    response = OAuth().token(credentials(application))

    # then
    assert error_in(response) == (400, "unauthorized_client", "BAD_REQUEST")


BAD_BODIES = [
    b"",
    b"{",
    b"null",
    b"[]",
    b'"text"',
    b"7",
    b"NaN",
    b"\xff\xfe",
    b"[" * 100_000,
    b'{"grant_type": ["client_credentials"]}',
    b'{"grant_type": "client_credentials", "client_id": {"a": 1}}',
    b'{"grant_type": "client_credentials", "client_id": 7}',
    b'{"grant_type": "client_credentials", "client_id": true}',
    b'{"grant_type": "client_credentials", "client_id": "a\\u0000b"}',
    b'{"grant_type": "client_credentials", "client_id": "\\ud800"}',
    b'{"grant_type": "client_credentials", "client_id": "' + b"a" * 5001 + b'"}',
    b'{"grant_type": "client_credentials", "client_id": "x", "scope": "a\\u0000b"}',
]
BAD_FORMS = [
    b"",
    b"\xff=\xff",
    b"grant_type=client_credentials&client_id=%00",
    b"grant_type=client_credentials&client_id=%ff&client_secret=%00",
    b"grant_type=client_credentials&client_id=%zz&client_secret=" + b"a" * 5001,
    b"a=b&" * 2000,
]


@pytest.mark.parametrize("path", ["token", "revoke"])
@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        *(("application/json", body) for body in BAD_BODIES),
        *((FORM, body) for body in BAD_FORMS),
    ],
)
def test_body__malformed_one_is_a_bad_request(path: str, content_type: str, body: bytes) -> None:
    response = OAuth().post(path, body, content_type)

    assert error_in(response)[1:] == ("invalid_request", "BAD_REQUEST")


@pytest.mark.parametrize("path", ["token", "revoke"])
@pytest.mark.parametrize("content_type", ["application/json", FORM])
def test_body__too_large_one_is_refused(path: str, content_type: str) -> None:
    response = OAuth().post(path, b"a" * 300_000, content_type)

    assert error_in(response) == (413, "invalid_request", "PAYLOAD_TOO_LARGE")


@pytest.mark.parametrize("path", ["token", "revoke"])
def test_body__other_media_types_are_unsupported(path: str) -> None:
    response = OAuth().post(path, b"<a/>", "text/xml")

    assert error_in(response) == (415, "unsupported_media_type", "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize("query", ["grant_type=client_credentials", "%zz", "%00"])
def test_query__parameters_are_refused(query: str) -> None:
    response = OAuth().post(f"token?{query}", credentials(integration()))

    assert error_in(response) == (400, "invalid_request", "BAD_REQUEST")


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_methods__other_methods_are_not_allowed(method: str) -> None:
    response = Client().generic(method, "/oauth/token")

    assert error_in(response) == (405, "method_not_allowed", "METHOD_NOT_ALLOWED")


def test_crash__is_an_error_document(
    settings: LazySettings, caplog: pytest.LogCaptureFixture
) -> None:
    # given
    settings.ORGANIZATION = {}

    # when
    response = OAuth().token(credentials(integration()))

    # then
    assert error_in(response) == (500, "server_error", "INTERNAL_SERVER_ERROR")
    assert "Issuing a token failed." in caplog.text
    assert not AccessToken.objects.exists()


def test_token_rate_limit__excess_requests_are_refused(settings: LazySettings) -> None:
    # given
    cache.clear()
    settings.TOKEN_RATE_LIMIT = (2, 60)
    body = credentials(integration())

    # when
    answers = [OAuth().token(body), OAuth().token({}), OAuth().token(body)]

    # then
    assert [answer.status_code for answer in answers] == [200, 400, 429]
    assert [answer["X-Ratelimit-Remaining"] for answer in answers] == ["1", "0", "0"]
    assert error_in(answers[2]) == (429, "throttled", "TOO_MANY_REQUESTS")
    assert answers[2]["Retry-After"] == "60"


def test_revoke__token_is_invalid_afterwards() -> None:
    # given
    application = integration()
    token = OAuth().token(credentials(application)).json()["access_token"]
    api = API()
    api.client.defaults["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    opened = api.get("/order_copies")

    # when
    response = OAuth().post("revoke", credentials(application, token=token))

    # then
    assert opened.status_code == 200
    assert (response.status_code, response.json()) == (200, {})
    assert the_error_in(api.get("/order_copies")) == (401, "INVALID_TOKEN", None)


def test_revoke__token_of_another_application_stays_valid() -> None:
    # given
    token = OAuth().token(credentials(integration())).json()["access_token"]

    # when
    response = OAuth().post("revoke", credentials(integration(), token=token))

    # then
    assert (response.status_code, response.json()) == (200, {})
    assert AccessToken.objects.count() == 1


def test_revoke__needs_credentials_and_a_token() -> None:
    # given
    application = integration()

    # when
    stranger = OAuth().post("revoke", credentials(application, token="x", client_secret="wrong"))
    nothing = OAuth().post("revoke", credentials(application))

    # then
    assert error_in(stranger) == (401, "invalid_client", "UNAUTHORIZED")
    assert error_in(nothing) == (400, "invalid_request", "BAD_REQUEST")


def test_token__only_its_hash_is_saved() -> None:
    OAuth().token(credentials(integration()))

    assert AccessToken.objects.get().token == ""


def test_token__costs_six_queries(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    """The application, its user, its customer, a savepoint, the token, and the savepoint again."""
    # given
    body = credentials(integration())

    # when, then
    with django_assert_num_queries(6):
        OAuth().token(body)


def test_tokens_read__other_signatures_are_refused(settings: LazySettings) -> None:
    # given
    token = tokens.mint(application_of(staff()), ["read"], 60)
    settings.SECRET_KEY = "another key of another shop"

    # when, then
    with pytest.raises(jwt.InvalidSignatureError):
        tokens.read(token)


@pytest.mark.parametrize("path", ["token", "revoke"])
def test_endpoint__invalid_host_is_a_bad_request(path: str) -> None:
    response = OAuth().post(path, {}, host="a/b")

    assert error_in(response) == (400, "invalid_request", "BAD_REQUEST")


def test_endpoint__unknown_one_is_not_found() -> None:
    response = OAuth().post("x", {})

    assert error_in(response) == (404, "not_found", "RECORD_NOT_FOUND")
