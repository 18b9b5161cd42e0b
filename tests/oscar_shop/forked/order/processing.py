from oscar.apps.order import exceptions, processing


class EventHandler(processing.EventHandler):
    def handle_order_status_change(self, order, new_status, note_msg=None):
        if order.gift_message == "Keep":
            raise exceptions.InvalidOrderStatus("this order must be kept")
        super().handle_order_status_change(order, new_status, note_msg)
        if new_status == "Cancelled" and order.user:
            self.create_note(order, "Cancelled by the fork")
            self.cancel_stock_allocations(order)
