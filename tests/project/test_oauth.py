"""Getting tokens as Commerce Layer's clients do: ``POST /oauth/token``."""

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

    def post(self, path: str, body: Any, content_type: str = "application/json", **headers: str):
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
    """Status, title and code of the one error of an answer."""
    assert response["Content-Type"] == "application/json"
    assert response["Cache-Control"] == "no-store"
    (error,) = response.json()["errors"]
    assert set(error) == {"title", "detail", "code", "status"}
    assert error["status"] == response.status_code
    return response.status_code, error["title"], error["code"]


def test_a_token_is_answered_as_commerce_layer_does() -> None:
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


def test_a_token_says_whom_it_is_for(settings: LazySettings) -> None:
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


def test_a_token_of_a_customer_says_so() -> None:
    # given
    customer: Customer = CustomerFactory()
    application = application_of(shopper(customer), client_secret=SECRET)

    # when
    token = OAuth().token(credentials(application)).json()["access_token"]

    # then
    assert tokens.read(token)["owner"] == {"type": "Customer", "id": customer.public_id}


def test_a_token_for_nobody_has_no_owner() -> None:
    assert "owner" not in tokens.read(tokens.mint(application_of(None), [], 60))


def test_a_sales_channel_needs_no_secret_and_may_only_read() -> None:
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
    ("asked", "granted"),
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
def test_an_application_gets_the_scopes_that_it_names(asked: str | None, granted: str) -> None:
    # when
    response = OAuth().token(credentials(integration(), scope=asked))

    # then
    assert response.json()["scope"] == granted
    assert AccessToken.objects.get().scope == granted


@pytest.mark.parametrize(
    "scope", ["write", "read write", "market:", "market:a/b", "market:a " * 21]
)
def test_what_is_no_scope_is_refused(scope: str) -> None:
    # when
    response = OAuth().token(credentials(integration(), scope=scope))

    # then
    assert error_in(response) == (400, "invalid_scope", "BAD_REQUEST")
    assert not AccessToken.objects.exists()


@pytest.mark.parametrize("content_type", ["application/json", "application/JSON; charset=utf-8"])
def test_json_is_taken(content_type: str) -> None:
    response = OAuth().token(credentials(integration()), content_type)

    assert response.status_code == 200


def test_a_form_is_taken() -> None:
    response = Client().post("/oauth/token", data_of(credentials(integration())), FORM)

    assert response.status_code == 200


FORM = "application/x-www-form-urlencoded"


def data_of(body: dict[str, str]) -> str:
    return "&".join(f"{name}={value.replace(' ', '+')}" for name, value in body.items())


def basic(client_id: str, client_secret: str) -> str:
    return "Basic " + b64encode(f"{client_id}:{client_secret}".encode()).decode()


def test_credentials_are_taken_from_the_header() -> None:
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
def test_credentials_of_the_header_are_checked(header: str) -> None:
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
def test_credentials_are_checked(wrong: dict[str, Any]) -> None:
    response = OAuth().token(credentials(integration(), **wrong))

    assert error_in(response) == (401, "invalid_client", "UNAUTHORIZED")


def test_an_empty_secret_is_none() -> None:
    application = application_of(staff(), client_secret="")

    response = OAuth().token(credentials(application, client_secret=""))

    assert error_in(response) == (401, "invalid_client", "UNAUTHORIZED")


def test_a_sales_channel_with_a_wrong_secret_is_refused() -> None:
    application = application_of(staff(), "sales_channel", client_secret=SECRET)

    response = OAuth().token(credentials(application, client_secret="wrong"))

    assert error_in(response) == (401, "invalid_client", "UNAUTHORIZED")


@pytest.mark.parametrize("has_user", [True, False])
def test_an_application_needs_an_active_user_to_act_for(
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
    assert f"Application {application.client_id} has no active user" in caplog.text


def test_a_secret_is_hashed_but_not_slowly() -> None:
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
def test_there_is_one_grant(grant_type: str | None, title: str) -> None:
    response = OAuth().token(credentials(integration(), grant_type=grant_type))

    assert error_in(response) == (400, title, "BAD_REQUEST")


def test_an_application_for_another_grant_is_refused() -> None:
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
def test_a_bad_body_is_a_bad_request(path: str, content_type: str, body: bytes) -> None:
    response = OAuth().post(path, body, content_type)

    assert error_in(response)[1:] == ("invalid_request", "BAD_REQUEST")


@pytest.mark.parametrize("path", ["token", "revoke"])
@pytest.mark.parametrize("content_type", ["application/json", FORM])
def test_a_huge_body_is_too_large(path: str, content_type: str) -> None:
    response = OAuth().post(path, b"a" * 300_000, content_type)

    assert error_in(response) == (413, "invalid_request", "PAYLOAD_TOO_LARGE")


@pytest.mark.parametrize("path", ["token", "revoke"])
def test_other_bodies_are_not_taken(path: str) -> None:
    response = OAuth().post(path, b"<a/>", "text/xml")

    assert error_in(response) == (415, "unsupported_media_type", "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize("query", ["grant_type=client_credentials", "%zz", "%00"])
def test_parameters_belong_into_the_body(query: str) -> None:
    response = OAuth().post(f"token?{query}", credentials(integration()))

    assert error_in(response) == (400, "invalid_request", "BAD_REQUEST")


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_other_methods_are_not_allowed(method: str) -> None:
    response = Client().generic(method, "/oauth/token")

    assert error_in(response) == (405, "method_not_allowed", "METHOD_NOT_ALLOWED")


def test_a_crash_is_a_document_too(
    settings: LazySettings, caplog: pytest.LogCaptureFixture
) -> None:
    # given
    settings.ORGANIZATION = {}

    # when
    response = OAuth().token(credentials(integration()))

    # then
    assert error_in(response) == (500, "server_error", "INTERNAL_SERVER_ERROR")
    assert "No token could be issued." in caplog.text
    assert not AccessToken.objects.exists()


def test_tokens_are_given_so_often_and_no_more(settings: LazySettings) -> None:
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


def test_a_token_opens_the_api_until_it_is_revoked() -> None:
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


def test_nobody_revokes_the_tokens_of_others() -> None:
    # given
    token = OAuth().token(credentials(integration())).json()["access_token"]

    # when
    response = OAuth().post("revoke", credentials(integration(), token=token))

    # then
    assert (response.status_code, response.json()) == (200, {})
    assert AccessToken.objects.count() == 1


def test_revoking_takes_credentials_and_a_token() -> None:
    # given
    application = integration()

    # when
    stranger = OAuth().post("revoke", credentials(application, token="x", client_secret="wrong"))
    nothing = OAuth().post("revoke", credentials(application))

    # then
    assert error_in(stranger) == (401, "invalid_client", "UNAUTHORIZED")
    assert error_in(nothing) == (400, "invalid_request", "BAD_REQUEST")


def test_a_token_is_stored_as_a_hash_only() -> None:
    OAuth().token(credentials(integration()))

    assert AccessToken.objects.get().token == ""


def test_a_token_costs_few_queries(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    """The application, its user, its customer, a savepoint, the token, and the savepoint again."""
    # given
    body = credentials(integration())

    # when, then
    with django_assert_num_queries(6):
        OAuth().token(body)


def test_only_our_own_signature_is_good(settings: LazySettings) -> None:
    # given
    token = tokens.mint(application_of(staff()), ["read"], 60)
    settings.SECRET_KEY = "another key of another shop"

    # when, then
    with pytest.raises(jwt.InvalidSignatureError):
        tokens.read(token)
