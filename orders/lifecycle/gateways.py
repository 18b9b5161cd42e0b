"""The border to whoever moves the money."""

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

logger = logging.getLogger(__name__)

#: How many characters of a token can be kept.
MAX_TOKEN = 255

OK, CREATED, NO_CONTENT = HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.NO_CONTENT
PAYMENT_REQUIRED, NOT_FOUND = HTTPStatus.PAYMENT_REQUIRED, HTTPStatus.NOT_FOUND
GONE = HTTPStatus.GONE


@dataclass(frozen=True, slots=True)
class Authorized:
    """The payment source promised the amount; ``token`` names the promise."""

    token: str = field(repr=False)
    amount_cents: int


@dataclass(frozen=True, slots=True)
class Declined:
    """The payment source promised nothing, and why."""

    message: str


class Gateway(Protocol):
    """A payment gateway. Calls with one idempotency key are one authorization.

    What is not answered is raised, whatever it is, and may be asked for again by the same key.
    """

    def authorize(
        self,
        *,
        idempotency_key: str,
        payment_source_token: str,
        amount_cents: int,
        currency: str,
    ) -> Authorized | Declined:
        """Ask for the amount. A token has at most :data:`MAX_TOKEN` printable characters."""

    def void(self, token: str) -> None:
        """Give an authorization back; giving it back again does nothing."""


class LocalGateway:
    """A gateway inside the process, for a shop that runs by itself.

    It keeps nothing: the token is computed from the idempotency key, so a repeated call is the
    same authorization. Payment sources whose token starts with ``declined`` are declined.
    """

    def authorize(
        self,
        *,
        idempotency_key: str,
        payment_source_token: str,
        amount_cents: int,
        currency: str,
    ) -> Authorized | Declined:
        """Authorize, unless the payment source says that it is to be declined."""
        if payment_source_token.startswith("declined"):
            return Declined(_("the payment source was declined"))
        digest = hashlib.sha256(f"{idempotency_key}:{currency}".encode()).hexdigest()
        return Authorized(f"auth_{digest[:32]}", amount_cents)

    def void(self, token: str) -> None:
        """Nothing is kept, so there is nothing to give back."""


class NoAnswerError(OSError):
    """Somebody answered who is not the gateway, or not as it would: nobody knows what it did."""


class HTTPGateway:
    """A gateway behind an address, the setting ``ORDERS_GATEWAY_URL``, that speaks JSON.

    ``POST /authorizations`` answers 201, or 200 if it had answered before, with a ``token``; 402
    with a ``message`` declines. ``POST /authorizations/TOKEN/void`` gives back and answers 200, 201
    or 204; or 404 or 410 where there is nothing to give back. Every answer but 204 is a JSON
    object. Whatever else comes is no answer, such as the page of a proxy, and redirects are not
    followed.
    """

    #: Seconds without a sign of life, after which nobody knows what the gateway did.
    timeout = 10

    def authorize(
        self,
        *,
        idempotency_key: str,
        payment_source_token: str,
        amount_cents: int,
        currency: str,
    ) -> Authorized | Declined:
        """Ask for the amount. Raises :class:`OSError` where there is no answer."""
        wanted = {
            "idempotency_key": idempotency_key,
            "payment_source_token": payment_source_token,
            "amount_cents": amount_cents,
            "currency": currency,
        }
        status, answer = self._post("/authorizations", wanted, {OK, CREATED, PAYMENT_REQUIRED})
        if status == PAYMENT_REQUIRED:
            return Declined(_text(answer, "message"))
        return Authorized(_text(answer, "token"), amount_cents)

    def void(self, token: str) -> None:
        """Give back. Raises :class:`OSError` where there is no answer."""
        path = f"/authorizations/{quote(token, safe='')}/void"
        status, _answer = self._post(path, {}, {OK, CREATED, NO_CONTENT, NOT_FOUND, GONE})
        if status in {NOT_FOUND, GONE}:
            logger.warning("The gateway had nothing to give back: it answered %s", int(status))

    def _post(
        self, path: str, wanted: dict[str, Any], answers: Collection[HTTPStatus]
    ) -> tuple[int, dict[str, Any]]:
        """The status and the document of an answer with one of these statuses."""
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        request = Request(settings.ORDERS_GATEWAY_URL + path, json.dumps(wanted).encode(), headers)  # noqa: S310
        try:
            with self._open(request) as response:
                if response.status not in answers:
                    raise NoAnswerError(f"the gateway answered {response.status}")
                body = response.read()
        except HTTPException as error:
            raise NoAnswerError(f"the gateway broke off: {type(error).__name__}") from error
        return response.status, {} if response.status == NO_CONTENT else _object(body)

    def _open(self, request: Request) -> Any:
        try:
            return _opener.open(request, timeout=self.timeout)
        except HTTPError as error:
            return error


class _NoRedirects(HTTPRedirectHandler):
    """Whoever sends elsewhere is not the gateway."""

    def redirect_request(self, *_: Any) -> None:
        """No other request: the answer is an error."""


_opener = build_opener(_NoRedirects)


def _object(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise NoAnswerError("the gateway answered something else than a JSON object")
    return document


def _text(document: dict[str, Any], name: str) -> str:
    if not isinstance(text := document.get(name), str) or not text:
        raise NoAnswerError(f"the gateway answered without a {name}")
    return text


def authorize(**wanted: Any) -> Authorized | Declined:
    """Ask the gateway; what it promises by a name that cannot be kept is given back at once.

    Raises whatever the gateway raises.
    """
    answer = get_gateway().authorize(**wanted)
    if isinstance(answer, Authorized) and not _can_be_kept(answer.token):
        get_gateway().void(answer.token)
        return Declined(_("the payment gateway answered with a token that cannot be kept"))
    return answer


def _can_be_kept(token: str) -> bool:
    # PostgreSQL keeps no NUL.
    return len(token) <= MAX_TOKEN and token.isprintable()


def get_gateway() -> Gateway:
    """The gateway that the setting ``ORDERS_GATEWAY`` names; by default :class:`LocalGateway`."""
    path = getattr(settings, "ORDERS_GATEWAY", "orders.lifecycle.gateways.LocalGateway")
    gateway: Gateway = import_string(path)()
    return gateway
