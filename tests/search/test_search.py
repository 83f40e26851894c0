"""Search against a full scan, and what a hit tells."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocr_core.errors import LibraryError, UsageError
from ocr_core.library import Library
from ocr_core.records import Box, EngineStamp, LineResult, PageResult, Word
from ocr_core.search.hits import SNIPPET_CHARS, HitWord, mark
from ocr_core.search.index import upkeep
from ocr_core.search.query.language import parse
from ocr_core.search.search import Searcher, search
from tests.library.make import document, result
from tests.search.oracle import Row, full_scan, rows_of

WORDS = [
    *(
        "the",
        "The",
        "a",
        "١٨",
        "garden",
        "gardens",
        "gardem",
        "Kew",
        "kew",
        "well-known",
        "naïve",
        "orchid",
        "orchids",
    ),
    *("مكتبة", "مكتبه", "مكنبة", "أمّا"),
]
ENGINES = [EngineStamp("crnn-latin", "1"), EngineStamp("pdf-text", "1")]


def filled(library: Library, seed: int, pages: int = 9) -> None:
    """Pages of random lines in two collections; every third is read again by a newer run, some of them blank."""
    rng = random.Random(seed)
    for number in range(pages):
        page = document(f"{seed}-{number % 7}.png", pages=3, salt=str(number)).page(1 + number % 3)
        for run in ("r1", "r2")[: 2 if number % 3 == 0 else 1]:
            lines = [" ".join(rng.choices(WORDS, k=rng.randint(0, 9))) for _ in range(rng.randint(0, 25))]
            engine, confidence = rng.choice(ENGINES), rng.choice([0.25, 0.5, 0.8, 1.0])
            read = judged(result(page, *lines), engine, confidence)
            library.publish(run, ("letters", "books 2")[number % 2], results=[read])


def judged(read: PageResult, engine: EngineStamp, confidence: float) -> PageResult:
    def changed(line: LineResult) -> LineResult:
        assert line.transcript
        return replace(line, transcript=replace(line.transcript, engine=engine, confidence=confidence))

    return replace(read, lines=tuple(changed(line) for line in read.lines))


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """Half of it in the index on the disk, the rest not."""
    library = Library.create(tmp_path_factory.mktemp("search") / "library")
    filled(library, 1)
    upkeep.update(library)
    filled(library, 2)
    return library


@pytest.fixture(scope="module")
def searcher(library: Library) -> Searcher:
    return Searcher(library)


@pytest.fixture(scope="module")
def rows(library: Library) -> list[Row]:
    return rows_of(library)


QUERIES = [
    "kew",
    "garden*",
    '"the garden"',
    '"kew kew"',
    '"kew gard*"',
    "kew مكتبة well-known",
    "naive اما",
    "a 18",
    "g*",
    "kew~1",
    "garden~2 -gardens",
    '"the garden"~1',
    "ordchid",  # no line has it: errors pass
    "orchhids kewx",
    "wel-knwon",
    "مكتبتة",
    "kew OR orchid OR مكتبه -the",
    "orchid collection:letters conf>=0.8",
    'garden collection:"books 2" collection:let* -engine:pdf*',
    "the page:2-3 script:latin -conf<0.5",
    "kew date:2020..2100 -page:1",
    "kew date:..2020",
]


@pytest.mark.parametrize("tolerant", [True, False])
@pytest.mark.parametrize("text", QUERIES)
def test_answers_are_those_of_a_full_scan(
    rows: list[Row], searcher: Searcher, text: str, tolerant: bool
) -> None:
    expected = full_scan(rows, text, tolerant=tolerant)
    found = searcher.rank(text, tolerant=tolerant)
    assert [(line, edits) for line, _, edits in found] == [(line, edits) for line, _, edits in expected]
    assert [score for _, score, _ in found] == pytest.approx([s for _, s, _ in expected], abs=1e-8)
    hits = searcher.search(text, limit=7, tolerant=tolerant)
    assert [(h.line_id, h.score, h.edits) for h in hits] == found[:7]


def test_the_queries_above_find_something(rows: list[Row]) -> None:
    assert [text for text in QUERIES if not full_scan(rows, text)] == ["kew date:..2020"]


ASKED = st.sampled_from([*WORDS, "gardn", "kwe", "orchyd", "مكتب", "nothing", "th"])
CLAUSES = st.one_of(
    ASKED,
    ASKED.map(lambda word: word[:3] + "*"),
    st.tuples(ASKED, st.sampled_from(["~", "~0", "~1", "~2"])).map("".join),
    st.tuples(ASKED, ASKED, st.sampled_from(["", "*", "~1"])).map(lambda p: f'"{p[0]} {p[1]}"{p[2]}'),
    st.tuples(ASKED, ASKED).map(" OR ".join),
)
FILTERS = st.sampled_from(
    ["collection:letters", "script:latin", "engine:crnn*", "page:1-2", "conf>0.5", "-page:2", "-conf<=0.25"]
)


@settings(max_examples=40, deadline=None)
@given(st.lists(CLAUSES, min_size=1, max_size=3), st.lists(ASKED, max_size=1), st.lists(FILTERS, max_size=2))
def test_any_query_answers_like_a_full_scan(
    rows: list[Row], searcher: Searcher, clauses: list[str], excluded: list[str], filters: list[str]
) -> None:
    text = " ".join([*clauses, *(f"-{word}" for word in excluded), *filters])
    found = [(line, round(score, 6), edits) for line, score, edits in searcher.rank(text)]
    assert found == [(line, round(score, 6), edits) for line, score, edits in full_scan(rows, text)]


def test_exact_lines_stand_above_close_ones(library: Library) -> None:
    edits = [hit.edits for hit in search(library, "garden~1", limit=1000)]
    assert edits == sorted(edits)
    assert {0, 1} == set(edits)


def test_hit_says_where(library: Library) -> None:
    (best,) = search(library, "kew", limit=1)
    with library.connect() as con:
        (line,) = con.sql(f"FROM lines WHERE line_id = '{best.line_id}'").to_arrow_table().to_pylist()
    assert (best.page_id, best.text, best.engine) == (line["page_id"], line["text"], line["engine"])
    assert (best.collection, best.source_path) == (line["collection"], line["source_path"])
    assert (best.box.x0, best.box.y1) == (line["x0"], line["y1"])
    assert all(best.snippet[a:b].lower() == "kew" for a, b in best.spans)


def test_filter_by_collection_leaves_scores_alone(tmp_path: Path) -> None:
    library = Library.create(tmp_path / "l")
    library.publish("r", "c", results=[result(document("a").page(1), "kew")])
    library.publish("r", "other", results=[result(document("b").page(1), "zebra", "kew kew")])
    (everywhere,) = search(library, "zebra")
    assert search(library, "zebra", collection="other") == [everywhere]
    assert search(library, "zebra", collection="c") == []
    assert search(library, "kew collection:other", collection="c") == []
    # Errors pass where the collection itself has no line of the word, whatever others have.
    assert [hit.text for hit in search(library, "kews", collection="c")] == ["kew"]


@pytest.mark.parametrize("text", ["nowhere", "kew nowhere", '"garden zzz"', '"gardex the"'])
def test_no_hits(library: Library, text: str) -> None:
    assert search(library, text) == []


def test_bad_limit(library: Library) -> None:
    with pytest.raises(UsageError, match="number of hits"):
        search(library, "kew", limit=0)


@pytest.mark.parametrize("indexed", [False, True])
def test_lost_file_is_an_error_of_the_library(tmp_path: Path, indexed: bool) -> None:
    library = Library.create(tmp_path / "l")
    library.publish("r", "c", results=[result(document("a").page(1), "kew")])
    if indexed:
        upkeep.update(library)
    (file,) = library.snapshot().files("lines")
    (library.root / file.path).unlink()
    with pytest.raises(LibraryError, match="cannot be read"):
        search(library, "kew")


def test_empty_library(tmp_path: Path) -> None:
    empty = Searcher(Library.create(tmp_path / "l"))
    empty.warm()
    assert empty.search("kew") == []


def test_what_is_read_ahead_changes_no_answer(library: Library) -> None:
    warmed = Searcher(library, write=False)
    warmed.warm()
    assert [hit.line_id for hit in warmed.search("gard*")] == [
        hit.line_id for hit in search(library, "gard*")
    ]


@pytest.mark.parametrize(
    ("text", "query", "marked"),
    [
        ("At Kew, the Gardens", "kew gard*", ["Kew", "Gardens"]),
        ("a well-known man", "well-known", ["well-known"]),
        ("قال: أمّا بعدُ فقد", '"اما بعد"', ["أمّا بعدُ"]),
        ("kew kew kew", '"kew kew"', ["kew kew"]),
        ("ﷺ", "الله", ["ﷺ"]),
        ("the garden the gardens", '"the garden*" the', ["the garden", "the gardens"]),
        ("the botanicai gardens", "botanical~1", ["botanicai"]),
        ("nothing", "else", []),
    ],
)
def test_marks(text: str, query: str, marked: list[str]) -> None:
    assert [text[a:b] for a, b in mark(text, parse(query))] == marked


def test_words_of_a_hit_have_their_boxes(tmp_path: Path) -> None:
    library = Library.create(tmp_path / "l")
    read = result(document("a").page(1), "kew, the Kew gardens")
    (line,) = read.lines
    assert line.transcript
    words = tuple(Word(w, Box(i, 0, i + 1, 9)) for i, w in enumerate(["kew,", "the", "Kew", "gardens"]))
    line = replace(line, transcript=replace(line.transcript, words=words))
    library.publish("r", "c", results=[replace(read, lines=(line,))])
    (hit,) = search(library, "kew gardenz")
    assert hit.words == (
        HitWord("kew,", Box(0, 0, 1, 9)),
        HitWord("Kew", Box(2, 0, 3, 9)),
        HitWord("gardens", Box(3, 0, 4, 9)),
    )


def test_long_line_is_cut_around_the_match(tmp_path: Path) -> None:
    library = Library.create(tmp_path / "l")
    text = "word " * 200 + "needle " + "word " * 200
    library.publish("r", "c", results=[result(document("a").page(1), text)])
    (hit,) = search(library, "needle")
    assert [hit.snippet[a:b] for a, b in hit.spans] == ["needle"]
    assert len(hit.snippet) == SNIPPET_CHARS + 2
    assert hit.snippet[0] == hit.snippet[-1] == "…"
