"""Numbers as commands take them. Each raises what argparse makes a message of."""

from argparse import ArgumentTypeError


def positive(text: str) -> int:
    """A number of things, of which there is one at least."""
    number = int(text)
    if number < 1:
        message = "it must be at least 1"
        raise ArgumentTypeError(message)
    return number


def seconds(text: str) -> float:
    """A time to wait, which may be none."""
    number = float(text)
    if not 0 <= number < 10**9:
        message = "it must be a number of seconds, at least 0"
        raise ArgumentTypeError(message)
    return number
