"""``earmark catalogues``: sets of tracks that share a feature configuration."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from classifier.cli.common import Shell, clock_time, counted, shell_command, until_ctrl_c
from classifier.config import PRESETS, FeatureConfig
from classifier.errors import EarmarkError, InvalidConfig


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
        rows = [[r.name, str(n), r.config.get("profile", "exact"), r.created] for r, n in found]
        shell.table(["name", "tracks", "profile", "created"], rows)
    else:
        shell.remark("no catalogues yet: enroll some music, or create one")


def configuration(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that make up a configuration."""
    for option in (
        click.option(
            "--set", "values", multiple=True, metavar="NAME=VALUE", help="Set one parameter; may be repeated."
        ),
        click.option(
            "--synced-fm",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            help="JSON file of Synced.fm's parameters to start from (mfcc_step_size, cv_type ...).",
        ),
        click.option("--copy-of", help="Catalogue to start from."),
        click.option("--preset", type=click.Choice(sorted(PRESETS)), help="What to start from; default: earmark."),
    ):
        command = option(command)
    return command


@catalogues.command()
@click.argument("name")
@configuration
@shell_command
def create(
    shell: Shell,
    name: str,
    preset: str | None,
    copy_of: str | None,
    synced_fm: Path | None,
    values: tuple[str, ...],
) -> None:
    """Create a catalogue called NAME; its configuration never changes afterwards.

    What it will cost: 'earmark catalogues estimate' with the same options.

    \b
    Example:
      earmark catalogues create diagonal --set covariance_type=diag --set n_components=8
      earmark catalogues create finer --copy-of diagonal --set window_step=0.5
      earmark catalogues create large --set profile=compact
    """
    from classifier.catalogue import Catalogue

    config = _configured(_start(shell, preset, copy_of, synced_fm), values)
    with Catalogue.open(settings=shell.settings, name=name, config=config) as catalogue:
        shell.remark(f"catalogue {catalogue.name!r} is ready")
        if shell.as_json:
            shell.emit({"name": catalogue.name, "config": catalogue.config.to_dict()})


@catalogues.command()
@configuration
@click.option("--hours", type=click.FloatRange(0, 1e6, min_open=True), default=1.0, show_default=True, help="Of music.")
@shell_command
def estimate(
    shell: Shell,
    preset: str | None,
    copy_of: str | None,
    synced_fm: Path | None,
    values: tuple[str, ...],
    hours: float,
) -> None:
    """Say what music costs under a configuration before anything is enrolled: windows, bytes, processor time.

    \b
    Example:
      earmark catalogues estimate --hours 300 --set window_step=0.5
    """
    from classifier.models.cost import estimate as cost_of

    config = _configured(_start(shell, preset, copy_of, synced_fm), values)
    cost = cost_of(config, 3600 * hours)
    if shell.as_json:
        shell.emit({"config": config.to_dict(), **cost.to_dict()})
        return
    shell.say(
        f"{config.window_length:g} s windows each {config.window_step:g} s; {hours:g} h of music: "
        f"{cost.windows:,} windows, about {cost.bytes / 1e6:,.1f} MB, {clock_time(cost.seconds)} of processor time to "
        "model"
    )
    if cost.own_background:
        shell.say("no background ships for this configuration: one is fitted before the first track, some seconds")


def _start(shell: Shell, preset: str | None, copy_of: str | None, synced_fm: Path | None) -> FeatureConfig:
    """Return the configuration that the options say to start from."""
    if sum(given is not None for given in (preset, copy_of, synced_fm)) > 1:
        raise click.UsageError("give one of --preset, --copy-of and --synced-fm to start from")
    if synced_fm is not None:
        try:
            given = json.loads(synced_fm.read_text("utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise InvalidConfig(f"{synced_fm.name} is no JSON that can be read: {type(error).__name__}") from None
        if not isinstance(given, dict):
            raise InvalidConfig(f"{synced_fm.name} holds no JSON object of Synced.fm's parameters")
        return FeatureConfig.from_synced_fm(given)
    if copy_of is not None:
        from classifier.records.catalogues import get_catalogue
        from classifier.records.configurations import current_config
        from classifier.store import open_store

        with closing(open_store(shell.settings.store)) as store:
            store.ensure_schema()
            return current_config(get_catalogue(store, copy_of))
    return PRESETS[preset or "earmark"]


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
    from classifier.cli.enroll import enroll_paths
    from classifier.records import configurations, tracks

    with shell.store() as store:
        configurations.renew(store, name)
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
@click.argument("source")
@click.argument("name")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--set", "values", multiple=True, metavar="NAME=VALUE", help="Set a parameter; may be repeated.")
@click.option("--jobs", type=click.IntRange(1, 64), help="Files worked on at the same time; default: one a core.")
@shell_command
def copy(
    shell: Shell, source: str, name: str, paths: tuple[Path, ...], values: tuple[str, ...], jobs: int | None
) -> None:
    """Copy catalogue SOURCE to NAME under another configuration: model its tracks anew from the files in PATHS.

    Without PATHS, the folders of EARMARK_MUSIC_FOLDERS are searched. Only files whose audio SOURCE holds are enrolled;
    titles, identifiers and what was edited by hand come along. Tracks whose files are not among PATHS are named at the
    end; the same command goes on with other folders.

    \b
    Example:
      earmark catalogues copy default finer ~/Music --set window_step=0.5
    """
    from classifier.care.copying import check_names, copy_tracks
    from classifier.care.copying import missing as missing_from
    from classifier.catalogue import Catalogue
    from classifier.cli.enroll import files_in

    check_names(source, name)
    places = paths or tuple(Path(folder) for folder in shell.settings.music_folders)
    if not places:
        raise click.UsageError("name the folders that hold the files, or set EARMARK_MUSIC_FOLDERS")
    files, _, failed = files_in(shell, places)
    of_source = replace(shell, settings=shell.settings.replace(catalogue=source))
    with of_source.catalogue(create=False, jobs=jobs or os.cpu_count() or 1) as old:
        config = _configured(old.config, values)
        with (
            Catalogue.open(
                settings=shell.settings, name=name, config=config, store=old.store, decoder=old.decoder
            ) as new,
            shell.progress("copying", len(files)) as done,
            until_ctrl_c() as stop,
        ):
            n_copied, there = 0, {track.id for track in new.tracks()}
            outcomes = copy_tracks(old, new, files, jobs=jobs or os.cpu_count() or 1, stop=stop.is_set)
            for number, (path, outcome) in enumerate(outcomes, start=1):
                if isinstance(outcome, EarmarkError):
                    failed.append((path, outcome))
                elif outcome is not None:
                    is_new = outcome.id not in there
                    there.add(outcome.id)
                    n_copied += is_new
                    if shell.as_json:
                        status = "copied" if is_new else "present"
                        shell.emit({"file": str(path), "status": status, "track": outcome.to_dict()})
                done(number)
            missing = missing_from(old, new)
    for path, error in failed:
        shell.failed(path, error)
    for track in missing:
        shell.remark(f"not copied: {track.title} (file {track.source})")
        if shell.as_json:
            shell.emit({"track_id": track.id, "title": track.title, "source": track.source, "status": "missing"})
    shell.remark(
        f"{n_copied} tracks copied to catalogue {name!r}, which has {len(there)} now; "
        f"{len(missing)} tracks of {source!r} wait for their files"
    )
    if stop.is_set():
        shell.remark("stopped: the same command goes on from here")
        raise SystemExit(130)
    if failed:
        raise SystemExit(1)


@catalogues.command()
@click.argument("name")
@click.option("--yes", "confirmed", is_flag=True, help="Do not ask for the name.")
@shell_command
def remove(shell: Shell, name: str, confirmed: bool) -> None:
    """Remove a catalogue: its tracks, their models and its jobs.

    What it holds is told first; nothing happens before its name is typed once more. A catalogue that a job works on is
    not removed, nor is the one that is used where none is named. Tags, tracklists and experiments stay.

    \b
    Example:
      earmark catalogues remove radio
    """
    from classifier.work import removal

    with shell.store() as store:
        found = removal.holdings(store, name)
        shell.remark(f"catalogue {name!r} holds {counted(found.tracks, 'track')} and {counted(found.jobs, 'job')}")
        if not confirmed and click.prompt("Type its name to remove all of that for good", err=True) != name:
            raise click.ClickException("that is another name: nothing is removed")
        gone = removal.remove(store, name, default=shell.settings.catalogue, revision=found.revision)
    shell.remark(f"removed catalogue {name!r} and {counted(gone.tracks, 'track')}")
    if shell.as_json:
        shell.emit(gone.to_dict())
