"""The reference project with short leases, backoffs and timeouts, and many attempts."""

import os

from project.settings import *  # noqa: F403
from project.settings import CELERY_BEAT_SCHEDULE, DATABASES, ORDER_COPIES

ORDER_COPIES = ORDER_COPIES | {
    "SHOP": "tests.chaos.shop.KillPointShop",
    "BATCH_SIZE": 10,
    "LEASE": 2,
    "MAX_ATTEMPTS": 1000,
    "RETRY_PAUSE": 0.02,
    "POLL_INTERVAL": 0.05,
    "SHUTDOWN_TIMEOUT": 0.1,
    "CATCH_UP": "all",
    "RENEWAL_RETRIES": [0.2, 0.4],
}
ORDERS_PAYMENT_GRACE = 3
ORDERS_GATEWAY = "tests.chaos.shop.ShortTimeoutGateway"
DATABASES["default"]["PORT"] = os.environ.get("DATABASE_PORT", "")
CELERY_BEAT_SCHEDULE = {
    "order_copies": CELERY_BEAT_SCHEDULE["order_copies"] | {"schedule": 0.5},
}
CELERY_BEAT_SCHEDULE_FILENAME = os.environ.get("BEAT_SCHEDULE", "")
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
