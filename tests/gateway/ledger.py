"""The gateway's ledger: the requests it received and the authorizations it made."""

import threading
from collections import Counter
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Status(StrEnum):
    """The status of an authorization."""

    #: Authorized and not voided.
    LIVE = "live"
    #: Authorized, and voided later.
    VOIDED = "voided"
    #: Never authorized.
    DECLINED = "declined"


class ParametersDifferError(Exception):
    """An idempotency key was sent with two different requests."""


@dataclass
class Entry:
    """The authorization that belongs to one idempotency key."""

    idempotency_key: str
    request: dict[str, Any]
    token: str
    status: Status
    #: Number of requests to authorize, and to void.
    authorize_calls: int = 0
    void_calls: int = 0


class Ledger:
    """One entry per idempotency key, regardless of who sends it and how often. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: dict[str, Entry] = {}
        self._by_token: dict[str, Entry] = {}
        self.calls: Counter[str] = Counter()

    def authorize(self, request: dict[str, Any], *, declines: bool) -> Entry:
        """Return the entry of this key, and create it first if the key is new.

        ``declines`` is used for a new key only. Raises :class:`ParametersDifferError` if the key
        was used for a different request.
        """
        with self._lock:
            key = request["idempotency_key"]
            if key not in self._entries:
                status = Status.DECLINED if declines else Status.LIVE
                token = f"promise_{len(self._entries)}"
                self._by_token[token] = self._entries[key] = Entry(key, request, token, status)
            entry = self._entries[key]
            entry.authorize_calls += 1
            if entry.request != request:
                raise ParametersDifferError
            return entry

    def void(self, token: str) -> Entry | None:
        """Void an authorization. Return None if nothing was authorized under this token."""
        with self._lock:
            entry = self._by_token.get(token)
            if entry is None or entry.status == Status.DECLINED:
                return None
            entry.void_calls += 1
            entry.status = Status.VOIDED
            return entry

    def count(self, call: str) -> None:
        """Count a call."""
        with self._lock:
            self.calls[call] += 1

    def as_json(self) -> dict[str, Any]:
        """Return all ``authorizations`` and the number of ``calls`` of each kind."""
        with self._lock:
            entries = [asdict(entry) for entry in self._entries.values()]
            return {"authorizations": entries, "calls": dict(self.calls)}
