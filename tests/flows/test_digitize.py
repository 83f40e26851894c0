"""The main job on the shipped samples: real files, the packaged models, a real Prefect server."""

from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from PIL import Image
from rapidfuzz.distance import Levenshtein

from ocr_core.config import RunSettings
from ocr_core.errors import LibraryError
from ocr_core.library import Library, status
from ocr_core.search.index import files as index_files
from ocr_core.search.index.changes import state_of
from ocr_core.search.search import search

pytestmark = pytest.mark.usefixtures("prefect_server")


def digitize(**settings: Any) -> dict[str, Any]:
    from flows.digitize import digitize as flow

    return flow(RunSettings.model_validate(settings))


@pytest.fixture(scope="module")
def digitized(
    prefect_server: None, samples: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Library, dict[str, Any]]:
    path = tmp_path_factory.mktemp("samples") / "library"
    account = digitize(sources=[samples], library=path, collection="samples")
    return Library.open(path), account


def rows(library: Library, query: str) -> list[Any]:
    with closing(library.connect()) as con:
        return con.execute(query).fetchall()


def test_every_page_is_accounted_for(digitized: tuple[Library, dict[str, Any]]) -> None:
    _, account = digitized
    assert account["discovered"] == 13
    assert (account["done"], account["blank"], account["pending"], account["failed"]) == (12, 1, 0, 0)


def test_a_scheduled_run_reads_a_collection_as_the_library_says(samples: Path, tmp_path: Path) -> None:
    """As a server starts it: with plain parameters, and none of the command line's help."""
    from flows.digitize import digitize as flow

    marker = Library.create(tmp_path / "library").root / "warraq.toml"
    said = '[settings.collections.inbox]\narabic = "defer"\n'
    marker.write_text(marker.read_text("utf-8") + said, "utf-8")
    asked = {
        "sources": [str(samples / "arabic")],
        "library": str(tmp_path / "library"),
        "collection": "inbox",
    }
    account = flow(**flow.validate_parameters({"settings": asked}))
    assert (account["discovered"], account["pending"]) == (2, 2)
    account = flow(**flow.validate_parameters({"settings": asked | {"collection": "other"}}))
    assert (account["done"], account["pending"]) == (2, 0)


def read_page_xml(path: Path) -> str:
    """The text of the lines, in the order of the file (regions repeat it)."""
    lines = ElementTree.parse(path).iterfind(".//{*}TextLine/{*}TextEquiv/{*}Unicode")
    return "\n".join(line.text or "" for line in lines)


def test_letters_are_really_read(digitized: tuple[Library, dict[str, Any]], samples: Path) -> None:
    library, _ = digitized
    found = rows(
        library,
        "SELECT DISTINCT source_path FROM lines WHERE engine = 'crnn-latin' AND text <> '' ORDER BY 1",
    )
    assert [path for (path,) in found if path.startswith("letters/")] == [
        "letters/JDH_2_16_144_001.jpg",
        "letters/JDH_2_16_144_002.jpg",
        "letters/JDH_2_16_145_001.jpg",
        "letters/JDH_2_16_146.pdf",
    ]
    # A page that nobody trained on, against its ground truth. A reader that had learned nothing would be near 1.
    truth = read_page_xml(samples.parent / "ground_truth" / "JDH_2_16_145_001.xml")
    text = "\n".join(line["text"] for line in library.page("letters/JDH_2_16_145_001.jpg#1").lines)
    assert Levenshtein.normalized_distance(truth, text) < 0.35


def test_what_was_read_is_found(digitized: tuple[Library, dict[str, Any]]) -> None:
    library, _ = digitized
    [(text, path)] = rows(
        library,
        """SELECT text, source_path FROM lines WHERE engine = 'crnn-latin' AND text SIMILAR TO '.*[a-z]{5}.*'
           ORDER BY confidence DESC LIMIT 1""",
    )
    word = max(re.findall("[a-z]+", text), key=len)
    assert path in {hit.source_path for hit in search(library, word, limit=1000)}
    assert index_files.load(library.root).of == state_of(library.snapshot())  # the run left it behind


def test_text_layers_are_taken_and_not_read_again(digitized: tuple[Library, dict[str, Any]]) -> None:
    library, _ = digitized
    engines = rows(library, "SELECT DISTINCT engine FROM lines WHERE source_path = 'print/udolpho.pdf'")
    assert engines == [("pdf-text",)]


def test_each_script_is_read_by_its_own_engine(digitized: tuple[Library, dict[str, Any]]) -> None:
    library, _ = digitized
    read = rows(
        library,
        """SELECT split_part(source_path, '/', 1), script, direction, engine, count(*) > 2 FROM lines
           WHERE source_path NOT LIKE 'print/%' AND text <> '' GROUP BY 1, 2, 3, 4 ORDER BY 1, 2""",
    )
    assert read == [
        ("arabic", "arabic", "rtl", "crnn-ar", True),
        ("letters", "latin", "ltr", "crnn-latin", True),
        ("mixed", "arabic", "rtl", "crnn-ar", True),
        ("mixed", "latin", "ltr", "crnn-latin", True),
    ]
    scripts = rows(library, "SELECT DISTINCT script FROM pages WHERE source_path LIKE 'arabic/%'")
    assert scripts == [("arabic",)]


@pytest.mark.parametrize("page", ["synthetic-arithmetic", "تاريخ-وهران-synthetic"])
def test_arabic_is_really_read_and_in_logical_order(
    page: str, digitized: tuple[Library, dict[str, Any]], samples: Path
) -> None:
    library, _ = digitized
    truth = read_page_xml(samples.parent / "ground_truth" / f"{page}.xml")
    text = "\n".join(line["text"] for line in library.page(f"arabic/{page}.jpg#1").lines)
    assert Levenshtein.normalized_distance(truth, text) < 0.3
    assert Levenshtein.normalized_distance(truth, text[::-1]) > 0.6


def test_arabic_that_was_put_off_is_read_later_and_then_kept(samples: Path, tmp_path: Path) -> None:
    wanted: dict[str, Any] = {"sources": [samples / "arabic"], "library": tmp_path / "library"}
    put_off = digitize(**wanted, arabic="defer")
    assert (put_off["pending"], put_off["done"], put_off["already"]) == (2, 0, 0)
    assert all("--arabic" in reason for reason in put_off["pending_reasons"])
    library = Library.open(tmp_path / "library")
    assert rows(library, "SELECT count(*) FROM lines WHERE text <> ''") == [(0,)]

    read = digitize(**wanted)
    assert (read["pending"], read["done"], read["already"]) == (0, 2, 0)
    for later in ({"arabic": "defer"}, {"upgrade": True}, {"arabic": "crnn"}):
        again = digitize(**wanted, **later)
        assert (again["done"], again["already"]) == (2, 2)
    assert rows(library, "SELECT DISTINCT engine FROM lines") == [("crnn-ar",)]


def test_lines_lie_on_their_page(digitized: tuple[Library, dict[str, Any]]) -> None:
    library, _ = digitized
    outside = """
        SELECT count(*) FROM lines l JOIN pages p USING (page_id)
        WHERE x0 < 0 OR y0 < 0 OR x1 > p.width OR y1 > p.height OR x1 <= x0 OR y1 <= y0
    """
    assert rows(library, outside) == [(0,)]
    order = "SELECT count(*), count(DISTINCT line_id), count(DISTINCT (page_id, line_order)) FROM lines"
    [(lines, ids, places)] = rows(library, order)
    assert lines == ids == places


def test_a_second_run_does_nothing(digitized: tuple[Library, dict[str, Any]], samples: Path) -> None:
    library, first = digitized
    before = library.version
    again = digitize(sources=[samples], library=library.root, collection="samples")
    assert again["already"] == again["discovered"] == first["discovered"]
    assert again["lines"] == 0
    pages = rows(library, "SELECT count(DISTINCT run_id) FROM pages")
    assert pages == [(1,)]
    assert library.version > before  # the run itself is recorded


def test_a_page_range_does_only_its_pages(samples: Path, tmp_path: Path) -> None:
    account = digitize(sources=[samples / "print" / "udolpho.pdf"], library=tmp_path / "library", pages="2")
    assert (account["discovered"], account["done"]) == (1, 1)


def test_force_reads_pages_that_have_text(samples: Path, tmp_path: Path) -> None:
    source = samples / "print" / "udolpho.pdf"
    library = tmp_path / "library"
    digitize(sources=[source], library=library, pages="1")
    account = digitize(sources=[source], library=library, pages="1", reading={"existing_text": "force"})
    assert account["already"] == 0
    assert rows(Library.open(library), "SELECT DISTINCT engine FROM lines") == [("crnn-latin",)]


def test_the_same_file_twice_is_one_document(samples: Path, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    page = (samples / "letters" / "JDH_2_16_144_002.jpg").read_bytes()
    for name in ("a.jpg", "deep/b.jpg"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(page)
    account = digitize(sources=[folder], library=tmp_path / "library")
    assert account["discovered"] == account["done"] == 1
    [document] = Library.open(tmp_path / "library").documents()
    assert {document.source_path, *(path for _, path in document.copies)} == {"a.jpg", "deep/b.jpg"}


def test_failures_of_a_page_do_not_stop_the_rest_and_are_tried_again(letters: Any, tmp_path: Path) -> None:
    folder = letters(tmp_path / "in", 2)
    good = (folder / "letter_2.jpg").read_bytes()
    (folder / "letter_2.jpg").write_bytes(good[: len(good) // 2])
    library = tmp_path / "library"
    account = digitize(sources=[folder], library=library)
    assert (account["discovered"], account["done"], account["failed"]) == (2, 1, 1)
    digitize(sources=[folder], library=library)
    [failure] = Library.open(library).open_failures()
    assert (failure.source_path, failure.kind, failure.attempts) == ("letter_2.jpg", "truncated", 2)
    (folder / "letter_2.jpg").write_bytes(good)
    account = digitize(sources=[folder], library=library)
    assert (account["done"], account["failed"], account["already"]) == (2, 0, 1)
    assert Library.open(library).open_failures() == []
    assert status(Library.open(library))["collections"][0]["failed"] == 0


def test_a_compaction_that_fails_between_batches_costs_no_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tasks import digitize as tasks

    for width in (300, 301):
        Image.new("L", (width, 400), 255).save(tmp_path / f"{width}.png")
    compact, between = Library.compact, []

    def failing(self: Library, *, min_files: int = 2) -> Any:
        if min_files == 2:  # at the end of the run
            return compact(self, min_files=min_files)
        between.append(self.version)
        raise LibraryError("The disk is tired.")

    monkeypatch.setattr(Library, "compact", failing)
    monkeypatch.setattr(tasks, "BATCHES_BETWEEN_COMPACTIONS", 1)
    account = digitize(
        sources=[tmp_path / "300.png", tmp_path / "301.png"], library=tmp_path / "library", batch_pages=1
    )
    assert between and between == sorted(set(between))  # once after each batch, none published again
    assert (account["discovered"], account["blank"], account["failed"]) == (2, 2, 0)
