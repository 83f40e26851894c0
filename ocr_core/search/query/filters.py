"""Filters of the query language: on collection, script, engine, page number, date of reading and confidence."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final, Literal

from ocr_core.errors import UsageError
from ocr_core.records import Script

Operator = Literal["<", "<=", ">", ">=", "="]

_DAY: Final = re.compile(r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?")


@dataclass(frozen=True, slots=True)
class Named:
    """`field` is one of `collection`, `script`, `engine` and has this name, or with `prefix` begins with it."""

    field: str
    name: str
    prefix: bool = False
    excluded: bool = False


@dataclass(frozen=True, slots=True)
class Within:
    """`low <= field < high`, None for no bound. `page`: from 1. `date`: when the line was read, microseconds since
    1970 in UTC."""

    field: str
    low: int | None
    high: int | None
    excluded: bool = False


@dataclass(frozen=True, slots=True)
class Compared:
    """The line's confidence, 0..1, compared. A line without one (it waits for an engine) never passes."""

    operator: Operator
    bound: float
    excluded: bool = False


Filter = Named | Within | Compared


_EXAMPLES: Final = {
    "collection": 'letters or collection:"two words"',
    "script": "arabic",
    "engine": "crnn*",
    "page": "3 or page:3-5",
    "date": "2026-11, date:2026-11-05 or date:2026-01..2026-03",
}
FIELDS: Final = (*_EXAMPLES, "conf")


def parse_filter(head: str, value: str, *, excluded: bool = False) -> Filter:
    """A filter from its head with the operator (`page:`, `conf>=`) and its value.

    Raises:
        UsageError: it makes no sense; the remedy says how it is written.
    """
    field = head.rstrip(":<=>").lower()
    operator = head[len(field) :]
    if field == "conf":
        return _compared(operator, value, excluded)
    if operator != ":":
        raise _refused(head + value, f"Write it like {field}:{_EXAMPLES[field]}.")
    match field:
        case "page":
            return _pages(value, excluded)
        case "date":
            return _dates(value, excluded)
    name = value.removesuffix("*")
    if not name:
        raise _refused(head + value, f"Write it like {field}:{_EXAMPLES[field]}.")
    if field == "script":
        name = name.lower()
        if not value.endswith("*") and name not in set(Script):
            raise _refused(head + value, f"The scripts are: {', '.join(Script)}.")
    return Named(field, name, value.endswith("*"), excluded)


def _compared(operator: str, value: str, excluded: bool) -> Compared:
    try:
        bound = float(value)
    except ValueError:
        bound = -1.0
    if operator not in ("<", "<=", ">", ">=", "=") or not 0 <= bound <= 1:
        raise _refused(f"conf{operator}{value}", "Write it like conf>0.8; confidences go from 0 to 1.")
    return Compared(operator, bound, excluded)  # type: ignore[arg-type]


def _pages(value: str, excluded: bool) -> Within:
    match = re.fullmatch(r"(\d{1,9})(?:-(\d{1,9}))?", value)
    if not match or (match[2] and int(match[2]) < int(match[1])):
        raise _refused(f"page:{value}", f"Write it like page:{_EXAMPLES['page']}.")
    return Within("page", int(match[1]), int(match[2] or match[1]) + 1, excluded)


def _dates(value: str, excluded: bool) -> Within:
    first, dots, last = value.partition("..")
    try:
        low = _day(first)[0] if first else None
        end = last if dots else first
        high = _day(end)[1] if end else None
    except (ValueError, OverflowError):  # the last one for the day after the calendar's last
        low = high = None
    if (low is None and high is None) or (low is not None and high is not None and low >= high):
        raise _refused(f"date:{value}", f"Write it like date:{_EXAMPLES['date']}.")
    return Within("date", low, high, excluded)


def _day(text: str) -> tuple[int, int]:
    """The first moment of a year, month or day and the first after it, in microseconds.

    Raises:
        ValueError: there is no such day.
    """
    match = _DAY.fullmatch(text)
    if not match:
        raise ValueError(text)
    year, month, day = (int(part) if part else 0 for part in match.groups())
    start = date(year, month or 1, day or 1)
    if day:
        end = start + timedelta(days=1)
    elif month:
        end = date(year + month // 12, month % 12 + 1, 1)
    else:
        end = date(year + 1, 1, 1)
    return _microseconds(start), _microseconds(end)


def _microseconds(day: date) -> int:
    moment = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return (moment - datetime.fromtimestamp(0, UTC)) // timedelta(microseconds=1)


def _refused(text: str, remedy: str) -> UsageError:
    return UsageError(f"Not a filter: {text}", remedy=remedy)
