"""``earmark demo``: see the whole program work without any music of your own."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import click

from classifier.cli.common import Shell, clock_time, shell_command
from classifier.cli.enroll import enroll_all
from classifier.cli.identify import answer, show
from classifier.errors import EarmarkError
from classifier.extras import needing
from classifier.settings import Settings

#: What the demo's phone records: which song (of 32), from where, how long, how far above the crowd.
SONG, START_S, LENGTH_S, SNR_DB = 7, 31.4, 5.0, 5.0
N_SONGS = 32
CATALOGUE = "default"


def compose_to(folder: Path, seed: int) -> str:
    """Compose one song and write it into ``folder``; return the file's name."""
    from classifier.demo.songs import compose, write

    return write(compose(seed), folder).name


@click.command()
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    default=".demo",
    show_default=True,
    help="Folder for the demo's library and songs.",
)
@click.option("--serve/--no-serve", default=True, show_default=True, help="Serve the page at the end.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port of the page; default 8000.")
@shell_command
def demo(shell: Shell, folder: Path, serve: bool, port: int | None) -> None:
    """Compose 32 songs, enroll them, record one in a noisy bar, identify it, and serve the page.

    The demo keeps its own library in its folder, apart from yours.

    \b
    Example:
      earmark demo --no-serve
    """
    from classifier.catalogue import Catalogue
    from classifier.demo import phone
    from classifier.demo.songs import catalogue_seeds, compose
    from classifier.records.tags import save

    settings = shell.settings.replace(
        data_dir=str(folder), store=f"sqlite:///{folder / 'earmark.sqlite'}", catalogue=CATALOGUE, port=port
    )
    shell = Shell(settings, shell.as_json, shell.quiet)
    if serve:
        _check_port(settings)
    music = folder / "music"
    music.mkdir(parents=True, exist_ok=True)
    seeds = list(catalogue_seeds(N_SONGS))
    names = _compose_all(shell, music, seeds)
    with Catalogue.open(settings=settings) as catalogue:
        started = time.perf_counter()
        n_added = 0
        with shell.progress("enrolling the demo songs", len(names)) as done:
            outcomes = enroll_all(catalogue, [music / name for name in names], 2, threading.Event())
            for number, (path, outcome) in enumerate(outcomes, start=1):
                if isinstance(outcome, EarmarkError):
                    raise click.ClickException(f"{path.name}: {outcome}")
                n_added += outcome.added
                done(number)
        shell.remark(_enrolled(n_added, len(names), time.perf_counter() - started))
        song = compose(seeds[SONG])
        heard = phone.record(song.samples, song.sample_rate, START_S, LENGTH_S, snr_db=SNR_DB, noise="babble", seed=1)
        snippet = folder / "snippet.wav"
        phone.write_wav(snippet, heard, song.sample_rate)
        shell.remark(
            f"recorded {LENGTH_S:g} s of {song.title!r} from {clock_time(START_S)} in a room full of people talking, "
            f"{SNR_DB:g} dB over the crowd: {snippet}"
        )
        tag = catalogue.identify(snippet)
        if shell.as_json:
            shell.emit(answer(str(snippet), tag))
        else:
            show(shell, str(snippet), tag)
        saved = save(catalogue.store, catalogue.name, tag, file=snippet.name)
    shell.remark(f"This library is the demo's own; other commands open it with --store {settings.store}")
    if serve:
        from classifier.api.server import serve as run

        def ready(url: str) -> None:
            shell.remark("The page shows this tag; Ctrl-C stops it:")
            shell.say(f"{url}tags/{saved['id']}")

        run(settings, 1, ready)


def _enrolled(n_added: int, n: int, seconds: float) -> str:
    """Describe how many songs were enrolled."""
    if n_added == 0:
        return f"{n} songs are already enrolled"
    if n_added == n:
        return f"{n} songs enrolled in {seconds:.1f} s"
    return f"{n_added} of {n} songs enrolled in {seconds:.1f} s; the others were already there"


def _check_port(settings: Settings) -> None:
    """Fail before the work, not after it, if the page could not be served."""
    with needing("service", "serving the page at the end (not with --no-serve)"):
        from classifier.api.server import check_address  # the web layer is loaded only for serving

    try:
        check_address(settings)
    except EarmarkError as error:
        raise click.ClickException(f"{error}, as in 'make demo PORT=8001'") from None


def _compose_all(shell: Shell, music: Path, seeds: list[int]) -> list[str]:
    """Compose the songs that are missing, two at a time; a list beside the files says which are complete."""
    table = music / "songs.json"
    try:
        names: dict[str, str] = json.loads(table.read_text())
    except (OSError, ValueError):
        names = {}
    missing = [seed for seed in seeds if str(seed) not in names or not (music / names[str(seed)]).exists()]
    if missing:
        with shell.progress("composing the demo songs", len(missing)) as done, ProcessPoolExecutor(2) as pool:
            futures = [pool.submit(compose_to, music, seed) for seed in missing]
            for number, (seed, future) in enumerate(zip(missing, futures, strict=True), start=1):
                names[str(seed)] = future.result()
                done(number)
        table.write_text(json.dumps(names, indent=1))
    return [names[str(seed)] for seed in seeds]
