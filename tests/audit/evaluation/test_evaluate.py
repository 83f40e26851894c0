"""Whole evaluations of real engines: nothing left out without a word, reports that hold what they say."""

from __future__ import annotations

import html
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest

from flows.cli import _run_command
from ocr_core.audit.evaluation.evaluate import evaluate
from ocr_core.audit.evaluation.report import as_html, as_json, as_text
from ocr_core.audit.metrics.text import FOLDINGS
from ocr_core.errors import NothingToDo
from ocr_core.recognizers.register import load_reader
from ocr_core.records import EngineStamp, Failure, LineImage, Stage, Transcript
from tests.audit.seen import Seen
from tests.conftest import ROOT

TRUTH = ("first line", "second <b>line</b>", "third & last")


class Parrot:
    """A line reader that says what it was told, in turn; None is a failure."""

    stamp = EngineStamp("parrot", "1", "f" * 64, (("decoding", "by heart"),))

    def __init__(self, texts: Sequence[str | None], confidence: float = 0.75) -> None:
        self.texts = list(texts)
        self.confidence = confidence
        self.seen: list[LineImage] = []

    def recognize(self, images: Sequence[LineImage]) -> list[Transcript | Failure]:
        answers: list[Transcript | Failure] = []
        for image in images:
            self.seen.append(image)
            text = self.texts.pop(0)
            if text is None:
                answers.append(Failure("", Stage.RECOGNIZE, "line-too-long", "much too long", "Look."))
            else:
                answers.append(Transcript(image.line_id, text, self.confidence, self.stamp))
        return answers


def write_page(folder: Path, name: str, texts: Sequence[str], size: tuple[int, int] = (400, 300)) -> None:
    """A page of dark bars, one for each text, 30 pixels high, 80 apart."""
    folder.mkdir(parents=True, exist_ok=True)
    page = np.full((300, 400), 230, np.uint8)
    lines = []
    for number, text in enumerate(texts):
        y = 30 + 80 * number
        page[y : y + 30, 40:360] = 40
        outline = f"36,{y - 4} 364,{y - 4} 364,{y + 34} 36,{y + 34}"
        lines.append(
            f'<TextLine id="l{number}"><Coords points="{outline}"/><Baseline points="40,{y + 26} 360,{y + 26}"/>'
            f"<TextEquiv><Unicode>{html.escape(text)}</Unicode></TextEquiv></TextLine>"
        )
    cv2.imwrite(str(folder / f"{name}.png"), page)
    (folder / f"{name}.xml").write_text(
        '<PcGts xmlns="http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15">'
        f'<Page imageWidth="{size[0]}" imageHeight="{size[1]}"><TextRegion>{"".join(lines)}</TextRegion></Page></PcGts>',
        "utf-8",
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_page(tmp_path / "truth", "a", TRUTH)
    write_page(tmp_path / "truth", "b", TRUTH[:2])
    return tmp_path / "truth"


def test_a_faultless_reader_has_no_errors_and_sees_the_lines(folder: Path) -> None:
    engine = Parrot([*TRUTH, *TRUTH[:2]], confidence=1.0)
    steps: list[tuple[int, int]] = []
    found = evaluate(engine, [folder], progress=lambda done, total: steps.append((done, total)))
    assert (found.cer.value, found.wer.value, found.calibration_error) == (0.0, 0.0, 0.0)
    assert [p.page for p in found.pages] == ["a", "b"]
    assert [s.truth for s in found.scores] == [*TRUTH, *TRUTH[:2]]
    assert (found.confusions, found.worst, found.omissions) == ((), (), ())
    assert steps == [(2, 2)]
    for image in engine.seen:  # the bar, and the room around it that large small letters get
        dark = image.pixels < 100
        assert 0.3 < dark.mean() < 0.95
        assert image.pixels.shape[1] == pytest.approx(328, abs=8)


def test_rates_with_less_told_apart_stand_beside_the_strict_ones(tmp_path: Path) -> None:
    write_page(tmp_path, "a", ["“Sir”", "the fern"])
    found = evaluate(Parrot(['"Sir"', "The farn"]), [tmp_path])
    assert found.cer.value == pytest.approx(4 / 13)
    by_name = {rates.normalisation: rates for rates in found.folded}
    taught, searched = by_name["quotes"], by_name["search"]
    assert by_name["case"].cer.value == pytest.approx(3 / 13)
    assert by_name["all"].cer.value == searched.cer.value
    assert (taught.cer.value, taught.wer.value) == (pytest.approx(2 / 13), pytest.approx(2 / 3))
    assert (searched.cer.value, searched.wer.value) == (pytest.approx(1 / 11), pytest.approx(1 / 3))


def test_errors_are_counted_and_the_worst_lines_come_first(folder: Path) -> None:
    found = evaluate(Parrot(["first lime", "x", "third & last", None, "second"]), [folder], worst=2)
    lengths = [len(t) for t in (*TRUTH, *TRUTH[:2])]
    edits = [1, len(TRUTH[1]), 0, len(TRUTH[0]), len(TRUTH[1]) - len("second")]
    assert [s.edits for s in found.scores] == edits
    assert found.cer.value == pytest.approx(sum(edits) / sum(lengths))
    assert [w.score.line for w in found.worst] == ["l1", "l0"]
    assert [w.score.reading for w in found.worst] == ["x", ""]
    assert [(o.page, o.line) for o in found.unread] == [("b", "l0")]
    assert "line-too-long" in found.unread[0].reason


def test_what_cannot_be_measured_is_named(folder: Path) -> None:
    (folder / "a.png").unlink()
    write_page(folder, "c", TRUTH, size=(800, 600))
    write_page(folder, "d", ["", TRUTH[0]])
    (folder / "b.png").write_bytes((folder / "b.png").read_bytes()[:200])
    found = evaluate(Parrot([TRUTH[0]]), [folder])
    assert len(found.omissions) == 4
    omitted = {(o.page, o.line): o.reason for o in found.omissions}
    assert set(omitted) == {("a", ""), ("b", ""), ("c", ""), ("d", "l0")}
    assert "no page image" in omitted["a", ""]
    assert "800 × 600" in omitted["c", ""]
    assert found.pages_omitted == 3
    assert len(found.scores) == 1
    with pytest.raises(NothingToDo, match="no page image"):
        evaluate(Parrot([]), [folder], only=["a"])


def test_the_report_is_whole_escaped_and_needs_nothing_else(folder: Path) -> None:
    readings = [
        "first lime",
        "</p><script>alert(1)</script>",
        "third",
        "\u202efirst",
        '"><img src=x onerror=y>',
    ]
    found = evaluate(Parrot(readings), [folder])
    page = as_html(found)
    seen = Seen()
    seen.feed(page)
    assert "script" not in seen.tags
    assert "onerror" not in seen.attributes
    texts = [text for line in found.worst for text in (line.score.truth, line.score.reading)]
    assert seen.paragraphs == texts
    assert len(texts) == 10
    assert len(seen.sources) == 5
    assert all(source.startswith("data:image/jpeg;base64,") for source in seen.sources)
    assert "http" not in page.replace("http-equiv", "")
    assert "default-src 'none'" in page
    plot = page[page.index("<svg") : page.index("</svg>") + 6]
    dots = [e for e in ElementTree.fromstring(plot) if e.tag == "circle"]
    assert len(dots) == 1
    assert float(dots[0].get("cx", "")) == pytest.approx(0.75 * 220)


def test_text_and_json_say_the_same(folder: Path) -> None:
    found = evaluate(Parrot(["first lime", *TRUTH[1:], *TRUTH[:2]]), [folder])
    values = json.loads(json.dumps(as_json(found, lines=True)))
    assert values["cer"]["value"] == found.cer.value
    assert values["lines"] == len(values["by_line"]) == 5
    assert values["confusions"] == [{"truth": "n", "reading": "m", "count": 1}]
    assert [f["normalisation"] for f in values["folded"]] == list(FOLDINGS)
    text = as_text(found)
    assert all(f"CER, {folding.name}\t" in text for folding in FOLDINGS.values())
    assert text.startswith("page\tlines\tcharacters\tCER\tWER\na\t3\t")
    assert "n→m 1" in text


@pytest.fixture(scope="module")
def letter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first five lines of a page of the samples."""
    folder = tmp_path_factory.mktemp("letter")
    source = ROOT / "samples" / "ground_truth" / "JDH_2_16_144_001.xml"
    tree = ElementTree.parse(source)
    space = tree.getroot().tag.rpartition("}")[0] + "}"
    lines = [
        (region, line)
        for region in tree.iter(f"{space}TextRegion")
        for line in region.findall(f"{space}TextLine")
    ]
    for region, line in lines[5:]:
        region.remove(line)
    tree.write(folder / source.name)
    return folder


@pytest.mark.parametrize("decoding", ["greedy", "beam"])
def test_the_packaged_reader_reads_a_letter_either_way(decoding: str, letter: Path, samples: Path) -> None:
    engine = load_reader("crnn-latin", device="cpu", decoding=decoding)  # type: ignore[arg-type]
    settings = dict(engine.stamp.settings)
    assert settings["decoding"] == decoding
    assert ("language_model" in settings) == (decoding == "beam")
    found = evaluate(engine, [letter], images=[samples / "letters"])
    assert len(found.scores) == 5
    assert found.cer.value < 0.45
    assert 0 <= found.calibration_error < 0.3


def test_the_command_writes_table_json_and_report(letter: Path, samples: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    command = [
        sys.executable,
        "-m",
        "flows",
        "eval",
        letter,
        "--images",
        samples / "letters",
        "--html",
        report,
    ]
    done = subprocess.run(
        [*map(str, command), "--json", "--decoding", "beam"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["engine"]["settings"]["decoding"] == "beam"
    assert report.read_text("utf-8").count("data:image/jpeg") >= 1


@pytest.mark.parametrize(("engine", "said"), [("crnn-latin", True), ("crnn-ar", False)])
def test_lines_in_a_script_that_the_engine_cannot_write_are_told_of(
    engine: str, said: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place, images = ROOT / "samples/ground_truth", ROOT / "samples/archive/arabic"
    options = ["--engine", engine, "--only", "synthetic-arithmetic", "--decoding", "greedy"]
    monkeypatch.setattr(sys, "argv", ["warraq", "eval", str(place), "--images", str(images), *options])
    assert _run_command() == 0
    assert ("that crnn-latin cannot write" in capsys.readouterr().err) == said


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--engine", "nobody"], 1, "crnn-latin"),
        (["--device", "gpu"], 1, "auto, cpu"),
        (["--device", "cuda:99"], 3, "GPU"),
        (["--only", "z*"], 1, "named z*"),
        (["--only", "a"], 2, "no page image"),
        (["--decoding", "greedy", "--html", "new/report.html"], 10, "a: no page image"),
    ],
)
def test_the_command_ends_as_it_says(
    arguments: list[str], code: int, message: str, folder: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    (folder / "a.png").unlink()
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["warraq", "eval", ".", *arguments])
    assert _run_command() == code
    streams = capsys.readouterr()
    assert message in streams.err
    assert ("b\t2\t" in streams.out) == (folder / "new/report.html").exists() == (code == 10)
