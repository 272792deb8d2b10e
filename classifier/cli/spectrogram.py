"""``earmark spectrogram``: a recording as a picture."""

from __future__ import annotations

from pathlib import Path

import click

from classifier.cli.common import Shell, shell_command
from classifier.cli.saving import check_new, write


@click.command()
@click.argument("recording", metavar="IN", type=click.Path(path_type=Path))
@click.argument("picture", metavar="OUT", type=click.Path(path_type=Path))
@click.option("--plain", is_flag=True, help="2001 x 128 pixels without axes, for classifiers of pictures.")
@click.option("--replace", is_flag=True, help="Write over OUT if it is there.")
@shell_command
def spectrogram(shell: Shell, recording: Path, picture: Path, plain: bool, replace: bool) -> None:
    """Draw the recording IN as the PNG file OUT: time, frequency, and level as colour.

    With --plain it is the picture that moodsic classified: 46 s from the second minute on, 128 mel bands, dark where
    the energy is, each picture by its own range.

    \b
    Example:
      earmark spectrogram song.mp3 song.png
      earmark spectrogram --plain song.mp3 input.png
    """
    from classifier.audio.decoder import Decoder
    from classifier.audio.limits import Limits
    from classifier.extras import check_extra
    from classifier.labels import pictures
    from classifier.labels.pieces import blocks

    check_extra("labels", "drawing", "PIL")
    check_new(picture, replace=replace)
    limits = Limits.for_track(shell.settings).for_own_file()
    with Decoder(shell.settings) as decoder, decoder.stream(recording, limits, pictures.SAMPLE_RATE) as stream:
        content = pictures.plain(stream) if plain else pictures.readable(blocks(stream, 2**20))
    write(picture, content)
    if shell.as_json:
        shell.emit({"file": str(recording), "picture": str(picture), "bytes": len(content)})
    else:
        shell.say(f"{recording}: {picture}")
