"""The compact CRNN for other runtimes: one ONNX file that takes any number of lines of any width.

Inputs `lines` float32 [n, 1, height, w] (ink 1, ground 0, zeros right of each line, w a multiple of 4) and `widths`
int64 [n]; output `log_probs` float32 [w / 4, n, classes], natural logarithms, class 0 the blank; a line has
ceil(width / 4) frames. The metadata hold `characters` (class 1 first), `height`, and the sha256 of the weights.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from ocr_core.errors import MissingDependency, ModelError
from ocr_core.models import WEIGHTS, verified_bytes
from ocr_core.recognizers.crnn.file import read_crnn
from ocr_core.recognizers.crnn.network import Crnn, fold_norms

OPSET = 17


class _LogProbs(nn.Module):
    def __init__(self, network: Crnn) -> None:
        super().__init__()
        self.network = network

    def forward(self, lines: Tensor, widths: Tensor) -> Tensor:
        logits: Tensor = self.network(lines, widths)[0]
        return logits.log_softmax(2)


def export_onnx(name: str, out: Path, folder: Path = WEIGHTS) -> None:
    """Write a packaged line reader as ONNX, atomically.

    Raises:
        MissingDependency: the package onnx is not installed.
        ModelError: there is no such line reader, or it is damaged.
    """
    try:
        import onnx
    except ImportError as error:
        raise MissingDependency("ONNX is not installed", remedy="Run `pip install onnx`.") from error
    card, data = verified_bytes(name, folder)
    if card.kind != "crnn":
        raise ModelError(f"{name} is a {card.kind}", remedy="Name a model of kind crnn.")
    network, charset = read_crnn(data, card.file)
    # Lines of several widths, so that the trace holds the masks that keep a line from seeing beyond its end.
    example = (torch.zeros(3, 1, network.shape.height, 160), torch.tensor([160, 101, 34]))
    part = out.with_name(out.name + ".part")
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")  # the one branch in the trace is decided by the example, as it should
        torch.onnx.export(
            _LogProbs(fold_norms(network)).eval(), example, str(part), dynamo=False, opset_version=OPSET,
            input_names=["lines", "widths"], output_names=["log_probs"],
            dynamic_axes={"lines": {0: "n", 3: "w"}, "widths": {0: "n"}, "log_probs": {0: "t", 1: "n"}},
        )  # fmt: skip
    model = onnx.load(str(part))
    onnx.helper.set_model_props(
        model,
        {
            "characters": charset.characters,
            "height": str(network.shape.height),
            "weights_sha256": card.sha256,
        },
    )
    onnx.save(model, str(part))
    part.replace(out)
