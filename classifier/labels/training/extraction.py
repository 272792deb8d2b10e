"""Features of many recordings.

What was computed stays on disk (:class:`classifier.labels.hearing.Ears`), by the SHA-256 of the file and by
extractor and version, so that training that was stopped goes on where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from classifier.audio.decoder import Decoder
from classifier.audio.limits import Limits
from classifier.errors import AudioError, EarmarkError, FileMissing
from classifier.labels.extractors import extractor
from classifier.labels.hearing import Ears
from classifier.settings import Settings

#: Something done to sound before it is described: of samples and their rate, Hz.
Change = Callable[[np.ndarray, int], np.ndarray]
Done = Callable[[int], None]


def vectors(
    ears: Ears, paths: Sequence[Path], needs: Iterable[str], done: Done = lambda _: None
) -> tuple[dict[str, np.ndarray], dict[int, EarmarkError]]:
    """Return vectors of recordings by extractor, each of shape (n, d), float64, and why others cannot be heard.

    Parameters
    ----------
    ears : Ears
        Hears the recordings, and remembers them.
    paths : sequence of Path
        Recordings; one at least.
    needs : iterable of str
        Names of extractors.
    done : callable
        Told after each recording how many are done.

    Returns
    -------
    dict of str to np.ndarray
        Of the recordings that could be heard, in their order.
    dict of int to EarmarkError
        By place in ``paths``: those that are damaged, silent, too short or gone.

    Raises
    ------
    EarmarkError
        If nothing can be heard here: weights are missing, or no decoder starts.
    """
    needed = list(needs)
    found: list[dict[str, np.ndarray]] = []
    failed: dict[int, EarmarkError] = {}
    for place, path in enumerate(paths):
        try:
            found.append({name: ears.hear(path, name).extracted.vector for name in needed})
        except (AudioError, FileMissing) as error:
            failed[place] = error
        done(place + 1)
    return {name: np.array([one[name] for one in found], np.float64) for name in needed}, failed


def changed_vectors(
    settings: Settings,
    decoder: Decoder,
    paths: Sequence[Path],
    needs: Iterable[str],
    change: Change,
    done: Done = lambda _: None,
) -> dict[str, np.ndarray]:
    """Return vectors of recordings whose sound was changed first, as :func:`vectors` does; nothing is kept."""
    opened = {name: extractor(name).open(Path(settings.weights_dir)) for name in needs}
    found: dict[str, list[np.ndarray]] = {name: [] for name in opened}
    for number, path in enumerate(paths, start=1):
        for name, extract in opened.items():
            rate = extractor(name).sample_rate
            with _named(path):
                samples = decoder.decode(path, Limits.for_track(settings), rate).samples
            found[name].append(extract(change(samples, rate)).vector)
        done(number)
    return {name: np.array(rows, np.float64) for name, rows in found.items()}


class _named:
    """Errors in the block say which recording they are about."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if isinstance(error, EarmarkError):
            raise type(error)(f"{self._path}: {error}") from None
