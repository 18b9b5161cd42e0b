"""Results of the registered system checks."""

from collections.abc import Sequence

from django.core.checks.registry import registry


def results_of_checks(
    *, deploy: bool = False, databases: Sequence[str] | None = None
) -> list[tuple[str, str]]:
    """Return id and message of each result of the app's registered checks."""
    registered = registry.get_checks(include_deployment_checks=deploy)
    own = [check for check in registered if check.__module__.startswith("order_copies.")]
    messages = [
        message for check in own for message in check(app_configs=None, databases=databases)
    ]
    return [(str(message.id), str(message.msg)) for message in messages]


def ids(*, deploy: bool = False, databases: Sequence[str] | None = None) -> list[str]:
    """Return only the ids of the results."""
    return [id_ for id_, _message in results_of_checks(deploy=deploy, databases=databases)]
