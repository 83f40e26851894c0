"""Words that look like filters and are none: `colection:letters` is refused, `foo:bar` is looked for and told of."""

from __future__ import annotations

import re
from typing import Final

from rapidfuzz.distance import OSA

from ocr_core.errors import UsageError
from ocr_core.search.query.filters import FIELDS, parse_filter

FILTERS_ARE: Final = f"The filters are {', '.join(f'{f}:' for f in FIELDS if f != 'conf')} and conf>."

# Addresses (http://…) and times (10:30) are words like any others.
_FILTER_LIKE: Final = re.compile(r"(?P<name>[A-Za-z]{2,})(?P<operator>:|[<>]=?|=)(?P<value>[^/\s].*)")
_OTHER_NAMES: Final = {"confidence": "conf", "language": "script", "lang": "script"}


def filter_like(word: str) -> str | None:
    """`foo:` of `foo:bar`, None for what nobody takes for a filter."""
    match = _FILTER_LIKE.fullmatch(word)
    return match[1] + match[2] if match else None


def refuse_mistyped(word: str) -> None:
    """Refuse a word that becomes a filter with sense when the name before its `:` or comparison is spelt right.

    The name may be off by as many characters as a reader's error in a word of its length, be cut short, or stand in
    full (`confidence`).

    Raises:
        UsageError: it is one; it names the filter, and how to look for the words.
    """
    match = _FILTER_LIKE.fullmatch(word)
    if not match:
        return
    name = match["name"].lower()
    for field in FIELDS:
        off = 1 if len(field) < 6 else 2
        if not (
            _OTHER_NAMES.get(name) == field
            or OSA.distance(name, field, score_cutoff=off) <= off
            or (len(name) > 3 and field.startswith(name))
        ):
            continue
        head = field + match["operator"]
        try:
            parse_filter(head, match["value"])
        except UsageError:
            continue
        raise UsageError(
            f'There is no filter "{match[1]}{match[2]}". Did you mean {head}{_value(match[3])}?',
            remedy=f"{FILTERS_ARE} In quotes it is looked for as words.",
        )


def _value(text: str) -> str:
    return f'"{text}"' if re.search(r"\s", text) else text
