"""The migration of a shop that creates the order model, for the tables that point to it."""

from collections.abc import Iterable, Iterator
from importlib import import_module
from pkgutil import iter_modules

from django.db.migrations import CreateModel, Migration, RenameModel, SeparateDatabaseAndState
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation

from order_copies.models.order_model import checked_order_model


def order_model_dependency() -> tuple[str, str]:
    """Return the migration that creates the order model, or else the first one of its app.

    A shop that has existed for long may have created its orders in any of its migrations. Raises
    :class:`~order_copies.conf.SettingError` if there is no order model.
    """
    app_label, name = checked_order_model().split(".")
    for migration, module in _migrations(app_label):
        if any(_creates(operation, name) for operation in _flat(module.operations)):
            return app_label, migration
    return app_label, "__first__"


def lacks_migration() -> bool:
    """Return whether the app of the order model has migrations to write.

    False if ``MIGRATION_MODULES`` disables those of the app, as tests do.
    """
    app_label, migration = order_model_dependency()
    return migration == "__first__" and _package(app_label) is not None


def _migrations(app_label: str) -> Iterator[tuple[str, type[Migration]]]:
    try:
        package = import_module(_package(app_label) or "")
    except (ModuleNotFoundError, ValueError):
        return
    for _finder, name, is_package in iter_modules(package.__path__):
        if not is_package and name[0] not in "_~":
            yield name, import_module(f"{package.__name__}.{name}").Migration


def _package(app_label: str) -> str | None:
    path, _is_explicit = MigrationLoader.migrations_module(app_label)
    return path


def _flat(operations: Iterable[Operation]) -> Iterator[Operation]:
    for operation in operations:
        if isinstance(operation, SeparateDatabaseAndState):
            yield from _flat(operation.state_operations)
        yield operation


def _creates(operation: Operation, name: str) -> bool:
    if isinstance(operation, RenameModel):
        return operation.new_name.lower() == name.lower()
    return isinstance(operation, CreateModel) and operation.name.lower() == name.lower()
