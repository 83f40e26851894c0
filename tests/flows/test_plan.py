"""Settings, page ranges, units and fingerprints: what decides which pages a run touches."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ocr_core.config import ArabicEngine, PageRange, RunSettings
from ocr_core.errors import NothingToDo, UsageError
from ocr_core.layout.method import LayoutMethod
from ocr_core.library import Library, PageState
from ocr_core.pipeline.engines import ARABIC_WORKER, engines_for, fingerprints_for, settled_for
from ocr_core.pipeline.fingerprint import Fingerprints
from ocr_core.pipeline.plan import Settled, Survey, make_plan
from ocr_core.pipeline.prepare import units
from ocr_core.records import EngineStamp, PageRef, Script, SourceFile, Status, page_id
from tests.library.make import document, result

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
    with pytest.raises(UsageError, match="No line reader 'nobody'"):
        engines_for(chosen.model_copy(update={"english": "nobody"}))


def test_pages_of_another_collection_are_counted_and_no_page_asked_for_is_an_error(tmp_path: Path) -> None:
    settled = Settled(frozenset({"f1"}))
    library = Library.create(tmp_path / "library")
    book = document("book.pdf", 3)
    library.publish(
        "r1", "books", documents=[book], results=[result(book.page(1), "one"), result(book.page(2), "two")]
    )
    found = Survey((book,), (), ())
    settings = run_settings(ArabicEngine.AUTO, collection="letters")
    plan = make_plan(found, settings, library, settled)
    assert (plan.pages_to_do, plan.elsewhere) == (1, {"books": 2})
    assert not make_plan(
        found, run_settings(ArabicEngine.AUTO, collection="books"), library, settled
    ).elsewhere
    with pytest.raises(NothingToDo, match="No document has a page among 4-"):
        make_plan(found, run_settings(ArabicEngine.AUTO, pages="4-"), library, settled)


def state(fingerprint: str, status: Status = Status.DONE, engine: str = "crnn-ar") -> PageState:
    return PageState(status, fingerprint, Script.ARABIC, "", "r1", engine, "1", "letters")


def fingerprint(arabic: ArabicEngine, *scripts: Script) -> str:
    settings = run_settings(arabic)
    return fingerprints_for(settings, engines_for(settings)).of(scripts)


def run_settings(arabic: ArabicEngine, **others: object) -> RunSettings:
    values = {"sources": ["a"], "library": "b", "arabic": arabic, **others}
    return RunSettings.model_validate(values)


def test_pages_that_waited_are_read_once_there_is_an_engine() -> None:
    waiting = state(fingerprint(ArabicEngine.DEFER, Script.ARABIC), Status.PENDING, "")
    assert waiting in settled_for(run_settings(ArabicEngine.DEFER))
    assert waiting not in settled_for(run_settings(ArabicEngine.AUTO))
    assert waiting not in settled_for(run_settings(ArabicEngine.CRNN))


def test_text_is_not_given_up_for_waiting() -> None:
    for scripts in ([Script.ARABIC], [Script.ARABIC, Script.LATIN]):
        read = state(fingerprint(ArabicEngine.AUTO, *scripts))
        assert read in settled_for(run_settings(ArabicEngine.AUTO))
        assert read in settled_for(run_settings(ArabicEngine.DEFER))


@pytest.mark.parametrize("upgrade", [False, True])
def test_a_better_engine_is_not_replaced_unless_asked_by_name(upgrade: bool) -> None:
    better = state("of another machine", engine=ARABIC_WORKER)
    assert better in settled_for(run_settings(ArabicEngine.AUTO, upgrade=upgrade))
    assert better in settled_for(run_settings(ArabicEngine.DEFER, upgrade=upgrade))
    assert better not in settled_for(run_settings(ArabicEngine.CRNN, upgrade=upgrade))


def test_only_an_upgrade_reads_text_of_a_weaker_engine_again(monkeypatch: pytest.MonkeyPatch) -> None:
    weak = state(fingerprint(ArabicEngine.AUTO, Script.ARABIC))
    mixed = state(fingerprint(ArabicEngine.AUTO, Script.ARABIC, Script.LATIN), engine="crnn-latin")
    english = state(fingerprint(ArabicEngine.AUTO, Script.LATIN), engine="crnn-latin")
    waiting = state(fingerprint(ArabicEngine.DEFER, Script.ARABIC), Status.PENDING, "")
    worker = EngineStamp(ARABIC_WORKER, "1", "cc")
    monkeypatch.setattr("ocr_core.pipeline.engines._arabic_engine", lambda _: worker)
    plain = settled_for(run_settings(ArabicEngine.AUTO))
    upgrading = settled_for(run_settings(ArabicEngine.AUTO, upgrade=True))
    assert [s in plain for s in (weak, mixed, english, waiting)] == [True, True, True, False]
    assert [s in upgrading for s in (weak, mixed, english, waiting)] == [False, False, True, False]


def test_failed_pages_are_never_settled() -> None:
    own = fingerprint(ArabicEngine.AUTO, Script.LATIN)
    assert state(own, Status.FAILED) not in settled_for(run_settings(ArabicEngine.AUTO))


def test_another_way_of_finding_lines_makes_pages_stale(tmp_path: Path) -> None:
    chosen = RunSettings(sources=(tmp_path,), library=tmp_path)
    engines = engines_for(chosen)
    auto, learned, classical = (
        fingerprints_for(chosen.model_copy(update={"layout": method}), engines).of([])
        for method in LayoutMethod
    )
    assert auto == learned != classical  # the network is packaged
