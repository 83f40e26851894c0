"""`warraq eval`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from flows.reports import write_report

if TYPE_CHECKING:
    from ocr_core.audit.evaluation.evaluate import Evaluation
    from ocr_core.recognizers.protocol import Recognizer


@click.command("eval")
@click.argument("places", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PLACE...")
@click.option(
    "--engine",
    default="crnn-latin",
    show_default=True,
    help="A line reader of `warraq models list`, or a .safetensors file of `warraq train crnn`.",
)
@click.option(
    "--only",
    multiple=True,
    metavar="NAME",
    help="Measure these pages only: name without suffix, or a pattern ('letter_3*'); may be repeated.",
)
@click.option(
    "--images",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="A folder of page images, where they are not beside the ground truth.",
)
@click.option(
    "--decoding",
    type=click.Choice(["greedy", "beam"]),
    help="Best path, or beam search with the language model; as `warraq run` does by default.",
)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option(
    "--html", type=click.Path(path_type=Path, dir_okay=False), help="Write a report with pictures here."
)
@click.option(
    "--worst", default=30, show_default=True, type=click.IntRange(0, 1000), help="Worst lines reported."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object, with every line's texts.")
def evaluate(
    places: tuple[Path, ...],
    engine: str,
    only: tuple[str, ...],
    images: tuple[Path, ...],
    decoding: Literal["greedy", "beam"] | None,
    device: str,
    html: Path | None,
    worst: int,
    as_json: bool,
) -> int:
    """Measure an engine on ground truth: error rates, confusions, worst lines, trust in its confidence.

    A PLACE is a folder of PAGE or ALTO files with their page images beside them, of *.png with *.gt.txt, or of Parquet
    files of lines; or one PAGE, ALTO or Parquet file. Lines of pages are cut by the outlines of the ground truth. One
    engine reads them all, whatever their script: choose it with --engine, and its pages with --only.

    Case, punctuation and accents count in CER and WER; below them are the rates with less told apart. In brackets are 95 %
    intervals over pages. What cannot be measured is named on stderr; exit code 10 if whole pages are among it.
    """
    from flows.progress import CountedProgress
    from ocr_core.audit.evaluation import report
    from ocr_core.audit.evaluation.evaluate import evaluate as measure
    from ocr_core.harmless import printable
    from ocr_core.recognizers.register import load_reader

    reader = load_reader(engine, device=device, decoding=decoding)
    with CountedProgress("measuring", "pages") as progress:
        found = measure(reader, places, only=only, images=images, worst=worst, progress=progress.at)
    if html is not None:
        write_report(html, report.as_html(found))
    if as_json:
        click.echo(json.dumps(report.as_json(found, lines=True), ensure_ascii=False))
    else:
        click.echo(report.as_text(found), nl=False)
    if foreign := _foreign(reader, found):
        click.echo(
            f"{foreign} of {len(found.scores)} lines are mostly in letters that {engine} cannot write, and count as wrong. "
            "Measure their pages with the reader of their script: --engine MODEL --only 'NAME*'.",
            err=True,
        )
    for omission in (*found.omissions, *found.unread):
        place = f"{omission.page} {omission.line}".strip()
        click.echo(printable(f"{place}: {omission.reason}"), err=True)
    return 10 if found.pages_omitted else 0


def _foreign(reader: Recognizer, found: Evaluation) -> int:
    """Lines in a script that a reader of lines does not write."""
    from ocr_core.recognizers.crnn.engine import CrnnRecognizer

    if not isinstance(reader, CrnnRecognizer):
        return 0
    return sum(reader.charset.share(score.truth) < 0.5 for score in found.scores)
