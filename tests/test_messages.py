import re
from gettext import GNUTranslations
from io import BytesIO
from typing import Any

import pytest
from babel.messages.catalog import Catalog, Message

import order_copies.exceptions
import orders.exceptions
from order_copies.exceptions import OrderCopiesError
from tests.messages import LANGUAGES, PACKAGES, Package, compiled, texts

PLACEHOLDER = re.compile(r"%\(\w+\)[.\d]*\w|%[sd%]|\{\w+\}")

per_package = pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)


@per_package
def test_catalogues__have_the_messages_of_the_sources(package: Package) -> None:
    # given
    template = package.template()
    marked = _messages(template)

    for language in LANGUAGES:
        # when
        catalogue = package.catalogue(language)

        # then
        assert _messages(catalogue).keys() == marked.keys(), "Run: make messages"
        assert not catalogue.obsolete


@per_package
def test_catalogues__all_messages_are_translated(package: Package) -> None:
    # given
    catalogues = [package.catalogue(language) for language in LANGUAGES]

    for catalogue in catalogues:
        # when
        messages = _messages(catalogue).values()
        untranslated = [message.id for message in messages if not _is_translated(message)]

        # then
        assert untranslated == []
        assert {len(texts(message.string)) for message in messages if message.pluralizable} <= {
            catalogue.num_plurals
        }


@per_package
def test_catalogues__translations_have_the_placeholders_of_the_messages(package: Package) -> None:
    # given
    catalogues = [package.catalogue(language) for language in LANGUAGES]

    # when
    different = [
        (message.id, text)
        for catalogue in catalogues
        for message in _messages(catalogue).values()
        for text in texts(message.string)
        if not any(_placeholders(text) == _placeholders(one) for one in texts(message.id))
    ]

    # then
    assert different == []


@per_package
def test_catalogues__are_compiled(package: Package) -> None:
    for language in LANGUAGES:
        # given
        catalogue = package.catalogue(language)

        # when
        stored = package.path(language, "mo").read_bytes()

        # then
        assert _translations(stored) == _translations(compiled(catalogue)), "Run: make messages"


def test_exceptions__messages_for_staff_are_their_docstrings() -> None:
    # given
    messages = {*order_copies.exceptions.MESSAGES, *orders.exceptions.MESSAGES}

    # when
    documented = {one.__doc__ for one in _subclasses(OrderCopiesError)}

    # then
    assert messages <= documented


def _subclasses(kind: type[Exception]) -> set[type[Exception]]:
    return {kind}.union(*map(_subclasses, kind.__subclasses__()))


def _messages(catalogue: Catalog) -> dict[tuple[str, str | None], Message]:
    """Return the messages by their first text and their context."""
    return {(texts(message.id)[0], message.context): message for message in catalogue if message.id}


def _translations(content: bytes) -> dict[Any, str]:
    """Return the translations in a compiled catalogue, without its header."""
    translations: Any = GNUTranslations(BytesIO(content))
    return {key: text for key, text in translations._catalog.items() if key}


def _is_translated(message: Message) -> bool:
    return all(texts(message.string)) and not message.fuzzy


def _placeholders(text: str) -> list[str]:
    return sorted(set(PLACEHOLDER.findall(text)))
