from django.db import models
from django.utils.translation import gettext_lazy as _

from orders.models.orders import Order
from orders.models.resources import Resource


class AddressRole(models.TextChoices):
    """The use of an address in its order."""

    #: The shop ships the order to this address.
    SHIPPING = "shipping", _("shipping")
    #: The invoice names this address.
    BILLING = "billing", _("billing")


class Address(Resource):
    """An address that belongs to one order; an order has at most one for each role."""

    resource_type = "addresses"

    order = models.ForeignKey(
        Order, models.CASCADE, related_name="addresses", verbose_name=_("order")
    )
    role = models.CharField(_("role"), max_length=8, choices=AddressRole.choices)
    business = models.BooleanField(_("business"), default=False)
    first_name = models.CharField(_("first name"), max_length=100, blank=True)
    last_name = models.CharField(_("last name"), max_length=100, blank=True)
    company = models.CharField(_("company"), max_length=100, blank=True)
    line_1 = models.CharField(_("line 1"), max_length=200)
    line_2 = models.CharField(_("line 2"), max_length=200, blank=True)
    city = models.CharField(_("city"), max_length=100)
    zip_code = models.CharField(_("zip code"), max_length=20, blank=True)
    state_code = models.CharField(_("state code"), max_length=10, blank=True)
    country_code = models.CharField(_("country code"), max_length=2)
    phone = models.CharField(_("phone"), max_length=50, blank=True)
    email = models.EmailField(_("email"), blank=True)
    notes = models.TextField(_("notes"), blank=True)

    class Meta(Resource.Meta):
        verbose_name = _("address")
        verbose_name_plural = _("addresses")
        constraints = [models.UniqueConstraint(fields=["order", "role"], name="address_one_a_role")]

    def __str__(self) -> str:
        return ", ".join(filter(None, [self.name, self.line_1, self.city, self.country_code]))

    @property
    def name(self) -> str:
        """The recipient: the company if ``business``, else the person."""
        return self.company if self.business else self.full_name

    @property
    def full_name(self) -> str:
        """First and last name."""
        return f"{self.first_name} {self.last_name}".strip()

    @property
    def full_address(self) -> str:
        """Street, town, country and phone number in one line."""
        street = " ".join(filter(None, [self.line_1, self.line_2]))
        town = " ".join(filter(None, [self.zip_code, self.city, self.state_code]))
        return " ".join(filter(None, [f"{street}, {town} ({self.country_code})", self.phone]))
