"""The published network: to the parameter, to the frame, and the same values in its fast form."""

from __future__ import annotations

import copy

import pytest
import torch

from ocr_core.recognizers.published.network import PublishedCrnn, PublishedReader, published_frames
from tests.recognizers.published_weights import network


def test_has_exactly_the_published_parameters() -> None:
    assert sum(p.numel() for p in PublishedCrnn().parameters()) == 9_139_147


@pytest.mark.parametrize("width", [8, 64])
def test_shapes(width: int) -> None:
    network = PublishedCrnn().eval()
    with torch.inference_mode():
        x = torch.zeros(2, 1, 128, width)
        assert network.features(x).shape == (2, 512, 7, width // 4 - 1)
        assert network(x).shape == (width // 4 - 1, 2, 75)


def test_a_forward_pass_of_known_weights() -> None:
    """Every weight from a sine, so that the values depend on no generator: a change of any layer would change them."""
    made = PublishedCrnn().eval()
    with torch.inference_mode():
        for number, parameter in enumerate(made.parameters()):
            places = torch.arange(parameter.numel(), dtype=torch.float64)
            scale = 2 / max(parameter[0].numel(), 1) ** 0.5 if parameter.ndim > 1 else 0.1
            parameter.copy_((torch.sin(places * 0.7 + number) * scale).reshape(parameter.shape))
        x = torch.sin(torch.arange(128 * 24, dtype=torch.float64) * 0.05).float().reshape(1, 1, 128, 24)
        scores = made(x).log_softmax(2)
    assert scores.shape == (5, 1, 75)
    expected = torch.tensor(KNOWN)
    torch.testing.assert_close(scores[:, 0, [0, 1, 40, 74]], expected, atol=1e-3, rtol=1e-3)


KNOWN = [
    [-4.4391, -4.2871, -5.2426, -4.3179],
    [-4.4044, -4.2482, -5.2993, -4.2789],
    [-4.3674, -4.2224, -5.2670, -4.2538],
    [-4.3172, -4.1893, -5.2142, -4.2218],
    [-4.2456, -4.1438, -5.1367, -4.1780],
]
"""Log probabilities of outputs 0, 1, 40 and 74 in each frame."""


def test_lines_of_several_widths_are_read_as_if_alone() -> None:
    """Against the network alone on each line: with `widths`, and in the fast form."""
    plain = network()
    fast = PublishedReader(copy.deepcopy(plain))
    torch.manual_seed(1)
    widths = torch.tensor([8, 37, 64, 51])
    lines = [torch.rand(1, 1, 128, int(w)) * 2 - 1 for w in widths]
    batch = torch.zeros(4, 1, 128, 64)
    for row, line in enumerate(lines):
        batch[row, :, :, : line.shape[3]] = line[0]
    with torch.inference_mode():
        masked, quick = plain(batch, widths), fast(batch, widths)
        for row, line in enumerate(lines):
            frames = int(published_frames(widths)[row])
            alone = plain(line)[:, 0]
            assert len(alone) == frames
            torch.testing.assert_close(masked[:frames, row], alone, atol=1e-4, rtol=1e-3)
            torch.testing.assert_close(quick[:frames, row], alone, atol=1e-4, rtol=1e-3)
