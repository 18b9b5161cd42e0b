"""Audit the reference shop for inconsistent data: see ``manage.py audit_order_copies``."""

from orders.auditing.copies import audit_copies
from orders.auditing.holdings import audit_holdings
from orders.auditing.placed import audit_placed

__all__ = ["audit_copies", "audit_holdings", "audit_placed"]
