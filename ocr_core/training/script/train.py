"""Training of the script network: lines drawn and cut, the loop, calibration, weights and card."""

from __future__ import annotations

import logging
import multiprocessing
import zlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch

from ocr_core.errors import UsageError
from ocr_core.models.card import DataSource, Figure, ModelCard, sha256_of, write_card
from ocr_core.records import EngineStamp
from ocr_core.script.network import ScriptNet
from ocr_core.script.router import ScriptRouter
from ocr_core.training.data.cache import document_of, split_of
from ocr_core.training.data.ground_truth import read_pages
from ocr_core.training.provenance import documents_held_out, training_of
from ocr_core.training.script.config import ScriptTrainSettings
from ocr_core.training.script.corpus import (
    LATIN,
    NONE,
    PAD,
    RealLine,
    Sample,
    corpus_lines,
    has_letters,
    papers,
)
from ocr_core.training.script.drawing import Material, all_fonts, synthetic_sample
from ocr_core.training.script.fit import calibrate, fit
from ocr_core.training.script.measure import measure_samples

logger = logging.getLogger(__name__)

_PAPERS = 600
_HELD_TEXT = 20
_DRAWN_AT_ONCE = 250
_KINDS = ("arabic", "latin", "redrawn", "other", "none")


def train_script(settings: ScriptTrainSettings) -> ModelCard:
    """Train, or go on with, the run in `settings.run.folder`; its lines are drawn anew, and are the same again.

    Writes `NAME-VERSION.safetensors` with a model card there at the end, and `checkpoint.pt` on the way.

    Raises:
        UsageError: a corpus, the text or the fonts are missing.
        ModelError: the checkpoint of the folder is damaged or of another network.
    """
    torch.set_num_threads(settings.run.workers)
    cv2.setNumThreads(1)
    settings.run.folder.mkdir(parents=True, exist_ok=True)
    training, held_out = real_lines(settings)
    material = gather_material(settings, training)
    samples = draw_samples(settings, material) + [_as_sample(line) for line in training]
    counts = Counter(sample.source for sample in samples)
    logger.info("%d lines to train on: %s", len(samples), dict(counts))
    network = fit(samples, settings)
    dev = [_as_sample(line) for line in held_out] + held_out_synthetic(settings, material)
    calibrate(network, dev)
    figures = measure_samples(ScriptRouter(network, EngineStamp(settings.name, settings.version)), dev)
    for figure in figures:
        logger.info("%s: %.4f of %d", figure.name, figure.value, figure.lines)
    return _write(network, settings, counts, figures)


def real_lines(settings: ScriptTrainSettings) -> tuple[list[RealLine], list[RealLine]]:
    """Real lines to train on, and those of held-out documents."""
    lines: dict[str, list[RealLine]] = {"train": [], "dev": [], "none": []}
    for corpus in settings.corpora:
        for line in corpus_lines(corpus, settings.data):
            lines[split_of(line.document, corpus)].append(line)
    logger.info("%d real lines, %d held out", len(lines["train"]), len(lines["dev"]))
    return lines["train"], lines["dev"]


def gather_material(settings: ScriptTrainSettings, real: Sequence[RealLine]) -> Material:
    """Fonts, text and paper of what is trained on."""
    synthetic = settings.synthetic
    arabic, latin, other = all_fonts(synthetic.fonts)
    arabic = [font for font in arabic if not font.name.startswith(synthetic.held_fonts)]
    if not arabic or not latin:
        raise UsageError(
            f"No fonts below {synthetic.fonts}", remedy="Install Arabic fonts or name their folder."
        )
    return Material(
        tuple(arabic),
        tuple(latin),
        tuple(other),
        arabic_lines(settings, held=False),
        tuple(line.text for line in real if has_letters(line.text)),
        tuple(papers(_images(settings), _PAPERS, np.random.default_rng(settings.run.seed))),
        tuple(real),
    )


def arabic_lines(settings: ScriptTrainSettings, *, held: bool) -> tuple[str, ...]:
    """Lines of real Arabic text, without the signs of their transcribers: those kept for measuring, or the others.

    Raises:
        UsageError: the file is missing.
    """
    path = settings.data / settings.synthetic.text
    if not path.is_file():
        raise UsageError(f"No text {path}", remedy="Correct `synthetic.text` in the training configuration.")
    lines = (" ".join(line.replace("#", " ").split()) for line in path.read_text("utf-8").splitlines())
    return tuple(line for line in lines if line and (zlib.crc32(line.encode()) % _HELD_TEXT == 0) == held)


def held_out_synthetic(settings: ScriptTrainSettings, material: Material) -> list[Sample]:
    """Arabic lines of fonts and text not trained on, and lines without letters."""
    fonts = [
        f for f in all_fonts(settings.synthetic.fonts)[0] if f.name.startswith(settings.synthetic.held_fonts)
    ]
    held = Material(
        tuple(fonts) or material.arabic_fonts,
        material.latin_fonts,
        material.other_fonts,
        arabic_lines(settings, held=True) or material.arabic_text,
        material.latin_text,
        material.papers,
    )
    seed = settings.run.seed
    return draw("arabic", 600, seed + 999, held) + draw("none", 200, seed + 998, held)


def _images(settings: ScriptTrainSettings) -> list[Path]:
    """The pages of the corpora that are not held out."""
    return [
        page.image
        for corpus in settings.corpora
        if corpus.format == "pages"
        for page in read_pages(settings.data / corpus.path)
        if page.image and split_of(document_of(page.name, corpus), corpus) == "train"
    ]


# -- drawing ----------------------------------------------------------------------------------------------


_held: list[Material] = []  # what a drawing process was started with: too large to send along with each job


def draw_samples(settings: ScriptTrainSettings, material: Material) -> list[Sample]:
    """All synthetic lines, drawn by `workers` processes; the same whatever their number."""
    jobs: list[tuple[str, int, int]] = []
    for kind in _KINDS:
        left = int(getattr(settings.synthetic, kind))
        while left > 0:
            seed = int(np.random.SeedSequence([settings.run.seed, len(jobs)]).generate_state(1)[0])
            jobs.append((kind, min(left, _DRAWN_AT_ONCE), seed))
            left -= _DRAWN_AT_ONCE
    if settings.run.workers == 1:
        return [sample for kind, count, seed in jobs for sample in draw(kind, count, seed, material)]
    context = multiprocessing.get_context("fork")
    with context.Pool(settings.run.workers, initializer=_held.append, initargs=(material,)) as pool:
        return [sample for part in pool.imap(_draw, jobs) for sample in part]


def _draw(job: tuple[str, int, int]) -> list[Sample]:
    cv2.setNumThreads(1)
    return draw(*job, _held[0])


def draw(kind: str, count: int, seed: int, material: Material) -> list[Sample]:
    """`count` lines of a kind; fewer where most texts and fonts do not fit each other."""
    rng = np.random.default_rng(seed)
    drawn: list[Sample] = []
    tries = 0
    while len(drawn) < count and tries < 4 * count:
        tries += 1
        try:
            drawn.append(synthetic_sample(kind, material, rng))
        except (ValueError, OSError) as error:  # a font without these letters, a broken font: draw another
            logger.debug("%s line not drawn: %s", kind, error)
    return drawn


def _as_sample(line: RealLine) -> Sample:
    script = LATIN if has_letters(line.text) else NONE
    return Sample(line.faded, script, line.hand, line.source, PAD)


# -- the model --------------------------------------------------------------------------------------------


def _write(
    network: ScriptNet, settings: ScriptTrainSettings, counts: Counter[str], figures: Sequence[Figure]
) -> ModelCard:
    """Write weights and card, each by one rename; the card last."""
    from safetensors.torch import save_file

    weights = settings.run.folder / f"{settings.name}-{settings.version}.safetensors"
    part = weights.with_name(weights.name + ".part")
    save_file({name: value.contiguous() for name, value in network.state_dict().items()}, part)
    part.replace(weights)
    synthetic, schedule = settings.synthetic, settings.schedule
    data = [DataSource(c.name, c.source, c.licence) for c in settings.corpora]
    data.append(DataSource(synthetic.text.stem, synthetic.source, synthetic.licence))
    card = ModelCard(
        name=settings.name,
        version=settings.version,
        kind="script",
        file=weights.name,
        sha256=sha256_of(weights),
        licence="Apache-2.0",
        parameters=sum(p.numel() for p in network.parameters()),
        data=tuple(data),
        figures=tuple(figures),
        settings=tuple((name, str(value)) for name, value in schedule.model_dump().items()),
        training=training_of("script", settings, documents_held_out(settings.corpora)),
        notes="Tells latin, arabic, other and none, and handwriting from print, by windows of a line. Lines trained on: "
        + ", ".join(f"{name} {count}" for name, count in counts.items())
        + ". Held out: documents of the corpora, one line in 20 of the Arabic text, and the Arabic fonts "
        + ", ".join(synthetic.held_fonts) + ".",
    )  # fmt: skip
    write_card(weights.with_suffix(".json"), card)
    return card
