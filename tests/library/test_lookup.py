"""Pages are found by the names that people have for them, and where there is none the message says why."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ocr_core.errors import UsageError
from ocr_core.library import Library
from tests.library.make import document, failure, result, source


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    library = Library.create(tmp_path_factory.mktemp("my library") / "l")
    letter = document("box/a.jpg", copies=["copy of a.jpg"])
    book = document("book.pdf", pages=12)
    marked = document("a#1.jpg")
    torn = document("torn.jpg")
    library.publish(
        "r1",
        "c",
        documents=[letter, book, marked, torn],
        results=[
            result(letter.page(1), "letter"),
            *(result(book.page(n), f"page {n}") for n in range(1, 11)),
            result(marked.page(1), "marked"),
        ],
        failures=[failure("torn.jpg", torn.page(1)), failure("locked.pdf", kind="encrypted")],
    )
    moved = replace(letter, source=source("new/place.jpg", "/elsewhere"), copies=())
    library.publish("r2", "c", documents=[moved])
    return library


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("box/a.jpg#1", "letter"),
        ("box/a.jpg#1:1", "letter"),  # as `search` prints a hit on its first line
        ("box/a.jpg", "letter"),
        ("copy of a.jpg", "letter"),
        ("copy of a.jpg#1", "letter"),
        ("new/place.jpg", "letter"),
        ("new/place.jpg#1", "letter"),
        ("book.pdf#10", "page 10"),
        ("a#1.jpg#1", "marked"),
        ("a#1.jpg", "marked"),
    ],
)
def test_names_of_pages(name: str, text: str, library: Library) -> None:
    stored = library.page(name)
    assert [line["text"] for line in stored.lines] == [text]
    assert library.page(stored.page["page_id"]) == stored


def test_a_name_may_tell_one_line(tmp_path: Path) -> None:
    library = Library.create(tmp_path / "l")
    page = result(document("a.jpg").page(1), "first", "second", "third")
    library.publish("r1", "c", results=[page])
    assert [line["text"] for line in library.page("a.jpg#1:2").lines] == ["second"]
    for wrong in ("a.jpg#1:4", "a.jpg#1:0"):
        with pytest.raises(UsageError, match=f"{wrong} is not there: the page has lines 1 to 3"):
            library.page(wrong)


@pytest.mark.parametrize(
    ("name", "says", "remedy"),
    [
        (
            "book.pdf",
            r"Several pages answer to 'book.pdf':\n  \w+-00001  book.pdf#1\n(.*\n){7}  …",
            "PATH#NUMBER",
        ),
        ("book.pdf#13", "book.pdf has no page 13 in the library; the file has 12", "Pages count from 1"),
        ("book.pdf#11", "book.pdf has no page 11", "--pages"),
        (
            "new/place.jpg#2",
            "new/place.jpg has no page 2 in the library; the file has 1",
            "Pages count from 1",
        ),
        ("torn.jpg#1", "torn.jpg#1 failed \\(truncated\\): The file ends early", "Scan it again"),
        ("locked.pdf", "locked.pdf failed \\(encrypted\\)", "Scan it again"),
        ("nobody.jpg#1", "No page in the library answers to 'nobody.jpg#1'", "l' \"SELECT"),
        ("box/b.jpg", r"answers to 'box/b.jpg'\. Did you mean box/a.jpg\?", "PATH#NUMBER"),
        ("BOOK", r"Did you mean book.pdf\?", "PATH#NUMBER"),
        ("", r"answers to ''\.\n", "PATH#NUMBER"),
        ("abc", "No page", "PATH#NUMBER"),
    ],
)
def test_pages_that_are_not_there(name: str, says: str, remedy: str, library: Library) -> None:
    with pytest.raises(UsageError, match=says) as raised:
        library.page(name)
    assert remedy in raised.value.remedy
