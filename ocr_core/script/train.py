"""Train the script network: `python -m ocr_core.script.train DATA --fonts DIR --out FILE`."""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import multiprocessing
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field

from ocr_core.errors import UsageError
from ocr_core.models.card import DataSource, Figure, ModelCard, write_card
from ocr_core.records import EngineStamp, Script
from ocr_core.script import corpus
from ocr_core.script.corpus import HAND, LATIN, NONE, PRINT, UNKNOWN, Material, RealLine, Sample
from ocr_core.script.fit import calibrate, fit
from ocr_core.script.measure import measure_pages, measure_samples
from ocr_core.script.network import ScriptNet
from ocr_core.script.router import ScriptRouter
from ocr_core.training.ground_truth import read_pages

log = logging.getLogger(__name__)

HELD_OUT_LETTERS = ("144", "145", "146")
HELD_OUT_STANFORD = (
    "Lettre59",
    "Lettre60",
    "Lettre253",
    "SC0033B_s4_b01_f14_i092",
    "SC0033B_s4_b01_f14_i093",
)
HELD_OUT_BOOKS = ("THE-CASTLE-OF-OTRANTO-1.pdf",)
HELD_OUT_FONTS = (
    "Scheherazade-Bold",
    "KacstPen",
    "nazli.",
    "ae_AlArabiya",
    "NotoNastaliqUrdu-Regular",
    "PakType Naqsh",
)


class TrainScriptConfig(BaseModel):
    """Settings of a training. Unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: Path = Field(description="folder with hooker/, stanford/, print_en/, latin_lines/, text/")
    fonts: Path = Field(Path("/usr/share/fonts"), description="where fonts are looked for")
    out: Path = Field(description="the .safetensors file to write; a model card goes beside it")
    version: str = "1"
    steps: int = Field(4000, ge=1, le=1_000_000)
    batch: int = Field(128, ge=4, le=4096, description="windows a step")
    learning_rate: float = Field(2e-3, gt=0, le=0.1)
    arabic: int = Field(9000, ge=1, description="synthetic Arabic lines")
    latin: int = Field(3000, ge=1, description="synthetic Latin lines")
    redrawn: int = Field(
        4500, ge=1, description="real Latin lines drawn again with other pens on other paper"
    )
    other: int = Field(1500, ge=1, description="synthetic lines of other scripts")
    none: int = Field(3000, ge=1, description="lines without letters")
    parquet_every: int = Field(4, ge=1, description="take one in so many of the cut lines")
    workers: int = Field(1, ge=1, le=256, description="processes that draw lines")
    threads: int = Field(1, ge=1, le=256)
    max_minutes: float = Field(
        15, gt=0, description="training stops here, with the rate brought down to nothing"
    )
    seed: int = 7


def train_script(config: TrainScriptConfig) -> ModelCard:
    """Draw the lines, train, calibrate, measure on held-out lines; write weights and card.

    Raises:
        UsageError: a data folder or the fonts are missing.
    """
    torch.manual_seed(config.seed)
    torch.set_num_threads(config.threads)
    cv2.setNumThreads(config.threads)
    rng = np.random.default_rng(config.seed)
    training, held_out = load_real(config)
    material = gather_material(config, training, rng)
    samples = draw_samples(config, material) + [_as_sample(line) for line in training]
    log.info("%d lines to train on: %s", len(samples), _counts(samples))
    network = ScriptNet()
    fit(network, samples, config.steps, config.batch, config.learning_rate, config.max_minutes, rng)
    dev = [_as_sample(line) for line in held_out] + held_out_synthetic(config, material)
    calibrate(network, dev)
    return write_model(network, config, _counts(samples), _figures(network, dev, config.data))


def load_real(config: TrainScriptConfig) -> tuple[list[RealLine], list[RealLine]]:
    """Real lines to train on, and those of held-out documents."""
    data = config.data
    for folder in ("hooker", "stanford", "print_en", "latin_lines", "text"):
        if not (data / folder).is_dir():
            raise UsageError(f"no folder {data / folder}", remedy="Name the folder that holds the data sets.")
    training: list[RealLine] = []
    held_out: list[RealLine] = []

    def sort(lines: Iterable[RealLine], held: Sequence[str], every: int) -> None:
        for line in lines:
            out = line.document in held or (every > 0 and corpus.is_held_out(line.document, every))
            (held_out if out else training).append(line)

    sort(corpus.page_lines(data / "hooker", "hooker", r"JDH_\d+_\d+_(\d+[a-z]*)", HAND), HELD_OUT_LETTERS, 10)
    sort(corpus.page_lines(data / "stanford", "stanford", r"^(\w+?)(?:_2)?$", UNKNOWN), HELD_OUT_STANFORD, 0)
    sort(corpus.page_lines(data / "print_en", "print_en", r"^(.+)_page", PRINT), HELD_OUT_BOOKS, 0)
    for path in sorted((data / "latin_lines").glob("*.parquet")):
        sort(corpus.parquet_lines(path, config.parquet_every), (), 12)
    log.info("%d real lines, %d held out", len(training), len(held_out))
    return training, held_out


def gather_material(
    config: TrainScriptConfig, real: Sequence[RealLine], rng: np.random.Generator
) -> Material:
    """Fonts, text, paper. One Arabic line of text in 20 is kept for measuring."""
    arabic_fonts, latin_fonts, other_fonts = corpus.all_fonts(config.fonts)
    arabic_fonts = [f for f in arabic_fonts if not f.name.startswith(HELD_OUT_FONTS)]
    if not arabic_fonts or not latin_fonts:
        raise UsageError(
            f"no fonts below {config.fonts}", remedy="Install Arabic fonts or name their folder."
        )
    held_pages = [f"_{letter}_" for letter in HELD_OUT_LETTERS] + list(HELD_OUT_STANFORD)
    return Material(
        tuple(arabic_fonts),
        tuple(latin_fonts),
        tuple(other_fonts),
        tuple(t for t in arabic_lines(config.data) if not corpus.is_held_out(t, 20)),
        tuple(r.text for r in real if corpus.has_letters(r.text)),
        tuple(corpus.papers([config.data / "hooker", config.data / "stanford"], 600, rng, held_pages)),
        tuple(r for r in real),
    )


def arabic_lines(data: Path) -> list[str]:
    """Lines of real Arabic text, without the signs of their transcribers."""
    text = (data / "text" / "arabic_maghribi_lines.txt").read_text(encoding="utf-8")
    return [" ".join(line.replace("#", " ").split()) for line in text.splitlines() if len(line.split()) >= 1]


def held_out_synthetic(config: TrainScriptConfig, material: Material) -> list[Sample]:
    """Arabic lines of fonts and text not trained on, and lines without letters."""
    fonts = [f for f in corpus.all_fonts(config.fonts)[0] if f.name.startswith(HELD_OUT_FONTS)]
    held = Material(
        tuple(fonts) or material.arabic_fonts,
        material.latin_fonts,
        material.other_fonts,
        tuple(t for t in arabic_lines(config.data) if corpus.is_held_out(t, 20)),
        material.latin_text,
        material.papers,
    )
    return draw("arabic", 600, config.seed + 999, held) + draw("none", 200, config.seed + 998, held)


# -- drawing ----------------------------------------------------------------------------------------------


_held: list[Material] = []  # what a drawing process was started with: too large to send along with each job


def draw_samples(config: TrainScriptConfig, material: Material) -> list[Sample]:
    """All synthetic lines, drawn by `workers` processes; the same whatever their number."""
    jobs: list[tuple[str, int, int]] = []
    for kind in ("arabic", "latin", "redrawn", "other", "none"):
        left = int(getattr(config, kind))
        while left > 0:
            seed = int(np.random.SeedSequence([config.seed, len(jobs)]).generate_state(1)[0])
            jobs.append((kind, min(left, 250), seed))
            left -= 250
    if config.workers == 1:
        return [sample for kind, count, seed in jobs for sample in draw(kind, count, seed, material)]
    context = multiprocessing.get_context("fork")
    with context.Pool(config.workers, initializer=_held.append, initargs=(material,)) as pool:
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
            drawn.append(corpus.synthetic_sample(kind, material, rng))
        except (ValueError, OSError) as error:  # a font without these letters, a broken font: draw another
            log.debug("%s line not drawn: %s", kind, error)
    return drawn


def _as_sample(line: RealLine) -> Sample:
    script = LATIN if corpus.has_letters(line.text) else NONE
    return Sample(line.faded, script, line.hand, line.source, corpus.PAD)


# -- the model --------------------------------------------------------------------------------------------


def _figures(network: ScriptNet, dev: Sequence[Sample], data: Path) -> list[Figure]:
    """Held-out lines, and where it is at hand a set of Arabic handwriting that is only measured."""
    router = ScriptRouter(network, EngineStamp("script-router", "0"))
    figures = measure_samples(router, dev)
    if (data / "arabic_hand").is_dir():
        pages = measure_pages(router, read_pages(data / "arabic_hand"), Script.ARABIC)
        figures += [
            Figure("arabic_hand lines alone", pages.line_accuracy, pages.lines),
            Figure("arabic_hand lines in their page", pages.settled_accuracy, pages.lines),
            Figure("arabic_hand pages (counted in pages)", pages.page_accuracy, pages.pages),
        ]
    return figures


def _counts(samples: Sequence[Sample]) -> dict[str, int]:
    counts: dict[str, int] = defaultdict(int)
    for sample in samples:
        counts[sample.source] += 1
    return dict(counts)


def write_model(
    network: ScriptNet, config: TrainScriptConfig, counts: dict[str, int], figures: Sequence[Figure]
) -> ModelCard:
    """Write weights and card, each by one rename; the card last."""
    from safetensors.torch import save

    data = save({name: value.contiguous() for name, value in network.state_dict().items()})
    held = {
        "hooker": f"letters {', '.join(HELD_OUT_LETTERS)} and one in 10",
        "stanford": ", ".join(HELD_OUT_STANFORD),
        "print_en": ", ".join(HELD_OUT_BOOKS),
        "latin_lines": "one page in 12",
        "Arabic fonts": ", ".join(HELD_OUT_FONTS),
        "Arabic text": "one line in 20",
    }
    settings = config.model_dump(mode="json", exclude={"data", "fonts", "out", "workers", "threads"})
    card = ModelCard(
        name="script-router",
        version=config.version,
        kind="script",
        file=config.out.name,
        sha256=hashlib.sha256(data).hexdigest(),
        licence="Apache-2.0",
        parameters=sum(p.numel() for p in network.parameters()),
        data=DATA,
        figures=tuple(figures),
        settings=tuple((name, str(value)) for name, value in settings.items() if name != "version"),
        notes="Tells latin, arabic, other and none, and handwriting from print, by windows of a line. "
        + "Lines trained on: " + ", ".join(f"{name} {count}" for name, count in counts.items())
        + ". Held out: " + "; ".join(f"{name}: {what}" for name, what in held.items())
        + ". arabic_hand is measured only, never trained on.",
    )  # fmt: skip
    config.out.parent.mkdir(parents=True, exist_ok=True)
    part = config.out.with_name(config.out.name + ".part")
    part.write_bytes(data)
    part.replace(config.out)
    write_card(config.out.with_suffix(".json"), card)
    log.info("wrote %s, %d bytes", config.out, len(data))
    for figure in figures:
        log.info("%s: %.4f of %d", figure.name, figure.value, figure.lines)
    return card


DATA = (
    DataSource("hooker", "github jschaefer738b/JosephHookerHTR (HTR-United)", "CC BY-SA 4.0"),
    DataSource(
        "stanford", "github PSL-Chartes-HTR-Students/HN2021-Memorials_Jane_Lathrop_Stanford", "CC BY 4.0"
    ),
    DataSource("print_en", "github FoNDUE-HTR/FONDUE-EN-PRINT-20", "CC BY 4.0"),
    DataSource("copiste", "github banq-dcn/Copiste-d-un-jour", "CC BY 4.0"),
    DataSource("peraire", "github alix-tz/peraire-ground-truth", "CC BY 4.0"),
    DataSource("mss19", "github HTR-United/CREMMA-MSS-19", "CC BY 4.0"),
    DataSource("poilus", "github HTR-United/CREMMA-AN-TestamentDePoilus", "CC BY 4.0"),
    DataSource("arabic_maghribi_lines", "RASAM, TariMa; github calfa-co; text only", "Apache-2.0, CC BY 4.0"),
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m ocr_core.script.train", description=train_script.__doc__)
    parser.add_argument(
        "data", type=Path, help="folder with hooker/, stanford/, print_en/, latin_lines/, text/"
    )
    parser.add_argument("--out", type=Path, required=True, help="the .safetensors file to write")
    parser.add_argument("--config", type=Path, help="JSON file with further settings (see TrainScriptConfig)")
    parser.add_argument("--fonts", type=Path, help="where fonts are looked for (default /usr/share/fonts)")
    parser.add_argument("--steps", type=int, help="training steps")
    parser.add_argument("--workers", type=int, help="processes that draw lines")
    parser.add_argument("--max-minutes", type=float, help="stop training after so long")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    settings = json.loads(args.config.read_text(encoding="utf-8")) if args.config else {}
    settings |= {k: v for k, v in vars(args).items() if v is not None and k != "config"}
    train_script(TrainScriptConfig.model_validate(settings))


if __name__ == "__main__":
    main()
