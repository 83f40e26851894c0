#!/usr/bin/env python3
"""Which script lines and pages are taken for, and what that costs, on the lines that the pipeline finds.

DATA has the training sets of the router; of them only what it was never trained on is measured, and each of the other
folders named. A found line is right where it goes to the script of the text that the ground truth has there, and where
there is none to that of the folder. Mixed pages are drawn: synthetic, with fonts and texts that were kept out of training.
"""

from __future__ import annotations

import argparse
import pickle
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ocr_core.ground_truth import TruthPage, find_pages, read_page
from ocr_core.pipeline.prepare import PreparedPage, prepare_pages, units
from ocr_core.records import Box, LineImage, Script
from ocr_core.script.router import ScriptRouter
from ocr_core.script.text import script_of_text
from ocr_core.script.windows import cut_windows
from ocr_core.sources import ExistingText, ReadSettings, discover, identify_all
from ocr_core.training.data.cache import document_of
from ocr_core.training.data.ground_truth import shape_of
from ocr_core.training.script.config import ScriptTrainSettings
from ocr_core.training.script.corpus import HANDS as CORPUS_HANDS
from ocr_core.training.script.corpus import RealLine, cut_page, has_letters, papers
from ocr_core.training.script.drawing import Material, all_fonts
from ocr_core.training.script.mixed import KINDS, MixedLine, draw_mixed_page, line_at
from ocr_core.training.script.train import arabic_lines
from ocr_core.training.settings import load_settings

SETTINGS = load_settings(ScriptTrainSettings, Path("script-router"), folder=Path("unused"))
HANDS = {"hooker": "hand", "print_en": "print", "arabic_hand": "hand", "arabic_pdf": "print"}


@dataclass(frozen=True)
class Page:
    """A prepared page and what is known of it: script and box of its true lines; none where nobody has written it down."""

    name: str
    prepared: PreparedPage
    lines: tuple[MixedLine, ...]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="folder with hooker/, stanford/, print_en/, text/")
    parser.add_argument("--arabic", type=Path, nargs="*", default=[], help="folders of Arabic pages and PDFs")
    parser.add_argument("--mixed", type=int, default=30, help="mixed pages to draw (30)")
    parser.add_argument("--seed", type=int, default=1, help="of the drawn pages (1)")
    parser.add_argument("--fonts", type=Path, default=Path("/usr/share/fonts"), help="where fonts are")
    parser.add_argument("--weights", type=Path, help="other weights than the packaged ones")
    parser.add_argument(
        "--prepared", type=Path, help="a file that keeps the prepared pages for the next time"
    )
    options = parser.parse_args()

    import torch

    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    weights: Path | None = options.weights
    router = ScriptRouter.load(weights.stem, weights.parent) if weights else ScriptRouter.load()
    keep: Path | None = options.prepared
    if keep and keep.exists():
        sets = pickle.loads(keep.read_bytes())
    else:
        sets = dict(prepared_sets(options))
        if keep:
            keep.write_bytes(pickle.dumps(sets))
    for name, pages in sets.items():
        report(name, pages, router)
    images = [image for pages in sets.values() for page in pages for image in page.prepared.images]
    show_speed(router, images)


def prepared_sets(options: argparse.Namespace) -> Iterator[tuple[str, list[Page]]]:
    for name, pages in held_out_pages(options.data):
        yield name, list(real_pages([page.image for page in pages if page.image]))
    for folder in options.arabic:
        yield folder.name, list(real_pages([folder]))
    with tempfile.TemporaryDirectory() as folder:
        yield "mixed", list(mixed_pages(options, Path(folder)))


def held_out_pages(data: Path) -> Iterator[tuple[str, list[TruthPage]]]:
    """By corpus the pages whose documents the router's configuration names as held out."""
    for corpus in SETTINGS.corpora:
        if corpus.format == "pages":
            pages = find_pages([data / corpus.path])
            yield corpus.name, [p for p in pages if document_of(p.name, corpus) in corpus.dev]


def real_pages(sources: Sequence[Path]) -> Iterator[Page]:
    for prepared in prepare(sources):
        truth = prepared.page.source.path.with_suffix(".xml")
        lines = true_lines(read_page(truth)) if truth.exists() else ()
        yield Page(f"{prepared.page.source.source_path}#{prepared.page.number}", prepared, lines)


def true_lines(page: TruthPage) -> tuple[MixedLine, ...]:
    found = []
    for line in page.lines:
        if line.text.strip() and (len(line.baseline) or len(line.outline)):
            outline = shape_of(line)[1]
            box = Box.around(tuple((int(x), int(y)) for x, y in outline))
            found.append(MixedLine(script_of_text(line.text), box))
    return tuple(found)


def mixed_pages(options: argparse.Namespace, folder: Path) -> Iterator[Page]:
    material = held_out_material(options.data, options.fonts)
    drawn = {}
    for number in range(options.mixed):
        rng = np.random.default_rng([options.seed, number])
        page = draw_mixed_page(KINDS[number % len(KINDS)], material, rng)
        path = folder / f"{page.kind}-{number:03d}.png"
        cv2.imwrite(str(path), page.pixels)
        drawn[path.name] = page
    for prepared in prepare([folder]):
        name = prepared.page.source.source_path
        yield Page(name, prepared, drawn[name].lines)


def held_out_material(data: Path, fonts: Path) -> Material:
    """Text, fonts and real ink that the router was not trained on; nor on this paper."""
    arabic, latin, _ = all_fonts(fonts)
    settings = SETTINGS.model_copy(update={"data": data})
    hands = {corpus.name: CORPUS_HANDS[corpus.hand] for corpus in SETTINGS.corpora}
    real: list[RealLine] = []
    images: list[Path] = []
    for name, pages in held_out_pages(data):
        for page in pages:
            images += [page.image] if page.image else []
            real += [line for line in cut_page(page, name, page.name, hands[name]) if line.text]
    return Material(
        tuple(f for f in arabic if f.name.startswith(SETTINGS.synthetic.held_fonts)) or tuple(arabic),
        tuple(latin),
        (),
        arabic_lines(settings, held=True),
        tuple(line.text for line in real if has_letters(line.text)),
        tuple(papers(images, 60, np.random.default_rng(5))),
        tuple(real),
    )


def prepare(sources: Sequence[Path]) -> Iterator[PreparedPage]:
    files = [f for f in discover(sources).files if f.path.suffix != ".xml" and f.path.suffix != ".md"]
    documents, _ = identify_all(files)
    pages = (document.page(n + 1) for document in documents for n in range(document.pages))
    for unit in units(pages, 4):
        for prepared in prepare_pages(unit, ReadSettings(existing_text=ExistingText.FORCE)):
            if isinstance(prepared, PreparedPage) and prepared.images:
                yield prepared


def report(name: str, pages: Sequence[Page], router: ScriptRouter) -> None:
    """Shares of lines and pages that are right; wrong ones by name."""
    alone: list[bool] = []
    settled: list[bool] = []
    rare: list[bool] = []
    hands: list[bool] = []
    majority: list[bool] = []
    strict: list[bool] = []
    for page in pages:
        votes = router.route_lines(page.prepared.images)
        widths = [line.box.width for line in page.prepared.lines]
        decision = router.route_page(votes, widths)
        folder = Script.ARABIC if name.startswith("arabic") else Script.LATIN
        known = {line.script for line in page.lines} & {Script.ARABIC, Script.LATIN}
        most = main_script(page.lines) or folder
        wrong = []
        for line, vote, final in zip(page.prepared.lines, votes, decision.lines, strict=True):
            expected = folder
            if page.lines:
                at = line_at(page.lines, line.box)
                if at is None or at.script not in (Script.ARABIC, Script.LATIN):
                    continue
                expected = at.script
            alone.append(vote.script is expected)
            settled.append(final.script is expected)
            if expected is not most:
                rare.append(settled[-1])
            if final.hand and name in HANDS:
                hands.append(final.hand == HANDS[name])
            if not settled[-1]:
                wrong.append(f"{line.order}:{vote.script}>{final.script}({final.confidence:.2f})")
        took = {
            s: sum(w for w, f in zip(widths, decision.lines, strict=True) if f.script is s) for s in Script
        }
        majority.append(max(took, key=lambda s: took[s]) is most)
        strict.append(decision.script is (Script.MIXED if len(known) > 1 else most))
        if wrong or not (majority[-1] and strict[-1]):
            print(f"    {page.name}: {decision.script} {decision.confidence:.2f}", " ".join(wrong[:12]))
    print(
        f"{name}: {len(pages)} pages: page majority {share(majority)}, script of the page {share(strict)}; "
        f"{len(settled)} lines: alone {share(alone)}, in their page {share(settled)}, of the rarer script {share(rare)}; "
        f"hand or print {share(hands)}",
        flush=True,
    )


def main_script(lines: Sequence[MixedLine]) -> Script | None:
    """The script of most lines by width."""
    widths: dict[Script, int] = {}
    for line in lines:
        if line.script in (Script.ARABIC, Script.LATIN):
            widths[line.script] = widths.get(line.script, 0) + line.box.width
    return max(widths, key=lambda s: widths[s]) if widths else None


def share(right: Sequence[bool]) -> str:
    return f"{sum(right)}/{len(right)} = {100 * sum(right) / len(right):.2f} %" if right else "-"


def show_speed(router: ScriptRouter, images: Sequence[LineImage], chunk: int = 160) -> None:
    """Processor time on one thread, a batch of pages at a time; the best of five rounds."""
    best = float("inf")
    cut = float("inf")
    for _ in range(5):
        started = time.process_time()
        for at in range(0, len(images), chunk):
            router.route_lines(images[at : at + chunk])
        best = min(best, time.process_time() - started)
        started = time.process_time()
        for image in images:
            cut_windows(image.pixels)
        cut = min(cut, time.process_time() - started)
    windows = sum(len(cut_windows(image.pixels).windows) for image in images)
    print(
        f"{1000 * best / len(images):.3f} ms a line on one core, of which {1000 * cut / len(images):.3f} cut windows; "
        f"{len(images)} lines, {windows / len(images):.2f} windows each"
    )


if __name__ == "__main__":
    main()
