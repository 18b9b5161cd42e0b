from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.exceptions import ImproperlyConfigured

from order_copies.conf import settings as conf
from project.authentication import BearerAuthentication


@pytest.mark.parametrize("name", ["ORDER_MODEL", "SHOP"])
@pytest.mark.parametrize("value", [None, "", 7])
def test_a_missing_setting_says_what_to_type(settings: LazySettings, name: str, value: Any) -> None:
    settings.ORDER_COPIES = {} if value is None else {name: value}

    with pytest.raises(ImproperlyConfigured, match=rf'ORDER_COPIES\["{name}"\].*for example'):
        getattr(conf, name)


def test_a_missing_dictionary_says_what_to_type(settings: LazySettings) -> None:
    del settings.ORDER_COPIES

    with pytest.raises(ImproperlyConfigured, match="ORDER_MODEL"):
        _ = conf.ORDER_MODEL


DEFAULTS = {
    "BATCH_SIZE": 100,
    "LEASE": timedelta(seconds=60),
    "MAX_ATTEMPTS": 5,
    "RETRY_PAUSE": timedelta(seconds=2),
    "POLL_INTERVAL": 0.5,
    "PUBLIC_ID_KEY": "the secret",
    "MODE": "test",
    "ORGANIZATION_ID": "xRRkjDFafe",
    "AUTHENTICATION_CLASSES": None,
}
GIVEN = {
    "ORDER_MODEL": ("shop.Purchase", "shop.Purchase"),
    "SHOP": ("shop.MyShop", "shop.MyShop"),
    "BATCH_SIZE": (7, 7),
    "LEASE": (5, timedelta(seconds=5)),
    "MAX_ATTEMPTS": (2, 2),
    "RETRY_PAUSE": (0.5, timedelta(seconds=0.5)),
    "POLL_INTERVAL": (3, 3.0),
    "PUBLIC_ID_KEY": ("key", "key"),
    "MODE": ("live", "live"),
    "ORGANIZATION_ID": ("abcdefghij", "abcdefghij"),
    "AUTHENTICATION_CLASSES": (
        ["project.authentication.BearerAuthentication"],
        [BearerAuthentication],
    ),
}


def test_all_settings_but_the_required_have_defaults(settings: LazySettings) -> None:
    settings.SECRET_KEY = "the secret"
    settings.ORDER_COPIES = {}

    assert {name: getattr(conf, name) for name in DEFAULTS} == DEFAULTS


def test_settings_are_read_when_used(settings: LazySettings) -> None:
    settings.ORDER_COPIES = {name: given for name, (given, _) in GIVEN.items()}

    assert {name: getattr(conf, name) for name in GIVEN} == {
        name: read for name, (_, read) in GIVEN.items()
    }
