"""What the endpoints of the app offer besides what their kind does, for the OpenAPI document."""

from order_copies.jsonapi.openapi.components import content
from order_copies.jsonapi.openapi.json_schema import JSONSchema, closed, or_null
from order_copies.jsonapi.openapi.offers import Offer, header, query_parameter
from order_copies.jsonapi.openapi.schemas import META
from order_copies.plans import Action

_TEXT: JSONSchema = {"type": "string"}
_FLAG: JSONSchema = {"type": "boolean"}
_OBJECT: JSONSchema = {"type": "object"}
_TOTALS: JSONSchema = {"type": "object", "additionalProperties": {"type": "integer"}}

ERRORS_LOG: JSONSchema = {
    "type": "object",
    "additionalProperties": {"type": "array", "items": _TEXT, "minItems": 1},
}

#: One entry of ``outcomes``.
OUTCOME = closed(
    {
        "attribute": _TEXT,
        "source_line_item": or_null(_TEXT),
        "target_line_item": or_null(_TEXT),
        "name": _TEXT,
        "action": {"enum": [action.value for action in Action]},
        "code": or_null(_TEXT),
        "message": or_null(_TEXT),
        "before": or_null(_OBJECT),
        "after": or_null(_OBJECT),
    }
)

_PREVIEW = closed(
    {
        "dry_run": {"const": True},
        "status": {"enum": ["completed", "failed"]},
        "errors_log": ERRORS_LOG,
        "errors_count": {"type": "integer", "minimum": 0},
        "will_write": _FLAG,
        "will_place": _FLAG,
        "will_cancel": _FLAG,
        "currency_code": _TEXT,
        "source_totals": _TOTALS,
        "target_totals": _TOTALS,
        "outcomes": {"type": "array", "items": OUTCOME},
        "plan_digest": _TEXT,
        **META["properties"],
    }
)

#: What asking for a copy offers.
ASKING = Offer(
    parameters=[
        query_parameter(
            "dry_run",
            _FLAG | {"default": False},
            "Whether to tell only what the copy would do; nothing is written.",
        ),
        header(
            "Idempotency-Key",
            {"type": "string", "pattern": "^[!-~]{1,255}$"},
            "Names the request: the same key with the same body is answered as the first time. "
            "A dry run takes none.",
        ),
        header(
            "Prefer",
            {"type": "string", "examples": ["wait=5"]},
            "`wait=5`: for how many seconds, 10 at most, the answer is to wait for the copy to "
            "end. What is not understood is ignored.",
        ),
    ],
    headers={
        "Idempotent-Replayed": {
            "description": "That this is the first answer to the `Idempotency-Key` once more.",
            "schema": {"const": "true"},
        },
        "Preference-Applied": {
            "description": "For how long the answer would have waited.",
            "schema": {"type": "string", "pattern": "^wait=[0-9]{1,2}$"},
        },
    },
    errors=[409],
    responses={
        "200": {
            "description": "What the copy would do: with `dry_run=true`. Amounts are in cents.",
            "content": content(closed({"data": {"type": "null"}, "meta": _PREVIEW})),
        }
    },
)
