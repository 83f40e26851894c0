"""The reader of single characters: its file, its speed-ups, what it refuses."""

from __future__ import annotations

import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from ocr_core.errors import ModelError, PageError
from ocr_core.recognizers.glyphs.engine import GlyphRecognizer
from ocr_core.recognizers.glyphs.file import read_glyphs, write_glyphs
from ocr_core.recognizers.glyphs.network import CLASSES, CompactGlyphs, GlyphKind, kind_of, new_network
from ocr_core.recognizers.register import load_reader
from ocr_core.records import Failure, GreyImage, LineImage, Transcript


def drawn(*strokes: tuple[tuple[int, int], tuple[int, int]]) -> GreyImage:
    """Dark strokes on a light ground."""
    picture = np.full((60, 60), 235, np.uint8)
    for start, end in strokes:
        cv2.line(picture, start, end, 30, 4, cv2.LINE_AA)
    return picture


SEVEN = drawn(((12, 12), (30, 48)), ((30, 48), (48, 12)))
EIGHT = drawn(((12, 48), (30, 12)), ((30, 12), (48, 48)))


def line(pixels: GreyImage) -> LineImage:
    return LineImage("page-00001-0000", pixels, 0.0, np.eye(2, 3))


def stirred(kind: GlyphKind) -> torch.nn.Module:
    """A network by chance whose batch norms have seen something."""
    torch.manual_seed(3)
    network = new_network(kind).train()
    with torch.no_grad():
        for _ in range(3):
            network((torch.rand(4, 1, network.side, network.side) > 0.7).float())
    return network.eval()


def test_there_are_38_classes_and_the_letters_come_in_their_order() -> None:
    assert len(CLASSES) == len(set(CLASSES)) == 38
    assert [CLASSES[i] for i in (0, 9, 10, 11, 13, 36, 37)] == ["٠", "٩", "ا", "ب", "ث", "و", "ي"]


def test_the_published_network_has_its_published_size() -> None:
    # Four convolutions with biases, four norms, one dense layer: counted from the published description.
    convolutions = sum(9 * a * b + b for a, b in ((1, 16), (16, 32), (32, 64), (64, 128)))
    expected = convolutions + 2 * (16 + 32 + 64 + 128) + 128 * 38 + 38
    assert sum(p.numel() for p in new_network("published").parameters()) == expected


@pytest.mark.parametrize("kind", ["compact", "published"])
def test_a_file_gives_back_the_network(kind: GlyphKind, tmp_path: Path) -> None:
    network = stirred(kind)
    path = tmp_path / "made.safetensors"
    write_glyphs(path, network)  # type: ignore[arg-type]
    assert path.stat().st_size < 2_000_000
    back = read_glyphs(path.read_bytes(), path.name)
    assert kind_of(back) == kind
    x = torch.rand(3, 1, back.side, back.side)
    assert torch.allclose(network(x), back(x), atol=5e-3)


def test_folding_norms_changes_nothing() -> None:
    network = stirred("compact")
    assert isinstance(network, CompactGlyphs)
    x = torch.rand(3, 1, 32, 32)
    before = network(x)
    assert torch.allclose(network.folded()(x), before, atol=1e-4)
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in network.modules())


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "made.safetensors"
    write_glyphs(path, stirred("compact"))  # type: ignore[arg-type]
    data = path.read_bytes()
    with pytest.raises(ModelError, match="not a whole safetensors file"):
        read_glyphs(data[:-100], "cut")
    with pytest.raises(ModelError, match="not a whole safetensors file"):
        read_glyphs(pickle.dumps({"head.weight": [1]}), "pickle")
    save_file({"a": torch.zeros(2)}, str(path), metadata={"format": "other"})
    with pytest.raises(ModelError, match="is not a warraq-glyphs-1 file"):
        read_glyphs(path.read_bytes(), "other")
    header = {"format": "warraq-glyphs-1", "classes": CLASSES, "kind": "published"}
    save_file({"head.weight": torch.zeros(38, 128)}, str(path), metadata=header)
    with pytest.raises(ModelError, match="does not fit its network"):
        read_glyphs(path.read_bytes(), "lacking")


@pytest.mark.parametrize("name", ["glyphs", "glyphs-published"])
def test_the_packaged_networks_read_drawn_digits_either_way_round(name: str) -> None:
    reader = GlyphRecognizer.load(name, device="cpu")
    for pixels, digit in ((SEVEN, "٧"), (EIGHT, "٨")):
        for shown in (pixels, 255 - pixels):
            [answer] = reader.recognize([line(np.ascontiguousarray(shown))])
            assert isinstance(answer, Transcript)
            assert answer.text == digit


@pytest.mark.parametrize(("dot", "letter"), [(255, "خ"), (60, "خ"), (20, "خ"), (0, "ح")])
def test_the_packaged_network_sees_a_dot_with_a_twelfth_of_the_ink(dot: int, letter: str) -> None:
    picture = np.zeros((32, 32), np.uint8)
    body = np.array([(10, 8), (20, 8), (10, 16), (9, 20), (13, 25), (21, 25)], np.int32)
    cv2.polylines(picture, [body], False, 255, 2, cv2.LINE_AA)
    picture[2:4, 14:16] = dot
    [answer] = GlyphRecognizer.load("glyphs", device="cpu").recognize([line(picture)])
    assert isinstance(answer, Transcript)
    assert answer.text == letter


def test_a_blank_picture_has_no_text_and_a_line_of_writing_is_refused() -> None:
    reader = GlyphRecognizer.load("glyphs", device="cpu")
    blank, long = reader.recognize(
        [line(np.full((40, 40), 230, np.uint8)), line(np.zeros((20, 300), np.uint8))]
    )
    assert isinstance(blank, Transcript)
    assert (blank.text, blank.words) == ("", ())
    assert isinstance(long, Failure)
    assert long.kind == "no-single-character"
    with pytest.raises(PageError):
        reader.probabilities([np.zeros((20, 300), np.uint8)])


def test_alternatives_are_ranked_and_begin_with_the_answer() -> None:
    reader = GlyphRecognizer.load("glyphs", device="cpu")
    others = reader.alternatives(line(SEVEN), 5)
    assert others[0].text == "٧"
    assert [a.probability for a in others] == sorted((a.probability for a in others), reverse=True)
    assert sum(reader.probabilities([SEVEN])[0]) == pytest.approx(1, abs=1e-3)


def test_the_register_refuses_what_is_no_reader_of_characters() -> None:
    with pytest.raises(ModelError, match="is a crnn, not a reader of characters"):
        GlyphRecognizer.load("crnn-latin", device="cpu")
    with pytest.raises(Exception, match="no beam search"):
        load_reader("glyphs", device="cpu", decoding="beam")
