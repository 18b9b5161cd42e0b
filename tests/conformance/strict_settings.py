"""Settings of a server with a low rate limit and short-lived tokens."""

from project.settings import *  # noqa: F403
from project.settings import OAUTH2_PROVIDER, ORDER_COPIES

ORDER_COPIES = ORDER_COPIES | {
    "RATE_LIMITS": {
        "cacheable": {"average": (1000, 60), "burst": (1000, 10)},
        "others": {"average": (12, 60), "burst": (12, 10)},
    }
}
OAUTH2_PROVIDER = OAUTH2_PROVIDER | {"ACCESS_TOKEN_EXPIRE_SECONDS": 1}
