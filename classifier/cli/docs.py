"""``earmark docs``: the documentation that the package carries, in a browser or served to this machine."""

from __future__ import annotations

import functools
import http.server
import signal
import webbrowser
from pathlib import Path
from typing import Any

import click

from classifier.cli.common import Shell, shell_command
from classifier.errors import FileMissing, InvalidParameter

_INSTALLED, _SOURCE = (folder / "site" for folder in Path(__file__).resolve().parents[1:3])
ROOT = _INSTALLED if _INSTALLED.is_dir() else _SOURCE


@click.command()
@click.argument("page", default="index")
@click.option(
    "--serve", "serving", is_flag=True, help="Serve it to this machine until Ctrl-C, instead of opening files."
)
@click.option("--port", type=click.IntRange(0, 65535), default=8010, show_default=True, help="Port; 0: any free one.")
@click.option("--where", is_flag=True, help="Only print where it is.")
@shell_command
def docs(shell: Shell, page: str, serving: bool, port: int, where: bool) -> None:
    """Open the documentation, or PAGE of it, in a browser; it needs no network.

    PAGE is a page's name, such as guide, api, mathematics or commands.

    \b
    Example:
      earmark docs
      earmark docs guide
      earmark docs --serve --port 8010
    """
    path = find(ROOT, page)
    if serving:
        serve(shell, ROOT, path, port)
        return
    address = path.as_uri()
    if shell.as_json:
        shell.emit({"folder": str(ROOT), "file": str(path), "url": address})
    else:
        shell.say(str(path) if where else address)
    if not where and not webbrowser.open(address):
        shell.remark("No browser could be opened: open that address in one, or use --serve.")


def find(root: Path, page: str) -> Path:
    """Return the file of a page.

    Raises
    ------
    FileMissing
        If the documentation was not built into this installation.
    InvalidParameter
        If there is no such page, or there are several.
    """
    if not (root / "index.html").is_file():
        raise FileMissing(
            "this installation carries no documentation: 'make site' builds it in a clone, where the same pages are "
            "also docs/*.md; wheels that 'make wheel' makes carry it"
        )
    if page == "index":
        return root / "index.html"
    pages = {path.stem.lower(): path for path in sorted(root.rglob("*.html")) if path.stem not in ("index", "404")}
    name = page.lower().removesuffix(".html").removesuffix(".md")
    if name not in pages:
        raise InvalidParameter(f"there is no page {page!r}: choose one of {', '.join(sorted(pages))}")
    return pages[name]


class _Handler(http.server.SimpleHTTPRequestHandler):
    """Serves files of a folder, and says nothing about it."""

    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet."""


def serve(shell: Shell, root: Path, path: Path, port: int) -> None:
    """Serve a folder to this machine until Ctrl-C.

    Raises
    ------
    InvalidParameter
        If the port is taken.
    """
    handler = functools.partial(_Handler, directory=str(root))
    try:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
    except OSError as error:
        raise InvalidParameter(
            f"port {port} cannot be served on ({error.strerror}): choose another with --port"
        ) from None
    with server:
        url = f"http://127.0.0.1:{server.server_address[1]}/{path.relative_to(root).as_posix()}"
        shell.remark("Ctrl-C stops it. The documentation is at:")
        if shell.as_json:
            shell.emit({"url": url})
        else:
            shell.say(url)
        # Also where the shell that began it in the background lets it ignore Ctrl-C.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            shell.remark("Stopped.")
