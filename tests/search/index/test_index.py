"""The index follows the library, whatever happens to either."""

from __future__ import annotations

import json
import random
from datetime import timedelta
from pathlib import Path

import pytest

from ocr_core.errors import LibraryError
from ocr_core.library import Library
from ocr_core.records import Status
from ocr_core.search import search as searching
from ocr_core.search.index import files as index_files
from ocr_core.search.index import merge, upkeep
from ocr_core.search.index.changes import state_of
from ocr_core.search.index.files import FOLDER
from ocr_core.search.search import Searcher, search
from tests.library.make import document, result
from tests.search.oracle import full_scan, rows_of

QUERIES = ["kew", "gard*", "orchyd", '"kew gardens" OR rose']
WORDS = ["kew", "gardens", "garden", "orchid", "orchids", "rose", "royal", "the", "of", "مكتبة"]


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library.create(tmp_path / "library")


def publish(library: Library, run: str, pages: range, seed: int = 0) -> None:
    rng = random.Random(f"{run}-{seed}")
    for number in pages:
        lines = [" ".join(rng.choices(WORDS, k=rng.randint(0, 5))) for _ in range(rng.randint(0, 4))]
        library.publish(run, "c", results=[result(document(f"{number:03d}.png").page(1), *lines)])


def check(library: Library, searcher: Searcher | None = None) -> None:
    """The index on the disk alone, and a searcher, answer like a full scan."""
    rows = rows_of(library)
    searchers = (searcher or Searcher(library), Searcher(library, write=False))
    for query in QUERIES:
        expected = [(line, edits) for line, _, edits in full_scan(rows, query)]
        for each in searchers:
            assert [(line, edits) for line, _, edits in each.rank(query)] == expected


def files(library: Library) -> set[str]:
    return {path.name for path in (library.root / FOLDER).iterdir()}


def is_current(library: Library) -> bool:
    return index_files.load(library.root).of == state_of(library.snapshot())


def test_only_what_is_new_is_read(library: Library) -> None:
    publish(library, "r1", range(20))
    first = upkeep.update(library)
    assert first and first.lines > 10
    again = upkeep.update(library)
    assert again and again.lines == 0
    publish(library, "r2", range(20, 22))
    with library.connect() as con:
        (new,) = con.execute("SELECT count(*) FROM lines WHERE run_id = 'r2' AND words > 0").fetchall()[0]
    more = upkeep.update(library)
    assert more and more.lines == new
    assert is_current(library)
    check(library)


def test_pages_read_again_leave_no_stale_hits(library: Library) -> None:
    page = document("a.png").page(1)
    library.publish(
        "r1", "c", results=[result(page, "old words"), result(document("b.png").page(1), "other")]
    )
    upkeep.update(library)
    searcher = Searcher(library)
    assert [hit.text for hit in searcher.search("words")] == ["old words"]
    library.publish("r2", "c", results=[result(page, "new words")])
    assert [hit.text for hit in searcher.search("words")] == ["new words"]
    upkeep.update(library)
    assert [hit.text for hit in search(library, "words")] == ["new words"]
    library.publish("r3", "c", results=[result(page, status=Status.BLANK)])
    assert searcher.search("words") == search(library, "words") == []
    upkeep.update(library)
    assert search(library, "words") == []
    assert searcher.search("other") != []


def test_a_random_life(library: Library) -> None:
    rng = random.Random(4)
    searcher = Searcher(library)
    for step in range(10):
        match rng.choice(["publish", "publish", "index", "compact"]):
            case "publish":
                first = rng.randrange(30)
                publish(library, f"r{step}", range(first, first + rng.randint(1, 8)))
            case "index":
                upkeep.update(library)
                assert is_current(library)
            case "compact":
                library.compact(grace=timedelta(0))
        check(library, searcher)


def test_compaction_gives_nothing_to_read(library: Library) -> None:
    publish(library, "r1", range(10))
    publish(library, "r2", range(5))
    upkeep.update(library)
    library.compact(grace=timedelta(0))
    assert not is_current(library)
    check(library)
    report = upkeep.update(library)
    assert report and report.lines == 0
    check(library)


def test_segments_stay_few(library: Library) -> None:
    for number in range(10):
        publish(library, f"r{number}", range(3 * number, 3 * number + 3))
        report = upkeep.update(library)
        assert report and report.segments <= 6
    check(library)
    assert len(files(library)) == report.segments + 2  # with index.json and .lock


def test_segments_stay_few_in_memory(library: Library) -> None:
    publish(library, "r", range(3))
    upkeep.update(library)
    found = index_files.load(library.root)
    searcher = Searcher(library, write=False)
    for number in range(10):
        publish(library, f"r{number}", range(3 * number, 3 * number + 3))
        found = upkeep.caught_up(library.snapshot(), found)
        assert len(found.parts) <= 7
        check(library, searcher)


@pytest.mark.parametrize(
    ("sizes", "merged"),
    [
        ([], []),
        ([5, 5, 5], []),
        ([5, 5, 5, 5], [0, 1, 2, 3]),
        ([1000, 5, 5, 5, 5], [1, 2, 3, 4]),
        ([0, 0, 0, 0, 0], [0, 1, 2, 3, 4]),
        ([1000, 20, 5, 5, 5, 5], [2, 3, 4, 5, 1]),
        ([merge.SEGMENT_LINES // 2] * 5, []),
    ],
)
def test_what_is_merged(sizes: list[int], merged: list[int]) -> None:
    assert merge.to_merge(sizes) == merged


def test_a_crash_leaves_the_index_before(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(library, "r1", range(10))
    upkeep.update(library)
    before = (library.root / FOLDER / "index.json").read_bytes()
    publish(library, "r2", range(8, 14))
    for module, function in [
        (index_files, "write_segment"),
        (upkeep, "merged"),
        (index_files, "_write_dead"),
        (index_files, "write_state"),
    ]:
        real = getattr(module, function)

        def killed(*arguments: object, real: object = real) -> None:
            real(*arguments)  # type: ignore[operator]
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr(module, function, killed)
            with pytest.raises(KeyboardInterrupt):
                upkeep.update(library)
        if function != "write_state":
            assert (library.root / FOLDER / "index.json").read_bytes() == before
        check(library)
    upkeep.update(library)
    assert len([name for name in files(library) if name.startswith(("segment", ".tmp"))]) == 2
    check(library)


@pytest.mark.parametrize(
    ("table", "harm", "write"),
    [
        *[(table, "flipped", True) for table in ("pages", "lines", "terms", "postings", "index.json")],
        ("postings", "flipped", False),
        ("pages", "cut", True),
        ("terms", "gone", True),
        ("postings", "gone", False),
        ("index.json", "cut", False),
    ],
)
def test_damage_is_noticed_and_mended(library: Library, table: str, harm: str, write: bool) -> None:
    texts = [f"kew gardens {number} orchid rose" for number in range(200)]  # tables larger than their footers
    library.publish("r1", "c", results=[result(document("a").page(1), *texts)])
    upkeep.update(library)
    (path,) = (library.root / FOLDER).rglob(f"{table}*")
    data = bytearray(path.read_bytes())
    match harm:
        case "cut":
            path.write_bytes(data[: len(data) // 2])
        case "flipped":
            data[len(data) // 4] ^= 0x55
            path.write_bytes(data)
        case "gone":
            path.unlink()
    rows = rows_of(library)
    searcher = Searcher(library, write=write)
    for query in QUERIES:
        found = [(line, edits) for line, _, edits in searcher.rank(query)]
        assert found == [(line, edits) for line, _, edits in full_scan(rows, query)]
    report = upkeep.update(library, anew=True)
    assert report and report.segments == 1
    check(library)


def test_a_library_that_cannot_be_written_is_searched(library: Library) -> None:
    publish(library, "r1", range(10))
    (library.root / FOLDER).write_text("no folder can be made here")
    with pytest.raises(LibraryError):
        upkeep.update(library)
    check(library)


def test_old_library_is_indexed_by_its_first_search(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(library, "r1", range(10))
    search(library, "kew")
    assert not (library.root / FOLDER).exists()  # little to read: done along with the search
    monkeypatch.setattr(searching, "READ_ALONG", 5)
    Searcher(library, write=False).search("kew")
    assert not (library.root / FOLDER).exists()
    search(library, "kew")
    assert is_current(library)
    check(library)


def test_a_version_of_before_is_searched_with_the_index_of_today(library: Library) -> None:
    publish(library, "r1", range(6))
    version = library.version
    expected = {query: Searcher(library).rank(query) for query in QUERIES}
    publish(library, "r2", range(3, 9))
    upkeep.update(library)
    before = Searcher(library, write=False, version=version)
    assert {query: before.rank(query) for query in QUERIES} == expected


def test_another_library_in_the_same_place(library: Library) -> None:
    """A restored backup has other files under the same version numbers."""
    publish(library, "r1", range(6))
    upkeep.update(library)
    stranger = Library.create(library.root.with_name("other"))
    publish(stranger, "r1", range(6), seed=1)
    (library.root / FOLDER).rename(stranger.root / FOLDER)
    assert stranger.version == library.version
    check(stranger)


def test_who_is_not_first_in_line_waits_or_goes_without(library: Library) -> None:
    from ocr_core.library import durable

    publish(library, "r1", range(6))
    (library.root / FOLDER).mkdir()
    with durable.locked(library.root / FOLDER / ".lock", exclusive=True):
        assert upkeep.update(library, wait=False) is None
        check(library)
    assert upkeep.update(library, wait=False)


def test_files_are_open_to_sql(library: Library) -> None:
    """What is written in docs/search.md about the tables holds."""
    publish(library, "r1", range(10))
    upkeep.update(library)
    state = json.loads((library.root / FOLDER / "index.json").read_text())
    folder = library.root / FOLDER / state["segments"][0]
    with library.connect() as con:
        query = f"""
            SELECT t.term, count(*) FROM '{folder}/postings.parquet' p
            JOIN (SELECT row_number() OVER () - 1 AS n, term FROM '{folder}/terms.parquet') t ON p.term = t.n
            GROUP BY ALL ORDER BY ALL
        """
        words = "SELECT unnest(string_split(text_search, ' ')) AS word FROM lines WHERE words > 0"
        expected = f"SELECT word, count(*) FROM ({words}) GROUP BY ALL ORDER BY ALL"
        assert con.execute(query).fetchall() == con.execute(expected).fetchall()
