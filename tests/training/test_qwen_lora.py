"""LoRA: the tiny model learns lines and pages by heart, what is merged reads as adapters did, nothing is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import cv2
import pytest
import torch
from torch import nn

from ocr_core.errors import ModelError, UsageError
from ocr_core.ground_truth import read_page
from ocr_core.imaging.geometry import page_picture
from ocr_core.models import read_card
from ocr_core.recognizers.qwen.engine import QwenPageRecognizer, Reading
from ocr_core.recognizers.qwen.inputs import Request
from ocr_core.recognizers.qwen.pull import load_qwen
from ocr_core.recognizers.qwen.settings import QwenSettings
from ocr_core.records import PagePicture, PageText
from ocr_core.training.data.cache import LineCache, prepare
from ocr_core.training.qwen.config import LANGUAGE_MODEL, QwenLoraSettings
from ocr_core.training.qwen.lora import Adapted, adapt, adapters_of, merge, set_adapters
from ocr_core.training.qwen.samples import samples_of
from ocr_core.training.qwen.train import train_qwen_lora
from ocr_core.training.settings import load_settings
from tests.conftest import ROOT
from tests.recognizers.qwen_tiny import Lesson, save_tiny_qwen, see_apart

LINES, PIXELS = 4, 9_408


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Lines of an Arabic page of the samples, cut by their outlines, in the form png + gt.txt."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "lines").mkdir()
    page = cv2.imread(str(ROOT / "samples/archive/arabic/synthetic-arithmetic.jpg"), cv2.IMREAD_GRAYSCALE)
    truth = read_page(ROOT / "samples/ground_truth/synthetic-arithmetic.xml")
    for number, line in enumerate(truth.lines[:LINES]):
        x, y, width, height = cv2.boundingRect(line.polygon.astype("int32"))
        cv2.imwrite(str(folder / "lines" / f"page_{number}.png"), page[y : y + height, x : x + width])
        (folder / "lines" / f"page_{number}.gt.txt").write_text(line.text, "utf-8")
    return folder


@pytest.fixture(scope="module")
def tiny(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    paths = sorted(data.glob("lines/*.png"))
    pictures = [cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in paths]
    texts = [path.with_suffix(".gt.txt").read_text("utf-8") for path in paths]
    lessons = [Lesson(Request(p, "card", PIXELS, 48), text) for p, text in zip(pictures, texts, strict=True)]
    return see_apart(save_tiny_qwen(tmp_path_factory.mktemp("qwen") / "tiny", texts, spread=0.1), lessons)


def settings(data: Path, tiny: Path, folder: Path, **schedule: object) -> QwenLoraSettings:
    values = {
        "epochs": 2,
        "rate": 2e-2,
        "batch": LINES,
        "patience": 0,
        "samples_per_epoch": LINES,
        **schedule,
    }
    corpus = {"name": "page", "format": "lines", "path": "lines", "dev_fraction": 0, "source": "samples"}
    return QwenLoraSettings.model_validate(
        {
            "name": "tuned", "init": str(tiny), "data": data, "corpora": [corpus], "augment": 0, "line_pixels": PIXELS,
            "adapters": {"rank": 16, "dropout": 0.1, "layers": f"{LANGUAGE_MODEL}|lm_head"}, "schedule": values,
            "line_tokens": 48, "run": {"folder": folder / "run", "device": "cpu", "threads": 1},
        }
    )  # fmt: skip


def test_a_model_reads_exactly_the_lines_that_it_was_trained_on(
    data: Path, tiny: Path, tmp_path: Path
) -> None:
    chosen = settings(data, tiny, tmp_path, epochs=2, samples_per_epoch=LINES * 40)
    folder = train_qwen_lora(chosen)
    cache = LineCache(prepare(chosen))
    reader = load_qwen(QwenSettings(model=str(folder), mode="line", retries=0), device="cpu")
    requests = [Request(cache[row].nominal(), "card", PIXELS, 48) for row in range(len(cache))]
    answers = reader.readings(requests)
    assert [a.text for a in answers if isinstance(a, Reading)] == cache.table["text"]
    card = read_card(chosen.run.folder / "tuned.json")
    assert (card.kind, card.sha256) == ("qwen-vl", reader.stamp.weights_sha256)
    assert ("CER page", 0.0) in [(figure.name, figure.value) for figure in card.figures]


def test_an_interrupted_run_ends_as_one_that_was_not(
    data: Path, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ocr_core.training.qwen import train as qwen_lora

    whole = train_qwen_lora(settings(data, tiny, tmp_path / "a", epochs=3))
    interrupted = settings(data, tiny, tmp_path / "b", epochs=3)
    real = qwen_lora._epoch

    def killed(run: Any) -> float:
        if run.epoch == 2:
            raise KeyboardInterrupt
        return real(run)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(qwen_lora, "_epoch", killed)
        train_qwen_lora(interrupted)
    resumed = train_qwen_lora(interrupted)
    assert (whole / "model.safetensors").read_bytes() == (resumed / "model.safetensors").read_bytes()
    with pytest.raises(ModelError, match="another model"):
        smaller = interrupted.adapters.model_copy(update={"rank": 4})
        train_qwen_lora(interrupted.model_copy(update={"adapters": smaller}))


@pytest.fixture
def page_settings(tmp_path: Path) -> QwenLoraSettings:
    """The head of an Arabic page of the samples, as a PAGE file beside its image, to be learnt as lines and as a whole."""
    (folder := tmp_path / "pages").mkdir()
    tree = ElementTree.parse(ROOT / "samples/ground_truth/synthetic-arithmetic.xml")
    for region in tree.iterfind(".//{*}TextRegion"):
        for line in region.findall("{*}TextLine")[3:]:
            region.remove(line)
    tree.write(folder / "head.xml", encoding="utf-8")
    page = cv2.imread(str(ROOT / "samples/archive/arabic/synthetic-arithmetic.jpg"), cv2.IMREAD_GRAYSCALE)
    bottom = max(int(line.polygon[:, 1].max()) for line in read_page(folder / "head.xml").lines)
    cv2.imwrite(str(folder / "head.png"), page[: bottom + 20])
    plain = settings(tmp_path, tmp_path / "tiny", tmp_path, epochs=3, batch=3, samples_per_epoch=3 * 30)
    corpus = {"name": "letters", "path": "pages", "dev_fraction": 0}
    more = {
        "corpora": [corpus],
        "learn": "both",
        "page_pixels": 28_224,
        "page_tokens": 200,
        "pages_per_epoch": 50,
    }
    return QwenLoraSettings.model_validate(plain.model_dump() | more)


def test_whole_pages_are_learnt_beside_lines_as_page_mode_asks_for_them(
    page_settings: QwenLoraSettings,
) -> None:
    samples = samples_of(page_settings, words_in)
    lessons = [Lesson(s.request(row), s.text(row)) for s in samples for row in s.rows("train")]
    lines, whole = [lesson.text for lesson in lessons[:-1]], lessons[-1].text
    assert whole.split("\n") == lines
    see_apart(save_tiny_qwen(Path(page_settings.init), [whole], spread=0.1), lessons)
    folder = train_qwen_lora(page_settings)
    own = page_settings.model_dump(include={"line_pixels", "line_tokens", "page_pixels", "page_tokens"})
    reader = load_qwen(QwenSettings(model=str(folder), retries=0, **own), device="cpu")
    assert isinstance(reader, QwenPageRecognizer)
    page = cv2.imread(str(page_settings.data / "pages/head.png"), cv2.IMREAD_GRAYSCALE)
    [read] = reader.recognize_pages(
        [PagePicture("p-00001", page_picture(page, 0, page_settings.page_pixels))]
    )
    assert isinstance(read, PageText)
    assert [" ".join(word.text for word in row) for row in read.rows] == lines
    single = reader.readings([lesson.request for lesson in lessons[:-1]])
    assert [answer.text for answer in single if isinstance(answer, Reading)] == lines
    figures = {
        figure.name: figure.value for figure in read_card(page_settings.run.folder / "tuned.json").figures
    }
    assert figures["CER letters"] == figures["CER letters by page"] == 0


def test_pages_that_cannot_be_learnt_whole_are_left_out(page_settings: QwenLoraSettings) -> None:
    whole = page_settings.model_copy(update={"learn": "pages"})
    [pages] = samples_of(whole, words_in)
    assert len(pages.rows("train")) == 1
    with pytest.raises(UsageError, match="no page to train on"):
        samples_of(whole, lambda text: page_settings.page_tokens)
    path = page_settings.data / "pages" / "head.xml"
    first = read_page(path).lines[0].text
    path.write_text(path.read_text("utf-8").replace(first, "[...]"), "utf-8")
    with pytest.raises(UsageError, match="no page to train on"):
        samples_of(whole, words_in)
    [lines] = samples_of(page_settings.model_copy(update={"learn": "lines"}), words_in)
    assert len(lines.rows("train")) == 2


def words_in(text: str) -> int:
    return len(text.split())


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(6, 5), nn.Linear(5, 4))
        self.eye = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.eye(self.body(x))
        return out


def test_adapters_begin_at_nothing_and_merge_into_what_they_were() -> None:
    torch.manual_seed(0)
    net, x = Net(), torch.randn(7, 6)
    before = net(x)
    assert adapt(net, r"body\.\d", rank=2, alpha=4) == 2
    assert torch.equal(net(x), before)
    assert {n for n, p in net.named_parameters() if p.requires_grad} == {
        f"body.{layer}.{what}" for layer in (0, 1) for what in ("down", "up")
    }
    for part in net.modules():
        if isinstance(part, Adapted):
            nn.init.normal_(part.up)
    kept, adapted = adapters_of(net), net(x)
    assert not torch.allclose(adapted, before)
    set_adapters(net, {name: torch.zeros_like(value) for name, value in kept.items()})
    assert torch.allclose(net(x), before)
    set_adapters(net, kept)
    merge(net)
    assert not any(isinstance(part, Adapted) for part in net.modules())
    assert torch.allclose(net(x), adapted, atol=1e-5)


def test_adapters_that_cannot_be_are_refused() -> None:
    net = Net()
    for pattern, message in ((r"body\.7", "No layer of the model matches"), ("(", "is no pattern")):
        with pytest.raises(UsageError, match=message):
            adapt(net, pattern, rank=2, alpha=4)
    adapt(net, "eye", rank=2, alpha=4)
    with pytest.raises(KeyError):
        set_adapters(net, {})
    nn.init.constant_(net.eye.up, float("inf"))  # type: ignore[union-attr, arg-type]
    with pytest.raises(ModelError, match="no numbers"):
        merge(net)


def test_the_shipped_configuration_is_valid(tmp_path: Path) -> None:
    loaded = load_settings(QwenLoraSettings, Path("qwen-lora"), data=tmp_path, folder=tmp_path)
    assert loaded.init == "qwen-vl-arabic"
