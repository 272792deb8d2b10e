"""``earmark catalogues``: sets of tracks that share a feature configuration."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from classifier.cli.common import Shell, counted, shell_command
from classifier.config import PRESETS, FeatureConfig


@click.group()
def catalogues() -> None:
    """List, create and remove catalogues.

    \b
    Example:
      earmark catalogues create radio --set window_step=0.5
    """


@catalogues.command("list")
@shell_command
def list_catalogues(shell: Shell) -> None:
    """List the catalogues in the store.

    \b
    Example:
      earmark catalogues list --json
    """
    from classifier.records import catalogues as records
    from classifier.records import tracks

    with shell.store() as store:
        found = [(record, tracks.count_tracks(store, record.name)) for record in records.list_catalogues(store)]
    if shell.as_json:
        for record, n in found:
            shell.emit({"name": record.name, "tracks": n, "created": record.created, "config": record.config})
    elif found:
        shell.table(["name", "tracks", "created"], [[r.name, str(n), r.created] for r, n in found])
    else:
        shell.remark("no catalogues yet: enroll some music, or create one")


@catalogues.command()
@click.argument("name")
@click.option(
    "--preset",
    type=click.Choice(sorted(PRESETS)),
    default="default",
    show_default=True,
    help="Parameters to start from.",
)
@click.option("--set", "values", multiple=True, metavar="NAME=VALUE", help="Set one parameter; may be repeated.")
@shell_command
def create(shell: Shell, name: str, preset: str, values: tuple[str, ...]) -> None:
    """Create a catalogue called NAME; its configuration never changes afterwards.

    \b
    Example:
      earmark catalogues create diagonal --set covariance_type=diag --set n_components=8
    """
    from classifier.catalogue import Catalogue

    config = _configured(PRESETS[preset], values)
    with Catalogue.open(settings=shell.settings, name=name, config=config) as catalogue:
        shell.remark(f"catalogue {catalogue.name!r} is ready")
        if shell.as_json:
            shell.emit({"name": catalogue.name, "config": catalogue.config.to_dict()})


def _configured(config: FeatureConfig, values: tuple[str, ...]) -> FeatureConfig:
    given = config.to_dict()
    for item in values:
        name, equals, text = item.partition("=")
        if not equals:
            raise click.UsageError(f"{item!r} is not NAME=VALUE")
        given[name] = _typed(text, given.get(name))
    return FeatureConfig.from_dict(given)


def _typed(text: str, like: object) -> object:
    """Convert a value to the type of the one it replaces; the configuration refuses what does not convert."""
    try:
        return type(like)(text) if isinstance(like, (int, float)) else text
    except ValueError:
        return text


@catalogues.command()
@click.argument("name")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@shell_command
def renew(shell: Shell, name: str, paths: tuple[Path, ...]) -> None:
    """Bring a catalogue of an earlier release up to date: model its tracks anew from the files and folders in PATHS.

    Titles and everything edited by hand stay. The command ends by naming the tracks whose files were not among PATHS;
    run it again with the folders that hold them.

    \b
    Example:
      earmark catalogues renew default ~/Music
    """
    from classifier import catalogue
    from classifier.cli.enroll import enroll_paths
    from classifier.records import tracks

    with shell.store() as store:
        catalogue.renew(store, name)
        try:
            if paths:
                enroll_paths(replace(shell, settings=shell.settings.replace(catalogue=name)), paths)
        finally:
            waiting = tracks.outdated(store, name)
            for track in waiting:
                shell.remark(f"not renewed: {track.title} (file {track.source})")
                if shell.as_json:
                    shell.emit(
                        {"track_id": track.id, "title": track.title, "source": track.source, "status": "waiting"}
                    )
            shell.remark(f"{counted(len(waiting), 'track')} of catalogue {name!r} still to be renewed")


@catalogues.command()
@click.argument("name")
@click.confirmation_option(prompt="Remove the catalogue and all its tracks?")
@shell_command
def remove(shell: Shell, name: str) -> None:
    """Remove a catalogue and all its tracks.

    \b
    Example:
      earmark catalogues remove radio --yes
    """
    from classifier.records import catalogues as records

    with shell.store() as store:
        n = records.remove_catalogue(store, name)
    shell.remark(f"removed catalogue {name!r} and {counted(n, 'track')}")
    if shell.as_json:
        shell.emit({"name": name, "removed_tracks": n})
