"""The books of the gateway: what it was asked, and what it promised."""

import threading
from collections import Counter
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Status(StrEnum):
    """What became of an authorization."""

    LIVE = "live"
    VOIDED = "voided"
    DECLINED = "declined"


class OtherParametersError(Exception):
    """One idempotency key, two requests."""


@dataclass
class Entry:
    """All that was asked under one idempotency key."""

    idempotency_key: str
    wanted: dict[str, Any]
    token: str
    status: Status
    #: How often it was asked for, and asked to be given back.
    asked: int = 0
    voided: int = 0


class Books:
    """One entry a key, whoever asks however often."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: dict[str, Entry] = {}
        self._by_token: dict[str, Entry] = {}
        self.calls: Counter[str] = Counter()

    def authorize(self, wanted: dict[str, Any], *, declines: bool) -> Entry:
        """The entry of this key; ``declines`` counts where it is new.

        Raises :class:`OtherParametersError` if something else was asked under the key before.
        """
        with self._lock:
            key = wanted["idempotency_key"]
            if key not in self._entries:
                status = Status.DECLINED if declines else Status.LIVE
                token = f"promise_{len(self._entries)}"
                self._by_token[token] = self._entries[key] = Entry(key, wanted, token, status)
            entry = self._entries[key]
            entry.asked += 1
            if entry.wanted != wanted:
                raise OtherParametersError
            return entry

    def void(self, token: str) -> Entry | None:
        """Give back; None where nothing was promised by that name."""
        with self._lock:
            entry = self._by_token.get(token)
            if entry is None or entry.status == Status.DECLINED:
                return None
            entry.voided += 1
            entry.status = Status.VOIDED
            return entry

    def count(self, what: str) -> None:
        """Count a call."""
        with self._lock:
            self.calls[what] += 1

    def ledger(self) -> dict[str, Any]:
        """All of it, as JSON has it."""
        with self._lock:
            entries = [asdict(entry) for entry in self._entries.values()]
            return {"authorizations": entries, "calls": dict(self.calls)}
