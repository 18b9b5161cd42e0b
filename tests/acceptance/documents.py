"""Expected JSON:API documents of copies, as specified in the contract."""

from datetime import UTC, datetime
from typing import Any

from order_copies.models import OrderFactory

RELATIONSHIPS = ["source_order", "target_order", "events", "event_stores", "order_subscription"]


def document_of(order_copy: OrderFactory, trace_id: str, **attributes: Any) -> dict[str, Any]:
    """Return the document of a copy that was just created; ``attributes`` replace defaults."""
    url = f"http://testserver/api/order_copies/{order_copy.public_id}"
    return {
        "data": {
            "id": order_copy.public_id,
            "type": "order_copies",
            "links": {"self": url},
            "attributes": {
                "type": "order_copies",
                "status": "pending",
                "started_at": None,
                "completed_at": None,
                "failed_at": None,
                "errors_log": {},
                "errors_count": 0,
                "place_target_order": False,
                "reuse_wallet": True,
                "created_at": milliseconds(order_copy.created_at),
                "updated_at": milliseconds(order_copy.updated_at),
                "reference": None,
                "reference_origin": None,
                "metadata": {},
                "cancel_source_order": False,
                "apply_promotions": False,
                "skip_errors": False,
                "ignore_invalid_coupon": False,
            }
            | attributes,
            "relationships": {
                name: {"links": {"self": f"{url}/relationships/{name}", "related": f"{url}/{name}"}}
                for name in RELATIONSHIPS
            },
            "meta": {"mode": "test", "organization_id": "xRRkjDFafe", "trace_id": trace_id},
        }
    }


def milliseconds(moment: datetime) -> str:
    """Format an instant in UTC with milliseconds, as the API does."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
