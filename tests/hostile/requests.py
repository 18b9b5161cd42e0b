"""An HTTP request as exact bytes."""

from dataclasses import dataclass, field

#: Actors whose requests carry no valid credentials.
ANONYMOUS = frozenset({"none", "broken"})


@dataclass
class HostileRequest:
    """One request and what its response may be: see ``actor`` and ``is_broken``."""

    method: str
    target: bytes
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""
    #: The application whose token is sent, "staff" for the session of a superuser, "broken" for an
    #: invalid token, or "none".
    actor: str = "none"
    #: Whether the request violates HTTP, so that gunicorn may refuse it before the project sees it.
    is_broken: bool = False
    #: Sent instead of everything above.
    raw: bytes | None = None

    def as_bytes(self) -> bytes:
        """Return the bytes to send, with Content-Length unless the headers frame the body."""
        if self.raw is not None:
            return self.raw
        names = {name.lower() for name, _value in self.headers}
        headers = list(self.headers)
        if b"host" not in names:
            headers.insert(0, (b"Host", b"127.0.0.1"))
        is_framed = names & {b"content-length", b"transfer-encoding"}
        if not is_framed and (self.body or self.method in {"POST", "PATCH", "PUT"}):
            headers.append((b"Content-Length", str(len(self.body)).encode()))
        lines = [b"%s: %s" % header for header in headers]
        request_line = b"%s %s HTTP/1.1" % (self.method.encode(), self.target)
        return b"\r\n".join([request_line, *lines, b"", b""]) + self.body

    def __str__(self) -> str:
        sent = self.as_bytes()
        rest = f" … ({len(sent)} bytes)" if len(sent) > 1500 else ""
        return ascii(sent[:1500])[2:-1].replace("\\r\\n", "\n    ") + rest
