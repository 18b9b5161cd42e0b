"""The world outside: a bank that behaves as gateways do, and remembers what it was asked."""

from collections.abc import Callable
from typing import Any

import pytest

from orders.lifecycle.gateways import Authorized, Declined, LocalGateway


class Bank:
    """A gateway that gives the first answer again to whoever asks with the same key."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answers: dict[str, tuple[Any, Authorized | Declined]] = {}
        self.voided: list[str] = []
        #: What happens in the world while the bank is asked.
        self.meanwhile: Callable[[], Any] = lambda: None
        self.declines = False

    def authorize(self, *, idempotency_key: str, **wanted: Any) -> Authorized | Declined:
        self.asked.append(idempotency_key)
        happening, self.meanwhile = self.meanwhile, lambda: None
        happening()
        answer: Authorized | Declined = Declined("no money")
        if not self.declines:
            answer = Authorized(f"auth_{len(self.answers)}", wanted["amount_cents"])
        first_wanted, first = self.answers.setdefault(idempotency_key, (wanted, answer))
        assert first_wanted == wanted, "one key, two requests"
        return first

    def void(self, token: str) -> None:
        self.voided.append(token)

    @property
    def live(self) -> list[str]:
        """The authorizations that hold somebody's money."""
        answers = [answer for _wanted, answer in self.answers.values()]
        tokens = [answer.token for answer in answers if isinstance(answer, Authorized)]
        return [token for token in tokens if token not in self.voided]


def open_bank(monkeypatch: pytest.MonkeyPatch, bank: Bank | None = None) -> Bank:
    """A bank in place of the gateway inside the process."""
    bank = bank or Bank()
    monkeypatch.setattr(LocalGateway, "authorize", bank.authorize)
    monkeypatch.setattr(LocalGateway, "void", bank.void)
    return bank
