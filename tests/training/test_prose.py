"""Running text in lines: whole words, all of them, the same lines every time."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from ocr_core.errors import UsageError
from ocr_core.training.synthetic.prose import prose_lines, read_prose

TEXT = "Call me Ishmael. Some years ago,\nnever mind how long precisely.\n\n\nIt is a way I have.\n" * 5


def test_every_word_stands_on_a_line_and_paragraphs_begin_one() -> None:
    lines = list(prose_lines(TEXT, random.Random(1)))
    assert " ".join(lines).split() == TEXT.split()
    assert all(line == line.strip() and "  " not in line for line in lines)
    assert sum(line.startswith("It is") for line in lines) == 5
    assert len({len(line) for line in lines}) > 3
    assert max(map(len, lines)) < 100


def test_a_folder_is_read_in_order_and_always_alike(tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_text("second", "utf-8")
    (tmp_path / "a.txt").write_text(TEXT, "utf-8")
    (tmp_path / "c.json").write_text("{}", "utf-8")
    lines = list(read_prose(tmp_path))
    assert lines[0].startswith("Call me")
    assert lines[-1] == "second"
    assert lines == list(read_prose(tmp_path))
    assert list(read_prose(tmp_path / "b.txt")) == ["second"]


def test_what_is_no_text_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no text files"):
        list(read_prose(tmp_path))
    with pytest.raises(UsageError, match="missing"):
        list(read_prose(tmp_path / "missing.txt"))
    (tmp_path / "a.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match=r"a\.txt"):
        list(read_prose(tmp_path))
