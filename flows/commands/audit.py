"""`warraq audit`."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flows.commands.group import Group

if TYPE_CHECKING:
    from ocr_core.audit.draw import Design, Draw
    from ocr_core.audit.lines import Omission
    from ocr_core.audit.strata import Stratum
    from ocr_core.library import Library

_LIBRARY = click.option("--library", required=True, type=click.Path(path_type=Path))
_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
_MOST_OMISSIONS = 20


def _sampling(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options that say what is sampled."""
    for option in (
        click.option("--collection", default="", help="Only this collection."),
        click.option("--run", default="", metavar="RUN", help="Only pages whose text is from this run."),
        click.option(
            "--expect",
            type=click.FloatRange(0, 100, min_open=True, max_open=True),
            help="The error rate to expect, in per cent, where no audit tells it. [default: 10]",
        ),
    ):
        command = option(command)
    return command


@click.group(cls=Group)
def audit() -> None:
    """Prove how well a library is read: draw lines, have people transcribe them, report error rates, watch for drift."""


@audit.command()
@_LIBRARY
@_sampling
@click.option(
    "--precision",
    multiple=True,
    type=click.FloatRange(0, 100, min_open=True),
    help="In points; may be repeated.",
)
@_JSON
def size(
    library: Path,
    collection: str,
    run: str,
    expect: float | None,
    precision: tuple[float, ...],
    as_json: bool,
) -> None:
    """How many lines must be transcribed for the error rate to be known to ±1 % (--precision 1)?

    Lines of one page resemble each other, so the fewer of a page, the fewer in all; but each page has to be opened.
    """
    from ocr_core.audit.draw import Design, read_frame
    from ocr_core.audit.size import needed
    from ocr_core.library import Library

    opened = Library.open(library.absolute())
    design = Design(collection=collection, run=run)
    frame = opened.reading(lambda con: read_frame(con, design))
    pilot = _pilot(opened, expect)
    answers = [
        (points, needed(frame, pilot, points / 100, per_page))
        for points in precision or (0.5, 1.0, 2.0)
        for per_page in (1, 2, 4, 8)
    ]
    if as_json:
        rows = [
            {"precision": points / 100, "per_page": n.per_page, "lines": n.lines, "pages": n.pages,
             "design_effect": n.design_effect} for points, n in answers
        ]  # fmt: skip
        told = {
            "cer": pilot.cer,
            "deviation": pilot.deviation,
            "correlation": pilot.correlation,
            "source": pilot.source,
        }
        click.echo(
            json.dumps(
                {"pages": frame.pages, "lines": frame.lines, "expected": told, "needed": rows},
                ensure_ascii=False,
            )
        )
        return
    click.echo("precision\tlines a page\tlines\tpages\tdesign effect")
    for points, n in answers:
        reach = f"{n.lines}\t{n.pages}" if n.lines else "not even all pages\t"
        click.echo(f"±{points:g} %\t{n.per_page}\t{reach}\t{n.design_effect:.2f}")
    click.echo(
        f"{frame.lines} lines on {frame.pages} pages; error rate {100 * pilot.cer:.1f} %, lines vary by "
        f"{100 * pilot.deviation:.1f} points, lines of a page correlate by {pilot.correlation:.2f} ({pilot.source}).",
        err=True,
    )


@audit.command()
@_LIBRARY
@_sampling
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Write a folder for each transcriber here.",
)
@click.option("--lines", type=click.IntRange(1), help="About how many lines to draw. [default: 400]")
@click.option(
    "--precision",
    type=click.FloatRange(0, 100, min_open=True),
    help="As many lines as this precision takes, in points (1: ±1 %), instead of --lines.",
)
@click.option(
    "--per-page", default=2, show_default=True, type=click.IntRange(1), help="Lines of a page at most."
)
@click.option(
    "--by",
    default="collection,engine,script,hand,confidence",
    show_default=True,
    help="What strata differ in, the most important first.",
)
@click.option(
    "--allocation",
    type=click.Choice(["proportional", "between", "equal"]),
    default="proportional",
    show_default=True,
    help="Pages for each stratum: by its lines (best overall), by their square root, or the same (best to compare strata).",
)
@click.option(
    "--double",
    default=10.0,
    show_default=True,
    type=click.FloatRange(0, 100),
    help="Per cent of the lines that a second person transcribes, blind.",
)
@click.option("--seed", default="1", show_default=True, help="Another seed draws other lines.")
@click.option("--id", "audit_id", default="", help="A name for the audit. [default: the time]")
@click.option("--dry-run", is_flag=True, help="Show strata and numbers; draw nothing.")
@_JSON
def sample(
    library: Path,
    collection: str,
    run: str,
    expect: float | None,
    output: Path | None,
    lines: int | None,
    precision: float | None,
    per_page: int,
    by: str,
    allocation: str,
    double: float,
    seed: str,
    audit_id: str,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Draw a stratified sample of lines for people to transcribe.

    The same library and seed always give the same lines, whatever happened to its files. With --output, folder `first` is
    for one person and `second` for another; neither shows what was read. Without, transcribe in `warraq serve`.

    Exit code 10 if pictures could not be cut; the lines are named.
    """
    from ocr_core.audit.draw import Design
    from ocr_core.audit.draw import draw as draw_sample
    from ocr_core.errors import UsageError
    from ocr_core.library import Library

    if lines and precision:
        raise UsageError("--lines and --precision are two ways to say the same.", remedy="Give one of them.")
    opened = Library.open(library.absolute())
    design = Design(
        lines=lines or 400,
        per_page=per_page,
        by=tuple(name.strip() for name in by.split(",") if name.strip()),
        power={"proportional": 1.0, "between": 0.5, "equal": 0.0}[allocation],
        double=double / 100,
        collection=collection,
        run=run,
        seed=seed,
    )
    if precision:
        design = _precise(opened, design, precision, expect)
    drawn = draw_sample(opened, design)
    omissions: list[Omission] = []
    if not dry_run:
        audit_id, omissions = _keep(opened, drawn, output, audit_id)
    if as_json:
        click.echo(json.dumps(_sample_facts(audit_id, drawn, dry_run), ensure_ascii=False))
    else:
        _print_strata(drawn.strata, drawn.rows)
    pages = len({row["page_id"] for row in drawn.rows})
    doubles = sum(row["double"] for row in drawn.rows)
    name = "would be drawn" if dry_run else f"are audit {audit_id}" + (f", in {output}" if output else "")
    click.echo(f"{len(drawn.rows)} lines on {pages} pages, {doubles} for two people, {name}.", err=True)
    return _told(omissions)


@audit.command("import")
@click.argument(
    "places", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True), metavar="PLACE..."
)
@_LIBRARY
@click.option("--transcriber", required=True, help="Who wrote it.")
@click.option("--audit", "audit_id", default="", help="Of a single sheet. [default: the newest audit]")
@click.option(
    "--any-script", is_flag=True, help="Let texts pass in another script than the line was taken for."
)
@_JSON
def import_(
    places: tuple[Path, ...], library: Path, transcriber: str, audit_id: str, any_script: bool, as_json: bool
) -> None:
    """Take in what people have transcribed: a folder of `audit sample`, its CSV or XLSX, or PAGE and ALTO files.

    Every row is checked (unknown lines, another script, changed pictures, cells that a spreadsheet has spoilt). A PLACE is
    taken whole or not at all. Importing again replaces what the same person wrote before.
    """
    from ocr_core.audit.import_pages import import_pages
    from ocr_core.audit.import_sheets import import_sheet
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


@audit.command()
@_LIBRARY
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
    from ocr_core.audit import sample_report
    from ocr_core.audit.measure import measure_sample, save_report
    from ocr_core.library import Library

    opened = Library.open(library.absolute())
    found = measure_sample(opened, audit_id, label=label, worst=worst)
    if not dry_run:
        save_report(opened, found)
    for path, write in (
        (html, lambda: sample_report.as_html(found, opened)),
        (markdown, lambda: sample_report.as_markdown(found)),
    ):
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(write(), "utf-8")
            click.echo(f"The report is in {path}.", err=True)
    if as_json:
        click.echo(json.dumps(sample_report.as_json(found, lines=True), ensure_ascii=False))
    else:
        click.echo(sample_report.as_text(found), nl=False)
    for fact in sample_report.facts(found):
        click.echo(fact, err=True)


@audit.command()
@_LIBRARY
@click.option(
    "--by",
    type=click.Choice(["run", "engine", "month", "audit"]),
    default="run",
    show_default=True,
    help="What is compared: runs, engines with their versions, months in which pages were read, audits.",
)
@click.option("--before", default="", help="[default: the one before the newest]")
@click.option("--after", default="", help="[default: the newest]")
@click.option("--measure", type=click.Choice(["cer", "wer"]), default="cer", show_default=True)
@click.option(
    "--as",
    "normalisation",
    type=click.Choice(["raw", "quotes", "search"]),
    default="raw",
    show_default=True,
    help="How texts are compared: as they are, with one form of quotes and dashes, as search compares them.",
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
@_JSON
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
    from ocr_core.audit import drift_report
    from ocr_core.audit.drift import drift as find
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
        markdown.parent.mkdir(parents=True, exist_ok=True)
        markdown.write_text(drift_report.as_markdown(found), "utf-8")
    click.echo(
        json.dumps(drift_report.as_json(found), ensure_ascii=False)
        if as_json
        else drift_report.as_text(found)
    )
    for name in found.missing:
        click.echo(f"{name} was not audited on both sides.", err=True)
    if fail_above is not None:
        drift_report.fail_if_worse(found, fail_above / 100)


def _pilot(library: Library, expect: float | None) -> Any:
    from ocr_core.audit.size import EXPECTED, assumed, pilot_of

    if expect is not None:
        return assumed(expect / 100)
    return pilot_of(library) or assumed(EXPECTED)


def _precise(library: Library, design: Design, points: float, expect: float | None) -> Design:
    """The design with as many lines as the precision takes.

    Raises:
        UsageError: all pages would not do.
    """
    from dataclasses import replace

    from ocr_core.audit.draw import read_frame
    from ocr_core.audit.size import needed
    from ocr_core.errors import UsageError

    frame = library.reading(lambda con: read_frame(con, design))
    answer = needed(frame, _pilot(library, expect), points / 100, design.per_page)
    if answer.lines is None:
        raise UsageError(
            f"±{points:g} % takes more than {design.per_page} lines of each of the {frame.pages} pages.",
            remedy="Raise --per-page, or be content with less; warraq audit size shows what is possible.",
        )
    return replace(design, lines=answer.lines)


def _keep(library: Library, drawn: Draw, output: Path | None, audit_id: str) -> tuple[str, list[Omission]]:
    from flows.progress import CountedProgress
    from ocr_core.audit.draw import new_audit_id, publish
    from ocr_core.audit.folder import write_folder

    audit_id = new_audit_id(library, audit_id)
    rows = drawn.rows
    omissions: list[Omission] = []
    if output:
        with CountedProgress("cutting lines", "pages") as progress:
            rows, omissions = write_folder(library, audit_id, rows, output, progress=progress.at)
    publish(library, rows, audit_id)
    return audit_id, omissions


def _told(omissions: Sequence[Omission]) -> int:
    """Name what has no picture; the exit code."""
    from ocr_core.search.render import printable

    for omission in omissions[:_MOST_OMISSIONS]:
        click.echo(printable(f"no picture of {omission.line}: {omission.reason}"), err=True)
    if len(omissions) > _MOST_OMISSIONS:
        click.echo(f"… and of {len(omissions) - _MOST_OMISSIONS} more", err=True)
    return 10 if omissions else 0


def _print_strata(strata: Sequence[Stratum], rows: Sequence[dict[str, Any]]) -> None:
    from collections import Counter

    from ocr_core.search.render import printable

    lines = Counter(row["stratum"] for row in rows)
    click.echo("stratum\tpages\tlines\tpages drawn\tlines drawn")
    for s in strata:
        click.echo(f"{printable(s.name)}\t{s.pages}\t{s.lines}\t{s.drawn}\t{lines[s.name]}")


def _sample_facts(audit_id: str, drawn: Draw, dry_run: bool) -> dict[str, Any]:
    return {
        "audit_id": None if dry_run else audit_id,
        "lines": len(drawn.rows),
        "double": sum(row["double"] for row in drawn.rows),
        "strata": [
            {"name": s.name, "pages": s.pages, "lines": s.lines, "drawn_pages": s.drawn} for s in drawn.strata
        ],
    }
