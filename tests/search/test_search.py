"""Search against a brute-force BM25 over folded words, and where the marks fall."""

from __future__ import annotations

import math
import random
from pathlib import Path

import pytest

from ocr_core.errors import LibraryError, UsageError
from ocr_core.library import Library
from ocr_core.library.folding import fold
from ocr_core.search.query import Query, parse
from ocr_core.search.search import SNIPPET_CHARS, mark, search
from tests.library.make import document, result

WORDS = [
    "the",
    "The",
    "garden",
    "gardens",
    "Kew",
    "kew",
    "well-known",
    "naïve",
    "مكتبة",
    "مكتبه",
    "أمّا",
    "a",
    "١٨",
]


@pytest.fixture(scope="module")
def texts() -> list[str]:
    rng = random.Random(5)
    return [" ".join(rng.choices(WORDS, k=rng.randint(0, 12))) for _ in range(300)]


@pytest.fixture(scope="module")
def library(texts: list[str], tmp_path_factory: pytest.TempPathFactory) -> Library:
    library = Library.create(tmp_path_factory.mktemp("search") / "library")
    for start in range(0, len(texts), 30):
        page = document(f"{start:04d}.png").page(1)
        library.publish("r0", "c", results=[result(page, "superseded Kew garden")])
        library.publish("r1", "c", results=[result(page, *texts[start : start + 30])])
    return library


def brute_force(texts: list[str], query: Query) -> list[tuple[float, int]]:
    """(score, index of the line) of every line that answers, best first."""
    lines = [fold(text).split() for text in texts]
    counts = [[len(clause.spans(words)) for clause in query.clauses] for words in lines]
    filled = [words for words in lines if words]
    mean = sum(map(len, filled)) / len(filled)
    frequencies = [sum(c[i] > 0 for c in counts) for i in range(len(query.clauses))]
    scored = []
    for index, (words, found) in enumerate(zip(lines, counts, strict=True)):
        if all(found):
            score = sum(
                math.log((len(filled) - df + 0.5) / (df + 0.5) + 1)
                * tf * 2.2 / (tf + 1.2 * (0.25 + 0.75 * len(words) / mean))
                for tf, df in zip(found, frequencies, strict=True)
            )  # fmt: skip
            scored.append((score, index))
    return sorted(scored, key=lambda pair: (-round(pair[0], 9), pair[1]))


@pytest.mark.parametrize(
    "text",
    [
        "kew",
        "garden*",
        '"the garden"',
        '"kew kew"',
        '"kew gard*"',
        "kew مكتبة well-known",
        "naive اما",
        "a 18",
        "g*",
    ],
)
def test_hits_and_scores_are_those_of_brute_force(library: Library, texts: list[str], text: str) -> None:
    expected = brute_force(texts, parse(text))[:25]
    hits = search(library, text, limit=25)
    assert expected
    assert [h.text for h in hits] == [texts[index] for _, index in expected]
    assert [h.score for h in hits] == pytest.approx([score for score, _ in expected], abs=1e-8)


def test_hit_says_where(library: Library, texts: list[str]) -> None:
    (best,) = search(library, "kew", limit=1)
    line = library.page(f"{best.source_path}#{best.page_number}").lines[best.line_order]
    assert (best.line_id, best.text, best.engine) == (line["line_id"], line["text"], line["engine"])
    assert (best.box.x0, best.box.y1) == (line["x0"], line["y1"])
    assert all(best.snippet[a:b].lower() == "kew" for a, b in best.spans)


def test_filter_by_collection_leaves_scores_alone(library: Library) -> None:
    page = document("other.png").page(1)
    library.publish("r9", "other", results=[result(page, "zebra")])
    (everywhere,) = search(library, "zebra")
    assert search(library, "zebra", collection="other") == [everywhere]
    assert search(library, "zebra", collection="c") == []


@pytest.mark.parametrize("text", ["nowhere", "kew nowhere", '"garden zzz"'])
def test_no_hits(library: Library, text: str) -> None:
    assert search(library, text) == []


def test_bad_limit(library: Library) -> None:
    with pytest.raises(UsageError, match="number of hits"):
        search(library, "kew", limit=0)


def test_lost_file_is_an_error_of_the_library(tmp_path: Path) -> None:
    library = Library.create(tmp_path / "l")
    library.publish("r", "c", results=[result(document("a").page(1), "kew")])
    (file,) = library.snapshot().files("lines")
    (library.root / file.path).unlink()
    with pytest.raises(LibraryError, match="cannot be read"):
        search(library, "kew")


def test_empty_library(tmp_path: Path) -> None:
    assert search(Library.create(tmp_path / "l"), "kew") == []


@pytest.mark.parametrize(
    ("text", "query", "marked"),
    [
        ("At Kew, the Gardens", "kew gard*", ["Kew", "Gardens"]),
        ("a well-known man", "well-known", ["well-known"]),
        ("قال: أمّا بعدُ فقد", '"اما بعد"', ["أمّا بعدُ"]),
        ("kew kew kew", '"kew kew"', ["kew kew"]),
        ("ﷺ", "الله", ["ﷺ"]),
        ("the garden the gardens", '"the garden*" the', ["the garden", "the gardens"]),
        ("nothing", "else", []),
    ],
)
def test_marks(text: str, query: str, marked: list[str]) -> None:
    assert [text[a:b] for a, b in mark(text, parse(query))] == marked


def test_long_line_is_cut_around_the_match(tmp_path: Path) -> None:
    library = Library.create(tmp_path / "l")
    text = "word " * 200 + "needle " + "word " * 200
    library.publish("r", "c", results=[result(document("a").page(1), text)])
    (hit,) = search(library, "needle")
    assert [hit.snippet[a:b] for a, b in hit.spans] == ["needle"]
    assert len(hit.snippet) == SNIPPET_CHARS + 2
    assert hit.snippet[0] == hit.snippet[-1] == "…"
