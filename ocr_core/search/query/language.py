"""The query language: what people type → a `Query`. `docs/search.md` is its reference.

query   = part { part }                      every part must hold on one line
part    = clause { "OR" clause } | "-" clause | [ "-" ] filter
clause  = word [ "*" | "~" [ 0 | 1 | 2 ] ] | '"' words '"' [ "*" | "~" [ 0 | 1 | 2 ] ]
filter  = ( "collection:" | "script:" | "engine:" ) name [ "*" ] | "page:" N [ "-" M ]
        | "date:" DAY [ ".." DAY ] | "conf" ( ">" | ">=" | "<" | "<=" | "=" ) number
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from ocr_core.errors import UsageError
from ocr_core.library.folding import fold
from ocr_core.search.query.filters import FIELDS, Filter, parse_filter
from ocr_core.search.query.mistyped import filter_like, refuse_mistyped

MAX_EDITS: Final = 2

_QUOTES: Final = '"“”„«»'
_PART: Final = re.compile(
    rf"(?P<minus>-(?=[^\s-]))?"
    rf"(?:(?P<filter>(?i:{'|'.join(FIELDS)})(?::|[<>]=?|=))"
    rf"(?:[{_QUOTES}](?P<quoted_value>[^{_QUOTES}]*)[{_QUOTES}]?(?P<value_star>\*?)|(?P<value>[^\s{_QUOTES}]*))"
    rf"|[{_QUOTES}](?P<phrase>[^{_QUOTES}]*)[{_QUOTES}]?(?P<suffix>\*|~\d{{0,9}})?"
    rf"|(?P<bare>[^\s{_QUOTES}]+))"
)
_FUZZY: Final = re.compile(r"(.*[^~])~(\d{0,9})")


@dataclass(frozen=True, slots=True)
class Clause:
    """Folded words that stand side by side on a line. One is a term.

    Attributes:
        prefix: the last word may go on.
        edits: for each word how many of its characters may be wrong (inserted, left out, replaced, or swapped with
            their neighbour); None: none, but where no line has the words like that, as many as `tolerated` allows.
    """

    words: tuple[str, ...]
    prefix: bool = False
    edits: tuple[int, ...] | None = None

    @property
    def allowed(self) -> tuple[int, ...]:
        """Wrong characters allowed in each word."""
        return (0,) * len(self.words) if self.edits is None else self.edits


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked: lines on which of every group a clause holds, none of `excluded`, and all filters.

    Attributes:
        filters: those on the same column are alternatives; comparisons and those that exclude must all hold.
        scope: must hold besides.
        unknown: what looks like a filter, is none, and was taken for words: `foo:`.
    """

    groups: tuple[tuple[Clause, ...], ...]
    excluded: tuple[Clause, ...] = ()
    filters: tuple[Filter, ...] = ()
    scope: Filter | None = None
    unknown: tuple[str, ...] = ()

    @property
    def clauses(self) -> tuple[Clause, ...]:
        """The clauses of all groups, each once, in order."""
        return tuple(dict.fromkeys(clause for group in self.groups for clause in group))


def tolerated(word: str) -> int:
    """Wrong characters that a reader's errors are worth: none in two characters, one in up to five, else two."""
    return 0 if len(word) < 3 else 1 if len(word) < 6 else MAX_EDITS


def parse(text: str) -> Query:
    """Parse what a person typed. A word that folds to several (`well-known`) is a phrase; one that folds to
    none is left out; a quotation left open ends with the text.

    Raises:
        UsageError: nothing to look for, or a filter or `OR` that makes no sense, or a filter with a mistyped name.
    """
    groups: list[list[Clause]] = []
    excluded: dict[Clause, None] = {}
    filters: dict[Filter, None] = {}
    unknown: dict[str, None] = {}
    joining = False  # after an OR
    open_group = False  # the part before was a clause that an OR may extend
    for match in _PART.finditer(text):
        minus = match["minus"] is not None
        if match["bare"] in ("OR", "|") and not minus:
            if not open_group:
                raise _misplaced_or()
            joining, open_group = True, False
            continue
        if match["filter"]:
            if joining:
                raise _misplaced_or()
            filters[_filter(match, minus)] = None
            open_group = False
            continue
        if match["bare"]:
            word = _with_quoted_value(text, match)
            refuse_mistyped(word)
            if name := filter_like(word):
                unknown[name] = None
        clause = _clause(match)
        if clause is None:
            continue
        if minus:
            if joining:
                raise _misplaced_or()
            excluded[clause] = None
            open_group = False
        elif joining:
            groups[-1].append(clause)
            joining, open_group = False, True
        else:
            groups.append([clause])
            open_group = True
    if joining:
        raise _misplaced_or()
    if not groups:
        raise UsageError(
            f"Nothing to search for in {text!r}.",
            remedy='Give words, "a phrase" or the start of a word*; filters and -words come beside them.',
        )
    unique = dict.fromkeys(tuple(dict.fromkeys(group)) for group in groups)
    return Query(tuple(unique), tuple(excluded), tuple(filters), unknown=tuple(unknown))


def _filter(match: re.Match[str], minus: bool) -> Filter:
    quoted = match["quoted_value"]
    if quoted is None:
        return parse_filter(match["filter"], match["value"], excluded=minus)
    return parse_filter(match["filter"], quoted + match["value_star"], excluded=minus)


def _with_quoted_value(text: str, match: re.Match[str]) -> str:
    """A word, with the quotation that follows it where a filter would have it: `collectoin:"two words"`."""
    quoted = re.match(rf"[{_QUOTES}]([^{_QUOTES}]*)", text[match.end() :])
    return match["bare"] + (quoted[1] if quoted else "")


def _clause(match: re.Match[str]) -> Clause | None:
    phrase = match["phrase"]
    content, suffix = (match["bare"], "") if phrase is None else (phrase, match["suffix"] or "")
    if phrase is None and (fuzzy := _FUZZY.fullmatch(content)):
        content, suffix = fuzzy[1], "~" + fuzzy[2]
    prefix = suffix == "*" or content.rstrip().endswith("*")
    words = tuple(fold(content).split())
    if not words:
        return None
    if suffix.startswith("~"):
        return Clause(words, edits=_edits(words, suffix, prefix))
    # People who quote or give a beginning mean what they wrote.
    exact = phrase is not None or prefix
    return Clause(words, prefix, (0,) * len(words) if exact else None)


def _edits(words: tuple[str, ...], suffix: str, prefix: bool) -> tuple[int, ...]:
    if prefix:
        raise UsageError("A word cannot be both a beginning* and fuzzy~.", remedy="Choose one of the two.")
    if suffix == "~":
        return tuple(map(tolerated, words))
    if int(suffix[1:]) > MAX_EDITS:
        raise UsageError(
            f"Too many wrong characters: {suffix}", remedy=f"~1 and ~{MAX_EDITS} are possible; ~0 is exact."
        )
    return (int(suffix[1:]),) * len(words)


def _misplaced_or() -> UsageError:
    return UsageError(
        "OR must stand between two words, phrases or beginnings.",
        remedy="Write it like: garden OR orchard. The same filter given twice means either.",
    )
