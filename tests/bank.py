"""A payment gateway inside the test process, which remembers the calls that it received."""

from collections.abc import Callable
from typing import Any

import pytest

from orders.lifecycle.gateways import Authorized, Declined, LocalGateway


def _do_nothing() -> None:
    pass


class Bank:
    """A gateway that repeats its first response for each idempotency key, as real gateways do."""

    def __init__(self) -> None:
        #: The idempotency key of each call to authorize, in order.
        self.requested_keys: list[str] = []
        #: By idempotency key: the parameters of the first request, and the response.
        self.responses: dict[str, tuple[Any, Authorized | Declined]] = {}
        self.voided: list[str] = []
        #: Called once, during the next call to authorize.
        self.during_authorize: Callable[[], Any] = _do_nothing
        self.declines = False

    def authorize(self, *, idempotency_key: str, **parameters: Any) -> Authorized | Declined:
        self.requested_keys.append(idempotency_key)
        callback, self.during_authorize = self.during_authorize, _do_nothing
        callback()
        response: Authorized | Declined = Declined("no money")
        if not self.declines:
            response = Authorized(f"auth_{len(self.responses)}", parameters["amount_cents"])
        first_parameters, first = self.responses.setdefault(idempotency_key, (parameters, response))
        assert first_parameters == parameters, "one key, two requests"
        return first

    def void(self, token: str) -> None:
        self.voided.append(token)

    @property
    def live(self) -> list[str]:
        """The tokens that are authorized and not voided."""
        responses = [response for _parameters, response in self.responses.values()]
        tokens = [response.token for response in responses if isinstance(response, Authorized)]
        return [token for token in tokens if token not in self.voided]


def install_bank(monkeypatch: pytest.MonkeyPatch, bank: Bank | None = None) -> Bank:
    """Replace the local gateway by a bank for the length of a test."""
    bank = bank or Bank()
    monkeypatch.setattr(LocalGateway, "authorize", bank.authorize)
    monkeypatch.setattr(LocalGateway, "void", bank.void)
    return bank
