"""Settings of the runnable reference project. For the settings of a shop see ``docs/how-to``.

``PRODUCTION=1`` refuses the public values of the demo and serves nothing without TLS. ``DATABASE``
selects the database: ``sqlite`` (default), ``postgresql`` or ``mariadb``. ``ENGINE`` selects how
workers are woken: ``polling`` (default), ``django.tasks`` or ``celery``. ``CACHE_URL`` is the Redis
in which all processes count requests together.
"""

import os
import sys
from pathlib import Path
from typing import Any

import django
from corsheaders.defaults import default_headers

from project.environment import caches, choice, flag, gateway, hosts, number, origins, own_value

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = BASE_DIR / "var"
VAR_DIR.mkdir(exist_ok=True)
TESTING = "pytest" in sys.modules

PRODUCTION = flag("PRODUCTION")
DEBUG = flag("DEBUG") and not PRODUCTION
SECRET_KEY = own_value("SECRET_KEY", "insecure-key-of-the-demo-shop-do-not-use-it-in-production")
SECRET_KEY_FALLBACKS = list(filter(None, os.environ.get("SECRET_KEY_FALLBACKS", "").split(",")))
ALLOWED_HOSTS = hosts("ALLOWED_HOSTS", ".localhost,127.0.0.1,[::1]")

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "corsheaders",
    "django_filters",
    "oauth2_provider",
    "drf_spectacular_sidecar",
    "order_copies",
    "order_copies.events",
    "orders",
]

# Pages load scripts and styles from files of this server only.
SECURE_CSP = {
    "default-src": ["'none'"],
    "script-src": ["'self'"],
    "style-src": ["'self'"],
    "font-src": ["'self'"],
    "connect-src": ["'self'"],
    "img-src": ["'self'", "data:"],
    "form-action": ["'self'"],
    "base-uri": ["'none'"],
    "frame-ancestors": ["'none'"],
}
CSP_MIDDLEWARE = (
    "django.middleware.csp.ContentSecurityPolicyMiddleware"
    if django.VERSION >= (6, 0)
    else "project.security_policy.content_security_policy"
)

# CORS_ORIGINS lists the sites whose pages may call the API, by default all, as at Commerce Layer.
# Bearer tokens authenticate; the API reads no cookies and does not allow them.
CORS_ALLOWED_ORIGINS = origins("CORS_ORIGINS")
CORS_ALLOW_ALL_ORIGINS = CORS_ALLOWED_ORIGINS == ["*"]
if CORS_ALLOW_ALL_ORIGINS:
    CORS_ALLOWED_ORIGINS = []
CORS_URLS_REGEX = r"^/(api/|oauth/token$)"
CORS_ALLOW_HEADERS = (*default_headers, "idempotency-key", "prefer")
CORS_EXPOSE_HEADERS = (
    *("idempotent-replayed", "location", "preference-applied", "retry-after"),
    *("x-ratelimit-interval", "x-ratelimit-limit", "x-ratelimit-remaining"),
)

MIDDLEWARE = [
    "project.compression.APICompressionMiddleware",
    # Before the redirect to https, which browsers do not follow for a preflight request.
    "corsheaders.middleware.CorsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    CSP_MIDDLEWARE,
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "project.admin_parameters.AdminParametersMiddleware",
]

ROOT_URLCONF = "project.urls"
WSGI_APPLICATION = "project.wsgi.application"
APPEND_SLASH = False

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

databases: dict[str, dict[str, Any]] = {
    "sqlite": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("DATABASE_NAME", VAR_DIR / "demo.sqlite3"),
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        },
    },
    "postgresql": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": os.environ.get("DATABASE_NAME", "postgres"),
        "USER": os.environ.get("DATABASE_USER", "postgres"),
        "PASSWORD": os.environ.get("DATABASE_PASSWORD", ""),
        "HOST": os.environ.get("DATABASE_HOST", "127.0.0.1"),
        "CONN_MAX_AGE": 600,
        "TEST": {"NAME": os.environ.get("TEST_DATABASE_NAME")},
    },
    "mariadb": {
        "ENGINE": "django.db.backends.mysql",
        "NAME": os.environ.get("DATABASE_NAME", "order_copies"),
        "USER": os.environ.get("DATABASE_USER", "root"),
        "PASSWORD": os.environ.get("DATABASE_PASSWORD", ""),
        "HOST": os.environ.get("DATABASE_HOST", "127.0.0.1"),
        "CONN_MAX_AGE": 600,
        "OPTIONS": {"charset": "utf8mb4", "isolation_level": "read committed"},
        "TEST": {
            "NAME": os.environ.get("TEST_DATABASE_NAME"),
            "CHARSET": "utf8mb4",
            # Compare case and trailing spaces, as the other databases do.
            "COLLATION": "utf8mb4_nopad_bin",
        },
    },
}
DATABASES = {"default": databases[choice("DATABASE", databases)]}
CACHES = caches("CACHE_URL")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# A browser's Accept-Language chooses among these; the API and stored messages are English.
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("it", "Italiano")]
LOCALE_PATHS = [BASE_DIR / "project" / "locale"]
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "project" / "static"]
STATIC_ROOT = os.environ.get("STATIC_ROOT", VAR_DIR / "static")

PASSWORD_HASHERS = (
    ["django.contrib.auth.hashers.MD5PasswordHasher"]
    if TESTING
    else ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]
) + ["project.oauth.hashers.ClientSecretHasher"]

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}Validator"}
    for name in ("UserAttributeSimilarity", "MinimumLength", "CommonPassword", "NumericPassword")
]

if PRODUCTION:
    SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    # Probes come from the internal network, without TLS.
    SECURE_REDIRECT_EXEMPT = [r"^(healthz|metrics)$"]
    SECURE_HSTS_SECONDS = number("HSTS_SECONDS", default=3600)
    SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = True

# The number of proxies in front of the server; each sets X-Forwarded-For and X-Forwarded-Proto.
PROXIES = number("PROXIES")
REST_FRAMEWORK = {"NUM_PROXIES": PROXIES}
if PROXIES:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# The organization in access tokens. By default the SDK calls https://{slug}.{domain}/api.
ORGANIZATION = {
    "slug": os.environ.get("ORGANIZATION_SLUG", "demo-shop"),
    "domain": os.environ.get("ORGANIZATION_DOMAIN", "localhost:8000"),
    "region": os.environ.get("ORGANIZATION_REGION", "local"),
}

OAUTH2_PROVIDER = {
    "OAUTH2_SERVER_CLASS": "oauthlib.oauth2.BackendApplicationServer",
    "OAUTH2_VALIDATOR_CLASS": "project.oauth.validator.ApplicationValidator",
    "OAUTH2_BACKEND_CLASS": "project.oauth.backend.ParametersBackend",
    "SCOPES_BACKEND_CLASS": "project.oauth.scopes.ApplicationScopes",
    "ACCESS_TOKEN_GENERATOR": "project.oauth.tokens.mint_for",
    "ACCESS_TOKEN_EXPIRE_SECONDS": 2 * 60 * 60,
    "CLIENT_SECRET_HASHER": "client_secret",
    # Client credentials are the only grant; the other practices of RFC 9700 are enforced.
    "ALLOWED_REDIRECT_URI_SCHEMES": ["https"],
    "REFRESH_TOKEN_REUSE_PROTECTION": True,
    **{
        f"COMPLIANT_BCP_RFC9700_{practice}": True
        for practice in (
            *("IMPLICIT_GRANT", "PASSWORD_GRANT", "PKCE_METHOD", "ACCESS_TOKEN_TRANSPORT"),
            *("AUTHZ_RESPONSE_ISS", "TOKEN_STORAGE", "REFRESH_TOKEN", "REDIRECT_URI_SCHEME"),
        )
    },
}

ORDER_COPIES: dict[str, Any] = {
    "ORDER_MODEL": "orders.Order",
    "SHOP": "orders.copying.shop.ReferenceShop",
    "PUBLIC_ID_KEY": own_value("PUBLIC_ID_KEY", SECRET_KEY),
    "MODE": choice("MODE", ("test", "live")),
    "TOKEN_URL": "/oauth/token",
    "METRICS_TOKEN": os.environ.get("METRICS_TOKEN", ""),
    "AUTHENTICATION_CLASSES": ["project.authentication.BearerAuthentication"],
    "ENGINE": choice("ENGINE", ("polling", "django.tasks", "celery")),
}

if ORDER_COPIES["ENGINE"] == "django.tasks":
    INSTALLED_APPS += ["django_tasks_db"]
    TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}

CELERY_BROKER_URL = os.environ.get("CELERY_BROKER_URL", "amqp://")
# With `celery beat`, the task runs every minute in case a wake-up was lost.
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR_DIR / "celerybeat-schedule")
CELERY_BEAT_SCHEDULE = {
    "order_copies": {
        "task": "order_copies.run_copies",
        "schedule": 60,
        "options": {"expires": 60},
    }
}

# The payment gateway of the reference shop. Without a URL it is a gateway inside the process that
# authorizes every amount and moves no money.
ORDERS_GATEWAY_URL = gateway("GATEWAY_URL")
ORDERS_GATEWAY = f"orders.lifecycle.gateways.{'HTTP' if ORDERS_GATEWAY_URL else 'Local'}Gateway"
# Seconds until a worker voids a payment whose outcome an attempt to place an order did not learn.
ORDERS_PAYMENT_GRACE = 15 * 60

# RATE_LIMITS=off disables all limits, for load tests.
TOKEN_RATE_LIMIT: tuple[int, int] | None = (30, 60)
LOGIN_RATE_LIMIT: tuple[int, int] | None = (10, 60)
if TESTING or not flag("RATE_LIMITS", default=True):
    ORDER_COPIES["RATE_LIMITS"] = TOKEN_RATE_LIMIT = LOGIN_RATE_LIMIT = None

# LOG_FORMAT=json writes each log record as a line of JSON.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"},
        "json": {"()": "order_copies.logs.JSONFormatter"},
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": choice("LOG_FORMAT", ("line", "json")),
        }
    },
    # All loggers propagate to the root logger, so each record is written once.
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        "order_copies": {"level": "INFO"},
        "orders": {"level": "INFO"},
        # Replaces the handlers that Django configures: records propagate to the root logger.
        "django": {"level": "INFO"},
        # Client errors are in the access log of the server.
        "django.request": {"level": "ERROR"},
        # At DEBUG these loggers write tokens and template contexts.
        "oauthlib": {"level": "INFO"},
        "django.template": {"level": "INFO"},
    },
}
# By default Celery replaces the handlers of the root logger.
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
