"""The languages of messages: what the API returns and the database stores is English.

Programs read it, and staff with another language read what a worker stored. Pages translate stored
messages when they show them.
"""

import re
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.utils.translation import get_language, gettext, override
from django.utils.translation.trans_real import catalog

#: The language of the API, and of stored messages: the site's variant of English if it has one.
ENGLISH = "en"

_PLACEHOLDER = re.compile(r"%\((\w+)\)s")
#: The smallest number of letters by which a message with values is recognized.
_MIN_LETTERS = 6
#: The values that are statuses, and have translations of their own.
_STATUSES = {"status", "before", "after"}
#: The largest number of characters of a message whose values are looked for.
_MAX_LENGTH = 500


def in_english() -> override:
    """Return a context manager in which all messages are English."""
    site = settings.LANGUAGE_CODE
    return override(site if site.partition("-")[0] == ENGLISH else ENGLISH)


def translated(message: str) -> str:
    """Return a stored message in the active language; unchanged if it has no translation.

    A message with values, "Tea is out of stock", is found by the text around its values.
    """
    language = get_language()
    if language is None or language.partition("-")[0] == ENGLISH:
        return message
    return _translated(message, language)


@lru_cache(maxsize=1000)
def _translated(message: str, language: str) -> str:
    if (whole := gettext(message)) != message:
        return whole
    if len(message) > _MAX_LENGTH:
        return message
    for pattern, translation in _patterns(language):
        if match := pattern.fullmatch(message):
            values = match.groupdict()
            statuses = {name: gettext(values[name]) for name in _STATUSES & values.keys()}
            return translation % (values | statuses)
    # The reason why something is refused may follow its name: "SUMMER has expired".
    name, _space, reason = message.partition(" ")
    return f"{name} {gettext(reason)}" if reason else message


@lru_cache(maxsize=20)
def _patterns(language: str) -> list[tuple[re.Pattern[str], str]]:
    """Return patterns of the messages with values, and their translations, the longest first.

    Messages of problems and outcomes begin with a small letter or with a value, and other texts of
    the pages with a capital letter.
    """
    merged: Any = catalog()
    # Catalogues that come first have precedence.
    messages = dict(reversed(list(merged._catalog.items())))  # noqa: SLF001
    found = []
    for message, translation in messages.items():
        if isinstance(message, str) and "%(" in message and not message[0].isupper():
            letters = sum(map(str.isalpha, _PLACEHOLDER.sub("", message)))
            values, translated_values = map(_values, (message, translation))
            if letters >= _MIN_LETTERS and values == translated_values:
                found.append((letters, message, translation))
    found.sort(key=lambda one: one[0], reverse=True)
    return [(_pattern(message), translation) for _letters, message, translation in found]


def _values(message: str) -> set[str]:
    return set(_PLACEHOLDER.findall(message))


def _pattern(message: str) -> re.Pattern[str]:
    parts = _PLACEHOLDER.split(message)
    seen: set[str] = set()
    text = ""
    for index, part in enumerate(parts):
        if index % 2 == 0:
            text += re.escape(part.replace("%%", "%"))
        else:
            text += f"(?P={part})" if part in seen else f"(?P<{part}>.+?)"
            seen.add(part)
    return re.compile(text, re.DOTALL)
