"""Opening, making and breaking libraries: each trouble says what to do."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from ocr_core.errors import LibraryError
from ocr_core.library import Library
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
