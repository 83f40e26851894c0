"""A folder with every kind of bad file among good pages: all are named, none stops the rest."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from flows.cli import cli
from ocr_core.config import RunSettings
from ocr_core.library import Library
from tests.conftest import PATIENCE_S
from tests.faults import png_header
from tests.library.make import failure, run_record

GOOD = 4


def write_bad_files(folder: Path, page: bytes) -> dict[str, str]:
    """Twelve bad files; what is wrong with each."""
    pdf = (
        b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\n"
    )
    encrypted = (
        pdf.replace(b"/Kids[]/Count 0", b"/Kids[3 0 R]/Count 1")
        + b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>endobj\n"
        + b"4 0 obj<</Filter/Standard/V 1/R 2/O<%s>/U<%s>/P -4>>endobj\n" % (b"ab" * 32, b"cd" * 32)
    )
    end = b"trailer<</Root 1 0 R%s>>\n%%%%EOF\n"
    files = {
        "encrypted.pdf": (encrypted + end % b"/Encrypt 4 0 R/ID[<00><00>]", "encrypted"),
        "no pages.pdf": (pdf + end % b"", "no-pages"),
        "cut.pdf": (b"%PDF-1.4\n1 0 obj<</Type/Catalog", "truncated"),
        "truncated.jpg": (page[: len(page) // 2], "truncated"),
        "empty.jpg": (b"", "empty"),
        "text.png": (b"Dear Sir,\nI beg to enclose ...\n", "mislabelled"),
        "page.html.jpg": (b"<!DOCTYPE html><html></html>", "mislabelled"),
        "bomb.png": (png_header(30_000, 30_000), "too-large"),
        "cut.tif": (b"II*\x00\x08\x00\x00\x00", ""),
        "cut.webp": (b"RIFF\xff\x00\x00\x00WEBPVP8 ", ""),
        "رسالة تالفة.jpg": (b"\xff\xd8\xff\xe0\x00\x10JFIF", ""),
        "zip.pdf": (b"PK\x03\x04" + bytes(60), "mislabelled"),
    }
    for name, (content, _) in files.items():
        (folder / name).write_bytes(content)
    return {name: kind for name, (_, kind) in files.items()}


def test_every_bad_file_is_named_and_the_rest_goes_on(
    letters: Callable[[Path, int], Path], start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    folder = letters(tmp_path / "in", GOOD)
    bad = write_bad_files(folder, (folder / "letter_1.jpg").read_bytes())
    (folder / "notes.txt").write_text("a sidecar, left out")
    (folder / ".hidden.jpg").write_bytes(b"")
    os.symlink("/etc/hostname", folder / "outside.jpg")

    process = start("run", folder, "--library", tmp_path / "library", "--json")
    out, messages = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 10, messages
    account: dict[str, Any] = json.loads(out)
    assert account["discovered"] == GOOD + len(bad)
    assert (
        account["discovered"] == account["done"] + account["blank"] + account["failed"] + account["pending"]
    )
    assert account["done"] == GOOD
    failed = {failure["source_path"]: failure for failure in account["failures"]}
    assert set(failed) == set(bad)
    for name, kind in bad.items():
        assert failed[name]["message"] and failed[name]["remedy"], name
        assert name in messages
        if kind:
            assert failed[name]["kind"] == kind, name


def test_a_retry_reads_what_was_mended_and_names_what_is_gone(
    letters: Callable[[Path, int], Path], start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    folder = letters(tmp_path / "in", 1)
    mended, gone = folder / "letter_1.jpg", folder / "gone.jpg"
    page = mended.read_bytes()
    for path in (mended, gone):
        path.write_bytes(b"")
    process = start("run", folder, "--library", tmp_path / "library", "--json")
    out, messages = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, json.loads(out)["failed"]) == (10, 2), messages
    mended.write_bytes(page)
    gone.unlink()
    process = start("retry", "--library", tmp_path / "library", "--json")
    out, messages = process.communicate(timeout=PATIENCE_S)
    account = json.loads(out)
    assert (process.returncode, account["done"], account["failed"]) == (10, 1, 0), messages
    assert "not tried: gone.jpg: it is no longer there" in messages
    assert "letter_1.jpg: " not in messages
    assert "warraq dismiss gone.jpg" in messages

    answer = warraq("status", tmp_path)
    assert "failed (1×): gone.jpg" in answer.stdout
    assert "warraq dismiss --missing" in answer.stderr
    answer = warraq("dismiss", tmp_path, "--missing", "--reason", "a torn duplicate")
    assert answer.stdout == "gone.jpg\tempty\tdismissed\n"
    answer = warraq("status", tmp_path)
    assert "gone.jpg" not in answer.stdout
    assert "1 failure dismissed" in answer.stderr
    (told,) = json.loads(warraq("status", tmp_path, "--json").stdout)["dismissed"]
    assert (told["source_path"], told["reason"]) == ("gone.jpg", "a torn duplicate")
    assert "nothing to retry" in warraq("retry", tmp_path).stderr


def test_a_retry_goes_on_where_a_source_folder_is_gone(tmp_path: Path) -> None:
    library = Library.create(tmp_path / "library")
    for name in ("gone", "emptied", "there"):
        (folder := tmp_path / name).mkdir()
        settings = RunSettings.model_validate({"sources": [folder], "library": library.root})
        library.publish(name, "default", failures=[failure(f"{name}.jpg")], run=run_record(name, settings))
    (tmp_path / "gone").rename(tmp_path / "unmounted")
    (tmp_path / "there" / "there.jpg").write_bytes(b"")
    answer = warraq("retry", tmp_path, "--json")
    assert answer.return_value == 10
    (account,) = map(json.loads, answer.stdout.splitlines())
    assert [(f["source_path"], f["kind"]) for f in account["failures"]] == [("there.jpg", "empty")]
    assert f"not tried: gone.jpg: its folder {tmp_path / 'gone'} is not there." in answer.stderr
    assert "not tried: emptied.jpg: it is no longer there" in answer.stderr
    assert answer.stderr.count("not tried") == 2


def warraq(command: str, folder: Path, *arguments: str) -> Result:
    library = str(folder / "library")
    return CliRunner().invoke(
        cli, [command, "--library", library, *arguments], standalone_mode=False, catch_exceptions=False
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="root may enter every folder")
def test_a_folder_without_permission_is_named(tmp_path: Path) -> None:
    from ocr_core.sources import discover

    closed = tmp_path / "in" / "closed"
    closed.mkdir(parents=True)
    closed.chmod(0)
    found = discover([tmp_path / "in"])
    assert [(failure.source_path, failure.kind) for failure in found.failures] == [("closed", "permission")]
