"""The same shop with forks of three of Oscar's apps."""

from tests.oscar_shop.settings import *  # noqa: F403

INSTALLED_APPS = [
    app.replace("oscar.apps", "tests.oscar_shop.forked")
    if app.startswith(("oscar.apps.order.", "oscar.apps.partner.", "oscar.apps.shipping."))
    else app
    for app in INSTALLED_APPS  # noqa: F405
]
ORDER_COPIES = {
    **ORDER_COPIES,  # noqa: F405
    "SHOP": "tests.oscar_shop.forked.copying.ForkedShop",
}
