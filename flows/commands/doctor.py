"""`warraq doctor`: is this machine fit, and what to do if not."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import click

from flows.commands.options import library_option
from flows.wording import counted


@dataclass(frozen=True, slots=True)
class Finding:
    """`state` is ok, note (slower or less than it could be) or missing (runs fail)."""

    check: str
    state: str
    detail: str
    remedy: str = ""


@click.command()
@library_option("Also check this library.", required=False)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a finding.")
def doctor(library: Path | None, as_json: bool) -> int:
    """Check the machine: programs, packages, processor, memory, disk, models; say what to do."""
    findings = list(_findings(library))
    for finding in findings:
        if as_json:
            click.echo(json.dumps(asdict(finding)))
            continue
        mark = {"ok": "✓", "note": "·", "missing": "✗"}[finding.state]
        click.echo(
            f"{mark} {finding.check}: {finding.detail}"
            + (f"\n    {finding.remedy}" if finding.remedy else "")
        )
    return 3 if any(finding.state == "missing" for finding in findings) else 0


def _findings(library: Path | None) -> Iterator[Finding]:
    checks: list[Callable[[], Iterator[Finding]]] = [_poppler, _packages, _processor, _memory, _models]
    for check in checks:
        yield from check()
    if library:
        yield from _library(library)


def _poppler() -> Iterator[Finding]:
    missing = [name for name in ("pdftoppm", "pdfinfo", "pdfimages", "pdftotext") if not shutil.which(name)]
    if missing:
        yield Finding(
            "poppler",
            "missing",
            f"{', '.join(missing)} not found; PDFs cannot be read",
            "sudo apt-get install poppler-utils",
        )
        return
    answer = subprocess.run(["pdftoppm", "-v"], capture_output=True, text=True, check=False).stderr
    yield Finding("poppler", "ok", answer.splitlines()[0] if answer else "present")


def _packages() -> Iterator[Finding]:
    for name in ("prefect", "torch", "opencv-python-headless", "pyarrow", "duckdb", "pillow"):
        try:
            yield Finding(name, "ok", version(name))
        except PackageNotFoundError:
            yield Finding(name, "missing", "not installed", "make setup")


def _processor() -> Iterator[Finding]:
    import torch

    from ocr_core.models.pulled import pulled_cards
    from tasks.pool import cores, default_readers, default_workers

    share = f"{default_workers()} to prepare pages, {default_readers()} to read them"
    yield Finding("processor", "ok", f"{counted(cores(), 'core')}: {share}")
    if torch.cuda.is_available():
        yield Finding("GPU", "ok", torch.cuda.get_device_name())
        if not any(card.kind == "qwen-vl" for card in pulled_cards()):
            yield Finding(
                "Qwen-VL", "note", "not here; Arabic is read by crnn-ar", "warraq models pull qwen-vl-arabic"
            )
    else:
        yield Finding("GPU", "note", "none; English lines are read on the processor")


def _memory() -> Iterator[Finding]:
    import psutil

    free = psutil.virtual_memory().available / 2**30
    enough = free >= 2
    yield Finding(
        "memory",
        "ok" if enough else "note",
        f"{free:.1f} GiB free",
        "" if enough else "Run with --workers 1.",
    )


def _models() -> Iterator[Finding]:
    from ocr_core.errors import ModelError
    from ocr_core.models import cards, verified_path

    for card in cards():
        try:
            verified_path(card.name)
            yield Finding(f"model {card.name}", "ok", f"{card.version}, sha256 verified")
        except ModelError as error:
            yield Finding(f"model {card.name}", "missing", error.message, error.remedy)


def _library(path: Path) -> Iterator[Finding]:
    from ocr_core.errors import LibraryError
    from ocr_core.library import Library, status

    try:
        report = status(Library.open(path.absolute()))
    except LibraryError as error:
        yield Finding("library", "missing", error.message, error.remedy)
        return
    pages = sum(row["pages"] for row in report["collections"])
    yield Finding(
        "library", "ok", f"{counted(pages, 'page')} in {counted(len(report['collections']), 'collection')}"
    )
    free = shutil.disk_usage(path).free / 2**30
    yield Finding(
        "disk",
        "ok" if free > 1 else "note",
        f"{free:.1f} GiB free",
        "" if free > 1 else "Make room before a long run.",
    )
