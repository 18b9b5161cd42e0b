"""Payment gateways: the protocol that the shop needs, a local one, and one over HTTP."""

import hashlib
import json
import logging
from collections.abc import Collection
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPException
from typing import Any, Protocol
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import HTTPRedirectHandler, Request, build_opener

from django.conf import settings
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from orders.models.payments import MAX_TOKEN

logger = logging.getLogger(__name__)

OK, CREATED, NO_CONTENT = HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.NO_CONTENT
PAYMENT_REQUIRED, NOT_FOUND = HTTPStatus.PAYMENT_REQUIRED, HTTPStatus.NOT_FOUND
GONE = HTTPStatus.GONE


@dataclass(frozen=True, slots=True)
class Authorized:
    """The gateway authorized the amount; ``token`` identifies the authorization."""

    token: str = field(repr=False)
    amount_cents: int


@dataclass(frozen=True, slots=True)
class Declined:
    """The gateway declined the payment; ``message`` says why.

    ``is_final``: the payment source will never be accepted, because the card was stolen, for
    example.
    """

    message: str
    is_final: bool = False


class Gateway(Protocol):
    """A payment gateway. Repeated calls with one idempotency key are one authorization.

    A method may raise any exception. The outcome is then unknown, and the caller may repeat the
    call with the same key.
    """

    def authorize(
        self,
        *,
        idempotency_key: str,
        payment_source_token: str,
        amount_cents: int,
        currency: str,
    ) -> Authorized | Declined:
        """Authorize the amount. A token has at most :data:`MAX_TOKEN` printable characters."""

    def void(self, token: str) -> None:
        """Void an authorization. Voiding it again does nothing."""


class LocalGateway:
    """A gateway inside the process, for demonstrations and tests.

    It stores nothing: the token is computed from the idempotency key, so a repeated call returns
    the same authorization. Payment sources whose token starts with ``declined`` are declined, and
    for good if it starts with ``declined_final``.
    """

    def authorize(
        self,
        *,
        idempotency_key: str,
        payment_source_token: str,
        amount_cents: int,
        currency: str,
    ) -> Authorized | Declined:
        """Authorize the amount, unless the token of the payment source starts with ``declined``."""
        if payment_source_token.startswith("declined"):
            is_final = payment_source_token.startswith("declined_final")
            return Declined(_("the payment source was declined"), is_final)
        digest = hashlib.sha256(f"{idempotency_key}:{currency}".encode()).hexdigest()
        return Authorized(f"auth_{digest[:32]}", amount_cents)

    def void(self, token: str) -> None:
        """Do nothing: there is no stored authorization to void."""


class UnexpectedResponseError(OSError):
    """The gateway sent an unexpected response. The outcome of the request is unknown."""


class HTTPGateway:
    """A JSON gateway at the URL of the setting ``ORDERS_GATEWAY_URL``.

    ``POST /authorizations`` answers 201, or 200 for a repeated key, with a ``token``; or 402 with
    a ``message`` if the payment is declined, and ``"final": true`` if a retry is useless. ``POST
    /authorizations/TOKEN/void`` answers 200, 201 or 204; or 404 or 410 if there is nothing to void.
    Every body but that of 204 is a JSON object.
    Any other response, such as the error page of a proxy, is an :class:`UnexpectedResponseError`.
    Redirects are not followed.
    """

    #: Seconds without data from the gateway, after which a request fails with unknown outcome.
    timeout = 10

    def authorize(
        self,
        *,
        idempotency_key: str,
        payment_source_token: str,
        amount_cents: int,
        currency: str,
    ) -> Authorized | Declined:
        """Authorize the amount. Raises :class:`OSError` if the outcome is unknown."""
        payload = {
            "idempotency_key": idempotency_key,
            "payment_source_token": payment_source_token,
            "amount_cents": amount_cents,
            "currency": currency,
        }
        status, document = self._post("/authorizations", payload, {OK, CREATED, PAYMENT_REQUIRED})
        if status == PAYMENT_REQUIRED:
            return Declined(_text(document, "message"), document.get("final") is True)
        return Authorized(_text(document, "token"), amount_cents)

    def void(self, token: str) -> None:
        """Void an authorization. Raises :class:`OSError` if the outcome is unknown."""
        path = f"/authorizations/{quote(token, safe='')}/void"
        status, _document = self._post(path, {}, {OK, CREATED, NO_CONTENT, NOT_FOUND, GONE})
        if status in {NOT_FOUND, GONE}:
            logger.warning("The gateway had nothing to void: it answered %s", int(status))

    def _post(
        self, path: str, payload: dict[str, Any], expected: Collection[HTTPStatus]
    ) -> tuple[int, dict[str, Any]]:
        """Return the status and the JSON object of a response with an expected status."""
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        url = settings.ORDERS_GATEWAY_URL + path
        request = Request(url, json.dumps(payload).encode(), headers)  # noqa: S310
        try:
            with self._open(request) as response:
                if response.status not in expected:
                    raise UnexpectedResponseError(f"the gateway answered {response.status}")
                body = response.read()
        except HTTPException as error:
            message = f"the gateway closed the connection early: {type(error).__name__}"
            raise UnexpectedResponseError(message) from error
        return response.status, {} if response.status == NO_CONTENT else _object(body)

    def _open(self, request: Request) -> Any:
        try:
            return _opener.open(request, timeout=self.timeout)
        except HTTPError as error:
            return error


class _NoRedirects(HTTPRedirectHandler):
    """Treat a redirect as an unexpected response: the gateway sends none."""

    def redirect_request(self, *_: Any) -> None:
        """Send no further request."""


_opener = build_opener(_NoRedirects)


def _object(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise UnexpectedResponseError("the gateway answered without a JSON object")
    return document


def _text(document: dict[str, Any], name: str) -> str:
    if not isinstance(text := document.get(name), str) or not text:
        raise UnexpectedResponseError(f"the gateway answered without a {name}")
    return text


def authorize(**payment: Any) -> Authorized | Declined:
    """Authorize a payment with the arguments of :meth:`Gateway.authorize`.

    An authorization whose token cannot be stored is voided at once and counts as declined. Raises
    any exception of the gateway.
    """
    answer = get_gateway().authorize(**payment)
    if isinstance(answer, Authorized) and not _can_be_stored(answer.token):
        get_gateway().void(answer.token)
        return Declined(_("the payment gateway answered with a token that cannot be stored"))
    return answer


def _can_be_stored(token: str) -> bool:
    # PostgreSQL stores no NUL character.
    return len(token) <= MAX_TOKEN and token.isprintable()


def get_gateway() -> Gateway:
    """Return a gateway of the class in the setting ``ORDERS_GATEWAY`` (:class:`LocalGateway`)."""
    path = getattr(settings, "ORDERS_GATEWAY", "orders.lifecycle.gateways.LocalGateway")
    gateway: Gateway = import_string(path)()
    return gateway
