"""Find out what a shop has overridden in its forks of Oscar's apps."""

from typing import Any

#: Where Oscar's models and classes have their methods from.
OWN = ("oscar.", "django.")


def is_overridden(owner: Any, *names: str) -> bool:
    """Return whether the class has one of these methods from a fork instead of from Oscar.

    What Oscar does by itself is done for a whole batch at once; what a fork does instead is called
    for each order.
    """
    return not all(getattr(owner, name).__module__.startswith(OWN) for name in names)
