"""The border to whoever moves the money."""

import hashlib
import json
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Protocol
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import Request, urlopen

from django.conf import settings
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _


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
        """Ask for the amount."""

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


class HTTPGateway:
    """A gateway behind an address, the setting ``ORDERS_GATEWAY_URL``, that speaks JSON.

    ``POST /authorizations`` answers 201, or 200 if it had answered before, with a ``token``; 402
    with a ``message`` declines. ``POST /authorizations/TOKEN/void`` gives back.
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
        try:
            answer = json.loads(self._post("/authorizations", wanted))
        except HTTPError as error:
            if error.code != HTTPStatus.PAYMENT_REQUIRED:
                raise
            with error:
                return Declined(str(json.load(error)["message"]))
        return Authorized(str(answer["token"]), amount_cents)

    def void(self, token: str) -> None:
        """Give back. Raises :class:`OSError` where there is no answer."""
        try:
            self._post(f"/authorizations/{quote(token, safe='')}/void", {})
        except HTTPError as error:
            if error.code not in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
                raise
            # There is nothing to be given back any more.
            error.close()

    def _post(self, path: str, wanted: dict[str, Any]) -> bytes:
        headers = {"Content-Type": "application/json"}
        request = Request(settings.ORDERS_GATEWAY_URL + path, json.dumps(wanted).encode(), headers)  # noqa: S310
        with urlopen(request, timeout=self.timeout) as response:  # noqa: S310
            answer: bytes = response.read()
            return answer


def get_gateway() -> Gateway:
    """The gateway that the setting ``ORDERS_GATEWAY`` names; by default :class:`LocalGateway`."""
    path = getattr(settings, "ORDERS_GATEWAY", "orders.gateways.LocalGateway")
    gateway: Gateway = import_string(path)()
    return gateway
