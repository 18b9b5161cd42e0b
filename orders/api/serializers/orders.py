"""Orders, lines, options and addresses, with the data that the shop has (contract 3.3 to 3.6)."""

from order_copies.api.serializers import OrderSerializer as CopiedOrderSerializer
from order_copies.api.serializers import PublicIDField, event_stores_of
from order_copies.api.serializers.common import COMMON, COMMON_SORTABLE, SETTABLE
from order_copies.jsonapi.fields import (
    REQUIRED,
    BlankField,
    BooleanField,
    LanguageField,
    StringField,
    TriggerField,
)
from order_copies.jsonapi.relations import ResourceRelatedField
from order_copies.jsonapi.scopes import CANCEL, COPY, PLACE
from orders.api.serializers.common import ShopSerializer, amounts
from orders.models import Address, AddressRole, LineItem, LineItemOption, Order


class OrderSerializer(CopiedOrderSerializer, ShopSerializer):
    """An order (contract 3.3)."""

    id = PublicIDField("orders")
    editable = BooleanField(read_only=True)
    language_code = LanguageField(null=REQUIRED, max_length=10, required=False)
    shipping_address = ResourceRelatedField(
        lookup="order_id", conditions={"role": AddressRole.SHIPPING}
    )
    billing_address = ResourceRelatedField(
        lookup="order_id", conditions={"role": AddressRole.BILLING}
    )
    line_item_options = ResourceRelatedField(many=True, lookup="line_item__order_id")

    _place = TriggerField(scope=PLACE, help_text="Places the order; repeating it has no effect.")
    _cancel = TriggerField(scope=CANCEL, help_text="Cancels the order; repeating it has no effect.")
    _approve = TriggerField(
        scope=PLACE, help_text="Approves the order; repeating it has no effect."
    )
    # Archiving changes neither stock nor payments: the smallest scope that writes is enough.
    _archive = TriggerField(scope=COPY, help_text="Archives the order; repeating it has no effect.")
    _unarchive = TriggerField(
        scope=COPY, help_text="Unarchives the order; repeating it has no effect."
    )
    # The subscriptions place orders: the view also checks the scope for placing.
    _create_subscriptions = TriggerField(
        scope=COPY,
        help_text="Creates the subscriptions to the line items that have a frequency, by the "
        "subscription model of the market; repeating it has no effect.",
    )

    included_serializers = {
        "market": "orders.api.serializers.MarketSerializer",
        "customer": "orders.api.serializers.CustomerSerializer",
        "shipping_address": "orders.api.serializers.AddressSerializer",
        "billing_address": "orders.api.serializers.AddressSerializer",
        "payment_method": "orders.api.serializers.PaymentMethodSerializer",
        "line_items": "orders.api.serializers.LineItemSerializer",
        "line_item_options": "orders.api.serializers.LineItemOptionSerializer",
        **CopiedOrderSerializer.included_serializers,
    }

    class Meta:
        model = Order
        resource_name = "orders"
        amounts = amounts(
            "subtotal_amount",
            "shipping_amount",
            "payment_method_amount",
            "discount_amount",
            "adjustment_amount",
            "gift_card_amount",
            "total_tax_amount",
            "total_amount",
            "total_amount_with_taxes",
        )
        related = [
            "market",
            "customer",
            "shipping_address",
            "billing_address",
            "payment_method",
            "line_items",
            "line_item_options",
        ]
        fields = [
            "id",
            "number",
            "affiliate_code",
            "status",
            "payment_status",
            "fulfillment_status",
            "guest",
            "editable",
            "customer_email",
            "language_code",
            "currency_code",
            "tax_included",
            "tax_rate",
            "country_code",
            "shipping_country_code_lock",
            "coupon_code",
            "gift_card_code",
            *amounts,
            "token",
            "cart_url",
            "return_url",
            "terms_url",
            "privacy_url",
            "placed_at",
            "approved_at",
            "cancelled_at",
            "archived_at",
            "subscription_created_at",
            *COMMON,
            *related,
            *CopiedOrderSerializer.Meta.fields,
            "_place",
            "_cancel",
            "_approve",
            "_archive",
            "_unarchive",
            "_create_subscriptions",
        ]
        updatable = [
            "affiliate_code",
            "language_code",
            "cart_url",
            "return_url",
            "terms_url",
            "privacy_url",
            *SETTABLE,
        ]
        sortable = [
            "number",
            "status",
            "payment_status",
            "fulfillment_status",
            "guest",
            "customer_email",
            "language_code",
            "currency_code",
            "tax_included",
            "tax_rate",
            "country_code",
            "coupon_code",
            *amounts[::3],
            "token",
            "placed_at",
            "approved_at",
            "cancelled_at",
            "archived_at",
            "subscription_created_at",
            *COMMON_SORTABLE,
        ]
        filterable = [
            *sortable,
            "metadata",
            *related,
            *CopiedOrderSerializer.Meta.filterable,
        ]


class LineItemSerializer(ShopSerializer):
    """A line of an order (contract 3.4)."""

    id = PublicIDField("line_items")
    currency_code = StringField(read_only=True)
    # In the contract an item has one of several types; this shop has only SKUs.
    item = ResourceRelatedField(source="sku")
    event_stores = event_stores_of("line_items")

    included_serializers = {
        "order": "orders.api.serializers.OrderSerializer",
        "item": "orders.api.serializers.SkuSerializer",
        "sku": "orders.api.serializers.SkuSerializer",
        "line_item_options": "orders.api.serializers.LineItemOptionSerializer",
    }

    class Meta:
        model = LineItem
        resource_name = "line_items"
        amounts = amounts(
            "unit_amount", "compare_at_amount", "options_amount", "total_amount", "tax_amount"
        )
        related = ["order", "item", "sku", "line_item_options"]
        fields = [
            "id",
            "item_type",
            "sku_code",
            "quantity",
            "currency_code",
            *amounts,
            "name",
            "image_url",
            "tax_rate",
            "frequency",
            "coupon_code",
            *COMMON,
            *related,
            "event_stores",
        ]
        updatable = SETTABLE
        sortable = [
            "item_type",
            "sku_code",
            "quantity",
            "currency_code",
            *amounts[::3],
            "name",
            "tax_rate",
            "frequency",
            "coupon_code",
            *COMMON_SORTABLE,
        ]
        filterable = [*sortable, "metadata", *related]


class LineItemOptionSerializer(ShopSerializer):
    """An option of a line (contract 3.5)."""

    id = PublicIDField("line_item_options")
    currency_code = StringField(read_only=True)
    event_stores = event_stores_of("line_item_options")

    included_serializers = {"line_item": "orders.api.serializers.LineItemSerializer"}

    class Meta:
        model = LineItemOption
        resource_name = "line_item_options"
        amounts = amounts("unit_amount", "total_amount")
        fields = [
            "id",
            "name",
            "quantity",
            "currency_code",
            *amounts,
            "delay_hours",
            "options",
            *COMMON,
            "line_item",
            "event_stores",
        ]
        updatable = SETTABLE
        sortable = [
            "name",
            "quantity",
            "currency_code",
            *amounts[::3],
            "delay_hours",
            *COMMON_SORTABLE,
        ]
        filterable = [*sortable, "metadata", "line_item"]


class AddressSerializer(ShopSerializer):
    """An address of an order (contract 3.6)."""

    id = PublicIDField("addresses")
    full_name = BlankField(read_only=True)
    full_address = StringField(read_only=True)
    name = BlankField(read_only=True)
    event_stores = event_stores_of("addresses")

    class Meta:
        model = Address
        resource_name = "addresses"
        fields = [
            "id",
            "business",
            "first_name",
            "last_name",
            "company",
            "full_name",
            "line_1",
            "line_2",
            "city",
            "zip_code",
            "state_code",
            "country_code",
            "phone",
            "full_address",
            "name",
            "email",
            "notes",
            *COMMON,
            "event_stores",
        ]
        updatable = SETTABLE
        sortable = [
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
            *COMMON_SORTABLE,
        ]
        filterable = [*sortable, "metadata"]
