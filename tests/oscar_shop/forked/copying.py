"""What a fork says about the fields that it adds."""

from order_copies.contrib.oscar.fields import oscar_models
from order_copies.contrib.oscar.shop import OscarShop


class ForkedShop(OscarShop):
    copied_models = oscar_models(
        copied={"Order": ["gift_message"], "Line": ["wrapping"]},
        reset={"Order": ["invoice_number"]},
    )
