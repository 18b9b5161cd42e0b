"""Tests for the adapter of your shop; needs the extra ``testing``."""

from order_copies.testing.contract import ShopContract

__all__ = ["ShopContract"]
