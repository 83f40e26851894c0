"""Pages of two scripts, from their pixels to the library, and what a user may say about scripts."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np
import pytest

from ocr_core.config import RunSettings
from ocr_core.ground_truth import read_page
from ocr_core.library import Library, new_run_id
from ocr_core.pipeline.engines import load_reader
from ocr_core.pipeline.plan import survey
from ocr_core.pipeline.prepare import prepare_pages
from ocr_core.records import Box, PageResult, Script
from ocr_core.training.script import corpus, drawing
from ocr_core.training.script.mixed import KINDS, draw_mixed_page, line_at
from ocr_core.training.synthetic.drawing import Style, draw_text
from tests.conftest import PATIENCE_S

ARABIC_TEXT = (
    "الحمد لله رب العالمين والصلاة والسلام على سيدنا محمد",
    "كتاب في أخبار البلاد وما جرى فيها من الحوادث",
    "وصلنا كتابكم المؤرخ في الشهر الماضي وفهمنا ما فيه",
    "والسلام عليكم ورحمة الله وبركاته",
)
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture(scope="module")
def read(samples: Path, arabic_font: Path, tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    """Two drawn pages of each kind on paper of real letters, English in the ink of real letters too, read and published."""
    truth = read_page(samples.parent / "ground_truth" / "JDH_2_16_144_001.xml", [samples / "letters"])
    ink = tuple(corpus.cut_page(truth, "letters", truth.name, corpus.HAND))
    paper = tuple(corpus.papers(sorted((samples / "letters").glob("*.jpg")), 20, np.random.default_rng(0)))
    english = tuple(line.text for line in ink)
    material = drawing.Material((arabic_font,), (arabic_font,), (), ARABIC_TEXT, english, paper, ink)
    folder = tmp_path_factory.mktemp("mixed")
    drawn = {}
    for number, kind in enumerate(KINDS * 2):
        page = draw_mixed_page(kind, material, np.random.default_rng([3, number]))
        drawn[f"{number}-{kind}.png"] = page
        (folder / "pages").mkdir(exist_ok=True)
        cv2.imwrite(str(folder / "pages" / f"{number}-{kind}.png"), page.pixels)
    settings = RunSettings(sources=(folder / "pages",), library=folder / "library")
    found = survey(settings)
    prepared = [prepare_pages([document.page(1)], settings.reading)[0] for document in found.documents]
    results = load_reader(settings, threads=1).read(prepared)
    assert all(isinstance(result, PageResult) for result in results)
    library = Library.create(settings.library)
    library.publish(new_run_id(), "mixed", documents=found.documents, results=results)
    return drawn, library


def test_each_line_of_a_mixed_page_goes_to_its_own_engine(read) -> None:  # type: ignore[no-untyped-def]
    drawn, library = read
    with closing(library.connect()) as con:
        lines = con.execute(
            "SELECT source_path, x0, y0, x1, y1, script, script_confidence, hand, engine, direction FROM lines"
        ).fetchall()
    right = []
    for path, x0, y0, x1, y1, script, confidence, hand, engine, direction in lines:
        assert 0 < confidence <= 1
        assert hand in ("hand", "print", "")
        # Digits alone have followed their neighbours, so there are no lines of none.
        assert (script, engine, direction) in {
            ("arabic", "crnn-ar", "rtl"),
            ("latin", "crnn-latin", "ltr"),
        }
        true = line_at(drawn[path].lines, Box(x0, y0, x1, y1))
        if true and true.script is not Script.NONE:
            right.append(true.script == script)
    assert len(right) > 0.9 * sum(len(page.lines) for page in drawn.values())
    assert sum(right) >= 0.97 * len(right)


def test_the_pages_are_known_to_be_mixed(read) -> None:  # type: ignore[no-untyped-def]
    _, library = read
    with closing(library.connect()) as con:
        pages = con.execute("SELECT source_path, script, engine, script_confidence FROM pages").fetchall()
    assert [script for _, script, _, _ in pages].count("mixed") >= 5  # a signature of one word may go unseen
    assert all(0 < confidence <= 1 for *_, confidence in pages)
    # The engine of a page is that of most of its text.
    engines = {path.partition("-")[2].removesuffix(".png"): engine for path, _, engine, _ in pages}
    assert (engines["name"], engines["signature"]) == ("crnn-ar", "crnn-latin")


def pages_to_do(start: Start, library: Path, *arguments: str) -> int:
    plain = ("run", library.parent / "pages", "--library", library, "--collection", "mixed")
    process = start(*plain, "--dry-run", "--json", *arguments)
    out, messages = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, messages
    return int(json.loads(out)["pages_to_do"])


def test_a_collection_may_say_its_script_and_the_command_line_has_the_last_word(read, start: Start) -> None:  # type: ignore[no-untyped-def]
    _, library = read
    marker = library.root / "warraq.toml"
    plain = marker.read_text("utf-8")
    assert pages_to_do(start, library.root) == 0
    marker.write_text(plain + '[settings.collections.mixed]\nscript = "arabic"\n', "utf-8")
    assert pages_to_do(start, library.root) == 2 * len(KINDS)
    assert pages_to_do(start, library.root, "--script", "auto") == 0
    assert pages_to_do(start, library.root, "--collection", "another") == 0

    marker.write_text(plain + '[settings.collections.mixed]\nscrpt = "arabic"\n', "utf-8")
    process = start("run", library.root.parent / "pages", "--library", library.root, "--dry-run")
    _, messages = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, "scrpt" in messages, "warraq.toml" in messages) == (5, True, True)


def test_the_letters_of_a_form_are_read_by_the_reader_of_glyphs(arabic_font: Path, tmp_path: Path) -> None:
    page = np.full((1400, 1000), 228, np.uint8)
    y = 60
    for text in ARABIC_TEXT[:3]:
        line = draw_text(text, arabic_font, np.random.default_rng(0), Style(44))
        part = page[y : y + line.shape[0], 940 - line.shape[1] : 940]
        part[line > 128] = 25
        y += line.shape[0] + 20
    digits = {"٧": [(-20, -28), (0, 28), (20, -28)], "٨": [(-20, 28), (0, -28), (20, 28)]}
    written = []
    for number in range(12):
        x, down = 200 + 300 * (number % 3), y + 100 + 200 * (number // 3)
        text = "٧٨"[number % 5 % 2]
        strokes = np.array(digits[text], np.int32) + (x, down)
        cv2.polylines(page, [strokes], False, (30,), 6, cv2.LINE_AA)
        cv2.rectangle(page, (x - 60, down - 60), (x + 60, down + 60), (90,), 2)
        written.append((x, down, text))
    (tmp_path / "pages").mkdir()
    cv2.imwrite(str(tmp_path / "pages" / "form.png"), page)
    settings = RunSettings(sources=(tmp_path / "pages",), library=tmp_path / "library")
    [document] = survey(settings).documents
    [result] = load_reader(settings, threads=1).read(prepare_pages([document.page(1)], settings.reading))
    assert isinstance(result, PageResult)
    read = {
        (r.line.box, r.transcript.text)
        for r in result.lines
        if r.transcript and r.transcript.engine.name == "glyphs"
    }
    right = [
        any(b.x0 < x < b.x1 and b.y0 < down < b.y1 and found == text for b, found in read)
        for x, down, text in written
    ]
    assert sum(right) >= 11
    assert len(read) <= 12
    assert any(r.transcript and r.transcript.engine.name == "crnn-ar" for r in result.lines)
