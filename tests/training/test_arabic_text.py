"""Texts out of the files of Debian packages, laid out as the packages lay them out."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

import pytest

from ocr_core.training.synthetic.arabic_text import interface_lines, word_lines


def write_catalog(path: Path, messages: dict[str, str]) -> None:
    """A gettext catalogue (the format of `msgfmt`), with its header."""
    pairs = sorted(
        (k.encode(), v.encode())
        for k, v in {"": "Content-Type: text/plain; charset=UTF-8\n", **messages}.items()
    )
    keys, values = b"", b""
    places = []
    for key, value in pairs:
        places.append((len(key), len(keys), len(value), len(values)))
        keys, values = keys + key + b"\0", values + value + b"\0"
    table = 28 + 16 * len(pairs)
    head = struct.pack("<7I", 0x950412DE, 0, len(pairs), 28, 28 + 8 * len(pairs), 0, 0)
    originals = b"".join(struct.pack("<2I", n, table + at) for n, at, _, _ in places)
    translations = b"".join(struct.pack("<2I", n, table + len(keys) + at) for _, _, n, at in places)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(head + originals + translations + keys + values)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    catalog = tmp_path / "usr/lib/libreoffice/program/resource/ar/LC_MESSAGES/sw.mo"
    write_catalog(
        catalog, {"a": "احفظ الملف الآن. ثم أغلق <b>النافذة</b> $(ARG1)", "b": "OpenDocument", "c": "%1"}
    )
    pack = tmp_path / "usr/lib/firefox-esr/browser/extensions/langpack-ar@firefox.xpi"
    pack.parent.mkdir(parents=True)
    with zipfile.ZipFile(pack, "w") as archive:
        archive.writestr("a.ftl", "key = نافذة جديدة\nother = English only\n    تتمة الرسالة { $name }\n")
        archive.writestr("a.js", "var x = 'كلمة';")
    words = tmp_path / "usr/share/hunspell/ar.dic"
    words.parent.mkdir(parents=True)
    words.write_text("3\nكتاب/AB\nقلم\nword\n", "utf-8")
    meanings = tmp_path / "usr/share/mythes/th_ar.dat"
    meanings.parent.mkdir(parents=True)
    meanings.write_text("UTF-8\nحَبِيب|1\n-|صديق|رفيق الدرب\n", "utf-8")
    return tmp_path


def test_messages_become_sentences_without_markup(root: Path) -> None:
    assert interface_lines(root) == sorted(
        ["احفظ الملف الآن.", "ثم أغلق النافذة", "نافذة جديدة", "تتمة الرسالة"]
    )


def test_words_of_both_dictionaries_come_in_lines(root: Path) -> None:
    [line] = word_lines(root)
    for piece in ("حبيب", "صديق", "رفيق الدرب", "كتاب", "قلم"):
        assert piece in line
    assert "word" not in line
    assert word_lines(root) == [line]
