"""Run the audit, with findings in a form that tests compare."""

from typing import Any

from order_copies.auditing import Audit

Found = list[tuple[str, str]]


def audited(**options: Any) -> Found:
    """Return code and resource of each finding."""
    findings = Audit(**options).run()
    return [
        (finding.code, f"{finding.resource_type}/{finding.resource_id}") for finding in findings
    ]
