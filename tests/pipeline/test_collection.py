"""What a library says of a collection: it fills in what nobody gave, for runs and for workers."""

from __future__ import annotations

from pathlib import Path

import pytest

from ocr_core.config import ArabicEngine, RunSettings, ScriptChoice
from ocr_core.errors import LibraryError
from ocr_core.library import Library
from ocr_core.pipeline.collection import for_collection
from ocr_core.pipeline.shards import waiting
from tests.library.make import deferred

SAID = '[settings.collections.letters]\nscript = "arabic"\narabic = "crnn"\nenglish = "glyphs"\n'


def library_that_says(text: str, folder: Path) -> Library:
    marker = Library.create(folder).root / "warraq.toml"
    marker.write_text(marker.read_text("utf-8") + text, "utf-8")
    return Library.open(folder)


def settings(library: Path, **given: object) -> RunSettings:
    return RunSettings.model_validate({"sources": ["/in"], "library": library, **given})


def test_what_nobody_gave_is_as_the_library_says(tmp_path: Path) -> None:
    root = library_that_says(SAID, tmp_path / "library").root
    said = for_collection(settings(root, collection="letters", script="auto"))
    assert (said.script, said.arabic, said.english) == (ScriptChoice.AUTO, ArabicEngine.CRNN, "glyphs")
    assert for_collection(settings(root, collection="maps")) == settings(root, collection="maps")
    assert for_collection(settings(tmp_path / "none")) == settings(tmp_path / "none")

    # A recorded run goes on as it was, whatever the library says by now.
    marker = root / "warraq.toml"
    marker.write_text(marker.read_text("utf-8").replace("crnn", "vlm"), "utf-8")
    assert for_collection(said) == said
    assert for_collection(RunSettings.model_validate(said.model_dump(mode="json"))) == said


@pytest.mark.parametrize(
    ("given", "said", "expected"),
    [
        (None, "crnn", ArabicEngine.CRNN),
        (ArabicEngine.AUTO, "crnn", ArabicEngine.AUTO),
        (None, "defer", ArabicEngine.AUTO),  # which is why the pages wait
        (None, "auto", ArabicEngine.AUTO),
    ],
)
def test_workers_read_a_collection_as_the_library_says(
    given: ArabicEngine | None, said: str, expected: ArabicEngine, samples: Path, tmp_path: Path
) -> None:
    library = library_that_says(f'[settings.collections.letters]\narabic = "{said}"\n', tmp_path / "library")
    for collection in ("letters", "maps"):
        folder = tmp_path / collection
        folder.mkdir()
        for scan in (samples / "arabic").glob("*.jpg"):
            (folder / scan.name).write_bytes(scan.read_bytes() + collection.encode())
        deferred(library, folder, collection, collection=collection)
    found = {alike.collection: (alike.arabic, len(pages)) for alike, pages in waiting(library, given)}
    assert found == {"letters": (expected, 2), "maps": (given or ArabicEngine.AUTO, 2)}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (SAID + "language = 7\n", r"letters\.language"),
        ("[settings.letters]\nscript = 'latin'\n", r"settings\.letters"),
    ],
)
def test_what_does_not_work_is_told_with_a_remedy(text: str, told: str, tmp_path: Path) -> None:
    root = library_that_says(text, tmp_path / "library").root
    with pytest.raises(LibraryError, match=told) as raised:
        for_collection(settings(root))
    assert "[settings.collections.NAME]" in str(raised.value.remedy)
