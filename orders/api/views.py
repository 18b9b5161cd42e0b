"""The endpoints of the shop's resources. Each can be listed and retrieved, most can be updated."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.db.models import Case, Count, F, OuterRef, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import IsAuthenticated

from order_copies.events.recording import request_actor
from order_copies.jsonapi.errors import Error, RequestRefusedError, invalid
from order_copies.jsonapi.scopes import is_sales_channel
from order_copies.jsonapi.views import ReadOnlyViewSet, UpdateMixin
from order_copies.plans import Problem
from order_copies.shops import get_shop
from orders.api import serializers
from orders.api.permissions import (
    OrdersPermission,
    check_action,
    may_change_attributes,
)
from orders.lifecycle.changes import change
from orders.lifecycle.triggers import ORDER_ACTIONS, OrderAction, run_action
from orders.models import (
    Address,
    Coupon,
    Customer,
    CustomerPaymentSource,
    LineItem,
    LineItemOption,
    Market,
    Order,
    PaymentMethod,
    Promotion,
    Sku,
)


class ShopViewSet(UpdateMixin, ReadOnlyViewSet):
    """The base class of the endpoints of resources that can be updated."""

    def perform_update(self, serializer: Any) -> None:
        """Set the attributes of the request and record the change."""
        change(serializer.instance, serializer.changes, who=request_actor(self.request))
        serializer.instance.refresh_from_db()


class OrderViewSet(ShopViewSet):
    """``/orders``. Triggers place, cancel, approve, archive and subscribe to them."""

    queryset = Order.objects.all()
    serializer_class = serializers.OrderSerializer
    permission_classes = [IsAuthenticated, OrdersPermission]

    def get_queryset(self) -> "QuerySet[Any]":
        """Return the orders that the client may see."""
        return get_shop().orders_for(self.request)

    def perform_update(self, serializer: Any) -> None:
        """Set attributes of an order and run its trigger: both succeed, or neither is done."""
        order, action = serializer.instance, ORDER_ACTIONS.get(serializer.trigger)
        self._check_permitted(order, action, serializer.changes)
        if action:
            self._run(order, action, serializer.changes)
        else:
            super().perform_update(serializer)

    def _run(self, order: Order, action: OrderAction, attributes: Mapping[str, Any]) -> None:
        who = request_actor(self.request)
        [problems] = run_action(action, [order.pk], who=who, attributes=attributes)
        if problems:
            raise RequestRefusedError(*self._errors(problems))
        order.refresh_from_db()

    def _check_permitted(
        self, order: Order, action: OrderAction | None, attributes: Mapping[str, Any]
    ) -> None:
        if action:
            check_action(self.request, action, order)
        if attributes and not may_change_attributes(self.request, order):
            raise PermissionDenied

    def _errors(self, problems: Sequence[Problem]) -> Iterator[Error]:
        # The contract has a relationship to the payment source (3.3), this API does not.
        related = {"payment_source", *self.resource.relationships_by_name}
        for problem in problems:
            member = "relationships" if problem.attribute in related else "attributes"
            yield invalid(member, problem.attribute, problem.code, problem.message)


class LineItemViewSet(ShopViewSet):
    """``/line_items``."""

    queryset = LineItem.objects.all()
    serializer_class = serializers.LineItemSerializer

    def get_queryset(self) -> "QuerySet[Any]":
        """Return the lines of the orders that the client may see."""
        return _in_currency_of("order", _of_visible_orders(self, super().get_queryset(), "order"))


class LineItemOptionViewSet(ShopViewSet):
    """``/line_item_options``."""

    queryset = LineItemOption.objects.select_related("line_item")
    serializer_class = serializers.LineItemOptionSerializer

    def get_queryset(self) -> "QuerySet[Any]":
        """Return the options of the orders that the client may see."""
        options = _of_visible_orders(self, super().get_queryset(), "line_item__order")
        return _in_currency_of("line_item__order", options)


class AddressViewSet(ShopViewSet):
    """``/addresses``."""

    queryset = Address.objects.all()
    serializer_class = serializers.AddressSerializer

    def get_queryset(self) -> "QuerySet[Any]":
        """Return the addresses of the orders that the client may see."""
        return _of_visible_orders(self, super().get_queryset(), "order")


class CustomerViewSet(ShopViewSet):
    """``/customers``."""

    queryset = Customer.objects.all()
    serializer_class = serializers.CustomerSerializer

    def get_queryset(self) -> "QuerySet[Any]":
        """Return the customers of the orders that the client may see."""
        orders = get_shop().orders_for(self.request)
        return _with_status(super().get_queryset().filter(pk__in=orders.values("customer_id")))


class CustomerPaymentSourceViewSet(ShopViewSet):
    """``/customer_payment_sources``."""

    queryset = CustomerPaymentSource.objects.select_related("payment_source")
    serializer_class = serializers.CustomerPaymentSourceSerializer

    def get_queryset(self) -> "QuerySet[Any]":
        """Return the wallets of the customers of the orders that the client may see.

        Sales channels get none: the entries contain tokens of payment sources.
        """
        if is_sales_channel(self.request):
            return CustomerPaymentSource.objects.none()
        orders = get_shop().orders_for(self.request)
        return super().get_queryset().filter(customer__in=orders.values("customer_id"))


class PaymentMethodViewSet(ShopViewSet):
    """``/payment_methods``, which are public."""

    queryset = PaymentMethod.objects.all()
    serializer_class = serializers.PaymentMethodSerializer


class MarketViewSet(ShopViewSet):
    """``/markets``, which are public."""

    queryset = Market.objects.all()
    serializer_class = serializers.MarketSerializer
    is_catalogue = True


class SkuViewSet(ShopViewSet):
    """``/skus``, which are public."""

    queryset = Sku.objects.all()
    serializer_class = serializers.SkuSerializer
    is_catalogue = True


class PromotionViewSet(ReadOnlyViewSet):
    """``/promotions``, which are public."""

    queryset = Promotion.objects.annotate(coupons_count=Count("coupons"))
    serializer_class = serializers.PromotionSerializer
    is_catalogue = True


class CouponViewSet(ShopViewSet):
    """``/coupons``."""

    queryset = Coupon.objects.all()
    serializer_class = serializers.CouponSerializer

    def get_queryset(self) -> "QuerySet[Any]":
        """Return all coupons to clients with the permission to view them; none to others."""
        request = self.request
        may_view = request.user.has_perm("orders.view_coupon") and not is_sales_channel(request)
        return super().get_queryset() if may_view else Coupon.objects.none()


def _of_visible_orders(view: ShopViewSet, rows: "QuerySet[Any]", path: str) -> "QuerySet[Any]":
    """Return the rows whose order, at the end of a path of lookups, the client may see."""
    orders = get_shop().orders_for(view.request)
    # A client that may see all orders needs no subquery.
    return rows.filter(**{f"{path}__in": orders}) if orders.query.has_filters() else rows


def _in_currency_of(path: str, rows: "QuerySet[Any]") -> "QuerySet[Any]":
    """Annotate rows with the currency and language of the order at the end of a path.

    This is much cheaper than loading an order for each row.
    """
    annotated: QuerySet[Any] = rows.annotate(
        currency_code=F(f"{path}__currency_code"), language_code=F(f"{path}__language_code")
    )
    return annotated


def _with_status(customers: "QuerySet[Customer]") -> "QuerySet[Any]":
    """Annotate customers with the number of placed orders and the status of the contract."""
    placed = Order.objects.filter(customer=OuterRef("pk"), placed_at__isnull=False).order_by()
    counted = placed.values("customer").annotate(count=Count("pk")).values("count")
    counts = Coalesce(Subquery(counted), 0)
    status = Case(
        When(total_orders_count=0, then=Value("prospect")),
        When(total_orders_count=1, then=Value("acquired")),
        default=Value("repeat"),
    )
    return customers.annotate(total_orders_count=counts).annotate(status=status)
