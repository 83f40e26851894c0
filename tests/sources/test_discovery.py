"""What is found, what is left out, in which order; and what the files turn out to be."""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ocr_core.errors import UsageError
from ocr_core.records import Document, Failure, SourceFile, Stage
from ocr_core.sources import Limits, discover, file_at, identify, identify_all, natural_key, read_pages
from tests import faults

Bytes = Callable[..., bytes]


def image(path: Path, value: int = 200, **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (16, 16), value).save(path, **options)
    return path


def found(*sources: Path) -> list[str]:
    return [file.source_path for file in discover(sources).files]


def test_natural_order_across_folders_and_scripts(tmp_path: Path) -> None:
    names = ["p10.png", "p2.png", "p1.png", "b/1.png", "a 2/1.png", "a/10.png", "a/9.png"]
    names += ["صفحة ١٠.png", "صفحة ٢.png", "страница 3.png", "頁4.png"]
    for name in names:
        image(tmp_path / name)
    order = found(tmp_path)
    assert sorted(order) == sorted(names)
    for before, after in [("p1.png", "p2.png"), ("p2.png", "p10.png"), ("a/9.png", "a/10.png")]:
        assert order.index(before) < order.index(after)
    assert order.index("a/10.png") < order.index("a 2/1.png")
    assert order.index("صفحة ٢.png") < order.index("صفحة ١٠.png")


@given(
    st.permutations([f"{letter}{number}.png" for letter in "aB" for number in (1, 2, 10, 100)] + ["a01.png"])
)
def test_order_does_not_depend_on_the_order_of_finding(names: list[str]) -> None:
    ordered = sorted(names, key=natural_key)
    assert ordered == ["a01.png", "a1.png", "a2.png", "a10.png", "a100.png"] + [
        f"B{n}.png" for n in (1, 2, 10, 100)
    ]


@given(st.lists(st.text(min_size=1), unique=True))
def test_any_names_can_be_sorted_and_no_two_are_equal(names: list[str]) -> None:
    ordered = sorted(names, key=natural_key)
    names.reverse()
    assert ordered == sorted(names, key=natural_key) and sorted(ordered) == sorted(names)


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_numbers_sort_by_value(one: int, other: int) -> None:
    assert (natural_key(f"p{one}.png") < natural_key(f"p{other}.png")) == (one < other)


def test_hidden_files_and_sidecars_are_left_out_with_a_reason(tmp_path: Path) -> None:
    image(tmp_path / "1.png")
    image(tmp_path / ".2.png")
    image(tmp_path / ".trash" / "3.png")
    image(tmp_path / "__MACOSX" / "4.png")
    for name in ("1.xml", "1.gt.txt", "Thumbs.db", "notes.json", "a.docx", "scan.djvu", "b.djvu"):
        (tmp_path / name).write_bytes(b"PK\x03\x04" + bytes(20))
    image(tmp_path / "library" / "images" / "5.png")
    (tmp_path / "library" / "warraq.toml").touch()
    result = discover([tmp_path])
    assert [file.source_path for file in result.files] == ["1.png"] and not result.failures
    left_out = dict(result.left_out)
    assert left_out.pop("library") == "a Warraq library"
    assert left_out[".2.png"] == left_out[".trash"] == "hidden"
    assert left_out["1.xml"] == left_out["1.gt.txt"] == "text or data beside the pages"
    assert "ddjvu" in left_out["scan.djvu"]
    assert set(left_out) == {".2.png", ".trash", "__MACOSX", "1.xml", "1.gt.txt", "Thumbs.db", "notes.json",
                             "a.docx", "scan.djvu", "b.djvu"}  # fmt: skip


def test_a_file_with_an_unknown_name_is_taken_for_what_it_is(tmp_path: Path) -> None:
    image(tmp_path / "1.png").rename(tmp_path / "IMG0001")
    assert found(tmp_path) == ["IMG0001"]


def test_links(tmp_path: Path) -> None:
    outside, root = tmp_path / "outside", tmp_path / "root"
    image(outside / "secret.png")
    image(root / "a" / "1.png")
    (root / "a" / "up").symlink_to(root)  # a cycle
    (root / "b").symlink_to(root / "a")
    (root / "c.png").symlink_to(root / "a" / "1.png")
    (root / "d.png").symlink_to(outside / "secret.png")
    (root / "e").symlink_to(outside)
    (root / "f.png").symlink_to(root / "gone.png")
    (root / "self.png").symlink_to(root / "self.png")
    result = discover([root])
    assert [file.source_path for file in result.files] == ["a/1.png", "c.png"]
    assert {name: reason.split(" that")[0] for name, reason in result.left_out} == {
        "a/up": "link back to a folder above it", "b": "link to a folder",
        "d.png": "link", "e": "link",
    }  # fmt: skip
    assert {(f.source_path, f.kind) for f in result.failures} == {
        ("f.png", "unreadable"),
        ("self.png", "unreadable"),
    }
    documents, _ = identify_all(result.files)
    assert len(documents) == 1 and len(documents[0].copies) == 1


def test_a_pipe_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "1.png")
    assert discover([tmp_path]).left_out == (("1.png", "not a regular file"),)


def test_one_named_file_and_overlapping_sources(tmp_path: Path) -> None:
    path = image(tmp_path / "sub" / "1.png")
    assert discover([path]).files == (SourceFile(path, path.parent, "1.png"),)
    assert found(tmp_path, path, tmp_path / "sub") == ["sub/1.png"]


def test_a_source_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"There is no .*nowhere"):
        discover([tmp_path / "nowhere"])
    with pytest.raises(UsageError):
        discover([])


def test_names_that_are_no_utf8_become_clean_text(tmp_path: Path) -> None:
    raw = os.fsencode(tmp_path) + b"/caf\xe9\n1.png"
    image(tmp_path / "1.png").rename(os.fsdecode(raw))
    (file,) = discover([tmp_path]).files
    assert file.source_path == "caf\\xe9\\x0a1.png"
    json.dumps(file.source_path).encode("utf-8")
    document = identify(file)
    assert isinstance(document, Document)
    (page,) = read_pages([document.page(1)])
    assert not isinstance(page, Failure)


@pytest.mark.parametrize(
    "name",
    [
        b"a\nb",
        b"caf\xe9\n",
        b"byte \x85",
        "code \u0085".encode(),
        "line\u2028".encode(),
        b"plain \\x0a",
        b"c:\\x",
    ],
)
def test_a_file_is_found_again_by_its_clean_name(tmp_path: Path, name: bytes) -> None:
    image(tmp_path / "1.png").rename(os.fsdecode(os.fsencode(tmp_path / "in") + name))
    (file,) = discover([tmp_path]).files
    assert file_at(str(tmp_path), file.source_path) == file.path


def test_a_file_that_changes_before_it_is_read_fails(tmp_path: Path) -> None:
    path = image(tmp_path / "1.png")
    document = identify(SourceFile(path, tmp_path, "1.png"))
    assert isinstance(document, Document)
    (page,) = read_pages([document.page(1)])
    assert not isinstance(page, Failure)
    path.write_bytes(path.read_bytes() + b"another scan")
    os.utime(path, ns=(0, document.source.modified_ns + 1))
    (failed,) = read_pages([document.page(1)])
    assert isinstance(failed, Failure)
    assert (failed.kind, failed.page_id) == ("changed", document.page(1).page_id)


def test_a_name_that_leads_to_no_file_stays_as_it_is(tmp_path: Path) -> None:
    assert file_at(tmp_path, "gone\\x0a.png") == tmp_path / "gone\\x0a.png"


def test_a_pdf_with_such_a_name(tmp_path: Path, raw_pdf: Bytes, make_page: type) -> None:
    folder = os.fsencode(tmp_path)
    for name in (b"\xff -r.pdf", "كتاب.pdf".encode()):
        Path(os.fsdecode(folder + b"/" + name)).write_bytes(raw_pdf([make_page(box=(72, 72))]))
    for file in discover([tmp_path]).files:
        document = identify(file)
        assert isinstance(document, Document), document
        (page,) = read_pages([document.page(1)])
        assert not isinstance(page, Failure) and page.pixels.shape == (300, 300)


def test_a_folder_that_may_not_be_entered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image(tmp_path / "open" / "1.png")
    (tmp_path / "closed").mkdir()
    scan = os.scandir

    def guarded(path: Path) -> object:
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", guarded)
    result = discover([tmp_path])
    assert [file.source_path for file in result.files] == ["open/1.png"]
    (failure,) = result.failures
    assert (failure.source_path, failure.kind, failure.stage) == ("closed", "permission", Stage.DISCOVER)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_folder_that_may_not_be_entered_for_real(tmp_path: Path) -> None:
    image(tmp_path / "open" / "1.png")
    (tmp_path / "closed").mkdir(mode=0o700)
    unreadable = image(tmp_path / "open" / "2.png")
    unreadable.chmod(0o600)

    def unreadable_files() -> list[tuple[str, str]]:
        result = discover([tmp_path])
        _, failures = identify_all(result.files)
        return [(f.source_path, f.kind) for f in (*result.failures, *failures)]

    told = faults.as_nobody(unreadable_files, tmp_path)
    assert told == "[('closed', 'permission'), ('open/2.png', 'permission')]"


# -- identify ------------------------------------------------------------------------------------------------


def kind_of(path: Path, limits: Limits | None = None) -> str:
    result = identify(SourceFile(path, path.parent, path.name), limits or Limits())
    assert isinstance(result, Failure), result
    assert (
        result.message.endswith(".")
        and result.remedy.endswith((".", ")"))
        and result.source_path == path.name
    )
    return result.kind


def test_the_content_counts_and_not_the_name(tmp_path: Path) -> None:
    path = image(tmp_path / "1.png").rename(tmp_path / "1.jpg")
    document = identify(SourceFile(path, tmp_path, "1.jpg"))
    assert isinstance(document, Document) and document.media_type == "image/png"


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.png", b"", "empty"),
        ("a.png", b"Dear Sir, this is a letter.", "mislabelled"),
        ("a.jpg", b"<!DOCTYPE html><html>404</html>", "mislabelled"),
        ("a.pdf", b"PK\x03\x04" + bytes(30), "mislabelled"),
        ("a.tif", bytes(4096), "mislabelled"),
        ("a.docx", b"PK\x03\x04" + bytes(30), "unsupported"),
        ("a.png", b"\x89PNG\r\n\x1a\n" + bytes(50), "damaged"),
        ("a.jpg", b"\xff\xd8\xff\xe0", "damaged"),
        ("a.pdf", b"%PDF-1.4\nnothing but noise\n%%EOF", "damaged"),
    ],
)
def test_files_that_cannot_be_read(tmp_path: Path, name: str, content: bytes, kind: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert kind_of(path) == kind


def test_a_bomb_is_refused_by_its_header(tmp_path: Path) -> None:
    path = image(tmp_path / "bomb.png")
    header = b"IHDR" + struct.pack(">II", 30_000, 30_000) + path.read_bytes()[24:29]
    path.write_bytes(
        path.read_bytes()[:12] + header + struct.pack(">I", zlib.crc32(header)) + path.read_bytes()[33:]
    )
    assert kind_of(path) == "too-large"


def test_a_file_that_vanished(tmp_path: Path) -> None:
    assert kind_of(tmp_path / "gone.png") == "unreadable"


def test_pdf_kinds(tmp_path: Path, raw_pdf: Bytes, make_page: type) -> None:
    path = tmp_path / "a.pdf"
    encryption = b"/ID[<00><00>]/Encrypt<</Filter/Standard/V 1/R 2/P -64/O<%s>/U<%s>>>" % (
        b"00" * 32,
        b"11" * 32,
    )
    whole = raw_pdf([make_page(b"0 0 50 50 re f" * 200)] * 3)
    cases = {
        "encrypted": raw_pdf([make_page()], encryption),
        "no-pages": raw_pdf([]),
        "truncated": whole[: len(whole) * 2 // 3],
    }
    for kind, content in cases.items():
        path.write_bytes(content)
        assert kind_of(path) == kind, kind
    path.write_bytes(whole)
    assert kind_of(path, Limits(max_pages=2)) == "too-large"
    document = identify(SourceFile(path, tmp_path, "a.pdf"))
    assert isinstance(document, Document) and document.pages == 3


def test_an_owner_password_alone_does_not_matter(tmp_path: Path, raw_pdf: Bytes, make_page: type) -> None:
    """A PDF that opens with the empty user password (standard handler, revision 2, 40-bit RC4)."""
    path = tmp_path / "a.pdf"
    path.write_bytes(raw_pdf([make_page(box=(72, 72))], _encryption_with_empty_user_password()))
    document = identify(SourceFile(path, tmp_path, "a.pdf"))
    assert isinstance(document, Document) and document.pages == 1


def _encryption_with_empty_user_password() -> bytes:
    """The /Encrypt dictionary by algorithms 2 and 4 of the PDF reference, 3.5.2."""
    import hashlib

    padding = bytes.fromhex("28BF4E5E4E758A4164004E56FFFA01082E2E00B6D0683E802F0CA9FE6453697A")
    owner, identifier, permissions = b"\x42" * 32, b"\x01" * 16, -64
    key = hashlib.md5(padding + owner + permissions.to_bytes(4, "little", signed=True) + identifier).digest()[
        :5
    ]
    state, j = list(range(256)), 0
    for i in range(256):
        j = (j + state[i] + key[i % 5]) % 256
        state[i], state[j] = state[j], state[i]
    user, i, j = bytearray(), 0, 0
    for byte in padding:
        i = (i + 1) % 256
        j = (j + state[i]) % 256
        state[i], state[j] = state[j], state[i]
        user.append(byte ^ state[(state[i] + state[j]) % 256])
    return b"/ID[<%s><%s>]/Encrypt<</Filter/Standard/V 1/R 2/P -64/O<%s>/U<%s>>>" % (
        identifier.hex().encode(), identifier.hex().encode(), owner.hex().encode(), user.hex().encode()
    )  # fmt: skip


def test_equal_bytes_are_one_document(tmp_path: Path) -> None:
    for name in ("a.png", "b.png", "c.png"):
        image(tmp_path / name, 10 if name == "b.png" else 20)
    documents, failures = identify_all(discover([tmp_path]).files)
    assert [(d.source.source_path, [c.source_path for c in d.copies]) for d in documents] == [
        ("a.png", ["c.png"]), ("b.png", [])
    ]  # fmt: skip
    assert not failures


def test_a_changed_file_is_identified_anew(tmp_path: Path) -> None:
    path = image(tmp_path / "a.png", 10)
    first = identify(SourceFile(path, tmp_path, "a.png"))
    image(path, 20)
    os.utime(path, ns=(1, 1))
    second = identify(SourceFile(path, tmp_path, "a.png"))
    assert isinstance(first, Document) and isinstance(second, Document) and first.doc_id != second.doc_id


# -- everything in is everything out -------------------------------------------------------------------------


def test_a_mixed_folder_accounts_for_everything(tmp_path: Path, raw_pdf: Bytes, make_page: type) -> None:
    for number in range(5):
        image(tmp_path / "letters" / f"{number}.png", number)
    image(tmp_path / "copy" / "again.png", 0)
    tiff = [Image.new("L", (16, 16), value) for value in (1, 2, 3)]
    tiff[0].save(tmp_path / "three.tif", save_all=True, append_images=tiff[1:])
    whole = (tmp_path / "three.tif").read_bytes()
    (tmp_path / "broken chain.tif").write_bytes(whole[: len(whole) // 2 + 40])
    (tmp_path / "book.pdf").write_bytes(raw_pdf([make_page(box=(72, 72))] * 2))
    Image.effect_noise((256, 256), 60).save(tmp_path / "half.jpg")
    data = (tmp_path / "half.jpg").read_bytes()
    (tmp_path / "half.jpg").write_bytes(data[: len(data) // 2])
    (tmp_path / "zero.png").write_bytes(b"")
    (tmp_path / "text.png").write_text("Dear Sir")
    (tmp_path / "no pages.pdf").write_bytes(raw_pdf([]))
    (tmp_path / "1.xml").write_text("<a/>")
    survey = discover([tmp_path])
    documents, failures = identify_all(survey.files)
    assert len(survey.files) == 13 and [name for name, _ in survey.left_out] == ["1.xml"]
    assert sum(1 + len(d.copies) for d in documents) + len(failures) == len(survey.files)
    assert {f.source_path: f.kind for f in failures} == {
        "zero.png": "empty", "text.png": "mislabelled", "no pages.pdf": "no-pages"
    }  # fmt: skip
    results = [r for d in documents for r in read_pages([d.page(n) for n in range(1, d.pages + 1)])]
    assert len(results) == sum(d.pages for d in documents)
    bad = {(r.source_path, r.page_number): r for r in results if isinstance(r, Failure)}
    assert ("half.jpg", 1) in bad and bad["half.jpg", 1].kind == "truncated"
    assert {path for path, _ in bad} == {"half.jpg", "broken chain.tif"}
    last = max(key for key in bad if key[0] == "broken chain.tif")
    assert bad[last].kind == "truncated" and "others may have followed" in bad[last].message
    assert all(r.stage is Stage.READ and r.page_id and r.doc_id and r.remedy for r in bad.values())
    assert len(results) - len(bad) == 5 + 3 + 2 + sum(
        not isinstance(r, Failure) and r.page.source.source_path == "broken chain.tif" for r in results
    )
