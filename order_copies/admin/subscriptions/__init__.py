"""Subscriptions in Django's admin: list, page, confirmations, models, and "Subscribe"."""
