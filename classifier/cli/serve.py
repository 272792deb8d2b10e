"""``earmark serve``: the service and its page on this machine."""

from __future__ import annotations

import os

import click

from classifier.config import Settings
from classifier.errors import EarmarkError


@click.command()
@click.option("--host", help="Address to serve on; others than this machine's own need an admin key first.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port; 0 takes any free one.")
@click.option("--store", help="Store URL; else EARMARK_STORE.")
@click.option("--workers", type=click.IntRange(1, 64), help="Snippets worked on at the same time in one process.")
@click.option("--processes", type=click.IntRange(1, 64), default=1, show_default=True, help="Worker processes.")
@click.pass_context
def serve(
    context: click.Context, host: str | None, port: int | None, store: str | None, workers: int | None, processes: int
) -> None:
    """Serve the HTTP API and the page until Ctrl-C.

    \b
    Example:
      earmark serve --port 8000
    """
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")  # snippets run side by side: each keeps to its core
    from classifier.api.server import serve as run  # the web layer is loaded only for this command

    store = store or context.find_root().params.get("store")
    try:
        settings = Settings.from_environment(os.environ, host=host, port=port, store=store, workers=workers)
        run(settings, processes, lambda url: click.echo(f"Earmark serves at {url} (Ctrl-C stops it)"))
    except EarmarkError as error:
        raise click.ClickException(str(error)) from None
