"""Names of exported files stay inside the folder and apart from each other, whatever the sources are called."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import PurePosixPath

from hypothesis import given
from hypothesis import strategies as st

from ocr_core.exports import names
from ocr_core.exports.model import ExportPage

PAGE = ExportPage(
    "d" * 64 + "-00001", "d" * 64, "letters", "/in", "a/b.jpg", "image/jpeg", 1, 1, False, "image", 10, 10, None,
    "latin", "done", None, "r", datetime(2026, 1, 1, tzinfo=UTC), "", (),
)  # fmt: skip


def name(path: str, **changes: object) -> str:
    return str(names.of_page(replace(PAGE, source_path=path, **changes), ".xml"))  # type: ignore[arg-type]


def test_ordinary_names_stay_as_they_are() -> None:
    assert name("a/b.jpg") == "letters/a/b.xml"
    assert name("أرشيف/رسالة ١٢.jpg") == "letters/أرشيف/رسالة ١٢.xml"
    assert name("b.v2.pdf", pages_of_document=12, number=3) == "letters/b.v2~0003.xml"
    assert name("b.pdf", name_is_shared=True) == "letters/b~dddddddd.xml"


def test_hostile_names_become_plain_ones() -> None:
    assert name("../../etc/passwd") == "letters/%2E%2E/%2E%2E/etc/passwd.xml"
    assert name("/etc/passwd") == "letters/etc/passwd.xml"
    assert name(".htaccess") == "letters/%2Ehtaccess.xml"
    assert name("a~0002.jpg") == "letters/a%7E0002.xml"
    assert name("x\\..\\y<>:|?*\n.jpg") == "letters/x%5C..%5Cy%3C%3E%3A%7C%3F%2A%0A.xml"
    assert name("") == "letters/unnamed.xml"


def test_long_names_differ_by_their_digest() -> None:
    one, two = name("ب" * 300 + "1.jpg"), name("ب" * 300 + "2.jpg")
    assert one != two
    assert all(len(part.encode()) < 250 for part in PurePosixPath(one).parts)
    deep = name("/".join(["folder"] * 500) + "/a.jpg")
    assert len(deep) < 900 and deep != name("/".join(["folder"] * 501) + "/a.jpg")


@given(st.lists(st.text(min_size=1), min_size=2, max_size=2, unique=True), st.integers(1, 3))
def test_no_name_leaves_the_folder_and_two_sources_never_share_one(paths: list[str], number: int) -> None:
    sources = {str(PurePosixPath(p.replace("\0", ""))) for p in paths}
    made = {
        # The library tells sources of one stem apart; here they always are.
        name(path, pages_of_document=3, number=number, name_is_shared=True, doc_id=f"{i:064}"[::-1])
        for i, path in enumerate(sorted(sources), 1)
    }
    assert len(made) == len(sources)
    for one in made:
        path = PurePosixPath(one)
        assert not path.is_absolute() and ".." not in path.parts and path.parts[0] == "letters"
        assert "\0" not in one and "\n" not in one
        assert all(len(part.encode()) <= 255 for part in path.parts)
