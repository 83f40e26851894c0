"""The published network: to the parameter and to the frame."""

from __future__ import annotations

import pytest
import torch

from ocr_core.recognizers.published_crnn import PublishedCrnn


def test_has_exactly_the_published_parameters() -> None:
    assert sum(p.numel() for p in PublishedCrnn().parameters()) == 9_139_147


@pytest.mark.parametrize("width", [8, 64])
def test_shapes(width: int) -> None:
    network = PublishedCrnn().eval()
    with torch.inference_mode():
        x = torch.zeros(2, 1, 128, width)
        assert network.features(x).shape == (2, 512, 7, width // 4 - 1)
        assert network(x).shape == (width // 4 - 1, 2, 75)
