"""`warraq audit size` and `sample`: what is to be transcribed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flows.commands.audit.options import JSON
from flows.commands.options import LIBRARY
from flows.wording import counted

if TYPE_CHECKING:
    from ocr_core.audit.omission import Omission
    from ocr_core.audit.sampling.draw import Design, Draw
    from ocr_core.audit.sampling.size import Pilot
    from ocr_core.audit.sampling.strata import Stratum
    from ocr_core.library import Library

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


@click.command()
@LIBRARY
@_sampling
@click.option(
    "--precision",
    multiple=True,
    type=click.FloatRange(0, 100, min_open=True),
    help="In points; may be repeated.",
)
@JSON
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
    from ocr_core.audit.sampling.draw import Design, read_frame
    from ocr_core.audit.sampling.size import needed
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
        facts = {
            "pages": frame.pages,
            "lines": frame.lines,
            "expected": asdict(pilot),
            "needed": [{"precision": points / 100, **asdict(n)} for points, n in answers],
        }
        click.echo(json.dumps(facts, ensure_ascii=False))
        return
    click.echo("precision\tlines a page\tlines\tpages\tdesign effect")
    for points, n in answers:
        reach = f"{n.lines}\t{n.pages}" if n.lines else "more than there are\t"
        click.echo(f"±{points:g} %\t{n.per_page}\t{reach}\t{n.design_effect:.2f}")
    click.echo(
        f"{counted(frame.lines, 'line')} on {counted(frame.pages, 'page')}; error rate {100 * pilot.cer:.1f} %, "
        f"lines vary by {100 * pilot.deviation:.1f} points, lines of a page correlate by {pilot.correlation:.2f} "
        f"({pilot.source}).",
        err=True,
    )


@click.command()
@LIBRARY
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
@JSON
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
    from ocr_core.audit.sampling.draw import Design
    from ocr_core.audit.sampling.draw import draw as draw_sample
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


def _pilot(library: Library, expect: float | None) -> Pilot:
    from ocr_core.audit.sampling.size import assumed, pilot_of

    if expect is not None:
        return assumed(expect / 100)
    return pilot_of(library) or assumed()


def _precise(library: Library, design: Design, points: float, expect: float | None) -> Design:
    """The design with as many lines as the precision takes.

    Raises:
        UsageError: all pages would not do.
    """
    from ocr_core.audit.sampling.draw import read_frame
    from ocr_core.audit.sampling.size import needed
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
    from ocr_core.audit.sampling.draw import new_audit_id, publish
    from ocr_core.audit.transcription.folder import write_folder

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
    from ocr_core.harmless import printable

    for omission in omissions[:_MOST_OMISSIONS]:
        click.echo(printable(f"no picture of {omission.line}: {omission.reason}"), err=True)
    if len(omissions) > _MOST_OMISSIONS:
        click.echo(f"… and of {len(omissions) - _MOST_OMISSIONS} more", err=True)
    return 10 if omissions else 0


def _print_strata(strata: Sequence[Stratum], rows: Sequence[dict[str, Any]]) -> None:
    from ocr_core.harmless import printable

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
