"""``earmark import`` and ``earmark playlist``: enroll what a music server holds; add what is heard to its playlists."""

from __future__ import annotations

import contextlib
import hashlib
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import click

from classifier.cli.common import Shell, shell_command, until_ctrl_c
from classifier.errors import EarmarkError, FileMissing

if TYPE_CHECKING:
    from classifier.catalogue import Catalogue
    from classifier.players.subsonic import Song, Subsonic

#: Free text of a track that says which song of which server it is.
SERVER, SONG = "subsonic_server", "subsonic_id"


def _server_options(command: Callable[..., Any]) -> Callable[..., Any]:
    option = click.option(
        "--password-file", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
        help="Holds the password, alone; else it is part of SERVER, where lists of processes show it.",
    )  # fmt: skip
    return click.argument("server")(option(command))


@click.command("import")
@_server_options
@click.option(
    "--music", type=click.Path(path_type=Path, exists=True, file_okay=False), metavar="FOLDER",
    help="The server's music folder, if it is here too: files are read there instead of being fetched.",
)  # fmt: skip
@click.option("--jobs", type=click.IntRange(1, 16), default=2, show_default=True, help="Songs at the same time.")
@shell_command
def import_(shell: Shell, server: str, password_file: Path | None, music: Path | None, jobs: int) -> None:
    """Enroll all songs of SERVER, subsonic://USER@HOST/PATH (subsonic+http:// without TLS).

    Navidrome, gonic and their kin are such servers. Titles and identifiers are the server's. Each track keeps the
    server's name and its song's id. Ctrl-C stops; songs that are enrolled are passed over the next time.

    \b
    Example:
      earmark import subsonic://me@music.example --password-file ~/.music-password
      earmark import subsonic+http://me@localhost:4533 --password-file pw --music /srv/music
    """
    service = _service(server, password_file)
    counts = dict.fromkeys(("added", "present", "failed"), 0)
    with shell.catalogue(jobs=jobs) as catalogue, until_ctrl_c() as stop, tempfile.TemporaryDirectory() as folder:
        known = {song for song, _ in _songs(catalogue, service)}
        songs = [song for song in service.songs() if song.id not in known]
        shell.remark(f"{service.name}: {len(songs):,} songs are not enrolled yet, {len(known):,} are")

        def one(song: Song) -> tuple[Song, str, str]:
            try:
                return song, *_enroll(catalogue, service, song, music, Path(folder))
            except EarmarkError as error:
                return song, "failed", str(error)

        with shell.progress("enrolling", len(songs)) as done, ThreadPoolExecutor(jobs) as pool:
            for number in range(0, len(songs), jobs):
                if stop.is_set():
                    break
                for song, status, said in pool.map(one, songs[number : number + jobs]):
                    counts[status] += 1
                    done(sum(counts.values()))
                    if shell.as_json:
                        shell.emit({"song": song.id, "title": song.title, "status": status, "detail": said})
                    elif status == "failed":
                        shell.remark(f"{song.title}: {said}")
    shell.remark(", ".join(f"{number} {status}" for status, number in counts.items()))
    if stop.is_set():
        shell.remark("stopped; the same command goes on from here")
        raise SystemExit(130)
    if counts["failed"]:
        raise SystemExit(1)


def _enroll(catalogue: Catalogue, service: Subsonic, song: Song, music: Path | None, folder: Path) -> tuple[str, str]:
    """Enroll a song; return ``added`` or ``present``, and the track's id."""
    from classifier.players.subsonic import local_file

    path = local_file(song, music)
    with contextlib.ExitStack() as stack:
        if path is None:
            # The server's id may hold anything; a digest of it is a file's name.
            path = folder / hashlib.sha256(song.id.encode()).hexdigest()
            stack.callback(path.unlink, missing_ok=True)
            service.fetch(song, path, catalogue.settings.track_bytes)
        where = {SERVER: service.name, SONG: song.id}
        enrolled = catalogue.enroll(
            path,
            title=song.title or None,
            artist=song.artist,
            album=song.album,
            source_name=PurePosixPath(song.path).stem or song.title,
            metadata=where,
        )
    track = enrolled.track
    facts: dict[str, object] = {key: value for key, value in song.ids.items() if getattr(track, key) != value}
    if track.metadata != (stated := {**track.metadata, **where}):
        facts["metadata"] = stated
    if facts:
        catalogue.edit(track.id, **facts)
    return "added" if enrolled.added else "present", track.id


@click.command()
@_server_options
@click.argument("name")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@shell_command
def playlist(shell: Shell, server: str, password_file: Path | None, name: str, files: tuple[Path, ...]) -> None:
    """Identify FILES, and add those that are songs of SERVER to its playlist NAME, made if there is none.

    \b
    Example:
      earmark playlist subsonic://me@music.example "Heard in bars" snippet.m4a --password-file ~/.music-password
    """
    service = _service(server, password_file)
    heard: list[str] = []
    failed = 0
    with shell.catalogue(create=False) as catalogue:
        by_track = {track: song for song, track in _songs(catalogue, service)}
        for path in files:
            try:
                tag = catalogue.identify(path)
            except EarmarkError as error:
                failed += 1
                shell.failed(path, error)
                continue
            matches = tag.matches[: tag.tied]
            song = next((by_track[match.track_id] for match in matches if match.track_id in by_track), None)
            if song is not None:
                heard.append(song)
            title = matches[0].title if matches else None
            if shell.as_json:
                shell.emit({"file": str(path), "verdict": tag.verdict, "title": title, "song": song})
            else:
                shell.say(f"{path}: {title or 'not known'}{'' if song or not title else ', which the server has not'}")
    if heard:
        shell.remark(f"{service.add_to_playlist(name, heard)} added to {name!r} of {service.name}")
    if failed:
        raise SystemExit(1)


def _service(server: str, password_file: Path | None) -> Subsonic:
    from classifier.players.subsonic import Subsonic

    try:
        password = None if password_file is None else password_file.read_text(encoding="utf-8").strip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise FileMissing(f"{str(password_file)!r} cannot be read ({error}): name a file with the password") from None
    return Subsonic(server, password)


def _songs(catalogue: Catalogue, service: Subsonic) -> list[tuple[str, str]]:
    """Return song and track for each song of a server that is enrolled."""
    tracks = (track for track in catalogue.tracks() if track.metadata.get(SERVER) == service.name)
    return [(track.metadata[SONG], track.id) for track in tracks if SONG in track.metadata]
