"""``earmark listen``: name what plays, as it plays."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from classifier.cli.announcing import Announcer, Command, Lines, NowPlaying
from classifier.cli.common import Shell, shell_command
from classifier.errors import EarmarkError

if TYPE_CHECKING:
    import numpy as np

    from classifier.catalogue import Catalogue
    from classifier.listening.segments import Event


@click.command()
@click.argument("source", required=False)
@click.option("--raw", metavar="RATE:FORMAT:CHANNELS", help="The source is bare PCM, such as 44100:s16le:2.")
@click.option("--device", help="Number or part of the name of the microphone; default: the system's.")
@click.option("--exec", "command", metavar="COMMAND", help="Run this at each change; HEARD_* variables say which.")
@click.option("--mqtt", metavar="URL", help="Tell an MQTT broker, mqtt://USER:PASSWORD@HOST/TOPIC; else EARMARK_MQTT.")
@click.option(
    "--now-playing", "overlay", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Keep the name of what plays in this file; as JSON if it ends in .json.",
)  # fmt: skip
@click.option(
    "--listenbrainz", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Tell ListenBrainz what is played; the file holds your user token.",
)  # fmt: skip
@click.option(
    "--lastfm", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Tell Last.fm what is played; 'earmark lastfm FILE' makes the file.",
)  # fmt: skip
@click.option("--store-as", metavar="NAME", help="Store what is heard, for the page and the HTTP interface.")
@click.option("--for", "seconds", type=click.FloatRange(min=0.0, min_open=True), help="Stop after so many seconds.")
@click.option(
    "--patience", type=click.FloatRange(min=0.0), default=3600.0, show_default=True,
    help="Seconds for which an address that broke off is asked again.",
)  # fmt: skip
@shell_command
def listen(
    shell: Shell,
    source: str | None,
    raw: str | None,
    device: str | None,
    command: str | None,
    mqtt: str | None,
    overlay: Path | None,
    listenbrainz: Path | None,
    lastfm: Path | None,
    store_as: str | None,
    seconds: float | None,
    patience: float,
) -> None:
    """Listen to SOURCE and print a line at each change: a track that begins, is certain, ends.

    SOURCE is an address (http:// or https://) of a stream, a file, a pipe, or - for standard input; without one, the
    microphone is listened to. What is heard is at first "perhaps" a track, and "playing" once that is certain. Ctrl-C
    ends it. Tracks that are enrolled meanwhile are heard from the next start on.

    \b
    Example:
      earmark listen http://radio.example/stream.mp3 --now-playing title.txt
      arecord -f S16_LE -r 44100 -c 2 -t raw | earmark listen - --raw 44100:s16le:2 --json
    """
    from classifier.cli import sources
    from classifier.listening.engine import Listener
    from classifier.listening.files import lists_of

    with contextlib.ExitStack() as stack:
        catalogue = stack.enter_context(shell.catalogue(create=False))
        rate = catalogue.config.sample_rate
        blocks = sources.blocks_of(
            source,
            catalogue.decoder,
            shell.settings,
            rate,
            raw=raw,
            device=device,
            patience_s=patience,
            note=shell.remark,
        )
        if seconds is not None:
            blocks = sources.first(blocks, round(seconds * rate))
        view = catalogue.view()
        announcers: list[Announcer] = [Lines(shell)]
        stack.callback(_close, shell, announcers)
        if command is not None:
            announcers.append(Command(command, shell.remark))
        if overlay is not None:
            announcers.append(NowPlaying(overlay))
        if mqtt or shell.settings.mqtt:
            from classifier.cli.mqtt import Mqtt

            announcers.append(Mqtt(mqtt or shell.settings.mqtt, store_as or "Earmark", shell.remark))
        if listenbrainz or lastfm:
            announcers += _scrobblers(shell, catalogue, listenbrainz, lastfm)
        listener = Listener(view, rate, lists=lists_of(catalogue))
        if store_as is not None:
            from classifier.cli.storing import Storing

            announcers.append(Storing(catalogue, listener, store_as, sources.shown(source), shell.remark))
        shell.remark(f"listening to {sources.shown(source)}; {len(view.tracks):,} tracks are known")
        try:
            with _Stop() as stop:
                for block in stop.until(blocks):
                    _announce(shell, announcers, listener.hear(block))
        except EarmarkError:
            _announce(shell, announcers, listener.finish())
            raise
        _announce(shell, announcers, listener.finish())


def _scrobblers(shell: Shell, catalogue: Catalogue, listenbrainz: Path | None, lastfm: Path | None) -> list[Announcer]:
    """Return those who tell listening histories; plays that these do not take wait in the data folder."""
    from classifier.cli import scrobbling
    from classifier.players.scrobbles import Pending, Service

    settings = shell.settings
    services: list[Service] = []
    if listenbrainz is not None:
        services.append(scrobbling.listenbrainz(listenbrainz, settings.listenbrainz_address))
    if lastfm is not None:
        services.append(scrobbling.lastfm(lastfm, settings.lastfm_address))
    waiting = Path(settings.data_dir) / "plays"
    return [
        scrobbling.Scrobbler(
            one, Pending(waiting / f"{type(one).__name__.lower()}.jsonl"), catalogue.track, shell.remark
        )
        for one in services
    ]


def _announce(shell: Shell, announcers: list[Announcer], events: list[Event]) -> None:
    """Tell everybody; whoever cannot be told keeps nobody else from it."""
    for event in events:
        for announcer in announcers:
            try:
                announcer.take(event)
            except EarmarkError as error:
                shell.remark(f"a change could not be told: {error}")


def _close(shell: Shell, announcers: list[Announcer]) -> None:
    for announcer in announcers:
        try:
            announcer.close()
        except EarmarkError as error:
            shell.remark(f"the end could not be told: {error}")


class _Stop:
    """Lets Ctrl-C, or SIGTERM from a service manager, end the wait for sound, but never what is made of it."""

    def __init__(self) -> None:
        self._asked = self._waiting = False
        self._before: list[tuple[int, Any]] = []

    def __enter__(self) -> _Stop:
        self._before = [(number, signal.signal(number, self._stop)) for number in (signal.SIGINT, signal.SIGTERM)]
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before:
            signal.signal(number, handler)

    def _stop(self, *_: object) -> None:
        self._asked = True
        if self._waiting:
            raise KeyboardInterrupt

    def until(self, blocks: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
        """Yield blocks until we are asked to stop."""
        while not self._asked:
            self._waiting = True
            try:
                block = next(blocks)
            except (StopIteration, KeyboardInterrupt):
                return
            finally:
                self._waiting = False
            yield block
