"""`warraq serve`: the local web page of a library."""

from __future__ import annotations

import shlex
import socket
from pathlib import Path

import click

from flows.commands.options import LIBRARY_VARIABLE

HOST = "127.0.0.1"
GRACE_S = 2  # that answers under way may take after Ctrl-C


@click.command()
@click.argument("library", type=click.Path(path_type=Path), envvar=LIBRARY_VARIABLE)
@click.option(
    "--port",
    default=8400,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="0 takes one that is free.",
)
@click.option("--edit", is_flag=True, help="Allow lines to be corrected and audit samples to be transcribed.")
@click.option("--device", default="auto", show_default=True, help="Where 'Try it' reads: auto, cpu or cuda.")
def serve(library: Path, port: int, edit: bool, device: str) -> int:
    """Show LIBRARY (default: WARRAQ_LIBRARY) in the browser: search, pages with their lines, runs, failures.

    Prints the address and answers on this machine only, until Ctrl-C (exit code 130). The library is only read, unless
    --edit is given.
    """
    import uvicorn

    from ocr_core.library import Library
    from ocr_core.search.search import READ_ALONG, lines_to_index
    from ocr_core.viewer import ViewerSettings, create_app, warm

    opened = Library.open(library.absolute())
    app = create_app(opened, ViewerSettings(edit=edit, device=device))
    listening = _listen(port)
    if lines_to_index(opened) > READ_ALONG:
        click.echo(
            "The search index lacks many lines, searching will be slow. First: "
            f"warraq search --reindex --library {shlex.quote(str(library))}",
            err=True,
        )
    warm(app)
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        lifespan="off",
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
    )
    click.echo(f"http://localhost:{listening.getsockname()[1]}/")
    click.echo(
        "Ctrl-C ends it." + ("" if edit else " The library is only read (--edit to correct)."), err=True
    )
    try:
        uvicorn.Server(config).run(sockets=[listening])
    except KeyboardInterrupt:
        pass
    finally:
        listening.close()
    click.echo("Stopped.", err=True)
    return 130


def _listen(port: int) -> socket.socket:
    from ocr_core.errors import UsageError

    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
    except OSError as error:
        listening.close()
        raise UsageError(
            f"Port {port} cannot be used: {error.strerror}.", remedy="Name another with --port, or --port 0."
        ) from None
    listening.listen(128)
    return listening
