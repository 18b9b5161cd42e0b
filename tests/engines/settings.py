"""The reference project with small batches, short leases, and a separate queue."""

import os

from project.settings import *  # noqa: F403
from project.settings import CELERY_BEAT_SCHEDULE, ORDER_COPIES

ORDER_COPIES = ORDER_COPIES | {
    "SHOP": "tests.engines.shop.FlakyShop",
    "BATCH_SIZE": 5,
    "LEASE": 2,
    "RETRY_PAUSE": 1,
    "POLL_INTERVAL": 0.1,
}
CELERY_TASK_DEFAULT_QUEUE = os.environ.get("QUEUE")
if os.environ.get("CELERY_BROKER_URL", "").startswith("redis"):
    CELERY_BROKER_TRANSPORT_OPTIONS = {"global_keyprefix": f"{CELERY_TASK_DEFAULT_QUEUE}:"}
CELERY_BEAT_SCHEDULE = {"order_copies": CELERY_BEAT_SCHEDULE["order_copies"] | {"schedule": 0.5}}
CELERY_BEAT_SCHEDULE_FILENAME = os.environ.get("BEAT_SCHEDULE", "")
