#!/usr/bin/env python3
"""What the language model is worth at which settings: error rates and lines a second of the decoding alone.

    python bench/decoding.py FOLDER [--only NAME ...] [--try ALPHA,BETA,BEAM ...] [--model DIR/lm-latin.json]

FOLDER holds PAGE or ALTO files with their images. The network reads every line once; each setting decodes its output anew,
on one core. Tune on held-out documents only.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ocr_core.audit.evaluation.evaluate import evaluate
from ocr_core.audit.figures import bounded
from ocr_core.audit.metrics.rates import page_rates, rate_with_interval, score_line
from ocr_core.audit.metrics.text import comparable
from ocr_core.models import WEIGHTS
from ocr_core.recognizers.crnn.engine import CrnnRecognizer
from ocr_core.recognizers.decoding.beam import BeamReading, BeamSettings, CharacterModel, beam_search
from ocr_core.recognizers.decoding.ctc import Decoded, Frames, greedy
from ocr_core.recognizers.decoding.ngram import NgramModel
from ocr_core.records import Failure, LineImage, Transcript


class Recorder:
    """Keeps the network's output for every line, and reads nothing."""

    def __init__(self, reader: CrnnRecognizer) -> None:
        self.reader = reader
        self.stamp = reader.stamp
        self.frames: list[Frames] = []

    def recognize(self, images: Sequence[LineImage]) -> list[Transcript | Failure]:
        self.frames += self.reader.log_probs([image.pixels for image in images])
        return [Transcript(image.line_id, "", 0.0, self.stamp) for image in images]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument(
        "--try",
        dest="settings",
        nargs="*",
        default=["0.3,1,8", "0.5,1.5,8", "0.5,1.5,12", "0.7,2,12", "0.5,1.5,32"],
    )
    parser.add_argument("--model", type=Path, default=WEIGHTS / "lm-latin.json")
    options = parser.parse_args()
    torch.set_num_threads(1)
    reader = CrnnRecognizer.load(decoding="greedy", device="cpu")
    recorder = Recorder(reader)
    truths = evaluate(recorder, [options.folder], only=options.only, worst=0).scores
    model = NgramModel.load(options.model.stem, folder=options.model.parent)

    # As many lines side by side as the reader has in a batch.
    order = sorted(range(len(truths)), key=lambda i: len(recorder.frames[i]))
    batches = [order[i : i + 32] for i in range(0, len(order), 32)]

    def measure(name: str, decode: Callable[[list[Frames]], list[Decoded]]) -> None:
        found: list[Decoded] = [Decoded((), (), (), (), 1.0)] * len(truths)
        started = time.process_time()
        for batch in batches:
            for i, decoded in zip(batch, decode([recorder.frames[i] for i in batch]), strict=True):
                found[i] = decoded
        seconds = time.process_time() - started
        texts = [comparable(reader.charset.decode(d.classes)) for d in found]
        pages = page_rates(
            [score_line(s.page, s.line, s.truth, text, 0.0) for s, text in zip(truths, texts, strict=True)]
        )
        cer = rate_with_interval([p.edits for p in pages], [p.characters for p in pages])
        wer = rate_with_interval([p.word_edits for p in pages], [p.words for p in pages])
        print(
            f"{name}\tCER {bounded(cer)}\tWER {bounded(wer)}\t{len(found) / seconds:.0f} lines/s",
            flush=True,
        )

    print(f"{len(truths)} lines")
    measure("greedy", lambda lines: [greedy(frames) for frames in lines])
    measure("beam 12, no model", lambda lines: decoded_of(beam_search(lines, BeamSettings(width=12))))
    for setting in options.settings:
        alpha, beta, width = (float(value) for value in setting.split(","))
        characters = CharacterModel(model, reader.charset, alpha, beta)
        search = BeamSettings(width=int(width))
        measure(
            f"alpha {alpha:g} beta {beta:g} beam {search.width}",
            lambda lines, search=search, characters=characters: decoded_of(
                beam_search(lines, search, characters)
            ),
        )


def decoded_of(readings: list[BeamReading]) -> list[Decoded]:
    return [reading.decoded for reading in readings]


if __name__ == "__main__":
    main()
