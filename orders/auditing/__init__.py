"""Look for what must never be in the reference shop: see ``manage.py audit_order_copies``."""

from orders.auditing.copies import audit_copies
from orders.auditing.holdings import audit_holdings
from orders.auditing.placed import audit_placed

__all__ = ["audit_copies", "audit_holdings", "audit_placed"]
