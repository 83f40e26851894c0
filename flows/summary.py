"""What people are told before and after a run, on stderr."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import click

from flows.wording import counted
from ocr_core.pipeline.plan import Plan, Survey
from ocr_core.records import Status

MOST_FAILURES_SHOWN = 20


def print_plan(found: Survey, plan: Plan, *, as_json: bool) -> None:
    """The dry run: what would be done. As JSON on stdout, or as text."""
    if as_json:
        documents = [
            {
                "source_path": d.source.source_path,
                "media_type": d.media_type,
                "pages": d.pages,
                "to_do": list(numbers),
                "copies": [copy.source_path for copy in d.copies],
            }
            for d, numbers in plan.documents
        ]
        failures = [
            {"source_path": f.source_path, "kind": f.kind, "message": f.message, "remedy": f.remedy}
            for f in plan.failures
        ]
        already = {status.value: plan.already.get(status, 0) for status in Status}
        data = {"discovered": plan.discovered, "pages_to_do": plan.pages_to_do, "already": already}
        data |= {
            "documents": documents,
            "failures": failures,
            "left_out": [list(entry) for entry in found.left_out],
        }
        click.echo(json.dumps(data, ensure_ascii=False))
        return
    for document, numbers in plan.documents:
        some = f"{len(numbers)} of " if len(numbers) != document.pages else ""
        count = some + counted(document.pages, "page")
        click.echo(f"{document.source.source_path}\t{document.media_type}\t{count}")
    for document in found.documents:
        for copy in document.copies:
            click.echo(f"{copy.source_path}\tsame as\t{document.source.source_path}")
    for failure in plan.failures:
        click.echo(f"{failure.source_path}\tcannot be read\t{failure.message} {failure.remedy}")
    for path, reason in found.left_out:
        click.echo(f"{path}\tleft out\t{reason}")
    unreadable = f", {counted(len(plan.failures), 'file')} that cannot be read" if plan.failures else ""
    _say(
        f"{counted(plan.pages_to_do, 'page')} to do, {sum(plan.already.values())} already in the library{unreadable}."
    )


def print_summary(account: dict[str, Any], library: Path) -> None:
    """Account for every page, say what failed and where to look next."""
    say = _say
    if not account["run_id"]:
        say("Nothing to do: every page is in the library already.")
    for quote in account.get("excerpt", []):
        say(f"  {quote}")
    for failure in account["failures"][:MOST_FAILURES_SHOWN]:
        number = f"#{failure['page_number']}" if failure["page_number"] else ""
        say(
            f"failed: {failure['source_path']}{number} ({failure['kind']}): {failure['message']} {failure['remedy']}"
        )
    if (more := len(account["failures"]) - MOST_FAILURES_SHOWN) > 0:
        say(f"… and {more} more: warraq sql --library {shlex.quote(str(library))} 'SELECT * FROM failures'")
    for reason, pages in account["pending_reasons"].items():
        say(f"pending: {counted(pages, 'page')}. {reason}")
    known = (
        f" ({account['already']} already in the library)" if account["already"] and account["run_id"] else ""
    )
    say(
        f"{counted(account['discovered'], 'page')} discovered{known} = {account['done']} done + {account['blank']} blank"
        f" + {account['failed']} failed + {account['pending']} pending"
    )
    if account["run_id"]:
        stages = ", ".join(f"{stage} {seconds:.1f}" for stage, seconds in account["seconds"].items())
        say(
            f"{counted(account['lines'], 'line')} in {account['elapsed_s']:.1f} s, {account['pages_per_s']:.2f} pages/s"
        )
        if stages:
            say(f"seconds of work by stage: {stages}")
    place = shlex.quote(str(library))
    say(f"library: {library}   look: warraq search --library {place} WORD")


def _say(text: str) -> None:
    click.echo(text, err=True)
