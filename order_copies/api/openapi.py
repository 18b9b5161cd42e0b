"""Parameters, headers and responses of single endpoints, for the OpenAPI document."""

from order_copies.forecasts import Result
from order_copies.jsonapi.fields import InstantField
from order_copies.jsonapi.json_schema import JSONSchema, closed, or_null
from order_copies.jsonapi.offers import Offer, header, query_parameter
from order_copies.jsonapi.openapi.components import content
from order_copies.jsonapi.openapi.schemas import META
from order_copies.plans import Action

RESULTS = [result.value for result in Result]

_TEXT: JSONSchema = {"type": "string"}
_FLAG: JSONSchema = {"type": "boolean"}
_OBJECT: JSONSchema = {"type": "object"}
_COUNT: JSONSchema = {"type": "integer", "minimum": 0}
_INSTANT: JSONSchema = InstantField.json_schema
_TOTALS: JSONSchema = {"type": "object", "additionalProperties": {"type": "integer"}}

ERRORS_LOG: JSONSchema = {
    "type": "object",
    "additionalProperties": {"type": "array", "items": _TEXT, "minItems": 1},
}

#: JSON Schema of one entry of ``outcomes``.
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
        "errors_count": _COUNT,
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

#: The additions of ``POST /order_copies``.
CREATE_OFFER = Offer(
    parameters=[
        query_parameter(
            "dry_run",
            _FLAG | {"default": False},
            "Return a preview of the copy instead of creating it. Nothing is written.",
        ),
        header(
            "Idempotency-Key",
            {"type": "string", "pattern": "^[!-~]{1,255}$"},
            "Makes the request idempotent: a repeated request with the same key and body gets the "
            "response of the first one, and creates no second copy. Ignored by a dry run.",
        ),
        header(
            "Prefer",
            {"type": "string", "examples": ["wait=5"]},
            "`wait=5`: wait up to 5 seconds, at most 10, for the copy to end before responding. "
            "Other preferences are ignored.",
        ),
    ],
    headers={
        "Idempotent-Replayed": {
            "description": "Set if this is the stored response of the first request with the "
            "`Idempotency-Key`.",
            "schema": {"const": "true"},
        },
        "Preference-Applied": {
            "description": "The granted wait in seconds. The copy may have ended sooner.",
            "schema": {"type": "string", "pattern": "^wait=[0-9]{1,2}$"},
        },
    },
    errors=[409],
    responses={
        "200": {
            "description": "The preview of the copy, with `dry_run=true`. Amounts are in cents.",
            "content": content(closed({"data": {"type": "null"}, "meta": _PREVIEW})),
        }
    },
)

#: JSON Schema of one entry of ``renewals``.
RENEWAL = closed(
    {
        "order_subscription": closed({"type": {"const": "order_subscriptions"}, "id": _TEXT}),
        "scheduled_for": _INSTANT,
        "result": {"enum": RESULTS},
        "reasons": {
            "type": "array",
            "items": closed({"attribute": _TEXT, "code": _TEXT, "message": _TEXT}),
        },
        "currency_code": _TEXT,
        "source_totals": _TOTALS,
        "target_totals": _TOTALS,
        "plan_digest": _TEXT,
    }
)

_FORECAST = closed(
    {
        "until": _INSTANT,
        "notice": or_null(_TEXT),
        "renewals_count": _COUNT,
        "results": closed(dict.fromkeys(RESULTS, _COUNT)),
        "total_amounts_cents": _TOTALS,
        "renewals": {"type": "array", "items": RENEWAL},
        **META["properties"],
    }
)

_UNTIL = query_parameter(
    "until",
    _INSTANT | {"examples": ["2199-01-01T12:00:00.000Z"]},
    "The end of the forecast, an instant in the future. By default 30 days from now.",
)

#: The forecasts of subscriptions, which the dialect does not have.
FORECAST_OFFERS = {
    name: Offer(
        summary=summary,
        parameters=[_UNTIL],
        errors=errors,
        document=closed({"data": {"type": "null"}, "meta": _FORECAST}),
    )
    for name, summary, errors in (
        ("forecasts", "Forecast the renewals of all order_subscriptions", []),
        ("forecast", "Forecast the renewals of one of order_subscriptions", [404]),
    )
}
