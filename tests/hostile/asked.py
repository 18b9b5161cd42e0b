"""A request, byte by byte."""

from dataclasses import dataclass, field

#: Who asks for pages of the API and is nobody.
NOBODY = frozenset({"none", "broken"})


@dataclass
class Asked:
    """One request. ``who`` names whose token or session is sent, if any."""

    method: str
    target: bytes
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""
    who: str = "none"
    #: Whether HTTP itself is broken, so that the web server may refuse it in its own words.
    is_broken: bool = False
    #: Sent in the place of all the rest.
    raw: bytes | None = None

    def as_bytes(self) -> bytes:
        """What is sent. The length of the body is told unless the headers frame it."""
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
        first = b"%s %s HTTP/1.1" % (self.method.encode(), self.target)
        return b"\r\n".join([first, *lines, b"", b""]) + self.body

    def __str__(self) -> str:
        shown = self.as_bytes()
        more = f" … ({len(shown)} bytes)" if len(shown) > 1500 else ""
        return ascii(shown[:1500])[2:-1].replace("\\r\\n", "\n    ") + more
