"""A catalogue in Oscar's own models, and orders placed by Oscar's own checkout code."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from itertools import count
from typing import Any, NamedTuple

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.utils import timezone
from oscar.apps.checkout.surcharges import FlatCharge
from oscar.core.loading import get_class, get_model

Basket = get_model("basket", "Basket")
Benefit = get_model("offer", "Benefit")
BillingAddress = get_model("order", "BillingAddress")
Condition = get_model("offer", "Condition")
ConditionalOffer = get_model("offer", "ConditionalOffer")
Country = get_model("address", "Country")
Option = get_model("catalogue", "Option")
Order = get_model("order", "Order")
Partner = get_model("partner", "Partner")
Product = get_model("catalogue", "Product")
ProductClass = get_model("catalogue", "ProductClass")
Range = get_model("offer", "Range")
ShippingAddress = get_model("order", "ShippingAddress")
Source = get_model("payment", "Source")
SourceType = get_model("payment", "SourceType")
StockRecord = get_model("partner", "StockRecord")
Voucher = get_model("voucher", "Voucher")

Applicator = get_class("offer.applicator", "Applicator")
FixedPrice = get_class("shipping.methods", "FixedPrice")
OrderNumberGenerator = get_class("order.utils", "OrderNumberGenerator")
OrderPlacementMixin = get_class("checkout.mixins", "OrderPlacementMixin")
OrderTotalCalculator = get_class("checkout.calculators", "OrderTotalCalculator")
Repository = get_class("shipping.repository", "Repository")
Selector = get_class("partner.strategy", "Selector")
SurchargeApplicator = get_class("checkout.applicator", "SurchargeApplicator")

numbers = count(1)


class Item(NamedTuple):
    """What a customer puts into the basket."""

    product: Any
    quantity: int = 1
    #: The value of the option "Engraving".
    engraving: str = ""


class Parcel(FixedPrice):
    """Shipping for 5.00, with tax 6.00, which the repository does not offer any more."""

    code, name = "parcel", "Parcel"

    def __init__(self) -> None:
        super().__init__(Decimal(5), Decimal(6))


class Surcharges(SurchargeApplicator):
    """The surcharges of the shop: one for each order."""

    def get_surcharges(self, basket: Any, **_kwargs: Any) -> Any:
        return (FlatCharge(excl_tax=Decimal(2), incl_tax=Decimal("2.50")),)


class Checkout(OrderPlacementMixin):
    """Oscar's checkout without its pages."""

    request = None

    def place(
        self, user: Any, basket: Any, *, has_surcharge: bool = False, guest_email: str = ""
    ) -> Any:
        """Place the basket as an order, as the last page of the checkout does."""
        Applicator().apply(basket, user)
        shipping_address = ShippingAddress(**address("Ada"), phone_number="+442079460000")
        methods = Repository().get_shipping_methods(basket)
        shipping_method = next((it for it in methods if it.code == "parcel"), Parcel())
        charge = shipping_method.calculate(basket)
        applicator = Surcharges() if has_surcharge else SurchargeApplicator()
        surcharges = applicator.get_applicable_surcharges(basket)
        total = OrderTotalCalculator().calculate(basket, charge, surcharges)
        source_type, _is_new = SourceType.objects.get_or_create(name="Card")
        self.add_payment_source(Source(source_type=source_type, amount_allocated=total.incl_tax))
        self.add_payment_event("Authorised", total.incl_tax, reference="A-1")
        extra = {"guest_email": guest_email} if guest_email else {}
        order = self.place_order(
            order_number=OrderNumberGenerator().order_number(basket),
            user=user,
            basket=basket,
            shipping_address=shipping_address,
            shipping_method=shipping_method,
            shipping_charge=charge,
            order_total=total,
            billing_address=BillingAddress(**address("Grace")),
            surcharges=surcharges,
            **extra,
        )
        basket.submit()
        return order


def address(name: str) -> dict[str, Any]:
    """Return the fields of an address."""
    country, _is_new = Country.objects.get_or_create(
        iso_3166_1_a2="GB", defaults={"name": "United Kingdom", "is_shipping_country": True}
    )
    return {
        "title": "Ms",
        "first_name": name,
        "last_name": "Lovelace",
        "line1": "12 St James's Square",
        "line4": "London",
        "postcode": "SW1Y 4JH",
        "country": country,
    }


def make_user(name: str = "ann", **values: Any) -> Any:
    """Return a new user; the e-mail address follows from the name."""
    email = f"{name}@shop.example"
    return get_user_model().objects.create_user(name, email, "secret", **values)


def make_product(
    title: str = "Teapot", *, price: str = "10.00", stock: int | None = 10, **values: Any
) -> Any:
    """Return a product with an optional engraving; without ``stock`` its stock is not tracked."""
    name = "Downloads" if stock is None else "Pots"
    product_class, is_new = ProductClass.objects.get_or_create(
        name=name, defaults={"track_stock": stock is not None}
    )
    if is_new:
        engraving, _is_new = Option.objects.get_or_create(
            code="engraving", defaults={"name": "Engraving"}
        )
        product_class.options.add(engraving)
    product = Product.objects.create(title=title, product_class=product_class, **values)
    partner, _is_new = Partner.objects.get_or_create(name="Potter")
    StockRecord.objects.create(
        product=product,
        partner=partner,
        partner_sku=f"pot-{next(numbers)}",
        price_currency="EUR",
        price=Decimal(price),
        num_in_stock=stock,
    )
    return product


def make_basket(user: Any, *items: Item, vouchers: Sequence[Any] = ()) -> Any:
    """Return a basket with these items."""
    basket = Basket.objects.create(owner=user if user.is_authenticated else None)
    basket.strategy = Selector().strategy(user=user)
    engraving = Option.objects.get(code="engraving")
    for item in items:
        options = [{"option": engraving, "value": item.engraving}] if item.engraving else []
        basket.add_product(item.product, item.quantity, options)
    basket.vouchers.add(*vouchers)
    return basket


def place_order(
    user: Any = None,
    *items: Item,
    vouchers: Sequence[Any] = (),
    has_surcharge: bool = False,
    guest_email: str = "",
) -> Any:
    """Place an order through Oscar's checkout and return it, read again."""
    user = user or AnonymousUser()
    basket = make_basket(user, *(items or [Item(make_product())]), vouchers=vouchers)
    order = Checkout().place(user, basket, has_surcharge=has_surcharge, guest_email=guest_email)
    return Order.objects.get(pk=order.pk)


def make_offer(percentage: str = "20", *, kind: str = "Site", **values: Any) -> Any:
    """Return an offer: a percentage off all products."""
    everything, _is_new = Range.objects.get_or_create(
        name="Everything", defaults={"includes_all_products": True}
    )
    condition = Condition.objects.create(range=everything, type=Condition.COUNT, value=1)
    benefit = Benefit.objects.create(
        range=everything, type=Benefit.PERCENTAGE, value=Decimal(percentage)
    )
    return ConditionalOffer.objects.create(
        name=f"Offer {next(numbers)}",
        offer_type=kind,
        condition=condition,
        benefit=benefit,
        **values,
    )


def make_voucher(usage: str = "Multi-use", *, percentage: str = "20") -> Any:
    """Return a voucher that is valid today."""
    now = timezone.now()
    number = next(numbers)
    voucher = Voucher.objects.create(
        name=f"Voucher {number}",
        code=f"TEA{number}",
        usage=usage,
        start_datetime=now - timedelta(days=1),
        end_datetime=now + timedelta(days=1),
    )
    voucher.offers.add(make_offer(percentage, kind="Voucher"))
    return voucher


def stock_of(product: Any) -> tuple[int | None, int | None]:
    """Return the pieces of a product in stock, and those allocated to orders."""
    record = StockRecord.objects.get(product=product)
    return record.num_in_stock, record.num_allocated
