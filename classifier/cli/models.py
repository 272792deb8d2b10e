"""``earmark models``: what labels recordings."""

from __future__ import annotations

from pathlib import Path

import click

from classifier.cli.common import Shell, shell_command


@click.group()
def models() -> None:
    """Get what labels recordings.

    \b
    Example:
      earmark models get musicnn-msd
    """


@models.command()
@click.argument("name", type=click.Choice(["musicnn-msd"]))
@click.option("--wheel", type=click.Path(path_type=Path), help="The package as a file, where there is no network.")
@shell_command
def get(shell: Shell, name: str, wheel: Path | None) -> None:
    """Fetch the pretrained network NAME and convert it: 29 MB and some seconds, once.

    pip fetches the package of the network's authors, whose SHA-256 is known; nothing of it is installed or run. Its
    weights are kept in the folder EARMARK_WEIGHTS_DIR under their ISC licence.

    \b
    Example:
      earmark models get musicnn-msd
      earmark models get musicnn-msd --wheel musicnn-0.1.0-py3-none-any.whl
    """
    from classifier.labels import weights

    folder = Path(shell.settings.weights_dir)
    made = weights.get(name, folder, wheel, shell.remark)
    described = weights.manifest(name, folder)
    if shell.as_json:
        shell.emit({"name": name, "made": made, "folder": str(folder / name), **described})
    else:
        shell.say(f"{name} is {'ready' if made else 'there already'}: {folder / name}")
