"""ONNX: the same texts from the same lines, whatever their widths and number."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ocr_core.errors import ModelError
from ocr_core.ground import normalise_height
from ocr_core.recognizers.crnn.engine import CrnnRecognizer
from ocr_core.recognizers.crnn.onnx_export import export_onnx
from ocr_core.recognizers.decoding.ctc import greedy

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")


def test_reads_what_the_engine_reads(tmp_path: Path) -> None:
    export_onnx("crnn-latin", tmp_path / "a.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "a.onnx"), providers=["CPUExecutionProvider"])
    properties = session.get_modelmeta().custom_metadata_map
    engine = CrnnRecognizer.load(device="cpu", precision="fp32", decoding="greedy")
    assert properties["characters"] == engine.charset.characters
    assert properties["weights_sha256"] == engine.stamp.weights_sha256
    height, rng = int(properties["height"]), np.random.default_rng(0)
    for widths, columns in (([96], 96), ([40, 200, 133, 255], 256)):
        lines = []
        for width in widths:
            line = np.full((height, width), 255, np.uint8)
            for x in range(4, width - 6, 9):
                line[int(rng.integers(4, 20)) : int(rng.integers(24, height)), x : x + 3] = int(
                    rng.integers(0, 90)
                )
            lines.append(line)
        batch = np.zeros((len(lines), 1, height, columns), np.float32)
        for row, line in enumerate(lines):
            batch[row, 0, :, : line.shape[1]] = 1 - normalise_height(line, height).astype(np.float32) / 255
        scores = session.run(None, {"lines": batch, "widths": np.array(widths)})[0]
        for row, own in enumerate(engine.log_probs(lines)):
            np.testing.assert_allclose(scores[: len(own), row], own, atol=1e-3)
            assert greedy(scores[: len(own), row]).classes == greedy(own).classes


def test_other_models_are_refused(tmp_path: Path) -> None:
    for name in ("script-router", "none"):
        with pytest.raises(ModelError):
            export_onnx(name, tmp_path / "a.onnx")
    assert list(tmp_path.iterdir()) == []
