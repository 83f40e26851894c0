"""What people type → a query."""

from datetime import UTC, datetime

import pytest

from ocr_core.errors import UsageError
from ocr_core.search.query.filters import Compared, Filter, Named, Within
from ocr_core.search.query.language import Clause, parse


def term(*words: str) -> Clause:
    return Clause(words)


def exactly(*words: str, prefix: bool = False) -> Clause:
    return Clause(words, prefix, (0,) * len(words))


@pytest.mark.parametrize(
    ("text", "clauses"),
    [
        ("Kew", [term("kew")]),
        ("  Kew   garden* ", [term("kew"), exactly("garden", prefix=True)]),
        ('"Royal Gardens" Kew', [exactly("royal", "gardens"), term("kew")]),
        ('"Royal Gard*"', [exactly("royal", "gard", prefix=True)]),
        ('"Royal Gard"*', [exactly("royal", "gard", prefix=True)]),
        ("well-known", [term("well", "known")]),
        ("«أمّا بعد» مكتبة", [exactly("اما", "بعد"), term("مكتبه")]),
        ("“left open", [exactly("left", "open")]),
        ("kew KEW — kew", [term("kew")]),
        ("don't", [term("don", "t")]),
        ("orchid~1", [Clause(("orchid",), edits=(1,))]),
        ("kew~ orchid~ no~", [Clause(("kew",), edits=(1,)), Clause(("orchid",), edits=(2,)), exactly("no")]),
        ("orchid~0", [exactly("orchid")]),
        ('"royal gardens"~1', [Clause(("royal", "gardens"), edits=(1, 1))]),
        ("well-known~1", [Clause(("well", "known"), edits=(1, 1))]),
        ("Re:kew http://kew - ~ or", [term("re", "kew"), term("http", "kew"), term("or")]),
    ],
)
def test_clauses(text: str, clauses: list[Clause]) -> None:
    query = parse(text)
    assert list(query.clauses) == clauses
    assert all(len(group) == 1 for group in query.groups)
    assert (query.excluded, query.filters) == ((), ())


def test_or_joins_its_neighbours_and_minus_excludes() -> None:
    query = parse('kew garden OR orch* | "herb garden" -rose -"wild rose" -ros*')
    assert query.groups == (
        (term("kew"),),
        (term("garden"), exactly("orch", prefix=True), exactly("herb", "garden")),
    )
    assert query.excluded == (term("rose"), exactly("wild", "rose"), exactly("ros", prefix=True))


def at(*day: int) -> int:
    return round(datetime(*day, tzinfo=UTC).timestamp()) * 1_000_000  # type: ignore[arg-type,misc]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("collection:letters", Named("collection", "letters")),
        ('collection:"two words"', Named("collection", "two words")),
        ("collection:Let*", Named("collection", "Let", prefix=True)),
        ("script:Arabic", Named("script", "arabic")),
        ("-engine:crnn*", Named("engine", "crnn", prefix=True, excluded=True)),
        ("page:3", Within("page", 3, 4)),
        ("page:3-5", Within("page", 3, 6)),
        ("date:2026", Within("date", at(2026, 1, 1), at(2027, 1, 1))),
        ("date:2026-12", Within("date", at(2026, 12, 1), at(2027, 1, 1))),
        ("date:2024-02-29", Within("date", at(2024, 2, 29), at(2024, 3, 1))),
        ("date:2026-01..2026-03", Within("date", at(2026, 1, 1), at(2026, 4, 1))),
        ("date:..2025", Within("date", None, at(2026, 1, 1))),
        ("date:2025..", Within("date", at(2025, 1, 1), None)),
        ("conf>0.8", Compared(">", 0.8)),
        ("conf<=.5", Compared("<=", 0.5)),
        ("-conf=1", Compared("=", 1.0, excluded=True)),
    ],
)
def test_filters(text: str, expected: Filter) -> None:
    query = parse(f"kew {text} orchid")
    assert query.filters == (expected,)
    assert query.clauses == (term("kew"), term("orchid"))


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("colection:letters", "collection:letters"),
        ('collectoin:"two words"', 'collection:"two words"'),
        ("-coll:letters", "collection:letters"),
        ("scirpt:Arabic", "script:Arabic"),
        ("lang:arabic", "script:arabic"),
        ("enigne:crnn*", "engine:crnn*"),
        ("pages:3-5", "page:3-5"),
        ("dates:2026-11", "date:2026-11"),
        ("confidence>0.8", "conf>0.8"),
    ],
)
def test_mistyped_filters_are_named_and_can_be_looked_for_in_quotes(text: str, meant: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse(f"kew {text}")
    assert f"Did you mean {meant}?" in raised.value.message
    assert "collection:, script:, engine:, page:, date: and conf>" in raised.value.remedy
    assert parse(f'kew "{text.replace(chr(34), " ")}"').filters == ()


@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        ("foo:bar", ("foo:",)),
        ("Re:kew re:kew -tag=x", ("Re:", "re:", "tag=")),
        ("rate:5", ("rate:",)),  # no date
        ("scripture:3", ("scripture:",)),
        ("10:30 1:2", ()),
        ("http://kew.org/page:3 file:///a", ()),
        ("Dear Sir: Kew", ()),
        ("c:x أمّا:بعد", ()),
    ],
)
def test_other_words_with_a_colon_are_words(text: str, unknown: tuple[str, ...]) -> None:
    query = parse(f"kew {text}")
    assert (query.filters, query.unknown) == ((), unknown)
    assert len(query.clauses) + len(query.excluded) > 1


def test_names_of_filters_may_have_capitals() -> None:
    assert parse("kew Script:Arabic Conf>0.5").filters == parse("kew script:arabic conf>0.5").filters


@pytest.mark.parametrize("text", ["", "  ", '""', "— … *", "\u064b", "-kew", "collection:letters", "- -"])
def test_nothing_to_look_for(text: str) -> None:
    with pytest.raises(UsageError, match="Nothing to search"):
        parse(text)


@pytest.mark.parametrize(
    "text",
    ["OR kew", "kew OR", "kew OR OR kew", "kew OR -rose", "kew OR page:3", "page:3 OR kew", "-rose OR kew"],
)
def test_or_in_the_wrong_place(text: str) -> None:
    with pytest.raises(UsageError, match="OR must stand"):
        parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "script:klingon",
        "collection:",
        "engine>3",
        "page:x",
        "page:5-3",
        "page:",
        "date:yesterday",
        "date:2026-13",
        "date:2026-02-30",
        "date:..",
        "date:2026..2025",
        "date:9999-12-31",
        "conf:0.8",
        "conf>8",
        "conf>nan",
        "conf>",
    ],
)
def test_filters_without_sense(text: str) -> None:
    with pytest.raises(UsageError, match="Not a filter") as raised:
        parse(f"kew {text}")
    assert raised.value.remedy


@pytest.mark.parametrize("text", ["kew~3", "kew~99", '"kew gard*"~1', "gard*~1"])
def test_too_fuzzy(text: str) -> None:
    with pytest.raises(UsageError):
        parse(text)
