"""Whole runs with a tiny Qwen-VL that really reads the Arabic samples, and with one that is broken in every way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from PIL import Image

from ocr_core.config import RunSettings
from ocr_core.errors import ModelError
from ocr_core.library import Library
from ocr_core.models.remote import MODELS_VARIABLE
from ocr_core.pipeline.engines import engines_for, settled_for
from ocr_core.recognizers.qwen_pull import pull_qwen
from ocr_core.records import Script
from ocr_core.search.search import search
from tests.recognizers.qwen_tiny import SMALL

pytestmark = pytest.mark.usefixtures("prefect_server")

PAGES = ("synthetic-arithmetic", "تاريخ-وهران-synthetic")


def digitize(**settings: Any) -> dict[str, Any]:
    from flows.digitize import digitize as flow

    return flow(RunSettings.model_validate(settings))


def rows(library: Path, query: str) -> list[Any]:
    with closing(Library.open(library).connect()) as con:
        return con.execute(query).fetchall()


def truth(samples: Path, page: str) -> list[str]:
    lines = ElementTree.parse(samples.parent / "ground_truth" / f"{page}.xml")
    return [line.text or "" for line in lines.iterfind(".//{*}TextLine/{*}TextEquiv/{*}Unicode")]


@pytest.fixture(scope="module")
def pulled(tiny_qwen: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        root = tmp_path_factory.mktemp("models")
        patch.setenv(MODELS_VARIABLE, str(root))
        pull_qwen(source=tiny_qwen)
        yield root / "qwen-vl-arabic"


@pytest.mark.parametrize("mode", ["page", "line"])
def test_the_samples_are_read_to_the_letter(mode: str, pulled: Path, samples: Path, tmp_path: Path) -> None:
    vlm = {**SMALL, "mode": mode}
    account = digitize(sources=[samples / "arabic"], library=tmp_path / "library", arabic="vlm", vlm=vlm)
    assert (account["done"], account["failed"], account["pending"]) == (2, 0, 0)
    library = Library.open(tmp_path / "library")
    for page in PAGES:
        read = library.page(f"{page}.jpg#1")
        assert [line["text"] for line in read.lines] == truth(samples, page)
        assert all(line["engine"] == "qwen-vl-arabic" and line["direction"] == "rtl" for line in read.lines)
        assert all(line["confidence"] > 0.9 and not line["flags"] for line in read.lines)
    assert {hit.source_path for hit in search(library, '"كاهل الجزائر"', limit=5)} == {f"{PAGES[1]}.jpg"}
