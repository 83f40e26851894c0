"""Whole runs with a tiny Qwen-VL that really reads the Arabic samples, and with one that is broken in every way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import torch
from PIL import Image

from ocr_core.config import RunSettings
from ocr_core.errors import ModelError
from ocr_core.library import Library
from ocr_core.models.pulled import MODELS_VARIABLE
from ocr_core.pipeline.engines import engines_for, settled_for
from ocr_core.recognizers.qwen.generate import Generated
from ocr_core.recognizers.qwen.inputs import Request
from ocr_core.recognizers.qwen.pull import pull_qwen
from ocr_core.recognizers.qwen.writer import TorchWriter
from ocr_core.records import Script
from ocr_core.search.search import search
from tests.recognizers.qwen_tiny import SMALL, save_endless_qwen, save_tiny_qwen

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


def test_a_mixed_page_goes_to_its_engines_line_by_line(pulled: Path, samples: Path, tmp_path: Path) -> None:
    source = samples / "mixed" / "synthetic-mixed.jpg"
    account = digitize(sources=[source], library=tmp_path / "library", arabic="vlm", vlm=SMALL)
    assert account["done"] == 1
    engines = rows(
        tmp_path / "library", "SELECT DISTINCT script, engine FROM lines WHERE text <> '' ORDER BY 1"
    )
    assert engines == [("arabic", "qwen-vl-arabic"), ("latin", "crnn-latin")]


def test_an_upgrade_reads_exactly_the_pages_that_a_weaker_engine_read(
    pulled: Path, samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for path in (samples / "arabic" / f"{PAGES[1]}.jpg", samples / "letters" / "JDH_2_16_144_002.jpg"):
        (folder / path.name).write_bytes(path.read_bytes())
    wanted: dict[str, Any] = {"sources": [folder], "library": tmp_path / "library", "vlm": SMALL}
    arabic = "SELECT DISTINCT engine FROM lines WHERE script = 'arabic'"
    assert digitize(**wanted)["done"] == 2
    assert rows(tmp_path / "library", arabic) == [("crnn-ar",)]  # there is no GPU

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    automatic = RunSettings.model_validate(wanted)
    assert engines_for(automatic)[Script.ARABIC].name == "qwen-vl-arabic"  # type: ignore[union-attr]
    assert engines_for(automatic.model_copy(update={"device": "cpu"}))[Script.ARABIC].name == "crnn-ar"  # type: ignore[union-attr]
    states = list(Library.open(tmp_path / "library").page_states().values())
    assert [state in settled_for(automatic) for state in states] == [True, True]
    upgraded = settled_for(automatic.model_copy(update={"upgrade": True}))
    assert sorted(state in upgraded for state in states) == [False, True]
    monkeypatch.undo()
    monkeypatch.setenv(MODELS_VARIABLE, str(pulled.parent))

    again = digitize(**wanted, arabic="vlm")
    assert (again["done"], again["already"]) == (2, 1)
    assert rows(tmp_path / "library", arabic) == [("qwen-vl-arabic",)]
    later = digitize(**wanted)  # the better text is kept where only the weaker engine reads
    assert later["already"] == 2


def test_without_the_model_it_says_how_to_get_it(
    samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(MODELS_VARIABLE, str(tmp_path / "nothing"))
    with pytest.raises(ModelError, match="warraq models pull qwen-vl-arabic"):
        digitize(sources=[samples / "arabic"], library=tmp_path / "library", arabic="vlm")


def small_pages(samples: Path, folder: Path, count: int) -> Path:
    """Cuts of an Arabic page, each with other lines."""
    folder.mkdir()
    with Image.open(samples / "arabic" / f"{PAGES[0]}.jpg") as page:
        for n in range(count):
            page.crop((0, 160 + 260 * n, page.width, 160 + 260 * n + 520)).save(folder / f"{n}.png")
    return folder


@pytest.mark.parametrize("model", ["looping", "endless"])
def test_a_model_that_writes_nonsense_accounts_for_every_page(
    model: str, samples: Path, tmp_path: Path
) -> None:
    how = save_endless_qwen if model == "endless" else partial(save_tiny_qwen, tied=True)
    vlm = {**SMALL, "model": str(how(tmp_path / model)), "page_tokens": 64, "retries": 1}
    sources = [small_pages(samples, tmp_path / "in", 3)]
    account = digitize(sources=sources, library=tmp_path / "library", arabic="vlm", vlm=vlm)
    assert (account["discovered"], account["done"], account["failed"]) == (3, 3, 0)
    signs = ["loop"] if model == "looping" else ["truncated", "broken-text"]
    for sign in signs:
        query = f"SELECT count(*) FILTER (list_contains(flags, '{sign}')), count(*) FROM lines"
        [(bad, lines)] = rows(tmp_path / "library", query)
        assert bad == lines > 6


@pytest.mark.parametrize("fault", ["one page", "memory"])
def test_a_model_that_fails_loses_no_page(
    fault: str, pulled: Path, samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`one page`: whatever is asked of it; `memory`: whenever more than one picture is asked for."""
    real = TorchWriter.generate

    def failing(self: TorchWriter, requests: Sequence[Request]) -> list[Generated]:
        if fault == "memory" and len(requests) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        # The page that is higher than the others, and lines, which are asked for because of it only.
        if fault == "one page" and any(
            r.pixels.shape[0] > 0.4 * r.pixels.shape[1] or r.new_tokens == SMALL["line_tokens"]
            for r in requests
        ):
            raise RuntimeError("the model cannot bear this page")
        return real(self, requests)

    folder = small_pages(samples, tmp_path / "in", 3)
    with Image.open(samples / "arabic" / f"{PAGES[0]}.jpg") as page:
        page.crop((0, 420, page.width, 1100)).save(folder / "1.png")
    wanted: dict[str, Any] = {
        "sources": [folder],
        "library": tmp_path / "library",
        "arabic": "vlm",
        "vlm": SMALL,
    }
    with monkeypatch.context() as patch:
        patch.setattr(TorchWriter, "generate", failing)
        account = digitize(**wanted)
    if fault == "memory":
        assert (account["done"], account["failed"]) == (3, 0)
        return
    assert (account["discovered"], account["done"], account["failed"]) == (3, 2, 1)
    [failure] = Library.open(tmp_path / "library").open_failures()
    assert (failure.source_path, failure.stage, failure.kind) == ("1.png", "recognize", "engine-error")
    assert "cannot bear" in failure.message
    account = digitize(**wanted)
    assert (account["done"], account["failed"], account["already"]) == (3, 0, 2)
