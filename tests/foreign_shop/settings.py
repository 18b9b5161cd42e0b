"""A shop of its own: its models, its users' tokens, and settings of DRF that suit its own API."""

SECRET_KEY = "foreign"
DEBUG = False
ALLOWED_HOSTS = ["testserver"]
ROOT_URLCONF = "tests.foreign_shop.urls"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "rest_framework",
    "order_copies",
    "order_copies.events",
    "tests.foreign_shop",
]
MIDDLEWARE = ["tests.foreign_shop.authentication.sign_in"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
# None of these may change the API of the app.
REST_FRAMEWORK = {
    "PAGE_SIZE": 3,
    "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.LimitOffsetPagination",
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAdminUser"],
    "NON_FIELD_ERRORS_KEY": "everything",
    "URL_FIELD_NAME": "address",
}
JSON_API_FORMAT_FIELD_NAMES = "dasherize"
ORDER_COPIES = {
    "ORDER_MODEL": "foreign_shop.PurchaseOrder",
    "SHOP": "tests.foreign_shop.copying.ForeignShop",
    "ORDER_SERIALIZER": "tests.foreign_shop.serializers.PurchaseOrderSerializer",
    "AUTHENTICATION_CLASSES": ["tests.foreign_shop.authentication.Session"],
    "PUBLIC_ID_KEY": "foreign",
    "RATE_LIMITS": None,
}
