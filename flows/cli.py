"""The command line: `warraq COMMAND`. stdout is data; messages and the progress bar go to stderr."""

from __future__ import annotations

import atexit
import logging
import os
import sys
from pathlib import Path

import click

from flows.commands.audit import audit
from flows.commands.dismiss import dismiss
from flows.commands.doctor import doctor
from flows.commands.evaluate import evaluate
from flows.commands.export import export
from flows.commands.group import Group
from flows.commands.models import models
from flows.commands.query import search, sql
from flows.commands.recognize import eval_glyphs, recognize
from flows.commands.run import retry, run
from flows.commands.serve import serve
from flows.commands.status import show, status
from flows.commands.train import train
from flows.commands.workers import deploy, dispatch, worker
from flows.interrupts import interrupt_at_sigterm
from ocr_core import __version__
from ocr_core.errors import WarraqError

EXIT_CODES = """\b
Exit codes:
  0    all done
  1    wrong arguments
  2    nothing usable in the input
  3    a missing dependency or model
  5    the library or a file cannot be read or written
  10   finished, but some pages failed, or an audit found too much drift
  15   anything else
  130  interrupted (what was done is published)"""


@click.group(
    cls=Group,
    epilog=EXIT_CODES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="warraq")
@click.option("-v", "--verbose", count=True, help="Say more: -v names the file at work, -vv shows debugging.")
@click.pass_context
def cli(context: click.Context, verbose: int) -> None:
    """Turn folders of scanned archives and PDFs into a searchable, audited library of transcripts."""
    context.obj = {"verbose": verbose}
    level = (logging.WARNING, logging.INFO, logging.DEBUG)[min(verbose, 2)]
    logging.basicConfig(
        stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s"
    )
    for package in ("ocr_core", "tasks", "flows"):
        logging.getLogger(package).setLevel(level)


cli.add_under(
    {
        "Digitise": (run, status, retry, dismiss, doctor),
        "Look": (search, show, serve, sql, export),
        "Prove": (audit, evaluate),
        "Models": (models, train, recognize, eval_glyphs),
        "GPUs and schedules": (worker, dispatch, deploy),
    }
)


def main() -> None:
    """Entry point: turn every way a command can end into its exit code."""
    _open_closed_streams()
    interrupt_at_sigterm()
    code = _run_command()
    atexit._run_exitfuncs()
    # Python would take its objects apart one by one, for most of a second after a run; the system frees all at once.
    os._exit(code)


def _open_closed_streams() -> None:
    """Send what is written to streams that were closed before we began (`>&-`) nowhere.

    The lowest free number is the closed one: so no file of ours takes its place and gets what C libraries print.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115  stays open to the end


def _run_command() -> int:
    verbose = any(arg in ("-v", "-vv", "--verbose") for arg in sys.argv[1:])
    try:
        code = cli(standalone_mode=False, prog_name="warraq")
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except click.exceptions.Exit as exit_:
        return exit_.exit_code
    except click.ClickException as error:
        error.show()
        return 1
    except (click.Abort, KeyboardInterrupt):
        return _interrupted()
    except WarraqError as error:
        _say(f"Error: {error}")
        return error.exit_code
    except SystemExit:
        return 0  # so click ends when the reader of our output goes away while a command runs
    except BrokenPipeError:
        # The same at the last flush (`| head`): not an error, and nothing must be flushed at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        if verbose:
            logging.exception("failed")
        what = (
            f"{error.filename}: {error.strerror}"
            if error.filename and error.strerror
            else error.strerror or error
        )
        _say(
            f"Error: {what}.\n  Check that the file or folder exists, may be used, and that the disk has room."
        )
        return 5
    except Exception as error:
        if _began_with_an_interrupt(error):
            return _interrupted()
        if verbose:
            logging.exception("failed")
        _say(
            f"Error: {type(error).__name__}: {error}\n  Run `warraq -v …` for the details, and please report this."
        )
        return 15


def _interrupted() -> int:
    _say("Interrupted. What was finished is kept; runs and trainings go on from there when started again.")
    return 130


def _began_with_an_interrupt(error: BaseException | None) -> bool:
    """Whether an error arose while Ctrl-C was handled: Prefect, struck while it starts a task, trips over its own state."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None


def _say(text: str) -> None:
    click.echo(text, err=True)
