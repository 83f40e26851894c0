"""`warraq recognize` and `warraq eval-glyphs`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from flows.reports import write_report


@click.command()
@click.argument("images", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="IMAGE...")
@click.option(
    "--engine",
    default="glyphs",
    show_default=True,
    help="Who reads: a line reader of `warraq models list`; glyphs reads isolated Arabic letters and digits.",
)
@click.option("--decoding", type=click.Choice(["greedy", "beam"]), help="As for `warraq eval`.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda.")
@click.option(
    "--top",
    default=0,
    type=click.IntRange(0, 38),
    help="Also what else it may be, so many, with probabilities (engine glyphs).",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a picture.")
def recognize(
    images: tuple[Path, ...], engine: str, decoding: str | None, device: str, top: int, as_json: bool
) -> int:
    """Read pictures that each show one character or one line; folders stand for the pictures in them.

    Prints the path, the text and the confidence of each. Exit code 10 if a picture could not be read; they are named.
    Whole pages are for `warraq run`, which finds their lines first.
    """
    from ocr_core.pipeline.recognize import SEVERAL_LINES, read_pictures
    from ocr_core.recognizers.register import load_reader
    from ocr_core.records import Failure

    reader = load_reader(engine, device=device, decoding=decoding)  # type: ignore[arg-type]
    failed = pages = 0
    for answer in read_pictures(reader, images, alternatives=top):
        if isinstance(answer, Failure):
            failed += 1
            click.echo(f"{answer.source_path} ({answer.kind}): {answer.message} {answer.remedy}", err=True)
            continue
        if SEVERAL_LINES in answer.transcript.flags:
            pages += 1
            if pages == 1:
                click.echo(_not_a_page(answer.path, engine), err=True)
        if as_json:
            values = {
                "path": answer.path,
                "page": answer.page,
                "text": answer.transcript.text,
                "confidence": answer.transcript.confidence,
                "flags": answer.transcript.flags,
                "engine": answer.transcript.engine.name,
            }
            if top:
                values["alternatives"] = [asdict(a) for a in answer.alternatives]
            click.echo(json.dumps(values, ensure_ascii=False))
        else:
            others = "".join(f"\t{a.text} {a.probability:.3f}" for a in answer.alternatives)
            place = answer.path if answer.page == 1 else f"{answer.path}#{answer.page}"
            click.echo(f"{place}\t{answer.transcript.text}\t{answer.transcript.confidence:.3f}{others}")
    if pages > 1:
        click.echo(f"{pages} such pictures show several lines.", err=True)
    return 10 if failed else 0


def _not_a_page(path: str, engine: str) -> str:
    read = "one character" if engine.startswith("glyphs") else "one line"
    return (
        f"{path} shows several lines and was read as {read}, so do not trust the text. Whole pages are read by: "
        "warraq run PAGE --library DIR"
    )


@click.command("eval-glyphs")
@click.argument("pictures", type=click.Path(path_type=Path), metavar="SET")
@click.option(
    "--labels", type=click.Path(path_type=Path), help="CSV file of labels, where SET is a CSV file of pixels."
)
@click.option(
    "--first-class",
    default=10,
    show_default=True,
    type=click.IntRange(0, 37),
    help="Class of the smallest label: 10 is alef, 0 the digit zero.",
)
@click.option("--first-label", default=1, show_default=True, help="The smallest label: 1 in AHCD, 0 in AHDD.")
@click.option("--transposed", is_flag=True, help="Rows and columns are exchanged, as in the published AHCD.")
@click.option("--engine", default="glyphs", show_default=True, help="A reader of `warraq models list`.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda.")
@click.option(
    "--html", type=click.Path(path_type=Path, dir_okay=False), help="Write the confusion report here."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object, with every pair of classes confused.")
def eval_glyphs(
    pictures: Path,
    labels: Path | None,
    first_class: int,
    first_label: int,
    transposed: bool,
    engine: str,
    device: str,
    html: Path | None,
    as_json: bool,
) -> None:
    """Measure a reader of isolated characters on labelled pictures: accuracy, confusions, trust in its confidence.

    SET is a NumPy archive with `images` (uint8, [N, rows, columns]) and `labels`, or a CSV file of square pictures.
    """
    from ocr_core.audit.evaluation.glyphs import evaluate_glyphs
    from ocr_core.recognizers.register import load_reader
    from ocr_core.training.glyphs.config import GlyphSetSettings
    from ocr_core.training.glyphs.data import read_set
    from ocr_core.training.glyphs.report import confusion_html

    settings = GlyphSetSettings(
        name=pictures.stem,
        path=pictures.absolute(),
        labels=labels.absolute() if labels else None,
        first_class=first_class,
        first_label=first_label,
        transposed=transposed,
    )
    found = evaluate_glyphs(load_reader(engine, device=device), read_set(settings, Path()))
    rates = found.rates
    if html is not None:
        write_report(html, confusion_html(f"{found.engine.name} on {pictures.name}", rates, found.ink))
    if as_json:
        values = {
            "engine": found.engine.name,
            "pictures": rates.pictures,
            "accuracy": rates.accuracy,
            "calibration_error": rates.calibration_error,
            "seconds": found.seconds,
            "confusions": [{"truth": a, "reading": b, "count": n} for a, b, n in rates.pairs()],
        }
        click.echo(json.dumps(values, ensure_ascii=False))
        return
    click.echo(
        f"pictures\t{rates.pictures}\naccuracy\t{rates.accuracy:.4f}\ncalibration error\t{rates.calibration_error:.4f}"
    )
    for shown, read, count in rates.pairs()[:20]:
        click.echo(f"{shown} read {read}\t{count}")
