"""The border to whoever moves the money."""

import hashlib
from dataclasses import dataclass
from typing import Protocol

from django.utils.translation import gettext as _


@dataclass(frozen=True, slots=True)
class Authorized:
    """The payment source promised the amount; ``token`` names the promise."""

    token: str
    amount_cents: int


@dataclass(frozen=True, slots=True)
class Declined:
    """The payment source promised nothing, and why."""

    message: str


class Gateway(Protocol):
    """A payment gateway. Calls with one idempotency key are one authorization."""

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


gateway: Gateway = LocalGateway()
