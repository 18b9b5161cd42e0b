from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.conf import LazySettings
from django.core.exceptions import ImproperlyConfigured

from order_copies.conf import settings as conf
from project.authentication import BearerAuthentication


@pytest.mark.parametrize("name", ["ORDER_MODEL", "SHOP"])
@pytest.mark.parametrize("value", [None, "", 7])
def test_required_setting__missing_one_raises_with_an_example(
    settings: LazySettings, name: str, value: Any
) -> None:
    settings.ORDER_COPIES = {} if value is None else {name: value}

    with pytest.raises(ImproperlyConfigured, match=rf'ORDER_COPIES\["{name}"\].*for example'):
        getattr(conf, name)


def test_order_copies__missing_dictionary_raises_with_an_example(settings: LazySettings) -> None:
    del settings.ORDER_COPIES

    with pytest.raises(ImproperlyConfigured, match="ORDER_MODEL"):
        _ = conf.ORDER_MODEL


DEFAULTS = {
    "ENGINE": "polling",
    "BATCH_SIZE": 100,
    "LEASE": timedelta(seconds=60),
    "MAX_ATTEMPTS": 5,
    "MAX_WAITERS": 4,
    "RETRY_PAUSE": timedelta(seconds=2),
    "POLL_INTERVAL": 0.5,
    "SHUTDOWN_TIMEOUT": 25.0,
    "STUCK_AFTER": timedelta(seconds=600),
    "SUBSCRIPTION_TIME_ZONE": ZoneInfo("UTC"),
    "CATCH_UP": "latest",
    "RENEWAL_RETRIES": [],
    "METRICS_TOKEN": "",
    "PUBLIC_ID_KEY": "the secret",
    "MODE": "test",
    "ORGANIZATION_ID": "xRRkjDFafe",
    "AUTHENTICATION_CLASSES": None,
    "RATE_LIMITS": {"cacheable": [(500, 60), (125, 10)], "others": [(100, 60), (25, 10)]},
}
GIVEN = {
    "ORDER_MODEL": ("shop.Purchase", "shop.Purchase"),
    "SHOP": ("shop.MyShop", "shop.MyShop"),
    "ENGINE": ("celery", "celery"),
    "BATCH_SIZE": (7, 7),
    "LEASE": (5, timedelta(seconds=5)),
    "MAX_ATTEMPTS": (2, 2),
    "MAX_WAITERS": (0, 0),
    "RETRY_PAUSE": (0.5, timedelta(seconds=0.5)),
    "POLL_INTERVAL": (3, 3.0),
    "SHUTDOWN_TIMEOUT": (5, 5.0),
    "STUCK_AFTER": (90, timedelta(seconds=90)),
    "SUBSCRIPTION_TIME_ZONE": ("Europe/Rome", ZoneInfo("Europe/Rome")),
    "CATCH_UP": ("all", "all"),
    "RENEWAL_RETRIES": ((60, 90), [timedelta(seconds=60), timedelta(seconds=90)]),
    "METRICS_TOKEN": ("token", "token"),
    "PUBLIC_ID_KEY": ("key", "key"),
    "MODE": ("live", "live"),
    "ORGANIZATION_ID": ("abcdefghij", "abcdefghij"),
    "AUTHENTICATION_CLASSES": (
        ["project.authentication.BearerAuthentication"],
        [BearerAuthentication],
    ),
    "RATE_LIMITS": (
        {"others": {"burst": (7, 5)}},
        {"cacheable": [(1000, 60), (250, 10)], "others": [(200, 60), (7, 5)]},
    ),
}


def test_optional_settings__have_defaults(settings: LazySettings) -> None:
    # given
    settings.SECRET_KEY = "the secret"
    settings.ORDER_COPIES = {}

    # when, then
    assert {name: getattr(conf, name) for name in DEFAULTS} == DEFAULTS


def test_settings__are_read_at_use(settings: LazySettings) -> None:
    settings.ORDER_COPIES = {name: given for name, (given, _) in GIVEN.items()}

    assert {name: getattr(conf, name) for name in GIVEN} == {
        name: read for name, (_, read) in GIVEN.items()
    }


def test_rate_limits__may_be_none(settings: LazySettings) -> None:
    settings.ORDER_COPIES = {"RATE_LIMITS": None}

    assert conf.RATE_LIMITS is None


def test_backoff__doubles_up_to_an_hour(settings: LazySettings) -> None:
    settings.ORDER_COPIES = settings.ORDER_COPIES | {"RETRY_PAUSE": 2}

    pauses = [conf.backoff_after(failures).total_seconds() for failures in (1, 2, 3, 40)]

    assert pauses == [2, 4, 8, 3600]
