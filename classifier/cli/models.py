"""``earmark models``: what labels recordings: the network's weights, and models by task and version."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from classifier.cli.common import Shell, shell_command
from classifier.errors import InvalidModel, StoreFailed

if TYPE_CHECKING:
    from classifier.labels.scoring.registry import Registry, Stored


@click.group()
def models() -> None:
    """Get, list, show, activate and export what labels recordings.

    \b
    Example:
      earmark models get musicnn-msd
      earmark models list
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


@models.command("list")
@click.option("--task", help="Models of this task only.")
@shell_command
def list_models(shell: Shell, task: str | None) -> None:
    """List the models of labels, and which of each task answers.

    \b
    Example:
      earmark models list --task genre
    """
    found = _registry(shell).listed(task)
    if shell.as_json:
        for stored in found:
            shell.emit(stored.to_dict())
        return
    if not found:
        shell.remark("no models: train one, 'earmark train genre FOLDER'")
        return
    rows = []
    for stored in found:
        manifest = stored.manifest or {}
        labels = ", ".join(manifest.get("labels", []))
        what = f"{manifest.get('family')} on {manifest.get('view')}" if manifest else f"damaged: {stored.fault}"
        rows.append([stored.task, stored.version, "answers" if stored.active else "", what, _honest(manifest), labels])
    shell.table(["task", "version", "", "model", "accuracy", "labels"], rows, whole=("task", "version"))


@models.command()
@click.argument("task")
@click.argument("version", required=False)
@shell_command
def show(shell: Shell, task: str, version: str | None) -> None:
    """Show the card of a model of TASK: VERSION, or the one that answers.

    \b
    Example:
      earmark models show genre gtzan-10
    """
    from classifier.labels.cards import text

    stored = _registry(shell).find(task, version)
    if stored.manifest is None:
        raise InvalidModel(stored.fault)
    if shell.as_json:
        shell.emit(stored.to_dict())
        return
    for line in text(task, stored.version, stored.manifest):
        shell.say(line)


@models.command()
@click.argument("task")
@click.argument("version")
@shell_command
def activate(shell: Shell, task: str, version: str) -> None:
    """Let VERSION of TASK answer, after checking that it can be read.

    \b
    Example:
      earmark models activate genre 2
    """
    _told(shell, _registry(shell).activate(task, version))


@models.command()
@click.argument("task")
@shell_command
def rollback(shell: Shell, task: str) -> None:
    """Let that version of TASK answer which did before the present one.

    \b
    Example:
      earmark models rollback genre
    """
    _told(shell, _registry(shell).rollback(task))


@models.command()
@click.argument("task")
@click.argument("out", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--version", help="Version of the model; else the one that answers.")
@shell_command
def export(shell: Shell, task: str, out: Path, version: str | None) -> None:
    """Export a model of TASK to the file OUT as ONNX: logistic regression and multi-layer perceptrons.

    The graph takes features, not standardised, in the order of its property "columns". Needs the package onnx.

    \b
    Example:
      earmark models export genre genre.onnx
    """
    from classifier.labels.scoring.export import to_onnx

    content = to_onnx(_registry(shell).load(task, version))
    try:
        out.write_bytes(content)
    except OSError as error:
        raise StoreFailed(f"{out} cannot be written ({error.strerror})") from None
    if shell.as_json:
        shell.emit({"task": task, "file": str(out), "bytes": len(content)})
    else:
        shell.say(f"{out}: {len(content):,} bytes")


def _registry(shell: Shell) -> Registry:
    from classifier.labels.scoring.registry import Registry

    return Registry(Path(shell.settings.data_dir))


def _told(shell: Shell, stored: Stored) -> None:
    if shell.as_json:
        shell.emit(stored.to_dict())
    else:
        shell.say(f"{stored.task} is answered by {stored.version}")


def _honest(manifest: dict[str, Any]) -> str:
    """Return the first honest accuracy of a model's card; without groups there is but a leaky one, which is told."""
    from classifier.labels.cards import percent_interval

    honest = manifest.get("card", {}).get("honest")
    try:
        accuracy = percent_interval(honest[0]["figures"]["accuracy"])
        return f"{accuracy} (leaky)" if accuracy and honest[0].get("leaky") is True else accuracy
    except (TypeError, LookupError, AttributeError):
        return ""
