"""Types of command-line arguments. Each raises an exception that argparse turns into a message."""

from argparse import ArgumentTypeError


def positive(text: str) -> int:
    """Parse an integer of at least 1."""
    number = int(text)
    if number < 1:
        message = "it must be at least 1"
        raise ArgumentTypeError(message)
    return number


def seconds(text: str) -> float:
    """Parse a number of seconds of at least 0."""
    number = float(text)
    if not 0 <= number < 10**9:
        message = "it must be a number of seconds, at least 0"
        raise ArgumentTypeError(message)
    return number
