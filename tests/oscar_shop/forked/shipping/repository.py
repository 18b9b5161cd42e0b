from decimal import Decimal

from oscar.apps.shipping import methods, repository


class Parcel(methods.FixedPrice):
    """Shipping for 4.00, with tax 4.80."""

    code, name = "parcel", "Parcel"

    def __init__(self):
        super().__init__(Decimal(4), Decimal("4.80"))


class Repository(repository.Repository):
    methods = (methods.Free(), Parcel())
