"""``earmark find``: every place where a clip occurs in long recordings."""

from __future__ import annotations

from pathlib import Path

import click

from classifier.cli.common import Shell, clock_time, percent, shell_command
from classifier.cli.tracklist import progress_bar
from classifier.errors import EarmarkError, SnippetTooShort

#: Shortest clip that can be told from chance, seconds.
_LEAST_S = 2.0


@click.command()
@click.argument("clip", type=click.Path(path_type=Path))
@click.argument("recordings", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="IN...")
@shell_command
def find(shell: Shell, clip: Path, recordings: tuple[Path, ...]) -> None:
    """Find every place where CLIP (a jingle, an advert, an intro) occurs in the recordings IN.

    Nothing is enrolled, and no catalogue is asked: the clip is what is listened for. It needs 2 s of sound at least.

    \b
    Example:
      earmark find jingle.wav monday.mp3 tuesday.mp3
      earmark find --json intro.flac episodes/*.mka | jq -r '.places[].start_s'
    """
    from classifier.audio import level
    from classifier.audio.decoder import Decoder
    from classifier.audio.limits import Limits
    from classifier.fingerprint import bits
    from classifier.listening import files

    failed = 0
    with Decoder(shell.settings) as decoder:
        limits = Limits.for_track(shell.settings).of(clip)
        audio = decoder.decode(clip, limits, bits.SAMPLE_RATE)
        if audio.duration_s < _LEAST_S:
            raise SnippetTooShort(f"the clip has {audio.duration_s:.2f} s of sound; at least {_LEAST_S:g} s are needed")
        view = files.clip_view(level.levelled(audio.samples, audio.loudest), clip.stem)
        for path in recordings:
            try:
                with progress_bar(shell, path) as progress:
                    found, duration_s = files.places(view, decoder, path, shell.settings, progress=progress)
            except EarmarkError as error:
                failed += 1
                if shell.as_json:
                    shell.emit({"file": str(path), "error": error.name, "detail": str(error)})
                shell.failed(path, error)
                continue
            if shell.as_json:
                names = (
                    "start_s",
                    "end_s",
                    "start_uncertainty_s",
                    "end_uncertainty_s",
                    "offset_s",
                    "speed",
                    "confidence",
                )
                places = [{name: getattr(place, name) for name in names} for place in found]
                shell.emit({"file": str(path), "clip": str(clip), "duration_s": duration_s, "places": places})
                continue
            shell.say(f"{path}: {len(found)} place{'' if len(found) == 1 else 's'} in {clock_time(duration_s)}")
            for place in found:
                within, speed = place.offset_s or 0.0, place.speed or 1.0
                shell.say(
                    f"  {clock_time(place.start_s)} to {clock_time(place.end_s)}, from {clock_time(within)} of it, "
                    f"speed {100 * (speed - 1):+.1f} %, confidence {percent(place.confidence)}"
                )
    if failed:
        raise SystemExit(1)
