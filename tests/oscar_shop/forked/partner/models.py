from oscar.apps.partner.abstract_models import AbstractStockRecord


class StockRecord(AbstractStockRecord):
    def allocate(self, quantity):
        super().allocate(quantity)

    def cancel_allocation(self, quantity):
        super().cancel_allocation(quantity)


from oscar.apps.partner.models import *  # noqa: E402, F403
