"""``earmark signature``: a snippet's models in a few kilobytes."""

from __future__ import annotations

from pathlib import Path

import click

from classifier.cli.common import Shell, shell_command
from classifier.cli.saving import check_new, write


@click.command()
@click.argument("recording", metavar="IN", type=click.Path(path_type=Path))
@click.argument("written", metavar="OUT", type=click.Path(path_type=Path))
@click.option("--replace", is_flag=True, help="Write over OUT if it is there.")
@shell_command
def signature(shell: Shell, recording: Path, written: Path, replace: bool) -> None:
    """Write the signature of the recorded snippet IN into the file OUT.

    A signature says which track a snippet is of, and no sound can be made from it. `earmark identify OUT` and the
    service take it in place of the sound, in catalogues with the same parameters of features.

    \b
    Example:
      earmark signature bar.m4a bar.sig
    """
    check_new(written, replace=replace)
    with shell.catalogue(create=shell.settings.catalogue == "default") as catalogue:
        content = catalogue.signature(recording)
    write(written, content)
    if shell.as_json:
        shell.emit({"file": str(recording), "signature": str(written), "bytes": len(content)})
    else:
        shell.say(f"{recording}: {len(content):,} bytes in {written}")
