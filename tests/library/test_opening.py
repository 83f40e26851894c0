"""Opening, making and breaking libraries: each trouble says what to do."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path
from typing import Any

import pytest

from ocr_core.errors import LibraryError
from ocr_core.library import Library
from tests import faults
from tests.library.make import document, result


def test_settings_survive(tmp_path: Path) -> None:
    settings = {"title": 'A "quoted" \\ name\n\x7f', "pages": 3, "رسائل": True}
    Library.create(tmp_path / "l", settings)
    assert Library.open(tmp_path / "l").settings == settings
    assert Library.create_or_open(tmp_path / "l", {"other": 1}).settings == settings


def test_a_folder_whose_name_is_no_text_is_refused_before_anything_is_in_it(tmp_path: Path) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xe9t\xe9"))
    with pytest.raises(LibraryError, match="not UTF-8"):
        Library.create_or_open(folder)
    assert not folder.exists()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "not a Warraq library"),
        ("format = 99\n", "format 99"),
        ("format = [", "damaged"),
        ("name = 'x'\n", "damaged: it has no number as `format`"),
        ("format = 1\n[collections.letters]\nscript = 'latin'\n", "nothing reads: collections"),
    ],
)
def test_what_cannot_be_opened(tmp_path: Path, content: str | None, says: str) -> None:
    if content is not None:
        (tmp_path / "warraq.toml").write_text(content)
    with pytest.raises(LibraryError, match=says) as raised:
        Library.open(tmp_path)
    assert raised.value.remedy


def test_long_queries_draw_no_progress_on_stdout(tmp_path: Path) -> None:
    with Library.create(tmp_path / "l").connect() as con:
        assert con.sql("SELECT current_setting('enable_progress_bar')").fetchall() == [(False,)]


def test_folder_with_other_things_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").touch()
    with pytest.raises(LibraryError, match=r"holiday\.jpg"):
        Library.create_or_open(tmp_path)
    with pytest.raises(LibraryError, match="is a file"):
        Library.create_or_open(tmp_path / "holiday.jpg")
    Library.create(tmp_path / "l")
    with pytest.raises(LibraryError, match="already"):
        Library.create(tmp_path / "l")


@pytest.mark.parametrize("taken", [".", "lines", "_log/.tmp", "pages/collection=letters"])
def test_a_file_where_a_run_needs_a_folder_is_found_before_it(tmp_path: Path, taken: str) -> None:
    path = tmp_path / "l" / taken
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    if taken != ".":
        (tmp_path / "l" / "warraq.toml").write_text("format = 1\n")
    root = tmp_path / "l" / ("below" if taken == "." else "")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(LibraryError, match=f"{re.escape(str(path))} is a file") as raised:
        Library.check_place(root, "letters")
    assert "Move the file away" in raised.value.remedy
    assert sorted(tmp_path.rglob("*")) == before


def test_what_a_run_may_write_passes_and_nothing_is_written(tmp_path: Path) -> None:
    Library.check_place(tmp_path / "to be" / "made", "letters")
    assert not list(tmp_path.iterdir())
    library = Library.create(tmp_path / "l")
    library.publish("r", "letters", results=[result(document("a").page(1), "x")])
    Library.check_place(library.root, "letters")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize("closed", ["", "_log", "lines/collection=letters"])
def test_a_folder_that_a_run_may_not_write_is_found_before_it(tmp_path: Path, closed: str) -> None:
    library = Library.create(tmp_path / "l")
    library.publish("r", "letters", results=[result(document("a").page(1), "x")])
    for folder in (library.root, *(p for p in library.root.rglob("*") if p.is_dir())):
        folder.chmod(0o777)
    (library.root / closed).chmod(0o755)
    told = faults.as_nobody(lambda: Library.check_place(library.root, "letters"), tmp_path)
    assert (
        f"cannot be written: could not publish ([Errno 13] Permission denied: '{library.root / closed}"
        in told
    )
    assert "Check the permissions of the folder" in told
    if closed.startswith("lines"):
        assert faults.as_nobody(lambda: Library.check_place(library.root, "other"), tmp_path) == "None"


@pytest.mark.parametrize(
    ("number", "says"), [(errno.ENOSPC, "full"), (errno.EROFS, "cannot be written"), (errno.EIO, "Could not")]
)
def test_disk_that_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, says: str) -> None:
    library = Library.create(tmp_path / "l")
    library.publish("r", "c", results=[result(document("a").page(1), "x")])

    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(number, os.strerror(number))

    for where in ("pyarrow.parquet.write_table", "os.fsync", "os.link"):
        with monkeypatch.context() as broken:
            broken.setattr(where, refuse)
            with pytest.raises(LibraryError, match=says) as raised:
                library.publish("r", "c", results=[result(document("b").page(1), "y")])
        assert raised.value.remedy
        assert (library.version, len(library.page_states())) == (1, 1)
    assert not [p for p in library.root.rglob("*.tmp") if p.is_file()]


def test_lost_data_file_is_named(tmp_path: Path) -> None:
    library = Library.create(tmp_path / "l")
    library.publish("r", "c", results=[result(document("a").page(1), "x")])
    (file,) = library.snapshot().files("pages")
    (library.root / file.path).unlink()
    with pytest.raises(LibraryError, match=Path(file.path).name):
        library.page_states()


def test_lost_log_is_not_an_empty_library(tmp_path: Path) -> None:
    library = Library.create(tmp_path / "l")
    library.publish("r", "c", results=[result(document("a").page(1), "x")])
    (library.root / "_log").rename(tmp_path / "away")
    with pytest.raises(LibraryError, match="log cannot be read"):
        Library.open(library.root).page_states()
