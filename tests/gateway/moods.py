"""How the gateway feels about a call."""

import random
import threading
from enum import StrEnum


class Mood(StrEnum):
    """What it does with a call."""

    FINE = "fine"
    SLOW = "slow"
    #: Answers 500, and has done nothing.
    FAILING = "failing"
    #: Answers 500, and has done it all the same.
    LYING = "lying"
    #: Has done it, and closes the connection without a word.
    DYING = "dying"
    #: Says everything twice.
    STUTTERING = "stuttering"
    #: Promises nothing; gives back as ever.
    DECLINED = "declined"
    #: Closes every connection before it has heard anything.
    DOWN = "down"


class Moods:
    """The mood of each call.

    A payment source that begins with a mood (``dying_4242``) is met in it, once: whoever asks again
    by the same key is met well. Otherwise chance decides, by the weights that it was told.
    """

    def __init__(self, seed: int = 0) -> None:
        self._lock = threading.Lock()
        self._random = random.Random(seed)
        self._weights: dict[Mood, float] = {}
        #: For how many seconds it hesitates where it is slow.
        self.seconds = 0.3

    def tell(self, weights: dict[str, float], seconds: float | None = None) -> None:
        """From now on chance decides by these weights, each of 1; the rest of it is fine."""
        with self._lock:
            self._weights = {Mood(mood): weight for mood, weight in weights.items()}
            self.seconds = self.seconds if seconds is None else seconds

    def at_random(self) -> Mood:
        """The mood that chance decides."""
        with self._lock:
            left = self._random.random()
            for mood, weight in self._weights.items():
                left -= weight
                if left < 0:
                    return mood
            return Mood.FINE

    @staticmethod
    def of_source(payment_source_token: str) -> Mood | None:
        """The mood that the token of a payment source asks for."""
        return next((mood for mood in Mood if payment_source_token.startswith(mood)), None)
