"""The compact network: shapes, and that a line's output is its own."""

from __future__ import annotations

import pytest
import torch

from ocr_core.recognizers.crnn.network import Crnn, CrnnShape, fold_norms

SMALL = CrnnShape(classes=7, height=32, channels=(4, 8, 8, 12), hidden=10, layers=2, dropout=0.2)


def _network(seed: int = 0) -> Crnn:
    torch.manual_seed(seed)
    network = Crnn(SMALL)
    network.train()
    with torch.no_grad():
        for _ in range(3):  # statistics that are not 0 and 1
            network(torch.rand(4, 1, 32, 64), torch.full((4,), 64))
    return network.eval()


@pytest.mark.parametrize("width", [4, 32, 100])
def test_one_frame_for_every_four_columns(width: int) -> None:
    logits, auxiliary = _network()(torch.rand(2, 1, 32, width), torch.tensor([width, width]))
    assert logits.shape == (width // 4, 2, 7)
    assert auxiliary is None


def test_training_adds_the_auxiliary_head() -> None:
    logits, auxiliary = _network().train()(torch.rand(2, 1, 32, 40), torch.tensor([40, 33]))
    assert auxiliary is not None
    assert auxiliary.shape == logits.shape


def test_output_does_not_depend_on_the_batch() -> None:
    network = _network()
    torch.manual_seed(1)
    widths = [37, 64, 90, 128]
    lines = [torch.rand(1, 1, 32, w) for w in widths]
    batch = torch.zeros(4, 1, 32, 160)
    for row, line in enumerate(lines):
        batch[row, :, :, : line.shape[3]] = line
    with torch.inference_mode():
        together, _ = network(batch, torch.tensor(widths))
        for row, (line, width) in enumerate(zip(lines, widths, strict=True)):
            frames = -(-width // 4)
            own = torch.zeros(1, 1, 32, frames * 4)
            own[..., :width] = line
            alone, _ = network(own, torch.tensor([width]))
            torch.testing.assert_close(together[:frames, row], alone[:, 0], atol=1e-5, rtol=1e-4)


def test_folding_the_norms_changes_nothing() -> None:
    x, widths = torch.rand(3, 1, 32, 64), torch.tensor([64, 50, 20])
    with torch.inference_mode():
        before, _ = _network()(x, widths)
        after, _ = fold_norms(_network())(x, widths)
    torch.testing.assert_close(before, after, atol=1e-4, rtol=1e-3)


def test_backward_lstm_starts_at_the_end_of_the_line() -> None:
    """What stands right of a line must not reach it: gradients of its frames with respect to the padding are 0."""
    network = _network()
    x = torch.rand(1, 1, 32, 96)
    x[..., 48:] = 0
    x.requires_grad_()
    logits, _ = network(x, torch.tensor([48]))
    logits[:12].sum().backward()
    assert x.grad is not None
    assert float(x.grad[..., :48].abs().sum()) > 0
    # Only the convolutions of the stem look over the edge; their view is 2 columns.
    assert float(x.grad[..., 52:].abs().sum()) == 0
