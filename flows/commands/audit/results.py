"""`warraq audit import`, `report` and `drift`: what was transcribed, and what it says."""

from __future__ import annotations

import json
from pathlib import Path

import click

from flows.commands.audit.options import JSON
from flows.commands.options import LIBRARY
from flows.reports import write_report


@click.command("import")
@click.argument(
    "places", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True), metavar="PLACE..."
)
@LIBRARY
@click.option("--transcriber", required=True, help="Who wrote it.")
@click.option("--audit", "audit_id", default="", help="Of a single sheet. [default: the newest audit]")
@click.option(
    "--any-script", is_flag=True, help="Let texts pass in another script than the line was taken for."
)
@JSON
def import_(
    places: tuple[Path, ...], library: Path, transcriber: str, audit_id: str, any_script: bool, as_json: bool
) -> None:
    """Take in what people have transcribed: a folder of `audit sample`, its CSV or XLSX, or PAGE and ALTO files.

    Every row is checked (unknown lines, another script, changed pictures, cells that a spreadsheet has spoilt). A PLACE is
    taken whole or not at all. Importing again replaces what the same person wrote before.
    """
    from ocr_core.audit.transcription.import_pages import import_pages
    from ocr_core.audit.transcription.import_sheets import import_sheet
    from ocr_core.library import Library

    opened = Library.open(library.absolute())
    for place in places:
        of_pages = place.suffix.lower() == ".xml" or (place.is_dir() and any(place.glob("*.xml")))
        if of_pages:
            done = import_pages(opened, [place], transcriber, audit_id=audit_id)
        else:
            done = import_sheet(opened, place, transcriber, audit_id=audit_id, any_script=any_script)
        if as_json:
            facts = {
                "place": str(place),
                "lines": done.lines,
                "unfilled": done.unfilled,
                "unknown": done.unknown,
            }
            click.echo(json.dumps(facts, ensure_ascii=False))
        rest = f", {done.unfilled} rows are not filled in" if done.unfilled else ""
        rest += f", {done.unknown} lines are not in the library" if done.unknown else ""
        click.echo(f"{place}: {done.lines} lines by {transcriber}{rest}.", err=True)


@click.command()
@LIBRARY
@click.option("--audit", "audit_id", default="", help="Which one. [default: the newest]")
@click.option(
    "--label",
    default="drawn",
    show_default=True,
    help="`drawn` measures what was read when the sample was drawn. Any other word measures what the library holds there "
    "today, and is kept under this name.",
)
@click.option(
    "--html", type=click.Path(path_type=Path, dir_okay=False), help="Write a page with plots and pictures."
)
@click.option("--markdown", type=click.Path(path_type=Path, dir_okay=False), help="Write it as Markdown.")
@click.option(
    "--worst", default=30, show_default=True, type=click.IntRange(0, 1000), help="Worst lines reported."
)
@click.option("--dry-run", is_flag=True, help="Keep nothing in the library.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, with every line's texts.")
def report(
    library: Path,
    audit_id: str,
    label: str,
    html: Path | None,
    markdown: Path | None,
    worst: int,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Error rates of the library from a transcribed sample: overall, by stratum, engine, script, hand and confidence.

    In brackets are 95 % intervals over pages. Every measured line goes into the data set `audits`, a later report of the
    same audit and label takes the place of the one before.
    """
    from ocr_core.audit.results import sample_report
    from ocr_core.audit.results.measure import measure_sample
    from ocr_core.audit.results.save import save_report
    from ocr_core.library import Library

    opened = Library.open(library.absolute())
    found = measure_sample(opened, audit_id, label=label, worst=worst)
    if not dry_run:
        save_report(opened, found)
    if html is not None:
        write_report(html, sample_report.as_html(found, opened))
    if markdown is not None:
        write_report(markdown, sample_report.as_markdown(found))
    if as_json:
        click.echo(json.dumps(sample_report.as_json(found, lines=True), ensure_ascii=False))
    else:
        click.echo(sample_report.as_text(found), nl=False)
    for fact in sample_report.facts(found):
        click.echo(fact, err=True)


@click.command()
@LIBRARY
@click.option(
    "--by",
    type=click.Choice(["run", "engine", "month", "audit"]),
    default="run",
    show_default=True,
    help="What is compared: runs, engines with their versions, months in which pages were read, audits.",
)
@click.option("--before", default="", help="[default: the one before the newest]")
@click.option("--after", default="", help="[default: the newest]")
@click.option(
    "--measure",
    type=click.Choice(["cer", "wer"]),
    default="cer",
    show_default=True,
    help="Errors of characters or of words.",
)
@click.option(
    "--as",
    "normalisation",
    type=click.Choice(["raw", "quotes", "case", "punctuation", "diacritics", "alef", "all", "search"]),
    default="raw",
    show_default=True,
    help="How texts are compared: as they are; with one form of quotes and dashes; without case, punctuation, or "
    "accents and vowel signs; with one form of alef; all of these; as search compares them.",
)
@click.option(
    "--alpha",
    default=1.0,
    show_default=True,
    type=click.FloatRange(0, 50, min_open=True),
    help="Per cent chance of any false alarm, whatever the number of collections.",
)
@click.option(
    "--minimum",
    default=0.5,
    show_default=True,
    type=click.FloatRange(0),
    help="Smaller differences, in points, are none.",
)
@click.option(
    "--fail-above",
    type=click.FloatRange(0),
    help="Fail (exit code 10) if a collection became worse by more than so many points.",
)
@click.option("--markdown", type=click.Path(path_type=Path, dir_okay=False), help="Write it as Markdown.")
@JSON
def drift(
    library: Path,
    by: str,
    before: str,
    after: str,
    measure: str,
    normalisation: str,
    alpha: float,
    minimum: float,
    fail_above: float | None,
    markdown: Path | None,
    as_json: bool,
) -> None:
    """Did reading become worse? Compares reports of audits, collection by collection and over all.

    A difference counts if it is larger than --minimum and its p value, corrected for the number of comparisons (Holm), is
    below --alpha. The same lines read twice (`audit report --label NAME` after another run) are the sharpest comparison.
    """
    from ocr_core.audit.results import drift_report
    from ocr_core.audit.results.drift import drift as find
    from ocr_core.library import Library

    found = find(
        Library.open(library.absolute()),
        by=by,
        before=before,
        after=after,
        measure=measure,
        normalisation=normalisation,
        alpha=alpha / 100,
        minimum=minimum / 100,
    )
    if markdown is not None:
        write_report(markdown, drift_report.as_markdown(found))
    click.echo(
        json.dumps(drift_report.as_json(found), ensure_ascii=False)
        if as_json
        else drift_report.as_text(found)
    )
    for name in found.missing:
        click.echo(f"{name} was not audited on both sides.", err=True)
    if fail_above is not None:
        drift_report.fail_if_worse(found, fail_above / 100)
