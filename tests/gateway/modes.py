"""How the gateway handles a call: normally, slowly, or with one of several failures."""

import random
import threading
from enum import StrEnum


class Mode(StrEnum):
    """How the gateway handles one call."""

    #: Handles the call and responds at once.
    NORMAL = "normal"
    #: Responds after a delay.
    SLOW = "slow"
    #: Responds 500 without handling the call.
    FAILING = "failing"
    #: Handles the call, then responds 500.
    FALSE_ERROR = "false_error"
    #: Handles the call, then closes the connection without a response.
    NO_RESPONSE = "no_response"
    #: Sends each response twice.
    DUPLICATED = "duplicated"
    #: Declines to authorize; voids as usual.
    DECLINED = "declined"
    #: Closes each connection without handling the call.
    DOWN = "down"


class ModeSelector:
    """Select the mode of each call: by its payment source, else at random by weights.

    The token of a payment source may begin with a mode (``no_response_4242``). The mode applies to
    the first call with an idempotency key; later calls with that key are handled normally.
    """

    def __init__(self, seed: int = 0) -> None:
        self._lock = threading.Lock()
        self._random = random.Random(seed)
        self._weights: dict[Mode, float] = {}
        #: Delay of slow calls, in seconds.
        self.seconds = 0.3

    def set_weights(self, weights: dict[str, float], seconds: float | None = None) -> None:
        """Set the probability of each mode; the remainder to 1 is normal.

        ``seconds`` is the delay of slow calls.
        """
        with self._lock:
            self._weights = {Mode(mode): weight for mode, weight in weights.items()}
            self.seconds = self.seconds if seconds is None else seconds

    def at_random(self) -> Mode:
        """Draw a mode by the weights."""
        with self._lock:
            drawn = self._random.random()
            for mode, weight in self._weights.items():
                drawn -= weight
                if drawn < 0:
                    return mode
            return Mode.NORMAL

    @staticmethod
    def of_source(payment_source_token: str) -> Mode | None:
        """Return the mode that a payment source's token begins with, if any."""
        return next((mode for mode in Mode if payment_source_token.startswith(mode)), None)
