"""Networks that OpenCV runs: no PyTorch in the processes that prepare pages."""

from __future__ import annotations

import cv2
import numpy as np

from ocr_core.errors import ModelError


def load_network(data: bytes, name: str) -> cv2.dnn.Net:
    """A network from the bytes of an ONNX file.

    Raises:
        ModelError: the bytes are no network that this OpenCV runs.
    """
    try:
        return cv2.dnn.readNetFromONNX(np.frombuffer(data, np.uint8))
    except cv2.error as error:
        raise ModelError(
            f"OpenCV cannot run the network {name}: {error}",
            remedy="Reinstall Warraq with the OpenCV it asks for.",
        ) from error
