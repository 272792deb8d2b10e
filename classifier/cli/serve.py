"""``earmark serve``: serves the page and the HTTP interface."""

from __future__ import annotations

import click

from classifier.cli.common import Shell, shell_command
from classifier.extras import needing


@click.command()
@click.option("--host", help="Address to serve on; any but this machine's own needs an admin key first.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port, default 8000; 0 takes any free one.")
@click.option("--workers", type=click.IntRange(1, 64), help="Snippets worked on at the same time in one process.")
@click.option("--processes", type=click.IntRange(1, 64), default=1, show_default=True, help="Worker processes.")
@shell_command
def serve(shell: Shell, host: str | None, port: int | None, workers: int | None, processes: int) -> None:
    """Serve the page and the HTTP interface until Ctrl-C.

    The address is printed when everything is warm; until then /readyz reports progress.

    \b
    Example:
      earmark serve --port 8000
    """
    with needing("service", "'earmark serve'"):
        from classifier.api.server import serve as run  # the web layer is loaded only for this command

    given = {"host": host, "port": port, "workers": workers}
    settings = shell.settings.replace(**{name: value for name, value in given.items() if value is not None})
    shell.remark("Starting: opening the store, loading the index, warming up the decoder …")

    def ready(url: str) -> None:
        shell.remark("Ready; Ctrl-C stops it. The page and the HTTP interface are at:")
        shell.say(url)

    run(settings, processes, ready)
