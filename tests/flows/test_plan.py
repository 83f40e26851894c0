"""Settings, page ranges, units and fingerprints: what decides which pages a run touches."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ocr_core.config import PageRange, RunSettings
from ocr_core.errors import UsageError
from ocr_core.pipeline.engines import engines_for, fingerprints_for
from ocr_core.pipeline.fingerprint import Fingerprints
from ocr_core.pipeline.prepare import units
from ocr_core.records import EngineStamp, PageRef, Script, SourceFile, page_id

LATIN = EngineStamp("crnn-latin", "1", "aa")


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [("", [1, 99], []), ("1-3,8", [1, 3, 8], [4, 7, 9]), ("5-", [5, 500], [4]), ("2", [2], [1, 3])],
)
def test_page_ranges(text: str, inside: list[int], outside: list[int]) -> None:
    chosen = PageRange(text)
    assert all(n in chosen for n in inside)
    assert not any(n in chosen for n in outside)


@pytest.mark.parametrize("text", ["x", "3-1", "0", "1-2-3", "-4"])
def test_nonsense_page_ranges_are_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="page range"):
        RunSettings(sources=(Path("a"),), library=Path("b"), pages=text)


def test_unknown_settings_are_refused() -> None:
    with pytest.raises(ValidationError, match="colection"):
        RunSettings.model_validate({"sources": ["a"], "library": "b", "colection": "letters"})


def refs(counts: list[int]) -> list[PageRef]:
    source = SourceFile(Path("/a"), Path("/"), "a")
    return [
        PageRef(page_id(f"doc{d}", n), f"doc{d}", n, source, "application/pdf")
        for d, pages in enumerate(counts)
        for n in range(1, pages + 1)
    ]


@given(st.lists(st.integers(0, 9), max_size=8), st.integers(1, 5))
def test_units_hold_every_page_once_in_order_and_never_mix_documents(counts: list[int], most: int) -> None:
    pages = refs(counts)
    made = list(units(iter(pages), most))
    assert [page for unit in made for page in unit] == pages
    assert all(len(unit) <= most and len({page.doc_id for page in unit}) == 1 for unit in made)
    assert all(b.number == a.number + 1 for unit in made for a, b in pairwise(unit))


def test_a_new_arabic_engine_makes_arabic_pages_stale_and_no_others() -> None:
    before = Fingerprints({}, {Script.LATIN: LATIN, Script.ARABIC: "deferred"})
    after = Fingerprints({}, {Script.LATIN: LATIN, Script.ARABIC: EngineStamp("crnn-ar", "1", "bb")})
    assert before.of([Script.LATIN]) == after.of([Script.LATIN])
    assert before.of([]) == after.of([])
    assert before.of([Script.ARABIC]) != after.of([Script.ARABIC])
    assert before.of([Script.LATIN, Script.ARABIC]) not in after.all()
    assert {after.of([]), after.of([Script.ARABIC]), after.of([Script.ARABIC, Script.LATIN])} <= after.all()


def test_every_part_of_the_preparation_counts() -> None:
    engines: dict[Script, EngineStamp | str] = {Script.LATIN: LATIN}
    assert Fingerprints({"dpi": 300}, engines).of([]) != Fingerprints({"dpi": 301}, engines).of([])


def test_the_reader_of_english_lines_makes_pages_stale(tmp_path: Path) -> None:
    chosen = RunSettings(sources=(tmp_path,), library=tmp_path)
    usual = engines_for(chosen)
    other = engines_for(chosen.model_copy(update={"english": "glyphs"}))
    assert isinstance(usual[Script.LATIN], EngineStamp)
    assert (usual[Script.LATIN].name, other[Script.LATIN].name) == ("crnn-latin", "glyphs")  # type: ignore[union-attr]
    before, after = (fingerprints_for(chosen, engines) for engines in (usual, other))
    assert before.of([Script.LATIN]) != after.of([Script.LATIN])
    assert before.of([]) == after.of([])
    with pytest.raises(UsageError, match="no line reader 'nobody'"):
        engines_for(chosen.model_copy(update={"english": "nobody"}))
