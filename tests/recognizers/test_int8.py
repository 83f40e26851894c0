"""Convolutions of 8 bits: near to those of 32 bits, and the same in any company."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ocr_core.recognizers.crnn.int8 import Int8Conv, Int8Crnn, fast_int8
from ocr_core.recognizers.crnn.network import Crnn, CrnnShape

pytestmark = pytest.mark.skipif(
    not fast_int8(), reason="this processor multiplies 8-bit numbers no faster than others"
)


def _layer(inputs: int, outputs: int, seed: int) -> tuple[nn.Conv2d, nn.BatchNorm2d]:
    torch.manual_seed(seed)
    conv, norm = nn.Conv2d(inputs, outputs, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs)
    with torch.no_grad():
        norm.running_var.fill_(1 / 3 * 1 / 3)
        norm.weight.uniform_(0.5, 1.5)
        norm.bias.uniform_(-0.5, 0.5)
    return conv.eval(), norm.eval()


@pytest.mark.parametrize("shortcut", [False, True])
def test_a_layer_is_near_to_the_one_it_was_made_of(shortcut: bool) -> None:
    conv, norm = _layer(16, 16, 1)
    x = torch.rand(2, 16, 6, 40)
    rounded = (x * 255).round().to(torch.uint8).contiguous(memory_format=torch.channels_last)
    layer = Int8Conv(conv, norm, 1 / 255, shortcut=shortcut)
    with torch.inference_mode():
        true = torch.relu(norm(conv(x)) + (x if shortcut else 0))
        found = layer(rounded).float() * layer.step
    assert rounded.equal((x * 255).round().to(torch.uint8))  # what goes in is not written to
    assert float((found - true).abs().max()) < 3 * layer.step
    assert float(true.max()) > 60 * layer.step  # the range is not wasted


def test_a_zero_that_is_not_nought_is_taken_off() -> None:
    conv, norm = _layer(1, 8, 2)
    x = torch.rand(1, 1, 8, 24) * 2 - 1
    rounded = (x * 127.5 + 128).round().clamp(0, 255).to(torch.uint8)
    layer = Int8Conv(conv, norm, 1 / 127.5, zero=128)
    with torch.inference_mode():
        true = torch.relu(norm(conv(x)))
        found = layer(rounded.contiguous(memory_format=torch.channels_last)).float() * layer.step
    assert float((found - true).abs().max()) < 4 * layer.step


@pytest.fixture(scope="module")
def network() -> Crnn:
    torch.manual_seed(3)
    made = Crnn(CrnnShape(classes=12, height=48, channels=(16, 16, 32, 32), hidden=32, layers=2)).eval()
    made.train()
    with torch.no_grad():  # norms that know their input, as after training
        for _ in range(60):
            made(torch.rand(4, 1, 48, 128), torch.full((4,), 128))
    return made.eval()


def test_a_network_reads_as_it_did(network: Crnn) -> None:
    x, widths = torch.rand(4, 1, 48, 128), torch.tensor([128, 128, 96, 60])
    for row, width in enumerate(widths.tolist()):
        x[row, :, :, width:] = 0
    with torch.inference_mode():
        true = network(x, widths)[0].softmax(2)
        found = Int8Crnn(network)(x, widths)[0].softmax(2)
    for row, width in enumerate(widths.tolist()):
        frames = -(-width // 4)
        assert float((true[:frames, row] - found[:frames, row]).abs().max()) < 0.02


def test_a_line_reads_the_same_in_any_company(network: Crnn) -> None:
    reader = Int8Crnn(network)
    x, widths = torch.rand(3, 1, 48, 160), torch.tensor([160, 100, 64])
    for row, width in enumerate(widths.tolist()):
        x[row, :, :, width:] = 0
    with torch.inference_mode():
        together = reader(x, widths)[0]
        pair = reader(x[1:, :, :, :100].contiguous(), widths[1:])[0]
    assert together[:25, 1:].equal(pair)
