"""`warraq recognize` and `warraq eval-glyphs` from outside: what goes to which stream, and the exit codes."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.conftest import PATIENCE_S

Start = Callable[..., subprocess.Popen[str]]


def run(start: Start, *arguments: str | Path) -> tuple[int, str, str]:
    process = start(*arguments)
    out, messages = process.communicate(timeout=PATIENCE_S)
    return process.returncode, out, messages


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder with a seven in dark ink, an eight in white on black, and a file that is no picture."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    seven, eight = ((10, 10), (30, 50), (50, 10)), ((10, 50), (30, 10), (50, 50))
    for name, ends, ground, ink in (("a", seven, 240, 20), ("b", eight, 0, 255)):
        picture = np.full((60, 60, 3), ground, np.uint8)
        cv2.polylines(picture, [np.array(ends, np.int32)], False, (ink, ink, ink), 4, cv2.LINE_AA)
        cv2.imwrite(str(folder / f"{name}.png"), picture)
    (folder / "c.png").write_bytes(b"\x89PNG\r\n\x1a\n but not really")
    return folder


def test_pictures_are_read_and_what_cannot_be_is_named(pictures: Path, start: Start) -> None:
    code, out, messages = run(start, "recognize", pictures, "--top", "2", "--json")
    assert code == 10
    answers = [json.loads(line) for line in out.splitlines()]
    assert [(a["path"], a["text"]) for a in answers] == [("a.png", "٧"), ("b.png", "٨")]
    for answer in answers:
        assert answer["engine"] == "glyphs"
        assert 0.5 < answer["confidence"] <= 1
        first, second = answer["alternatives"]
        assert first["text"] == answer["text"]
        assert first["probability"] > second["probability"]
    assert "c.png" in messages
    assert "Traceback" not in messages


def test_a_whole_page_is_told_from_a_line(samples: Path, pictures: Path, start: Start) -> None:
    pages = sorted((samples / "letters").glob("*.jpg"))[:2]
    code, out, messages = run(start, "recognize", *pages, pictures / "a.png", "--json")
    assert code == 0
    flags = [json.loads(line)["flags"] for line in out.splitlines()]
    assert flags == [["several-lines"], ["several-lines"], []]
    assert messages.count(pages[0].name) == 1
    assert "read as one character" in messages and "warraq run PAGE --library DIR" in messages
    assert "2 such pictures" in messages


def test_errors_have_their_exit_codes(pictures: Path, tmp_path: Path, start: Start) -> None:
    (tmp_path / "empty").mkdir()
    assert run(start, "recognize", tmp_path / "empty")[0] == 2
    code, _, messages = run(start, "recognize", pictures / "a.png", "--engine", "crnn-latin", "--top", "2")
    assert (code, "does not tell alternatives" in messages) == (1, True)
    code, _, messages = run(start, "recognize", pictures / "a.png", "--engine", f"{tmp_path}/empty")
    assert (code, "warraq models pull trocr-base-handwritten" in messages) == (3, True)


def test_a_labelled_set_is_measured(tmp_path: Path, start: Start) -> None:
    picture = np.zeros((40, 40), np.uint8)
    cv2.polylines(picture, [np.array([(8, 8), (20, 32), (32, 8)], np.int32)], False, 255, 3, cv2.LINE_AA)
    np.savez(tmp_path / "set.npz", images=np.stack([picture, picture]), labels=np.array([7, 8]))
    report = tmp_path / "report.html"
    code, out, messages = run(
        start,
        "eval-glyphs",
        tmp_path / "set.npz",
        "--first-class",
        "0",
        "--first-label",
        "0",
        "--json",
        "--html",
        report,
    )
    assert code == 0, messages
    found = json.loads(out)
    assert (found["pictures"], found["accuracy"]) == (2, 0.5)
    assert found["confusions"] == [{"truth": "٨", "reading": "٧", "count": 1}]
    assert report.read_text("utf-8").count("<figure>") == 1
