"""`warraq run` and `warraq retry`."""

from __future__ import annotations

import json
import os
import shlex
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flows.commands.options import LIBRARY, library_option
from flows.wording import counted

if TYPE_CHECKING:
    from flows.shards.alongside import Alongside
    from ocr_core.config import RunSettings
    from ocr_core.library import Library
    from ocr_core.pipeline.plan import Plan, Survey
    from ocr_core.pipeline.shards import DispatchSettings


@click.command()
@click.argument("sources", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="SOURCE…")
@library_option("The folder of the library; made when missing.")
@click.option(
    "--collection", default="default", show_default=True, help="The collection these pages belong to."
)
@click.option(
    "--arabic",
    type=click.Choice(["auto", "vlm", "crnn", "defer"]),
    default="auto",
    show_default=True,
    help="Who reads Arabic: the Qwen-VL worker, the packaged crnn-ar, or nobody now ('defer': pages end as pending); "
    "'auto': the best there is.",
)
@click.option(
    "--pool",
    "pools",
    multiple=True,
    help="Hand Arabic pages to the workers of this Prefect work pool (docs/workers.md); again for more; 'all'.",
)
@click.option(
    "--vlm",
    multiple=True,
    metavar="NAME=VALUE",
    help="How Qwen-VL reads, e.g. mode=line, prompt=training, page_pixels=1000000, model=FOLDER; can be repeated.",
)
@click.option(
    "--script",
    type=click.Choice(["auto", "latin", "arabic"]),
    default="auto",
    show_default=True,
    help="The script of all lines, where it is known; 'auto': told line by line. For a collection: script, arabic and "
    "english below [settings.collections.NAME] in the library's warraq.toml, which these options override.",
)
@click.option("--upgrade", is_flag=True, help="Read Arabic pages again that a better engine would now take.")
@click.option(
    "--english",
    default="crnn-latin",
    show_default=True,
    help="Who reads English lines: a line reader of `warraq models list`, trocr, weights of `warraq train crnn` "
    "(.safetensors), or the folder of a model.",
)
@click.option(
    "--existing-text",
    type=click.Choice(["skip", "redo", "force"]),
    default="skip",
    show_default=True,
    help="PDF pages that have text: take it; read hidden scan text again; read every page.",
)
@click.option(
    "--decoding",
    type=click.Choice(["beam", "greedy"]),
    help="Search for the best reading of English lines (crnn: with the language model), or be faster. "
    "Default: what the reader's card says; crnn-latin searches.",
)
@click.option(
    "--layout",
    type=click.Choice(["auto", "learned", "classical"]),
    default="auto",
    show_default=True,
    help="How lines are found: by a network, or by their strokes alone; 'auto': the better one that is there.",
)
@click.option(
    "--orientation",
    type=click.Choice(["auto", "off"]),
    default="auto",
    show_default=True,
    help="Set pages upright that surely lie on their side or head, or leave all as their files have them.",
)
@click.option(
    "--enhance",
    multiple=True,
    type=click.Choice(["even", "faint", "denoise", "median", "sharpen", "binarize"]),
    help="A step taken on pages before lines are cut for reading; may be given several times, in order. "
    "None is by default: docs/enhancement.md says what each does to error rates.",
)
@click.option("--pages", default="", help="Page numbers of every document, e.g. 1-5,8.")
@click.option(
    "--workers",
    type=click.IntRange(0, 256),
    default=0,
    help="Processes that prepare pages; 0: what fits the cores.",
    show_default=True,
)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option(
    "--page-timeout",
    type=click.FloatRange(0, 3600, min_open=True),
    default=120.0,
    show_default=True,
    help="Seconds after which a page fails.",
)
@click.option(
    "--max-megapixels",
    type=click.FloatRange(0, min_open=True),
    default=300.0,
    show_default=True,
    help="Larger pages are refused undecoded; a sheet of A0 at 400 dpi has 250.",
)
@click.option("--dry-run", is_flag=True, help="Show what would be done and what cannot be read; do nothing.")
@click.option("--json", "as_json", is_flag=True, help="The account of the run as JSON on stdout.")
@click.pass_obj
def run(
    obj: dict[str, Any],
    sources: tuple[Path, ...],
    library: Path,
    collection: str,
    arabic: str,
    pools: tuple[str, ...],
    vlm: tuple[str, ...],
    script: str,
    english: str,
    upgrade: bool,
    existing_text: str,
    decoding: str | None,
    layout: str,
    orientation: str,
    enhance: tuple[str, ...],
    pages: str,
    workers: int,
    device: str,
    page_timeout: float,
    max_megapixels: float,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Digitise folders, images and PDFs into a library.

    Running it again does only what is missing: new pages, and pages that failed.
    """
    from flows.commands.validated import validated
    from ocr_core.config import CollectionSettings, RunSettings
    from ocr_core.library import names
    from ocr_core.pipeline.collection import for_collection
    from ocr_core.pipeline.shards import DispatchSettings

    collection = names.collection(collection)
    elsewhere = None
    if pools:
        elsewhere = validated(
            DispatchSettings,
            "run",
            library=library.absolute(),
            pools=() if "all" in pools else pools,
            arabic=arabic if _is_given("arabic") else None,
            upgrade=upgrade,
        )
    options = {
        "sources": [source.absolute() for source in sources],
        "library": library.absolute(),
        "collection": collection,
        "arabic": arabic,
        "vlm": _vlm_settings(vlm),
        "english": _absolute(english),
        "script": script,
        "upgrade": upgrade,
        "reading": {
            "existing_text": existing_text,
            "max_pixels": round(max_megapixels * 1e6),
            # A hanging poppler must give up before its page does, or it would live on by itself.
            "timeout": 0.8 * page_timeout,
        },
        "page_timeout_s": page_timeout,
        "decoding": decoding,
        "layout": layout,
        "imaging": {"find_orientation": orientation == "auto", "enhance": enhance},
        "pages": pages,
        "workers": workers,
        "device": device,
    }
    given = {n: v for n, v in options.items() if n not in CollectionSettings.model_fields or _is_given(n)}
    settings = for_collection(validated(RunSettings, "run", **given | ({"arabic": "defer"} if pools else {})))
    return _digitize(settings, elsewhere, dry_run=dry_run, as_json=as_json, verbose=obj["verbose"])


def _absolute(reader: str) -> str:
    """The name of a line reader; its path, which stays right wherever the flow runs, where it is a folder or weights."""
    path = Path(reader)
    return str(path.absolute()) if path.is_dir() or path.suffix == ".safetensors" else reader


def _vlm_settings(given: tuple[str, ...]) -> dict[str, str]:
    values = {}
    for part in given:
        name, equals, value = part.partition("=")
        if not equals:
            raise click.BadParameter(f"{part!r} is no NAME=VALUE", param_hint="--vlm")
        values[name.strip()] = value.strip()
    if Path(values.get("model", "")).is_dir() and values.get("model"):
        values["model"] = str(Path(values["model"]).absolute())
    return values


def _is_given(option: str) -> bool:
    """Whether an option of this command stands on the command line."""
    from click.core import ParameterSource

    return click.get_current_context().get_parameter_source(option) is ParameterSource.COMMANDLINE


@click.command()
@LIBRARY
@click.option("--json", "as_json", is_flag=True, help="The accounts of the runs as JSON lines on stdout.")
@click.pass_obj
def retry(obj: dict[str, Any], library: Path, as_json: bool) -> int:
    """Try every failed page again, with the settings of the run that it failed in.

    Pages whose file or folder is not there are listed, and stay failed.
    """
    from ocr_core.config import RunSettings
    from ocr_core.errors import NothingToDo
    from ocr_core.library import Library, dismissal, settings_of_failed_runs

    opened = Library.open(library.absolute())
    todo = [RunSettings.model_validate(settings) for settings in settings_of_failed_runs(opened)]
    if not todo:
        click.echo("No page has failed: there is nothing to retry.", err=True)
        return 0
    before = dismissal.standing(opened)
    code = 0
    for settings in todo:
        sources = tuple(source for source in settings.sources if os.path.exists(source))  # noqa: PTH110 (no errors)
        again = settings.model_copy(update={"library": opened.root, "sources": sources})
        with suppress(NothingToDo):  # what failed is no longer there, and said to be so below
            if sources:
                code = max(code, _digitize(again, dry_run=False, as_json=as_json, verbose=obj["verbose"]))
    untried = [
        failure for failure in dismissal.standing(opened) if failure in before
    ]  # as often tried as before
    _name_untried(opened, untried)
    return 10 if untried else code


def _name_untried(library: Library, failures: list[dict[str, Any]]) -> None:
    """Say which failures a retry did not reach, and what to do about each."""
    from ocr_core.pipeline.gone import missing_folder, places

    for failure, known in zip(failures, places(library, failures), strict=True):
        number = f"#{failure['page_number']}" if failure["page_number"] else ""
        name = f"{failure['source_path']}{number}"
        if folder := missing_folder(known):
            why = f"its folder {folder} is not there. Put it back, or connect its disk, and retry"
        else:
            why = "it is no longer there, or is left out now"
        click.echo(
            f"not tried: {name}: {why}. If it is gone for good: "
            f"warraq dismiss {shlex.quote(name)} --library {shlex.quote(str(library.root))} --reason TEXT",
            err=True,
        )


def _digitize(
    settings: RunSettings,
    elsewhere: DispatchSettings | None = None,
    *,
    dry_run: bool,
    as_json: bool,
    verbose: int,
) -> int:
    """A run, beside which what it leaves for workers (`elsewhere`) is handed out."""
    from flows.summary import print_plan, print_summary
    from ocr_core.library import Library
    from ocr_core.pipeline.engines import LATER
    from ocr_core.pipeline.plan import survey

    started = datetime.now(UTC)
    # Before the sources are gone through, which may take long.
    Library.check_place(settings.library, settings.collection)
    found = survey(settings)
    plan = _plan(settings, found)
    for collection, pages in plan.elsewhere.items():
        click.echo(
            f"{counted(pages, 'page')} already in the collection {collection!r}; a page is in one only.",
            err=True,
        )
    if dry_run:
        print_plan(found, plan, as_json=as_json)
        return 10 if plan.failures else 0
    with ExitStack() as stack:
        dispatch = stack.enter_context(_alongside(elsewhere)) if elsewhere else None
        # With nothing to do there is nothing to record either, so Prefect need not be woken.
        own = _account_of_nothing(plan) if plan.empty else _run_flow(settings, started, found, plan, verbose)
        accounts = [own, *(dispatch.finish() if dispatch else [])]
        if dispatch:
            own["pending_reasons"].pop(LATER.reason, None)  # what became of these pages comes next
    for account in accounts:
        if as_json:
            click.echo(json.dumps(account, ensure_ascii=False))
        print_summary(account, settings.library)
    return 10 if any(account["failed"] for account in accounts) else 0


def _alongside(settings: DispatchSettings) -> Alongside:
    from flows.local_prefect import configure
    from ocr_core.library import Library

    configure()
    from flows.shards.alongside import Alongside

    Library.create_or_open(settings.library)
    return Alongside(settings)


def _plan(settings: RunSettings, found: Survey) -> Plan:
    from ocr_core.library import Library
    from ocr_core.pipeline.engines import settled_for
    from ocr_core.pipeline.plan import make_plan

    library = Library.open(settings.library) if (settings.library / "warraq.toml").exists() else None
    return make_plan(found, settings, library, settled_for(settings))


def _account_of_nothing(plan: Plan) -> dict[str, Any]:
    from collections import Counter

    from ocr_core.pipeline.account import Account

    return Account("", plan.discovered, Counter(plan.already)).as_dict()


def _run_flow(
    settings: RunSettings, started: datetime, found: Survey, plan: Plan, verbose: int
) -> dict[str, Any]:
    from flows.interrupts import remembered_interrupts
    from flows.local_prefect import local_run
    from flows.progress import TerminalProgress
    from tasks.workshop import Workshop

    progress = TerminalProgress(name_files=verbose > 0)
    progress.stage("starting")
    # Pages are prepared and models loaded while Prefect starts, which takes some seconds.
    with remembered_interrupts() as check, Workshop(settings, plan) as workshop, local_run():
        from flows.digitize import digitize
        from tasks.run import HeadStart, head_start

        head_start.set(HeadStart(progress, started, found, plan, workshop, check))
        return digitize(settings)
