"""What an audit says, as tests compare it."""

from typing import Any

from order_copies.auditing import Audit

Found = list[tuple[str, str]]


def audited(**options: Any) -> Found:
    """The code of each finding, and the resource that it is about."""
    found = Audit(**options).run()
    return [(one.code, f"{one.resource_type}/{one.resource_id}") for one in found]
