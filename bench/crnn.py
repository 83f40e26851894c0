#!/usr/bin/env python3
"""How fast the line readers read, in one run on the same lines.

Each folder holds page images with PAGE or ALTO files beside them; their lines are cut as training cuts them. For
`crnn-latin` and for the published network are printed lines a second of the engine (preparation, network, decoding) and
of the plain loop (float32, one line at a time, the network as it was defined), and the ratio of the two. The published
network runs with its pulled weights where they are on this machine, else with random ones: speed does not depend on them.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "folders", nargs="+", type=Path, help="folders of page images with PAGE or ALTO files"
    )
    parser.add_argument(
        "--lines", type=int, default=200, help="lines for crnn-latin, evenly from all pages (200)"
    )
    parser.add_argument(
        "--published-lines", type=int, default=24, help="how many of them the published network reads (24)"
    )
    parser.add_argument("--threads", type=int, default=2, help="threads of the processor (2)")
    parser.add_argument("--precision", default="auto", choices=["auto", "fp32", "bf16", "int8"])
    parser.add_argument(
        "--onnx", action="store_true", help="also crnn-latin as ONNX, in batches (needs onnxruntime)"
    )
    options = parser.parse_args()

    import torch

    torch.set_num_threads(options.threads)
    cv2.setNumThreads(1)
    lines = cut(options.folders, options.lines)
    widths = [64 * image.pixels.shape[1] / image.pixels.shape[0] for image in lines]
    print(
        f"lines {len(lines)}  median width {np.median(widths):.0f} px at height 64  threads {options.threads}"
    )
    compact(lines, options.precision)
    published(lines[:: max(1, len(lines) // options.published_lines)], options.precision)
    if options.onnx:
        onnx(lines, options.threads)


def cut(folders: list[Path], count: int) -> list:
    """`count` lines from all pages of the folders, as `LineImage`."""
    from ocr_core.layout.crops import rectify_line
    from ocr_core.layout.extents import page_extents
    from ocr_core.records import LineImage
    from ocr_core.training.data.ground_truth import read_pages, shape_of

    found = [(page, line) for folder in folders for page in read_pages(folder) for line in page.lines]
    chosen = found[:: max(1, len(found) // count)][:count]
    images, last = [], (None, None)
    for number, (page, line) in enumerate(chosen):
        if last[0] != page.image:
            last = (page.image, cv2.imread(str(page.image), cv2.IMREAD_GRAYSCALE))
        usual = page_extents([shape_of(one) for one in page.lines])
        strip = rectify_line(last[1], *shape_of(line), usual=usual)
        images.append(LineImage(f"bench-00001-{number:04d}", strip.image, 0.0, np.eye(2, 3)))
    return images


def compact(lines: list, precision: str) -> None:
    import torch

    from ocr_core.ground import normalise_height
    from ocr_core.models import verified_bytes
    from ocr_core.recognizers.crnn.engine import CrnnRecognizer
    from ocr_core.recognizers.crnn.file import read_crnn
    from ocr_core.recognizers.decoding.ctc import greedy

    engine = CrnnRecognizer.load(device="cpu", precision=precision, decoding="greedy")
    card, data = verified_bytes("crnn-latin")
    network, charset = read_crnn(data, card.file)

    def plain() -> list[str]:
        texts = []
        for line in lines:
            image = normalise_height(line.pixels, network.shape.height)
            columns = -(-image.shape[1] // 4) * 4
            x = torch.zeros(1, 1, len(image), columns)
            x[0, 0, :, : image.shape[1]] = 1 - torch.from_numpy(image).float() / 255
            with torch.inference_mode():
                scores = network(x, torch.tensor([image.shape[1]]))[0].log_softmax(2)[:, 0].numpy()
            texts.append(" ".join(charset.decode(greedy(scores).classes).split()))
        return texts

    compare("crnn-latin", lines, engine, plain)


def published(lines: list, precision: str) -> None:
    import torch

    from ocr_core.errors import ModelError
    from ocr_core.models import verified_bytes
    from ocr_core.models.pulled import models_folder
    from ocr_core.recognizers.crnn.engine import CrnnRecognizer
    from ocr_core.recognizers.crnn.lines import Placement
    from ocr_core.recognizers.decoding.charset import Charset
    from ocr_core.recognizers.decoding.ctc import greedy
    from ocr_core.recognizers.published.engine import NAME, load_published
    from ocr_core.recognizers.published.file import read_published
    from ocr_core.recognizers.published.lines import PublishedLines, as_published
    from ocr_core.recognizers.published.network import PublishedCrnn
    from ocr_core.records import EngineStamp

    try:
        engine = load_published(device="cpu", precision=precision)
        card, data = verified_bytes(NAME, models_folder() / NAME)
        network, charset, _ = read_published(data, card.file)
        weights = "pulled weights"
    except ModelError:
        torch.manual_seed(1)
        network, charset = PublishedCrnn().eval(), Charset("".join(map(chr, range(48, 122))))
        copy = PublishedCrnn()
        copy.load_state_dict(network.state_dict())
        reader = PublishedLines(copy, Placement.of("cpu", precision))
        engine = CrnnRecognizer(reader, charset, EngineStamp(NAME, "0", ""))
        weights = "random weights"

    def plain() -> list[str]:
        texts = []
        for line in lines:
            x = (torch.from_numpy(as_published(line.pixels)).float() / 255 - 0.5) / 0.5
            with torch.inference_mode():
                scores = network(x[None, None]).log_softmax(2)[:, 0].numpy()
            texts.append(" ".join(charset.decode(greedy(scores).classes).split()))
        return texts

    compare(f"published network ({weights})", lines, engine, plain)


def onnx(lines: list, threads: int) -> None:
    """The network alone, in the engine's batches."""
    import tempfile

    import onnxruntime
    import torch

    from ocr_core.models import verified_bytes
    from ocr_core.recognizers.crnn.file import read_crnn
    from ocr_core.recognizers.crnn.lines import BATCH_COLUMNS, BATCH_LINES, CompactLines, Placement
    from ocr_core.recognizers.crnn.onnx_export import export_onnx
    from ocr_core.recognizers.pictures import line_batches

    card, data = verified_bytes("crnn-latin")
    placement = Placement.of("cpu")
    reader = CompactLines(read_crnn(data, card.file)[0], placement)
    jobs = [reader.prepare(place, line.pixels) for place, line in enumerate(lines)]
    batches = []
    for batch in line_batches(jobs, BATCH_LINES, BATCH_COLUMNS):
        widths = [job.image.shape[1] for job in batch]
        x = np.zeros((len(batch), 1, len(batch[0].image), -(-max(widths) // 32) * 32), np.float32)
        for row, job in enumerate(batch):
            x[row, 0, :, : widths[row]] = 1 - job.image.astype(np.float32) / 255
        batches.append((x, np.array(widths)))
    with tempfile.TemporaryDirectory() as folder:
        export_onnx("crnn-latin", Path(folder) / "crnn.onnx")
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(str(Path(folder) / "crnn.onnx"), settings)

    def through_onnx() -> None:
        for x, widths in batches:
            session.run(None, {"lines": x, "widths": widths})

    def through_torch() -> None:
        for x, widths in batches:
            with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=placement.bf16):
                reader._network(torch.from_numpy(x), torch.from_numpy(widths))

    a, b = (len(lines) / seconds(f) for f in (through_onnx, through_torch))
    print(f"crnn-latin, network alone: onnxruntime {a:.1f} lines/s  PyTorch {b:.1f} lines/s")


def compare(name: str, lines: list, engine: object, plain: Callable[[], list[str]]) -> None:
    texts = plain()
    read = [getattr(t, "text", "") for t in engine.recognize(lines)]  # type: ignore[attr-defined]
    slow, fast = [], []
    for _ in range(3):  # by turns, so that other load on the machine meets both
        fast.append(seconds(lambda: engine.recognize(lines), 1))  # type: ignore[attr-defined]
        slow.append(seconds(plain, 1))
    a, b = len(lines) / min(fast), len(lines) / min(slow)
    same = sum(x == y for x, y in zip(texts, read, strict=True))
    print(
        f"{name}: engine {a:.1f} lines/s  plain fp32 loop {b:.1f} lines/s  ratio {a / b:.2f}  same text {same}/{len(lines)}"
    )


def seconds(work: Callable[[], object], tries: int = 3) -> float:
    best = float("inf")
    for _ in range(tries):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return best


if __name__ == "__main__":
    main()
