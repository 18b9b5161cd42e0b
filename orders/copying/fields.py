"""Declare for each field of the shop's models whether a copy copies, resets or recomputes it.

The world is closed: a field that no declaration names fails ``manage.py check``.
"""

from decimal import Decimal
from typing import Any, NamedTuple

from order_copies.shops import CopiedModel
from order_copies.shops.tables import CopiedTables
from orders.models import Address, LineItem, LineItemOption, Order
from orders.totals import TOTALS

#: Identity, timestamps and references of other systems: they belong to one row only.
OWN = ("id", "reference", "reference_origin", "created_at", "updated_at")

#: Keys of metadata that other systems store about one order only: a copy leaves them out.
LEFT_BEHIND = {"metadata": frozenset({"_stripe_intent_id", "_order_email_sent"})}

ORDER = CopiedModel(
    Order,
    left_behind_keys=LEFT_BEHIND,
    copied=(
        "market_id",
        "customer_id",
        "customer_email",
        "guest",
        "language_code",
        "currency_code",
        "tax_included",
        "tax_rate",
        "country_code",
        "shipping_country_code_lock",
        "affiliate_code",
        "cart_url",
        "return_url",
        "terms_url",
        "privacy_url",
        "payment_method_id",
        "metadata",
    ),
    reset=(
        *OWN,
        "number",
        "token",
        "payment_status",
        "gift_card_code",
        "placed_at",
        "approved_at",
        "cancelled_at",
        "archived_at",
        "subscription_created_at",
    ),
    recomputed=(
        "status",
        "fulfillment_status",
        "coupon_code",
        "payment_source_id",
        *TOTALS,
    ),
)


class SourceLine(NamedTuple):
    """A line of a source order: its key, the key of its order, and every copied field."""

    id: int | None
    order_id: int
    item_type: str
    sku_id: int | None = None
    promotion_id: int | None = None
    sku_code: str = ""
    coupon_code: str = ""
    name: str = ""
    image_url: str = ""
    quantity: int = 1
    unit_amount_cents: int = 0
    compare_at_amount_cents: int | None = None
    options_amount_cents: int = 0
    total_amount_cents: int = 0
    tax_rate: Decimal = Decimal(0)
    tax_amount_cents: int = 0
    frequency: str = ""
    metadata: dict[str, Any] = {}


#: The number of keys at the start of a :class:`SourceLine`; the copied values follow.
KEYS = 2

LINE_ITEM = CopiedModel(
    LineItem,
    left_behind_keys=LEFT_BEHIND,
    copied=SourceLine._fields[KEYS:],
    reset=(*OWN, "gift_card_code"),
    remapped=("order_id",),
)

LINE_ITEM_OPTION = CopiedModel(
    LineItemOption,
    left_behind_keys=LEFT_BEHIND,
    copied=(
        "name",
        "quantity",
        "unit_amount_cents",
        "total_amount_cents",
        "delay_hours",
        "options",
        "metadata",
    ),
    reset=OWN,
    remapped=("line_item_id",),
)

ADDRESS = CopiedModel(
    Address,
    left_behind_keys=LEFT_BEHIND,
    copied=(
        "role",
        "business",
        "first_name",
        "last_name",
        "company",
        "line_1",
        "line_2",
        "city",
        "zip_code",
        "state_code",
        "country_code",
        "phone",
        "email",
        "notes",
        "metadata",
    ),
    reset=OWN,
    remapped=("order_id",),
)

COPIED_MODELS = (ORDER, LINE_ITEM, LINE_ITEM_OPTION, ADDRESS)
TABLES = CopiedTables(COPIED_MODELS)
